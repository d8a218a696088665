"""Step buffer: the numbers of optimizer steps, collected into one event for a tenth of a second at most."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from seqcore.events import Steps
from seqcore.training.state import Progress

__all__ = ["StepBuffer"]

_SECONDS = 0.08  # so that a block is handed out before a tenth of a second has passed
_LAST_LOSSES = 20


class StepBuffer:
    """Collects losses, gradient norms and learning rates as tensors, so that a GPU is not waited for at each step."""

    def __init__(self) -> None:
        self._steps: list[tuple[Tensor, Tensor, float, int]] = []
        self._began = time.perf_counter()

    def record(self, loss: Tensor, gradient_norm: Tensor, learning_rate: float, windows: int) -> None:
        """Keep the numbers of one step over so many windows."""
        if not self._steps:
            self._began = time.perf_counter()
        self._steps.append((loss, gradient_norm, learning_rate, windows))

    @property
    def due(self) -> bool:
        """Whether the block is long enough to be handed out."""
        return time.perf_counter() - self._began > _SECONDS

    def flush(self, p: Progress) -> Steps | None:
        """The block since the last call as an event, its losses counted in `p`; None where there was no step."""
        if not self._steps:
            return None
        loss = torch.stack([s[0] for s in self._steps]).cpu().double().numpy()  # MPS has no doubles
        norm = torch.stack([s[1] for s in self._steps]).cpu().double().numpy()
        for value, (_, _, _, windows) in zip(loss.tolist(), self._steps, strict=True):
            p.loss_sum += value * windows
            p.windows += windows
        p.last_losses = [*p.last_losses, *loss.tolist()][-_LAST_LOSSES:]
        block = Steps(p.step - len(self._steps) + 1, loss, norm, np.array([s[2] for s in self._steps]))
        self._steps = []
        return block
