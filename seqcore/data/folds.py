"""Cross-validation folds of a dataset: each holds out another block, so that every row is predicted unseen."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from seqcore.data.dataset import Dataset, Windows
from seqcore.data.splits import split_bounds
from seqcore.data.table import Table

__all__ = ["folds"]

Bounds = list[tuple[int, int, int]]


def folds(dataset: Dataset, count: int) -> Iterator[Dataset]:
    """Training and validation split together, divided into `count` blocks of time, each held out in turn.

    In each fold "train" has the windows that share no row with the held-out block, "val" those with all targets in it
    (inputs may be earlier). The test split is excluded. The scales of the given dataset are kept. A series is divided
    into blocks of rows, independent sequences into blocks of sequences; groups are not divided.
    """
    whole = copy.copy(dataset)
    before = split_bounds(dataset.table, 0.0, dataset.config.test_fraction)["train"]
    whole.bounds = {"train": before, "val": [], "test": []}
    windows = whole._windows("train")
    for held in _blocks(dataset.table, before, count):
        fold = copy.copy(whole)
        fold.bounds = {"train": [], "val": [(s, *rows) for s, rows in held.items()], "test": []}
        fold.windows = {
            "train": _apart(dataset, windows, held),
            "val": _within(dataset, windows, held),
            "test": Windows.from_groups([], windows.stride),
        }
        yield fold


def _blocks(table: Table, bounds: Bounds, count: int) -> Iterator[dict[int, tuple[int, int]]]:
    """The held-out rows of each block by sequence."""
    block = _block_of_sequence(table, bounds, count) if table.independent else None
    for k in range(count):
        held = {}
        for i, (s, low, high) in enumerate(bounds):
            if block is None:
                held[s] = (low + (high - low) * k // count, low + (high - low) * (k + 1) // count)
            elif block[i] == k:
                held[s] = (low, high)
        yield held


def _block_of_sequence(table: Table, bounds: Bounds, count: int) -> NDArray[np.int64]:
    """The block of each of these sequences; a group is in one block."""
    if table.groups is None:
        return np.arange(len(bounds)) * count // len(bounds)
    group = np.unique([table.groups[s] for s, _, _ in bounds], return_inverse=True)[1].reshape(-1)
    return np.asarray(group * count // (int(group.max()) + 1))


def _apart(dataset: Dataset, windows: Windows, held: dict[int, tuple[int, int]]) -> Windows:
    """The windows without held-out rows, also not as anchor of relative scaling."""
    back = dataset.codec.before
    groups = []
    for first, count, length, s in windows.groups():
        low, high = held.get(s, (0, 0))
        if high <= low:
            groups.append((first, count, length, s))
            continue
        earlier = _number_upto(low - dataset._reach(length) - first, windows.stride, count)
        later = _number_upto(high + back - 1 - first, windows.stride, count)
        groups.append((first, earlier, length, s))
        groups.append((first + later * windows.stride, count - later, length, s))
    return Windows.from_groups(groups, windows.stride)


def _within(dataset: Dataset, windows: Windows, held: dict[int, tuple[int, int]]) -> Windows:
    """The windows with all targets in the held-out rows."""
    groups = []
    for first, count, length, s in windows.groups():
        low, high = held.get(s, (0, 0))
        start = _number_upto(low - dataset._first_target(length) - 1 - first, windows.stride, count)
        stop = _number_upto(high - dataset._reach(length) - first, windows.stride, count)
        groups.append((first + start * windows.stride, stop - start if high > low else 0, length, s))
    return Windows.from_groups(groups, windows.stride)


def _number_upto(room: int, stride: int, count: int) -> int:
    """How many of `count` windows start at most `room` rows after the first."""
    return 0 if room < 0 else min(count, room // stride + 1)
