"""Steering: live changes act from the next step on, and a steered run replays to the bit from what it recorded."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
import torch

from seqcore.data.parallel_text import pairs_table
from seqcore.data.table import Table, symbol_table
from seqcore.errors import CorruptError, ExperimentError
from seqcore.events import Changed, CheckpointReady, Epoch, Event, Finding, Finished, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.models import MODELS, capabilities_of
from seqcore.models.dropout import set_dropout
from seqcore.tasks import TASKS
from seqcore.training.checkpoint import pack, unpack
from seqcore.training.control import Control
from seqcore.training.fit import fit, load_table
from seqcore.training.state import TrainingState

CPU = torch.device("cpu")
BALL = {"data.options.samples": 150, "data.window": 8, "model.hidden_size": 6, "training.epochs": 3}
STATEFUL = {
    "data.predict": "every", "data.stride": 8, "training.stateful": True, "training.shuffle": False,
    "training.batch_size": 4, "training.epochs": 6,
}  # fmt: skip
TEXT = {"data.source": "alphabet", "data.task": "language-modeling", "data.window": 4, "training.epochs": 3}


def plan(**changes: Any) -> Experiment:
    named = {path.replace("__", "."): value for path, value in changes.items()}
    return Experiment.make().with_changes({**BALL, **named})


def of(events: list[Event], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def losses(events: list[Event]) -> dict[int, tuple[float, ...]]:
    """Step -> loss (of each replica); a later event stands for an earlier one."""
    return {
        block.first_step + i: tuple(np.atleast_1d(row).tolist())
        for block in of(events, Steps)
        for i, row in enumerate(block.loss)
    }


def tensors(events: list[Event]) -> dict[str, torch.Tensor]:
    return unpack(of(events, CheckpointReady)[-1].content).tensors


def same_tensors(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def steered(
    experiment: Experiment,
    wanted: dict[int, dict[str, Any]],
    *,
    save_at: int = 0,
    until: int | None = None,
    **options: Any,
) -> list[Event]:
    """The events of a run to which changes are made after these steps; it is cut off after `until` steps."""
    control, events = Control(), []
    asked = dict(wanted)
    control.advance(1)
    for event in fit(experiment, control=control, **options):
        events.append(event)
        if isinstance(event, CheckpointReady) and not control.advancing:
            if event.step == until:
                return events
            if event.step in asked:
                control.change(asked.pop(event.step))
            control.advance(1)
    assert not asked
    return events


STEERED: dict[str, tuple[dict[str, Any], dict[int, dict[str, Any]]]] = {
    "learning rate": ({}, {4: {"training.learning_rate": 0.1}}),
    "clipping and decay": ({}, {2: {"training.clip_norm": 0.01}, 6: {"training.weight_decay": 0.5}}),
    "dropout on and off": (
        {"model.num_layers": 2},
        {3: {"model.dropout": 0.4}, 6: {"model.dropout": 0.0}, 8: {"model.recurrent_dropout": 0.3}},
    ),
    "noise": ({}, {3: {"training.input_noise": 0.5}, 7: {"training.input_noise": 0.0}}),
    "batch size": ({}, {2: {"training.batch_size": 7}, 5: {"training.batch_size": 20}}),
    "batch size with a schedule": (
        {"training.schedule": "cosine"}, {2: {"training.batch_size": 7}, 5: {"training.batch_size": 32}}
    ),
    "stateful": (STATEFUL, {2: {"training.batch_size": 3}, 9: {"training.batch_size": 5, "training.input_noise": 0.1}}),
    "replicas": (
        {"training.replicas": 3},
        {2: {"training.input_noise": 0.2, "training.batch_size": 10}, 5: {"model.dropout": 0.5},
         8: {"training.learning_rate": 0.05}},
    ),
    "autograd": (
        {"model.architecture": "transformer"}, {2: {"model.dropout": 0.4}, 5: {"training.input_noise": 0.3}}
    ),
    "packed": ({"data.min_window": 3}, {2: {"training.input_noise": 0.3, "training.batch_size": 11}}),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "wanted"), STEERED.values(), ids=STEERED.keys())
def test_a_steered_run_replays_to_the_bit_from_any_checkpoint(
    changes: dict[str, Any], wanted: dict[int, dict[str, Any]]
) -> None:
    own = {"data.source": changes["data.source"]} if "data.source" in changes else {}
    small = {path: value for path, value in BALL.items() if not (own and path.startswith("data."))}
    experiment = Experiment.make().with_changes(own).with_changes({**small, **changes})
    assert_replays(experiment, wanted)


def test_teacher_forcing_is_steered_too() -> None:
    pairs = [(f"the {a} {b}", f"le {a}o {b}e") for a in ("cat", "dog", "cow") for b in ("eats", "runs", "sees", "naps")]
    small = {"model.hidden_size": 4, "training.batch_size": 3, "training.epochs": 3}
    experiment = Experiment.make().with_changes(
        {"data.source": "everyday-phrases", "data.task": "translation", **small}
    )
    wanted = {2: {"training.teacher_forcing": 0.2}, 4: {"training.teacher_forcing": 1.0, "model.dropout": 0.2}}
    assert_replays(experiment, wanted, data=pairs_table(pairs, name="pairs"))


@pytest.mark.parametrize("replicas", [1, 2])
def test_batches_of_similar_length_get_another_size_with_the_next_epoch(replicas: int) -> None:
    """They are made for one size; with replicas the smaller last batch of each comes at another step."""
    lengths = np.array([5 + i % 7 for i in range(33)])
    values = np.random.default_rng(0).normal(size=(lengths.sum(), 1))
    labels = np.array(["up" if i % 2 else "down" for i in range(33)])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    table = Table(values=values, columns=("value",), offsets=offsets, labels=labels, independent=True)
    experiment = Experiment.make().with_changes(
        {
            "data.source": "moving-shapes", "data.task": "classification", "data.validation_fraction": 0.0,
            "data.test_fraction": 0.0, "model.hidden_size": 4, "training.batch_size": 8, "training.epochs": 3,
            "training.replicas": replicas,
        }
    )  # fmt: skip
    wanted = {2: {"training.batch_size": 12, "training.input_noise": 0.5}, 6: {"training.batch_size": 5}}
    assert_replays(experiment, wanted, data=table)
    epochs = of(steered(experiment, wanted, data=table), Epoch)
    assert [epoch.step for epoch in epochs] == [5, 8, 15]  # 5 steps of 8, 3 of 12, 7 of 5 sequences


def assert_replays(experiment: Experiment, wanted: dict[int, dict[str, Any]], **data: Any) -> None:
    """A run that is steered so goes on to the same bits from its checkpoints, and is another one than without."""
    whole = steered(experiment, wanted, **data)
    recorded = of(whole, Changed)
    assert [(change.step, change.changes) for change in recorded] == list(wanted.items())
    last = max(wanted)
    for kept in [event for event in of(whole, CheckpointReady) if event.step in (1, *wanted, last + 1)]:
        rest = list(fit(experiment_at(kept), resume=kept.content, changes=recorded, **data))
        assert not of(rest, Changed)
        found = losses(rest)
        assert found == {step: loss for step, loss in losses(whole).items() if step > kept.step}
        assert same_tensors(tensors(rest), tensors(whole))
    plain = losses(list(fit(experiment, **data)))
    first = min(wanted)
    assert all(plain[step] == losses(whole)[step] for step in range(1, first + 1))
    assert plain != losses(whole)


def experiment_at(kept: CheckpointReady) -> Experiment:
    return Experiment.make(unpack(kept.content).meta["experiment"])


def built(name: str, **model: Any) -> torch.nn.Module:
    experiment = plan(model__architecture=name, model__num_layers=2).with_changes(
        {f"model.{field}": value for field, value in model.items()}
    )
    task = TASKS["regression"].load()(experiment)
    torch.manual_seed(0)
    return task.build_model(task.make_dataset(load_table(experiment), CPU).codec)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_whose_dropout_is_set_is_one_that_was_built_with_it(name: str) -> None:
    wanted = {"dropout": 0.4, "recurrent_dropout": 0.3 if capabilities_of(name).recurrent_dropout else 0.0}
    x, outputs = torch.randn(4, 8, 1, generator=torch.Generator().manual_seed(1)), []
    changed, other = built(name), built(name, **wanted)
    plain = changed(x)[0]
    set_dropout(changed, **wanted)
    for model in (changed, other):
        torch.manual_seed(2)
        outputs.append(model(x)[0])
    assert torch.equal(*outputs)
    assert not torch.equal(outputs[0], plain)
    set_dropout(changed, dropout=0.0, recurrent_dropout=0.0)
    assert torch.equal(changed(x)[0], plain)


def fresh(experiment: Experiment, table: Table | None = None) -> TrainingState:
    task = TASKS[experiment.data.task].load()(experiment)
    torch.manual_seed(experiment.training.seed)
    return TrainingState.fresh(experiment, task, task.make_dataset(table or load_table(experiment), CPU), CPU)


def test_gradients_by_formula_make_way_for_dropout_and_come_back() -> None:
    state = fresh(plan())
    assert state.direct is not None
    state.apply_changes({"model.dropout": 0.3})
    assert state.direct is None
    batch, continues = next(state.remaining_batches())
    drawn = [float(state.gradients(batch, continues)[0]) for _ in range(2)]
    assert drawn[0] != drawn[1]
    state.apply_changes({"model.dropout": 0.0})
    assert state.direct is not None
    assert state.gradients(batch, continues)[0] == state.gradients(batch, continues)[0]


@pytest.mark.parametrize("replicas", [1, 2])
def test_another_batch_size_divides_the_windows_that_are_left(replicas: int) -> None:
    """Every window is seen once in the epoch, in the same order, whatever the batch sizes."""
    experiment = plan(training__batch_size=16, training__replicas=replicas)
    orders = []
    for changes in ({}, {2: 5, 4: 30}):
        control, events = Control(), []
        control.advance(1)
        for event in fit(experiment, control=control):
            events.append(event)
            if isinstance(event, CheckpointReady) and not control.advancing:
                if event.step in changes:
                    control.change({"training.batch_size": changes[event.step]})
                control.advance(1)
            if isinstance(event, Epoch):
                break
        orders.append(of(events, Epoch)[0].step)
    windows = 98
    assert orders[0] == math.ceil(windows / 16)
    assert orders[1] == 2 + 2 + math.ceil((windows - 2 * 16 - 2 * 5) / 30)


def test_the_order_of_windows_is_that_of_the_epoch_at_any_batch_size() -> None:
    def order(sizes: dict[int, int]) -> list[float]:
        state, found = fresh(plan(training__batch_size=16)), []
        for done, (batch, _) in enumerate(state.remaining_batches(), 1):
            found += batch.targets[:, 0, 0].tolist()
            state.count_step(None)
            if done in sizes:
                state.apply_changes({"training.batch_size": sizes[done]})
        return found

    whole = order({})
    assert len(set(whole)) > 60
    assert order({2: 5, 4: 30, 5: 1}) == whole
    assert order({1: 65_536}) == whole


def test_a_schedule_goes_on_from_its_share_of_the_run_when_the_batch_size_changes() -> None:
    experiment = plan(training__schedule="cosine", training__epochs=10, training__batch_size=16)
    events = steered(experiment, {20: {"training.batch_size": 49}})
    rates = np.concatenate([block.learning_rate for block in of(events, Steps)])
    assert len(rates) < 0.6 * 10 * 7
    assert abs(rates[20] / rates[19] - 1.0) < 0.1  # no jump
    assert rates[-1] == pytest.approx(0.01 * experiment.training.learning_rate, rel=0.5)  # and the end is reached
    assert (np.diff(rates) <= 0.0).all()


@pytest.mark.parametrize(
    ("changes", "wanted", "words"),
    [
        ({}, {"training.teacher_forcing": 0.5}, "it is for translation"),
        ({"model.architecture": "tcn"}, {"model.recurrent_dropout": 0.1}, "TCN has no recurrent weights to drop"),
        ({}, {"training.learning_rate": -1.0}, "use a number above 0 and up to 100"),
        ({}, {"model.hidden_size": 9}, "can't change after the start of a run"),
        (TEXT, {"training.input_noise": 0.1}, "has no effect on this run"),
    ],
)
def test_a_change_that_has_no_effect_or_is_not_allowed_is_refused_in_one_line(
    changes: dict[str, Any], wanted: dict[str, Any], words: str
) -> None:
    experiment = Experiment.make().with_changes({**({} if changes is TEXT else BALL), **changes})
    events = steered(experiment, {2: wanted})
    (refused,) = [finding for finding in of(events, Finding) if finding.code == "change-refused"]
    assert words in refused.message
    assert "\n" not in refused.message
    assert not of(events, Changed)
    assert losses(events) == losses(list(fit(experiment)))


def test_noise_of_a_classifier_of_symbols_is_refused_and_of_one_of_numbers_is_not() -> None:
    sentences = [f"so {'fine' if i % 2 else 'poor'} a day {'too' * (i % 3)}" for i in range(30)]
    labels = np.array(["good" if i % 2 else "bad" for i in range(30)])
    symbols = symbol_table([list(sentence) for sentence in sentences], labels=labels)
    classes = {"data.task": "classification", "model.hidden_size": 4}
    shapes = Experiment.make().with_changes({"data.source": "moving-shapes", "data.options.samples": 40, **classes})
    assert fresh(shapes).checked_changes({"training.input_noise": 0.1}) == {"training.input_noise": 0.1}
    with pytest.raises(ExperimentError, match="its inputs are symbols"):
        fresh(shapes, symbols).checked_changes({"training.input_noise": 0.1})


def test_a_change_says_what_was_before_and_who_asked() -> None:
    control = Control()
    control.change({"training.learning_rate": 0.1, "training.batch_size": 8}, by="ann")
    control.change({"training.learning_rate": 0.2}, by="ben")
    changed = of(list(fit(plan(), control=control)), Changed)
    assert [(c.changes["training.learning_rate"], c.by) for c in changed] == [(0.1, "ann"), (0.2, "ben")]
    assert changed[0].before == {"training.learning_rate": 0.01, "training.batch_size": 32}
    assert changed[1].before == {"training.learning_rate": 0.1}


def test_calendar_features_get_no_noise_and_the_values_do() -> None:
    experiment = Experiment.make().with_changes(
        {"data.source": "weather", "data.calendar": ["month"], "training.input_noise": 0.5, "model.hidden_size": 4}
    )
    state = fresh(experiment)
    batch, _ = next(state.remaining_batches())
    noisy = state._with_noise(batch)
    count = state.dataset.numeric_inputs
    assert count < batch.inputs.shape[-1]
    assert torch.equal(noisy.inputs[..., count:], batch.inputs[..., count:])
    difference = (noisy.inputs - batch.inputs)[..., :count]
    assert float(difference.std()) == pytest.approx(0.5, rel=0.1)


def test_steps_of_a_paused_run_end_with_a_checkpoint_each() -> None:
    control, steps = Control(), []
    control.advance(3)
    for event in fit(plan(), control=control):
        if isinstance(event, CheckpointReady) and not control.advancing:
            steps.append(event.step)
            control.advance(len(steps))
    assert steps[:3] == [3, 4, 6]


def test_slow_motion_keeps_the_bits_and_the_clock_of_the_run() -> None:
    experiment = plan(training__epochs=2)
    control = Control()
    control.slow(20.0)
    events: list[Event] = []
    began = time.perf_counter()
    for event in fit(experiment, control=control):
        events.append(event)
        if isinstance(event, Steps) and control.steps_per_second is not None:
            assert len(event.loss) == 1
            if event.first_step == 5:
                waited = control.waited
                control.slow(None)
    took = time.perf_counter() - began
    assert losses(events) == losses(list(fit(experiment)))
    assert waited > 2 / 20.0
    assert control.waited == waited
    assert of(events, Finished)[0].seconds + waited < took  # the run's time is that without the waits


def test_slow_motion_gives_way_to_a_stop_at_once() -> None:
    control = Control()
    control.slow(0.01)  # a step in 100 s
    events = []
    for event in fit(plan(), control=control):
        events.append(event)
        if isinstance(event, Steps):
            control.stop()
    assert of(events, Finished)[0].step == 1
    for rate in (0.0, -1.0, math.nan, 1e9):
        with pytest.raises(ExperimentError, match="slow motion"):
            control.slow(rate)


def test_a_checkpoint_whose_batch_size_changed_in_the_future_is_refused() -> None:
    content = of(list(fit(plan(training__epochs=1))), CheckpointReady)[-1].content
    kept = unpack(content)
    kept.meta["progress"]["cut_step"] = 5
    groups = {name: kept.group(name) for name in ("model", "best", "optimizer", "recurrent_state", "random", "codec")}
    with pytest.raises(CorruptError, match="progress"):
        list(fit(plan(training__epochs=2), resume=pack(kept.meta, groups)))


def test_a_value_that_a_run_is_beyond_is_refused_with_what_is_possible() -> None:
    """Epochs below the one that has begun, and a patience below the epochs that were waited."""
    experiment = plan(training__epochs=12, training__learning_rate=1e-9)
    each = of(list(fit(experiment.with_changes({"training.epochs": 1}))), Finished)[0].step
    state = fresh(experiment)
    state.progress.epoch, state.progress.step_in_epoch, state.progress.waited = 5, 1, 3
    for wanted, words in (
        ({"training.epochs": 5}, "training.epochs: 5 is not allowed; epoch 6 has begun: use 6 or more"),
        ({"training.patience": 3}, "training.patience: 3 is not allowed; 3 epochs without a lower validation loss"),
    ):
        with pytest.raises(ExperimentError) as caught:
            state.checked_changes(wanted)
        assert caught.value.lines[0].startswith(words)
        assert len(caught.value.lines) == 1
    assert state.checked_changes({"training.epochs": 6, "training.patience": 4})
    state.progress.step_in_epoch = 0
    assert state.checked_changes({"training.epochs": 5})  # the run ends here
    events = steered(experiment, {2 * each + 1: {"training.epochs": 2}, 2 * each + 2: {"training.epochs": 3}})
    assert [finding.step for finding in of(events, Finding) if finding.code == "change-refused"] == [2 * each + 1]
    assert [change.step for change in of(events, Changed)] == [2 * each + 2]
    assert of(events, Finished)[0].epochs == 3


def test_a_change_to_the_present_value_is_no_change() -> None:
    events = steered(plan(), {2: {"training.learning_rate": 0.05}, 3: {"training.learning_rate": 0.05}})
    assert [change.step for change in of(events, Changed)] == [2]
    events = steered(plan(), {2: {"training.learning_rate": 0.01, "model.dropout": 0.1}})
    assert [change.changes for change in of(events, Changed)] == [{"model.dropout": 0.1}]


@pytest.mark.parametrize("epochs", [5, 100])
def test_more_epochs_after_early_stopping_are_trained_and_replay_to_the_bit(epochs: int) -> None:
    """Also where the run had as many epochs from the start."""
    experiment = plan(training__epochs=100, training__learning_rate=1e-9, training__patience=2)
    stopped = list(fit(experiment))
    finished, content = of(stopped, Finished)[0], of(stopped, CheckpointReady)[-1].content
    assert finished.reason.startswith("early stopping")
    assert finished.epochs < 5
    control = Control()
    control.change({"training.epochs": epochs})
    longer = list(fit(experiment, resume=content, control=control))
    assert of(longer, Finished)[0].epochs > finished.epochs
    again = list(fit(experiment, resume=content, changes=of(longer, Changed)))
    assert same_tensors(tensors(again), tensors(longer))
