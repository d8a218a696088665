"""Mixed precision: it trains, resumes to the bit, and is refused with the reason where it can't be used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from seqcore.errors import DeviceError, ExperimentError
from seqcore.events import CheckpointReady, Epoch, Finished, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.models import MODELS
from seqcore.training.checkpoint import unpack
from seqcore.training.fit import check, fit
from seqcore.training.precision import Precision, check_precision
from seqcore.training.state import TrainingState

SMALL: dict[str, Any] = {
    "data.options.samples": 100, "data.window": 10,
    "model.hidden_size": 8, "training.epochs": 3, "training.device": "cpu",
}  # fmt: skip


def plan(**changes: Any) -> Experiment:
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return Experiment.make().with_changes({**SMALL, **named})


def losses(events: list[Any]) -> list[float]:
    return np.concatenate([e.loss for e in events if isinstance(e, Steps)]).tolist()


@pytest.mark.parametrize("architecture", MODELS)
def test_every_architecture_learns_in_bf16(architecture: str) -> None:
    half, full = (
        list(fit(plan(model__architecture=architecture, training__precision=precision)))
        for precision in ("bf16", "float32")
    )
    assert losses(half) != losses(full)
    assert losses(half)[0] == pytest.approx(losses(full)[0], rel=0.05)
    ends = [[e for e in events if isinstance(e, Epoch)][-1].metrics["val_loss"] for events in (half, full)]
    assert ends[0] == pytest.approx(ends[1], rel=0.5)
    tensors = unpack([e for e in half if isinstance(e, CheckpointReady)][-1].content).tensors
    assert {t.dtype for name, t in tensors.items() if name.startswith(("model.", "optimizer."))} == {torch.float32}


@pytest.mark.parametrize(
    "changes",
    [
        {"training__optimizer": "sgd", "training__momentum": 0.5},
        {"training__stateful": True, "training__shuffle": False, "data__predict": "every", "data__scaling": "standard"},
        {"data__source": "moving-shapes", "data__task": "classification", "data__options": {"samples": 40}},
    ],
    ids=["sgd", "stateful", "classification"],
)
def test_a_run_in_bf16_continues_to_the_bit(changes: dict[str, Any]) -> None:
    experiment = plan(**changes, training__precision="bf16", training__epochs=2)
    whole = list(fit(experiment))
    first = list(fit(experiment.with_changes({"training.epochs": 1})))
    content = [e for e in first if isinstance(e, CheckpointReady)][-1].content
    more = list(fit(experiment, resume=content))
    assert losses(first) + losses(more) == losses(whole)
    assert more[-1].metrics == pytest.approx(next(e for e in whole if isinstance(e, Finished)).metrics, nan_ok=True)


def test_fp16_is_refused_without_an_nvidia_gpu() -> None:
    with pytest.raises(ExperimentError, match=r"training\.precision: fp16 needs an NVIDIA GPU; use bf16 or float32"):
        plan(training__precision="fp16")
    if not torch.cuda.is_available():
        automatic = plan(training__device="auto", training__precision="fp16")
        for attempt in (lambda: list(fit(automatic)), lambda: check(automatic)):
            with pytest.raises(DeviceError, match=r"training\.precision: fp16 can't be used on cpu: fp16 needs"):
                attempt()


def test_precisions_that_devices_lack() -> None:
    check_precision("float32", torch.device("mps"))
    check_precision("bf16", torch.device("cpu"))
    for name in ("bf16", "fp16"):
        with pytest.raises(DeviceError, match="use float32"):
            check_precision(name, torch.device("mps"))


def test_replicas_are_trained_in_float32() -> None:
    with pytest.raises(ExperimentError, match="replicas are trained in float32"):
        plan(training__precision="bf16", training__replicas=2)


def test_the_loss_scale_is_restored_and_damage_refused() -> None:
    kept = {"scale": 1024.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000, "_growth_tracker": 7}
    precision = Precision("bf16", torch.device("cpu"))
    precision.scaler = torch.amp.GradScaler("cpu")
    precision.restore(kept)
    assert precision.to_dict() == kept
    for damaged in ({"scale": 1.0}, {**kept, "scale": "x"}, {**kept, "scale": True}):
        with pytest.raises(Exception, match="its loss scale can't be read"):
            precision.restore(damaged)


def test_a_gradient_that_overflows_skips_the_step() -> None:
    from seqcore.tasks import TASKS
    from seqcore.training.fit import load_table

    experiment = plan(training__optimizer="sgd")
    task = TASKS["regression"].load()(experiment)
    device = torch.device("cpu")
    state = TrainingState.fresh(experiment, task, task.make_dataset(load_table(experiment), device), device)
    state.precision.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    before = {name: t.clone() for name, t in state.model.state_dict().items()}
    batch, _ = next(state.remaining_batches())
    loss, _ = state.forward(batch, None)
    state.backward(loss * float("inf"))
    state.descend()
    assert all(torch.equal(t, before[name]) for name, t in state.model.state_dict().items())
    assert state.precision.to_dict()["scale"] == 512.0
    plain, _ = state.forward(batch, None)
    state.backward(plain)
    norm = state.descend()
    assert torch.isfinite(norm)
    assert not all(torch.equal(t, before[name]) for name, t in state.model.state_dict().items())
