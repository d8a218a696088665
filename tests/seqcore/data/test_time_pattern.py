"""Weekdays, hours and months without rows stay without rows in the future; gaps at random do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcore.data.time_pattern import find_pattern, future_times, past_times
from seqcore.errors import DataError


def every(frequency: str, start: str, end: str) -> pd.DatetimeIndex:
    return pd.date_range(start, end, freq=frequency)


def at(times: pd.DatetimeIndex) -> Any:
    return np.asarray(times, dtype="datetime64[ns]")


DAYS = every("D", "2023-01-02", "2025-10-31")
HOURS = every("h", "2025-01-06", "2025-10-31 23:00")
QUARTERS = every("15min", "2025-06-02", "2025-10-31 23:45")
MONTHS = every("MS", "2015-01-01", "2025-10-01")
PATTERNS: dict[str, tuple[pd.DatetimeIndex, str]] = {
    "closed on Sundays": (DAYS[DAYS.day_of_week != 6], "no rows on Sundays"),
    "closed on Sundays and Mondays": (DAYS[~DAYS.day_of_week.isin([6, 0])], "no rows on Mondays, Sundays"),
    "closed on Wednesdays and at the weekend": (
        DAYS[~DAYS.day_of_week.isin([2, 5, 6])],
        "no rows on Wednesdays",  # beside those without business
    ),
    "Monday, Wednesday and Friday": (
        DAYS[DAYS.day_of_week.isin([0, 2, 4])],
        "no rows on Tuesdays, Thursdays, Saturdays, Sundays",
    ),
    "9 to 17 on weekdays": (
        HOURS[(HOURS.day_of_week < 5) & (HOURS.hour >= 9) & (HOURS.hour <= 17)],
        "no rows on Saturdays, Sundays and rows only from 09:00 to 17:00",
    ),
    "shorter on Saturdays": (
        HOURS[(HOURS.day_of_week < 6) & (HOURS.hour >= 9) & (HOURS.hour < np.where(HOURS.day_of_week == 5, 14, 18))],
        "no rows on Sundays and rows only from 09:00 to 17:00 and fewer hours on Saturdays",
    ),
    "quarters of an hour on an exchange": (
        QUARTERS[(QUARTERS.day_of_week < 5) & (QUARTERS.hour * 60 + QUARTERS.minute >= 570) & (QUARTERS.hour < 16)],
        "no rows on Saturdays, Sundays and rows only from 09:30 to 15:45",
    ),
    "twice a day": (HOURS[HOURS.hour.isin([9, 17])], "rows only from 09:00 to 17:00"),
    "three times a day": (HOURS[HOURS.hour.isin([8, 12, 18])], "rows at some times only, from 08:00 to 18:00"),
    "months of winter": (
        MONTHS[~MONTHS.month.isin([5, 6, 7, 8, 9])],
        "no rows in May, June, July, August, September",
    ),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_the_future_has_rows_where_the_past_has_them(name: str) -> None:
    whole, text = PATTERNS[name]
    times = at(whole)
    for left in (1, 5, 40):
        assert future_times(times[:-left], left).tolist() == times[-left:].tolist()
    pattern = find_pattern(times)
    assert pattern is not None
    assert pattern.text == text
    assert pattern.has(times[-500:]).all()


@pytest.mark.parametrize("name", PATTERNS)
def test_holidays_and_exceptions_do_not_hide_a_pattern(name: str) -> None:
    times = at(PATTERNS[name][0])
    rng = np.random.default_rng(0)
    kept = times[rng.random(len(times)) > 0.03]
    kept = kept[kept <= times[-21]]
    expected = times[times > kept[-1]][:20]
    assert future_times(kept, 20)[: len(expected)].tolist() == expected.tolist()


def test_one_sunday_before_christmas_is_an_exception_and_a_new_habit_is_not() -> None:
    days = every("D", "2024-01-01", "2024-12-28")
    advent = days[(days.day_of_week != 6) | (days == "2024-12-22")]
    assert str(future_times(at(advent), 1)[0])[:10] == "2024-12-30"
    open_since_october = days[(days.day_of_week != 6) | (days >= "2024-10-01")]
    assert str(future_times(at(open_since_october), 1)[0])[:10] == "2024-12-29"


@pytest.mark.parametrize("frequency", ["D", "h", "15min", "MS", "ME", "B", "W", "2D", "QE"])
def test_regular_times_have_no_pattern(frequency: str) -> None:
    times = pd.date_range("2000-01-03", periods=700 if frequency != "QE" else 200, freq=frequency)
    assert find_pattern(at(times)) is None
    assert future_times(at(times[:-9]), 9).tolist() == at(times[-9:]).tolist()


@given(st.integers(0, 10_000), st.sampled_from([0.02, 0.1, 0.3]), st.integers(10, 400))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_gaps_at_random_are_no_pattern(seed: int, share: float, count: int) -> None:
    days = at(pd.date_range("2023-01-02", periods=count))
    kept = days[np.random.default_rng(seed).random(count) >= share]
    if len(kept) > 1:
        assert find_pattern(kept) is None


def test_irregular_times_have_no_pattern() -> None:
    steps = np.cumsum(np.random.default_rng(0).integers(1, 9, 300))
    assert find_pattern(np.datetime64("2023-01-01", "ns") + steps * np.timedelta64(1, "D")) is None
    jitter = at(DAYS) + np.random.default_rng(0).integers(0, 40_000, len(DAYS)) * np.timedelta64(1, "s")
    assert find_pattern(jitter) is None
    assert find_pattern(at(DAYS[:1])) is None
    assert find_pattern(at(DAYS[:2])) is None
    closed = at(PATTERNS["closed on Sundays"][0])
    assert find_pattern(closed[::-1]) is None
    assert find_pattern(np.repeat(closed[:1], 9)) is None


def test_two_weeks_are_too_few_and_a_longer_history_tells() -> None:
    shop = at(PATTERNS["closed on Sundays"][0])
    assert find_pattern(shop[:11]) is None
    assert find_pattern(shop[:24]) is not None
    window = shop[600:606]  # Monday to Saturday
    ahead = future_times(window, 3, history=shop)
    assert ahead.tolist() == shop[606:609].tolist()


def test_a_month_of_renovation_does_not_hide_closed_sundays() -> None:
    days = DAYS[(DAYS.day_of_week != 6) & ~((DAYS >= "2025-07-01") & (DAYS < "2025-08-01"))]
    pattern = find_pattern(at(days))
    assert pattern is not None
    assert pattern.text == "no rows on Sundays"


def test_times_before_the_first_follow_the_pattern_too() -> None:
    shop = at(PATTERNS["closed on Sundays"][0])
    assert past_times(shop[100:200], 150).tolist() == shop[50:200].tolist()


def test_the_end_of_the_calendar_is_said_for_patterns_too() -> None:
    days = every("D", "2261-10-01", "2262-04-01")
    shop = at(days[days.day_of_week != 6])
    with pytest.raises(DataError, match=r"40 steps after 2262-04-01 end after the year 2261; use fewer steps"):
        future_times(shop, 40)
