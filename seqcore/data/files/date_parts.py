"""Dates that stand in several columns - a year beside a month, a day, an hour, or beside a quarter - put together."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqcore.data.files.cells import Columns, is_text, is_whole
from seqcore.data.files.dates import calendar_days, month_of_name

__all__ = ["find_date_parts", "put_together"]

Whole = NDArray[np.int64]

_NAMES = {  # in the order in which a date is written
    "year": frozenset(["year", "yr", "yyyy", "jahr", "année", "annee", "anno", "año", "ano", "jaar"]),
    "quarter": frozenset(["quarter", "qtr", "q", "quartal", "trimestre", "kwartaal"]),
    "month": frozenset(["month", "mon", "mo", "mm", "monat", "mois", "mes", "mês", "mese", "maand"]),
    "day": frozenset(["day", "dd", "mday", "dom", "day_of_month", "tag", "jour", "dia", "día", "giorno", "dag"]),
    "hour": frozenset(["hour", "hr", "hh", "stunde", "heure", "hora", "ora", "uur"]),
    "minute": frozenset(["minute", "minutes"]),
}
_RANGES = {
    "year": (1678, 2261),
    "quarter": (1, 4),
    "month": (1, 12),
    "day": (1, 31),
    "hour": (0, 24),
    "minute": (0, 59),
}
_NEEDS = {"quarter": "year", "month": "year", "day": "month", "hour": "day", "minute": "hour"}


def find_date_parts(columns: Columns) -> dict[str, str]:
    """The column of each part of the rows' dates, a year with a month or a quarter at least; empty where there is none.

    A column counts by its name and by its cells: whole numbers in that part's range, or the names of months.
    """
    found: dict[str, str] = {}
    for part, names in _NAMES.items():
        name = next((name for name in columns if name.strip().lower() in names), None)
        needed = _NEEDS.get(part)
        if name is None or (needed and needed not in found) or (part == "month" and "quarter" in found):
            continue
        values = _numbers(columns[name], part)
        low, high = _RANGES[part]
        if values is not None and len(values) and low <= values.min() and values.max() <= high:
            found[part] = name
    return found if len(found) > 1 and put_together(columns, found) is not None else {}


def put_together(columns: Columns, parts: dict[str, str]) -> NDArray[np.datetime64] | None:
    """The times [N] of the rows, from the columns that `find_date_parts` found; None where a day isn't in its month."""
    values = {part: _numbers(columns[name], part) for part, name in parts.items()}
    year = values["year"]
    assert year is not None
    quarter, month, day = values.get("quarter"), values.get("month"), values.get("day")
    ones = np.ones_like(year)
    months = 3 * quarter - 2 if quarter is not None else ones if month is None else month
    times, good = calendar_days(year, months, ones if day is None else day)
    if not good.all():
        return None
    for part, unit in (("hour", "h"), ("minute", "m")):
        clock = values.get(part)
        if clock is not None:
            times = times + clock.astype(f"timedelta64[{unit}]")
    return times


def _numbers(column: pa.ChunkedArray, part: str) -> Whole | None:
    """A part's column as whole numbers; None where it holds something else, or cells are empty."""
    if column.null_count:
        return None
    if part == "month" and is_text(column):
        return _months(column.to_pylist() if len(column) < 1_000 else column.unique().to_pylist(), column)
    return np.asarray(column).astype(np.int64) if is_whole(column, most=len(column)) else None


def _months(names: Iterable[str], column: pa.ChunkedArray) -> Whole | None:
    known = {name: month_of_name(str(name)) for name in dict.fromkeys(names)}
    if None in known.values():
        return None
    coded = column.combine_chunks().dictionary_encode()
    numbers = np.array([known[name] for name in coded.dictionary.to_pylist()], dtype=np.int64)
    values: Whole = numbers[np.asarray(coded.indices)]
    return values
