"""An RNN layer of replicas, forward and backward, in the fewest operations: for `DirectGradients`.

What a step multiplies lies together: the states before it, its inputs and a 1, [K, D + F + 1, B], so that one product
with all weights of the layer gives the sums of the step, and one product their gradients. In the backward pass the
gradient of a step's sums lies with that of what is above the layer. With the batch last, vector instructions have no
rest at common batch sizes, and elementwise operations find their numbers side by side.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from seqcore.models.recurrent_cells import Weights
from seqcore.models.small_products import are_small

__all__ = ["ReplicaRNN"]

_LEAST_STEPS = 8  # for fewer the preparation does not pay
_MINUS_ONE = torch.tensor(-1.0, device="cpu")


class ReplicaRNN:
    """A layer of `size` units for inputs like x[T, K, B, F], below `above` outputs or states of the layer above.

    The buffers are used again by every call. As in `recurrent_cells`, a tanh(a) is computed as 2 p - 1 with
    p = sigmoid(2a); p is kept as the state, and the weights are scaled accordingly.
    """

    def __init__(self, x: Tensor, size: int, above: int, *, relu: bool, top: bool) -> None:
        steps, count, batch, features = x.shape
        self._relu, self._size = relu, size
        self._given = x.new_zeros(steps + 1, count, size + features + 1, batch)
        self._given[:, :, -1] = 1.0
        self._gradients = x.new_zeros(steps + 1, count, size + above, batch)  # the last states have no later step
        states, sums = self._given[:, :, :size], self._gradients[:, :, :size]
        self.states = states[1:] if relu else x.new_empty(steps, count, size, batch)
        self.deltas = sums[:-1]
        given, gradients = self._given.numpy(), self._gradients.numpy()
        self._forward = [(given[t], given[t + 1, :, :size], states[t + 1]) for t in range(steps)]
        self._backward = [
            (gradients[t + 1], gradients[t, :, :size], sums[t], states[t + 1]) for t in reversed(range(steps))
        ]
        rows = self._gradients if top else sums  # those of the weights above are known elsewhere
        self._products = list(zip(rows.unbind(0), self._given.mT.unbind(0), strict=True))[::-1]

    @staticmethod
    def fits(x: Tensor, size: int) -> bool:
        """Whether the products are small enough for numpy, and the steps many enough, for inputs like x."""
        steps, count, batch, features = x.shape
        states = x.new_empty(1).expand(steps, count, batch, size)
        return steps >= _LEAST_STEPS and features <= size and are_small(states)

    def forward(self, x: Tensor, before: Tensor | None, w: Weights) -> Tensor:
        """x[T, K, B, F], first state [K, B, D] (None: zeros) -> the states after all steps, [T, K, D, B]."""
        bias, start = w.bias_ih + w.bias_hh, self._given[0, :, : self._size]  # type: ignore[operator]
        if self._relu:
            weights = torch.cat((w.hh, w.ih, bias[..., None]), -1).numpy()
            start.zero_() if before is None else start.copy_(before.mT)
        else:
            weights = torch.cat((4 * w.hh, 2 * w.ih, 2 * (bias - w.hh.sum(-1))[..., None]), -1).numpy()
            start.fill_(0.5) if before is None else start.copy_((before.mT + 1) / 2)
        self._given[:-1, :, self._size : -1].copy_(x.mT)
        multiply, activation = np.matmul, torch.relu_ if self._relu else torch.sigmoid_
        with torch.inference_mode():
            for given, out, states in self._forward:
                multiply(weights, given, out=out)
                activation(states)
            if not self._relu:
                torch.add(_MINUS_ONE, self._given[1:, :, : self._size], alpha=2, out=self.states)
        return self.states

    def backward(self, above: Tensor, weight: Tensor, w: Weights) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Gradients of what is `above`, [R, K, O, B] of the last R steps, and its weights [K, O, D].

        -> gradients of the weights of inputs and states, of the bias, and, of a layer on `top`, of `weight` and of the
        bias above. `deltas[T, K, D, B]` are then those of the sums of the steps.
        """
        size = self._size
        weights = torch.cat((w.hh.mT, weight.mT), -1)
        self._gradients[len(self._gradients) - len(above) :, :, size:].copy_(above)
        if self._relu:
            slope = torch.ops.aten.threshold_backward.grad_input
            more: tuple[int, ...] = (0,)
        else:  # 1 - h^2 = 4 p (1 - p)
            slope, more = torch.ops.aten.sigmoid_backward.grad_input, ()
            weights *= 4
        multiply, values = np.matmul, weights.numpy()
        with torch.inference_mode():
            (rows, given), *products = self._products
            total = torch.bmm(rows, given)
            for (later, out, delta, states), (rows, given) in zip(self._backward, products, strict=True):
                multiply(values, later, out=out)
                slope(delta, states, *more, grad_input=delta)
                total.baddbmm_(rows, given)
        total = total.clone()
        if not self._relu:
            total[..., :size].mul_(2).sub_(total[..., -1:])
        own, outer = total[:, :size], total[:, size:]
        return own[..., size:-1], own[..., :size], own[..., -1], outer[..., :size], outer[..., -1]
