"""Wide tables: dates, years, months or step numbers across the top, and one series per row."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from seqcore.data.readers.column_parsing import Columns, Origin, take_values
from seqcore.data.readers.detect_kind import Reading
from seqcore.data.readers.header_times import HeaderTimes
from seqcore.data.readers.profiles import as_level
from seqcore.data.readers.reindexing import MOST_MISSING, fill_missing_times
from seqcore.data.readers.roles import Roles
from seqcore.data.readers.series import take_time
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.results.formatting import listed

__all__ = ["wide_table"]

_MOST_IDS = 6  # columns whose combinations may name the series


def wide_table(columns: Columns, origin: Origin, reading: Reading, roles: Roles) -> Table:
    """One series per row; with parts of a year or day across, one per name over all years or days.

    DataError if no row has values.
    """
    header = reading.header
    assert header is not None
    starts = _take_starts(columns, header, origin, roles) if header.within else None
    names, used = _names(columns, header, starts, roles)
    value = _value_name(columns, header, used, roles)
    left = [name for name in columns if name not in {*header.columns, *used}]
    for name in (*left, *used):
        del columns[name]
    roles.take(used, "series", "names the series of each row")
    roles.take(left, "ignore", "neither a name nor a time step")
    roles.take(header.columns, "value", "a time step of each series")
    roles.release()
    values, odd = take_values(columns, list(header.columns), origin)
    origin.notes += odd.values()
    if starts is None:
        times = None if header.times is None else np.tile(header.times, (len(values), 1))
        table = _stacked(values, times, names, value)
    else:
        table = _chained(values, header.of(starts), names, value, origin)
    if len(table) == 0:
        raise DataError(f"{origin.name}: there are no values in columns {header.columns[0]} to {header.columns[-1]}")
    origin.notes.append(_note(table, header, used, len(values)))
    if left:
        origin.notes.append(f"Columns left out (neither names nor time steps): {listed(left, 8)}.")
    return fill_missing_times(table, origin)


def _take_starts(columns: Columns, header: HeaderTimes, origin: Origin, roles: Roles) -> NDArray[np.datetime64]:
    """The year or day of each row, [N]; its columns are removed."""
    known = dict.fromkeys(header.columns, "value")
    if header.within == "year":
        known[next(n for n in columns if n not in header.columns and roles.profiles[n].hint("year"))] = "time"
    axis = take_time(columns, origin, roles, known)
    if axis is None or axis.times is None:
        raise DataError(f"{origin.name}: there is no column with the {header.within} of each row; add one")
    return axis.times


def _names(
    columns: Columns, header: HeaderTimes, starts: NDArray[np.datetime64] | None, roles: Roles
) -> tuple[list[str], tuple[str, ...]]:
    """The name of each row, and the fewest columns that name all rows (of one start) differently."""
    count = len(columns[header.columns[0]])
    others = [roles.profiles[name] for name in columns if name not in set(header.columns)]
    likely = [p for p in others if p.text and not p.numeric and not p.empty and (count == 1 or not p.constant)]
    likely += [p for p in others if p.whole and p.hint("series") and not p.constant]
    likely = sorted(likely, key=lambda p: (-p.hint("series") if p.unique else 1, p.place))[:_MOST_IDS]
    given = tuple(roles.given.of("series"))
    cells = {
        name: ["" if v is None else as_level(v) for v in columns[name].to_pylist()]
        for name in given or [p.name for p in likely]
    }
    none = [()] if starts is not None else []
    choices = [given] if given else [*none, *(c for n in (1, 2, 3) for c in itertools.combinations(cells, n))]
    keys = [0] * count if starts is None else starts.astype(np.int64).tolist()
    best: tuple[int, tuple[str, ...], list[str]] = (0, (), [""] * count)
    for chosen in choices:
        order = sorted(chosen, key=lambda name: roles.profiles[name].place)
        rows = zip(*(cells[name] for name in order), strict=True) if order else [()] * count
        named = [", ".join(filter(None, row)) for row in rows]
        distinct = len(set(zip(named, keys, strict=True)))
        if distinct > best[0]:
            best = distinct, tuple(order), named
        if distinct == count:
            break
    return best[2], best[1]


def _value_name(columns: Columns, header: HeaderTimes, used: tuple[str, ...], roles: Roles) -> str:
    """What is measured: the cells of a text column that is the same in every row, else "value"."""
    others = [roles.profiles[name] for name in columns if name not in {*header.columns, *used}]
    same = [p.example for p in others if p.text and p.constant and not p.empty]
    return next((name for name in same if len(name) > 2), "value")


def _chained(
    values: NDArray[np.float64], times: NDArray[np.datetime64], names: list[str], value: str, origin: Origin
) -> Table:
    """The rows of each name one after another in order of time, from its first to its last value.

    DataError for a start that a name has twice.
    """
    known = list(dict.fromkeys(names))
    codes = np.array([known.index(name) for name in names])
    order = np.lexsort((times[:, 0], codes))
    again = np.flatnonzero((np.diff(codes[order]) == 0) & (np.diff(times[order, 0]) == np.timedelta64(0)))
    if len(again):
        both = origin.rows(sorted(order[again[0] : again[0] + 2].tolist()))
        shown = np.datetime_as_string(times[order[again[0]], 0], unit="D")
        raise DataError(
            f"{origin.name}: {shown} is duplicated (rows {both[0]} and {both[1]}); keep one row for each time, or "
            "set the series column"
        )
    flat, when, of = values[order].reshape(-1), times[order].reshape(-1), np.repeat(codes[order], values.shape[1])
    inside = np.zeros(len(flat), dtype=bool)
    kept = []
    for code, name in enumerate(known):
        there = np.flatnonzero((of == code) & ~np.isnan(flat))
        if len(there):
            inside[there[0] : there[-1] + 1] = True
            kept.append((name, int(there[-1] - there[0]) + 1))
    return Table(
        values=flat[inside][:, None],
        columns=(value,),
        offsets=np.cumsum([0, *(length for _, length in kept)]).astype(np.int64),
        times=when[inside],
        names=tuple(name for name, _ in kept) if any(names) else (),
        x_title="time",
    )


def _stacked(values: NDArray[np.float64], times: NDArray[np.datetime64] | None, names: list[str], value: str) -> Table:
    """The rows one after another, without those that have no values.

    Each ends with its last value. A few dates at both ends may be missing; more than that, and the series is shorter.
    """
    known = ~np.isnan(values)
    kept = np.flatnonzero(known.any(axis=1))
    last = values.shape[1] - np.argmax(known[:, ::-1], axis=1)
    first = np.zeros(len(values), dtype=np.int64)
    if times is not None:
        few = MOST_MISSING * values.shape[1]
        first = np.where(np.argmax(known, axis=1) > few, np.argmax(known, axis=1), 0)
        last = np.where(values.shape[1] - last > few, last, values.shape[1])
    place = np.arange(values.shape[1])
    filled = np.asarray(known.any(axis=1))
    inside: NDArray[np.bool_] = (place >= first[:, None]) & (place < last[:, None]) & filled[:, None]
    lengths = inside.sum(axis=1)[kept]
    again = Counter[str]()
    unique = []
    for row in kept.tolist():
        again[names[row]] += 1
        count = again[names[row]]
        unique.append((names[row] or f"row {row + 1}") if count == 1 else f"{names[row] or 'row'} ({count})")
    return Table(
        values=values[inside][:, None],
        columns=(value,),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        times=None if times is None else times[inside],
        names=tuple(unique) if len(unique) > 1 or any(names) else (),
        x_title="time" if times is not None else "step",
    )


def _note(table: Table, header: HeaderTimes, used: tuple[str, ...], rows: int) -> str:
    across = f"{len(header.columns):,} time steps in columns {header.columns[0]} to {header.columns[-1]}"
    by = f", named by {' and '.join(used)}" if used else ""
    count = len(table.lengths)
    without = f" {rows - count:,} rows without values were left out." if rows > count and not header.within else ""
    what = f"{count:,} series" if count > 1 else "one series"
    rows_of = f"parts of each {header.within} across" if header.within else "one series per row"
    return f"Read as a wide table, {rows_of}: {what} of {across}{by}.{without}"
