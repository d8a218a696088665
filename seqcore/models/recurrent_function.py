"""A recurrent layer as an operation with a gradient, and with a rule for `torch.func.vmap`.

`run_layer` is what modules call. Under `vmap` its K replicas are one computation with a leading axis K; without
gradients nothing is kept for a backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import _add_batch_dim, _unwrap_batched
from torch._functorch.autograd_function import VmapInfo
from torch._functorch.pyfunctorch import VmapInterpreter, retrieve_current_functorch_interpreter
from torch.autograd.function import once_differentiable

from seqcore.models.recurrent_cells import CELLS, Cell, Gradient, Weights, product
from seqcore.models.small_products import SmallProducts, are_small, product_by_numpy
from seqcore.models.workspace import Lease, Workspace

__all__ = ["layer_gradients", "run_layer", "under_vmap"]

_FEW_STEPS = 8  # below so many, steps of replicas are copied to be multiplied together


def run_layer(
    mode: str, x: Tensor, state: Sequence[Tensor] | None, weights: Weights, lengths: Tensor | None, *, reverse: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One layer in one direction: x[T, B, F], state (None: zeros) -> (y[T, B, D], final state), parts [B, D].

    `mode` is that of `torch.nn.RNNBase`. With `lengths[B]`, y is 0 beyond a length, the final state is that after a
    row's own last step, and `reverse` begins at that step.
    """
    cell = CELLS[mode]
    transformed = under_vmap()
    if transformed and (replicas := _vmap_interpreter()) is not None:
        tensors = (x, lengths, *(state or (None,) * cell.states), *weights)
        y, *rest = _by_rule(replicas, mode, reverse, tensors)
        return y, tuple(rest[: cell.states])
    if transformed or torch.is_grad_enabled():
        function = _TransformedLayer if transformed else _Layer
        y, *rest = function.apply(  # type: ignore[no-untyped-call]
            mode, reverse, x, lengths, *(state or (None,) * cell.states), *weights
        )
        return y, tuple(rest[: cell.states])
    lease = Lease(mode, x, weights.hh.shape[-1])
    return _forward(cell, x, lengths, state, weights, lease.workspace, reverse=reverse)


def _vmap_interpreter() -> VmapInterpreter | None:
    """The innermost transformation where it is `vmap`."""
    interpreter = retrieve_current_functorch_interpreter()
    return interpreter if isinstance(interpreter, VmapInterpreter) else None


def _by_rule(vmap: VmapInterpreter, mode: str, reverse: bool, tensors: Sequence[Tensor | None]) -> list[Tensor]:
    """`_TransformedLayer.apply` as torch calls its rule, without what takes longer than the layer of a small model."""
    level = vmap.level()
    pairs = [(None, None) if tensor is None else _unwrap_batched(tensor, level) for tensor in tensors]
    info = VmapInfo(vmap.batch_size(), vmap.randomness())
    with vmap.lower():
        values, axes = (list(part) for part in zip(*pairs, strict=True))
        found, places = _TransformedLayer.vmap(info, (None, None, *axes), mode, reverse, *values)
    return [_add_batch_dim(v, at, level) for v, at in zip(found, places, strict=True) if v is not None]


def under_vmap() -> bool:
    """Whether a transformation of `torch.func` is in effect."""
    return bool(torch._C._are_functorch_transforms_active())


class _Layer(torch.autograd.Function):
    """(mode, reverse, x, lengths, parts of the state, weights) -> (y, parts of the final state)."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Any:
        *outputs, ctx.lease = _outputs(*inputs)
        _keep(ctx, inputs, outputs[0])
        return tuple(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor | None, *gradients: Tensor | None) -> Any:
        cell, reverse, space = CELLS[ctx.mode], ctx.reverse, ctx.lease.workspace
        y, x, lengths, *rest = ctx.saved_tensors
        state, weights = _split(cell, rest)
        of_h, of_c = gradients[0], gradients[1] if cell.states == 2 else None
        d = space.buffer("d", y.shape[-1])
        d = d.zero_() if dy is None else d.copy_(dy)
        by_step: Tensor | None = None
        if lengths is None:
            if of_h is not None:
                d[0 if reverse else -1] += of_h
        else:
            padding = _padding(lengths, len(x))
            d.masked_fill_(padding, 0.0)
            x = x.masked_fill(padding, 0.0)
            if reverse:
                d.copy_(_reversed(d, lengths))
                x, y = _reversed(x, lengths), _reversed(y, lengths)
                reverse = False
            if of_h is not None:
                _add_at_end(d, lengths, of_h)
            if of_c is not None:
                by_step, of_c = _add_at_end(torch.zeros_like(y), lengths, of_c), None
        start = Gradient(d, of_c, by_step)
        dx: Tensor | None = None
        if ctx.needs_input_grad[2]:
            dx = torch.empty_like(x, memory_format=torch.contiguous_format)
        of_state, found = layer_gradients(cell, start, x, y, state, weights, space, reverse=reverse, out=dx)
        if dx is not None and lengths is not None and ctx.reverse:
            dx = _reversed(dx, lengths)
        return None, None, dx, None, *(of_state or (None,) * cell.states), *found


def layer_gradients(
    cell: Cell,
    start: Gradient,
    x: Tensor,
    y: Tensor,
    state: Sequence[Tensor] | None,
    weights: Weights,
    space: Workspace,
    *,
    reverse: bool = False,
    out: Tensor | None,
) -> tuple[tuple[Tensor, ...], Weights]:
    """The backward pass of one layer in one direction -> gradients of state and weights; those of x in `out`.

    `space` is as the forward pass left it, with the gradient of y in its buffer "d". The gradients of both biases may
    be one tensor.
    """
    deltas, of_state = cell.backward(start, y, state, weights, space, reverse=reverse)
    if y.dim() == 4 and len(y) < _FEW_STEPS and not cell.own_input_gradients and weights.bias_ih is not None:
        found = _short_sums(deltas, x, y, state, space, reverse=reverse)
        if out is not None:
            product(deltas, weights.ih.mT, None, out=out)
        return of_state, found
    sums = _replica_sums if y.dim() == 4 else _sums
    of_hh, bias_hh = sums(deltas, y, space, reverse, shifted=True)
    if state is not None:
        of_hh += deltas[-1 if reverse else 0].mT @ state[0]
    known: Tensor | None = bias_hh
    if cell.own_input_gradients:
        deltas, known = cell.input_gradients(deltas, space), None
    of_ih, bias_ih = sums(deltas, x, space, reverse, bias=known)
    if out is not None:
        product(deltas, weights.ih.mT, None, out=out)
    if weights.bias_ih is None:
        return of_state, Weights(of_ih, of_hh, None, None)
    return of_state, Weights(of_ih, of_hh, bias_ih, bias_hh)


class _TransformedLayer(torch.autograd.Function):
    """The same in the form that `torch.func` needs, which takes longer to call."""

    @staticmethod
    def forward(*inputs: Any) -> Any:
        return _outputs(*inputs)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        ctx.lease = output[-1]
        _keep(ctx, inputs, output[0])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        return _Layer.backward(ctx, *gradients)

    @staticmethod
    def vmap(info: Any, in_dims: Sequence[int | None], mode: str, reverse: bool, *tensors: Tensor | None) -> Any:
        """K replicas: x and y [T, K, B, ...], all others with K first."""
        axes = [1] + [0] * (len(tensors) - 1)
        x, lengths, *rest = (
            _with_replicas(tensor, axis, wanted, info.batch_size)
            for tensor, axis, wanted in zip(tensors, in_dims[2:], axes, strict=True)
        )
        assert x is not None
        state, weights = _split(CELLS[mode], rest)
        y, final = run_layer(mode, x, state, weights, lengths, reverse=reverse)
        return (y, *final, None), (1, *[0] * len(final), None)


def _outputs(mode: str, reverse: bool, x: Tensor, lengths: Tensor | None, *rest: Tensor | None) -> tuple[Any, ...]:
    """(y, parts of the final state, the lease of the workspace)."""
    cell = CELLS[mode]
    state, weights = _split(cell, rest)
    lease = Lease(mode, x, weights.hh.shape[-1])
    y, final = _forward(cell, x, lengths, state, weights, lease.workspace, reverse=reverse)
    return y, *final, lease


def _keep(ctx: Any, inputs: tuple[Any, ...], y: Tensor) -> None:
    ctx.mode, ctx.reverse, *tensors = inputs
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(y.detach(), *tensors)  # so that views of it in the backward pass need no graph


def _forward(
    cell: Cell,
    x: Tensor,
    lengths: Tensor | None,
    state: Sequence[Tensor] | None,
    weights: Weights,
    space: Workspace,
    *,
    reverse: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    if lengths is None:
        y = _own(cell.forward(x, state, weights, space, reverse=reverse), space)
        cells, end = cell.cells(space, y.shape[-1]), 0 if reverse else -1
        return y, (y[end].clone(),) if cells is None else (y[end].clone(), cells[end] / 2)
    padding = _padding(lengths, len(x))
    x = x.masked_fill(padding, 0.0)
    y = _own(cell.forward(_reversed(x, lengths) if reverse else x, state, weights, space, reverse=False), space)
    cells = cell.cells(space, y.shape[-1])
    final = (_at_end(y, lengths),) if cells is None else (_at_end(y, lengths), _at_end(cells, lengths) / 2)
    y.masked_fill_(padding, 0.0)
    return _reversed(y, lengths) if reverse else y, final


def _own(y: Tensor, space: Workspace) -> Tensor:
    """Values that stay when the workspace is used again."""
    return y.clone() if y is space.buffer("states", y.shape[-1]) else y


def _split(cell: Cell, rest: Sequence[Any]) -> tuple[Sequence[Tensor] | None, Weights]:
    return None if rest[0] is None else rest[: cell.states], Weights(*rest[cell.states :])


def _sums(
    deltas: Tensor,
    factors: Tensor,
    space: Workspace,
    reverse: bool,
    *,
    shifted: bool = False,
    bias: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Sums over steps and batch of delta_i factor_j, [I, J], and of delta_i, [I] (`bias` if that is known).

    Where `shifted`, a step's factor is that of the step before, and the first step has none.
    """

    def views() -> tuple[Tensor, Tensor, Tensor]:
        rows, batch = deltas.flatten(0, 1), deltas.shape[1]
        return rows, rows.t(), rows.narrow(0, 0 if reverse else batch, len(rows) - batch).t()

    rows, rows_t, later_t = space.plan(("rows", reverse), views)
    if bias is None:
        bias = rows.sum(0)
    flat = factors.flatten(0, 1)
    if shifted:
        batch = factors.shape[1]
        return torch.mm(later_t, flat.narrow(0, batch if reverse else 0, len(flat) - batch)), bias
    return torch.mm(rows_t, flat), bias


def _replica_sums(
    deltas: Tensor,
    factors: Tensor,
    space: Workspace,
    reverse: bool,
    *,
    shifted: bool = False,
    bias: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The same for K replicas, [K, I, J] and [K, I]: step by step, for the axes of time and batch lie apart."""
    if bias is None:
        bias = deltas.sum(0).sum(1)  # several times as fast as a sum over both axes at once
    small = are_small(deltas)
    if factors.shape[-1] == 1:
        multiply = product_by_numpy if small else torch.matmul
        return multiply(factors.mT, deltas).sum(0).mT, bias
    steps = space.plan("transposed", lambda: deltas.mT.unbind(0))
    later, before = (steps[:-1], factors[1:].unbind(0)) if reverse else (steps[1:], factors[:-1].unbind(0))
    found = deltas.new_zeros(*deltas.shape[1:2], deltas.shape[-1], factors.shape[-1])
    add_product = SmallProducts() if small else Tensor.baddbmm_
    for delta, factor in zip(later, before, strict=True) if shifted else zip(steps, factors.unbind(0), strict=True):
        add_product(found, delta, factor)
    return found, bias


def _short_sums(
    deltas: Tensor, x: Tensor, y: Tensor, state: Sequence[Tensor] | None, space: Workspace, *, reverse: bool
) -> Weights:
    """The gradients of the weights of K replicas, all by one product: for few steps, which are copied for it."""
    size, features = y.shape[-1], x.shape[-1]

    def make() -> tuple[Tensor, ...]:
        factors = y.new_ones(y.shape[1], len(y), y.shape[2], size + features + 1)  # [K, T, B, D + F + 1]
        by_step = factors.transpose(0, 1)
        states = by_step[..., :size]
        steps = (states[-1], states[:-1]) if reverse else (states[0], states[1:])
        return factors.flatten(1, 2), by_step[..., size:-1], *steps

    factors, inputs, first, others = space.plan(("factors", reverse, features), make)
    inputs.copy_(x)
    others.copy_(y[1:] if reverse else y[:-1])
    if state is None:
        first.zero_()
    else:
        first.copy_(state[0])
    found = torch.bmm(deltas.transpose(0, 1).flatten(1, 2).mT, factors)
    return Weights(found[..., size:-1], found[..., :size], found[..., -1], found[..., -1])


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
