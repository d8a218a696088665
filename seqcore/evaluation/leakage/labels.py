"""Columns that encode the class of labeled sequences: constant within each, one value for each class."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcore.data.table import Table
from seqcore.events import Finding
from seqcore.results.thinning import evenly

__all__ = ["LabelCopy", "find_label_copies", "label_finding"]

Values = NDArray[np.float64]
Whole = NDArray[np.int64]
CHANCE = 0.01  # probability of a match by chance, at most
ALIKE = 1e-6  # of a column's range: closer values are equal up to rounding
_GLANCE = 200  # sequences that are checked first, which excludes nearly every column
_MOST_ROWS = 2_000_000
_NAMED = 3  # classes in a message
_MOST_PLACES = 5_000  # rows from either end of a sequence


class LabelCopy(NamedTuple):
    """A column with one value for each class: `values[C]` of `labels[C]`.

    In all rows of a sequence, or in one where `place` is given: the first is 0, the last -1.
    """

    column: int
    place: int | None
    labels: tuple[str, ...]
    values: tuple[float, ...]


def find_label_copies(table: Table, columns: Sequence[int]) -> list[LabelCopy]:
    """The columns of a labeled numeric table that determine the class of each sequence by themselves.

    Such a column is constant within a sequence and has one value for each class, and no other. In a table of a single
    column (a sequence is a row of the file) each position is checked, where the other positions have many more values
    than there are classes: else it may be a regular feature. Missing values are ignored; long tables are sampled.
    """
    assert table.labels is not None
    there = np.flatnonzero(table.lengths > 0)
    labels, classes = np.unique(table.labels[there], return_inverse=True)
    if len(labels) < 2:
        return []
    classes = classes.reshape(-1).astype(np.int64)
    most = max(_GLANCE, int(_MOST_ROWS // max(float(table.lengths[there].mean()), 1.0)))
    few, many = evenly(len(there), _GLANCE), evenly(len(there), most)

    def copy(column: int, place: int | None, which: Whole) -> LabelCopy | None:
        if place is None:
            low, high = _ends(table, there[which], column)
        else:
            ends = table.offsets[:-1] if place >= 0 else table.offsets[1:]
            low = high = table.values[ends[there[which]] + place, 0]
        by_class = _value_by_class(low, high, classes[which])
        if by_class is None:
            return None
        named = tuple(str(labels[c]) for c in by_class)
        return LabelCopy(column, place, named, tuple(by_class.values()))

    found = [c for c in columns if copy(c, None, few) is not None]
    copies = [told for c in found if (told := copy(c, None, many)) is not None]
    if copies or len(table.columns) > 1:
        return copies
    for place in _places(table, there[few], classes[few]):
        if (told := copy(0, place, many)) is not None:
            return [told]
    return []


def label_finding(copy: LabelCopy, table: Table) -> Finding:
    """The finding for a copy of the label."""
    name = table.columns[copy.column]
    each = [f"{value:.6g} for {label!r}" for label, value in zip(copy.labels, copy.values, strict=True)]
    listed = ", ".join(each[:_NAMED]) + (f" and so on for {len(each) - _NAMED} more" if len(each) > _NAMED else "")
    if copy.place is None:
        what, remedy = f"Column {name!r}", f"Remove {name!r} from data.inputs"
        if len(table.columns) == 1:
            remedy = "Give the values that the class depends on"
    else:
        place = copy.place + 1 if copy.place >= 0 else -copy.place
        what = f"Value {place:,} of each sequence" + (", counted from its end," if copy.place < 0 else "")
        remedy = "Remove that column from the file"
    return Finding(
        "leak-label",
        f"{what} leaks the class: it is always {listed}.",
        evidence="The model can read the class from its inputs, so its scores do not carry over to new sequences.",
        remedy=f"{remedy}, unless it is known before the class is.",
    )


def _ends(table: Table, sequences: Whole, column: int) -> tuple[Values, Values]:
    """Minimum and maximum known value of each sequence, [n]; NaN where it has none."""
    lengths = table.lengths[sequences]
    first = np.cumsum(lengths) - lengths
    rows = np.repeat(table.offsets[sequences] - first, lengths) + np.arange(int(lengths.sum()))
    values = table.values[rows, column]
    return np.fmin.reduceat(values, first), np.fmax.reduceat(values, first)


def _value_by_class(low: Values, high: Values, classes: Whole) -> dict[int, float] | None:
    """The value of each class where sequences of `classes[n]` go from `low[n]` to `high[n]`, else None."""
    known = np.isfinite(low)
    low, high, classes = low[known], high[known], classes[known]
    counts = np.bincount(classes) if len(classes) else np.zeros(0, dtype=np.int64)
    some = np.flatnonzero(counts)
    if known.mean() < 0.5 or len(some) < 2:
        return None
    same = ALIKE * float(high.max() - low.min())
    if same == 0.0 or (high - low > same).any():
        return None
    order = np.argsort(low)
    steps = np.diff(low[order]) > same
    if int(steps.sum()) + 1 != len(some) or _by_chance(counts[some]) > CHANCE:
        return None
    group = np.concatenate([[0], np.cumsum(steps)])
    firsts = np.concatenate([[0], np.flatnonzero(steps) + 1])
    if (classes[order] != classes[order][firsts][group]).any():
        return None  # a value that several classes have
    return dict(sorted(zip(classes[order][firsts].tolist(), low[order][firsts].tolist(), strict=True)))


def _by_chance(counts: Whole) -> float:
    """The probability that values unrelated to the classes are one to one with them."""
    ways = math.lgamma(int(counts.sum()) + 1) - sum(math.lgamma(n + 1) for n in counts.tolist())
    return math.exp(min(0.0, math.lgamma(len(counts) + 1) - ways))


def _places(table: Table, sequences: Whole, classes: Whole) -> Iterator[int]:
    """Positions that have as many values as there are classes, where others have many more."""
    reach = min(int(table.lengths.min()), _MOST_PLACES)
    if reach < 2:
        return
    low, high = float(np.fmin.reduce(table.values[:, 0])), float(np.fmax.reduce(table.values[:, 0]))
    ends = [np.arange(reach)]
    if int(table.lengths.max()) > reach:
        ends.append(-1 - np.arange(reach))
    wanted = len(np.unique(classes))
    for places in ends:
        starts = table.offsets[sequences] if places[-1] >= 0 else table.offsets[sequences + 1]
        values = np.sort(table.values[starts[:, None] + places, 0], axis=0)
        different = 1 + (np.diff(values, axis=0) > ALIKE * (high - low)).sum(axis=0)
        if float(np.median(different)) > 2 * wanted:
            yield from places[different == wanted].tolist()
