"""Clock changes and time zones: repeated local hours are kept, and times are evenly spaced."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from seqcore.data.readers.time_zones import NO_ZONE, UNKNOWN_ZONE, offset_of
from seqcore.data.sources.stored_file import FileOptions
from tests.seqcore.data.readers.time_files import is_hourly, rows, shown, time_of

AUTUMN = ("2020-10-20", "2020-11-02")


def local(start: str, end: str, frequency: str, zone: str) -> pd.DatetimeIndex:
    return pd.date_range(start, end, freq=frequency, tz=zone, inclusive="left")


def file_of(times: pd.DatetimeIndex, form: str = "%Y-%m-%d %H:%M") -> str:
    return rows("time,v", *(f"{time.strftime(form)},{i * i % 7}" for i, time in enumerate(times)))


@pytest.mark.parametrize(
    ("zone", "hours", "end"),
    [
        ("Europe/Berlin", 1, "2014-12-31"), ("Europe/Paris", 0.25, "2013-11-20"), ("Europe/London", 0.5, "2013-11-20"),
        ("America/New_York", 1, "2013-12-31"), ("America/Los_Angeles", 0.25, "2013-11-20"),
        ("Europe/Athens", 1, "2013-12-31"), ("Australia/Sydney", 1, "2014-12-31"),
    ],
)  # fmt: skip
def test_a_repeated_hour_is_kept_and_named(zone: str, hours: float, end: str) -> None:
    start = "2013-01-01" if hours == 1 else "2013-09-20"
    axis = time_of(file_of(local(start, end, f"{round(60 * hours)}min", zone)))
    assert is_hourly(axis, hours)
    assert any("occur twice, because clocks go back" in note and "2013-" in note for note in axis.notes)
    assert axis.questions[0].answers[0].options["time_zone"] != "auto"


def test_the_file_of_a_bug_report() -> None:
    hours = ["00:00,50", "01:00,48", "02:00,47", "02:00,46", "03:00,47", "04:00,49"]
    axis = time_of(rows("timestamp,load", *(f"2013-10-27 {hour}" for hour in hours)))
    assert is_hourly(axis)
    assert shown(axis)[2:4] == ["2013-10-27T01:00", "2013-10-27T02:00"]  # standard time
    assert "Europe/Berlin" in axis.notes[0]


def test_descending_and_labeled_by_the_end() -> None:
    times = local(*AUTUMN, "h", "Europe/Berlin")
    descending = time_of(file_of(times[::-1]))
    assert descending.times is not None
    assert np.all(np.diff(descending.times) == np.timedelta64(-1, "h"))
    ends = [f"{time.tz_localize(None) + pd.Timedelta(hours=1):%Y-%m-%d %H:%M},{time.hour}" for time in times]
    assert is_hourly(time_of(rows("Hour Ending,v", *ends)))


@pytest.mark.parametrize("blocks", [True, False])
def test_each_series_has_its_repeated_hour(blocks: bool) -> None:
    times = [f"{time:%Y-%m-%d %H:%M}" for time in local(*AUTUMN, "h", "Europe/Berlin")]
    pairs = [(s, t) for s in "AB" for t in times] if blocks else [(s, t) for t in times for s in "AB"]
    axis = time_of(rows("s,time,v", *(f"{s},{t},{i * i % 7}" for i, (s, t) in enumerate(pairs))))
    assert axis.times is not None
    of_a = axis.times[[s == "A" for s, _ in pairs]]
    assert np.all(np.diff(of_a) == np.timedelta64(1, "h"))


@pytest.mark.parametrize("written", ["{h}", "{end}", "{end}{letter}", "{h:02d}:00", "{h}{letter}:00"])
def test_hour_columns_repeat_the_hour(written: str) -> None:
    lines = []
    for time in local(*AUTUMN, "h", "Europe/Berlin"):
        letter = "AB"[time.fold] if (time.month, time.day, time.hour) == (10, 25, 2) else ""
        hour = written.format(h=time.hour, end=time.hour + 1, letter=letter)
        lines.append(f"{time:%Y-%m-%d},{hour},{time.hour % 7}")
    axis = time_of(rows("date,hour,v", *lines))
    assert axis.columns == ("date", "hour")
    assert is_hourly(axis)


@pytest.mark.parametrize(("zone", "per_hour"), [("Europe/Berlin", 1), ("Europe/London", 2), ("Europe/London", 4)])
def test_intervals_count_over_long_and_short_days(zone: str, per_hour: int) -> None:
    days = pd.date_range("2020-01-01", "2020-12-31")
    frequency = f"{60 // per_hour}min"
    counts = [len(local(str(d.date()), str((d + pd.Timedelta(days=1)).date()), frequency, zone)) for d in days]
    lines = [f"{d.date()},{k + 1},{k % 7}" for d, count in zip(days, counts, strict=True) for k in range(count)]
    axis = time_of(rows("date,period,v", *lines))
    assert {23 * per_hour, 25 * per_hour} < set(counts)
    assert is_hourly(axis, 1 / per_hour)
    assert any("Intervals are counted over clock changes" in note for note in axis.notes)


def test_a_zone_can_be_given() -> None:
    spring = file_of(local("2020-03-20", "2020-04-12", "h", "Europe/Berlin"))
    assert not is_hourly(time_of(spring))
    assert time_of(spring).questions[0].answers[0].options == {"time_zone": "Europe/Berlin"}
    assert is_hourly(time_of(spring, time_zone="europe/berlin"))


def test_a_wrong_zone_is_one_line() -> None:
    with pytest.raises(ValidationError, match=r"'Europe/Berln' is not a time zone.*did you mean Europe/Berlin"):
        FileOptions(time_zone="Europe/Berln")


def test_repeated_rows_elsewhere_stay_repeated() -> None:
    axis = time_of(
        rows("time,v", "2020-06-01 00:00,1", "2020-06-01 01:00,2", "2020-06-01 01:00,1", "2020-06-01 02:00,2")
    )
    assert shown(axis)[1] == shown(axis)[2]
    assert not axis.questions


def test_offsets_and_abbreviations_become_standard_time() -> None:
    times = local(*AUTUMN, "h", "Europe/Berlin")
    for form in ("%Y-%m-%dT%H:%M%z", "%Y-%m-%d %H:%M %Z"):
        axis = time_of(file_of(times, form))
        assert is_hourly(axis)
        assert axis.notes == ("Summer time was converted to standard time (UTC+01:00).",)
    utc = file_of(times.tz_convert("UTC"), "%Y-%m-%d %H:%MZ")
    assert shown(time_of(utc, time_zone="Europe/Berlin")) == shown(axis)


def test_times_without_a_zone_among_others_are_kept_and_said() -> None:
    axis = time_of(rows("time,v", *(f"2020-01-01T{h:02d}:00{'Z' if h % 3 else ''},{h}" for h in range(20))))
    assert is_hourly(axis)
    assert axis.notes == ("Times without a time zone (7) were taken as UTC, like the others.",)


def test_marks_of_summer_time() -> None:
    marked = [f"2020-10-25 {h}:00 {mark},1" for h, mark in ((0, "DST"), (1, "DST"), (2, "DST"), (2, ""), (3, ""))]
    axis = time_of(rows("time,v", *marked))
    assert is_hourly(axis)
    assert axis.notes == ("Summer time was converted to standard time.",)


def test_offsets_in_text() -> None:
    texts = ("", "Z", "CEST", "(CET)", "gmt+0100", "UTC", "-05:30", "+2", "est", "hello")
    assert [offset_of(text) for text in texts] == [NO_ZONE, 0, 120, 60, 60, 0, -330, 120, -300, UNKNOWN_ZONE]
