"""Reused memory of the recurrent kernels: buffers and the views of their steps.

A training step of a small network needs a few megabytes. Fresh from the operating system each time, they and the views
of all steps would cost as much time as the arithmetic.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

__all__ = ["Lease", "Workspace"]

_MOST_BYTES = 2**27  # kept for later, of all workspaces that are not in use

T = TypeVar("T")


class Workspace:
    """Buffers of one layer in one direction, [T, B, width] or with replicas [T, K, B, width], by name.

    Their content is what was last written; whoever reads has written before. `plan` holds what is derived from them.
    """

    def __init__(self, shape: torch.Size, dtype: torch.dtype, device: torch.device) -> None:
        self._shape, self._dtype, self._device = shape, dtype, device
        self._buffers: dict[str, Tensor] = {}
        self._plans: dict[Any, Any] = {}

    def buffer(self, name: str, width: int) -> Tensor:
        """The buffer of this name, made at its first use."""
        if name not in self._buffers:
            with torch.inference_mode(False):  # or it could not be used in training later
                self._buffers[name] = torch.empty(*self._shape, width, dtype=self._dtype, device=self._device)
        return self._buffers[name]

    def plan(self, key: Any, make: Callable[[], T]) -> T:
        """What `make` gives, made at its first use."""
        if key not in self._plans:
            with torch.inference_mode(False):
                self._plans[key] = make()
        plan: T = self._plans[key]
        return plan

    @property
    def bytes(self) -> int:
        """The size of all buffers."""
        return sum(buffer.nbytes for buffer in self._buffers.values())


class Lease:
    """A workspace for the use of one forward pass and the backward passes that belong to it, until it is collected."""

    _free: ClassVar[list[tuple[Any, Workspace]]] = []  # the least recently used first
    _lock = threading.RLock()  # a collection may happen while it is held

    def __init__(self, mode: str, x: Tensor, hidden_size: int) -> None:
        shape = x.shape[:-1]
        self._key = (mode, shape, hidden_size, x.dtype, x.device)
        free = self._free
        with self._lock:
            for index in range(len(free) - 1, -1, -1):
                if free[index][0] == self._key:
                    self.workspace = free.pop(index)[1]
                    return
        self.workspace = Workspace(shape, x.dtype, x.device)

    def __del__(self) -> None:
        free = self._free
        with self._lock:
            free.append((self._key, self.workspace))
            total = sum(workspace.bytes for _, workspace in free)
            while total > _MOST_BYTES:
                total -= free.pop(0)[1].bytes
