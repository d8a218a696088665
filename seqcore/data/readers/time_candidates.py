"""Single columns of a file that may be its time: dates, numbers with a calendar, and step numbers; keys of series."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seqcore.data.readers.column_parsing import Columns, Origin, distinct, example_of, is_text, is_whole, sample
from seqcore.data.readers.dates import (
    Groups,
    ParsedDates,
    calendar_days,
    date_family,
    named_order,
    parse_dates,
    simple,
    year_of,
)
from seqcore.data.readers.month_names import month_of_name
from seqcore.data.readers.numbers import is_number
from seqcore.data.readers.time_numbers import counted_steps, is_dated, read_number_times, words
from seqcore.data.readers.time_parts import read_part
from seqcore.data.readers.time_zones import NO_ZONE, in_one_zone

__all__ = ["Candidate", "TimeColumns", "is_rising"]

Times = NDArray[np.datetime64]
Codes = NDArray[np.int64]
Numbers = NDArray[np.int64] | NDArray[np.float64]

_KEYS = 6  # columns examined as names of series
_LOOKS_DATED = re.compile(
    r"(\d\d([-/.])\d\d\2\d\d|\d{1,2}([-/.])\d{1,2}\3\d{4}|\d{4}([-/.])\d{1,2}\4\d{1,2})\b.*|.*\b\d{1,2}(st|nd|rd|th)?\b.*\b(1[89]|20)\d\d\b.*"
    r"|.*\b(1[89]|20)\d\d[-/. ]\w+.*|\d{1,2}\.\d{1,2}\.",
    re.I,
)
_COUNTERS = (
    r"(?P<number>\d{1,4}):(?P<part>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?",
    r"(?P<number>\d{1,4})[-./](?P<part>\d{1,3})",
    r"(?P<word>[a-z]+)[ _.-]?(?P<number>\d{1,9})",
)


@dataclass(frozen=True)
class Candidate:
    """A column that may be the time by itself: times or counted steps [N]."""

    name: str
    parsed: ParsedDates | None
    steps: NDArray[np.float64] | None
    score: float
    reason: str
    notes: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every cell holds a time."""
        return self.parsed is None or not (self.parsed.bad.any() or np.isnat(self.parsed.times).any())


class TimeColumns:
    """Examines the columns of a file. `roles` are the given ones."""

    def __init__(self, columns: Columns, origin: Origin, roles: Mapping[str, str]) -> None:
        self.columns, self.origin, self.roles = columns, origin, roles
        self.pool = {n: c for n, c in columns.items() if roles.get(n, "time") in ("time", "time-part")}
        self._coded: dict[str, Codes] = {}
        self._places = {name: place for place, name in enumerate(columns)}
        stems = Counter(words(name) for name in columns if not origin.numbered)
        self.numbered = {name for name in columns if stems[words(name)] > 2}  # Period01, Period02, ... hold values
        self._keys: dict[bool, list[str]] = {}
        self.called = _called(columns) if origin.numbered else {}  # by what they hold, where they have no names

    def given(self, name: str) -> Candidate:
        """The column that the user named. DataError if it can't be time."""
        main = self.read(name, leading=True, given=True)
        if main is None:
            message = f"{example_of(self.columns[name])!r} is not a known date format; write dates as 2024-01-31"
            if _is_numeric(self.columns[name], self.origin.decimal):
                message = "its numbers are neither dates nor steps, because some repeat or are missing; correct them"
            raise self.origin.error(name, f"{message}, or choose another column")
        return main

    def mains(self) -> list[Candidate]:
        """Every column that may be the time, in the order of the file."""
        found, leading = [], True
        for name, column in self.pool.items():
            main = self.read(name, leading=leading) if self.roles.get(name) != "time-part" else None
            if main is not None:
                found.append(main)
                leading &= main.parsed is None and main.score < 0.9
            elif not is_text(column) and column.null_count < 0.5 * len(column) and not self.is_blockwise(name):
                leading = False  # a value
        return found

    def epochs(self) -> list[Candidate]:
        """Columns of whole numbers that may be times since 1970, whatever their place: an end beside a start."""
        found = []
        for name, column in self.pool.items():
            values = None if is_text(column) else _numbers(column)
            if values is None or values.dtype.kind != "i" or len(values) < 3 or values.min() < 10**11:
                continue
            times = read_number_times(values, name, leading=True)
            if times is not None and not times.bad.any():
                parsed = ParsedDates(times.times, times.bad, times.unit)
                found.append(Candidate(name, parsed, None, times.score, times.what))
        return found

    def read(self, name: str, *, leading: bool, given: bool = False) -> Candidate | None:
        """A column as times or counted steps; None if it is something else."""
        column, options = self.columns[name], self.origin.options
        if column.null_count == len(column):
            return None
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            return Candidate(name, _timestamps(name, column, self.origin), None, 0.98, "dates and times by type")
        if pa.types.is_time(column.type) and not column.null_count and (leading or given):
            seconds = np.asarray(column.cast(pa.time64("ns")).cast(pa.int64())) / 1e9
            return self.steps(name, _seconds(seconds), given=given)
        numbers = _numbers(column)
        if numbers is not None:
            return self.number(name, numbers, leading=leading, given=given)
        cells = sample(column) if is_text(column) else []
        if (
            not cells
            or _is_numeric(column, self.origin.decimal)
            or sum(bool(re.search(r"\d", cell)) for cell in cells) < 0.5 * len(cells)
        ):
            return None
        family = date_family(cells, share=0.5)  # any other cell is an error
        if family == "numbers" and not (given or is_dated(name)) and not re.search(r"\d{4}", " ".join(cells)):
            family = date_family(cells, share=0.95)  # 1.2.13 may be a version
        if family is not None:
            order = named_order(name) if options.date_order == "auto" else options.date_order
            parsed = parse_dates(column, family, order=order, zone=options.time_zone)
            if parsed.bad.any() and order != options.date_order:  # the name is wrong
                parsed = parse_dates(column, family, zone=options.time_zone)
            return Candidate(name, parsed, None, 0.95, f"dates such as {cells[0][:40]}")
        return self.counted(name, cells, given=given) if leading or given else None

    def number(self, name: str, values: Numbers, *, leading: bool, given: bool) -> Candidate | None:
        """A numeric column as times or counted steps."""
        missing = np.isnan(values)
        gaps = bool(missing.any())
        first = values[~missing] if gaps else values  # of long columns each copy counts
        if not (leading or given or is_dated(name) or first[0] >= 16_780_101) or missing.mean() > 0.1:
            return None
        times = read_number_times(first, self.called.get(name, name), leading=leading, given=given)
        if times is not None:
            full, bad = times.times, times.bad
            if gaps:
                full = np.full(len(values), np.datetime64("NaT"), dtype="datetime64[ns]")
                bad = np.zeros(len(values), dtype=bool)
                full[~missing], bad[~missing] = times.times, times.bad
            return Candidate(
                name, ParsedDates(full, bad, times.unit), None, times.score, f"numbers read as {times.what}"
            )
        if gaps or len(values) < 2 or not (given or self.has_values(name)):
            return None
        return self.steps(name, values.astype(np.float64, copy=False), leading=leading, given=given)

    def counted(self, name: str, cells: list[str], *, given: bool) -> Candidate | None:
        """Text that counts: 1-01 to 1-12 and 2-01, "Week 7", or elapsed time such as 0:01:30."""
        texts = simple(self.columns[name].cast(pa.string()).combine_chunks())
        for pattern in _COUNTERS:
            if not all(re.fullmatch(pattern, " ".join(cell.lower().split())) for cell in cells):
                continue
            found = Groups(texts, rf"^(?:{pattern})$")
            if not found.matched.all():
                return None
            words = set(found.text("word").to_pylist()) if "word" in found.keys else {"time"}
            if len(words) > 1 or not (given or is_dated(f"{name} {next(iter(words))}")):
                return None
            number, part = found.number("number", 0), found.number("part", 0)
            if "second" in found.keys:
                nanoseconds = np.asarray(pc.cast(pc.utf8_rpad(found.text("fraction"), 9, padding="0"), pa.int64()))
                clock = number * 3600 + part * 60 + found.number("second", 0) + nanoseconds / 1e9
                return self.steps(name, _seconds(clock), given=given)
            if (dated := _short_months(number, part)) is not None:
                return Candidate(name, dated, None, 0.9, f"months such as {cells[0]}")
            note = f"{name} counts steps such as {cells[0]} without a calendar: their order was kept."
            steps = (number * (np.ptp(part) + 1) + part).astype(np.float64)
            return self.steps(name, steps, given=given, notes=(note,))
        return None

    def steps(
        self, name: str, values: NDArray[np.float64], *, leading: bool = True, given: bool, notes: tuple[str, ...] = ()
    ) -> Candidate | None:
        """Numbers as counted steps, if they rise steadily in each series."""
        keys = [self.codes(key) for key in self.keys(loose=True) if is_dated(name) or self.comes_first(key, name)]
        score = counted_steps(values, "time" if notes else name, keys, leading=leading, given=given)
        return Candidate(name, None, values, score, "steps that rise steadily", notes) if score else None

    def has_values(self, name: str) -> bool:
        """Whether another column holds numbers, so that this one need not be the values."""
        others = (column for other, column in self.columns.items() if other != name)
        return any(c.null_count < len(c) and _is_numeric(c, self.origin.decimal) for c in others)

    def note_unreadable(self, known: list[str]) -> None:
        """Notes on text that looks like dates and can't be read."""
        for name, column in self.pool.items():
            cells = sample(column, 100) if name not in known and is_text(column) else []
            dated = [cell for cell in cells if len(cell) <= 40 and (_LOOKS_DATED.fullmatch(cell) or _names_a_day(cell))]
            if dated and len(dated) >= 0.5 * len(cells) and len(set(dated)) >= 0.3 * len(dated):
                note = f"Column {name}: {dated[0]!r} looks like a date but can't be read; write dates as 2024-01-31."
                self.origin.notes += [note] if note not in self.origin.notes else []

    def keys(self, *, loose: bool) -> list[str]:
        """Columns that may name the series of a row: repeated text; `loose`: repeated whole numbers, too."""
        given = [name for name, role in self.roles.items() if role == "series"]
        option = self.origin.options.series_column
        if given or option not in ("auto", "none"):
            return given or [name for name in self.columns if name == option]
        if loose not in self._keys:
            free = (name for name in self.columns if name not in self.roles)
            self._keys[loose] = list(islice((name for name in free if self.is_key(name, loose=loose)), _KEYS))
        return self._keys[loose]

    def comes_first(self, key: str, name: str) -> bool:
        """Whether a key is text, or comes before a column, as ids come before values."""
        return is_text(self.columns[key]) or self._places[key] < self._places[name]

    def is_key(self, name: str, *, loose: bool) -> bool:
        """Whether a column has repeated names or, with `loose`, repeated whole numbers."""
        column = self.columns[name]
        if column.null_count or len(column) < 2:
            return False
        if is_text(column):
            cells = sample(column, 100)
            some = pa.chunked_array([pa.array(cells)])
            if not cells or date_family(cells) or _is_numeric(some, self.origin.decimal):
                return False
            part = read_part(name, some, "clock")
            if part is not None and part.certain:
                return False
        elif not loose or not is_whole(column):
            return False
        return len(pd.unique(self.codes(name))) <= len(column) / 2

    def codes(self, name: str) -> Codes:
        """A column as integers, equal for equal cells."""
        if name not in self._coded:
            self._coded[name] = distinct(self.columns[name])[1]
        return self._coded[name]

    def is_blockwise(self, name: str) -> bool:
        """Whether most whole numbers are those of the row before, as in the number of a station."""
        column = self.columns[name]
        if column.null_count or len(column) < 2 or not is_whole(column):
            return False
        values = np.asarray(column)
        return bool((values[1:] != values[:-1]).mean() <= 0.5)

    def follows(self, name: str, before: str) -> bool:
        """Whether a column comes directly after another one."""
        return self._places[name] == self._places[before] + 1

    def repeated(self, times: Times, keys: Iterable[str]) -> float:
        """The share of rows whose time and keys occurred before."""
        if is_rising(times):
            return 0.0
        cells, size = _ranks(times.astype(np.int64))  # in place from here: a panel may have millions of rows
        for key in keys:
            codes = self.codes(key)
            most = int(codes.max()) + 2  # -1 is an empty cell
            if size * most >= 2**62:
                cells, size = _ranks(cells)
            cells *= most
            cells += codes
            cells += 1
            size *= most
        cells.sort()
        return float((cells[1:] == cells[:-1]).sum() / len(cells))


def _ranks(numbers: Codes) -> tuple[Codes, int]:
    """The place of each number among the distinct ones, [N], and how many these are."""
    known = np.unique(numbers)
    return np.searchsorted(known, numbers), len(known)


def is_rising(times: Times) -> bool:
    """Whether each time is later than the one before; then none is repeated."""
    return bool(np.all(times[1:] > times[:-1]))


def _called(columns: Columns) -> dict[str, str]:
    """The leading columns that are year, month and day by their numbers, and parts of the day as far as days repeat."""
    parts = (("year", 1800, 2200), ("month", 1, 12), ("day", 1, 31), ("hour", 0, 24), ("minute", 0, 59))
    found: dict[str, str] = {}
    order = np.zeros(0, dtype=np.int64)
    for (name, column), (part, low, high) in zip(columns.items(), parts, strict=False):
        values = _numbers(column)
        if values is None or not (np.all(values == np.floor(values)) and low <= values.min() and values.max() <= high):
            break
        order = values.astype(np.int64) + (0 if part == "year" else order * 100)
        found[name] = part
        if len(found) > 2 and np.all(np.diff(order) > 0):
            break
    if len(found) < 3:
        return {}
    days = order // 100 ** (len(found) - 3)
    if np.any(np.diff(days) < 0):
        return {}
    return found if calendar_days(days // 10_000, days // 100 % 100, days % 100)[1].all() else {}


def _names_a_day(text: str) -> bool:
    """Whether a text is a number and the name of a month: "5 Jan"."""
    found = re.fullmatch(r"\d{1,2}\.?[ -]([^\W\d_]+)\.?|([^\W\d_]+)\.?[ -]\d{1,2}", text)
    return bool(found and month_of_name(found[1] or found[2]))


def _seconds(clock: Numbers) -> NDArray[np.float64]:
    """Times of day in seconds that go on after midnight."""
    seconds = clock.astype(np.float64)
    back = np.diff(seconds) < 0
    over_midnight = back.mean() < 0.1 and seconds.max() < 86_400 if len(back) else False
    return seconds + 86_400 * np.concatenate([[0], np.cumsum(back)]) if over_midnight else seconds


def _short_months(month: Codes, year: Codes) -> ParsedDates | None:
    """01/08 to 12/08, 01/09, ... as months of years of two digits; None if they don't rise so."""
    order = year * 100 + month
    if month.min() < 1 or month.max() > 12 or year.max() > 99 or not np.all(np.diff(order) > 0) or len(order) < 3:
        return None
    times, good = calendar_days(year_of(year), month, np.ones_like(month))
    return ParsedDates(times, ~good, "month") if np.any(np.diff(month) < 0) else None


def _is_numeric(column: pa.ChunkedArray, decimal: str) -> bool:
    """Whether a column holds numbers, by its type or as text."""
    if is_text(column):
        cells = sample(column)
        return sum(is_number(cell, decimal) for cell in cells) > 0.5 * len(cells)
    return any(check(column.type) for check in (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean))


def _numbers(column: pa.ChunkedArray) -> Numbers | None:
    """A column of numbers, or text of digits: integers, or floats with NaN for empty cells. None for other columns."""
    if is_text(column):
        cells = sample(column)
        if not cells or not all(re.fullmatch(r"\d+(\.\d+)?", cell) for cell in cells):
            return None
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        try:
            column = pc.cast(text, pa.int64() if all(cell.isdigit() for cell in cells) else pa.float64())
        except pa.ArrowInvalid:
            return None
    if pa.types.is_integer(column.type) and not column.null_count:
        return np.asarray(column).astype(np.int64, copy=False)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return None
    return np.asarray(column.cast(pa.float64(), safe=False)).astype(np.float64, copy=False)


def _timestamps(name: str, column: pa.ChunkedArray, origin: Origin) -> ParsedDates:
    """A column that already has a date or time type."""
    try:
        times = np.array(column.cast(pa.timestamp("ns")), dtype="datetime64[ns]")
    except pa.ArrowInvalid:  # before 1678 or after 2261: more nanoseconds than 64 bits count
        days = np.asarray(column.cast(pa.timestamp("s"), safe=False))
        outside = (days < np.datetime64("1678-01-01")) | (days >= np.datetime64("2262-01-01"))
        message = "dates must lie between the years 1678 and 2261; correct the date"
        raise origin.error(name, message, outside) from None
    zones = np.full(len(times), 0 if getattr(column.type, "tz", None) else NO_ZONE, dtype=np.int16)
    times, notes, fixed = in_one_zone(times, zones, origin.options.time_zone)
    dated = times[~np.isnat(times)]
    unit = "time" if np.any(dated != dated.astype("datetime64[D]")) else "day"
    return ParsedDates(times, np.zeros(len(times), bool), unit, tuple(notes), fixed=fixed)
