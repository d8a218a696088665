"""Dates in several columns: a year with a month, day and hour, or with a quarter, combined into times."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqcore.data.readers.column_parsing import Columns, is_text, is_whole
from seqcore.data.readers.dates import calendar_days, month_of_name

__all__ = ["DateParts", "find_date_parts"]

Whole = NDArray[np.int64]

_NAMES = {  # from large to small
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


class DateParts(NamedTuple):
    """The columns that hold parts of the dates, the year first, and the combined times [N]."""

    columns: tuple[str, ...]
    times: NDArray[np.datetime64]


def find_date_parts(columns: Columns) -> DateParts | None:
    """Finds at least a year with a month or quarter; None if there is none, or if a date is invalid.

    A column qualifies by its name and by its cells: integers in the range of that part, or names of months.
    """
    found: dict[str, str] = {}
    values: dict[str, Whole] = {}
    for part, names in _NAMES.items():
        name = next((name for name in columns if name.strip().lower() in names), None)
        needed = _NEEDS.get(part)
        if name is None or (needed and needed not in found) or (part == "month" and "quarter" in found):
            continue
        numbers = _numbers(columns[name], part)
        low, high = _RANGES[part]
        if numbers is not None and len(numbers) and low <= numbers.min() and numbers.max() <= high:
            found[part], values[part] = name, numbers
    times = _combine(values) if len(found) > 1 else None
    return None if times is None else DateParts(tuple(found.values()), times)


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


def _numbers(column: pa.ChunkedArray, part: str) -> Whole | None:
    """A column as integers; None if it holds something else or has empty cells."""
    if column.null_count:
        return None
    if part == "month" and is_text(column):
        coded = column.combine_chunks().dictionary_encode()
        months = [month_of_name(str(name)) for name in coded.dictionary.to_pylist()]
        return None if None in months else np.array(months, dtype=np.int64)[np.asarray(coded.indices)]
    return np.asarray(column).astype(np.int64) if is_whole(column, most=len(column)) else None
