"""Gradients with respect to what a model reads and to its hidden states, whatever the task.

A copy of the model is differentiated, so that nothing of a predictor that others use at the same time is changed. Its
weights need no gradients. The architectures in it are intercepted where they are called: a translator has two, which
read one after another.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqcore.data.dataset import Batch
from seqcore.errors import PredictionError
from seqcore.inference.predictor import Predictor
from seqcore.models.architecture import Architecture, Traced, watched
from seqcore.models.state import State
from seqcore.tasks.task import Task

__all__ = ["Change", "Reading", "differentiable", "read_inputs", "trace_states"]

Change = Callable[[int, Tensor], Tensor]
Forward = Callable[[Tensor, State, Tensor | None], tuple[Tensor, State]]


@dataclass(frozen=True)
class Reading:
    """Outputs of a model [B, S, O] and `inputs`, what its architectures read, [B, T, E] each, for gradients."""

    outputs: Tensor
    inputs: list[Tensor]

    def gradients(self, of: Tensor) -> list[Tensor]:
        """Of a number that follows from the outputs, with respect to each of the inputs; zeros where it does not."""
        found = torch.autograd.grad(of, self.inputs, allow_unused=True)
        return [torch.zeros_like(x) if g is None else g for g, x in zip(found, self.inputs, strict=True)]


def differentiable(predictor: Predictor) -> nn.Module:
    """A copy of a single model, in evaluation mode, whose weights need no gradients. PredictionError for replicas."""
    if predictor.replicas > 1:
        raise PredictionError(f"replica: this model has {predictor.replicas} replicas; choose one, numbered from 0")
    return copy.deepcopy(predictor.model).eval().requires_grad_(False)


def read_inputs(task: Task, model: nn.Module, batch: Batch, change: Change | None = None) -> Reading:
    """Run a model of `differentiable`, for gradients with respect to what its architectures read.

    Numbers are read as they are in the batch, symbols in their encoding. `change(i, x)` replaces what architecture i
    reads, in the order in which they read.
    """
    inputs: list[Tensor] = []
    dtype = next(model.parameters()).dtype  # one-hot vectors have torch's default

    def reading(own: Forward) -> Forward:
        def forward(x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
            x = x if change is None else change(len(inputs), x)
            inputs.append(watched(x.to(dtype), len(x)))
            return own(inputs[-1], state, lengths)

        return forward

    with _intercepted(model, lambda part: reading(part.forward)), torch.enable_grad():
        outputs, _ = task.forward(model, batch, None, 1.0)
    return Reading(outputs, inputs)


def trace_states(task: Task, model: nn.Module, batch: Batch, rows: int) -> tuple[Tensor, list[Traced]]:
    """Run a model of `differentiable` on a batch of one row, for gradients with respect to its states.

    -> (outputs [rows, S, O], all rows alike, and what each of its architectures traced). PredictionError where an
    architecture has no states.
    """
    found: list[Traced] = []

    def tracing(architecture: Architecture) -> Forward:
        def forward(x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
            found.append(architecture.traced(x, rows, state))
            return found[-1].y, found[-1].state

        return forward

    with _intercepted(model, tracing), torch.enable_grad():
        outputs, _ = task.forward(model, batch, None, 1.0)
    return outputs, found


@contextmanager
def _intercepted(model: nn.Module, make: Callable[[Architecture], Any]) -> Iterator[None]:
    """Within this block the architectures of a model run through what `make` gives for each."""
    parts = [part for part in model.modules() if isinstance(part, Architecture)]
    for part in parts:
        vars(part)["forward"] = make(part)
    try:
        yield
    finally:
        for part in parts:
            del vars(part)["forward"]
