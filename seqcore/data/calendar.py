"""Frequency of time series (monthly, business days, every 15 minutes), missing times, and calendar features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqcore.results.formatting import counted

__all__ = [
    "Frequency",
    "calendar_features",
    "find_frequency",
    "missing_after",
    "missing_times_note",
    "short_time",
]

Times = NDArray[np.datetime64]

HOLIDAYS = 5  # consecutive missing business days that count as holidays
MOST_EXAMINED = 5_000  # last times that the frequency is found from
_CHUNK = 1_000_000
_UNITS = (
    ("week", 7 * 86_400 * 10**9),
    ("day", 86_400 * 10**9),
    ("hour", 3_600 * 10**9),
    ("minute", 60 * 10**9),
    ("second", 10**9),
    ("millisecond", 10**6),
)
_USUAL = {"month": "monthly", "week": "weekly", "day": "daily", "hour": "hourly"}
_MONTHS = {1: "monthly", 3: "quarterly", 6: "half-yearly", 12: "yearly"}
_SPANS = {1: "month", 3: "quarter", 6: "half-year", 12: "year"}


def _day_fraction(times: Times) -> Any:
    return (times - times.astype("datetime64[D]")) / np.timedelta64(1, "D")


def _year_fraction(times: Times) -> Any:
    year = times.astype("datetime64[Y]")
    begin, end = year.astype("datetime64[D]"), (year + 1).astype("datetime64[D]")
    return (times - begin) / (end - begin)


CYCLES: dict[str, Callable[[Times], Any]] = {  # position in the cycle, 0 to 1
    "hour": _day_fraction,
    # 1970 began on a Thursday
    "weekday": lambda t: ((t.astype("datetime64[D]").astype(np.int64) + 3) % 7 + _day_fraction(t)) / 7,
    "month": lambda t: t.astype("datetime64[M]").astype(np.int64) % 12 / 12,
    "yearday": _year_fraction,
}


def calendar_features(times: Times, cycles: tuple[str, ...]) -> NDArray[np.float32]:
    """Calendar features of times (datetime64[ns], [n]): sine and cosine of each of E cycles, [n, 2 * E]."""
    features = np.empty((len(times), 2 * len(cycles)), dtype=np.float32)
    for start in range(0, len(times), _CHUNK):
        part = slice(start, start + _CHUNK)
        for i, name in enumerate(cycles):
            angle = 2.0 * np.pi * CYCLES[name](times[part].astype("datetime64[ns]"))
            features[part, 2 * i], features[part, 2 * i + 1] = np.sin(angle), np.cos(angle)
    return features


@dataclass(frozen=True)
class Frequency:
    """The frequency of a series: `name` for display, `offset` is one step, `missing` the number of missing steps.

    If not `regular`, the offset is the median distance of irregular times. `months` is the step in whole months, 0 for
    other steps.
    """

    name: str
    offset: Any
    regular: bool = True
    missing: int = 0
    months: int = 0


def find_frequency(times: Times) -> Frequency | None:
    """The frequency of ascending times (datetime64[ns], [n]); None for fewer than two."""
    if len(times) < 2:
        return None
    last = pd.DatetimeIndex(times[-MOST_EXAMINED:])
    return _months(last) or _business_days(last) or _steps(last)


def missing_times_note(times: Times, *, inserted: bool = False, pattern: str = "", beside: int = 0) -> str | None:
    """A note on the missing steps of ascending, regular times: how many, where, and what to do. None if there are none.

    `inserted`: rows were inserted for them. `pattern` names times without rows, which forecasts leave out; `beside` is
    the number of the other missing steps, for which alone rows were inserted then.
    """
    frequency = find_frequency(times)
    if frequency is None or not frequency.regular:
        return None
    missing = missing_after(times, frequency)
    places = np.flatnonzero(missing)
    if not len(places):
        return None
    count, first = int(missing.sum()), int(places[0])
    word = _span(frequency)
    ends = times[first : first + 2]
    before, after = (str(time.astype("datetime64[M]")) if frequency.months else short_time(time) for time in ends)
    where = f"between {before} and {after}"
    if len(places) > 1:
        where = f"in {len(places):,} places, first between {before} and {after}"
    what = f"{count:,} {word}{' is' if count == 1 else 's are'} missing {where}: "
    if inserted and not pattern:
        return f"{what}{counted(count, 'row')} inserted, filled as set by Missing values (data.missing)."
    if pattern:
        kept = "all rows consecutive" if inserted else "this"
        others = f"Of the missing ones, {beside:,} {'is' if beside == 1 else 'are'} at other times: " if beside else ""
        if inserted:
            others += f"{counted(beside, 'row')} inserted, filled as set by Missing values (data.missing). "
        elif beside:
            others += "the rows around are treated as consecutive too. "
        return (
            f"{what}{pattern}. The rows are treated as consecutive, and forecasts leave the same times out. {others}"
            f"Missing time steps (missing_times): leave keeps {kept}; insert adds rows for all of them, filled as set "
            "by data.missing, and forecasts include these times."
        )
    return (
        f"{what}the rows are treated as consecutive. Add the missing rows, with empty cells where there is no value, "
        "and choose how to fill them by Missing values (data.missing)."
    )


def missing_after(times: Times, frequency: Frequency) -> NDArray[np.int64]:
    """The number of missing steps after each time but the last, [n - 1]."""
    missing = np.zeros(max(len(times) - 1, 0), dtype=np.int64)
    for start in range(0, len(missing), _CHUNK):
        some = times[start : start + _CHUNK + 1]
        missing[start : start + _CHUNK] = np.maximum(_distances(some, frequency) - 1, 0)
    return missing


def _distances(times: Times, frequency: Frequency) -> NDArray[np.int64]:
    """The distance from each time to the next, in steps, [n - 1]."""
    if frequency.months or isinstance(frequency.offset, pd.Timedelta):
        unit, size = ("M", frequency.months) if frequency.months else ("ns", pd.Timedelta(frequency.offset).value)
        places = times.astype(f"datetime64[{unit}]").astype(np.int64)
        return (places[1:] - places[:-1]) // size
    days = times.astype("datetime64[D]")
    steps = np.asarray(np.busday_count(days[:-1], days[1:]), dtype=np.int64)
    steps[steps <= HOLIDAYS + 1] = 1
    return steps


def _span(frequency: Frequency) -> str:
    """The name of one step: "month", "business day", "hour", or "time step"."""
    if frequency.months:
        return _SPANS.get(frequency.months, "time step")
    if not isinstance(frequency.offset, pd.Timedelta):
        return "business day"
    return next((unit for unit, length in _UNITS if length == frequency.offset.value), "time step")


def _months(times: pd.DatetimeIndex) -> Frequency | None:
    """Steps of whole months: the same day of the month, its last day, or its first or last business day."""
    number = np.asarray(times.year) * 12 + np.asarray(times.month)
    apart = np.diff(number)
    clock = times - times.normalize()
    if apart.min() < 1 or clock.nunique() > 1:
        return None
    step = int(np.gcd.reduce(apart))
    missing = int((number[-1] - number[0]) // step + 1 - len(times))
    name = _MONTHS.get(step, f"every {step} months" if step % 12 else f"every {step // 12} years")
    days = pd.DatetimeIndex(np.asarray(times.normalize()))  # without a frequency, which would change is_month_end
    offset: Any
    if bool(days.is_month_end.all()):
        where, offset = ", at the end of the month", pd.offsets.MonthEnd(step)
    elif len(set(days.day)) == 1:
        where, offset = "", pd.DateOffset(months=step)
    elif len(times) > 2 and bool((days == days + pd.offsets.BMonthEnd(0)).all()):
        where, offset = ", on the last business day", pd.offsets.BMonthEnd(step)
    elif len(times) > 2 and bool((days == days + pd.offsets.BMonthBegin(0)).all()):
        where, offset = ", on the first business day", pd.offsets.BMonthBegin(step)
    else:
        return None
    return Frequency(name + where, offset, missing=missing, months=step)


def _business_days(times: pd.DatetimeIndex) -> Frequency | None:
    """Monday to Friday, possibly without holidays."""
    days = np.asarray(times.normalize(), dtype="datetime64[D]")
    clock = times - times.normalize()
    if clock.nunique() > 1 or len(times) < 6 or bool((times.day_of_week > 4).any()):
        return None
    expected = int(np.busday_count(days[0], days[-1])) + 1
    if np.median(np.diff(days).astype(np.int64)) != 1 or expected > 1.25 * len(times):
        return None
    return Frequency("every business day", pd.offsets.BusinessDay(), missing=expected - len(times))


def _steps(times: pd.DatetimeIndex) -> Frequency:
    """A constant step with some steps missing; or the median step of irregular times."""
    numbers: NDArray[np.int64] = np.asarray(times, dtype="datetime64[ns]").astype(np.int64)
    apart = numbers[1:] - numbers[:-1]
    median = max(int(np.median(apart)), 1)
    often = apart == median
    step = pd.Timedelta(median, unit="ns")
    if often.mean() > 0.5 and not np.any(apart % median):
        return Frequency(_name(median), step, missing=int((apart // median - 1).sum()))
    return Frequency(f"irregular, mostly {_name(median)}", step, regular=False)


def _name(nanoseconds: int) -> str:
    for unit, length in _UNITS:
        count, rest = divmod(nanoseconds, length)
        if count and not rest:
            return _USUAL.get(unit, f"every {unit}") if count == 1 else f"every {count} {unit}s"
    for unit, length in _UNITS:
        if nanoseconds >= length:
            return f"about every {nanoseconds / length:.3g} {unit}s"
    return "every few nanoseconds"


def short_time(time: np.datetime64) -> str:
    """ "2024-01-31", or with the time of day if it isn't midnight."""
    return str(time.astype("datetime64[s]")).removesuffix("T00:00:00").replace("T", " ")
