"""Parses dates in many formats; the format and the order of day and month are detected over the whole column."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = [
    "ParsedDates",
    "calendar_days",
    "date_family",
    "is_dated",
    "month_of_name",
    "parse_dates",
    "parse_whole_numbers",
]

Times = NDArray[np.datetime64]
Span = NDArray[np.timedelta64]
Whole = NDArray[np.int64]

NAMELESS = "column 1"  # name of an unnamed first column
PIECE = 50_000  # cells parsed at a time
_NO_ZONE = -(2**15)

_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_NAME = r"(?P<name>\pL{3,9})\.?"
_YEAR = r"(?P<year>\d{4})"
_CLOCK = (
    r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9})\d*)?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?)?(?: ?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?(?:\d{2})?))?"
)
_FAMILIES = {
    "year-month-day": rf"{_YEAR}[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}})\.?{_CLOCK}",
    "numbers": rf"(?P<first>\d{{1,2}})[-/.] ?(?P<second_number>\d{{1,2}})[-/.] ?(?P<year>\d{{4}}|\d{{2}}){_CLOCK}",
    "year-month": rf"{_YEAR}[-/.]?[M ]?(?P<month>\d{{1,2}})",
    "month-year": r"(?P<month>\d{1,2})[-/.](?P<year>\d{4})",
    "day name year": rf"(?:\pL+,? )?{_DAY}[-/ .]+{_NAME}[-/ ,]*(?P<year>\d{{4}}|\d{{2}}){_CLOCK}",
    "name day year": rf"(?:\pL+,? )?{_NAME}[ -]?{_DAY},? ?{_YEAR}{_CLOCK}",
    "name year": rf"{_NAME}[-/ ,]*'?(?P<year>\d{{4}}|\d{{2}})",
    "year name": rf"{_YEAR}[-/ ]*{_NAME}",
    "year quarter": rf"{_YEAR}[-/ ]?[Qq](?P<quarter>[1-4])",
    "quarter year": rf"[Qq](?P<quarter>[1-4])[-/ ]*{_YEAR}",
    "year week": rf"{_YEAR}-?W(?P<week>\d{{1,2}})(?:-?(?P<weekday>[1-7]))?",
    "year-month-day without signs": r"(?P<year>[12]\d{3})(?P<month>[01]\d)(?P<day>[0-3]\d)",
    "year": r"(?P<year>[12]\d{3})",
}
_PATTERNS = {family: re.compile(pattern.replace(r"\pL", r"[^\W\d_]")) for family, pattern in _FAMILIES.items()}
_MONTHS = {  # by their first letters; English, then other languages
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
    "mär": 3, "mrz": 3, "mae": 3, "mai": 5, "okt": 10, "dez": 12,
    "fév": 2, "fev": 2, "avr": 4, "aoû": 8, "aou": 8, "déc": 12,
    "ene": 1, "abr": 4, "ago": 8, "dic": 12, "gen": 1, "mag": 5, "giu": 6, "lug": 7, "set": 9, "ott": 10,
    "mrt": 3, "mei": 5, "out": 10,
}  # fmt: skip
_DATED = re.compile(r"date|datum|day|month|monat|time|zeit|year|jahr|ann[éeo]|año|unix|epoch|period|fecha", re.I)
_YEARLY = re.compile(r"year|yr|jahr|année|anno|año", re.I)


@dataclass(frozen=True)
class ParsedDates:
    """`times[n]` (datetime64[ns]; NaT if the cell is empty or `bad[n]`), and notes."""

    times: Times
    bad: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


def date_family(cells: Sequence[str], share: float = 0.9) -> str | None:
    """The date format of at least `share` of these cells, or None."""
    texts = [cell.strip() for cell in cells]
    best: tuple[float, str | None] = (0.0, None)
    for family, pattern in _PATTERNS.items():
        if sum(bool(pattern.fullmatch(text)) for text in texts) < share * len(texts) or not texts:
            continue  # matching is much faster than parsing
        good = 1.0 - parse_dates(pa.chunked_array([texts]), family).bad.mean()
        if good > best[0]:
            best = good, family
    return best[1] if best[0] >= share else None


def is_dated(name: str) -> bool:
    """Whether the name of a column suggests dates, so that integers in it may be dates."""
    return bool(_DATED.search(name))


def month_of_name(name: str) -> int | None:
    """1 for "January", "jan." and "Janvier"; None if it is not a month."""
    word = name.strip().rstrip(".").lower()
    return _MONTHS.get(word[:3]) if re.fullmatch(r"[^\W\d_]{3,9}", word) else None


def parse_whole_numbers(values: Whole, name: str) -> Times | None:
    """Years, 20240131, 202401 or Unix times as times, if values and name suggest it; else None."""
    if len(values) < 2:
        return None
    dated, yearly = is_dated(name), bool(_YEARLY.fullmatch(name.strip()))
    low, high, ones = int(values.min()), int(values.max()), np.ones_like(values)
    if name == NAMELESS and bool(np.all(np.diff(values) == 1)):
        yearly = True  # a saved DataFrame index
    rising = bool(np.all(values[1:] > values[:-1]) or np.all(values[1:] < values[:-1]))
    if low >= 1678 and high <= 2261 and (yearly or (dated and rising)):
        parts = values, ones, ones
    elif low >= 16780101 and high <= 22611231 and (dated or rising):
        parts = values // 10_000, values // 100 % 100, values % 100
    elif low >= 167801 and high <= 226112 and dated:
        parts = values // 100, values % 100, ones
    elif dated and low >= 10**8 and high < 5 * 10**9:
        return values.astype("datetime64[s]").astype("datetime64[ns]")
    elif dated and low >= 10**11 and high < 5 * 10**12:
        return values.astype("datetime64[ms]").astype("datetime64[ns]")
    else:
        return None
    times, good = calendar_days(*parts)
    return times if bool(good.all()) else None


def parse_dates(column: pa.ChunkedArray, family: str, *, order: str = "auto") -> ParsedDates:
    """Parse a text column of one format. `order` is "auto", "day-first" or "month-first".

    In pieces: parsing needs many times the memory of the text.
    """
    column = column.cast(pa.string())
    times = np.full(len(column), np.datetime64("NaT"), dtype="datetime64[ns]")
    bad = np.zeros(len(column), dtype=bool)
    zones = np.full(len(column), _NO_ZONE, dtype=np.int16)
    notes: list[str] = []
    day_first = order != "month-first"
    if family == "numbers" and order == "auto":
        day_first, notes = _day_first(column)
    for start in range(0, len(column), PIECE):
        piece = pc.utf8_trim_whitespace(_piece(column, start))
        stop = start + len(piece)
        times[start:stop], bad[start:stop], zones[start:stop] = _parse_piece(piece, family, day_first)
    times, note = _in_zone(times, zones)
    return ParsedDates(times, bad, (*notes, *note))


def _piece(column: pa.ChunkedArray, start: int) -> pa.Array:
    """The next cells as one array."""
    piece = column.slice(start, PIECE).combine_chunks()
    return pa.concat_arrays(piece.chunks) if isinstance(piece, pa.ChunkedArray) else piece


def _groups(piece: pa.Array, family: str) -> tuple[pa.StructArray, Callable[[str, int], Whole]]:
    """The regex groups of each cell, null if it doesn't match, and a function for one group as integers."""
    found = pc.extract_regex(piece, pattern=f"^(?:{_FAMILIES[family]})$")

    def number(key: str, default: int) -> Whole:
        if found.type.get_field_index(key) < 0:
            return np.full(len(piece), default, dtype=np.int64)
        text = pc.struct_field(found, key)
        text = pc.if_else(pc.equal(pc.fill_null(text, ""), ""), str(default), text)
        return np.asarray(pc.cast(text, pa.int64()))

    return found, number


def _parse_piece(
    piece: pa.Array, family: str, day_first: bool
) -> tuple[Times, NDArray[np.bool_], NDArray[np.int16] | int]:
    """Local times, which cells are not dates, and the offsets from UTC in minutes."""
    found, number = _groups(piece, family)
    matched = np.asarray(pc.is_valid(found))
    keys = {field.name for field in found.type}
    year = _full_year(number("year", 1970))
    month, day = number("month", 1), number("day", 1)
    if family == "numbers":
        day, month = number("first", 1), number("second_number", 1)
        if not day_first:
            day, month = month, day
    if "quarter" in keys:
        month = 3 * number("quarter", 1) - 2
    if "name" in keys:
        names = pc.utf8_slice_codeunits(pc.utf8_lower(pc.fill_null(pc.struct_field(found, "name"), "")), 0, 3)
        encoded = names.dictionary_encode()
        numbers = np.array([_MONTHS.get(text, 0) for text in encoded.dictionary.to_pylist()], dtype=np.int64)
        month = numbers[np.asarray(encoded.indices)]
    times, good = calendar_days(year, month, day)
    if "week" in keys:
        times, good = _week(year, number("week", 1), number("weekday", 1))
    zones: NDArray[np.int16] | int = _NO_ZONE
    if "hour" in keys:
        clock, right = _clock(number, found)
        times, good = times + clock, good & right
        texts = pc.fill_null(pc.struct_field(found, "zone"), "").dictionary_encode()
        minutes = np.array([_offset(text) for text in texts.dictionary.to_pylist()], dtype=np.int16)
        zones = minutes[np.asarray(texts.indices)]
    good &= matched
    times[~good] = np.datetime64("NaT")
    return times, np.asarray(pc.is_valid(piece)) & ~good, zones


def _full_year(year: Whole) -> Whole:
    """24 is 2024 and 99 is 1999."""
    return np.where(year < 70, year + 2000, np.where(year < 100, year + 1900, year))


def calendar_days(year: Whole, month: Whole, day: Whole) -> tuple[Times, NDArray[np.bool_]]:
    """Times at midnight, and which of them are valid dates that 64-bit nanoseconds can hold."""
    days = pd.to_datetime({"year": year, "month": month, "day": day}, errors="coerce").to_numpy()
    good = (year >= 1678) & (year <= 2261) & ~np.isnat(days)
    return np.where(good, days, np.datetime64("1970-01-01")).astype("datetime64[ns]"), good


def _week(year: Whole, week: Whole, weekday: Whole) -> tuple[Times, NDArray[np.bool_]]:
    """Days of ISO 8601 weeks: week 1 is the one with 4 January in it."""
    fourth, good = calendar_days(year, np.ones_like(year), np.full_like(year, 4))
    days = fourth.astype("datetime64[D]").astype(np.int64)
    monday = days - (days + 3) % 7  # 1970-01-01 was a Thursday
    times = (monday + 7 * (week - 1) + weekday - 1).astype("datetime64[D]").astype("datetime64[ns]")
    return times, good & (week >= 1) & (week <= 53)


def _clock(number: Callable[[str, int], Whole], found: pa.StructArray) -> tuple[Span, NDArray[np.bool_]]:
    """The time of day, and which of them are valid."""
    hour, minute, second = number("hour", 0), number("minute", 0), number("second", 0)
    fraction = pc.utf8_rpad(pc.fill_null(pc.struct_field(found, "fraction"), ""), 9, padding="0")
    half = pc.utf8_lower(pc.fill_null(pc.struct_field(found, "half"), ""))
    afternoon, morning = np.asarray(pc.equal(half, "p")), np.asarray(pc.equal(half, "a"))
    good = (hour < 24) & (minute < 60) & (second < 61) & ~((afternoon | morning) & ((hour < 1) | (hour > 12)))
    hour = np.where(afternoon & (hour < 12), hour + 12, np.where(morning & (hour == 12), 0, hour))
    nanoseconds = (hour * 3600 + minute * 60 + second) * 10**9 + np.asarray(pc.cast(fraction, pa.int64()))
    return nanoseconds.astype("timedelta64[ns]"), good


def _in_zone(times: Times, zones: NDArray[np.int16]) -> tuple[Times, list[str]]:
    """Times in one time zone stay local; times in several are converted to UTC, so that their order is right."""
    used = np.unique(zones[~np.isnat(times)])
    used = used[used != _NO_ZONE]
    if len(used) == 0:
        return times, []
    if len(used) == 1:
        offset = int(used[0])
        sign = "-" if offset < 0 else "+"
        zone = f"UTC{sign}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}" if offset else "UTC"
        return times, [f"Time zone: {zone}."]
    ahead = np.where(zones == _NO_ZONE, 0, zones).astype("timedelta64[m]")
    return times - ahead, ["Times in several time zones were converted to UTC."]


def _offset(zone: str) -> int:
    """Offset of a time zone from UTC in minutes."""
    if not zone:
        return _NO_ZONE
    found = re.fullmatch(r"([+-])(\d{2}):?(\d{2})?", zone)
    if not found:
        return 0
    return (int(found[2]) * 60 + int(found[3] or 0)) * (-1 if found[1] == "-" else 1)


def _day_first(column: pa.ChunkedArray) -> tuple[bool, list[str]]:
    """Whether 01/02/2024 is 1 February, from the whole column, and a note if the column is ambiguous."""
    large = r"(?:1[3-9]|[23]\d)[-/.]"
    days_first = int(pc.sum(pc.match_substring_regex(column, rf"^\s*{large}")).as_py() or 0)
    months_first = int(pc.sum(pc.match_substring_regex(column, rf"^\s*\d{{1,2}}[-/.] ?{large}")).as_py() or 0)
    if days_first or months_first:
        return days_first >= months_first, []  # if both occur, the rarer ones are reported as errors
    piece = pc.utf8_trim_whitespace(_piece(column, 0))
    found, number = _groups(piece, "numbers")
    matched = np.asarray(pc.is_valid(found))
    if not matched.any() or re.match(r"\d+\.", piece[int(np.argmax(matched))].as_py()):
        return True, []  # dots are used only with the day first
    a, b, y = number("first", 1)[matched], number("second_number", 1)[matched], _full_year(number("year", 1))[matched]
    as_days, as_months = (y * 100 + b) * 100 + a, (y * 100 + a) * 100 + b
    day_order, month_order = (bool(np.all(np.diff(x) >= 0) or np.all(np.diff(x) <= 0)) for x in (as_days, as_months))
    if day_order != month_order or np.array_equal(a, b):
        return day_order or not month_order, []
    example = f"{a[0]:02d}/{b[0]:02d}/{y[0]}"
    return True, [f"Dates such as {example} were read with the day first; if that is wrong, set month-first."]
