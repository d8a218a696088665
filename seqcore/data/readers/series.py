"""Time series from a user's columns: one, or one for each value of an id column, sorted by time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqcore.data.calendar import short_time
from seqcore.data.readers.column_parsing import (
    ID_NAMES,
    STEP_NAMES,
    Columns,
    Origin,
    encode,
    holds_numbers,
    is_text,
    is_whole,
    read_numbers,
    rows_of_missing,
    sample,
    wanted_column,
)
from seqcore.data.readers.reindexing import fill_missing_times
from seqcore.data.readers.time_columns import take_times
from seqcore.data.table import Table
from seqcore.errors import DataError

__all__ = ["Ids", "ordered", "series_table", "step_column"]

Times = NDArray[np.datetime64]
Order = NDArray[np.int64] | None


@dataclass(frozen=True)
class Ids:
    """The series of each row: `codes[N]` into `names`, in order of first appearance."""

    column: str
    codes: NDArray[np.int32]
    names: list[str]


def series_table(columns: Columns, origin: Origin) -> Table:
    """One series, or one for each value of the series column, sorted by time.

    DataError: a line for each error, with row and column.
    """
    date_name, times = take_times(columns, origin)
    pa.default_memory_pool().release_unused()
    ids = _take_ids(columns, times, origin)
    step_name = step_column(columns) if ids is not None and times is None else None
    steps = None
    if ids is not None and step_name is not None and len(columns) > 1:
        steps = _steps(columns, step_name, ids, origin)
    names, values = read_numbers(columns, origin, has_dates=times is not None)
    along = times if times is not None else steps
    order = ordered(ids, along, date_name or step_name or "", origin)
    if order is not None:
        values = values[order]
        times = times[order] if times is not None else None
    offsets = np.array([0, len(values)], dtype=np.int64)
    if ids is not None:
        counts = np.bincount(ids.codes, minlength=len(ids.names))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rows = f"{counts.min():,}" if counts.min() == counts.max() else f"{counts.min():,} to {counts.max():,}"
        origin.notes.append(f"{len(ids.names):,} series by column {ids.column}, {rows} rows each.")
    table = Table(
        values=values,
        columns=tuple(names),
        times=times,
        offsets=offsets,
        names=tuple(ids.names) if ids is not None else (),
        x_title=date_name if times is not None else step_name if steps is not None and step_name else "row",
        row_numbers=rows_of_missing(values, order, origin),
    )
    table = fill_missing_times(table, origin)
    return replace(table, notes=tuple(origin.notes))


def step_column(columns: Columns) -> str | None:
    """The numeric column that counts time steps, recognized by its name."""
    return next((n for n, column in columns.items() if n.strip().lower() in STEP_NAMES and not is_text(column)), None)


def ordered(ids: Ids | None, along: NDArray[Any] | None, along_name: str, origin: Origin) -> Order:
    """The row order by series, then by `along[N]`; None if the rows are sorted.

    DataError if two rows of one series have the same time.
    """
    if ids is None:
        return None if along is None else _order(along, along_name, origin)
    same = ids.codes[1:] == ids.codes[:-1]
    blocks = bool(np.all(ids.codes[1:] >= ids.codes[:-1]))
    if along is None:
        return None if blocks else np.argsort(ids.codes, kind="stable").astype(np.int64)
    if blocks and bool(np.all((along[1:] > along[:-1]) | ~same)):
        return None
    order, again = _repeats(ids, along)
    if len(again):
        first = int(again[0])
        rows = sorted(int(i) for i in order[first : first + 2])
        listed = " and ".join(str(row) for row in origin.rows(rows))
        time = along[order[first]]
        shown = short_time(time) if isinstance(time, np.datetime64) else f"{time:g}"
        more = f"; {len(again) - 1:,} more" if len(again) > 1 else ""
        raise DataError(
            f"{origin.name}, columns {ids.column} and {along_name}: {ids.names[ids.codes[order[first]]]}, {shown} is "
            f"duplicated (rows {listed}{more}); keep one row per series and time"
        )
    origin.notes.append(f"The rows were sorted by {ids.column} and {along_name}.")
    return order


def _repeats(ids: Ids, along: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The order by id, then by `along[N]`; and the places in it whose next row has the same id and value."""
    order = np.lexsort((along, ids.codes)).astype(np.int64)
    codes, values = ids.codes[order], along[order]
    return order, np.flatnonzero((codes[1:] == codes[:-1]) & (values[1:] == values[:-1]))


def _take_ids(columns: Columns, times: Times | None, origin: Origin) -> Ids | None:
    """The series of each row if a column gives it; the column is removed from `columns`."""
    if origin.options.series_column == "none":
        return None
    if origin.options.series_column != "auto":
        name = wanted_column(origin.options.series_column, columns, origin, "the series")
        return Ids(name, *encode(name, columns.pop(name), origin, "the series"))
    found = _by_times(columns, times, origin) if times is not None else _by_blocks(columns, origin)
    for name in found.column.split("\0") if found is not None else ():
        columns.pop(name)
    return found and Ids(found.column.replace("\0", " and "), found.codes, found.names)


def _candidates(columns: Columns, origin: Origin, *, whole: bool) -> list[Ids]:
    """Columns with repeated values as ids: text, and with `whole` also integers."""
    found = []
    for name, column in columns.items():
        text = is_text(column) and not holds_numbers(column, origin.decimal)
        if not text and not (whole and not is_text(column) and is_whole(column)):
            continue
        cells = sample(column)
        if column.null_count or not cells or len(set(cells)) > max(0.5 * len(cells), 400 * 0.5):
            continue
        ids = Ids(name, *encode(name, column, origin, "the series"))
        if 2 <= len(ids.names) <= len(column) / 2:
            found.append(ids)
    return sorted(found, key=lambda ids: (not _is_hinted(ids.column), not is_text(columns[ids.column])))


def _is_hinted(name: str) -> bool:
    return name.strip().lower() in ID_NAMES


def _by_times(columns: Columns, times: Times, origin: Origin) -> Ids | None:
    """With repeated times: the column, or pair of columns, that separates equal times."""
    steps = np.diff(times)
    if len(times) < 4 or bool(np.all(steps > np.timedelta64(0)) or np.all(steps < np.timedelta64(0))):
        return None
    repeated = len(times) - len(np.unique(times))
    if repeated == 0:
        return None
    candidates = _candidates(columns, origin, whole=True)[:6]
    together = [_together(a, b) for a, b in itertools.combinations(candidates[:4], 2)]
    best: tuple[float, Ids | None] = (0.5 * repeated, None)
    for ids in [*candidates, *together]:
        if repeated < 0.1 * len(times) and not _is_hinted(ids.column.split("\0")[0]):
            continue
        again = len(_repeats(ids, times)[1])
        if again < best[0] and len(ids.names) <= len(times) / 2:
            best = again, ids
        if again == 0:
            break
    return best[1]


def _together(a: Ids, b: Ids) -> Ids:
    """Two columns as one id: a store and an item."""
    both = a.codes.astype(np.int64) * len(b.names) + b.codes
    _, first, codes = np.unique(both, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    places = np.sort(first)
    names = [f"{a.names[a.codes[i]]}, {b.names[b.codes[i]]}" for i in places]
    return Ids(f"{a.column}\0{b.column}", rank[codes].astype(np.int32), names)


def _by_blocks(columns: Columns, origin: Origin) -> Ids | None:
    """Without times: text in contiguous blocks, or ids within which a step column never repeats."""
    step = step_column(columns)
    for ids in _candidates(columns, origin, whole=step is not None):
        if ids.column == step or (not is_text(columns[ids.column]) and not _is_hinted(ids.column)):
            continue
        counts = np.bincount(ids.codes)
        runs = 1 + int((ids.codes[1:] != ids.codes[:-1]).sum())
        if is_text(columns[ids.column]) and runs == len(ids.names) and counts.min() >= 2:
            return ids
        if step is not None and columns[step].null_count == 0:
            along = np.asarray(columns[step])
            if not len(_repeats(ids, along)[1]) and len(np.unique(along)) < len(along):
                return ids
    return None


def _steps(columns: Columns, name: str, ids: Ids, origin: Origin) -> NDArray[np.float64] | None:
    """The time steps of the rows if the column counts them; it is then removed from `columns`."""
    if columns[name].null_count:
        return None
    steps = np.asarray(columns[name]).astype(np.float64)
    if len(_repeats(ids, steps)[1]) or len(np.unique(steps)) == len(steps):
        return None
    del columns[name]
    origin.notes.append(f"The rows are ordered by {name}.")
    return steps


def _order(times: NDArray[Any], date_name: str, origin: Origin) -> Order:
    """The order by time; None if the rows are sorted. DataError if two rows have the same time."""
    if len(times) < 2 or bool(np.all(times[1:] > times[:-1])):
        return None
    order = np.argsort(times, kind="stable")
    ordered_times = times[order]
    again = np.flatnonzero(ordered_times[1:] == ordered_times[:-1])
    if len(again):
        first = int(again[0])
        same = order[ordered_times == ordered_times[first]][:5]
        rows = " and ".join(str(row) for row in origin.rows(sorted(int(i) for i in same)))
        date = short_time(ordered_times[first])
        others = len(np.unique(ordered_times[again])) - 1
        more = f"; {others:,} more date{'s' * (others > 1)}" if others else ""
        raise DataError(
            f"{origin.name}, column {date_name}: {date} is duplicated (rows {rows}{more}); "
            "keep one row per date, set the series column, or set the date column to none"
        )
    backwards = bool(np.all(times[1:] < times[:-1]))
    how = f"they were in descending order of {date_name}" if backwards else f"they were not sorted by {date_name}"
    origin.notes.append(f"The rows were sorted: {how}.")
    return order.astype(np.int64)
