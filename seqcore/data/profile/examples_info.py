"""Example sequences of a table for a plot: lines by class, maps of many columns, or videos."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcore.data.splits import SPLIT_TITLES, SPLITS, assigned_splits, split_bounds
from seqcore.data.table import Table
from seqcore.results.data import Example, ExamplesInfo
from seqcore.results.formatting import counted
from seqcore.results.thinning import evenly, thin

__all__ = ["MANY_COLUMNS", "examples_info"]

MANY_COLUMNS = 12  # more than so many can't be told apart as lines
MAX_PANELS = 8
MAX_VIDEOS = 6
PER_CLASS = 3  # lines drawn over each other: so many sequences of one column, or columns of one sequence
FRAMES = 8  # of a video, side by side
MAX_POINTS = 240
MAX_CELLS = 200

Values = NDArray[np.float64]


def examples_info(
    table: Table,
    *,
    validation_fraction: float = 0.0,
    test_fraction: float = 0.0,
    columns: tuple[str, ...] = (),
) -> ExamplesInfo:
    """From a table of numbers: a panel for each class (at most 8), or for sequences of every split.

    Lines show the named columns, else all, at most 3: one column of several sequences, or several of one.
    """
    wide = len(table.columns) > MANY_COLUMNS
    kind = "videos" if table.frame is not None else "maps" if wide else "lines"
    named = tuple(name for name in columns if name in table.columns) or table.columns
    drawn = named[:PER_CLASS] if kind == "lines" else ()
    panels, omitted = _panels(table, validation_fraction, test_fraction, MAX_VIDEOS if kind == "videos" else MAX_PANELS)
    examples = []
    for i, (_, members) in enumerate(panels):
        for split, low, high in members[: PER_CLASS if len(drawn) == 1 else 1]:
            if kind != "lines":
                x, values = (_video if kind == "videos" else _map)(table, low, high)
                examples.append(Example(i, SPLIT_TITLES[split], x, values))
            for column in drawn:
                line = table.values[low : min(high, low + 50_000), table.columns.index(column)].astype(np.float64)
                keep = thin(line, MAX_POINTS)
                examples.append(Example(i, SPLIT_TITLES[split], keep.astype(np.float64), line[keep], column))
    if kind == "lines" and len(named) > len(drawn):
        more = len(named) - len(drawn)
        omitted = counted(more, "more column") + (f", {omitted}" if omitted else "")
    return ExamplesInfo(
        kind=kind,
        names=tuple(name for name, _ in panels),
        examples=tuple(examples),
        columns=drawn,
        omitted=omitted,
        x_title="" if kind == "videos" else f"{table.unit.axis} of the sequence",
        channels=table.columns if kind == "maps" and table.recordings is not None else (),
    )


def _panels(
    table: Table, validation_fraction: float, test_fraction: float, most: int
) -> tuple[list[tuple[str, list[tuple[str, int, int]]]], str]:
    """(name, [(split, first row, row after the last)]): a class with some of its sequences, or single sequences."""
    bounds = split_bounds(table, validation_fraction, test_fraction)
    if table.labels is None:
        segments = [(split, s, low, high) for split in SPLITS for s, low, high in bounds[split] if high > low]
        chosen = evenly(len(segments), most).tolist()
        name = "" if len(table.lengths) == 1 else "sequence "
        listed = [
            (f"{name}{table.names[s] if table.names else s + 1 if name else ''}".strip() or SPLIT_TITLES[split],
             [(split, low, high)])
            for split, s, low, high in (segments[i] for i in chosen)
        ]  # fmt: skip
        return listed, ""
    splits = assigned_splits(table, validation_fraction, test_fraction)
    labels, counts = np.unique(table.labels, return_counts=True)
    panels = []
    for label in labels[np.argsort(-counts, kind="stable")][:most].tolist():
        members = np.flatnonzero((table.labels == label) & (table.lengths > 0))
        members = members[np.argsort(splits[members], kind="stable")]
        one_each = np.unique(splits[members], return_index=True)[1]  # the first of every split comes before all others
        members = np.concatenate([members[one_each], np.delete(members, one_each)])[:PER_CLASS]
        spans = [(SPLITS[splits[s]], int(table.offsets[s]), int(table.offsets[s + 1])) for s in members.tolist()]
        panels.append((label, spans))
    more = f"{len(labels) - most:,} more classes" if len(labels) > most else ""
    return panels, more


def _video(table: Table, low: int, high: int) -> tuple[Values, Values]:
    """Frames of a sequence side by side with an empty column between."""
    assert table.frame is not None
    height, width = table.frame
    consecutive = not table.independent and table.labels is None
    rows = low + evenly(min(high - low, FRAMES) if consecutive else high - low, FRAMES)
    frames = table.values[rows].reshape(len(rows), height, width)
    strip = np.full((height, len(rows) * (width + 1) - 1), np.nan)
    for i, frame in enumerate(frames):
        strip[:, i * (width + 1) : i * (width + 1) + width] = frame
    return np.arange(strip.shape[1], dtype=np.float64), strip


def _map(table: Table, low: int, high: int) -> tuple[Values, Values]:
    """A sequence as a map of columns over time."""
    rows = low + evenly(high - low, MAX_CELLS)
    columns = evenly(len(table.columns), MAX_CELLS)
    return (rows - low).astype(np.float64) * table.unit.size, table.values[rows][:, columns].T.astype(np.float64)
