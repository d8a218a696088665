"""An RNN layer of replicas, forward and backward, in the fewest operations: for `ReplicaLayers`.

What a step multiplies lies together: the states before it, its inputs and a 1, [K, D + F + 1, B], so that one product
with all weights of the layer gives the sums of the step, and one product their gradients. In the backward pass the
gradient of a step's sums lies with that of what is above the layer. With the batch last, vector instructions have no
rest at common batch sizes, and elementwise operations find their numbers side by side.

Products are numpy's, see `small_products`, and so is the tanh, which takes a tenth of the time of torch's.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcore.models.small_products import most_rows

__all__ = ["LayerArrays", "ReplicaRNN"]

_FEW_STEPS = 8  # up to so many, one product sums the gradients of the weights
_LEAST_ROWS = 16  # of a batch that is divided
_DTYPES = (torch.float32, torch.float64)

_NOTHING = nullcontext()

Array = NDArray[Any]


class LayerArrays(NamedTuple):
    """`Weights` as arrays, which share their memory."""

    ih: Array
    hh: Array
    bias_ih: Array
    bias_hh: Array


class _Step(NamedTuple):
    """Views of one step of a backward pass.

    `later`: the gradients of the sums after it and of what is above, `later_sums` of the sums alone; `sums`, `delta`:
    where its own go. The product of `rows` and `given` adds to the gradients of the weights.
    """

    later: Array
    later_sums: Array
    sums: Array
    delta: Tensor
    states: Tensor
    rows: Tensor
    given: Tensor


class _Backward(NamedTuple):
    """Buffers of a backward pass; `whole` are the factors of the last states, of few steps those of all."""

    above: Tensor
    deltas: Tensor
    weights: Array
    whole: tuple[Tensor, Tensor]
    steps: list[_Step]


class ReplicaRNN:
    """A layer of `size` units for inputs like x[T, K, B, F], below `above` outputs or states of the layer above.

    The buffers are used again by every call. Where numbers overflow, numpy warns unless it is told not to.
    """

    def __init__(self, x: Tensor, size: int, above: int, *, relu: bool, top: bool) -> None:
        steps, count, _, features = x.shape
        self._relu, self._size, self._above, self._top = relu, size, above, top
        self._few: bool = steps <= _FEW_STEPS
        self._given = self._by_step(x, size + features + 1)
        self._given[:, :, -1] = 1.0
        self._start, self._inputs = self._given[0, :, :size], self._given[:-1, :, size:-1]
        self._carried = False
        self.states = self._given[1:, :, :size]
        weights = x.new_empty(count, size, size + features + 1).numpy()
        self._weights, self._parts = weights, (weights[..., :size], weights[..., size:-1], weights[..., -1])
        given, sums = self._given.numpy(), self.states.numpy()
        self._forward = [(given[t], sums[t], self.states[t]) for t in range(steps)]

    def _by_step(self, x: Tensor, width: int) -> Tensor:
        """Zeros [T + 1, K, width, B]. Few steps of a replica lie together, so that one product takes them all."""
        steps, count, batch, _ = x.shape
        if self._few:
            return x.new_zeros(count, steps + 1, batch, width).permute(1, 0, 3, 2)
        return x.new_zeros(steps + 1, count, width, batch)

    @staticmethod
    def most_rows(x: Tensor, size: int) -> int:
        """The largest batch of inputs like x[T, K, B, F] whose products are small enough; 0 where there is none."""
        if x.device.type != "cpu" or x.dtype not in _DTYPES or x.shape[-1] > size:
            return 0
        rows = most_rows(size)
        return rows if rows >= min(_LEAST_ROWS, x.shape[-2]) else 0

    def forward(self, x: Tensor, before: Tensor | None, w: LayerArrays) -> Tensor:
        """x[T, K, B, F], first state [K, B, D] (None: zeros) -> the states after all steps, [T, K, D, B]."""
        hh, ih, bias = self._parts
        hh[...], ih[...] = w.hh, w.ih
        np.add(w.bias_ih, w.bias_hh, out=bias)
        if before is not None:
            self._start.copy_(before.mT)
        elif self._carried:
            self._start.zero_()
        self._carried = before is not None
        self._inputs.copy_(x.mT)
        weights, multiply, relu, tanh, by_relu = self._weights, np.matmul, torch.relu_, np.tanh, self._relu
        with _without_graph(self._few):
            for given, sums, states in self._forward:
                multiply(weights, given, out=sums)
                if by_relu:
                    relu(states)
                else:
                    tanh(sums, out=sums)
        return self.states

    def backward(self, above: Tensor, weight: Array, w: LayerArrays) -> Array:
        """Gradients of what is `above`, [R, K, O, B] of the last R steps, and its weights [K, O, D].

        -> [K, D, D + F + 1], the gradients of the weights of states and inputs and of the bias, and, of a layer on
        `top`, O rows more, [K, D + O, ...], of `weight`, of F numbers without meaning, and of the bias above. `deltas`
        are then the gradients of the sums of the steps.
        """
        size, back, few, multiply = self._size, self._back, self._few, np.matmul
        back.above[len(back.above) - len(above) :].copy_(above)
        slope: Any = torch.ops.aten.tanh_backward.grad_input
        more: tuple[int, ...] = ()
        if self._relu:
            slope, more = torch.ops.aten.threshold_backward.grad_input, (0,)
        recurrent, outer = w.hh.swapaxes(1, 2), weight.swapaxes(1, 2)
        total = back.above if few else torch.bmm(*back.whole)
        steps, lone, values = back.steps, len(above) == 1, recurrent
        if not lone:
            values = back.weights
            values[..., :size], values[..., size:] = recurrent, outer
        with _without_graph(few):
            for step in steps:
                if not lone:
                    multiply(values, step.later, out=step.sums)
                elif step is steps[0]:  # there is nothing above the others
                    multiply(outer, above[0].numpy(), out=step.sums)
                else:
                    multiply(values, step.later_sums, out=step.sums)
                slope(step.delta, step.states, *more, grad_input=step.delta)
                if not few:  # now that they are in the cache
                    total.baddbmm_(step.rows, step.given)
            return _product(*back.whole) if few else total.numpy()

    @property
    def deltas(self) -> Tensor:
        """The gradients of the sums of all steps, [T, K, D, B], as `backward` left them."""
        return self._back.deltas

    @cached_property
    def _back(self) -> _Backward:
        """Made at the first backward pass."""
        size, count, steps = self._size, self._given.shape[1], len(self.states)
        # a step has the gradients of its sums, and what is above the states before it: the last states have no sums
        found = self._by_step(self._inputs.mT, size + self._above)
        sums, arrays = found[:, :, :size], found.numpy()
        own = arrays[:, :, :size]
        # of a lower layer, the gradients of the weights above are known elsewhere
        rows, given = found if self._top else sums, self._given.mT
        whole = rows[-1], given[-1]
        if self._few:
            whole = rows.permute(1, 2, 0, 3).flatten(2), given.transpose(0, 1).flatten(1, 2)
        return _Backward(
            above=found[:, :, size:],
            deltas=sums[:-1],
            weights=rows.new_empty(count, size, size + self._above).numpy(),
            whole=whole,
            steps=[
                _Step(arrays[t + 1], own[t + 1], own[t], sums[t], self.states[t], rows[t], given[t])
                for t in reversed(range(steps))
            ],
        )


def _without_graph(few: bool) -> AbstractContextManager[Any]:
    """For the loops over steps: an operation takes some 7% less than under `no_grad`, which pays for many."""
    return _NOTHING if few else torch.inference_mode()


def _product(a: Tensor, b: Tensor) -> Array:
    """[K, I, N] [K, N, J]"""
    return np.matmul(a.numpy(), b.numpy()) if a.shape[2] <= most_rows(a.shape[1]) else torch.bmm(a, b).numpy()
