"""A dataset several times over, each time with another block of it held out, so that every row is judged unseen."""

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
    """Training and validation split together, cut into `count` blocks of time, each held out in turn.

    Of each dataset "train" are the windows that share no row with the held block, "val" those whose targets all lie in
    it (their inputs may reach back). The test split is in none of them. Scales stay the given dataset's. A series is
    cut into blocks of rows, independent sequences into blocks of whole ones; what belongs together stays so.
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
            "test": _none(windows),
        }
        yield fold


def _blocks(table: Table, bounds: Bounds, count: int) -> Iterator[dict[int, tuple[int, int]]]:
    """The rows of each block by sequence."""
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
    """The block of each of these sequences, in their order; those of a group have one block."""
    if table.groups is None:
        return np.arange(len(bounds)) * count // len(bounds)
    group = np.unique([table.groups[s] for s, _, _ in bounds], return_inverse=True)[1].reshape(-1)
    blocks: NDArray[np.int64] = group * count // (int(group.max()) + 1)
    return blocks


def _apart(dataset: Dataset, windows: Windows, held: dict[int, tuple[int, int]]) -> Windows:
    """The windows that don't touch the held rows, nor are measured from one of them."""
    back = dataset.codec.before
    groups = []
    for first, count, length, s in _rows(windows):
        low, high = held.get(s, (0, 0))
        if high <= low:
            groups.append((first, count, length, s))
            continue
        earlier = _number_upto(low - dataset._reach(length) - first, windows.stride, count)
        later = _number_upto(high + back - 1 - first, windows.stride, count)
        groups.append((first, earlier, length, s))
        groups.append((first + later * windows.stride, count - later, length, s))
    return _made(groups, windows.stride)


def _within(dataset: Dataset, windows: Windows, held: dict[int, tuple[int, int]]) -> Windows:
    """The windows whose targets all lie in the held rows."""
    groups = []
    for first, count, length, s in _rows(windows):
        low, high = held.get(s, (0, 0))
        start = _number_upto(low - dataset._first_target(length) - 1 - first, windows.stride, count)
        stop = _number_upto(high - dataset._reach(length) - first, windows.stride, count)
        groups.append((first + start * windows.stride, stop - start if high > low else 0, length, s))
    return _made(groups, windows.stride)


def _number_upto(room: int, stride: int, count: int) -> int:
    """How many of `count` windows start at most `room` rows after the first one does."""
    return 0 if room < 0 else min(count, room // stride + 1)


def _rows(windows: Windows) -> list[tuple[int, int, int, int]]:
    columns = (windows.first, windows.count, windows.length, windows.sequence)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _made(groups: list[tuple[int, int, int, int]], stride: int) -> Windows:
    columns = np.array([g for g in groups if g[1] > 0], dtype=np.int64).reshape(-1, 4)
    return Windows(columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3], stride)


def _none(windows: Windows) -> Windows:
    return _made([], windows.stride)
