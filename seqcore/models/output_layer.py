"""The linear output layer, whose gradient is fast for replicas too."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqcore.models.recurrent_function import under_vmap

__all__ = ["FEW", "OutputLayer"]

FEW = 16  # outputs up to which the product with the weights on the left is the faster one


class OutputLayer(nn.Linear):
    """`torch.nn.Linear`, [..., features] -> [..., outputs].

    Under `torch.func.vmap` the gradient of few outputs' weights would be a batched product whose result has few
    columns, in which MKL is 20 times slower than in one of few rows (one output, 1,600 rows, 50 features, 16 replicas).
    """

    def forward(self, x: Tensor) -> Tensor:
        """See `torch.nn.Linear`."""
        if not under_vmap() or self.out_features > FEW:
            return super().forward(x)
        y = torch.matmul(self.weight, x.reshape(-1, self.in_features).mT).mT
        if self.bias is not None:
            y = y + self.bias
        return y.view(*x.shape[:-1], self.out_features)
