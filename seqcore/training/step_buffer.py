"""Step buffer: the numbers of training steps, collected into one event for a tenth of a second at most."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcore.events import Steps
from seqcore.training.state import TrainingState

__all__ = ["StepBuffer"]

_SECONDS = 0.08  # so that a block is handed out before a tenth of a second has passed


class StepBuffer:
    """Collects losses, gradient norms and learning rates as tensors, so that a GPU is not waited for at each step."""

    def __init__(self) -> None:
        self._steps: list[tuple[Tensor, Tensor, Any, Any]] = []
        self._began = time.perf_counter()

    def record(self, loss: Tensor, gradient_norm: Tensor, learning_rate: Any, windows: Any) -> None:
        """Keep the numbers of one step over so many windows; of replicas [K] each."""
        if not self._steps:
            self._began = time.perf_counter()
        self._steps.append((loss, gradient_norm, learning_rate, windows))

    @property
    def due(self) -> bool:
        """Whether the block is long enough to be handed out."""
        return time.perf_counter() - self._began > _SECONDS

    def flush(self, state: TrainingState) -> Steps | None:
        """The block since the last call as an event, its losses counted in the state; None where there was no step."""
        if not self._steps:
            return None
        loss, norm = (_numbers([step[i] for step in self._steps]) for i in (0, 1))
        state.count_losses(loss, [step[3] for step in self._steps])
        rate = np.array([step[2] for step in self._steps])
        first = state.progress.step - len(self._steps) + 1
        self._steps = []
        return Steps(first, state.of_active(loss), state.of_active(norm), state.of_active(rate))


def _numbers(tensors: list[Tensor]) -> NDArray[np.float64]:
    """[n] or [n, K]"""
    return torch.stack(tensors).cpu().double().numpy()  # MPS has no doubles
