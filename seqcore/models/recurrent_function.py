"""A recurrent layer as an operation with a gradient, and with a rule for `torch.func.vmap`.

`run_layer` is what modules call. Under `vmap` its K replicas are one computation with a leading axis K; without
gradients nothing is kept for a backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqcore.models.recurrent_cells import CELLS, Cell, Weights, product

__all__ = ["run_layer", "under_vmap"]


def run_layer(
    mode: str, x: Tensor, state: Sequence[Tensor] | None, weights: Weights, lengths: Tensor | None, *, reverse: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One layer in one direction: x[T, B, F], state (None: zeros) -> (y[T, B, D], final state), parts [B, D].

    `mode` is that of `torch.nn.RNNBase`. With `lengths[B]`, y is 0 beyond a length, the final state is that after a
    row's own last step, and `reverse` begins at that step.
    """
    cell = CELLS[mode]
    inputs = (x, lengths, *(state or (None,) * cell.states), *weights)
    needed = torch.is_grad_enabled() and any(part is not None and part.requires_grad for part in inputs)
    if needed or under_vmap():
        y, *rest = _Layer.apply(mode, reverse, *inputs)  # type: ignore[no-untyped-call]
        return y, tuple(rest[: cell.states])
    y, final, _ = _forward(cell, x, lengths, *_split(cell, inputs[2:]), reverse=reverse, keep=False)
    return y, final


def under_vmap() -> bool:
    """Whether a transformation of `torch.func` is in effect."""
    return bool(torch._C._are_functorch_transforms_active())


class _Layer(torch.autograd.Function):
    """(mode, reverse, x, lengths, parts of the state, weights) -> (y, parts of the final state, kept tensors)."""

    @staticmethod
    def forward(mode: str, reverse: bool, x: Tensor, lengths: Tensor | None, *rest: Tensor | None) -> Any:
        cell = CELLS[mode]
        y, final, kept = _forward(cell, x, lengths, *_split(cell, rest), reverse=reverse, keep=True)
        return y, *final, *kept

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mode, ctx.reverse, *tensors = inputs
        cell = CELLS[ctx.mode]
        kept = output[1 + cell.states :]
        ctx.mark_non_differentiable(*kept)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(output[0], *tensors, *kept)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor | None, *gradients: Tensor | None) -> Any:
        cell, reverse = CELLS[ctx.mode], ctx.reverse
        y, x, lengths, *rest = ctx.saved_tensors
        last = cell.states + len(Weights._fields)
        (state, weights), kept = _split(cell, rest[:last]), rest[last:]
        d = torch.zeros_like(y) if dy is None else torch.empty_like(y).copy_(dy)
        of_h, of_c = gradients[0], gradients[1] if cell.states == 2 else None
        end = 0 if reverse else -1
        start = [] if cell.states == 1 else [torch.zeros_like(y[0]), None]
        if lengths is None:
            if of_h is not None:
                d[end] += of_h
            if of_c is not None:
                start[0] = of_c.clone()
        else:
            padding = _padding(lengths, len(x))
            d.masked_fill_(padding, 0.0)
            x = x.masked_fill(padding, 0.0)
            if reverse:
                d, x, y = (_reversed(part, lengths) for part in (d, x, y))
            if of_h is not None:
                _add_at_end(d, lengths, of_h)
            if of_c is not None:
                start[1] = _add_at_end(torch.zeros_like(y), lengths, of_c)
            reverse = False
        deltas = cell.backward([d, *start], y, kept, state, weights, reverse=reverse)
        dx = None
        if ctx.needs_input_grad[2]:
            dx = product(deltas.ih, weights.ih.mT, None)
            if lengths is not None and ctx.reverse:
                dx = _reversed(dx, lengths)
        of_weights = _weight_gradients(x, y, deltas.ih, deltas.hh, state, weights, reverse=reverse)
        return None, None, dx, None, *(deltas.state or (None,) * cell.states), *of_weights

    @staticmethod
    def vmap(info: Any, in_dims: Sequence[int | None], mode: str, reverse: bool, *tensors: Tensor | None) -> Any:
        """K replicas: x and kept tensors [T, K, B, ...], all others with K first."""
        axes = [1] + [0] * (len(tensors) - 1)
        batched = [
            _with_replicas(tensor, axis, wanted, info.batch_size)
            for tensor, axis, wanted in zip(tensors, in_dims[2:], axes, strict=True)
        ]
        cell = CELLS[mode]
        if torch.is_grad_enabled() and any(part is not None and part.requires_grad for part in batched):
            found = _Layer.apply(mode, reverse, *batched)  # type: ignore[no-untyped-call]
        else:
            x, lengths, *rest = batched
            assert x is not None
            y, final, kept = _forward(cell, x, lengths, *_split(cell, rest), reverse=reverse, keep=False)
            found = (y, *final, *kept)
        return found, (1, *[0] * cell.states, *[1] * (len(found) - 1 - cell.states))


def _forward(
    cell: Cell,
    x: Tensor,
    lengths: Tensor | None,
    state: Sequence[Tensor] | None,
    weights: Weights,
    *,
    reverse: bool,
    keep: bool,
) -> tuple[Tensor, tuple[Tensor, ...], list[Tensor]]:
    if lengths is None:
        y, cells, kept = cell.forward(x, state, weights, reverse=reverse, keep=keep)
        end = 0 if reverse else -1
        final = (y[end].clone(),) if cells is None else (y[end].clone(), cells[end] / 2)
        return y, final, kept
    padding = _padding(lengths, len(x))
    x = x.masked_fill(padding, 0.0)
    y, cells, kept = cell.forward(_reversed(x, lengths) if reverse else x, state, weights, reverse=False, keep=keep)
    final = (_at_end(y, lengths),) if cells is None else (_at_end(y, lengths), _at_end(cells, lengths) / 2)
    y.masked_fill_(padding, 0.0)
    return _reversed(y, lengths) if reverse else y, final, kept


def _split(cell: Cell, rest: Sequence[Any]) -> tuple[Sequence[Tensor] | None, Weights]:
    return None if rest[0] is None else rest[: cell.states], Weights(*rest[cell.states :])


def _weight_gradients(
    x: Tensor, y: Tensor, ih: Tensor, hh: Tensor, state: Sequence[Tensor] | None, w: Weights, *, reverse: bool
) -> tuple[Tensor | None, ...]:
    """Gradients of `Weights`, each one product over all steps."""
    later, before = (hh[:-1], y[1:]) if reverse else (hh[1:], y[:-1])
    of_hh = _outer(later, before)
    if state is not None:
        of_hh += hh[-1 if reverse else 0].mT @ state[0]
    bias_ih = None if w.bias_ih is None else ih.sum((0, -2))
    if ih is hh or w.bias_hh is None:
        bias_hh = bias_ih
    else:
        bias_hh = hh.sum((0, -2))
    return _outer(ih, x), of_hh, bias_ih, bias_hh


def _outer(a: Tensor, b: Tensor) -> Tensor:
    """Sum over steps and batch of a_i b_j: [T, B, I], [T, B, J] -> [I, J]; [T, K, B, ...] -> [K, I, J]."""
    if a.dim() == 3:
        return a.flatten(0, 1).t() @ b.flatten(0, 1)
    return a.transpose(0, 1).flatten(1, 2).mT @ b.transpose(0, 1).flatten(1, 2)


def _with_replicas(tensor: Tensor | None, axis: int | None, wanted: int, replicas: int) -> Tensor | None:
    if tensor is None:
        return None
    if axis is not None:
        return tensor.movedim(axis, wanted)
    return tensor.unsqueeze(wanted).expand(*tensor.shape[:wanted], replicas, *tensor.shape[wanted:])


def _padding(lengths: Tensor, steps: int) -> Tensor:
    """lengths[B] -> bool [T, B, 1], True beyond a length."""
    return (torch.arange(steps, device=lengths.device).view(-1, *[1] * lengths.dim()) >= lengths)[..., None]


def _reversed(values: Tensor, lengths: Tensor) -> Tensor:
    """The steps of each row within its length in reverse order; those beyond stay. It is its own inverse."""
    steps = torch.arange(len(values), device=lengths.device).view(-1, *[1] * lengths.dim())
    from_step = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return values.gather(0, from_step[..., None].expand_as(values))


def _last(lengths: Tensor, like: Tensor) -> Tensor:
    return (lengths - 1)[None, ..., None].expand(1, *like.shape[1:])


def _at_end(values: Tensor, lengths: Tensor) -> Tensor:
    return values.gather(0, _last(lengths, values))[0]


def _add_at_end(values: Tensor, lengths: Tensor, added: Tensor) -> Tensor:
    return values.scatter_add_(0, _last(lengths, values), added[None])
