"""Parts of time beside dates and years."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.seqcore.data.readers.time_files import is_hourly, rows, shown, time_of

DAYS = [f"2022-03-{d:02d}" for d in range(1, 5)]


def half(h: int) -> str:
    return f"{(h - 1) % 12 + 1} {'AM' if h < 12 else 'PM'}"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Hour", str),
        ("Hour", lambda h: str(h + 1)),
        ("HE", lambda h: str(h + 1)),
        ("HE", lambda h: f"HE{h + 1:02d}"),
        ("Stunde", lambda h: f"{h}.0"),
        ("Time", lambda h: f"{h}:00"),
        ("Time", lambda h: f"{h}.00"),
        ("Time", lambda h: f"{h:02d}.00.00"),
        ("Time", lambda h: f"{h:02d}00"),
        ("Time", lambda h: f"{h * 100}"),
        ("Time", lambda h: f"{h:02d}0000"),
        ("Time", lambda h: f"{h / 24:.6f}"),
        ("heure", lambda h: f"{h}h"),
        ("heure", lambda h: f"{h}h00"),
        ("Uhrzeit", lambda h: f"{h:02d}:00 Uhr"),
        ("Uhrzeit", lambda h: f"{h} Uhr"),
        ("x", half),
        ("x", lambda h: half(h).lower().replace("m", ".m.")),
        ("x", lambda h: f"{half(h)[:-3]}:00 {half(h)[-2:]}"),
        ("x", lambda h: f"{h:02d}:00-{h + 1:02d}:00"),
        ("x", lambda h: f"{h:02d}:00 - {h + 1:02d}:00"),
        ("x", lambda h: f"{h}-{h + 1}"),
        ("unnamed", str),
        ("unnamed", lambda h: str(h + 1)),
    ],
)
def test_an_hour_beside_dates_is_time_of_day(name: str, written: Callable[[int], str]) -> None:
    axis = time_of(rows(f"Day,{name},v", *(f"{day},{written(h)},{h * h % 7}" for day in DAYS for h in range(24))))
    assert axis.columns == ("Day", name)
    assert shown(axis)[0] == "2022-03-01T00:00"
    assert is_hourly(axis)
    assert axis.notes[0] == f"Times were combined from Day and {name}."


def test_24_00_is_the_next_day() -> None:
    axis = time_of(rows("Day,Time,v", *(f"{day},{h:02d}:00,{h}" for day in DAYS for h in range(1, 25))))
    assert shown(axis)[22:25] == ["2022-03-01T23:00", "2022-03-02T00:00", "2022-03-02T01:00"]


def test_hours_1_to_24_are_said_to_end_then() -> None:
    axis = time_of(rows("Day,Hour,v", *(f"{day},{h},{h}" for day in DAYS for h in range(1, 25))))
    assert "Hour counts 1 to 24, read as the hour that ends then." in axis.notes


@pytest.mark.parametrize(
    ("name", "count", "minutes"),
    [("SettlementPeriod", 48, 30), ("x", 48, 30), ("x", 96, 15), ("interval", 288, 5), ("x", 144, 10)],
)
def test_numbered_intervals_are_time_of_day(name: str, count: int, minutes: int) -> None:
    axis = time_of(rows(f"d,{name},v", *(f"{day},{k},{k % 7}" for day in DAYS for k in range(1, count + 1))))
    assert axis.columns == ("d", name)
    assert is_hourly(axis, minutes / 60)


def test_a_half_of_the_day_may_stand_in_its_own_column() -> None:
    text = rows(
        "date,time,ampm,v",
        *(f"{d},{(h - 1) % 12 + 1}:00,{'am' if h < 12 else 'pm'},{h}" for d in DAYS for h in range(24)),
    )
    assert is_hourly(time_of(text))


def test_hours_minutes_and_seconds_complete_each_other() -> None:
    text = rows("Y,M,D,H,MI,S,v", *(f"2020,1,1,{i // 360},{i // 6 % 60},{i % 6 * 10},{i % 7}" for i in range(400)))
    axis = time_of(text)
    assert axis.columns == ("Y", "M", "D", "H", "MI", "S")
    assert is_hourly(axis, 10 / 3600)
    assert is_hourly(
        time_of(rows("date,minute,v", *(f"{day},{m},{m % 7}" for day in DAYS for m in range(0, 1440, 10)))), 1 / 6
    )


def test_series_share_the_hours() -> None:
    lines = [f"{day},{h},{station},{h}" for day in DAYS for h in range(24) for station in ("A", "B", "C")]
    axis = time_of(rows("date,hour,station,v", *lines))
    assert axis.columns == ("date", "hour")
    assert axis.times is not None
    assert is_hourly(time_of(rows("date,hour,station,v", *lines[::3])))


def test_a_store_is_no_hour_and_a_measured_hour_is_no_part() -> None:
    stores = rows("date,shop,v", *(f"{day},{shop},{shop}" for day in DAYS for shop in (1, 2, 3)))
    assert time_of(stores).columns == ("date",)
    measured = rows("date,hour,v", *(f"2022-03-{d:02d},{d % 5 + 10},{d}" for d in range(1, 20)))
    assert time_of(measured).columns == ("date",)


@pytest.mark.parametrize(
    ("text", "unit", "first", "last"),
    [
        (["period", *(f"M{m:02d}" for m in range(1, 13))], "M", "2000-01", "2003-12"),
        (["period", *(f"Q{q:02d}" for q in range(1, 5))], "M", "2000-01", "2003-10"),
        (["period", "S01", "S02"], "M", "2000-01", "2003-07"),
        (["x", *map(str, range(1, 13))], "M", "2000-01", "2003-12"),
        (["Quartal", "1", "2", "3", "4"], "M", "2000-01", "2003-10"),
        (
            ["mes", *["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"]],
            "M",
            "2000-01",
            "2003-12",
        ),
        (["week", *map(str, range(1, 53))], "D", "2000-01-03", "2003-12-22"),
        (["doy", *map(str, range(1, 366))], "D", "2000-01-01", "2003-12-31"),
    ],
)
def test_parts_of_a_year(text: list[str], unit: str, first: str, last: str) -> None:
    name, parts = text[0], text[1:]
    axis = time_of(rows(f"year,{name},v", *(f"{y},{p},{len(p)}" for y in range(2000, 2004) for p in parts)))
    assert axis.columns == ("year", name)
    assert (shown(axis, unit)[0], shown(axis, unit)[-1]) == (first, last)


def test_averages_of_a_year_are_left_out_and_said() -> None:
    lines = [f"{year},M{month:02d},{month}" for year in (2000, 2001) for month in range(1, 14)]
    axis = time_of(rows("year,period,v", *lines))
    assert axis.left_out is not None
    assert np.flatnonzero(axis.left_out).tolist() == [12, 25]
    assert "period holds averages of the year (M13) in 2 rows, which were left out." in axis.notes


def test_a_doubtful_part_asks() -> None:
    axis = time_of(rows("a,b,v", *(f"{day},{h},{h % 5}" for day in DAYS for h in range(24))))
    assert axis.scores["b"] < axis.scores["a"]
    assert axis.questions[0].answers[0].options == {"columns": {"b": "series"}}
