"""Training on a GPU: the same results as on the CPU, resumed to the bit, captured or not, in mixed precision, and out
of memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqcore.errors import DeviceError, ExperimentError
from seqcore.events import Changed, CheckpointReady, Epoch, Event, Finding, Finished, Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import recipe
from seqcore.inference.predictor import Predictor
from seqcore.models import MODELS
from seqcore.training import captured
from seqcore.training.fit import fit
from seqcore.training.optimizers import OPTIMIZERS

RECIPES = (
    "bouncing-ball",
    "ramp-next-value",
    "sine-next-step",
    "next-letter-of-four",
    "moving-shapes",
    "sine-to-cosine",
)


def plan(**changes: Any) -> Experiment:
    small = {"data.options.samples": 200, "model.hidden_size": 8, "training.epochs": 3, "training.device": "cuda"}
    return Experiment.make().with_changes(small | {name.replace("__", "."): v for name, v in changes.items()})


def losses(events: list[Event]) -> np.ndarray:
    return np.concatenate([e.loss for e in events if isinstance(e, Steps)])


def notes(events: list[Event]) -> list[str]:
    return [e.message for e in events if isinstance(e, Finding) and e.code == "cuda-graph"]


def last_checkpoint(events: list[Event]) -> bytes:
    return [e.content for e in events if isinstance(e, CheckpointReady)][-1]


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_give_the_losses_of_the_cpu(name: str) -> None:
    experiment = recipe(name).with_changes({"training.epochs": 2, "model.dropout": 0.0, "training.threads": 1})
    gpu, cpu = (list(fit(experiment.with_changes({"training.device": device}))) for device in ("cuda", "cpu"))
    assert next(e for e in gpu if isinstance(e, Started)).device == "cuda:0"
    assert losses(gpu)[0] == pytest.approx(losses(cpu)[0], rel=1e-3)
    assert losses(gpu)[:20] == pytest.approx(losses(cpu)[:20], rel=0.02, abs=1e-4)
    ends = [next(e for e in events if isinstance(e, Finished)) for events in (gpu, cpu)]
    assert ends[0].metrics.keys() == ends[1].metrics.keys()


@pytest.mark.parametrize("architecture", MODELS)
def test_every_architecture_trains(architecture: str) -> None:
    experiment = plan(model__architecture=architecture)
    gpu, cpu = (list(fit(experiment.with_changes({"training.device": device}))) for device in ("cuda", "cpu"))
    assert losses(gpu)[:10] == pytest.approx(losses(cpu)[:10], rel=0.02, abs=1e-4)
    assert len(notes(gpu)) == 1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_gives_the_weights_of_the_cpu(optimizer: str) -> None:
    experiment = plan(training__optimizer=optimizer, training__momentum=0.5, training__learning_rate=0.003)
    gpu, cpu = (list(fit(experiment.with_changes({"training.device": device}))) for device in ("cuda", "cpu"))
    assert losses(gpu) == pytest.approx(losses(cpu), rel=0.02, abs=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model__dropout": 0.3, "model__num_layers": 2},
        {"training__stateful": True, "training__shuffle": False, "data__predict": "every", "data__scaling": "standard"},
        {"training__precision": "bf16"},
        {"training__precision": "fp16"},
        {"training__optimizer": "sgd", "training__momentum": 0.9},
        {"training__replicas": 3},
    ],
    ids=["plain", "dropout", "stateful", "bf16", "fp16", "sgd", "replicas"],
)
def test_a_resumed_run_continues_to_the_bit(changes: dict[str, Any]) -> None:
    experiment = plan(**changes)
    whole = list(fit(experiment))
    first = list(fit(experiment.with_changes({"training.epochs": 1})))
    more = list(fit(experiment, resume=last_checkpoint(first)))
    assert np.array_equal(np.concatenate([losses(first), losses(more)]), losses(whole))


@pytest.mark.parametrize(
    "changes", [{}, {"model__dropout": 0.3, "model__num_layers": 2}, {"training__precision": "bf16"}]
)
def test_captured_steps_are_those_that_are_not(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with_graph = list(fit(plan(**changes)))
    assert notes(with_graph) == ["Training steps are captured as a CUDA graph."]
    monkeypatch.setattr(captured, "MOST_PARAMETERS", 0)
    without = list(fit(plan(**changes)))
    assert "more than 0 parameters" in notes(without)[0]
    assert losses(with_graph) == pytest.approx(losses(without), rel=1e-4)
    ends = [[e.metrics["val_loss"] for e in events if isinstance(e, Epoch)] for events in (with_graph, without)]
    assert ends[0] == pytest.approx(ends[1], rel=1e-3)


def test_a_live_change_reaches_captured_steps() -> None:
    from seqcore.training.control import Control

    control, events = Control(), []
    for event in fit(plan(training__optimizer="sgd", training__epochs=4), control=control):
        events.append(event)
        if isinstance(event, Epoch) and event.epoch == 1:
            control.change({"training.weight_decay": 5.0})
    weights = [e for e in events if isinstance(e, CheckpointReady)][-1].content
    plain = last_checkpoint(list(fit(plan(training__optimizer="sgd", training__epochs=4))))
    sizes = []
    for content in (weights, plain):
        from seqcore.training.checkpoint import unpack

        sizes.append(sum(float(t.square().sum()) for t in unpack(content).group("model").values()))
    assert sizes[0] < 0.8 * sizes[1]


@pytest.mark.parametrize(
    "change", [{"model.dropout": 0.4}, {"training.input_noise": 0.3}, {"training.batch_size": 16}], ids=str
)
def test_a_live_change_of_a_captured_step_is_that_of_one_that_is_not(
    change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = [Changed(10, change)]
    with_graph = list(fit(plan(model__num_layers=2), changes=recorded))
    monkeypatch.setattr(captured, "MOST_PARAMETERS", 0)
    without = list(fit(plan(model__num_layers=2), changes=recorded))
    assert losses(with_graph) == pytest.approx(losses(without), rel=1e-3)
    plain = losses(list(fit(plan(model__num_layers=2))))
    assert len(plain) != len(losses(with_graph)) or not np.allclose(plain, losses(with_graph))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_learns(precision: str) -> None:
    half, full = (list(fit(plan(training__precision=p, training__epochs=8))) for p in (precision, "float32"))
    ends = [[e for e in events if isinstance(e, Epoch)][-1].metrics["val_loss"] for events in (half, full)]
    assert ends[0] == pytest.approx(ends[1], rel=0.3)


def test_out_of_memory_is_one_line_with_advice(tmp_path: Path) -> None:
    import seqcore

    store = seqcore.open_store(tmp_path)
    huge = plan(
        data__options__samples=60_000, data__window=2_000, model__hidden_size=4_096, training__batch_size=20_000,
        model__num_layers=2,
    )  # fmt: skip
    with pytest.raises((DeviceError, ExperimentError, Exception), match="out of memory on cuda:0") as caught:
        seqcore.train(huge, store=store)
    assert len(str(caught.value).splitlines()) == 1
    assert "training.batch_size" in str(caught.value)
    assert [run.status for run in store.runs()] == ["failed"]
    assert torch.cuda.memory_allocated() < 2**30  # what it held is free again
    assert len(losses(list(fit(plan())))) > 0


def test_a_run_of_the_gpu_predicts_on_the_cpu() -> None:
    events = list(fit(plan()))
    predictor = Predictor.from_checkpoint(last_checkpoint(events))
    assert np.isfinite(predictor.predict(np.linspace(0.0, 1.0, 20)).prediction).all()
