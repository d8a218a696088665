"""Which columns are the time: by their values, with names as hints, and as the user says."""

from __future__ import annotations

import numpy as np
import pytest

from seqcore.data.readers.read_table import read_table
from seqcore.data.readers.time_axis import find_time
from seqcore.errors import DataError
from tests.seqcore.data.readers.time_files import columns_of, has_time, is_hourly, origin, rows, shown, time_of

NIX = rows(
    "unique_id,ds,y", *(f"{s},{t},{10 + t}" for s, ts in (("A", (1, 2, 3, 8, 9)), ("B", range(1, 6))) for t in ts)
)


def test_elapsed_seconds_are_steps() -> None:
    axis = time_of(rows("time_s,ax", *(f"{i * 0.02:.2f},{i * i % 7}" for i in range(10))))
    assert axis.columns == ("time_s",)
    assert axis.times is None
    assert axis.steps is not None
    assert np.allclose(axis.steps, np.arange(10) * 0.02)


def test_steps_may_start_again_in_each_series() -> None:
    axis = time_of(NIX)
    assert axis.columns == ("ds",)
    assert axis.steps is not None
    assert axis.steps.tolist() == [1, 2, 3, 8, 9, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("text", "delimiter", "columns", "first", "last"),
    [
        ("Date,Sales\n42370,100\n42371,104\n42372,99\n", ",", ("Date",), "2016-01-01T00:00", "2016-01-03T00:00"),
        (
            "STATIONS_ID;MESS_DATUM;TT_TU;eor\n433;2020010100;5.1;eor\n433;2020010101;4.9;eor\n433;2020010102;-999;eor\n",
            *(";", ("MESS_DATUM",), "2020-01-01T00:00", "2020-01-01T02:00"),
        ),
        (
            "DATE,TIME,CLOSE\n20160104,100100,1148.9\n20160104,100200,1149.1\n20160104,100300,1148.7\n",
            *(",", ("DATE", "TIME"), "2016-01-04T10:01", "2016-01-04T10:03"),
        ),
        (
            'Time (CET),Load\n"01.01.2020 00:00 - 01.01.2020 01:00",72\n"01.01.2020 01:00 - 01.01.2020 02:00",42\n',
            *(",", ("Time (CET)",), "2020-01-01T00:00", "2020-01-01T01:00"),
        ),
        (
            "ds,y\n19-05-2018 01:00 DST,5\n19-05-2018 02:00 DST,7\n19-05-2018 03:00 DST,6\n",
            *(",", ("ds",), "2018-05-19T01:00", "2018-05-19T03:00"),
        ),
        (
            "Mois;Ventes\navr. 2020;1,5\nmai 2020;2,5\njuin 2020;3,5\njuil. 2020;2,0\naoût 2020;1,9\n",
            *(";", ("Mois",), "2020-04-01T00:00", "2020-08-01T00:00"),
        ),
        (
            "Date,Hour,load\n2022-07-01,0,50\n2022-07-01,1,55\n2022-07-01,2,60\n2022-07-02,0,51\n2022-07-02,1,56\n",
            *(",", ("Date", "Hour"), "2022-07-01T00:00", "2022-07-02T01:00"),
        ),
        (
            "Date;Time;CO\n10/03/2004;18.00.00;2,6\n10/03/2004;19.00.00;2,0\n11/03/2004;18.00.00;2,2\n",
            *(";", ("Date", "Time"), "2004-03-10T18:00", "2004-03-11T18:00"),
        ),
        (
            "year,period,value\n2000,M01,1\n2000,M02,2\n2000,M03,3\n2001,M01,2\n2001,M02,3\n2001,M03,4\n",
            *(",", ("year", "period"), "2000-01-01T00:00", "2001-03-01T00:00"),
        ),
    ],
)
def test_files_of_bug_reports(text: str, delimiter: str, columns: tuple[str, ...], first: str, last: str) -> None:
    axis = time_of(text, delimiter=delimiter)
    assert axis.columns == columns
    assert (shown(axis)[0], shown(axis)[-1]) == (first, last)


def test_a_leading_column_that_rises_steadily_needs_no_name() -> None:
    assert time_of(rows("a,b", *(f"{5 * i},{i * i % 7}" for i in range(8)))).columns == ("a",)
    assert has_time(rows("a,b", *(f"{i + i % 3 / 10},{i * i % 7}" for i in range(20))))
    assert not has_time(rows("a,b", "1.5,2", "2.25,1", "4.75,2", "9.0,1"))  # short and irregular: by chance
    assert not has_time(rows("cases", *(str(3 * i) for i in range(20))))  # the only numbers are the values
    assert not has_time(rows("b,a", *(f"{i * i % 7},{5 * i}" for i in range(8))))


def test_a_date_is_preferred_to_counted_steps_and_to_a_year() -> None:
    text = rows("no,Year,date,v", *(f"{i},2020,2020-01-{i:02d},{i * i % 7}" for i in range(1, 10)))
    assert time_of(text).columns[0] == "date"


def test_columns_that_repeat_the_time_belong_to_it() -> None:
    text = rows("time,year,month,day,t2m", *(f"2020-01-{d:02d},2020,1,{d},{d * d % 7}" for d in range(1, 20)))
    assert time_of(text).columns == ("time", "year", "month", "day")
    text = rows("unix,date,open", *(f"{1577836800 + 3600 * h},2020-01-01 {h:02d}:00,{h % 5}" for h in range(20)))
    assert set(time_of(text).columns) == {"unix", "date"}


def test_counters_without_a_calendar_keep_their_order() -> None:
    axis = time_of(rows("Month,Sales", *(f"{y}-{m:02d},{m * m % 7}" for y in (1, 2, 3) for m in range(1, 13))))
    assert axis.steps is not None
    assert np.all(np.diff(axis.steps) == 1)
    assert axis.notes == ("Month counts steps such as 1-01 without a calendar: their order was kept.",)
    axis = time_of(rows("week,v", *(f"Week {i},{i % 3}" for i in range(1, 9))))
    assert axis.steps is not None
    assert axis.steps.tolist() == list(range(1, 9))


def test_elapsed_time_goes_on_after_midnight() -> None:
    axis = time_of(rows("Elapsed,v", *(f"{(22 + i // 4) % 24:02d}:{i % 4 * 15:02d}:00,{i % 3}" for i in range(16))))
    assert axis.steps is not None
    assert np.all(np.diff(axis.steps) == 900)


def test_the_user_decides() -> None:
    text = rows("a,b,when", *(f"{i % 3},{i},2020-01-0{i + 1}" for i in range(6)))
    assert time_of(text).columns == ("when",)
    assert time_of(text, {"b": "time"}).columns == ("b",)
    assert time_of(text, date_column="b").columns == ("b",)
    assert find_time(columns_of(text), origin(date_column="none")) is None
    assert find_time(columns_of(text), origin(), {"when": "ignore"}) is None
    with pytest.raises(DataError, match="column a: its numbers are neither dates nor steps"):
        time_of(text, {"a": "time"})
    with pytest.raises(DataError, match="there is no column 'wen' for the dates; did you mean when"):
        time_of(text, date_column="wen")
    with pytest.raises(DataError, match="'0' can't be read as a part of the time beside when"):
        time_of(text, {"a": "time-part"})


def test_a_part_can_be_refused_and_asked_for() -> None:
    text = rows("date,hour,v", *(f"2020-01-0{d},{h},{h % 5}" for d in range(1, 4) for h in range(24)))
    assert time_of(text).columns == ("date", "hour")
    assert time_of(text, {"hour": "series"}).columns == ("date",)
    one_day = rows("date,hour,v", "2020-01-01,7,1")
    assert time_of(one_day).columns == ("date",)
    assert shown(time_of(one_day, {"hour": "time-part"})) == ["2020-01-01T07:00"]


def test_text_that_looks_like_dates_and_cannot_be_read_is_named() -> None:
    own = origin()
    assert find_time(columns_of(rows("when,v", *(f"{d}th Flort 2020,{d % 3}" for d in range(4, 12)))), own) is None
    assert own.notes == [
        "Column when: '4th Flort 2020' looks like a date but can't be read; write dates as 2024-01-31."
    ]


def test_single_cells_that_are_no_dates_are_errors_with_their_rows() -> None:
    text = rows("when,v", *(f"2020-01-{d:02d},{d}" for d in range(28, 33)))
    with pytest.raises(DataError, match=r"x\.csv, column when, row 6: '2020-01-32' is not a date in the format"):
        time_of(text)
    with pytest.raises(DataError, match="column when, row 3: the date is missing"):
        time_of("when,v\n2020-01-01,1\n,2\n2020-01-03,3\n")


def test_one_column_of_version_numbers_blocks_no_file() -> None:
    text = rows("date,version,v", *(f"2020-01-{d:02d},1.{d % 3}.{d},{d}" for d in range(1, 20)))
    assert time_of(text).columns == ("date",)
    assert not has_time(rows("version,v", *(f"1.{d}.{2 * d},{d % 7}" for d in range(20))))


def test_day_and_month_are_told_by_times_that_go_on() -> None:
    text = rows("Hour Ending,v", *(f"01/{d:02d}/2020 {h:02d}:00,{h}" for d in (1, 2, 3) for h in range(24)))
    axis = time_of(text)
    assert is_hourly(axis)
    assert not axis.questions
    parts = rows("Date,HE,v", *(f"01/{d:02d}/2020,HE{h:02d},{h}" for d in (1, 2) for h in range(1, 25)))
    assert is_hourly(time_of(parts))


def test_nothing_is_removed_from_the_columns() -> None:
    columns = columns_of(NIX)
    find_time(columns, origin())
    assert list(columns) == ["unique_id", "ds", "y"]


def test_totals_without_a_date_at_the_end_are_left_out_and_said() -> None:
    rows = [f"2024-01-{day:02},shop,{day}.5" for day in range(1, 21)]
    content = "\n".join(["date,what,amount", *rows, ",Closing balance,210.0", ",Average,10.5"]).encode()
    table = read_table(content, name="bank.csv")
    assert len(table) == 20
    assert table.values[-1, 0] == 20.5
    assert "Left out at the end, without a date: rows 22, 23." in table.notes
    rows[5] = ",shop,1.0"
    with pytest.raises(DataError, match="row 7: the date is missing"):
        read_table("\n".join(["date,what,amount", *rows]).encode(), name="bank.csv")
