"""How often data come, and which times follow."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcore.data.calendar import calendar_features, find_frequency, missing_times_note
from seqcore.data.sources.generators import Alphabet, Stocks
from seqcore.data.table import Table, describe_table
from seqcore.data.time_pattern import future_times
from seqcore.errors import DataError

KNOWN = {
    "ME": "monthly, at the end of the month",
    "MS": "monthly",
    "BME": "monthly, on the last business day",
    "BMS": "monthly, on the first business day",
    "QE": "quarterly, at the end of the month",
    "QS": "quarterly",
    "YS": "yearly",
    "YE": "yearly, at the end of the month",
    "B": "every business day",
    "W-WED": "weekly",
    "D": "daily",
    "2D": "every 2 days",
    "h": "hourly",
    "15min": "every 15 minutes",
    "s": "every second",
    "250ms": "every 250 milliseconds",
}


def moments(frequency: str, count: int, start: str = "2023-01-02") -> np.ndarray:  # type: ignore[type-arg]
    return pd.date_range(start, periods=count, freq=frequency).to_numpy().astype("datetime64[ns]")


@given(st.sampled_from(sorted(KNOWN)), st.integers(13, 60), st.integers(1, 40), st.dates(
    pd.Timestamp("1990-01-01").date(), pd.Timestamp("2030-01-01").date()))  # fmt: skip
@settings(deadline=None)
def test_a_calendar_goes_on_as_it_was(frequency: str, count: int, ahead: int, start: object) -> None:
    times = moments(frequency, count + ahead, str(start))
    known, expected = times[:count], times[count:]
    assert future_times(known, ahead).tolist() == expected.tolist()
    found = find_frequency(known)
    assert found is not None
    assert (found.name, found.missing, found.regular) == (KNOWN[frequency], 0, True)


@pytest.mark.parametrize("frequency", ["ME", "MS", "B", "D", "h"])
def test_times_left_out_are_counted_and_change_nothing(frequency: str) -> None:
    times = moments(frequency, 43)
    found = find_frequency(np.delete(times[:40], [5, 6, 17]))
    assert found is not None
    assert (found.name, found.missing) == (KNOWN[frequency], 3)
    assert future_times(np.delete(times[:40], [5, 6, 17]), 3).tolist() == times[40:].tolist()


def test_any_day_of_the_month_is_monthly() -> None:
    times = np.array(["2024-01-15", "2024-02-15", "2024-03-15"], dtype="datetime64[ns]")
    assert future_times(times, 2).astype("datetime64[D]").astype(str).tolist() == ["2024-04-15", "2024-05-15"]


def test_irregular_times_go_on_by_their_median_distance() -> None:
    times = np.array(["2024-01-01", "2024-01-03", "2024-01-10", "2024-01-11"], dtype="datetime64[ns]")
    found = find_frequency(times)
    assert found is not None
    assert (found.name, found.regular) == ("irregular, mostly every 2 days", False)
    assert future_times(times, 2).astype("datetime64[D]").astype(str).tolist() == ["2024-01-13", "2024-01-15"]


def test_the_future_always_lies_ahead() -> None:
    one = np.array(["2024-01-01"], dtype="datetime64[ns]")
    assert find_frequency(one) is None
    assert future_times(one, 2).astype("datetime64[D]").astype(str).tolist() == ["2024-01-02", "2024-01-03"]
    assert len(future_times(one, 0)) == 0
    with pytest.raises(DataError, match="no times to continue"):
        future_times(one[:0], 3)


@pytest.mark.parametrize(
    ("frequency", "left_out", "words"),
    [
        ("MS", [5, 6], "2 months are missing between 2023-06 and 2023-09: "),
        ("YS", [3], "1 year is missing between 2026-01 and 2028-01: "),
        ("D", [4, 9], "2 days are missing in 2 places, first between 2023-01-05 and 2023-01-07: "),
        ("h", [4], "1 hour is missing between 2023-01-02 03:00:00 and 2023-01-02 05:00:00: "),
        ("B", [7, 8, 9, 10, 11, 12], "6 business days are missing between 2023-01-10 and 2023-01-19: "),
        ("B", [7], None),  # a holiday
        ("W", [], None),
    ],
)
def test_holes_between_regular_times_are_said(frequency: str, left_out: list[int], words: str | None) -> None:
    note = missing_times_note(np.delete(moments(frequency, 60), left_out))
    assert note is None if words is None else str(note).startswith(words), note


def test_irregular_times_have_no_holes() -> None:
    days = np.cumsum([1, 4, 2, 9, 3, 5, 1, 8, 2, 6])
    assert missing_times_note(np.datetime64("2024-01-01", "ns") + days * np.timedelta64(1, "D")) is None
    assert missing_times_note(moments("D", 1)) is None


def test_the_end_of_the_calendar_is_said() -> None:
    times = np.array(["2200-01-01", "2210-01-01"], dtype="datetime64[ns]")
    with pytest.raises(DataError, match=r"20 steps after 2210-01-01 end after the year 2261; use fewer steps"):
        future_times(times, 20)


def test_a_table_is_described_for_people() -> None:
    described = describe_table(Stocks(company="all").table())
    assert described["rows"] == 105
    assert described["span"] == {"from": "2018-01-01", "to": "2019-12-30"}
    assert (described["frequency"], described["missing_times"], described["gaps"]) == ("weekly", 0, {})
    assert describe_table(Alphabet(letters=5, repeats=2).table())["symbols"] == 5


def test_gaps_and_missing_times_are_described() -> None:
    times = np.delete(moments("h", 10), 4)
    values = np.arange(18.0).reshape(9, 2)
    values[2:4, 1] = np.nan
    described = describe_table(Table(values=values, columns=("a", "b"), times=times, notes=("A note.",)))
    assert described["gaps"] == {"b": 2}
    assert described["missing_times"] == 1
    assert described["span"]["to"] == "2023-01-02 09:00:00"
    assert described["notes"] == ["A note."]


def test_calendar_features_are_sine_and_cosine_of_the_time_of_each_cycle() -> None:
    hours = np.array(["2024-01-01T00", "2024-01-01T06", "2024-01-01T12", "2024-01-01T18"], "datetime64[ns]")
    clock = [[0, 1], [1, 0], [0, -1], [-1, 0]]
    np.testing.assert_allclose(calendar_features(hours, ("hour",)), clock, atol=1e-6)
    days = np.datetime64("2024-01-01", "ns") + np.arange(14).astype("timedelta64[D]")  # a Monday, and two weeks from it
    week = calendar_features(days, ("weekday",))
    np.testing.assert_allclose(week[:7], week[7:], atol=1e-6)
    turn = np.unwrap(np.arctan2(week[:7, 0], week[:7, 1]))
    np.testing.assert_allclose(np.diff(turn), 2 * np.pi / 7, atol=1e-5)
    both = calendar_features(days, ("hour", "weekday"))
    np.testing.assert_array_equal(both[:, 2:], week)
