"""Replicas: K seeds trained as one batched model are equal to the same seeds trained alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch

from seqcore.errors import CorruptError, ExperimentError, PredictionError
from seqcore.events import Changed, CheckpointReady, Epoch, Event, Finding, Finished, Preview, Started, Steps
from seqcore.experiment.experiment import Experiment, settings_of
from seqcore.inference.predictor import Predictor
from seqcore.models import MODELS, capabilities_of
from seqcore.models.direct import DividedGradients
from seqcore.models.mingru import MinGRU
from seqcore.models.replicated import Replicated
from seqcore.results import LabelsView, SeriesView, SymbolsView
from seqcore.tasks import TASKS
from seqcore.training.checkpoint import pack, unpack
from seqcore.training.control import Control
from seqcore.training.fit import fit, load_table, train_step
from seqcore.training.replica_cost import ReplicaCost, replica_cost
from seqcore.training.replicas import ReplicatedState, state_type
from seqcore.training.state import TrainingState

pytestmark = pytest.mark.usefixtures("short_samples")
CPU = torch.device("cpu")
TEXT = "The cat sat on the mat and the dog sat on the log. " * 8
WORDS = "\n".join(
    f"{'good' if i % 2 else 'bad'}\t{'so ' * (i % 7)}{'fine' if i % 2 else 'poor'} day" for i in range(40)
)
SMALL = {"model.hidden_size": 5, "model.num_layers": 2, "training.epochs": 2, "training.batch_size": 16}
KINDS: dict[str, dict[str, Any]] = {
    "forecast": {"data.options.samples": 80, "data.window": 12, "data.horizon": 3},
    "recursive": {
        "data.options.samples": 80, "data.window": 12, "data.horizon": 3, "data.multi_step": "recursive",
    },
    "every step": {"data.options.samples": 80, "data.window": 12, "data.predict": "every"},
    "shorter windows": {"data.options.samples": 80, "data.window": 12, "data.min_window": 4},
    "burn-in": {"data.options.samples": 80, "data.window": 12, "data.predict": "every", "data.burn_in": 3},
    "stateful": {
        "data.options.samples": 120, "data.window": 8, "data.stride": 8, "data.predict": "every",
        "training.stateful": True, "training.shuffle": False, "training.batch_size": 4,
    },
    "bidirectional": {"data.options.samples": 80, "data.window": 12, "model.bidirectional": True},
    "frames": {"data.source": "bouncing-shapes", "data.window": 4, "data.options.samples": 20},
    "symbols": {
        "data.source": "alphabet", "data.options.repeats": 4, "data.task": "language-modeling", "data.window": 4,
    },
    "text": {
        "data.source": "text", "data.options.text": TEXT, "data.task": "language-modeling", "data.predict": "every",
        "data.window": 20, "data.stride": 20,
    },
    "classes": {"data.source": "moving-shapes", "data.task": "classification", "data.options.samples": 40},
    "both directions": {
        "data.source": "moving-shapes", "data.task": "classification", "data.options.samples": 40,
        "model.bidirectional": True, "training.class_weights": "balanced",
    },
}  # fmt: skip


def plan(name: str, kind: str, **changes: Any) -> Experiment:
    """A small experiment with dropout."""
    options = dict(KINDS[kind])
    base = Experiment.make().with_changes({"data.source": options.pop("data.source", "bouncing-ball")})
    known = {s.path for s in settings_of(base)} | set(options)
    values = {path: value for path, value in {**SMALL, **options}.items() if path in known}
    values |= {"model.architecture": name, "model.dropout": 0.2}
    if capabilities_of(name).recurrent_dropout:
        values["model.recurrent_dropout"] = 0.1
    return base.with_changes({**values, **{path.replace("__", "."): v for path, v in changes.items()}})


@pytest.fixture
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def fresh(experiment: Experiment) -> TrainingState:
    """The state before the first step, with data in float64."""
    task = TASKS[experiment.data.task].load()(experiment)
    data = task.make_dataset(load_table(experiment), CPU)
    for name in ("scaled", "coded", "calendar", "_weights"):
        values = getattr(data, name, None)
        if isinstance(values, torch.Tensor) and values.is_floating_point():
            setattr(data, name, values.double())
    torch.manual_seed(experiment.training.seed)
    state = state_type(experiment).fresh(experiment, task, data, CPU)
    state.use_threads(experiment.training.threads or 1)
    return state


def steps_of(state: TrainingState, most: int = 3, epochs: int = 2) -> tuple[np.ndarray[Any, Any], ...]:
    """Losses and gradient norms of the first steps of each epoch."""
    losses, norms = [], []
    for _ in range(epochs):
        for batch, continues in islice(state.remaining_batches(), most):
            loss, norm, _ = train_step(state, batch, continues)
            losses.append(loss.numpy())
            norms.append(norm.numpy())
        state.progress.epoch, state.progress.step_in_epoch = state.progress.epoch + 1, 0
    return np.array(losses), np.array(norms)


def alone(experiment: Experiment, number: int) -> Experiment:
    seed = experiment.training.seed + number
    return experiment.with_changes({"training.replicas": 1, "training.seed": seed})


def assert_equal_to_lone_seeds(experiment: Experiment) -> None:
    together = fresh(experiment)
    losses, norms = steps_of(together)
    weights = together.model.state_dict()
    assert np.abs(losses[:, 0] - losses[:, 1]).max() > 1e-6  # different models
    for k in range(experiment.training.replicas):
        one = fresh(alone(experiment, k))
        own_losses, own_norms = steps_of(one)
        np.testing.assert_allclose(losses[:, k], own_losses, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(norms[:, k], own_norms, rtol=1e-9, atol=1e-9)
        for name, value in one.model.state_dict().items():
            torch.testing.assert_close(weights[name][k], value, rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("forecast", name) for name in MODELS),
        *((kind, name) for kind in ("text", "classes") for name in MODELS if not capabilities_of(name).fixed_window),
    ],
)
def test_every_architecture_trains_as_with_each_seed_alone(name: str, kind: str) -> None:
    assert_equal_to_lone_seeds(plan(name, kind, training__replicas=2, training__seed=3))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_frozen_weights_stay_as_each_seed_drew_them(monkeypatch: pytest.MonkeyPatch, optimizer: str) -> None:
    build = MinGRU.__init__

    def with_a_frozen_layer(self: MinGRU, *arguments: Any) -> None:
        build(self, *arguments)
        next(self.parameters()).requires_grad_(False)

    monkeypatch.setattr(MinGRU, "__init__", with_a_frozen_layer)
    changes = {"training__optimizer": optimizer, "training__weight_decay": 0.1, "training__clip_norm": 0.1}
    experiment = plan("mingru", "forecast", training__replicas=2, **changes)
    assert_equal_to_lone_seeds(experiment)
    state = fresh(experiment)
    name, drawn = next((name, w.detach().clone()) for name, w in state.model.base.named_parameters())  # type: ignore[union-attr, operator]
    assert not torch.equal(drawn[0], drawn[1])
    steps_of(state)
    assert torch.equal(state.model.state_dict()[name], drawn)
    assert not next(state.model.alone(1).parameters()).requires_grad  # type: ignore[operator]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"forecast", "text", "classes"}))
def test_every_kind_of_prediction_trains_as_with_each_seed_alone(kind: str) -> None:
    name = "gru" if kind in ("bidirectional", "both directions") else "mingru"
    assert_equal_to_lone_seeds(plan(name, kind, training__replicas=2, training__seed=3))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop", "nadam", "adagrad"])
def test_every_optimizer_trains_as_with_each_seed_alone(optimizer: str) -> None:
    changes = {"training__optimizer": optimizer, "training__weight_decay": 0.01, "training__clip_norm": 0.1}
    assert_equal_to_lone_seeds(plan("mingru", "forecast", training__replicas=2, **changes))


def undropped(name: str, kind: str, **changes: Any) -> Experiment:
    """A small experiment whose gradients are by formula."""
    experiment = plan(name, kind, **changes)
    return experiment.with_changes({"model.dropout": 0.0, "model.recurrent_dropout": 0.0})


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kind", ["forecast", "stateful", "text"])
@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_threads_share_replicas_without_a_change_of_their_numbers(name: str, kind: str) -> None:
    experiment = undropped(name, kind, training__replicas=3, training__threads=2)
    assert isinstance(fresh(experiment).direct, DividedGradients)
    assert_equal_to_lone_seeds(experiment)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("changes", [{}, {"training.input_noise": 0.1}, {"model.dropout": 0.2}])
def test_an_epoch_of_one_batch_needs_an_order_only_where_something_is_drawn_for_its_windows(
    changes: dict[str, Any],
) -> None:
    experiment = undropped("rnn", "forecast", training__replicas=3, training__batch_size=512).with_changes(changes)
    ((batch, _),) = fresh(experiment).remaining_batches()
    same = torch.equal(batch.inputs[0], batch.inputs[1])
    assert same is not bool(changes)
    assert_equal_to_lone_seeds(experiment)


def test_a_run_of_epochs_of_one_batch_resumes_to_the_bit_and_may_get_smaller_batches() -> None:
    changes = {"training__replicas": 3, "training__batch_size": 512, "training__epochs": 6}
    experiment = undropped("rnn", "forecast", **changes)
    control, events, cut = Control(), [], None
    for event in fit(experiment, control=control):
        events.append(event)
        if isinstance(event, Epoch) and event.epoch == 2:
            control.save()
        if isinstance(event, Epoch) and event.epoch == 4:
            control.change({"training.batch_size": 16})
        if isinstance(event, CheckpointReady) and event.step and cut is None:
            cut = event
    assert cut is not None
    changed = of(events, Changed)
    again = list(fit(experiment.with_changes({"training.batch_size": 16}), resume=cut.content, changes=changed))
    assert len(losses(events)) > 6
    assert np.array_equal(losses(again), losses(events)[cut.step :])


def test_a_batch_as_large_as_the_split_takes_what_is_left_of_an_epoch() -> None:
    state = fresh(undropped("rnn", "forecast", training__replicas=3, training__batch_size=16))
    total, taken = len(state.dataset.windows["train"]), list[int]()
    for batch, continues in state.remaining_batches():
        taken.append(int(state.windows_in(batch)[0]))
        train_step(state, batch, continues)
        state.apply_changes({"training.batch_size": 512})
    assert taken == [16, total - 16]


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_a_run_whose_threads_share_replicas_resumes_to_the_bit(dropout: float) -> None:
    experiment = undropped("rnn", "every step", training__replicas=3, training__threads=2)
    control, events, cut = Control(), [], None
    for event in fit(experiment, control=control):
        events.append(event)
        if isinstance(event, Started):
            control.change({"model.dropout": dropout})  # more than 0: threads share the operations from now on
        if isinstance(event, Epoch):
            control.save()
        if isinstance(event, CheckpointReady) and event.step and cut is None:
            cut = event
    assert of(events, Started)[0].threads == 2
    assert cut is not None
    again = list(fit(experiment.with_changes({"model.dropout": dropout}), resume=cut.content))
    assert np.array_equal(losses(again), losses(events)[cut.step :])
    assert of(again, Finished)[0].replicas == of(events, Finished)[0].replicas


@pytest.mark.usefixtures("float64")
def test_texts_of_uneven_length_have_batches_of_their_own_sizes() -> None:
    """Batches differ in size and length between seeds, and word dropout draws as many numbers as alone."""
    experiment = Experiment.make(
        {
            "data": {
                "source": "spoken-vowels",
                "task": "classification",
                "options": {"vowels": 2, "speakers": 10, "repeats": 1},
            },
            "model": {"architecture": "gru", "hidden_size": 6, "num_layers": 2, "dropout": 0.3},
            "training": {"augment": "voice", "batch_size": 4, "replicas": 2},
        }
    )
    assert_equal_to_lone_seeds(experiment)


def of(events: list[Event], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def losses(events: list[Event]) -> np.ndarray[Any, Any]:
    return np.concatenate([block.loss for block in of(events, Steps)])


@pytest.mark.parametrize("kind", ["forecast", "recursive", "stateful", "symbols", "text", "classes"])
def test_a_run_scores_previews_resumes_and_predicts_as_its_seeds_do(kind: str) -> None:
    experiment = plan("gru", kind, training__replicas=2, training__seed=5)
    events = list(fit(experiment))
    finished, epochs = of(events, Finished)[0], of(events, Epoch)
    assert of(events, Started)[0].replicas == 2
    assert losses(events).shape == (finished.step, 2)
    for k in range(2):
        own = list(fit(alone(experiment, k)))
        for name, value in of(own, Finished)[0].metrics.items():
            assert finished.replicas[name][k] == pytest.approx(value, rel=2e-3, abs=1e-4, nan_ok=True), name
        for together, single in zip(epochs, of(own, Epoch), strict=True):
            assert together.replicas["val_loss"][k] == pytest.approx(single.metrics["val_loss"], rel=1e-3)
    for name, each in finished.replicas.items():
        if name != "best_epoch":
            assert finished.metrics[name] == pytest.approx(float(np.nanmedian(each)), nan_ok=True)
    assert of(events, Preview)

    cut = _checkpoint_after_an_epoch(experiment)
    again = list(fit(experiment, resume=cut.content))
    assert np.array_equal(losses(again), losses(events)[cut.step :])
    assert of(again, Finished)[0].replicas == finished.replicas

    predictor = Predictor.from_checkpoint(of(events, CheckpointReady)[-1].content)
    assert predictor.replicas == 2
    given = predictor.parse_input(predictor.example())
    view = predictor.predict(given)
    assert isinstance(view, SeriesView | SymbolsView | LabelsView)
    assert view.replicas is not None
    field = "prediction" if isinstance(view, SeriesView) else "probabilities"
    for k in range(2):
        one = getattr(predictor.replica(k).predict(given), field)
        np.testing.assert_allclose(view.replicas[k], one, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(getattr(view, field), view.replicas.mean(axis=0), rtol=1e-4, atol=1e-6)
    with pytest.raises(PredictionError, match="is not allowed; use 0 to"):
        predictor.replica(2)


def _checkpoint_after_an_epoch(experiment: Experiment) -> CheckpointReady:
    control = Control()
    events = fit(experiment, control=control)
    for event in events:
        if isinstance(event, Epoch):
            control.save()
        if isinstance(event, CheckpointReady) and event.step:
            events.close()  # type: ignore[attr-defined]
            return event
    raise AssertionError("no checkpoint")


def test_a_forecast_is_the_mean_of_what_each_replica_continues_from_its_own_predictions() -> None:
    events = list(fit(plan("gru", "forecast", training__replicas=2)))
    predictor = Predictor.from_checkpoint(of(events, CheckpointReady)[-1].content)
    view = predictor.forecast(10)
    assert view.replicas is not None
    each = np.stack([predictor.replica(k).forecast(10).prediction for k in range(2)])
    np.testing.assert_allclose(view.replicas, each, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(view.prediction, each.mean(axis=0), rtol=1e-4, atol=1e-5)
    text = plan("gru", "text", training__replicas=2, training__epochs=1)
    content = of(list(fit(text)), CheckpointReady)[-1].content
    assert len(Predictor.from_checkpoint(content).generate("The ", 12)) == 12


def test_early_stopping_ends_each_replica_at_its_own_epoch_and_keeps_its_weights() -> None:
    changes = {
        "training__replicas": 4,
        "training__patience": 2,
        "training__epochs": 30,
        "training__learning_rate": 0.05,
    }
    experiment = plan("mingru", "forecast", **changes)
    events = list(fit(experiment))
    finished = of(events, Finished)[0]
    assert finished.reason.startswith("early stopping")
    own = [list(fit(alone(experiment, k))) for k in range(4)]
    ends = [of(one, Finished)[0] for one in own]
    assert len({end.step for end in ends}) > 1, "choose an experiment whose seeds end at different epochs"
    assert finished.step == max(end.step for end in ends)
    counted = np.isfinite(losses(events)).sum(axis=0)
    assert counted.tolist() == [end.step for end in ends]
    for k, end in enumerate(ends):
        assert finished.replicas["test_mae"][k] == pytest.approx(end.metrics["test_mae"], rel=1e-3)
        assert finished.replicas["best_epoch"][k] == end.best_epoch
        last = of(own[k], Epoch)[-1]
        assert of(events, Epoch)[last.epoch - 1].replicas["val_loss"][k] == pytest.approx(
            last.metrics["val_loss"], rel=1e-3
        )


def test_plateau_schedules_lower_the_learning_rate_of_each_replica() -> None:
    changes = {"training__replicas": 3, "training__schedule": "plateau", "training__schedule_epochs": 1}
    experiment = plan("mingru", "forecast", training__epochs=12, training__learning_rate=0.1, **changes)
    events = list(fit(experiment))
    rates = np.concatenate([block.learning_rate for block in of(events, Steps)])
    assert any(len(set(row)) > 1 for row in rates.tolist()), "choose an experiment whose seeds have different plateaus"
    for k in range(3):
        own = np.concatenate([block.learning_rate for block in of(list(fit(alone(experiment, k))), Steps)])
        np.testing.assert_allclose(rates[:, k], own)


@pytest.mark.usefixtures("float64")
def test_a_replica_that_diverges_leaves_the_others_as_they_are() -> None:
    experiment = plan("mingru", "forecast", training__replicas=3)
    together, lone = fresh(experiment), fresh(alone(experiment, 2))
    assert isinstance(together, ReplicatedState)
    with torch.no_grad():
        together.replicated.flat[1, 0] = torch.nan
    found, _ = steps_of(together)
    own, _ = steps_of(lone)
    assert np.isnan(found[:, 1]).all()
    np.testing.assert_allclose(found[:, 2], own, rtol=1e-9, atol=1e-9)
    findings = list(together.diverged(Steps(1, found, found, found)))
    assert [f.code for f in findings] == ["loss-not-finite"]
    assert "replica 2 of 3 (seed 1)" in findings[0].message
    assert together.replicas.active.tolist() == [True, False, True]
    assert not together.is_lost
    assert np.isnan(together.of_active(np.ones((2, 3)))[:, 1]).all()
    assert together.replicated.usable.tolist() == [True, False, True]


def test_a_run_whose_replicas_all_diverge_is_stopped() -> None:
    experiment = plan("rnn", "forecast", training__replicas=2, training__optimizer="sgd").with_changes(
        {"training.learning_rate": 100.0, "training.clip_norm": 0.0, "model.options.nonlinearity": "relu"}
    )
    events = list(fit(experiment.with_changes({"training.epochs": 20})))
    finished = of(events, Finished)[0]
    assert finished.status == "stopped"
    assert "not finite" in finished.reason
    assert len([f for f in of(events, Finding) if f.code == "loss-not-finite"]) == 2


def test_intervals_are_calibrated_on_errors_of_the_ensemble() -> None:
    experiment = plan("mingru", "forecast", training__replicas=2, training__interval_coverage=0.8)
    events = list(fit(experiment))
    assert "calibrated" in {f.code for f in of(events, Finding)}
    view = Predictor.from_checkpoint(of(events, CheckpointReady)[-1].content).forecast(2)
    assert view.low is not None
    assert view.high is not None
    assert ((view.low < view.prediction) & (view.prediction < view.high)).all()


def test_live_changes_apply_to_every_replica() -> None:
    control = Control()
    events: list[Event] = []
    for event in fit(plan("mingru", "forecast", training__replicas=2), control=control):
        events.append(event)
        if isinstance(event, Epoch) and event.epoch == 1:
            control.change({"training.learning_rate": 0.002})
    rates = np.concatenate([block.learning_rate for block in of(events, Steps)])
    assert rates[0].tolist() == [0.01, 0.01]
    assert rates[-1].tolist() == [0.002, 0.002]


def test_a_checkpoint_whose_replicas_do_not_fit_is_refused() -> None:
    experiment = plan("mingru", "forecast", training__replicas=2)
    content = of(list(fit(experiment)), CheckpointReady)[-1].content
    checkpoint = unpack(content)
    groups = {name: checkpoint.group(name) for name in ("model", "best", "optimizer", "recurrent_state", "random")}
    groups["codec"] = checkpoint.group("codec")
    for damage in ({"waited": [0]}, {"ended": [-1, 0]}, {"best_metrics": {"val_loss": [1.0]}}):
        meta = {**checkpoint.meta, "replicas": {**checkpoint.meta["replicas"], **damage}}
        with pytest.raises(CorruptError):
            list(fit(experiment, resume=pack(meta, groups)))


def test_an_unintercepted_random_function_is_refused_under_vmap() -> None:
    class Noisy(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(3))

        def forward(self, x: torch.Tensor, state: Any = None, lengths: Any = None) -> tuple[torch.Tensor, Any]:
            return x + torch.normal(0.0, 1.0, x.shape) * self.weight, None

    with pytest.raises(RuntimeError, match="randomness"):
        Replicated([Noisy(), Noisy()])(torch.ones(2, 3))


def test_frames_are_predicted_by_each_replica() -> None:
    experiment = plan("gru", "frames", training__replicas=2, training__epochs=1)
    view = of(list(fit(experiment)), Preview)[-1].view
    assert view.replicas.shape == (2, *view.prediction.shape)
    np.testing.assert_allclose(view.replicas.mean(axis=0), view.prediction, atol=0.1)  # each is cut at 0 and 1


def test_the_cost_of_replicas_is_measured_and_cheap_ones_are_offered() -> None:
    before = torch.get_rng_state()
    cost = replica_cost(plan("gru", "text"), counts=(2, 4), seconds=0.05)
    assert torch.equal(before, torch.get_rng_state())
    assert set(cost.ratios) == {2, 4}
    assert cost.step_seconds > 0.0
    known = ReplicaCost(0.001, {4: 1.1, 8: 1.3, 16: 2.0})
    assert known.offer == 8
    assert known.sentence == "8 seeds take 1.3 times the time of one"
    assert ReplicaCost(0.001, {4: 1.6}).sentence == ""
    with pytest.raises(ExperimentError, match="translation trains one model"):
        replica_cost(Experiment.make({"data": {"task": "translation", "source": "everyday-phrases"}}))
