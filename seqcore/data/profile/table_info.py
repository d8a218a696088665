"""The rows of a table by column and split, thinned for a plot over time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.splits import SPLIT_TITLES, split_bounds
from seqcore.data.table import Table
from seqcore.results.data import Segment, TableInfo
from seqcore.results.thinning import evenly, thin

__all__ = ["table_info"]

MAX_SEQUENCES = 12
MAX_SERIES = 8  # named, each in a color of its own
MAX_COLUMNS = 6
MAX_SYMBOLS = 240


def table_info(
    table: Table,
    *,
    validation_fraction: float = 0.0,
    test_fraction: float = 0.0,
    columns: tuple[str, ...] = (),
    max_points: int = 6000,
) -> TableInfo:
    """A table with its splits: consecutive rows of a series, or whole sequences where these are independent.

    `columns` selects (empty: all); at most 6 columns of at most 12 sequences, or 8 series.
    """
    wanted = [c for c in (columns or table.columns) if c in table.columns]
    drawn = wanted[:MAX_COLUMNS]
    sequences = _sequences(table)
    spans = _spans(table, validation_fraction, test_fraction)
    rows = int(table.lengths[sequences].sum()) * len(drawn)
    share = min(1.0, max_points / max(1, rows))  # the same for all splits: none looks smoother than another
    segments: list[Segment] = []
    for s in sequences:
        start, stop = int(table.offsets[s]), int(table.offsets[s + 1])
        x = _x(table, start, stop)
        series = table.names[s] if table.names and len(sequences) > 1 else ""
        for column in drawn:
            values = table.values[start:stop, table.columns.index(column)]
            for split, low, high in spans[s]:
                # A line continues to the first value of the next split, so that there is no break between colors.
                high_drawn = min(high, low + MAX_SYMBOLS) if table.symbolic else min(high + 1, stop - start)
                y, place = values[low:high_drawn], x[low:high_drawn]
                if table.symbols is not None:
                    segments.append(Segment(column, split, place, table.symbols[y]))
                else:
                    keep = thin(y.astype(np.float64), max(20, math.ceil(share * len(y))))
                    segments.append(Segment(column, split, place[keep], y[keep].astype(np.float64), series))
    segments = _first_symbols(segments) if table.symbolic else segments
    more = []
    if len(wanted) > len(drawn):
        more.append(f"{len(wanted) - len(drawn)} more columns")
    if len(table.lengths) > len(sequences):
        more.append(f"{len(table.lengths) - len(sequences):,} more {table.sequence_unit.many}")
    shown = sum(len(s.y) for s in segments)
    if table.symbolic and len(sequences) == len(table.lengths) and shown < len(table):
        more.append(f"{len(table) - shown:,} more symbols")
    return TableInfo(
        segments=tuple(segments),
        columns=tuple(drawn),
        symbolic=table.symbolic,
        omitted=", ".join(more),
        x_title=table.x_title,
    )


def _sequences(table: Table) -> list[int]:
    """The sequences to draw: of series with names the first, else some spread over all, so that each split is shown."""
    count = len(table.lengths)
    if table.symbolic:
        return list(range(min(count, MAX_SYMBOLS)))
    if table.names and not table.independent:
        return list(range(min(count, MAX_SERIES)))
    spread: list[int] = evenly(count, MAX_SEQUENCES).tolist()
    return spread


def _x(table: Table, start: int, stop: int) -> NDArray[Any]:
    if table.times is not None:
        return table.times[start:stop]
    return np.arange(stop - start, dtype=np.float64)


def _spans(table: Table, validation_fraction: float, test_fraction: float) -> dict[int, list[tuple[str, int, int]]]:
    """The splits of each sequence: title, first row, row after the last, within the sequence."""
    spans: dict[int, list[tuple[str, int, int]]] = {s: [] for s in range(len(table.lengths))}
    for split, segments in split_bounds(table, validation_fraction, test_fraction).items():
        for s, low, high in segments:
            start = int(table.offsets[s])
            spans[s].append((SPLIT_TITLES[split], low - start, high - start))
    return spans


def _first_symbols(segments: list[Segment]) -> list[Segment]:
    kept, room = [], MAX_SYMBOLS
    for segment in segments:
        if room <= 0:
            break
        kept.append(segment._replace(x=segment.x[:room], y=segment.y[:room]))
        room -= len(segment.y)
    return kept
