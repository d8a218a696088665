"""Series in time from a user's columns: one, or one for each name in a column; every one in the order of its times."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqcore.data.readers.column_parsing import (
    Columns,
    Origin,
    encode,
    holds_numbers,
    is_text,
    is_whole,
    note_gaps,
    rows_of_gaps,
    sample,
    take_numbers,
    take_values,
    wanted_column,
)
from seqcore.data.readers.reindexing import Filled, fill_missing_times
from seqcore.data.readers.time_columns import short_time, take_times
from seqcore.data.table import Table
from seqcore.errors import DataError

__all__ = ["ID_NAMES", "Ids", "ordered", "series_table", "step_column"]

Times = NDArray[np.datetime64]
Order = NDArray[np.int64] | None

ID_NAMES = frozenset(
    [
        "id",
        "name",
        "series",
        "sequence",
        "seq",
        "sample",
        "case",
        "key",
        "symbol",
        "ticker",
        "item",
        "store",
        "station",
        "sensor",
        "device",
        "unit",
        "city",
        "country",
        "region",
        "stock",
        "company",
        "product",
        "code",
        "group",
        "site",
        "location",
        "asset",
        "machine",
        "engine",
        "trial",
        "recording",
        "utterance",
        "file",
        "episode",
        "run",
        "unique_id",
        "series_id",
        "sequence_id",
        "sequenceid",
        "seq_id",
        "sample_id",
        "case_id",
        "item_id",
        "store_id",
        "sensor_id",
        "station_id",
        "unit_id",
        "device_id",
        "trial_id",
        "recording_id",
        "file_id",
        "series_name",
        "uid",
        "sid",
    ]
)
"""What people call the column that tells series or sequences apart."""

_STEP_NAMES = frozenset(
    [
        "time",
        "t",
        "step",
        "steps",
        "timestep",
        "time_step",
        "time_idx",
        "timeidx",
        "time_index",
        "tick",
        "frame",
        "frame_id",
        "index",
        "idx",
        "n",
        "k",
        "pos",
        "position",
        "order",
        "seq_no",
        "cycle",
        "cycles",
        "second",
        "seconds",
        "ms",
        "dim_index",
    ]
)


@dataclass(frozen=True)
class Ids:
    """Which series each row belongs to: `codes[N]` into `names`, which are in the order in which they come first."""

    column: str
    codes: NDArray[np.int32]
    names: list[str]


def series_table(columns: Columns, origin: Origin) -> Table:
    """One series, or one for each name in the series column; rows in the order of their times.

    DataError: a line for each fault, with row and column.
    """
    date_name, times = take_times(columns, origin)
    pa.default_memory_pool().release_unused()
    ids = _take_ids(columns, times, origin)
    step_name = step_column(columns) if ids is not None and times is None else None
    steps = None
    if ids is not None and step_name is not None and len(columns) > 1:
        steps = _steps(columns, step_name, ids, origin)
    names = take_numbers(columns, origin, has_dates=times is not None)
    values = take_values(columns, names, origin)
    note_gaps(values, names, origin)
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
        origin.notes.append(f"{len(ids.names):,} series are told apart by {ids.column}, of {rows} rows each.")
    row_numbers, inserted = rows_of_gaps(values, order, origin), 0
    if times is not None:
        series = ids.names if ids is not None else []
        filled = fill_missing_times(Filled(values, times, offsets, row_numbers), series, origin)
        values, times, offsets = filled.values, filled.times, filled.offsets
        row_numbers, inserted = filled.row_numbers, filled.inserted
    return Table(
        values=values,
        columns=tuple(names),
        times=times,
        offsets=offsets,
        names=tuple(ids.names) if ids is not None else (),
        notes=tuple(origin.notes),
        x_title=date_name if times is not None else step_name if steps is not None and step_name else "row",
        row_numbers=row_numbers,
        inserted=inserted,
    )


def step_column(columns: Columns) -> str | None:
    """The column of numbers that counts the steps of each sequence, by its name."""
    return next(
        (n for n, column in columns.items() if n.strip().lower() in _STEP_NAMES and not is_text(column)),
        None,
    )


def ordered(ids: Ids | None, along: NDArray[Any] | None, along_name: str, origin: Origin) -> Order:
    """The order of series and, within each, of `along[N]`; None where the rows have it.

    DataError where two rows of one series have the same time.
    """
    if ids is None:
        return None if along is None else _order(along, along_name, origin)
    same = ids.codes[1:] == ids.codes[:-1]
    blocks = bool(np.all(ids.codes[1:] >= ids.codes[:-1]))
    if along is None:
        return None if blocks else np.argsort(ids.codes, kind="stable").astype(np.int64)
    if blocks and bool(np.all((along[1:] > along[:-1]) | ~same)):
        return None
    order = np.lexsort((along, ids.codes))
    codes, sorted_along = ids.codes[order], along[order]
    again = np.flatnonzero((codes[1:] == codes[:-1]) & (sorted_along[1:] == sorted_along[:-1]))
    if len(again):
        first = int(again[0])
        rows = sorted(int(i) for i in order[first : first + 2])
        listed = " and ".join(str(row) for row in origin.rows(rows))
        time = sorted_along[first]
        shown = short_time(time) if isinstance(time, np.datetime64) else f"{time:g}"
        more = f"; so do {len(again) - 1:,} more" if len(again) > 2 else "; so does 1 more" if len(again) == 2 else ""
        raise DataError(
            f"{origin.name}, columns {ids.column} and {along_name}: {ids.names[codes[first]]}, {shown} comes more than "
            f"once (rows {listed}{more}); keep one row for each time of a series"
        )
    origin.notes.append(f"The rows were put in order of {ids.column} and {along_name}.")
    return order.astype(np.int64)


def _take_ids(columns: Columns, times: Times | None, origin: Origin) -> Ids | None:
    """The series that rows belong to, where a column tells; it is taken out of `columns`."""
    if origin.series_column == "none":
        return None
    if origin.series_column != "auto":
        name = wanted_column(origin.series_column, columns, origin, "the series")
        return Ids(name, *encode(name, columns.pop(name), origin, "the series"))
    found = _by_times(columns, times, origin) if times is not None else _by_blocks(columns, origin)
    for name in found.column.split("\0") if found is not None else ():
        columns.pop(name)
    return found and Ids(found.column.replace("\0", " and "), found.codes, found.names)


def _candidates(columns: Columns, origin: Origin, *, whole: bool) -> list[Ids]:
    """Columns whose cells come again, as ids: text, and where `whole` is allowed, whole numbers too."""
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
    """Where times come again: the column, or two of them, within whose ids they don't."""
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
        keys = np.lexsort((times, ids.codes))
        codes, sorted_times = ids.codes[keys], times[keys]
        again = int(((codes[1:] == codes[:-1]) & (sorted_times[1:] == sorted_times[:-1])).sum())
        if again < best[0] and len(ids.names) <= len(times) / 2:
            best = again, ids
        if again == 0:
            break
    return best[1]


def _together(a: Ids, b: Ids) -> Ids:
    """Two columns as one: a store and an item."""
    both = a.codes.astype(np.int64) * len(b.names) + b.codes
    _, first, codes = np.unique(both, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    places = np.sort(first)
    names = [f"{a.names[a.codes[i]]}, {b.names[b.codes[i]]}" for i in places]
    return Ids(f"{a.column}\0{b.column}", rank[codes].astype(np.int32), names)


def _by_blocks(columns: Columns, origin: Origin) -> Ids | None:
    """Without times: text whose equal cells lie together, or within which a column that counts steps never repeats."""
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
            keys = np.lexsort((along, ids.codes))
            codes, sorted_along = ids.codes[keys], along[keys]
            again = (codes[1:] == codes[:-1]) & (sorted_along[1:] == sorted_along[:-1])
            if not again.any() and len(np.unique(along)) < len(along):
                return ids
    return None


def _steps(columns: Columns, name: str, ids: Ids, origin: Origin) -> NDArray[np.float64] | None:
    """The steps of the rows, where the column counts them; then it is taken out of `columns`."""
    if columns[name].null_count:
        return None
    steps = np.asarray(columns[name]).astype(np.float64)
    keys = np.lexsort((steps, ids.codes))
    codes, along = ids.codes[keys], steps[keys]
    if bool(np.any((codes[1:] == codes[:-1]) & (along[1:] == along[:-1]))) or len(np.unique(steps)) == len(steps):
        return None
    del columns[name]
    origin.notes.append(f"Rows follow each other by {name}.")
    return steps


def _order(times: NDArray[Any], date_name: str, origin: Origin) -> Order:
    """The order of time; None where the rows have it. DataError where two rows have the same time."""
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
        more = f"; so do {others:,} other dates" if others > 1 else "; so does 1 other date" if others else ""
        raise DataError(
            f"{origin.name}, column {date_name}: {date} comes more than once (rows {rows}{more}); "
            "keep one row for each date, name the column that tells series apart, or say that there is no date column"
        )
    backwards = bool(np.all(times[1:] < times[:-1]))
    how = f"they began with the latest {date_name}" if backwards else f"they were not in the order of {date_name}"
    origin.notes.append(f"The rows were put in order: {how}.")
    return order.astype(np.int64)
