"""Losses with their derivatives by formula: means over the rows of a batch, for one model or for each replica.

A loss takes outputs [R, O] and targets, [R, O] or class codes [R], and returns its value and the gradient of the
outputs, which it may write in place of them. With a leading axis K the value is [K].
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["LOSSES"]

IGNORED = -100  # a target that does not count, as in `torch.nn.functional.cross_entropy`


def _mse(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    d, count = outputs - targets, _count(outputs)
    return d.square().sum((-2, -1)) / count, d.mul_(2 / count)


def _mae(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    d, count = outputs - targets, _count(outputs)
    return d.abs().sum((-2, -1)) / count, d.sign_().div_(count)


def _huber(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Huber 1964, quadratic up to a difference of 1."""
    d, count = outputs - targets, _count(outputs)
    near = d.clamp(-1.0, 1.0)
    return (near * (d - near / 2)).sum((-2, -1)) / count, near.div_(count)


def _cross_entropy(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """In nats. Targets of `IGNORED` do not count; where none does, the loss is NaN."""
    logs, scored = torch.log_softmax(outputs, dim=-1), targets != IGNORED
    count = scored.sum(-1, keepdim=True)
    codes = targets.clamp(min=0)[..., None]
    share = scored.to(outputs.dtype).div_(count)
    loss = -(logs.gather(-1, codes)[..., 0] * share).sum(-1)
    d = logs.exp_()
    d.scatter_add_(-1, codes, d.new_full((), -1.0).expand(codes.shape))
    return loss, d.mul_(share[..., None])


def _count(outputs: Tensor) -> int:
    return outputs.shape[-2] * outputs.shape[-1]


LOSSES: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "mse": _mse,
    "mae": _mae,
    "huber": _huber,
    "cross_entropy": _cross_entropy,
}
