"""Columns with parts of time beside dates or years: months, days, times of day, hours, and numbered intervals."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seqcore.data.readers.column_parsing import distinct, is_text, is_whole
from seqcore.data.readers.dates import (
    DAY,
    LETTER,
    TAIL,
    TIME_OF_DAY,
    Groups,
    calendar_days,
    clock_time,
    simple,
    week_days,
    year_days,
)
from seqcore.data.readers.month_names import month_of_name
from seqcore.data.readers.time_numbers import words
from seqcore.data.readers.time_zones import standard_time, zone_of_days

__all__ = ["FINER", "TimePart", "over_changes", "read_part"]

Times = NDArray[np.datetime64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]

HOUR, MINUTE = DAY // 24, DAY // 1440
FINER = {  # the parts that complete a time of this precision
    "year": ("month", "quarter", "half", "week", "day of year"),
    "month": ("day",),
    "day": ("clock",),
    "week": ("weekday",),
    "time": ("AM/PM marker", "minute"),
    "minute": ("second",),
}
_RANGES = {  # of numbers: first and last; those that hold all of them need no usual name
    "month": (1, 12), "quarter": (1, 4), "half": (1, 2), "week": (1, 53), "day of year": (1, 366), "day": (1, 31),
    "weekday": (1, 7), "minute": (0, 59), "second": (0, 59), "AM/PM marker": (0, 1),
}  # fmt: skip
_NAMES = {
    "month": (
        r"months?|m|mon|mo|mm|mnth|monat|mois|mes|mese|maand|miesiac|mesic|ay|manad|maned|месяц|period|periode|periodo"
    ),
    "quarter": r"quarters?|qtr|q|quartal|trimestre|trim|kwartaal|kvartal|kwartal|ceyrek|квартал|period",
    "half": r"half|half year|halfyear|semester|semestre|halbjahr|period",
    "week": (
        r"weeks?|wk|week no|week number|kw|kalenderwoche|woche|semaine|semana|settimana|vecka|uge|uke|tydzien|tyden|"
        r"hafta|неделя"
    ),
    "day of year": r"doy|yday|day of year|dayofyear|day|jday|julian( day)?|jour|tag|dia|giorno",
    "day": r"days?|d|dd|dy|mday|dom|day of month|tag|jour|dia|giorno|dag|den|dzien|gun|день",
    "weekday": r"weekday|wday|dow|day of week|day|wochentag",
    "minute": r"minutes?|m|mm|mn|mins?|mi|minuten|minuto|minuut|мин",
    "second": r"seconds?|s|secs?|sekunden?|segundo|seconde|ss",
    "AM/PM marker": r"am pm|ampm|meridian|half",
    "clock": (
        r".*\b(hours?|hrs?|h|hh|hhmm|hod|stunden?|std|heures?|horas?|ora|ore|uur|uhr|uhrzeit|zeit|time|clock|tid|tijd|"
        r"timme|godz|godzina|hodina|saat|час|время|sp|settlement|period|periodo|periode|intervals?|ptu|mtu|slot|he|hb|"
        r"block|klokkeslett|cas|czas|horario|tageszeit|viertelstunde)\b.*|.*hour.*|.*time|.*zeit"
    ),
}
_CLOCK = rf"^(?:kl\.? ?)?{TIME_OF_DAY}(?: ?\(?(?:z|utc|gmt|[a-z]{{3,4}})\)?)?{TAIL}$"
_SPAN = r"^(?P<hour>\d{1,2})(?: ?h)? ?(?:-|–|—|to|bis|à) ?(?P<until>\d{1,2})(?: ?(?:h|uhr))?\.?$"
_LABEL = rf"^(?P<word>{LETTER}*)[-_. ]*(?P<number>\d{{1,4}})(?: ?[(]?(?P<again>[a-c*])[)]?)?$"
_CODES = {
    "m": "month",
    "q": "quarter",
    "t": "quarter",
    "k": "quarter",
    "s": "half",
    "h": "half",
    "w": "week",
    "kw": "week",
}
_ENDING = r"\b(he|ending|ende|end)\b"
_HOUR_ENDING = "is the end of an hour, read as its start"
_OF_DAY = {"minute": MINUTE, "second": 10**9}  # counted from midnight
_SLOTS = ((25, HOUR), (50, HOUR // 2), (100, HOUR // 4), (150, HOUR // 6), (300, HOUR // 12), (1500, MINUTE))


@dataclass(frozen=True)
class TimePart:
    """A part of time in each of N rows.

    `values[N]`: the number of a month or day, or for a clock the time since midnight in nanoseconds. `left_out[N]`:
    rows that are no time step (annual averages). `slot`: the width of numbered intervals, which count on over a clock
    change. `certain`: it can hardly be anything else. `full`: it holds every number of its range.
    """

    kind: str
    values: Whole
    note: str = ""
    certain: bool = False
    hinted: bool = False
    full: bool = False
    left_out: Mask | None = None
    slot: int = 0

    def covers(self, times: Times) -> bool:
        """Whether most of these times, to which the part belongs, hold all of its numbers."""
        distinct = pd.Series(self.values).groupby(times).nunique()
        least = (
            (DAY - HOUR) // self.slot if self.slot else _RANGES[self.kind][1] - (self.kind in ("week", "day of year"))
        )
        return len(distinct) > 1 and float(distinct.median()) >= least

    def added_to(self, times: Times) -> tuple[Times, Mask, str]:
        """Times completed by this part, which of them are valid, and their precision."""
        months = times.astype("datetime64[M]").astype(np.int64)
        year, month, ones = months // 12 + 1970, months % 12 + 1, np.ones_like(months)
        values = self.values
        if self.kind in ("month", "quarter", "half"):
            size = {"month": 1, "quarter": 3, "half": 6}[self.kind]
            return *calendar_days(year, (values - 1) * size + 1, ones), self.kind
        if self.kind == "week":
            return *week_days(year, values, ones), "week"
        if self.kind == "day of year":
            return *year_days(year, values), "day"
        if self.kind == "day":
            return *calendar_days(year, month, values), "day"
        if self.kind == "AM/PM marker":
            days, noon = times.astype("datetime64[D]"), np.timedelta64(DAY // 2, "ns")
            hours = times - days
            return days + hours % noon + values * noon, hours <= noon + np.timedelta64(HOUR - 1, "ns"), "time"
        unit = {"weekday": DAY, "minute": MINUTE, "second": 10**9, "clock": 1}[self.kind]
        moved = times + ((values - (self.kind == "weekday")) * unit).astype("timedelta64[ns]")
        finer = {"weekday": "day", "minute": "minute", "second": "second", "clock": "time"}[self.kind]
        return moved, np.ones(len(times), dtype=bool), finer


def is_hinted(name: str, kind: str) -> bool:
    """Whether a column is named like this part of time, in one of the large languages."""
    return bool(re.fullmatch(_NAMES[kind], words(name)))


def read_part(name: str, column: pa.ChunkedArray, kind: str) -> TimePart | None:
    """A column as this part of time, by its values; None if they don't fit. Empty cells don't fit."""
    if column.null_count or not len(column):
        return None
    hinted = is_hinted(name, kind)
    if pa.types.is_time(column.type) and kind == "clock":
        return TimePart(kind, np.asarray(column.cast(pa.time64("ns")).cast(pa.int64())), certain=True, hinted=hinted)
    if is_text(column):
        texts, places = distinct(column)
        if len(texts) > 100_000:
            return None
        part = _read_texts(name, simple(texts.cast(pa.string())), kind, hinted, places)
    elif is_whole(column, most=len(column)):
        part = _read_numbers(name, np.asarray(column).astype(np.int64), kind, hinted)
    elif pa.types.is_floating(column.type) and kind == "clock" and hinted:
        part = _fractions(np.asarray(column))
    else:
        return None
    return part


def _read_texts(name: str, texts: pa.Array, kind: str, hinted: bool, places: Whole) -> TimePart | None:
    """Distinct texts, and the place of each row among them."""
    if kind == "month" and all(month_of_name(text) for text in texts.to_pylist()):
        months = np.array([month_of_name(text) for text in texts.to_pylist()], dtype=np.int64)
        return TimePart(kind, months[places], certain=True, hinted=hinted)
    if kind == "AM/PM marker":
        halves = [text.replace(".", "").replace(" ", "") for text in texts.to_pylist()]
        afternoon = np.array([half == "pm" for half in halves], dtype=np.int64)
        return TimePart(kind, afternoon[places], certain=True, hinted=hinted) if {*halves} <= {"am", "pm"} else None
    if kind == "clock":
        for pattern in (_CLOCK, _SPAN):
            found = Groups(texts, pattern)
            if not found.matched.all():
                continue
            if pattern == _SPAN:
                start, until = found.number("hour", 0), found.number("until", 0)
                if np.all((until - start) % 24 == 1) and start.max() < 25:
                    return TimePart(
                        kind, start[places] * HOUR, "holds ranges of hours, read as their start", True, hinted
                    )
                return None
            clock, good = clock_time(found)
            ending = bool(re.search(_ENDING, words(name))) and clock.min() == HOUR and clock.max() == DAY
            if not good.all() or not (_any(texts, ":|[c-z]") or (hinted and not _any(texts, r"^\d{1,2}$"))):
                break
            note = "holds ranges, read as their start" if _any(texts, r"\d ?(-|–|—|to|bis|à) ?\d") else ""
            if ending:
                clock, note = clock - HOUR, _HOUR_ENDING
            return TimePart(kind, clock[places], note, True, hinted)
    found = Groups(texts, _LABEL)
    if not found.matched.all():
        return None
    numbers, words_before = found.number("number", 0), found.text("word").to_pylist()
    letters = set(words_before)
    if kind in _CODES.values():
        return _codes(numbers, words_before, kind, hinted, places)
    if kind != "clock" or len(letters - {""}) > 1:
        return None
    word = next(iter(letters - {""}), "")
    spoken = f"{word} {name}" if word else name
    part = _read_numbers(spoken, numbers[places], kind, hinted or is_hinted(word or name, kind))
    return part if part is not None and (word or hinted or _any(texts, "[ab*]")) else None


def _any(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(texts, pattern)).as_py())


def _codes(numbers: Whole, letters: list[str], kind: str, hinted: bool, places: Whole) -> TimePart | None:
    """Periods such as M01 to M12 of a year; M13, Q05 and the like are averages of the year."""
    kinds = np.array([_CODES.get(word, "") for word in letters])
    mine, last = kinds == kind, _RANGES[kind][1]
    right = mine & (numbers >= 1) & (numbers <= last)
    averages = (mine & (numbers == last + 1) & (kind != "week")) | np.isin(letters, ["a", "s"]) & ~mine
    if not right.any() or not (right | averages).all():
        return None
    note = ""
    if averages.any():
        codes = sorted({f"{letters[i].upper()}{numbers[i]:02d}" for i in np.flatnonzero(averages)})
        count = int(averages[places].sum())
        note = f"holds averages of the year ({', '.join(codes)}) in {count:,} rows, which were left out"
    left_out = averages[places] if averages.any() else None
    return TimePart(kind, np.where(right, numbers, 1)[places], note, certain=True, hinted=hinted, left_out=left_out)


def _read_numbers(name: str, values: Whole, kind: str, hinted: bool) -> TimePart | None:
    if kind == "clock":
        return _clock_number(words(name), values, hinted)
    first, last = _RANGES[kind]
    low, high = int(values.min()), int(values.max())
    if kind == "weekday" and low == 0 and high <= 6:
        values, low, high = values + 1, low + 1, high + 1
    if low < first or high > last:
        return None
    shortest = {"month": 12, "week": 52, "day of year": 365}.get(kind)  # fewer numbers may be anything
    full = shortest is not None and low == first and high >= shortest and len(pd.unique(values)) >= shortest
    return TimePart(kind, values, hinted=hinted, full=full) if hinted or full else None


def _clock_number(name: str, values: Whole, hinted: bool) -> TimePart | None:
    """Hours 0 to 23, hours 1 to 24 (of which each is the one that ends then), numbered intervals, 930 as 9:30."""
    low, high = int(values.min()), int(values.max())
    distinct = pd.unique(values)
    if low < 0:
        return None
    minutes = values if high < 10_000 else values // 100
    if hinted and high == 0:  # daily prices at 000000
        return TimePart("clock", values, certain=True, hinted=True)
    for kind, unit in _OF_DAY.items():
        if re.fullmatch(_NAMES[kind], name) and 60 <= high < DAY // unit:
            return TimePart("clock", values * unit, f"counts {kind}s from midnight", certain=True, hinted=True)
    written = bool(np.all(minutes % 100 < 60) and np.all(values % 100 < 60)) and minutes.max() <= 2400
    counted = len(distinct) == high - low + 1 and high > 288  # 1 to 1440 are minutes
    if hinted and 100 <= high <= 240_000 and written and not counted:
        spans = (minutes // 100 * 60 + minutes % 100) * MINUTE
        clock = spans + (values % 100 * 10**9 if high >= 10_000 else 0)
        note = ""
        if re.search(_ENDING, name) and clock.min() == HOUR and clock.max() == DAY:
            clock, note = clock - HOUR, _HOUR_ENDING
        return TimePart("clock", clock, note, certain=True, hinted=True)
    named = next((width for pattern, width in _NAMED_SLOTS if re.search(pattern, name)), 0)
    width = named or next((width for most, width in _SLOTS if high <= most), 0)
    if not width:
        return None
    count = DAY // width
    ending = bool(re.search(_ENDING, name))
    from_one = low >= 1 and (width < HOUR or ending or high >= 24)
    if width == HOUR and not (from_one and (low == 1 or ending)):
        from_one = False
        if high > 24:
            return None
    full = len(distinct) >= count and low == int(from_one)
    if not hinted and not full:
        return None
    note = ""
    if from_one:
        what = "the hour that ends then" if width == HOUR else f"intervals of {width // MINUTE} minutes"
        note = f"counts {low} to {high}, read as {what}"
    return TimePart("clock", (values - from_one) * width, note, hinted=hinted, full=full, slot=width)


_NAMED_SLOTS = (
    (r"\b(settlement|sp|half ?hour(ly)?|halfhour)\b", HOUR // 2),
    (r"\b(quarter ?hour|viertelstunde|qh)\b", HOUR // 4),
    (r"\b(he|hour ending|hours?|stunde|heure|hora)\b", HOUR),
)


def _fractions(values: NDArray[np.float64]) -> TimePart | None:
    """Fractions of a day (a spreadsheet's times), hours with minutes behind the point (9.30), or decimal hours."""
    low, high = float(values.min()), float(values.max())
    steps = np.diff(np.unique(values))
    if low < 0 or high > 24 or len(steps) < 2 or (high < 1 and not np.all(steps < 2 * steps.min() + 1e-4)):
        return None
    hours = np.floor(values + 1e-9)
    rest = np.round((values - hours) * 100, 6)
    if high < 1:
        what, seconds = "fractions of a day", values * 86_400
    elif np.all(np.abs(rest - np.round(rest)) < 1e-6) and rest.max() < 60 and not np.all(rest % 25 == 0):
        what, seconds = "hours and minutes", hours * 3600 + rest * 60
    else:
        what, seconds = "decimal hours", values * 3600
    return TimePart("clock", np.round(seconds).astype(np.int64) * 10**9, f"was read as {what}", hinted=True)


def over_changes(days: Times, part: TimePart, zone: str) -> tuple[Times | None, str]:
    """Days [N] with numbered intervals that count on over a clock change (25 hours, 46 half hours), in standard time.

    None, and no note, if the intervals don't show one: each is a time on the clock then.
    """
    if part.kind != "clock" or not part.slot or part.slot > HOUR:
        return None, ""
    number = part.values // part.slot
    count, hour = DAY // part.slot, HOUR // part.slot
    of_day = pd.DataFrame({"day": days, "number": number}).groupby("day")["number"].agg(["max", "nunique"])
    most, distinct = of_day["max"].to_numpy() + 1, of_day["nunique"].to_numpy()
    dates = of_day.index.to_numpy()
    long = dates[most > count]
    short = dates[1:-1][((most == count - hour) & (distinct == count - hour))[1:-1]]
    if not len(long) and not len(short):
        return None, ""
    found = zone_of_days(long, short, zone)
    if found is None:
        return None, ""
    times = standard_time(days, found) + (number * part.slot).astype("timedelta64[ns]")
    day = np.sort(np.concatenate([long, short]))[0].astype("datetime64[D]")
    return times, (
        f"Intervals are counted over clock changes (on {day} a day has {25 if len(long) and day == long[0] else 23} "
        f"hours): times are in standard time, as in {found}."
    )
