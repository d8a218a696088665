"""Parses dates in text; the format and the order of day, month and year are detected over the whole column."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seqcore.data.import_report import Answer, Question
from seqcore.data.readers.month_names import month_of_name
from seqcore.data.readers.time_zones import NO_ZONE, UNKNOWN_ZONE, in_one_zone, offset_of

__all__ = [
    "DAY",
    "LETTER",
    "TAIL",
    "TIME_OF_DAY",
    "Groups",
    "ParsedDates",
    "calendar_days",
    "clock_time",
    "date_family",
    "named_order",
    "parse_dates",
    "year_of",
]

Times = NDArray[np.datetime64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]

PIECE = 50_000  # cells parsed at a time
DAY = 86_400 * 10**9  # nanoseconds
EARLIEST, LATEST = 1678, 2261  # years that 64-bit nanoseconds can hold

# Patterns are matched against lower-case text with single spaces. A letter is cheaper to compile so than as \pL.
LETTER = r"[a-z\x{80}-\x{10ffff}]"
TIME_OF_DAY = (
    r"(?:(?P<hour>\d{1,2})[ab]?"
    r"(?: ?[:.h時시] ?(?P<minute>\d{2})(?:[:.m분](?P<second>\d{2})(?:[.,:](?P<fraction>\d{1,9})\d*)?)?)?"
    r"|(?P<compact>\d{4}(?:\d{2})?))(?: ?(?:(?P<half>[ap])(?:\.? ?m\.?|\b)|h(?:rs?|s)?\.?|uhr|時|시|분|s))?"
)
TAIL = r"(?: ?(?:-|–|—|/|~|to|bis|until|à|do|до) ?\d{1,4}[-./:h]\d.*)?"  # the end of a range: its start counts
_ZONE = rf"(?: ?(?P<zone>z|(?:utc|gmt)?[+-]\d{{1,2}}:?(?:\d{{2}})?|\(?{LETTER}{{2,5}}\.?\)?)(?: ?[(\[].*[)\]])?)?"
_CLOCK = rf"(?:(?:t|[ ,;:_]+|-| at | um | à ){TIME_OF_DAY})?{_ZONE}"
_WEEKDAY = rf"(?:{LETTER}{{2,13}}[., ]+)?"
_YEAR, _SHORT = r"(?P<year>\d{4})", r"'?(?P<year>\d{4}|\d{2})"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|re|º|ª|°)?\.?"
_NAME = rf"(?P<name>{LETTER}{{3,12}})\.?"
_OF = r"[-/ .,]*(?:de |del |d'|d’|of |di )?"
_Q, _W = r"(?:qtr|quarter|quartal|trimestre|trim|кв|q|t|k)\.?", r"(?:week|woche|semaine|semana|sem|kw|wk|w)\.?"
_FAMILIES = {
    "year-month-day": (
        rf"{_WEEKDAY}{_YEAR}[-/.年년] ?(?P<month>\d{{1,2}})[-/.月월] ?(?P<day>\d{{1,2}})[.日일]?{_CLOCK}{TAIL}"
    ),
    "numbers": rf"{_WEEKDAY}(?P<a>\d{{1,2}})[-/.] ?(?P<b>\d{{1,2}})[-/.] ?'?(?P<c>\d{{4}}|\d{{2}})\.?{_CLOCK}{TAIL}",
    "numbers without signs": rf"(?P<a>\d{{1,2}})(?P<b>\d{{2}})(?P<c>(?:19|20)\d{{2}})[t ]{TIME_OF_DAY}",
    "year-month-day without signs": rf"(?P<year>[12]\d{{3}})(?P<month>[01]\d)(?P<day>[0-3]\d){_CLOCK}{TAIL}",
    "day name year": rf"{_WEEKDAY}{_DAY}{_OF}{_NAME}{_OF}{_SHORT}(?: ?[грr]\.?)?{_CLOCK}{TAIL}",
    "name day year": rf"{_WEEKDAY}{_NAME}[-/ .]*{_DAY}[-/ ,.]+{_SHORT}{_CLOCK}{TAIL}",
    "name day clock year": rf"{_WEEKDAY}{_NAME} {_DAY},? {TIME_OF_DAY}{_ZONE} {_YEAR}",
    "year name day": rf"{_YEAR}[-/ .,]*{_NAME}[-/ .,]*{_DAY}{_CLOCK}",
    "year day": rf"{_YEAR}-(?P<ordinal>\d{{3}}){_CLOCK}",
    "season": rf"{_YEAR}[-/–](?P<until>\d{{4}}|\d{{2}})",
    "year-month": rf"{_YEAR}(?:[-/.: ]|[-/.: ]?m|年 ?)?(?P<month>\d{{1,2}})月?",
    "month-year": r"m?(?P<month>\d{1,2})[-/. ](?P<year>\d{4})",
    "name year": rf"{_NAME}{_OF}{_SHORT}(?: ?[гr]\.?)?",
    "year name": rf"{_YEAR}[-/ .,:]*{_NAME}",
    "year quarter": rf"{_YEAR}[-/: .]*{_Q} ?(?P<quarter>[1-4])",
    "year, quarter": rf"{_YEAR}[-/: .]*(?P<quarter>[1-4])\.? ?{_Q}",
    "quarter year": rf"{_Q}[-. ]?(?P<quarter>[1-4])[-/: .,]*{_SHORT}",
    "quarter, year": rf"(?P<quarter>[1-4])\.? ?{_Q}[-/: .,]*{_SHORT}",
    "year half": rf"{_YEAR}[-/: .]*[hs](?P<semester>[12])",
    "half year": rf"[hs](?P<semester>[12])[-/: .,]*{_SHORT}",
    "year week": rf"{_YEAR}[-/: .]*{_W}[-. ]*(?P<week>\d{{1,2}})(?:-?(?P<weekday>[1-7]))?",
    "week year": rf"{_W}[-. ]*(?P<week>\d{{1,2}})[-/: .,]*{_YEAR}",
    "year": r"(?:fy|cy)? ?(?P<year>[12]\d{3})(?:年)?",
}
_RE2 = {family: f"^(?:{pattern})$" for family, pattern in _FAMILIES.items()}
_PATTERNS = {family: re.compile(pattern.replace(LETTER, r"[^\W\d_]")) for family, pattern in _FAMILIES.items()}
_UNITS = {  # by the first of these groups that a family has
    "day": "day", "c": "day", "ordinal": "day", "quarter": "quarter", "semester": "half", "week": "week",
    "month": "month", "name": "month", "year": "year",
}  # fmt: skip
_ORDERS = {"day-first": (2, 1, 0), "month-first": (2, 0, 1), "year-first": (0, 1, 2)}  # places of year, month, day


@dataclass(frozen=True)
class ParsedDates:
    """`times[N]` (datetime64[ns]; NaT if the cell is empty or `bad[n]`); `unit` is the precision of the texts.

    `fixed`: offsets from UTC were given, and the times are converted to one of them. `other_order`: the
    times with the month first, where day and month can't be told apart.
    """

    times: Times
    bad: Mask
    unit: str = "day"  # year, half, quarter, month, week, day, or time
    notes: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    fixed: bool = False
    other_order: Times | None = None


class Groups:
    """The named groups of a pattern in each of n texts; `matched[n]` says which texts match."""

    def __init__(self, texts: pa.Array, pattern: str) -> None:
        self._found = pc.extract_regex(texts, pattern=pattern)
        self.matched: Mask = np.asarray(pc.is_valid(self._found))
        self.keys = {field.name for field in self._found.type}

    def text(self, key: str) -> pa.Array:
        """The text of a group, "" where it is absent."""
        return pc.fill_null(pc.struct_field(self._found, key), "")

    def number(self, key: str, default: int) -> Whole:
        """A group as integers, `default` where it is absent."""
        if key not in self.keys:
            return np.full(len(self.matched), default, dtype=np.int64)
        text = self.text(key)
        return np.asarray(pc.cast(pc.if_else(pc.equal(text, ""), str(default), text), pa.int64()))

    def mapped(self, key: str, function: Callable[[str], int]) -> Whole:
        """A group as integers by a function of its text, called once for each distinct text."""
        coded = self.text(key).dictionary_encode()
        values = np.array([function(text) for text in coded.dictionary.to_pylist()], dtype=np.int64)
        return np.asarray(values[np.asarray(coded.indices)])


def date_family(cells: Sequence[str], share: float = 0.9) -> str | None:
    """The date format of at least `share` of these cells, or None."""
    texts = sorted(set(simple(pa.array(cells, pa.string())).to_pylist()))
    best: tuple[float, str | None] = (0.0, None)
    for family, pattern in _PATTERNS.items():
        if sum(bool(pattern.fullmatch(text)) for text in texts) < share * len(texts) or not texts:
            continue  # matching is much faster than parsing
        good = 1.0 - parse_dates(pa.chunked_array([texts]), family).bad.mean()
        if family == "season" and len(texts) < 2:
            continue  # 2008-09 alone is a month
        if good > best[0]:
            best = good, family
    return best[1] if best[0] >= share else None


def parse_dates(column: pa.ChunkedArray, family: str, *, order: str = "auto", zone: str = "auto") -> ParsedDates:
    """Parse a text column of one format. `order` is "auto" or a key of the orders of numbers; `zone` an IANA name.

    In pieces and each distinct text once: parsing needs many times the memory of the text.
    """
    column = column.cast(pa.string())
    count = len(column)
    numbers = np.zeros((count, 3), dtype=np.int16)
    clock, zones = np.zeros(count, dtype=np.int64), np.full(count, NO_ZONE, dtype=np.int16)
    good, clocked = np.zeros(count, dtype=bool), False
    for start in range(0, count, PIECE):
        part = slice(start, start + PIECE)
        coded = column.slice(start, PIECE).combine_chunks().dictionary_encode()
        for piece in coded.chunks if isinstance(coded, pa.ChunkedArray) else [coded]:
            part = slice(start, start + len(piece))
            start += len(piece)
            texts, places = simple(piece.dictionary), np.asarray(piece.indices.fill_null(len(piece.dictionary)))
            found = Groups(pa.concat_arrays([texts, pa.array([None], pa.string())]), _RE2[family])
            parsed = _fields(found)
            numbers[part], clock[part], zones[part], good[part] = (values[places] for values in parsed)
            clocked |= "hour" in found.keys and bool(np.any(parsed[1]))
    questions: list[Question] = []
    others: list[Times] = []
    if family.startswith("numbers"):
        order, questions = _order(numbers, good, order, dots="." in _first(column, good))
        if questions:
            year, month, day = numbers[:, _ORDERS["month-first"]].T
            others = [calendar_days(year_of(year), month, day)[0] + clock.astype("timedelta64[ns]")]
        numbers = numbers[:, _ORDERS[order]]
    quarterly = family == "year-month" and _are_quarters(numbers[good], _first(column, good))
    if quarterly:
        numbers[:, 1] = 3 * numbers[:, 1] - 2
    days, valid = calendar_days(year_of(numbers[:, 0]), numbers[:, 1], numbers[:, 2])
    good &= valid
    times = days + clock.astype("timedelta64[ns]")
    times[~good] = np.datetime64("NaT")
    local = times
    times, notes, fixed = in_one_zone(times, zones, zone)
    bad = np.asarray(pc.is_valid(column)) & ~good
    unit = "time" if clocked else next(u for key, u in _UNITS.items() if f"<{key}>" in _FAMILIES[family])
    unit = "quarter" if quarterly else unit
    notes = [*(question.sentence for question in questions), *notes]
    other = others[0] + (times - local) if others else None
    return ParsedDates(times, bad, unit, tuple(notes), tuple(questions), fixed, other)


def simple(texts: pa.Array) -> pa.Array:
    """Lower case, without outer and repeated spaces, and without a dash between a date and a time of day."""
    spaced = pc.utf8_trim_whitespace(pc.replace_substring_regex(pc.utf8_lower(texts), r"[\s\x{a0}\x{202f}]+", " "))
    return pc.replace_substring_regex(spaced, r"^([^:]*\d) - (\d{1,2}[:.]\d\d(?:[:.]\d\d)?)$", r"\1 \2")


def named_order(name: str) -> str:
    """The order of day, month and year that a name such as "DATE (MM/DD/YYYY)" gives, or "auto"."""
    found = re.search(
        r"(?<![a-z])(?:(m{1,2})[-/. ]?d{1,2}|d{1,2}[-/. ]?m{1,2})[-/. ]?(?:yy){1,2}(?![a-z])", name.lower()
    )
    return "auto" if found is None else "month-first" if found[1] else "day-first"


def _are_quarters(numbers: NDArray[np.int16], example: str) -> bool:
    """Whether the months [n, 3] of several years are always 1 to 4, written with one digit: 2000:1 to 2000:4."""
    if not re.fullmatch(r"\d{4}\D[1-4]", example.strip()):
        return False
    return [*np.unique(numbers[:, 1])] == [1, 2, 3, 4] and len(np.unique(numbers[:, 0])) > 1


def _first(column: pa.ChunkedArray, good: Mask) -> str:
    return str(column[int(np.argmax(good))]) if good.any() else ""


def _fields(found: Groups) -> tuple[NDArray[np.int16], Whole, NDArray[np.int16], Mask]:
    """Year, month and day [n, 3], or three numbers in the order of the text; time of day; zone; which are valid."""
    number, keys, good = found.number, found.keys, found.matched.copy()
    year, month, day = number("year", 1970), number("month", 1), number("day", 1)
    if "a" in keys:
        year, month, day = number("a", 1), number("b", 1), number("c", 1)
    if "quarter" in keys:
        month = 3 * number("quarter", 1) - 2
    if "semester" in keys:
        month = 6 * number("semester", 1) - 5
    if "name" in keys:
        month = found.mapped("name", lambda name: month_of_name(name) or 0)
    if "until" in keys:
        good &= number("until", 0) % 100 == (year + 1) % 100
    if "ordinal" in keys or "week" in keys:
        if "week" in keys:
            days, right = week_days(year_of(year), number("week", 1), number("weekday", 1))
        else:
            days, right = year_days(year, number("ordinal", 1))
        good &= right
        months = days.astype("datetime64[M]")
        year, month = months.astype(np.int64) // 12 + 1970, months.astype(np.int64) % 12 + 1
        day = (days.astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64) + 1
    numbers = np.stack([year, month, day], axis=1).astype(np.int16)
    zones = np.full(len(good), NO_ZONE, dtype=np.int16)
    if "hour" not in keys:
        return numbers, np.zeros(len(good), dtype=np.int64), zones, good
    clock, right = clock_time(found)
    if "zone" in keys:
        zones = found.mapped("zone", offset_of).astype(np.int16)
        without = np.asarray(pc.equal(pc.binary_join_element_wise(found.text("hour"), found.text("compact"), ""), ""))
        zones[without & (zones == UNKNOWN_ZONE)] = NO_ZONE  # the day of the week
        good &= zones != UNKNOWN_ZONE
    return numbers, clock, zones, good & right


def clock_time(found: Groups) -> tuple[Whole, Mask]:
    """The time of day in nanoseconds from the groups of TIME_OF_DAY, and which of them are valid. 24:00 is valid."""
    number = found.number
    hour, minute, second, compact = number("hour", 0), number("minute", 0), number("second", 0), number("compact", -1)
    long = np.asarray(pc.greater(pc.utf8_length(found.text("compact")), 4))
    compact = np.where(long, compact, compact * 100)
    written = compact >= 0
    hour = np.where(written, compact // 10_000, hour)
    minute, second = np.where(written, compact // 100 % 100, minute), np.where(written, compact % 100, second)
    fraction = np.asarray(pc.cast(pc.utf8_rpad(found.text("fraction"), 9, padding="0"), pa.int64()))
    half = found.text("half")
    afternoon, morning = np.asarray(pc.equal(half, "p")), np.asarray(pc.equal(half, "a"))
    good = (hour < 24) | ((hour == 24) & (minute == 0) & (second == 0))
    good &= (minute < 60) & (second < 61) & ~((afternoon | morning) & (hour > 12))
    hour = np.where(afternoon & (hour < 12), hour + 12, np.where(morning & (hour == 12), 0, hour))
    return (hour * 3600 + minute * 60 + second) * 10**9 + fraction, good


def year_of(year: NDArray[np.integer]) -> Whole:
    """24 is 2024 and 99 is 1999."""
    year = year.astype(np.int64)
    return np.where(year < 70, year + 2000, np.where(year < 100, year + 1900, year))


def calendar_days(
    year: NDArray[np.integer], month: NDArray[np.integer], day: NDArray[np.integer]
) -> tuple[Times, Mask]:
    """Times at midnight, and which of them are valid dates that 64-bit nanoseconds can hold."""
    year, month, day = year.astype(np.int64), month.astype(np.int64), day.astype(np.int64)
    good = (year >= EARLIEST) & (year <= LATEST) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + np.where(good, day - 1, 0)
    good &= days.astype("datetime64[M]") == months
    return np.where(good, days, np.datetime64("1970-01-01")).astype("datetime64[ns]"), good


def week_days(year: Whole, week: Whole, weekday: Whole) -> tuple[Times, Mask]:
    """Days of ISO 8601 weeks: week 1 is the one with 4 January in it."""
    fourth, good = calendar_days(year, np.ones_like(year), np.full_like(year, 4))
    days = fourth.astype("datetime64[D]").astype(np.int64)
    monday = days - (days + 3) % 7  # 1970-01-01 was a Thursday
    times = (monday + 7 * (week - 1) + weekday - 1).astype("datetime64[D]").astype("datetime64[ns]")
    return times, good & (week >= 1) & (week <= 53)


def year_days(year: Whole, ordinal: Whole) -> tuple[Times, Mask]:
    """Days of the year, counted from 1."""
    first, good = calendar_days(year, np.ones_like(year), np.ones_like(year))
    times = first + ((ordinal - 1) * DAY).astype("timedelta64[ns]")
    return times, good & (ordinal >= 1) & (times.astype("datetime64[Y]") == first.astype("datetime64[Y]"))


def _order(numbers: NDArray[np.int16], good: Mask, order: str, *, dots: bool) -> tuple[str, list[Question]]:
    """The order of three numbers such as 01/02/24, from all rows: valid, rising, in small steps.

    With a question where day and month can't be told apart.
    """
    rows = numbers[good]
    short = len(rows) > 0 and bool(np.all(rows[:, 2] < 100))
    scores: dict[str, tuple[float, float, int]] = {}
    for name, places in _ORDERS.items():
        if name == "year-first" and not short:
            continue
        days, valid = calendar_days(*(year_of(rows[:, places[0]]), rows[:, places[1]], rows[:, places[2]]))
        steps = np.diff(days[valid].astype("datetime64[D]").astype(np.int64))
        rising = max((steps >= 0).mean(), (steps <= 0).mean()) if len(steps) else 1.0
        scores[name] = float(valid.mean()) if len(rows) else 0.0, round(float(rising), 2), int(np.abs(steps).sum())
    if order in scores:
        return order, []
    best = max((valid, rising) for valid, rising, _ in scores.values())
    left = [name for name, score in scores.items() if score[:2] == best]
    if min(left, key=lambda name: scores[name][2]) == "year-first":
        return "year-first", []
    left = [name for name in left if name != "year-first"]
    if len(left) == 1 or dots or np.array_equal(rows[:, 0], rows[:, 1]):
        return left[0], []
    a, b = (int(number) for number in rows[0, :2])
    sentence = (
        f"Dates such as {a:02d}/{b:02d}/{int(year_of(rows[:1, 2])[0])} were read with the day first; if that is "
        "wrong, set month-first."
    )
    return left[0], [Question(sentence, (Answer("Month first (January 2)", {"date_order": "month-first"}),))]
