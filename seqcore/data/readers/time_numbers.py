"""Numbers as times: digits such as 20240131 or 2024013112, years, epochs, and serial days of spreadsheets."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqcore.data.readers.dates import DAY, calendar_days, week_days, year_days, year_of
from seqcore.data.readers.month_names import plain

__all__ = ["NumberTimes", "counted_steps", "is_dated", "is_steady", "is_timed", "read_number_times", "words"]

Times = NDArray[np.datetime64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]

_DATED = re.compile(
    r"(?<![a-z])(dates?|datum|data|dt|fecha|tarih|day|dia|tag|jour|giorno|month|monat|mois|mes|mese|week|woche|year|yr|jahr|annee|"
    r"anno?|ano|quarter|quartal|trimestre|period|periode|periodo|when|ds|y+m+d*|d+m+y+)(?![a-z])|date|datum|дата|месяц|год"
)
_TIMED = re.compile(
    r"(?<![a-z])(t|tt?ime|times|timestamps?|ts|zeit|zeitpunkt|tiempo|temps|tempo|tid|tijd|czas|cas|zaman|время|unix|epoch|"
    r"seconds?|secs?|s|ms|milliseconds?|minutes?|mins?|hours?|elapsed|index|idx|obs|observation|step|steps|tick|frame|"
    r"cycles?|sample|record|rec|scan|nr|no|row|n|order|pos|position|k|timestep|time idx|dim index)(?![a-z])"
    r"|time|zeit|epoch|stamp"
)
_YEARLY = re.compile(
    r"(calendar |fiscal )?(year|y|yr|yy|yyyy|jahr|annee|anno?|ano|any|jaar|rok|god|год|ar|aar|yil|vuosi)s?"
)
_EPOCHS = ((10**8, 1), (10**11, 10**3), (10**14, 10**6), (10**17, 10**9))  # 1973 in each unit, units a second


@dataclass(frozen=True)
class NumberTimes:
    """`times[N]` (NaT where `bad[n]`), their precision as in `ParsedDates`, what they are, and how probable it is."""

    times: Times
    bad: Mask
    unit: str
    what: str
    score: float


@functools.lru_cache(maxsize=10_000)  # asked for again and again in wide files
def words(name: str) -> str:
    """A column name as plain words: "Time_s" is "time s", "timeIdx" is "time idx"."""
    return " ".join(re.sub(r"[\W_\d]+", " ", plain(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))).split())


def is_dated(name: str) -> bool:
    """Whether the name of a column suggests dates, so that integers in it may be dates."""
    return bool(_DATED.search(words(name)) or is_timed(name))


def is_timed(name: str) -> bool:
    """Whether the name of a column suggests times or counted steps."""
    return bool(_TIMED.search(words(name)))


def is_steady(values: NDArray[np.generic], share: float = 0.9) -> bool:
    """Whether values rise or fall strictly, in mostly equal steps (months count as equal)."""
    steps = np.diff(values.astype(np.float64))
    if len(steps) < 2 or not (np.all(steps > 0) or np.all(steps < 0)):
        return False
    median = np.median(steps)
    return bool((np.abs(steps - median) <= 0.11 * abs(median)).mean() >= share)


def read_number_times(
    values: NDArray[np.float64] | Whole, name: str, *, leading: bool, given: bool = False
) -> NumberTimes | None:
    """Numbers as calendar times, if their digits, their name or their even steps suggest it; else None.

    `leading`: the column comes before the values, so that even steps are evidence. `given`: the user named it as time.
    """
    if len(values) == 0 or not (values.min() >= 1 and values.max() < 9e18):
        return None
    some = values[:1_000]
    whole = bool(np.all(some == np.floor(some))) and bool(np.all(values == np.floor(values)))
    hinted = given or is_dated(name)
    number = values.astype(np.int64) if whole else values
    low, high = float(values.min()), float(values.max())
    readings = _digits(number.astype(np.int64), name, hinted or leading) if whole else []
    readings += _epochs(values, low, high)
    if EXCEL[0] <= low and high <= EXCEL[1]:
        readings.append(("serial days of a spreadsheet", lambda: _serial_days(values, 25_569)))
    if MATLAB[0] <= low and high <= MATLAB[1]:
        readings.append(("serial days of MATLAB", lambda: _serial_days(values, 719_529)))
    if not whole and low >= 1600 and high <= 2300:
        readings.append(("decimal years", lambda: _decimal_years(values)))
    for what, read in readings:
        times, good, unit = read()
        if good.mean() < 0.9:
            continue
        score = _score(what, name, times[good], hinted=hinted, leading=leading)
        if score > 0:
            times[~good] = np.datetime64("NaT")
            return NumberTimes(times, ~good, unit, what, score)
    return None


EXCEL = (18_264, 80_000)  # serial days of 1950 and 2119
MATLAB = (712_224, 774_000)
Reading = tuple[str, Callable[[], tuple[Times, Mask, str]]]


def _score(what: str, name: str, times: Times, *, hinted: bool, leading: bool) -> float:
    """How probable a reading is. Digits that count as 6 or more form dates by chance only rarely; fewer need a hint."""
    certain = what in ("yyyymmdd", "yyyymmddhh", "yyyymmddhhmm", "yyyymmddhhmmss")
    moving = np.diff(times.astype(np.int64))
    rising = len(moving) > 0 and bool(np.all(moving > 0) or np.all(moving < 0))
    steady = leading and is_steady(times)
    if what == "years":
        onward = leading and bool(
            np.all(moving >= 0)
            and np.all(np.diff(np.sort(pd.unique(times.astype("datetime64[Y]").astype(np.int64)))) == 1)
        )
        if _YEARLY.fullmatch(words(name)) and (words(name) != "y" or onward):
            return 0.9
        if steady or (hinted and rising):
            return 0.8
        return 0.6 if onward and np.any(moving) else 0.0  # years beside months repeat
    if what.startswith("serial days") and not (_DATED.search(words(name)) or (hinted and is_steady(times))):
        return 0.7 if steady else 0.0
    if what in ("decimal years", "yyyyddd", "yyyyq") and not hinted:
        return 0.75 if steady else 0.0
    if hinted:
        return 0.95 if certain or rising else 0.85
    if certain and (rising or leading):
        return 0.9 if rising and leading else 0.8
    return 0.8 if leading and rising and (steady or "epoch" in what) else 0.0


def _digits(number: Whole, name: str, likely: bool) -> list[Reading]:
    """Calendar readings of integers by their number of digits, the most probable first."""
    first, last = int(number.min()), int(number.max())
    ones = np.ones_like(number)

    def day(digits: Whole) -> tuple[Times, Mask]:
        return calendar_days(digits // 10_000, digits // 100 % 100, digits % 100)

    def clock(days: Whole, hour: Whole, minute: Whole, second: Whole) -> tuple[Times, Mask, str]:
        times, good = day(days)
        good &= ((hour < 24) | ((hour == 24) & (minute == 0) & (second == 0))) & (minute < 60) & (second < 60)
        return times + ((hour * 3600 + minute * 60 + second) * 10**9).astype("timedelta64[ns]"), good, "time"

    def month() -> tuple[Times, Mask, str]:
        return *calendar_days(number // 100, number % 100, ones), "month"

    def week() -> tuple[Times, Mask, str]:
        return *week_days(number // 100, number % 100, ones), "week"

    def within(digits: int) -> bool:
        scale = 10 ** (digits - 4)
        return bool(1678 * scale <= first and last < 2262 * scale)

    zero = np.zeros_like(number)
    readings: list[Reading] = []
    if within(14):
        readings.append(
            ("yyyymmddhhmmss", lambda: clock(number // 10**6, number // 10**4 % 100, number // 100 % 100, number % 100))
        )
    if within(12):
        readings.append(("yyyymmddhhmm", lambda: clock(number // 10**4, number // 100 % 100, number % 100, zero)))
    if within(10):
        readings.append(("yyyymmddhh", lambda: clock(number // 100, number % 100, zero, zero)))
    if within(8):
        readings.append(("yyyymmdd", lambda: (*day(number), "day")))
    if within(7):
        readings.append(("yyyyddd", lambda: (*year_days(number // 1000, number % 1000), "day")))
    if within(6) and re.search(r"quarter|qtr|quartal|trimestre|kwartal", plain(name)):
        readings.append(
            (
                "yyyyqq",
                lambda: (
                    *_both(calendar_days(number // 100, 3 * (number % 100) - 2, ones), number % 100 <= 4),
                    "quarter",
                ),
            )
        )
    if within(6):
        weekly = re.search(r"week|woche|kw|wk|semaine|semana|settimana", plain(name))
        months: Reading = ("yyyymm", month)
        readings += [("yyyyww", week), months] if weekly else [months, ("yyyyww", week)]
    if likely and first > 10**4 and last < 10**6:
        readings.append(
            ("yymmdd", lambda: (*calendar_days(year_of(number // 10**4), number // 100 % 100, number % 100), "day"))
        )
    if likely and first >= 10**6 and last < 32 * 10**6 and not within(8):
        readings.append(
            ("ddmmyyyy", lambda: (*calendar_days(number % 10**4, number // 10**4 % 100, number // 10**6), "day"))
        )
    if within(5):
        quarter = number % 10
        good = (quarter >= 1) & (quarter <= 4)
        readings.append(
            ("yyyyq", lambda: (*_both(calendar_days(number // 10, 3 * quarter - 2, ones), good), "quarter"))
        )
    if within(4):
        readings.append(("years", lambda: (*calendar_days(number, ones, ones), "year")))
    return readings


def _both(dated: tuple[Times, Mask], good: Mask) -> tuple[Times, Mask]:
    return dated[0], dated[1] & good


def _epochs(values: NDArray[np.float64] | Whole, low: float, high: float) -> list[Reading]:
    """Time since 1970 in seconds, ms, us or ns: from 1973 on; seconds up to 2100."""
    for (start, per_second), name in zip(
        _EPOCHS, ("seconds", "milliseconds", "microseconds", "nanoseconds"), strict=True
    ):
        if start <= low and high < 42 * start:
            scale = 10**9 // per_second

            def read(scale: int = scale) -> tuple[Times, Mask, str]:
                whole = np.floor(values).astype(np.int64)
                rest = np.round((values - whole) * scale).astype(np.int64)
                times = (whole * scale + rest).astype("datetime64[ns]")
                return times, np.ones(len(values), dtype=bool), "time"

            return [(f"epoch {name}", read)]
    return []


def _serial_days(values: NDArray[np.float64] | Whole, of_1970: int) -> tuple[Times, Mask, str]:
    """Days counted so that 1970-01-01 is `of_1970`, rounded to the millisecond: 42370 is 2016-01-01 in spreadsheets."""
    milliseconds = np.round((values.astype(np.float64) - of_1970) * 86_400_000).astype(np.int64)
    for unit, tolerance in ((60_000, 5_000), (1_000, 50)):  # fractions are cut after some digits
        rounded = np.round(milliseconds / unit).astype(np.int64) * unit
        if np.all(np.abs(milliseconds - rounded) < tolerance):
            milliseconds = rounded
            break
    times = milliseconds.astype("datetime64[ms]").astype("datetime64[ns]")
    clocked = bool(np.any(milliseconds % 86_400_000))
    return times, np.ones(len(values), dtype=bool), "time" if clocked else "day"


def _decimal_years(values: NDArray[np.float64] | Whole) -> tuple[Times, Mask, str]:
    """1949.0833 is February 1949: months or quarters where the fractions agree with them, else days."""
    year = np.floor(values + 1e-6).astype(np.int64)
    fraction = values - year
    ones = np.ones_like(year)
    digits = np.round(fraction * 100, 6)
    if np.all(np.abs(digits - np.round(digits)) < 1e-6) and digits.min() >= 1 and digits.max() <= 12:
        return *calendar_days(year, np.round(digits).astype(np.int64), ones), "month"  # 2008.01 to 2008.12
    for parts, unit in ((4, "quarter"), (12, "month")):
        for shift in (0.0, 0.5):  # the begin or the middle of a month
            place = fraction * parts - shift
            if np.all(np.abs(place - np.round(place)) < 0.02 * parts / 4):
                month = np.clip(np.round(place).astype(np.int64), 0, parts - 1) * (12 // parts) + 1
                return *calendar_days(year, month, ones), unit
    start, good = calendar_days(year, ones, ones)
    end, _ = calendar_days(year + 1, ones, ones)
    days = np.round(fraction * ((end - start) / np.timedelta64(DAY, "ns")), 2)
    return start + np.floor(days + 0.01).astype("timedelta64[D]"), good, "day"


def counted_steps(values: NDArray[np.float64], name: str, keys: list[Whole], *, leading: bool, given: bool) -> float:
    """How probable it is that numbers [N] count steps or elapsed time: they rise, at best in equal steps.

    `keys`: columns as codes [N]; within one of them the steps may start again. `given`: the user said so, and it is
    enough that no number occurs twice in a series. 0 if the numbers are something else.
    """
    hinted, best = is_dated(name), 0.0
    if not len(values) or not -1e300 < values.min() <= values.max() < 1e300:  # nor with NaN
        return 0.0
    for key in (None, *keys):
        if key is None:
            steps = np.diff(values)
        else:
            order = np.argsort(key, kind="stable")
            steps = np.diff(values[order])[key[order][1:] == key[order][:-1]]
        if len(steps) < (1 if given or hinted else 4) or (key is not None and len(steps) < len(values) / 2):
            continue
        rising = bool(np.all(steps > 0))
        if given and (rising or len(np.unique(values if key is None else _pairs(values, key))) == len(values)):
            return 1.0
        if not rising and not (hinted and np.all(steps < 0)):
            continue
        median = float(np.median(steps))
        equal = float((np.abs(steps - median) <= 0.01 * abs(median) + 1e-9).mean()) >= 0.8
        if hinted:
            best = max(best, 0.9 if leading or equal else 0.7)
        elif leading and equal:
            best = max(best, 0.85 if key is None else 0.75)
        elif leading and key is None and len(steps) >= 11:
            best = max(best, 0.6)  # rising by chance: one in 12!
    return best


def _pairs(values: NDArray[np.float64], key: Whole) -> NDArray[np.complex128]:
    return values + 1j * key
