"""Numbers that are times: digits, years, epochs, serial days; and numbers that are not."""

from __future__ import annotations

import numpy as np
import pytest

from seqcore.data.readers.time_numbers import counted_steps, read_number_times


@pytest.mark.parametrize(
    ("values", "name", "first"),
    [
        ([1949, 1950, 1951], "Year", "1949-01-01"),
        ([20240131, 20240201], "x", "2024-01-31"),
        ([202401, 202402], "month", "2024-01-01"),
        ([2024010100, 2024010101, 2024010102], "MESS_DATUM", "2024-01-01T00"),
        ([202401010000, 202401010010], "MESS_DATUM", "2024-01-01T00:00"),
        ([20240101000030, 20240101000040], "zeit", "2024-01-01T00:00:30"),
        ([202001, 202002, 202003, 202052], "week", "2019-12-30"),
        ([2020001, 2020002, 2020366], "date", "2020-01-01"),
        ([20081, 20082, 20083, 20084, 20091], "quarter", "2008-01-01"),
        ([240105, 240106], "date", "2024-01-05"),
        ([1704067200, 1704067260], "timestamp", "2024-01-01"),
        ([1704067200000, 1704067260000], "time", "2024-01-01"),
        ([1704067200000000, 1704067260000000], "time", "2024-01-01"),
        ([1704067200000000000, 1704067260000000000], "time", "2024-01-01"),
        ([1704067200.25, 1704067200.5], "time", "2024-01-01T00:00:00.250"),
        ([42370, 42371, 42372], "Date", "2016-01-01"),
        ([42370.5, 42370.75], "Datum", "2016-01-01T12"),
        ([1949.0, 1949 + 1 / 12, 1949 + 2 / 12], "time", "1949-01-01"),
        ([1949.0417, 1949.125, 1949.2083], "decimal date", "1949-01-01"),
        ([1949, 1950, 1951], "sales", None),
        ([202401, 202402], "sales", None),
        ([20240131, 20241301], "date", None),
        ([42370, 42371, 42360], "sales", None),
        ([0, 1, 2], "time", None),
        ([5], "year", None),
    ],
)
def test_numbers_are_times_where_name_and_values_speak_for_it(
    values: list[float], name: str, first: str | None
) -> None:
    found = read_number_times(np.array(values), name, leading=False)
    assert (found is None) if first is None else (found is not None and found.times[0] == np.datetime64(first))


@pytest.mark.parametrize(
    ("values", "first"),
    [
        ([1704067200000, 1704067260000, 1704067320000], "2024-01-01"),  # exports of exchanges have no header
        ([42370, 42371, 42372, 42373], "2016-01-01"),
        ([1821, 1822, 1823, 1824], "1821-01-01"),
        ([202001, 202002, 202003, 202004], "2020-01-01"),
    ],
)
def test_a_steady_leading_column_needs_no_name(values: list[int], first: str) -> None:
    found = read_number_times(np.array(values), "column 1", leading=True)
    assert found is not None
    assert found.times[0] == np.datetime64(first)
    assert read_number_times(np.array(values)[::2][::-1], "sales", leading=False) is None


def steps(
    values: list[float], name: str, key: list[int] | None = None, *, leading: bool = True, given: bool = False
) -> float:
    keys = [] if key is None else [np.array(key)]
    return counted_steps(np.array(values, dtype=float), name, keys, leading=leading, given=given)


def test_steps_rise_steadily() -> None:
    assert steps([0.0, 0.02, 0.04, 0.06, 0.08, 0.1], "a") > 0.8
    assert steps([0.0, 0.5, 0.7, 3.0], "time", leading=False) > 0.6
    assert steps([1, 2, 3, 8, 9, 1, 2, 3, 4, 5], "ds", [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]) > 0.8


def test_values_that_rise_by_chance_are_no_steps() -> None:
    assert steps([1.5, 2.25, 4.5, 4.75, 9.0], "cases") == 0
    assert steps([1, 2, 3, 4, 5], "cases", leading=False) == 0
    assert steps([1, 2, 2, 3], "time") == 0


def test_what_the_user_calls_time_need_only_be_unique() -> None:
    assert steps([3, 1, 2], "cases", leading=False, given=True) == 1
    assert steps([3, 1, 1], "cases", leading=False, given=True) == 0
    assert steps([1, 2, 1, 2], "cases", [0, 0, 1, 1], given=True) == 1
