"""Linear recurrences over time, h_t = a_t h_{t-1} + b_t, for all steps at once and with a gradient of their own.

The gradient of a linear recurrence is a linear recurrence in reverse: g_t = (dL/dh_t) + a_{t+1} g_{t+1} is the gradient
of b_t, and g_t h_{t-1} that of a_t (Martin and Cundy 2018, "Parallelizing Linear Recurrent Neural Nets Over Sequence
Length"). Numbers are multiplied and added only, never divided, and no logarithms are taken: where |a| <= 1, nothing
overflows, at any length.

Where a step holds many numbers, steps follow one another in place. Where it holds few, the sequence is cut into chunks
of about sqrt(T) steps: all chunks advance together, each from zero; then the ends of the chunks follow one another;
then each step receives its share of the chunk before it. That is 3 sqrt(T) operations instead of T. Scans by doubling
need fewer still, log2(T), but each over all steps; on a CPU they took 1.5 to 15 times as long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor

__all__ = ["linear_scan"]

_FEW = 1024  # numbers of one step; with fewer, the time of an operation hardly depends on them
_SHORT = 32  # steps; a shorter sequence is not cut


def linear_scan(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """h_t = a_t h_{t-1} + b_t from h_0 = `initial`: all h_t for t = 1 ... T.

    b[..., T, D]; a[..., T, D], or [..., 1, D] or [D] for a coefficient that does not change; initial[..., D]; real or
    complex. Of one step, T = 1, it is the step itself. Half precision is computed in float32.
    """
    kind = torch.promote_types(a.dtype, b.dtype)
    if kind in (torch.float16, torch.bfloat16):
        kind = torch.float32
    a, b, initial = a.to(kind), b.to(kind), initial.to(kind)
    a = a.reshape(*[1] * (b.dim() - a.dim()), *a.shape)
    if b.shape[-2] == 1:
        return torch.addcmul(b, a, initial.unsqueeze(-2))
    return _scan(a, b, initial)


def _scan(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """h_t = a_t h_{t-1} + b_t."""
    return cast(Tensor, _Scan.apply(a, b, initial))  # type: ignore[no-untyped-call]


def _reverse_scan(a: Tensor, b: Tensor) -> Tensor:
    """g_t = b_t + a_{t+1} g_{t+1}, from the last step to the first."""
    return cast(Tensor, _ReverseScan.apply(a, b))  # type: ignore[no-untyped-call]


class _Scan(torch.autograd.Function):
    """See `_scan`. `vmap` adds an axis in front, which the computation does not look at."""

    @staticmethod
    def forward(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
        h = b.clone(memory_format=torch.contiguous_format)
        h.select(-2, 0).addcmul_(a.select(-2, 0), initial)
        return _run(a, h, reverse=False)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        a, _, initial = inputs
        ctx.save_for_backward(a, initial, output)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, initial, h = ctx.saved_tensors
        a = a.conj().resolve_conj() if a.is_complex() else a
        g = _reverse_scan(a, grads[0])
        of_first = g[..., :1, :] * initial.unsqueeze(-2).conj()
        of_others = g[..., 1:, :] * h[..., :-1, :].conj()
        if a.shape[-2] == 1:
            of_a = of_first.sum_to_size(a.shape) + of_others.sum_to_size(a.shape)
        else:
            of_a = torch.cat([of_first, of_others], dim=-2).sum_to_size(a.shape)
        return of_a, g, a.select(-2, 0) * g.select(-2, 0)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *tensors: Tensor) -> tuple[Tensor, int]:
        a, b, initial = _batch_first(info.batch_size, in_dims, tensors)
        return _scan(a, b, initial), 0


class _ReverseScan(torch.autograd.Function):
    """See `_reverse_scan`."""

    @staticmethod
    def forward(a: Tensor, b: Tensor) -> Tensor:
        return _run(a, b.clone(memory_format=torch.contiguous_format), reverse=True)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0], output)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        a, g = ctx.saved_tensors
        a = a.conj().resolve_conj() if a.is_complex() else a
        h = _scan(a, grads[0], torch.zeros_like(g.select(-2, 0)))
        of_a = torch.cat([torch.zeros_like(g[..., :1, :]), h[..., :-1, :] * g[..., 1:, :].conj()], dim=-2)
        return of_a.sum_to_size(a.shape), h

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *tensors: Tensor) -> tuple[Tensor, int]:
        a, b = _batch_first(info.batch_size, in_dims, tensors)
        return _reverse_scan(a, b), 0


def _batch_first(size: int, in_dims: Sequence[int | None], tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors with the axis that `torch.func.vmap` runs over in front; coefficients without one get one of 1."""
    moved = [t.unsqueeze(0) if d is None else t.movedim(d, 0) for t, d in zip(tensors, in_dims, strict=True)]
    return [moved[0], *(t.expand(size, *t.shape[1:]) for t in moved[1:])]


def _run(a: Tensor, h: Tensor, *, reverse: bool) -> Tensor:
    """The recurrence in place in h[..., T, D], which holds the terms b_t; a[..., T or 1, D]."""
    steps = h.shape[-2]
    if steps >= _SHORT and (h.device.type != "cpu" or h.numel() // steps <= _FEW // (2 if h.is_complex() else 1)):
        return _run_in_chunks(a, h, reverse=reverse)
    factors = a.unbind(-2)[1:] if a.shape[-2] > 1 else a.unbind(-2) * (steps - 1)
    _follow(h.unbind(-2), factors, reverse=reverse)
    return h


def _run_in_chunks(a: Tensor, h: Tensor, *, reverse: bool) -> Tensor:
    """As `_run`, in chunks. In each, `powers` become the products of the coefficients since the chunk before it."""
    steps, constant = h.shape[-2], a.shape[-2] == 1
    size = math.isqrt(steps if constant else steps // 2)
    count = -(-steps // size)
    if count * size > steps:
        h = torch.nn.functional.pad(h, (0, 0, 0, count * size - steps))
    h = h.reshape(*h.shape[:-2], count, size, h.shape[-1])
    parts = h.unbind(-2)
    if constant:
        _follow(parts, a.expand(*a.shape[:-2], size - 1, a.shape[-1]).unsqueeze(-3).unbind(-2), reverse=reverse)
        powers = a.expand(*a.shape[:-2], size, a.shape[-1]).cumprod(dim=-2).unsqueeze(-3)
        powers = powers.flip(-2) if reverse else powers
    else:
        links = a[..., 1:, :] if reverse else a  # that of a step with its neighbor in the order of computation
        powers = torch.nn.functional.pad(links, (0, 0, 0, count * size - links.shape[-2])).contiguous()
        powers = powers.view(*powers.shape[:-2], count, size, powers.shape[-1])
        factors = powers.unbind(-2)
        _follow(parts, factors[:-1] if reverse else factors[1:], reverse=reverse)
        _multiply(factors[::-1] if reverse else factors)
    end = 0 if reverse else -1
    whole = powers.expand(*powers.shape[:-3], count, size, powers.shape[-1]).select(-2, end).unbind(-2)
    _follow(parts[end].unbind(-2), whole[:-1] if reverse else whole[1:], reverse=reverse)
    rest = slice(1, None) if reverse else slice(None, -1)
    ends = parts[end][..., 1:, :] if reverse else parts[end][..., :-1, :]
    inner = h[..., :-1, rest, :] if reverse else h[..., 1:, rest, :]
    shares = powers if constant else powers[..., :-1, :, :] if reverse else powers[..., 1:, :, :]
    inner.addcmul_(shares[..., rest, :], ends.unsqueeze(-2))
    return h.flatten(-3, -2)[..., :steps, :]


def _follow(h: tuple[Tensor, ...], factors: tuple[Tensor, ...], *, reverse: bool) -> None:
    """h[i] += factors[i - 1] h[i - 1], one after another; in reverse h[i] += factors[i] h[i + 1]."""
    if reverse:
        h, factors = h[::-1], factors[::-1]
    if h[0].device.type == "cpu" and _lists_are_computed_in_order():
        torch._foreach_addcmul_(h[1:], factors, h[:-1])
        return
    before = h[0]
    for now, factor in zip(h[1:], factors, strict=True):
        before = now.addcmul_(factor, before)


def _multiply(factors: Sequence[Tensor]) -> None:
    """factors[i] *= factors[i - 1], one after another."""
    before = factors[0]
    for now in factors[1:]:
        before = now.mul_(before)


@cache
def _lists_are_computed_in_order() -> bool:
    """Whether torch computes the operations of a list one after another on a CPU, which saves a third of their time.

    It does, but does not promise to.
    """
    h = torch.ones(65, 3, device="cpu").unbind(0)
    torch._foreach_addcmul_(h[1:], torch.ones(64, 3, device="cpu").unbind(0), h[:-1])
    return [int(step[2]) for step in h] == list(range(1, 66))
