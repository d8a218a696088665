"""What `fit` promises: the same bits again, nothing lost, no leak into the caller's state, and honest endings."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pytest
import torch

from seqcore.errors import CorruptError, DataError, DeviceError
from seqcore.events import (
    Changed,
    CheckpointReady,
    Epoch,
    Event,
    Finding,
    Finished,
    Preparing,
    Preview,
    Started,
    Steps,
    event_from_dict,
)
from seqcore.experiment.experiment import Experiment
from seqcore.models import MODELS
from seqcore.training.checkpoint import unpack
from seqcore.training.control import Control
from seqcore.training.fit import check, fit

E = TypeVar("E")
DEVICE = os.environ.get("SEQCORE_TEST_DEVICE", "cpu")  # cuda runs the same suite on a GPU
SMALL: dict[str, Any] = {
    "data.options.samples": 160,
    "training.epochs": 3,
    "training.device": DEVICE,
    "model.hidden_size": 8,
}
HARD: dict[str, dict[str, Any]] = {
    "plain": {},
    "dropout and layers": {"model.num_layers": 2, "model.dropout": 0.4, "model.architecture": "gru"},
    "carried state": {
        "data.predict": "every",
        "data.stride": 20,
        "training.stateful": True,
        "training.shuffle": False,
        "training.batch_size": 2,
    },
    "momentum and plateau": {
        "training.optimizer": "sgd",
        "training.momentum": 0.9,
        "training.nesterov": True,
        "training.schedule": "plateau",
        "training.schedule_epochs": 1,
    },
    "packed": {"data.min_window": 3, "training.optimizer": "nadam", "training.schedule": "one-cycle"},
    "bidirectional": {"model.bidirectional": True, "training.optimizer": "rmsprop"},
    "recurrent dropout": {"model.recurrent_dropout": 0.4, "model.num_layers": 2},
}


def experiment(changes: dict[str, Any] | None = None) -> Experiment:
    return Experiment.make().with_changes({**SMALL, **(changes or {})})


def of(events: Iterable[Event], kind: type[E]) -> list[E]:
    return [e for e in events if isinstance(e, kind)]


def losses(events: Iterable[Event]) -> dict[int, float]:
    """Step -> loss; a later event stands for an earlier one."""
    return {e.first_step + i: float(v) for e in of(events, Steps) for i, v in enumerate(e.loss)}


def final_tensors(events: Iterable[Event]) -> dict[str, torch.Tensor]:
    return unpack(of(events, CheckpointReady)[-1].content).tensors


def same_tensors(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """To the bit on a CPU; a GPU adds in an order of its own."""
    if a.keys() != b.keys():
        return False
    if DEVICE == "cpu":
        return all(torch.equal(a[name], b[name]) for name in a)
    names = [name for name in a if not name.startswith("random.")]
    return all(torch.allclose(a[name].float(), b[name].float(), rtol=1e-3, atol=1e-4) for name in names)


def same_losses(a: dict[int, float], b: dict[int, float]) -> bool:
    """To the bit on a CPU; a GPU adds in an order of its own."""
    return a == b if DEVICE == "cpu" else a == pytest.approx(b, rel=1e-3)


def until_checkpoint(plan: Experiment, after_step: int) -> list[Event]:
    """The events of a run that is cut off right after a checkpoint beyond `after_step`."""
    control, events = Control(), []
    for event in fit(plan, control=control):
        events.append(event)
        if isinstance(event, Steps) and event.first_step + len(event.loss) > after_step:
            control.save()
        if isinstance(event, CheckpointReady):
            return events
    pytest.fail("the run ended before it was cut off")


@lru_cache
def whole_run(case: str) -> list[Event]:
    """A run from its start to its end, used by several tests."""
    return list(fit(experiment(HARD[case])))


@pytest.mark.parametrize("case", HARD)
def test_the_same_seed_gives_the_same_run_to_the_bit(case: str) -> None:
    first, second = whole_run(case), list(fit(experiment(HARD[case])))
    assert same_losses(losses(first), losses(second))
    assert same_tensors(final_tensors(first), final_tensors(second))


def test_another_seed_gives_another_run() -> None:
    assert losses(fit(experiment())) != losses(fit(experiment({"training.seed": 1})))


@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("after_step", [1, 7])
def test_a_run_cut_off_anywhere_goes_on_to_the_same_bits(case: str, after_step: int) -> None:
    plan, whole = experiment(HARD[case]), whole_run(case)
    cut = until_checkpoint(plan, min(after_step, len(losses(whole)) - 2))
    rest = list(fit(plan, resume=of(cut, CheckpointReady)[-1].content))
    assert of(rest, Started)[0].step == of(cut, CheckpointReady)[-1].step
    assert same_losses({**losses(cut), **losses(rest)}, losses(whole))
    assert same_tensors(final_tensors(whole), final_tensors(rest))
    if DEVICE == "cpu":
        assert [e.metrics for e in of(cut + rest, Epoch)] == [e.metrics for e in of(whole, Epoch)]
        assert of(rest, Finished)[0].metrics == of(whole, Finished)[0].metrics


def test_a_live_change_is_replayed_where_it_was_made() -> None:
    plan, control = experiment({"model.dropout": 0.2, "model.num_layers": 2}), Control()
    whole: list[Event] = []
    for event in fit(plan, control=control):
        whole.append(event)
        if isinstance(event, Epoch) and event.epoch == 1:
            control.change({"training.learning_rate": 0.001})
            control.save()
    changed = of(whole, Changed)
    assert [c.changes for c in changed] == [{"training.learning_rate": 0.001}]
    assert of(whole, Steps)[-1].learning_rate[-1] == 0.001
    early = until_checkpoint(plan, 0)
    assert of(early, CheckpointReady)[-1].step <= changed[0].step
    rest = list(fit(plan, resume=of(early, CheckpointReady)[-1].content, changes=changed))
    assert same_losses({**losses(early), **losses(rest)}, losses(whole))
    assert same_tensors(final_tensors(whole), final_tensors(rest))


def test_more_epochs_after_the_end_are_what_a_longer_run_would_have_done() -> None:
    short = list(fit(experiment({"training.epochs": 2})))
    control = Control()
    control.change({"training.epochs": 3})
    longer = list(
        fit(experiment({"training.epochs": 2}), resume=of(short, CheckpointReady)[-1].content, control=control)
    )
    assert same_losses({**losses(short), **losses(longer)}, losses(fit(experiment({"training.epochs": 3}))))
    assert of(longer, Finished)[0].epochs == 3


def test_a_schedule_that_has_ended_holds_its_last_rate() -> None:
    plan = experiment({"training.epochs": 2, "training.schedule": "cosine"})
    short, control = list(fit(plan)), Control()
    control.change({"training.epochs": 4})
    longer = list(fit(plan, resume=of(short, CheckpointReady)[-1].content, control=control))
    last = of(short, Steps)[-1].learning_rate[-1]
    assert last == pytest.approx(0.01 * plan.training.learning_rate)
    assert {float(rate) for e in of(longer, Steps) for rate in e.learning_rate} == {float(last)}


def test_a_change_that_is_not_allowed_is_refused_and_the_run_goes_on() -> None:
    control = Control()
    control.change({"training.learning_rate": math.nan})
    control.change({"model.hidden_size": 9})
    events = list(fit(experiment(), control=control))
    assert [f.code for f in of(events, Finding)][:2] == ["change-refused", "change-refused"]
    assert of(events, Finished)[0].status == "completed"


def test_stopping_keeps_a_checkpoint_and_scores() -> None:
    control, events = Control(), []
    for event in fit(experiment(), control=control):
        events.append(event)
        if isinstance(event, Steps):
            control.stop()
    finished = of(events, Finished)[0]
    assert finished.status == "stopped"
    assert of(events, CheckpointReady)[-1].step == finished.step < len(losses(fit(experiment())))
    assert math.isfinite(finished.metrics["val_mae"])


def test_leaving_ends_with_a_checkpoint_and_without_a_finish() -> None:
    control = Control()
    control.leave()
    events = list(fit(experiment(), control=control))
    assert isinstance(events[-1], CheckpointReady)
    assert not of(events, Finished)


def test_what_the_caller_does_between_events_changes_nothing_and_nothing_of_the_callers_is_changed() -> None:
    plan = experiment(HARD["dropout and layers"])
    torch.manual_seed(123)
    expected = torch.rand(4)
    torch.manual_seed(123)
    threads, quiet = torch.get_num_threads(), []
    for event in fit(plan):
        quiet.append(event)
        assert torch.get_num_threads() == threads
    assert torch.equal(torch.rand(4), expected)
    noisy = []
    for event in fit(plan):
        noisy.append(event)
        torch.rand(7)
        torch.manual_seed(len(noisy))
    assert same_losses(losses(noisy), losses(quiet))


def test_two_runs_that_take_turns_do_not_disturb_each_other() -> None:
    plan = experiment(HARD["dropout and layers"])
    a, b = fit(plan), fit(plan.with_changes({"training.seed": 5}))
    turns: list[Event] = []
    for event in a:
        turns.append(event)
        next(b, None)
    assert same_losses(losses(turns), losses(fit(plan)))


def test_a_loss_that_stops_being_a_number_ends_the_run_and_says_so() -> None:
    events = list(
        fit(
            experiment(
                {
                    "model.architecture": "rnn",
                    "model.options.nonlinearity": "relu",
                    "training.optimizer": "sgd",
                    "training.learning_rate": 100.0,
                    "training.clip_norm": 0.0,
                    "training.epochs": 50,
                }
            )
        )
    )
    assert not np.isfinite(of(events, Steps)[-1].loss).all()
    assert None in of(events, Steps)[-1].to_dict()["loss"]
    assert "loss-not-finite" in [f.code for f in of(events, Finding)]
    finished = of(events, Finished)[0]
    assert finished.status == "stopped"
    assert "not finite" in finished.reason


def test_events_come_in_their_order_and_steps_without_a_hole() -> None:
    events = list(fit(experiment()))
    before = next(i for i, event in enumerate(events) if isinstance(event, Started))
    assert all(isinstance(event, Preparing) and event.step == 0 for event in events[:before])
    assert isinstance(events[-1], Finished)
    assert isinstance(events[-2], CheckpointReady | Finding | Preparing)
    assert sorted(losses(events)) == list(range(1, of(events, Finished)[0].step + 1))
    assert [e.epoch for e in of(events, Epoch)] == [1, 2, 3]
    assert of(events, Epoch)[-1].step == of(events, Finished)[0].step


def test_a_run_begins_and_ends_with_a_preview() -> None:
    events = list(fit(experiment({"training.epochs": 8})))
    steps = [e.step for e in of(events, Preview)]
    assert steps[:2] == [0, 1]
    assert steps == sorted(set(steps[:-1])) + steps[-1:]
    assert steps[-1] == of(events, Finished)[0].step


@pytest.mark.parametrize("kind", [Started, Steps, Epoch, Preview, Finished])
def test_events_come_back_from_their_dictionaries(kind: type[Any]) -> None:
    event = of(fit(experiment()), kind)[0]
    again = event_from_dict(event.to_dict())
    assert again.to_dict() == event.to_dict()


def test_early_stopping_ends_after_its_patience() -> None:
    events = list(fit(experiment({"training.patience": 2, "training.epochs": 200, "training.learning_rate": 0.05})))
    finished = of(events, Finished)[0]
    assert finished.status == "completed"
    assert finished.epochs < 200
    assert finished.best_epoch == finished.epochs - 2


def test_scores_are_those_of_the_best_weights() -> None:
    events = list(fit(experiment({"training.epochs": 12, "training.learning_rate": 0.1})))
    finished = of(events, Finished)[0]
    best = min(of(events, Epoch), key=lambda e: e.metrics["val_loss"])
    assert finished.best_epoch == best.epoch
    assert finished.metrics["val_loss"] == pytest.approx(best.metrics["val_loss"], rel=1e-6)


@pytest.mark.parametrize("architecture", MODELS)
def test_every_architecture_beats_the_last_value(architecture: str) -> None:
    larger = {"data.options.samples": 400, "model.hidden_size": 16}
    plan = experiment({**larger, "model.architecture": architecture})
    finished = of(fit(plan.with_changes({"training.epochs": 16, "training.learning_rate": 0.025})), Finished)[0]
    assert finished.metrics["val_mae"] < 0.7 * finished.baselines["last_value"]["val_mae"]


@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [
        ("sgd", "constant"), ("adam", "cosine"), ("adamw", "step"), ("rmsprop", "plateau"), ("nadam", "one-cycle"),
        ("adagrad", "cosine"), ("sgd", "one-cycle"), ("adam", "constant"),
    ],
)  # fmt: skip
def test_every_optimizer_learns_and_so_does_every_schedule(optimizer: str, schedule: str) -> None:
    plan = experiment({"training.optimizer": optimizer, "training.schedule": schedule, "training.schedule_epochs": 1})
    epochs = of(fit(plan), Epoch)
    assert epochs[-1].metrics["train_loss"] < epochs[0].metrics["train_loss"]


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_every_loss_is_made_smaller(loss: str) -> None:
    epochs = of(fit(experiment({"training.loss": loss})), Epoch)
    assert epochs[-1].metrics["train_loss"] < epochs[0].metrics["train_loss"]


def test_data_may_be_a_frame_an_array_or_typed_in() -> None:
    values = np.sin(np.arange(120) / 5)
    frame = pd.DataFrame({"wave": values, "other": np.arange(120.0)})
    plan = experiment({"data.target": "wave"}).with_changes({"data.source": "bouncing-ball"})
    from_frame = list(fit(plan, data=frame))
    from_array = list(fit(experiment(), data=values))
    assert same_losses(losses(from_frame), losses(from_array))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data.window": 5000}, ("data.window", "reduce")),
        ({"data.target": "hight"}, ("data.target", "did you mean height?")),
        ({"data.task": "language-modeling"}, ("data.task", "regression")),
        ({"data.window": 100, "data.predict": "every"}, ("validation", "split")),
    ],
)
def test_data_that_do_not_fit_are_one_clear_line(changes: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(DataError) as caught:
        list(fit(experiment(changes)))
    assert len(caught.value.lines) == 1
    with pytest.raises(DataError) as before:
        check(experiment(changes))
    assert before.value.lines == caught.value.lines
    assert all(word in str(caught.value) for word in words)


def test_a_device_that_is_not_here_is_refused_with_a_reason() -> None:
    with pytest.raises(DeviceError, match=r"can't be used here|no such"):
        list(fit(experiment({"training.device": "cuda:77"})))


def test_a_model_larger_than_the_machine_is_refused_with_its_memory() -> None:
    with pytest.raises(DeviceError, match=r"needs about .* GB of memory"):
        list(fit(experiment({"model.hidden_size": 4096, "model.num_layers": 16, "model.bidirectional": True})))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign"])
def test_a_damaged_checkpoint_is_named_and_never_used(damage: str) -> None:
    content = of(fit(experiment({"training.epochs": 1})), CheckpointReady)[-1].content
    damaged = {
        "truncated": content[: len(content) // 2],
        "flipped": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        "empty": b"",
        "foreign": b"PK\x03\x04" + content,
    }[damage]
    with pytest.raises(CorruptError):
        list(fit(experiment(), resume=damaged))
