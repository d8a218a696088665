"""Batches of several replicas as one: windows of different numbers and lengths, padded to a common size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcore.data.dataset import Batch
from seqcore.data.labeled_dataset import UNKNOWN_CLASS

__all__ = ["StackedBatch", "join_numbers", "stack_batch"]

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class StackedBatch(Batch):
    """Batches of all replicas, [K, B, ...], padded to a common size: `rows[K]` windows are each one's own.

    `sizes` is as in `ReplicaRandom`.
    """

    rows: Counts = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    sizes: Mapping[int, Sequence[int]] = field(default_factory=dict)


def join_numbers(each: Sequence[Counts]) -> Counts:
    """The window numbers of all replicas in one row; a smaller batch repeats its last window.

    With sequences sorted by length, the smaller last batch comes at another step with each seed.
    """
    most = max(len(numbers) for numbers in each)
    if all(len(numbers) == most for numbers in each):
        return np.concatenate(each)
    return np.concatenate([np.pad(numbers, (0, most - len(numbers)), mode="edge") for numbers in each])


def stack_batch(batch: Batch, rows: Counts, taken: set[int]) -> StackedBatch:
    """A batch of all replicas' windows, one replica after the other, as [K, B, ...]; `rows[K]` are each one's own.

    Padded axes get sizes that are not `taken`, so that they are found in the shape of any random numbers.
    """
    count, sizes = len(rows), {}

    def split(values: Tensor) -> Tensor:
        return values.view(count, -1, *values.shape[1:])

    inputs, targets = split(batch.inputs), split(batch.targets)
    lengths = None if batch.lengths is None else split(batch.lengths)
    extra = {name: split(values) for name, values in batch.extra.items()}
    longest = [] if lengths is None else [int(own[:n].max()) for own, n in zip(lengths, rows.tolist(), strict=True)]
    if (rows != inputs.shape[1]).any():
        most = _free(inputs.shape[1], taken)
        sizes[most] = rows.tolist()
        inputs, targets = _longer(inputs, 1, most), _longer(targets, 1, most)
        extra = {name: _longer(values, 1, most) for name, values in extra.items()}
        lengths = None if lengths is None else _longer(lengths, 1, most)
        beyond = torch.arange(most) >= torch.from_numpy(rows)[:, None]
        targets = targets.masked_fill(beyond.to(targets.device), UNKNOWN_CLASS)  # which has no loss
    steps = inputs.shape[2]
    if longest and min(longest) < steps:
        wide = _free(steps, taken | set(sizes))
        sizes[wide] = longest
        if targets.dim() > 2 and targets.shape[2] == steps:
            targets = _longer(targets, 2, wide)
        inputs = _longer(inputs, 2, wide)
    return StackedBatch(inputs, targets, lengths, extra, rows, sizes)


def _free(size: int, taken: set[int]) -> int:
    """The smallest size from `size` up that is not taken."""
    while size in taken:
        size += 1
    return size


def _longer(values: Tensor, axis: int, size: int) -> Tensor:
    """An axis enlarged by repeating its last entry."""
    missing = size - values.shape[axis]
    if missing == 0:
        return values
    last = values.narrow(axis, -1, 1)
    return torch.cat([values, last.expand(*values.shape[:axis], missing, *values.shape[axis + 1 :])], dim=axis)
