"""Training steps of small models as one CUDA graph, so that a GPU doesn't wait for Python to launch each kernel.

Capture follows https://docs.pytorch.org/docs/stable/notes/cuda.html#whole-network-capture: static inputs, a warm-up on
a side stream, gradients allocated by the graph, and an optimizer whose step count and learning rate are tensors. The
warm-up leaves no trace: weights, the optimizer's state and the random state are put back. Batches of another size, as
at the end of an epoch, are computed without the graph.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, optim

from seqcore.data.dataset import Batch
from seqcore.events import Finding
from seqcore.training.isolated_rng import random_state, set_random_state
from seqcore.training.memory import is_out_of_memory
from seqcore.training.state import TrainingState

__all__ = ["CapturedStep", "constants_of", "why_not_captured"]

MOST_PARAMETERS = 5_000_000  # larger models keep a GPU busy without a graph
_WARM_UP = 3  # steps
_CAPTURABLE = (optim.Adam, optim.AdamW, optim.NAdam, optim.RMSprop, optim.SGD)


def why_not_captured(state: TrainingState) -> str | None:
    """Why the steps of a run are not captured; None where they can be."""
    training = state.experiment.training
    reasons = {
        "it is not trained on an NVIDIA GPU": state.device.type != "cuda",
        "replicas are trained together": training.replicas > 1,
        "a recurrent state is carried from step to step": training.stateful,
        "sequences have different lengths": not state.dataset.windows["train"].uniform,
        "its steps are not all the same operations": not state.task.same_operations,
        "loss scaling skips steps": state.precision.scaler is not None,
        f"{training.optimizer} needs numbers of the CPU at each step": not isinstance(state.optimizer, _CAPTURABLE),
        f"it has more than {MOST_PARAMETERS:,} parameters": state.summary.parameters > MOST_PARAMETERS,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


class CapturedStep:
    """The steps of one run. `take_finding` says once whether they are captured, or why not."""

    def __init__(self, state: TrainingState) -> None:
        self._state = state
        self._refused = why_not_captured(state)
        self._graph: Any = None
        self._baked: tuple[Any, ...] = ()  # what the graph holds as constants
        self._shapes: list[torch.Size] = []  # of its batches
        self._inputs: Batch | None = None
        self._loss: Tensor | None = None
        self._norm: Tensor | None = None
        self._finding: Finding | None = None
        if self._refused is not None and state.device.type == "cuda":
            self._finding = self._note(f"Training steps are not captured as a CUDA graph: {self._refused}.")

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        """(loss, gradient norm) after one step of the optimizer; None where the caller must make the step itself."""
        state = self._state
        if self._refused is not None or state.progress.step == 0 or batch.lengths is not None:
            return None  # the first step makes the optimizer's state
        size, baked = state.progress.batch_size, constants_of(state)
        shapes = [t.shape for t in _tensors(batch)]
        if (baked, shapes) != (self._baked, self._shapes):
            if self._graph is not None and baked == self._baked:
                return None  # a batch of another size
            if len(batch.inputs) < size <= len(state.dataset.windows["train"]):
                return None  # wait for a whole batch
            if not self._capture(batch):
                return None
            self._baked, self._shapes = baked, shapes
        assert self._inputs is not None
        assert self._loss is not None
        assert self._norm is not None
        for static, new in zip(_tensors(self._inputs), _tensors(batch), strict=True):
            static.copy_(new)
        self._graph.replay()
        return self._loss.clone(), self._norm.clone()

    def _capture(self, batch: Batch) -> bool:
        """Capture a step on batches of this size. False where it fails; the run goes on without a graph."""
        state = self._state
        extra = {name: t.clone() for name, t in batch.extra.items()}
        self._graph, self._inputs = None, Batch(batch.inputs.clone(), batch.targets.clone(), None, extra)
        kept = [(t, t.clone()) for t in self._changing()]
        random, current = random_state(state.device), torch.cuda.current_stream(state.device)
        try:
            stream = torch.cuda.Stream(state.device)  # type: ignore[no-untyped-call]
            stream.wait_stream(current)
            with torch.cuda.stream(stream):
                for _ in range(_WARM_UP):
                    self._step()
            current.wait_stream(stream)
            self._put_back(kept, random)
            graph = torch.cuda.CUDAGraph()
            state.clear_gradients()
            with torch.cuda.graph(graph):
                self._loss, self._norm = self._step()
        except RuntimeError as error:
            torch.cuda.set_stream(current)  # a capture that fails may leave its own
            if is_out_of_memory(error):
                raise
            self._refused = f"capture failed: {str(error).splitlines()[0][:120]}"
            self._put_back(kept, random)
            state.clear_gradients()
            self._finding = self._note(f"Training steps are not captured as a CUDA graph: {self._refused}.")
            return False
        set_random_state(random, state.device)
        self._graph = graph
        self._finding = self._note("Training steps are captured as a CUDA graph.")
        return True

    def _step(self) -> tuple[Tensor, Tensor]:
        assert self._inputs is not None
        loss, _ = self._state.gradients(self._inputs, None)
        return loss, self._state.descend()

    def _changing(self) -> list[Tensor]:
        """The tensors that a step changes: weights, buffers, and the optimizer's state."""
        state = self._state
        entries = state.optimizer.state.values()
        return [
            *(t.detach() for t in state.model.state_dict().values()),
            *(t for entry in entries for t in entry.values() if isinstance(t, Tensor)),
        ]

    def _put_back(self, kept: list[tuple[Tensor, Tensor]], random: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for tensor, value in kept:
                tensor.copy_(value)
        set_random_state(random, self._state.device)

    def _note(self, message: str) -> Finding:
        return Finding(step=self._state.progress.step, code="cuda-graph", message=message, severity="info")

    def take_finding(self) -> Finding | None:
        """What there is to say since the last call."""
        finding, self._finding = self._finding, None
        return finding


def constants_of(state: TrainingState) -> tuple[float, ...]:
    """What a captured step holds as constants, and what decides on its operations: other values need another graph."""
    model, training = state.experiment.model, state.experiment.training
    regularization = (model.dropout, model.recurrent_dropout, state.noise, training.weight_decay)
    return training.clip_norm, state.progress.batch_size, *regularization


def _tensors(batch: Batch) -> list[Tensor]:
    return [batch.inputs, batch.targets, *batch.extra.values()]
