"""Products of many small matrices by numpy, for replicas: OpenBLAS has kernels for small matrices, MKL has none.

On a CPU with AVX-512 a product of [32, 50] and [50, 50] takes about half of the time. Sizes are limited so that
OpenBLAS uses one thread, and so that calling numpy does not take longer than the product.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["SmallProducts", "are_small", "most_rows", "product_by_numpy"]

_LEAST, _MOST = 2**14, 2**18  # multiplications in one product


def are_small(like: Tensor) -> bool:
    """Whether the products [B, D] [D, D] of each step and replica of `like`, [T, K, B, D], are for numpy."""
    size = like.shape[-2] * like.shape[-1] ** 2
    return _LEAST <= size <= _MOST and like.device.type == "cpu" and like.dtype in (torch.float32, torch.float64)


def most_rows(size: int) -> int:
    """The largest B for which the products [B, D] [D, D] with D = `size` are for numpy."""
    return _MOST // size**2


def product_by_numpy(a: Tensor, b: Tensor) -> Tensor:
    """a b for [..., I, J] and [..., J, L], both on a CPU; without a gradient."""
    return torch.from_numpy(np.matmul(a.detach().numpy(), b.detach().numpy()))


class SmallProducts:
    """Adds products to tensors in place, as `Tensor.baddbmm_`; `a` must not need a gradient."""

    def __init__(self) -> None:
        self._factor: Tensor | None = None
        self._values: NDArray[Any] = np.zeros(0)
        self._out: NDArray[Any] = np.zeros(0)
        self._found = torch.zeros(0)

    def __call__(self, total: Tensor, a: Tensor, b: Tensor, *, alpha: int = 1) -> Tensor:
        """total += alpha a b for [K, ...], where `total` and `b` often are the same size or the same matrix again."""
        if b is not self._factor:
            self._factor, self._values = b, b.detach().numpy()
        if self._found.shape != total.shape:
            self._found = torch.empty(total.shape, dtype=total.dtype)
            self._out = self._found.numpy()
        np.matmul(a.numpy(), self._values, out=self._out)
        return total.add_(self._found, alpha=alpha)
