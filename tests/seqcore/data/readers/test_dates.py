"""Dates in the ways that people write them."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcore.data.readers.dates import PIECE, ParsedDates, date_family, parse_dates

EARLIEST = datetime.datetime(1700, 1, 1)  # noqa: DTZ001 (a file's dates have no zone)
LATEST = datetime.datetime(2260, 1, 1)  # noqa: DTZ001


def parse(*cells: str | None, order: str = "auto") -> ParsedDates:
    family = date_family([cell for cell in cells if cell], share=0.5)
    assert family is not None
    return parse_dates(pa.chunked_array([list(cells)]), family, order=order)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-01-31", "2024-01-31"),
        ("2024/1/5", "2024-01-05"),
        ("31.12.2024", "2024-12-31"),
        ("31/12/24", "2024-12-31"),
        ("12/31/1999", "1999-12-31"),
        ("31-12-99", "1999-12-31"),
        ("2024-01", "2024-01-01"),
        ("2024M03", "2024-03-01"),
        ("03/2024", "2024-03-01"),
        ("Jan 2024", "2024-01-01"),
        ("January 2024", "2024-01-01"),
        ("Jan-24", "2024-01-01"),
        ("2024 Feb", "2024-02-01"),
        ("1-Jan-24", "2024-01-01"),
        ("05. März 2024", "2024-03-05"),
        ("January 5, 2024", "2024-01-05"),
        ("5th Oct 2023", "2023-10-05"),
        ("2024Q3", "2024-07-01"),
        ("Q4 2023", "2023-10-01"),
        ("2024-W01", "2024-01-01"),
        ("2021-W01-3", "2021-01-06"),
        ("20240229", "2024-02-29"),
        ("1987", "1987-01-01"),
        ("2024-01-31 17:05", "2024-01-31T17:05"),
        ("2024-01-31T17:05:06.25", "2024-01-31T17:05:06.250"),
        ("31.01.2024 17:05:06", "2024-01-31T17:05:06"),
        ("1/31/2024 5:05 PM", "2024-01-31T17:05"),
        ("1/31/2024 12:05 am", "2024-01-31T00:05"),
        ("Wed, 31 Jan 2024 10:00:00 GMT", "2024-01-31T10:00"),
    ],
)
def test_a_way_of_writing_dates_is_known(text: str, iso: str) -> None:
    assert parse(text).times[0] == np.datetime64(iso)


@pytest.mark.parametrize(
    "text", ["10", "3.5", "hello", "may", "10:00", "2024-13-01", "31/04/2024", "29.02.2023", "Foo 2024"]
)
def test_what_is_no_date_is_not_taken_for_one(text: str) -> None:
    assert date_family([text, text]) is None


def test_day_or_month_first_is_told_by_the_whole_column() -> None:
    cells = ["01/02/2024"] * (PIECE + 5)
    for last, first in (("13/02/2024", "2024-02-01"), ("02/13/2024", "2024-01-02")):
        parsed = parse_dates(pa.chunked_array([cells, [last]]), "numbers")
        assert parsed.times[0] == np.datetime64(first)
        assert not parsed.notes
        assert not parsed.bad.any()


def test_the_order_of_the_rows_tells_where_no_number_does() -> None:
    parsed = parse("11/12/2023", "12/01/2023", "01/02/2024")  # November, December, January
    assert parsed.times[0] == np.datetime64("2023-11-12")
    assert not parsed.notes


def test_dots_mean_that_the_day_comes_first() -> None:
    parsed = parse("01.02.2024", "02.02.2024")
    assert parsed.times[1] == np.datetime64("2024-02-02")
    assert not parsed.notes


def test_where_nothing_tells_the_day_comes_first_and_that_is_said() -> None:
    parsed = parse("01/02/2024", "01/03/2024")
    assert parsed.times[0] == np.datetime64("2024-02-01")
    assert parsed.notes == (
        "Dates such as 01/02/2024 were read with the day first; if that is wrong, set month-first.",
    )
    assert parse("01/02/2024", "01/03/2024", order="month-first").times[0] == np.datetime64("2024-01-02")


def test_a_column_with_both_orders_reports_the_rarer_one() -> None:
    assert parse("13/01/2024", "14/01/2024", "01/15/2024").bad.tolist() == [False, False, True]


def test_times_of_one_zone_stay_and_those_of_several_become_utc() -> None:
    one = parse("2024-01-01T00:00+01:00", "2024-01-02T00:00+01:00")
    assert one.times[0] == np.datetime64("2024-01-01")
    assert one.notes == ("Time zone: UTC+01:00.",)
    several = parse("2024-03-30T12:00+01:00", "2024-03-31T12:00+02:00", "2024-03-31T12:00Z")
    assert several.times.astype("datetime64[h]").astype(str).tolist() == [
        "2024-03-30T11",
        "2024-03-31T10",
        "2024-03-31T12",
    ]
    assert several.notes == ("Times in several time zones were converted to UTC.",)


def test_empty_cells_are_missing_and_not_wrong() -> None:
    parsed = parse("2024-01-01", None, "x")
    assert np.isnat(parsed.times).tolist() == [False, True, True]
    assert parsed.bad.tolist() == [False, False, True]


@given(
    st.lists(st.datetimes(EARLIEST, LATEST), min_size=1, max_size=20),
    st.sampled_from(["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d %b %Y %H:%M:%S"]),
)
@settings(deadline=None)
def test_what_python_writes_reads_back(moments: list[datetime.datetime], form: str) -> None:
    whole = [moment.replace(microsecond=0) for moment in moments]
    order = "month-first" if form.startswith("%m") else "day-first"
    parsed = parse(*(moment.strftime(form) for moment in whole), order=order)
    assert parsed.times.astype("datetime64[s]").tolist() == whole
