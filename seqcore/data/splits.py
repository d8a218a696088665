"""Training, validation and test splits: in time for series, by whole sequences or groups otherwise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcore.data.table import Table
from seqcore.results.data import SPLIT_TITLES

__all__ = ["SPLITS", "SPLIT_TITLES", "assigned_splits", "split_bounds"]

SPLITS = tuple(SPLIT_TITLES)
_SEED = 20_240_229  # fixed, so that all runs on a table have the same test split


def split_bounds(
    table: Table, validation_fraction: float, test_fraction: float
) -> dict[str, list[tuple[int, int, int]]]:
    """The rows of each split: split -> [(sequence, first row, end row)], in time order.

    Each series is divided in time at the same fractions; independent sequences belong to one split, see
    `assigned_splits`.
    """
    bounds: dict[str, list[tuple[int, int, int]]] = {split: [] for split in SPLITS}
    spans = zip(table.offsets[:-1].tolist(), table.offsets[1:].tolist(), strict=True)
    if table.independent:
        splits = assigned_splits(table, validation_fraction, test_fraction).tolist()
        for s, ((start, end), split) in enumerate(zip(spans, splits, strict=True)):
            bounds[SPLITS[split]].append((s, start, end))
        return bounds
    for s, (start, end) in enumerate(spans):
        low = start
        for split, high in zip(SPLITS, _cut(end - start, validation_fraction, test_fraction), strict=True):
            if start + high > low:
                bounds[split].append((s, low, start + high))
            low = start + high
    return bounds


def assigned_splits(table: Table, validation_fraction: float, test_fraction: float) -> NDArray[np.int64]:
    """The split (index in `SPLITS`) of each independent sequence, [S].

    In order of the sequences; labeled sequences are shuffled with a fixed seed and stratified by class, and `groups`
    are not divided.
    """
    count = len(table.lengths)
    train, validation, _ = _cut(count, validation_fraction, test_fraction)
    if table.labels is None and table.groups is None:
        return (np.arange(count) >= train).astype(np.int64) + (np.arange(count) >= validation)
    labels = np.zeros(count, dtype=np.int64)
    if table.labels is not None:
        labels = np.unique(table.labels, return_inverse=True)[1].reshape(-1)
    random = np.random.default_rng(_SEED)
    fractions = (validation_fraction, test_fraction)
    ids = np.arange(count) if table.groups is None else table.groups
    return _mixed(labels, np.unique(ids, return_inverse=True)[1].reshape(-1), fractions, random)


def _mixed(
    labels: NDArray[np.int64], groups: NDArray[np.int64], fractions: tuple[float, float], random: np.random.Generator
) -> NDArray[np.int64]:
    """Assign whole groups to splits, stratified by the most frequent class of each group."""
    if len(groups) == 0:
        return groups
    sizes = np.bincount(groups)
    votes = np.zeros((len(sizes), int(labels.max()) + 1), dtype=np.int64)
    np.add.at(votes, (groups, labels), 1)
    stratum = votes.argmax(axis=1)
    # groups of several classes (a speaker of every vowel) are one stratum
    stratum[(votes > 0).sum(axis=1) > 1] = votes.shape[1]
    split = np.zeros(len(sizes), dtype=np.int64)
    for kind in np.unique(stratum):
        members = np.flatnonzero(stratum == kind)
        members = members[random.permutation(len(members))]
        ends = np.cumsum(sizes[members])
        middle = ends - sizes[members] / 2  # a group is assigned by its middle
        train, validation, _ = _cut(int(ends[-1]), *fractions)
        split[members] = (middle > train).astype(np.int64) + (middle > validation)
    _fill_empty(split, sizes, fractions)
    return split[groups]


def _fill_empty(split: NDArray[np.int64], sizes: NDArray[np.int64], fractions: tuple[float, float]) -> None:
    """Give a requested but empty split the best fitting group, in place: large groups may leave it empty."""
    for target, fraction in enumerate(fractions, start=1):
        giving = np.flatnonzero(np.bincount(split, minlength=3)[split] > 1)
        if fraction and not (split == target).any() and len(giving):
            split[giving[np.argmin(np.abs(sizes[giving] - fraction * sizes.sum()))]] = target


def _cut(n: int, validation_fraction: float, test_fraction: float) -> tuple[int, int, int]:
    """The end of each split of n rows."""
    test = round(n * test_fraction)
    validation = round(n * validation_fraction)
    return n - validation - test, n - test, n
