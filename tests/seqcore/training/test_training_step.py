"""Single facts of the training loop: clipping, epoch losses, shuffling, live changes, carried state, chosen weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from seqcore.data.table import Table
from seqcore.errors import ExperimentError
from seqcore.events import Changed, CheckpointReady, Epoch, Event, Finished, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.tasks import TASKS
from seqcore.tasks.task import predict_windows
from seqcore.training.checkpoint import unpack
from seqcore.training.control import Control
from seqcore.training.fit import fit
from seqcore.training.gradients import backward, clip_gradients
from seqcore.training.state import TrainingState

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {"data.options.samples": 120, "model.hidden_size": 6, "training.epochs": 2}


def plan(**changes: Any) -> Experiment:
    return Experiment.make().with_changes({**SMALL, **{path.replace("__", "."): v for path, v in changes.items()}})


def of(events: Iterable[Event], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def last_checkpoint(events: Iterable[Event]) -> bytes:
    content: bytes = of(events, CheckpointReady)[-1].content
    return content


@pytest.mark.parametrize("size", [1e-4, 0.3, 50.0])
def test_clipping_scales_large_gradients_down_and_leaves_small_ones(size: float) -> None:
    torch.manual_seed(0)
    parameters = [nn.Parameter(torch.zeros(3, 4)), nn.Parameter(torch.zeros(5))]
    gradients = [size * torch.randn_like(p) for p in parameters]
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = g.clone()
    norm = clip_gradients(parameters, 1.0)
    found = [p.grad.clone() for p in parameters if p.grad is not None]
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = g.clone()
    expected = nn.utils.clip_grad_norm_(parameters, 1.0)
    assert float(norm) == pytest.approx(float(expected))
    assert all(torch.allclose(f, p.grad) for f, p in zip(found, parameters, strict=True) if p.grad is not None)
    if size < 0.1:
        assert all(torch.equal(f, g) for f, g in zip(found, gradients, strict=True))


def test_the_backward_pass_gives_the_gradients_of_torch() -> None:
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)), torch.randn(4, 3)
    backward(model(x).square().mean())
    found = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    model(x).square().mean().backward()
    expected = [p.grad for p in model.parameters() if p.grad is not None]
    assert len(found) == 4
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_no_clipping_where_the_norm_is_0() -> None:
    p = nn.Parameter(torch.zeros(2))
    p.grad = torch.tensor([300.0, 400.0])
    assert float(clip_gradients([p], 0.0)) == pytest.approx(500.0)
    assert p.grad.tolist() == [300.0, 400.0]


def test_the_training_loss_of_an_epoch_counts_every_window_once() -> None:
    """The last batch is smaller than the others: a mean over batches would weigh its windows more."""
    rows = np.concatenate([np.zeros(60), 100.0 * np.ones(11)])
    frozen = plan(training__learning_rate=1e-30, training__batch_size=32, training__shuffle=False, data__scaling="none")
    frozen = frozen.with_changes({"data.validation_fraction": 0.0, "data.test_fraction": 0.0, "data.window": 8})
    events = list(fit(frozen, data=rows))
    finished, steps = of(events, Finished)[0], of(events, Steps)
    losses = np.concatenate([block.loss for block in steps])
    assert len(losses) == 2 * 2
    assert losses[0] != pytest.approx(losses[1], rel=0.1)
    epochs = of(events, Epoch)
    assert epochs[0].metrics["train_loss"] == pytest.approx(finished.metrics["train_loss"], rel=1e-5)
    assert epochs[1].metrics["train_loss"] == pytest.approx(epochs[0].metrics["train_loss"], rel=1e-6)


def test_each_epoch_has_an_order_of_its_own_and_all_windows() -> None:
    experiment = plan()
    table = TASKS["regression"].load()(experiment).make_dataset(series(120), CPU)
    orders = [np.concatenate([n for n, _ in table.batches("train", experiment.training, epoch)]) for epoch in (0, 1, 2)]
    assert all(sorted(order.tolist()) == list(range(len(order))) for order in orders)
    assert not np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[1], orders[2])
    again = np.concatenate([n for n, _ in table.batches("train", experiment.training, 1)])
    assert np.array_equal(orders[1], again)
    other = experiment.with_changes({"training.seed": 1}).training
    assert not np.array_equal(orders[1], np.concatenate([n for n, _ in table.batches("train", other, 1)]))


def series(rows: int) -> Table:
    return Table(values=np.sin(np.arange(rows) / 3.0)[:, None], columns=("value",))


@pytest.mark.parametrize(
    ("path", "value"),
    [("training.weight_decay", 5.0), ("training.clip_norm", 1e-3), ("training.learning_rate", 1e-6)],
)
def test_a_live_change_acts_from_the_next_step_on(path: str, value: float) -> None:
    experiment = plan(training__optimizer="sgd", training__epochs=3)

    def weights(changes: dict[str, float]) -> tuple[list[Event], float]:
        control, events = Control(), []
        for event in fit(experiment, control=control):
            events.append(event)
            if isinstance(event, Epoch) and event.epoch == 1 and changes:
                control.change(changes)
        tensors = unpack(last_checkpoint(events)).group("model")
        return events, sum(float(t.square().sum()) for t in tensors.values())

    before, plain = weights({})
    events, changed = weights({path: value})
    assert [change.changes for change in of(events, Changed)] == [{path: value}]
    assert changed != pytest.approx(plain, rel=1e-4)
    first = of(before, Epoch)[0].step
    same = [np.concatenate([b.loss for b in of(e, Steps)])[:first] for e in (before, events)]
    assert np.array_equal(*same)  # nothing changes before it was asked for
    if path == "training.weight_decay":
        assert changed < 0.8 * plain


def test_a_carried_state_does_not_leak_from_one_sequence_into_the_next() -> None:
    random = np.random.default_rng(0)  # with 81 rows the next sequence begins where the next window would
    first, other, second = (random.normal(size=(81, 1)) for _ in range(3))
    experiment = plan(
        data__window=8, data__stride=9, data__predict="every", training__stateful=True, training__shuffle=False,
        data__validation_fraction=0.0, data__test_fraction=0.0, data__scaling="none", training__batch_size=1,
    )  # fmt: skip
    outputs, losses = [], []
    for before in (first, other):
        table = Table(
            values=np.concatenate([before, second]),
            columns=("value",),
            offsets=np.array([0, 81, 162]),
            names=("a", "b"),
        )
        task = TASKS["regression"].load()(experiment)
        data = task.make_dataset(table, CPU)
        torch.manual_seed(0)
        model = task.build_model(data.codec)
        count = len(data.windows["train"])
        found, _ = predict_windows(model, task, data, "train", np.arange(count), stateful=True)
        outputs.append(found[count // 2 :])
        state = TrainingState.fresh(experiment, task, data, CPU)
        state.model.load_state_dict(model.state_dict())
        carried = []
        for batch, continues in state.remaining_batches():
            hidden = state.state_for(continues)
            carried.append(hidden is not None)
            answer, after = task.forward(state.model, batch, hidden, 0.0)
            losses.append(float(task.loss(answer, batch).detach()))
            state.count_step(after)
        assert carried == [False] + [True] * (count // 2 - 1) + [False] + [True] * (count // 2 - 1)
    assert np.array_equal(*outputs)
    assert losses[count // 2 : count] == losses[count + count // 2 :]


@pytest.fixture(scope="module")
def overfitted() -> list[Event]:
    """A run whose best epoch is not its last."""
    noise = np.random.default_rng(1).normal(size=60)
    experiment = plan(model__hidden_size=32, training__epochs=30, training__learning_rate=0.03, data__window=5)
    return list(fit(experiment, data=noise))


def test_best_and_last_weights_are_told_apart(overfitted: list[Event]) -> None:
    finished, content = of(overfitted, Finished)[0], last_checkpoint(overfitted)
    assert finished.best_epoch < finished.epochs
    best, last = (Predictor.from_checkpoint(content, at=at) for at in ("best", "last"))
    assert (best.epoch, last.epoch) == (finished.best_epoch, finished.epochs)
    assert best.step < last.step == finished.step
    checkpoint = unpack(content)
    for predictor, group in ((best, "best"), (last, "model")):
        weights = predictor._model.state_dict()
        assert all(torch.equal(weights[name], tensor) for name, tensor in checkpoint.group(group).items())
    given = [0.1, -0.2, 0.3, 0.0, 0.5]
    assert not np.allclose(best.predict(given).prediction, last.predict(given).prediction)
    assert finished.metrics["val_loss"] < finished.last_metrics["val_loss"]
    epochs = {e.epoch: e for e in of(overfitted, Epoch)}
    assert finished.metrics["val_loss"] == pytest.approx(epochs[finished.best_epoch].metrics["val_loss"])
    assert finished.last_metrics["val_loss"] == pytest.approx(epochs[finished.epochs].metrics["val_loss"])


def test_resuming_with_another_experiment_is_refused_or_recorded() -> None:
    experiment = plan()
    events = list(fit(experiment))
    content = of(events, CheckpointReady)[0].content
    for path, value in (("model.hidden_size", 9), ("training.optimizer", "sgd"), ("data.window", 7)):
        with pytest.raises(ExperimentError, match=rf"{path}: .* differs from the checkpoint's .*; start a new run"):
            list(fit(experiment.with_changes({path: value}), resume=content))
    for path, value in (("data.source", "ramp"), ("model.architecture", "rnn")):
        with pytest.raises(ExperimentError) as refused:
            list(fit(experiment.with_changes({path: value}), resume=content))
        assert [line.partition(":")[0] for line in refused.value.lines] == [path]
    longer = experiment.with_changes({"training.epochs": 4, "training.threads": 1})
    more = list(fit(longer, resume=content))
    assert [change.changes for change in of(more, Changed)] == [{"training.epochs": 4}]
    assert of(more, Finished)[0].epochs == 4
    replay = [Changed(step=0, changes={"training.epochs": 4}, before={"training.epochs": 2})]
    assert not of(fit(longer, resume=content, changes=replay), Changed)
    other = experiment.with_changes({"training.epochs": 5})
    assert [c.changes for c in of(fit(other, resume=content, changes=replay), Changed)] == [{"training.epochs": 5}]
