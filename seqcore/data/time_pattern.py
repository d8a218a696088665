"""Future times of a series: weekdays, hours and months without rows are found from its times, and left out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqcore.data.calendar import Frequency, find_frequency
from seqcore.errors import DataError
from seqcore.results.formatting import listed

__all__ = ["TimePattern", "find_pattern", "future_times", "past_times"]

Times = NDArray[np.datetime64]
Whole = NDArray[np.int64]

_MOST_TIMES = 10_000  # last times that are examined
_MOST_PLACES = 50_000  # last places of the grid that are examined
_REPETITIONS = 52  # last weeks, days or years that are examined
_FEWEST = 3  # repetitions without rows from which an absence can be told
_RARE = 0.1  # share of repetitions with rows, up to which these are exceptions, such as a shop open on one Sunday
_CHANCE = 0.005  # probability that gaps at random look like a pattern
_MOST_GAPS = 0.1  # share of missing steps beside the pattern, up to which irregular times follow it
_MINUTE, _DAY = 60 * 10**9, 86_400 * 10**9
_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip


@dataclass(frozen=True)
class TimePattern:
    """Where a series never has rows: `absent` phases by cycle, on the grid of times that are `offset` apart.

    `text` says it: "no rows on Sundays".
    """

    offset: Any
    absent: dict[str, Whole]
    text: str
    months: int = 0  # of the offset, where it counts whole months

    def has(self, times: Times) -> NDArray[np.bool_]:
        """Whether the series can have a row at each of these times of the grid, [n]."""
        kept = np.ones(len(times), dtype=np.bool_)
        for cycle, phases in self.absent.items():
            kept &= ~np.isin(_places(cycle, times, _slot(self.offset))[1], phases)
        return kept

    def missing(self, times: Times) -> Times:
        """Where the series can have a row and has none: places of the grid between these ascending times."""
        grid, filled = _grid(times, self.offset, self.months)
        return grid[self.has(grid) & ~filled]


def find_pattern(times: Times) -> TimePattern | None:
    """The weekdays, times of the day and months at which a series with these ascending times (nearly) never has rows.

    None where there are none, where the times are too few to tell, or where gaps at random could look like it.
    """
    frequency = find_frequency(times)
    if frequency is None:
        return None
    return _pattern(times, frequency)


def future_times(times: Times, steps: int, *, history: Times | None = None) -> Times:
    """The next `steps` times: month ends stay month ends, and weekdays, hours and months without rows are left out.

    Irregular times continue with their median distance. Frequency and pattern are those of `history`, times of the same
    series, if these are more. DataError after the year 2261.
    """
    if len(times) == 0:
        raise DataError("there are no times to continue; give data with dates")
    known = times if history is None or len(history) <= len(times) else history
    frequency = find_frequency(known)
    pattern = None if frequency is None else _pattern(known, frequency)
    offset = pattern.offset if pattern else frequency.offset if frequency else pd.Timedelta(days=1)
    try:
        return _walk(times[-1], offset, steps, pattern)
    except (OverflowError, pd.errors.OutOfBoundsDatetime):
        last = pd.Timestamp(times[-1])
        raise DataError(f"{steps:,} steps after {last:%Y-%m-%d} end after the year 2261; use fewer steps") from None


def past_times(times: Times, steps: int) -> Times:
    """The last `steps` of `times`; if there are fewer, preceded by times of their pattern or median distance."""
    short = steps - len(times)
    if short <= 0:
        return times[len(times) - steps :]
    distance = int(np.median(np.diff(times).astype(np.int64))) if len(times) > 1 else _DAY
    pattern = find_pattern(times)
    offset = pattern.offset if pattern else pd.Timedelta(distance, unit="ns")
    return np.concatenate([_walk(times[0], -1 * offset, short, pattern)[::-1], times])


def _walk(start: np.datetime64, offset: Any, steps: int, pattern: TimePattern | None) -> Times:
    """The first `steps` times of a pattern after `start`, at multiples of `offset`."""
    found: list[Times] = []
    size = steps if pattern is None or not isinstance(offset, pd.Timedelta) else max(steps, 1_000)
    low, left = 1, steps
    while left > 0:
        ahead = _multiples(start, offset, low, low + size)
        found.append(ahead[:left] if pattern is None else ahead[pattern.has(ahead)][:left])
        low, left = low + size, left - len(found[-1])
    return np.concatenate(found) if found else np.zeros(0, dtype="datetime64[ns]")


def _multiples(start: np.datetime64, offset: Any, low: int, high: int) -> Times:
    """`start` + i * `offset` for `low` <= i < `high`. OverflowError or OutOfBoundsDatetime."""
    if not isinstance(offset, pd.Timedelta):
        return np.array([pd.Timestamp(start) + offset * i for i in range(low, high)], dtype="datetime64[ns]")
    first = start.astype("datetime64[ns]").astype(np.int64).item()
    if abs(first + offset.value * (high - 1)) > np.iinfo(np.int64).max:
        raise OverflowError
    numbers: Whole = first + offset.value * np.arange(low, high, dtype=np.int64)
    return numbers.astype("datetime64[ns]")


def _pattern(times: Times, frequency: Frequency) -> TimePattern | None:
    times = times[-_MOST_TIMES:]
    apart = np.diff(times).astype(np.int64)
    if (apart < 0).any():  # not in order: a DataFrame is taken as it is
        return None
    offset = frequency.offset if frequency.regular else pd.Timedelta(int(np.gcd.reduce(apart)), unit="ns")
    if isinstance(offset, pd.Timedelta) and offset.value < _MINUTE:
        return None
    grid, filled = _grid(times, offset, frequency.months)
    slot = _slot(offset)
    kept = np.ones(len(grid), dtype=np.bool_)
    absent: dict[str, Whole] = {}
    for cycle in ("month",) if frequency.months else ("month", "weekday", "clock", "week")[: 4 if slot < _DAY else 2]:
        repetition, phase = _places(cycle, grid, slot)
        phases = _absent(repetition[kept], phase[kept], filled[kept])
        if len(phases):
            absent[cycle] = phases
            kept &= ~np.isin(phase, phases)
    if not absent or (not frequency.regular and not filled[kept].mean() >= 1 - _MOST_GAPS):
        return None
    return TimePattern(offset, absent, " and ".join(_described(absent, grid[kept & filled], slot)), frequency.months)


def _slot(offset: Any) -> int:
    """The length of a place in the day, in nanoseconds."""
    return min(int(offset.value), _DAY) if isinstance(offset, pd.Timedelta) else _DAY


def _grid(times: Times, offset: Any, months: int) -> tuple[Times, NDArray[np.bool_]]:
    """The regular times between the first and the last, and whether there is a row at each."""
    if months or not isinstance(offset, pd.Timedelta):
        keys = times.astype("datetime64[M]" if months else "datetime64[D]")
        grid = np.arange(keys[0], keys[-1] + 1, months or 1)
        grid = grid if months else grid[np.is_busday(grid)]
        return grid[-_MOST_PLACES:].astype("datetime64[ns]"), np.isin(grid[-_MOST_PLACES:], keys)
    numbers = times.astype(np.int64)
    count = min(int(numbers[-1] - numbers[0]) // offset.value + 1, _MOST_PLACES)
    back = np.arange(count - 1, -1, -1, dtype=np.int64)
    places, off = np.divmod(numbers[-1] - numbers, offset.value)
    return (numbers[-1] - back * offset.value).astype("datetime64[ns]"), np.isin(back, places[off == 0])


def _places(cycle: str, times: Times, slot: int) -> tuple[Whole, Whole]:
    """The repetition of a cycle at each time, and the phase in it."""
    if cycle == "month":
        return np.divmod(times.astype("datetime64[M]").astype(np.int64), 12)
    day = times.astype("datetime64[D]")
    clock = (times - day).astype(np.int64) // slot
    if cycle == "clock":
        return day.astype(np.int64), clock
    week, weekday = np.divmod(day.astype(np.int64) + 3, 7)  # 1970 began on a Thursday
    return week, weekday if cycle == "weekday" else weekday * -(-_DAY // slot) + clock


def _absent(repetition: Whole, phase: Whole, filled: NDArray[np.bool_]) -> Whole:
    """The phases that (nearly) never have rows, in the last repetitions."""
    count = int(phase.max()) + 1
    codes = (repetition - repetition[-1] + _REPETITIONS) * count + phase
    expected, occurred = (
        np.bincount(np.unique(some[some >= count]) % count, minlength=count) for some in (codes, codes[filled])
    )
    rare = (expected >= _FEWEST) & (occurred <= _RARE * expected)
    usual = (expected > 0) & ~rare
    if not rare.any() or not usual.any():
        return np.zeros(0, dtype=np.int64)
    gaps = (1 + int((expected - occurred)[usual].sum())) / (2 + int(expected[usual].sum()))
    cases = set(zip(expected[rare].tolist(), occurred[rare].tolist(), strict=True))
    by_chance = count * max(
        sum(math.comb(n, i) * (1 - gaps) ** i * gaps ** (n - i) for i in range(most + 1)) for n, most in cases
    )
    return np.flatnonzero(rare) if by_chance <= _CHANCE else np.zeros(0, dtype=np.int64)


def _described(absent: dict[str, Whole], times: Times, slot: int) -> Iterator[str]:
    """What is absent, in words; `times` are those of rows."""
    if "month" in absent:
        yield f"no rows in {listed([_MONTHS[i] for i in absent['month']], 12)}"
    if "weekday" in absent:
        yield f"no rows on {listed([_WEEKDAYS[i] for i in absent['weekday']], 7)}"
    if "clock" in absent:
        clocks = np.unique((times - times.astype("datetime64[D]")).astype(np.int64))
        first, last = (f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (clocks[[0, -1]] // _MINUTE).tolist())
        whole = len(clocks) == (clocks[-1] - clocks[0]) // slot + 1
        yield f"rows {'only' if whole else 'at some times only,'} from {first} to {last}"
    if "week" in absent:
        days = np.unique(absent["week"] // -(-_DAY // slot))
        yield f"fewer hours on {listed([_WEEKDAYS[i] for i in days], 7)}"
