"""Mixed precision: which operations of a training step are computed in 16 bits.

Weights, gradients of weights, losses and scores are float32 in every case; `torch.autocast` chooses the operations.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, optim

from seqcore.errors import CorruptError, DeviceError
from seqcore.models.state import State, map_state

__all__ = ["Precision", "check_precision"]

_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def check_precision(name: str, device: torch.device) -> None:
    """DeviceError where a device can't train in this precision."""
    reason = _refusal(name, device)
    if reason:
        raise DeviceError(f"training.precision: {name} can't be used on {device}: {reason}")


def _refusal(name: str, device: torch.device) -> str:
    if name == "float32":
        return ""
    if device.type not in ("cpu", "cuda"):
        return "mixed precision is for CPUs and NVIDIA GPUs; use float32"
    if name == "fp16" and device.type != "cuda":
        return "fp16 needs an NVIDIA GPU; use bf16 or float32"
    if name == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "this GPU has no bf16; use fp16 or float32"
    return ""


class Precision:
    """The precision of a run's training steps. `scaler` scales losses in fp16, whose small gradients would be zero."""

    def __init__(self, name: str, device: torch.device) -> None:
        self._type, self._device = _TYPES.get(name), device.type
        self.scaler = torch.amp.GradScaler(device.type) if name == "fp16" else None

    @property
    def mixed(self) -> bool:
        """Whether some operations are computed in 16 bits."""
        return self._type is not None

    def autocast(self) -> AbstractContextManager[Any]:
        """The context of the forward pass."""
        return nullcontext() if self._type is None else torch.autocast(self._device, dtype=self._type)

    def widened(self, outputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Outputs and state of the forward pass in float32, for the loss and for the next batch."""
        return (outputs, state) if self._type is None else (_wide(outputs), map_state(_wide, state))

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss whose gradients are computed."""
        return loss if self.scaler is None else self.scaler.scale(loss)

    def unscale(self, optimizer: optim.Optimizer) -> None:
        """Give gradients their size again, before they are clipped."""
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)

    def step(self, optimizer: optim.Optimizer) -> None:
        """A step of the optimizer with a scaler; none where a gradient overflowed, after which the scale is halved."""
        assert self.scaler is not None
        self.scaler.step(optimizer)
        self.scaler.update()

    def to_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {} if self.scaler is None else self.scaler.state_dict()

    def restore(self, kept: dict[str, Any]) -> None:
        """The inverse of `to_dict`. CorruptError."""
        if self.scaler is None or not kept:
            return
        names = self.scaler.state_dict().keys()
        if kept.keys() != names or any(isinstance(v, bool) or not isinstance(v, int | float) for v in kept.values()):
            raise CorruptError("the checkpoint is damaged: its loss scale can't be read")
        self.scaler.load_state_dict(kept)


def _wide(part: Tensor) -> Tensor:
    return part.float() if part.dtype in _TYPES.values() else part
