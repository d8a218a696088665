"""Wide tables: dates, years, months or counted steps across the top, and one series per row."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqcore.data.readers.column_parsing import Columns, Origin, take_values
from seqcore.data.readers.detect_kind import Reading
from seqcore.data.readers.header_times import HeaderTimes
from seqcore.data.readers.profiles import as_level
from seqcore.data.readers.reindexing import MOST_MISSING, fill_missing_times
from seqcore.data.readers.roles import Roles
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.results.formatting import listed

__all__ = ["wide_table"]

_MOST_IDS = 6  # columns whose combinations may name the series


def wide_table(columns: Columns, origin: Origin, reading: Reading, roles: Roles) -> Table:
    """One series per row, from its first to its last value; with months across, one per name over all years.

    DataError if no row has values.
    """
    header = reading.header
    assert header is not None
    years = _take_years(columns, header, origin, roles)
    names, used = _names(columns, header, roles)
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
    times = None if header.times is None else np.tile(header.times, (len(values), 1))
    if years is not None:
        values, times, names = _over_years(values, years, names, header.cycle, origin)
    table = _stacked(values, times, names, value)
    if len(table) == 0:
        raise DataError(f"{origin.name}: there are no values in columns {header.columns[0]} to {header.columns[-1]}")
    origin.notes.append(_note(table, header, used, len(values)))
    if left:
        origin.notes.append(f"Columns left out (neither names nor time steps): {listed(left, 8)}.")
    return fill_missing_times(table, origin)


def _take_years(columns: Columns, header: HeaderTimes, origin: Origin, roles: Roles) -> NDArray[np.int64] | None:
    """The year of each row, where the header has months or quarters; the column is removed."""
    if not header.cycle:
        return None
    name = next(n for n in columns if n not in header.columns and roles.profiles[n].hint("year"))
    column = columns.pop(name)
    roles.take([name], "time", "the year of each row")
    if column.null_count:
        missing = np.asarray(column.is_null())
        raise origin.error(name, "the year is missing; fill in the cell or remove the row", missing)
    return np.asarray(column.cast(pa.int64(), safe=False))


def _names(columns: Columns, header: HeaderTimes, roles: Roles) -> tuple[list[str], tuple[str, ...]]:
    """The name of each row, and the fewest columns that name all of them differently."""
    count = len(columns[header.columns[0]])
    others = [roles.profiles[name] for name in columns if name not in set(header.columns)]
    given = roles.given.of("series")
    likely = [p for p in others if p.text and not p.numeric and not p.empty and (count == 1 or not p.constant)]
    likely += [p for p in others if p.whole and p.hint("series") and not p.constant]
    likely = sorted(likely, key=lambda p: (-p.hint("series") if p.unique else 1, p.place))[:_MOST_IDS]
    cells = {p.name: ["" if v is None else as_level(v) for v in columns[p.name].to_pylist()] for p in likely}
    if given:
        cells = {name: ["" if v is None else as_level(v) for v in columns[name].to_pylist()] for name in given}
        choices = [tuple(given)]
    else:
        choices = [c for size in (1, 2, 3) for c in itertools.combinations([p.name for p in likely], size)]
    best: tuple[int, tuple[str, ...], list[str]] = (0, (), [""] * count)
    for chosen in choices:
        order = sorted(chosen, key=lambda name: roles.profiles[name].place)
        named = [", ".join(filter(None, row)) for row in zip(*(cells[name] for name in order), strict=True)]
        distinct = len(set(named))
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


def _over_years(
    values: NDArray[np.float64], years: NDArray[np.int64], names: list[str], cycle: int, origin: Origin
) -> tuple[NDArray[np.float64], NDArray[np.datetime64], list[str]]:
    """One row for each name: its years one after another. DataError for a year that a name has twice."""
    rows: dict[str, dict[int, int]] = {}
    for row, (name, year) in enumerate(zip(names, years.tolist(), strict=True)):
        if year in rows.setdefault(name, {}):
            both = origin.rows([rows[name][year], row])
            raise DataError(
                f"{origin.name}: the year {year} is duplicated (rows {both[0]} and {both[1]}); keep one row per year"
            )
        rows[name][year] = row
    low, high = int(years.min()), int(years.max())
    flat = np.full((len(rows), (high - low + 1) * cycle), np.nan)
    for i, known in enumerate(rows.values()):
        for year, row in known.items():
            flat[i, (year - low) * cycle : (year - low + 1) * cycle] = values[row]
    months = np.arange(flat.shape[1]) * (12 // cycle)
    times = (np.datetime64(f"{low:04d}-01", "M") + months.astype("timedelta64[M]")).astype("datetime64[ns]")
    return flat, np.tile(times, (len(rows), 1)), list(rows)


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
    without = f" {rows - count:,} rows without values were left out." if rows > count else ""
    what = f"{count:,} series" if count > 1 else "one series"
    return f"Read as a wide table, one series per row: {what} of {across}{by}.{without}"
