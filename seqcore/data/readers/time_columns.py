"""Finds the dates of a file: in one column, perhaps with a column of times of day, or as year, month, day columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqcore.data.readers.column_parsing import Columns, Origin, example_of, is_text, is_whole, sample, wanted_column
from seqcore.data.readers.dates import (
    ParsedDates,
    calendar_days,
    date_family,
    month_of_name,
    parse_dates,
    parse_whole_numbers,
)
from seqcore.data.readers.numbers import is_number

__all__ = ["date_column", "take_times"]

Whole = NDArray[np.int64]

_PARTS = {  # from large to small: the part that it needs, the smallest and the largest number, usual names
    "year": ("", 1678, 2261, "year yr yyyy jahr année annee anno año ano jaar"),
    "quarter": ("year", 1, 4, "quarter qtr q quartal trimestre kwartaal"),
    "month": ("year", 1, 12, "month mon mo mm monat mois mes mês mese maand"),
    "day": ("month", 1, 31, "day dd mday dom day_of_month tag jour dia día giorno dag"),
    "hour": ("day", 0, 24, "hour hr hh stunde heure hora ora uur"),
    "minute": ("hour", 0, 59, "minute minutes"),
}


def take_times(columns: Columns, origin: Origin) -> tuple[str, NDArray[np.datetime64] | None]:
    """The name of the date column and the times; the column is removed from `columns`."""
    wanted = origin.options.date_column
    if wanted == "none":
        return "", None
    parts = _date_parts(columns)
    if parts is not None and wanted in ("auto", parts.columns[0]):
        return _take_parts(columns, parts, origin)
    names = list(columns) if wanted == "auto" else [wanted_column(wanted, columns, origin, "the dates")]
    found = ((name, _as_dates(name, columns[name], origin)) for name in names)
    name, parsed = next(((name, parsed) for name, parsed in found if parsed is not None), ("", None))
    if parsed is None and wanted != "auto":
        message = f"{example_of(columns[names[0]])!r} is not a known date format; write dates as 2024-01-31"
        raise origin.error(names[0], f"{message}, or choose another column")
    if parsed is None:
        return "", None
    column = columns.pop(name)
    if parsed.bad.any():
        shown = str(column[int(np.argmax(parsed.bad))])[:40]
        message = f"{shown!r} is not a date in the format of the others; correct it or remove the row"
        raise origin.error(name, message, parsed.bad)
    missing = np.isnat(parsed.times)
    if missing.any():
        raise origin.error(name, "the date is missing; fill in the cell or remove the row", missing)
    origin.notes += parsed.notes
    times = parsed.times
    del column, missing, parsed
    if (clock := _clock_column(columns, times, origin)) is not None:
        times = times + clock
    return name, times


def _take_parts(columns: Columns, parts: _DateParts, origin: Origin) -> tuple[str, NDArray[np.datetime64]]:
    for name in parts.columns:
        del columns[name]
    listed = f"{', '.join(parts.columns[:-1])} and {parts.columns[-1]}"
    origin.notes.append(f"Times were combined from the columns {listed}.")
    return listed, parts.times


def date_column(columns: Columns, origin: Origin) -> str | None:
    """The column that `take_times` would choose, judged by the first cells; None if there is none."""
    if origin.options.date_column != "auto":
        return None if origin.options.date_column == "none" else origin.options.date_column
    first = {name: column.slice(0, 2_000) for name, column in columns.items()}
    parts = _date_parts(first)
    if parts is not None:
        return parts.columns[0]
    return next((name for name, column in first.items() if _as_dates(name, column, origin) is not None), None)


def _as_dates(name: str, column: pa.ChunkedArray, origin: Origin) -> ParsedDates | None:
    """A column as times, or None if it holds something else."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return _timestamps(name, column, origin)
    if pa.types.is_integer(column.type) and column.null_count == 0:
        times = parse_whole_numbers(np.asarray(column).astype(np.int64, copy=False), name)
        return None if times is None else ParsedDates(times, np.zeros(len(column), bool))
    if is_text(column):
        cells = sample(column)
        if sum(is_number(cell, origin.decimal) for cell in cells) > 0.5 * len(cells):
            return None
        family = date_family(cells, share=0.5)  # any other cell is an error
        return None if family is None else parse_dates(column, family, order=origin.options.date_order)
    return None


def _timestamps(name: str, column: pa.ChunkedArray, origin: Origin) -> ParsedDates:
    """A column that already has a date or time type."""
    notes: tuple[str, ...] = ()
    if getattr(column.type, "tz", None):
        notes = ("Times in several time zones were converted to UTC.",)
    try:
        times = np.array(column.cast(pa.timestamp("ns")), dtype="datetime64[ns]")
    except pa.ArrowInvalid:  # before 1678 or after 2261: more nanoseconds than 64 bits count
        days = np.asarray(column.cast(pa.timestamp("s"), safe=False))
        outside = (days < np.datetime64("1678-01-01")) | (days >= np.datetime64("2262-01-01"))
        message = "dates must lie between the years 1678 and 2261; correct the date"
        raise origin.error(name, message, outside) from None
    return ParsedDates(times, np.zeros(len(times), bool), notes)


def _clock_column(columns: Columns, days: NDArray[np.datetime64], origin: Origin) -> NDArray[np.timedelta64] | None:
    """The time of day from a separate column, if dates repeat; the column is removed. None if there is none."""
    name = next((n for n, c in columns.items() if pa.types.is_time(c.type) and c.null_count == 0), None)
    if name is None or not (np.any(days[1:] == days[:-1]) and np.all(days == days.astype("datetime64[D]"))):
        return None
    origin.notes.append(f"The time of day is from column {name}.")
    clock = np.asarray(columns.pop(name).cast(pa.time64("ns")).cast(pa.int64()))
    return clock.astype("timedelta64[ns]")


class _DateParts(NamedTuple):
    """The columns that hold parts of the dates, the year first, and the combined times [N]."""

    columns: tuple[str, ...]
    times: NDArray[np.datetime64]


def _date_parts(columns: Columns) -> _DateParts | None:
    """Finds at least a year with a month or quarter; None if there is none, or if a date is invalid.

    A column qualifies by its name and by its cells: integers in the range of that part, or names of months.
    """
    found: dict[str, str] = {}
    values: dict[str, Whole] = {}
    for part, (needed, low, high, usual) in _PARTS.items():
        name = next((name for name in columns if name.strip().lower() in usual.split()), None)
        if name is None or (needed and needed not in found) or (part == "month" and "quarter" in found):
            continue
        numbers = _numbers_of(columns[name], part)
        if numbers is not None and len(numbers) and low <= numbers.min() and numbers.max() <= high:
            found[part], values[part] = name, numbers
    times = _combine(values) if len(found) > 1 else None
    return None if times is None else _DateParts(tuple(found.values()), times)


def _combine(values: dict[str, Whole]) -> NDArray[np.datetime64] | None:
    ones = np.ones_like(values["year"])
    months = 3 * values["quarter"] - 2 if "quarter" in values else values.get("month", ones)
    times, good = calendar_days(values["year"], months, values.get("day", ones))
    if not good.all():
        return None
    for part, unit in (("hour", "h"), ("minute", "m")):
        if part in values:
            times = times + values[part].astype(f"timedelta64[{unit}]")
    return times


def _numbers_of(column: pa.ChunkedArray, part: str) -> Whole | None:
    """A column as integers; None if it holds something else or has empty cells."""
    if column.null_count:
        return None
    if part == "month" and is_text(column):
        coded = column.combine_chunks().dictionary_encode()
        months = [month_of_name(str(name)) for name in coded.dictionary.to_pylist()]
        return None if None in months else np.array(months, dtype=np.int64)[np.asarray(coded.indices)]
    return np.asarray(column).astype(np.int64) if is_whole(column, most=len(column)) else None
