"""Kernels of the recurrent layers: one layer in one direction over all steps, forward and backward, as torch calls.

The product of all inputs with their weights is one operation, and so are the products that give the gradients of the
weights; a step consists of a few operations in place. Derivatives that do not depend on later steps are computed for
all steps at once too, so that a step of a backward pass is one product and one or two elementwise operations.

Tensors have the time first, [T, B, ...]; with K replicas, [T, K, B, ...] and weights [K, ...]. Equations and the order
of gates are those of `torch.nn.RNN`, `GRU` and `LSTM`.

On a CPU torch needs about five times as long for a tanh as for a sigmoid. Where there are many of them, tanh(a) is
therefore computed as 2 sigmoid(2a) - 1. RNN and GRU then keep p = (h + 1) / 2 as their state: W h = 2 W p - W 1, and a
GRU mixes p as it mixes h. The absolute error of a state is that of the data type's rounding near 1 (float32: 1e-7).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqcore.models.small_products import SmallProducts, are_small
from seqcore.models.workspace import Workspace

__all__ = ["CELLS", "Cell", "Gradient", "Weights", "product"]

_LARGE = 8_192  # numbers in all steps' states from which a sigmoid with what it needs is faster than a tanh

_NOTHING = nullcontext()
_ONE, _MINUS_ONE = (torch.tensor(value, device="cpu") for value in (1.0, -1.0))  # a scalar on every device

State = Sequence[Tensor] | None  # h, of an LSTM h and c, [B, D]; None for zeros


class Weights(NamedTuple):
    """One layer in one direction: `ih[G D, F]`, `hh[G D, D]`, biases [G D] or None. K replicas: a leading axis K."""

    ih: Tensor
    hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None


class Gradient(NamedTuple):
    """What a backward pass starts from: the gradient of y[T, B, D], and of an LSTM's final cell state.

    That of the cell state is [B, D] where all rows end at the same step, or [T, B, D], not 0 at each row's own last
    step.
    """

    y: Tensor
    cell: Tensor | None = None
    cell_by_step: Tensor | None = None


class Cell(ABC):
    """The steps of one kind of layer. What a backward pass needs of a forward pass is left in the workspace.

    `states` is the number of tensors in a state: 2 for an LSTM, (h, c).
    """

    states = 1
    own_input_gradients = False  # whether those of the products with inputs and states differ

    @abstractmethod
    def forward(self, x: Tensor, state: State, w: Weights, space: Workspace, *, reverse: bool) -> Tensor:
        """x[T, B, F] -> y[T, B, D], which may be the buffer "states" of the workspace."""

    @abstractmethod
    def backward(
        self, start: Gradient, y: Tensor, state: State, w: Weights, space: Workspace, *, reverse: bool
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """-> gradients of what the products with the states gave, [T, B, G D], and of the initial state if any."""

    def input_gradients(self, deltas: Tensor, space: Workspace) -> Tensor:
        """The same of what the products with the inputs gave. The given one, of `backward`, is overwritten."""
        return deltas

    def cells(self, space: Workspace, size: int) -> Tensor | None:
        """Twice an LSTM's cell states after all steps of the last forward pass, [T, B, D]."""
        return None


class _RNN(Cell):
    def __init__(self, *, relu: bool) -> None:
        self.relu = relu

    def forward(self, x: Tensor, state: State, w: Weights, space: Workspace, *, reverse: bool) -> Tensor:
        size = w.hh.shape[-1]
        states = space.buffer("states", size)
        steps = space.plan(reverse, lambda: _steps(states, reverse))
        recurrent, add_product, bias = _transposed(w.hh, len(x)), _add_product(states), _sum(w.bias_ih, w.bias_hh)
        if self.relu or not _large(x, size):
            activation = Tensor.relu_ if self.relu else Tensor.tanh_
            product(x, w.ih, bias, out=states)
            before = None if state is None else state[0]
            with _without_graph(len(steps)):
                for u in steps:
                    if before is not None:
                        add_product(u, before, recurrent)
                    before = activation(u)
            return states
        sums = w.hh.sum(-1)
        product(x, w.ih, -sums if bias is None else bias - sums, scale=2, out=states)
        before = torch.full_like(steps[0], 0.5) if state is None else (state[0] + 1) / 2
        with _without_graph(len(steps)):
            for u in steps:
                before = add_product(u, before, recurrent, alpha=4).sigmoid_()
        return torch.add(_MINUS_ONE, states, alpha=2)

    def backward(
        self, start: Gradient, y: Tensor, state: State, w: Weights, space: Workspace, *, reverse: bool
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        d = start.y
        if self.relu and y.dim() == 4:  # replicas: torch's sign is slow for many numbers
            return self._backward_by_threshold(d, y, state, w, reverse=reverse)
        slope = space.buffer("slope", y.shape[-1])
        if self.relu:
            torch.sign(y, out=slope)
        else:
            torch.addcmul(_ONE, y, y, value=-1, out=slope)
        steps = space.plan(("back", reverse), lambda: _each(not reverse, d, slope))
        add_product, later, recurrent = _add_product(d), None, w.hh
        with _without_graph(len(steps)):
            for delta, factor in steps:
                if later is not None:
                    add_product(delta, later, recurrent)
                later = delta.mul_(factor)
        return d, () if state is None or later is None else (later @ recurrent,)

    def _backward_by_threshold(
        self, d: Tensor, y: Tensor, state: State, w: Weights, *, reverse: bool
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """`backward` of a ReLU, whose factor is not computed for all steps at once."""
        add_product, later, recurrent = _add_product(d), None, w.hh
        keep_where_positive = torch.ops.aten.threshold_backward.grad_input
        with _without_graph(len(d)):
            for delta, output in _each(not reverse, d, y):
                if later is not None:
                    add_product(delta, later, recurrent)
                later = keep_where_positive(delta, output, 0, grad_input=delta)
        return d, () if state is None or later is None else (later @ recurrent,)


class _GRU(Cell):
    own_input_gradients = True

    def forward(self, x: Tensor, state: State, w: Weights, space: Workspace, *, reverse: bool) -> Tensor:
        size = w.hh.shape[-1]
        large = _large(x, size)
        # r, z, and what r multiplies, side by side; the candidates n apart
        gates, candidates, states = (space.buffer(*b) for b in (("gates", 3 * size), ("n", size), ("states", size)))
        steps = space.plan(
            reverse,
            lambda: _each(reverse, gates, gates[..., : 2 * size], *gates.chunk(3, -1), candidates, states),
        )
        recurrent, add_product, scale = _transposed(w.hh, len(x)), _add_product(states), 2 if large else 1
        own = w.bias_hh
        if large:
            own = -w.hh.sum(-1) if own is None else own - w.hh.sum(-1)
        both = _sum(w.bias_ih, own)
        product(
            x, w.ih[..., : 2 * size, :], None if both is None else both[..., : 2 * size], out=gates[..., : 2 * size]
        )
        product(
            x,
            w.ih[..., 2 * size :, :],
            None if w.bias_ih is None else w.bias_ih[..., 2 * size :],
            scale=scale,
            out=candidates,
        )
        if own is None:
            gates[..., 2 * size :].zero_()
        else:
            gates[..., 2 * size :].copy_(_row(own[..., 2 * size :]))
        if large:
            before = torch.full_like(steps[0][-1], 0.5) if state is None else (state[0] + 1) / 2
        else:
            before = torch.zeros_like(steps[0][-1]) if state is None else state[0]
        activation = Tensor.sigmoid_ if large else Tensor.tanh_
        with _without_graph(len(steps)):
            for every, reset_update, reset, update, product_n, candidate, new in steps:
                add_product(every, before, recurrent, alpha=scale)
                reset_update.sigmoid_()
                activation(candidate.addcmul_(reset, product_n, value=scale))
                before = torch.lerp(candidate, before, update, out=new)
        return torch.add(_MINUS_ONE, states, alpha=2) if large else states

    def backward(
        self, start: Gradient, y: Tensor, state: State, w: Weights, space: Workspace, *, reverse: bool
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        size, d = y.shape[-1], start.y
        gates, n, deltas = space.buffer("gates", 3 * size), space.buffer("n", size), space.buffer("deltas", 3 * size)
        large = _large(y, size)
        keep, candidate = space.buffer("keep", size), space.buffer("candidate", size)
        r, z, product_n = gates.chunk(3, -1)
        of_r, of_z, of_n = deltas.chunk(3, -1)  # first the factors of d
        torch.sub(_ONE, z, out=keep)
        if large:
            torch.add(_MINUS_ONE, n, alpha=2, out=candidate)
            n = candidate
        _difference(y, None if state is None else state[0], n, reverse, out=of_z)
        of_z.mul_(z).mul_(keep)
        torch.addcmul(_ONE, n, n, value=-1, out=candidate).mul_(keep)
        torch.mul(candidate, r, out=of_n)
        torch.addcmul(r, r, r, value=-1, out=of_r).mul_(product_n).mul_(candidate)
        blocks = deltas.view(*d.shape[:-1], 3, size)
        steps = space.plan(("back", reverse), lambda: _each(not reverse, d, d[..., None, :], z, deltas, blocks))
        add_product, recurrent = _add_product(d), w.hh
        earlier = [step[0] for step in steps[1:]]
        first = None if state is None else torch.zeros_like(y[0])
        with _without_graph(len(steps)):
            for (of_h, spread, update, delta, block), before in zip(steps, [*earlier, first], strict=True):
                block.mul_(spread)
                if before is not None:
                    add_product(before.addcmul_(of_h, update), delta, recurrent)
        return deltas, () if first is None else (first,)

    def input_gradients(self, deltas: Tensor, space: Workspace) -> Tensor:
        size = deltas.shape[-1] // 3
        torch.mul(space.buffer("d", size), space.buffer("candidate", size), out=deltas[..., 2 * size :])
        return deltas


class _LSTM(Cell):
    states = 2

    def forward(self, x: Tensor, state: State, w: Weights, space: Workspace, *, reverse: bool) -> Tensor:
        size = w.hh.shape[-1]
        gates, cells, squashed = (space.buffer(*b) for b in (("gates", 4 * size), ("cells", size), ("tanh", size)))
        states = space.buffer("states", size)
        steps = space.plan(reverse, lambda: _each(reverse, gates, *gates.chunk(4, -1), cells, squashed, states))
        scale = space.plan("scale", lambda: _candidate_twice(w.hh))
        minus_one = space.plan("minus one", lambda: torch.full_like(steps[0][-1], -1.0))
        bias = _sum(w.bias_ih, w.bias_hh)
        product(x, w.ih * scale[:, None], None if bias is None else bias * scale, out=gates)
        recurrent, add_product = (w.hh * scale[:, None]).mT, _add_product(states)
        h, c = (None, torch.zeros_like(minus_one)) if state is None else (state[0], state[1] * 2)
        large = _large(x, size)
        with _without_graph(len(steps)):
            for every, i, f, g, o, cell, tanh_c, new in steps:
                if h is not None:
                    add_product(every, h, recurrent)
                every.sigmoid_()
                torch.add(minus_one, g, alpha=2, out=g)
                c = torch.mul(f, c, out=cell).addcmul_(i, g, value=2)
                if large:
                    torch.add(minus_one, torch.sigmoid(c, out=tanh_c), alpha=2, out=tanh_c)
                else:
                    torch.mul(c, 0.5, out=tanh_c).tanh_()
                h = torch.mul(o, tanh_c, out=new)
        return states

    def backward(
        self, start: Gradient, y: Tensor, state: State, w: Weights, space: Workspace, *, reverse: bool
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        size, d = y.shape[-1], start.y
        gates, cells, squashed = (space.buffer(*b) for b in (("gates", 4 * size), ("cells", size), ("tanh", size)))
        deltas, to_c = space.buffer("deltas", 4 * size), space.buffer("to c", size)
        (i, f, g, o), (of_i, of_f, of_g, of_o) = gates.chunk(4, -1), deltas.chunk(4, -1)
        torch.addcmul(gates, gates, gates, value=-1, out=deltas)  # first the factors of d: slopes of the sigmoids
        of_i.mul_(g)
        first = torch.zeros_like(y[0]) if state is None else state[1]
        if reverse:
            of_f[:-1].mul_(cells[1:]).mul_(0.5)
            of_f[-1].mul_(first)
        else:
            of_f[1:].mul_(cells[:-1]).mul_(0.5)
            of_f[0].mul_(first)
        torch.addcmul(_ONE, g, g, value=-1, out=of_g).mul_(i)
        of_o.mul_(squashed)
        torch.addcmul(_ONE, squashed, squashed, value=-1, out=to_c).mul_(o)
        blocks = deltas.view(*d.shape[:-1], 4, size)[..., :3, :]
        steps = space.plan(("back", reverse), lambda: _each(not reverse, d, f, to_c, deltas, blocks, of_o))
        add_product, recurrent = _add_product(d), w.hh
        of_c = torch.zeros_like(first) if start.cell is None else start.cell.clone()
        spread = of_c[..., None, :]
        earlier = [*(step[0] for step in steps[1:]), None if state is None else torch.zeros_like(first)]
        given = [None] * len(d) if start.cell_by_step is None else _steps(start.cell_by_step, not reverse)
        with _without_graph(len(steps)):
            for (of_h, forget, factor, delta, block, of_output), before, own in zip(steps, earlier, given, strict=True):
                of_c.addcmul_(of_h, factor)
                if own is not None:
                    of_c.add_(own)
                block.mul_(spread)
                of_output.mul_(of_h)
                if before is not None:
                    add_product(before, delta, recurrent)
                    of_c.mul_(forget)
        return deltas, () if earlier[-1] is None else (earlier[-1], of_c)

    def cells(self, space: Workspace, size: int) -> Tensor | None:
        return space.buffer("cells", size)


CELLS: dict[str, Cell] = {"RNN_TANH": _RNN(relu=False), "RNN_RELU": _RNN(relu=True), "GRU": _GRU(), "LSTM": _LSTM()}
"""By `torch.nn.RNNBase.mode`."""


def product(x: Tensor, weight: Tensor, bias: Tensor | None, *, scale: int = 1, out: Tensor) -> None:
    """out = scale (x W^T + b) for x[T, B, F] and W[G D, F], or x[T, K, B, F] and W[K, G D, F]; out[T, B, G D]."""
    if bias is None:
        bias = weight.new_zeros(weight.shape[:-1])
    elif scale != 1:
        bias = bias * scale
    if weight.shape[-1] == 1:
        torch.addcmul(_row(bias), x, _row(weight[..., 0]), value=scale, out=out)
    elif weight.dim() == 2:
        flat = x.reshape(-1, x.shape[-1])
        torch.addmm(bias, flat, weight.t(), alpha=scale, out=out.view(-1, len(weight)))
    else:
        by_replica, rows = (values.transpose(0, 1).flatten(1, 2) for values in (x, out))  # [K, T B, F]
        torch.baddbmm(bias[:, None], by_replica, weight.mT, alpha=scale, out=rows)
        if rows.data_ptr() != out.data_ptr():  # a copy
            out.copy_(rows.view(len(weight), len(x), -1, weight.shape[1]).transpose(0, 1))


def _steps(values: Tensor, reverse: bool) -> Sequence[Tensor]:
    """The steps of values[T, ...], the last one first where `reverse`."""
    steps: tuple[Tensor, ...] = values.unbind(0)
    return steps[::-1] if reverse else steps


def _each(reverse: bool, *values: Tensor) -> list[tuple[Tensor, ...]]:
    """The steps of several tensors together."""
    return list(zip(*(_steps(part, reverse) for part in values), strict=True))


def _large(x: Tensor, hidden_size: int) -> bool:
    return math.prod(x.shape[:-1]) * hidden_size >= _LARGE


def _without_graph(steps: int) -> AbstractContextManager[Any]:
    """For the loops over steps: an operation takes some 7% less than under `no_grad`, which pays for many."""
    return torch.inference_mode() if steps >= 16 else _NOTHING


def _transposed(weight: Tensor, steps: int) -> Tensor:
    """W[G D, D] -> W^T, as a copy where many products with it are worth one."""
    if steps >= 16 and (weight.dim() == 3 or weight.shape[-1] >= 192):
        return weight.mT.contiguous()
    return weight.mT


def _add_product(like: Tensor) -> Callable[..., Tensor]:
    """Adds the product of a step of states like these, [T, B, D] or [T, K, B, D], to another one in place."""
    if like.dim() == 3:
        return Tensor.addmm_
    return SmallProducts() if are_small(like) else Tensor.baddbmm_


def _row(vector: Tensor) -> Tensor:
    """[D] as it is; of K replicas [K, D] as [K, 1, D]."""
    return vector if vector.dim() == 1 else vector[:, None]


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return a if b is None else b if a is None else a + b


def _candidate_twice(weight: Tensor) -> Tensor:
    """[4 D]: 2 for the rows of an LSTM's candidate g, of which 2 sigmoid(2a) - 1 is its tanh, 1 for the gates."""
    scale = weight.new_ones(4, weight.shape[-1])
    scale[2] = 2.0
    return scale.flatten()


def _difference(y: Tensor, first: Tensor | None, n: Tensor, reverse: bool, *, out: Tensor) -> None:
    """h_{t-1} - n_t for all steps, `first` (None: zeros) being the state before them."""
    now, before, start = (slice(0, -1), slice(1, None), -1) if reverse else (slice(1, None), slice(0, -1), 0)
    torch.sub(y[before], n[now], out=out[now])
    if first is None:
        torch.neg(n[start], out=out[start])
    else:
        torch.sub(first, n[start], out=out[start])
