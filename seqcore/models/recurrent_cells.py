"""Kernels of the recurrent layers: one layer in one direction over all steps, forward and backward, as torch calls.

The product of all inputs with their weights is one operation, and so are the products that give the gradients of the
weights; a step consists of a few operations in place. Derivatives that do not depend on later steps are computed for
all steps at once too, so that a step of a backward pass is one product and one or two elementwise operations.

Tensors have the time first, [T, B, ...]; with K replicas, [T, K, B, ...] and weights [K, ...]. Equations and the order
of gates are those of `torch.nn.RNN`, `GRU` and `LSTM`.

On a CPU torch needs about five times as long for a tanh as for a sigmoid. Where a step has many numbers, tanh(a) is
therefore computed as 2 sigmoid(2a) - 1. RNN and GRU then keep p = (h + 1) / 2 as their state: W h = 2 W p - W 1, and a
GRU mixes p as it mixes h. The absolute error of a state is that of the data type's rounding near 1 (float32: 1e-7).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["CELLS", "Cell", "Deltas", "Weights", "product", "state_views"]

_LARGE = 512  # numbers in a step's state from which a sigmoid with its surroundings is faster than a tanh

_ONE, _MINUS_ONE = (torch.tensor(value, device="cpu") for value in (1.0, -1.0))  # a scalar on every device


class Weights(NamedTuple):
    """One layer in one direction: `ih[G D, F]`, `hh[G D, D]`, biases [G D] or None. K replicas: a leading axis K."""

    ih: Tensor
    hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None


class Deltas(NamedTuple):
    """Gradients of pre-activations, [T, B, G D]: those of the products with the inputs, and with the states."""

    ih: Tensor
    hh: Tensor
    state: tuple[Tensor, ...]  # gradients of the initial state, [B, D] each


class Cell(ABC):
    """The steps of one kind of layer. It keeps nothing itself: what a backward pass needs is returned and given back.

    `gates` is G, the blocks of D rows in the weights; `kept` the number of tensors that a backward pass needs.
    """

    gates: int
    kept: int
    states = 1  # tensors of a state: 2 for an LSTM, (h, c)

    @abstractmethod
    def forward(
        self, x: Tensor, state: Sequence[Tensor] | None, w: Weights, *, reverse: bool, keep: bool
    ) -> tuple[Tensor, Tensor | None, list[Tensor]]:
        """x[T, B, F], state (None: zeros) -> (y[T, B, D], twice the cell states of an LSTM, kept tensors [T, B, ...]).

        Nothing is kept unless `keep`.
        """

    @abstractmethod
    def backward(
        self,
        gradients: Sequence[Tensor | None],
        y: Tensor,
        kept: Sequence[Tensor],
        state: Sequence[Tensor] | None,
        w: Weights,
        *,
        reverse: bool,
    ) -> Deltas:
        """-> `Deltas`. `gradients` are those of y, [T, B, D], which are overwritten, and of an LSTM's final cell state:
        that of all rows, [B, D], and None or [T, B, D] with that of each row at its own last step.
        """


class _RNN(Cell):
    gates = 1
    kept = 0

    def __init__(self, *, relu: bool) -> None:
        self.relu = relu

    def forward(
        self, x: Tensor, state: Sequence[Tensor] | None, w: Weights, *, reverse: bool, keep: bool
    ) -> tuple[Tensor, Tensor | None, list[Tensor]]:
        bias = _sum(w.bias_ih, w.bias_hh)
        recurrent, add_product = w.hh.mT, _add_product(x)
        if self.relu or not _large(x, w):
            activation = Tensor.relu_ if self.relu else Tensor.tanh_
            y = product(x, w.ih, bias)
            before = None if state is None else state[0]
            for u in state_views(y, reverse):
                if before is not None:
                    add_product(u, before, recurrent)
                before = activation(u)
            return y, None, []
        row_sums = w.hh.sum(-1)
        y = product(x, w.ih, -row_sums if bias is None else bias - row_sums, scale=2)
        before = torch.full_like(y[0], 0.5) if state is None else (state[0] + 1) / 2
        for u in state_views(y, reverse):
            before = add_product(u, before, recurrent, alpha=4).sigmoid_()
        return torch.add(_MINUS_ONE, y, alpha=2, out=y), None, []

    def backward(
        self,
        gradients: Sequence[Tensor | None],
        y: Tensor,
        kept: Sequence[Tensor],
        state: Sequence[Tensor] | None,
        w: Weights,
        *,
        reverse: bool,
    ) -> Deltas:
        (d,) = gradients
        assert d is not None
        slope = y.sign() if self.relu else torch.addcmul(_ONE, y, y, value=-1)
        add_product, later = _add_product(d), None
        for delta, factor in zip(state_views(d, not reverse), state_views(slope, not reverse), strict=True):
            if later is not None:
                add_product(delta, later, w.hh)
            later = delta.mul_(factor)
        assert later is not None
        return Deltas(d, d, () if state is None else (later @ w.hh,))


class _GRU(Cell):
    gates = 3
    kept = 2

    def forward(
        self, x: Tensor, state: Sequence[Tensor] | None, w: Weights, *, reverse: bool, keep: bool
    ) -> tuple[Tensor, Tensor | None, list[Tensor]]:
        size = w.hh.shape[-1]
        large = _large(x, w)
        # r, z, and what the reset gate multiplies, in one tensor; the candidate in another
        gates = product(x, w.ih, w.bias_ih)
        candidates = gates[..., 2 * size :]
        candidates = candidates * 2 if large else candidates.clone(memory_format=torch.contiguous_format)
        own = w.bias_hh
        if large:
            row_sums = w.hh.sum(-1)
            own = -row_sums if own is None else own - row_sums
        gates[..., 2 * size :] = 0.0
        if own is not None:
            gates += own if own.dim() == 1 else own[:, None]
        y = torch.empty_like(candidates)
        recurrent, add_product = w.hh.mT, _add_product(x)
        value, activation = (2, Tensor.sigmoid_) if large else (1, Tensor.tanh_)
        if state is None:
            before, first = torch.full_like(y[0], 0.5 if large else 0.0), not large
        else:
            before, first = (state[0] + 1) / 2 if large else state[0], False
        views = (
            state_views(part, reverse) for part in (gates, gates[..., : 2 * size], *gates.chunk(3, -1), candidates, y)
        )
        for every, reset_update, reset, update, product_n, candidate, new in zip(*views, strict=True):
            if not first:  # the product with a state of zeros
                add_product(every, before, recurrent, alpha=value)
            first = False
            reset_update.sigmoid_()
            activation(candidate.addcmul_(reset, product_n, value=value))
            before = torch.lerp(candidate, before, update, out=new)
        if large:
            torch.add(_MINUS_ONE, y, alpha=2, out=y)
            if keep:
                torch.add(_MINUS_ONE, candidates, alpha=2, out=candidates)
        return y, None, [gates, candidates] if keep else []

    def backward(
        self,
        gradients: Sequence[Tensor | None],
        y: Tensor,
        kept: Sequence[Tensor],
        state: Sequence[Tensor] | None,
        w: Weights,
        *,
        reverse: bool,
    ) -> Deltas:
        (d,), (gates, n) = gradients, kept
        assert d is not None
        r, z, product_n = gates.chunk(3, -1)
        deltas = torch.empty_like(gates)
        of_r, of_z, of_n = deltas.chunk(3, -1)  # first the factors of d
        keep = 1 - z
        candidate = torch.addcmul(_ONE, n, n, value=-1).mul_(keep)
        torch.mul(candidate, r, out=of_n)
        torch.addcmul(r, r, r, value=-1, out=of_r).mul_(product_n).mul_(candidate)
        _minus_before(y, None if state is None else state[0], n, reverse, out=of_z).mul_(z).mul_(keep)
        blocks = deltas.view(*d.shape[:-1], 3, -1)
        parts = (d, d[..., None, :], z, deltas, blocks)
        views = [state_views(part, not reverse) for part in parts]
        add_product = _add_product(d)
        earlier = [*views[0][1:], None if state is None else torch.zeros_like(d[0])]
        for of_h, spread, update, delta, block, before in zip(*views, earlier, strict=True):
            block.mul_(spread)
            if before is not None:
                before.addcmul_(of_h, update)
                add_product(before, delta, w.hh)
        return Deltas(torch.cat([deltas[..., : -y.shape[-1]], d * candidate], -1), deltas, _given(earlier[-1]))


class _LSTM(Cell):
    gates = 4
    kept = 3
    states = 2

    def forward(
        self, x: Tensor, state: Sequence[Tensor] | None, w: Weights, *, reverse: bool, keep: bool
    ) -> tuple[Tensor, Tensor | None, list[Tensor]]:
        size = w.hh.shape[-1]
        large = _large(x, w)
        gates = product(x, w.ih, _sum(w.bias_ih, w.bias_hh))
        candidates = gates[..., 2 * size : 3 * size]
        candidates += candidates  # of 2 sigmoid(2a) - 1
        recurrent = w.hh.clone()
        recurrent[..., 2 * size : 3 * size, :] *= 2
        recurrent, add_product = recurrent.mT, _add_product(x)
        y = gates.new_empty(*gates.shape[:-1], size)
        cells, squashed = torch.empty_like(y), torch.empty_like(y)  # 2 c, tanh(c)
        h, c = (None, torch.zeros_like(y[0])) if state is None else (state[0], state[1] * 2)
        minus_one = torch.full_like(y[0], -1.0)
        views = (state_views(part, reverse) for part in (gates, *gates.chunk(4, -1), cells, squashed, y))
        for every, i, f, g, o, cell, tanh_c, new in zip(*views, strict=True):
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
        return y, cells, [gates, cells, squashed] if keep else []

    def backward(
        self,
        gradients: Sequence[Tensor | None],
        y: Tensor,
        kept: Sequence[Tensor],
        state: Sequence[Tensor] | None,
        w: Weights,
        *,
        reverse: bool,
    ) -> Deltas:
        (d, of_c, at_steps), (gates, cells, squashed) = gradients, kept
        assert d is not None
        assert of_c is not None
        deltas = torch.addcmul(gates, gates, gates, value=-1)  # first the factors: sigmoid's slopes
        (i, f, g, o), (of_i, of_f, of_g, of_o) = gates.chunk(4, -1), deltas.chunk(4, -1)
        of_i.mul_(g)
        of_f.mul_(_before(cells, None if state is None else state[1] * 2, reverse)).mul_(0.5)
        torch.addcmul(_ONE, g, g, value=-1, out=of_g).mul_(i)
        of_o.mul_(squashed)
        to_c = torch.addcmul(_ONE, squashed, squashed, value=-1).mul_(o)
        blocks = deltas.view(*d.shape[:-1], 4, -1)[..., :3, :]
        views = [state_views(part, not reverse) for part in (d, f, to_c, deltas, blocks, of_o)]
        add_product, spread = _add_product(d), of_c[..., None, :]
        earlier = [*views[0][1:], None if state is None else torch.zeros_like(d[0])]
        given = [None] * len(d) if at_steps is None else state_views(at_steps, not reverse)
        for of_h, forget, factor, delta, block, of_output, before, own in zip(*views, earlier, given, strict=True):
            of_c.addcmul_(of_h, factor)
            if own is not None:
                of_c.add_(own)
            block.mul_(spread)
            of_output.mul_(of_h)
            if before is not None:
                add_product(before, delta, w.hh)
                of_c.mul_(forget)
        return Deltas(deltas, deltas, () if earlier[-1] is None else (earlier[-1], of_c))


CELLS: dict[str, Cell] = {"RNN_TANH": _RNN(relu=False), "RNN_RELU": _RNN(relu=True), "GRU": _GRU(), "LSTM": _LSTM()}
"""By `torch.nn.RNNBase.mode`."""


def state_views(values: Tensor, reverse: bool) -> Sequence[Tensor]:
    """The steps of values[T, ...], the last one first where `reverse`."""
    steps: tuple[Tensor, ...] = values.unbind(0)
    return steps[::-1] if reverse else steps


def product(x: Tensor, weight: Tensor, bias: Tensor | None, *, scale: int = 1) -> Tensor:
    """scale (x W^T + b) for x[T, B, F] and W[G D, F], or x[T, K, B, F] and W[K, G D, F] -> [T, B, G D], contiguous."""
    if weight.dim() == 2:
        flat = x.reshape(-1, x.shape[-1])
        if bias is None:
            bias = weight.new_zeros(len(weight))
        return torch.addmm(bias, flat, weight.t(), beta=scale, alpha=scale).view(*x.shape[:-1], -1)
    by_replica = x.transpose(0, 1).flatten(1, 2)  # [K, T B, F]
    if bias is None:
        bias = weight.new_zeros(weight.shape[:2])
    found = torch.baddbmm(bias[:, None], by_replica, weight.mT, beta=scale, alpha=scale)
    return found.view(len(weight), len(x), -1, weight.shape[1]).transpose(0, 1).contiguous()


def _large(x: Tensor, w: Weights) -> bool:
    return x[0, ..., 0].numel() * w.hh.shape[-1] >= _LARGE


def _add_product(like: Tensor) -> Callable[..., Tensor]:
    return Tensor.addmm_ if like.dim() == 3 else Tensor.baddbmm_


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return a if b is None else b if a is None else a + b


def _before(values: Tensor, first: Tensor | None, reverse: bool) -> Tensor:
    """The values of the step before each step, `first` (None: zeros) before the first one."""
    start = (torch.zeros_like(values[0]) if first is None else first)[None]
    return torch.cat([values[1:], start] if reverse else [start, values[:-1]])


def _minus_before(y: Tensor, first: Tensor | None, n: Tensor, reverse: bool, *, out: Tensor) -> Tensor:
    """h_{t-1} - n_t for all steps."""
    return torch.sub(_before(y, first, reverse), n, out=out)


def _given(value: Tensor | None) -> tuple[Tensor, ...]:
    return () if value is None else (value,)
