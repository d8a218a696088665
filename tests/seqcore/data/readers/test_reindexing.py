"""Times that a regular calendar leaves out become gaps, so that seven rows are seven days; and no score counts them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqcore import open_store
from seqcore.data.profile.profile import profile_table
from seqcore.data.readers.read_table import FileOptions, read_table
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.events import CheckpointReady, Finished, Started
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.tasks.auto_config import suggest_experiment
from seqcore.training.fit import fit


def file(times: Any, *, name: str = "", before: str = "") -> str:
    rows = [
        f"{name + ',' if name else ''}{time},{i + 0.25}" for i, time in enumerate(pd.DatetimeIndex(times).astype(str))
    ]
    return "\n".join([before or "date,sales", *rows])


def read(text: str, missing_times: str = "auto") -> Table:
    return read_table(text.encode(), name="a.csv", options=FileOptions(missing_times=missing_times))


def days(count: int = 100, left_out: tuple[int, ...] = (10, 40, 41), freq: str = "D") -> pd.DatetimeIndex:
    return pd.date_range("2023-01-02", periods=count, freq=freq).delete(list(left_out))


@pytest.mark.parametrize("freq", ["D", "h", "15min", "W", "MS", "ME", "BMS", "BME", "QE", "YS"])
def test_times_left_out_of_a_clear_calendar_are_rows_of_gaps_in_their_place(freq: str) -> None:
    whole = pd.date_range("1990-01-31", periods=100, freq=freq)
    table = read(file(whole.delete([10, 40, 41])))
    assert table.times is not None
    assert (table.times == np.asarray(whole, dtype="datetime64[ns]")).all()
    assert np.flatnonzero(np.isnan(table.values[:, 0])).tolist() == [10, 40, 41]
    assert table.values[~np.isnan(table.values[:, 0]), 0].tolist() == [i + 0.25 for i in range(97)]
    assert table.inserted == 3
    assert any("3 rows inserted" in note for note in table.notes)


def test_each_of_many_series_has_its_own_calendar() -> None:
    calendars = [pd.date_range("2023-01-02", periods=40, freq=freq) for freq in ("D", "D", "h", "W")]
    lines = [
        f"{name},{t},{i}" for name, of in zip("abcd", calendars, strict=True) for i, t in enumerate(of.delete([9]))
    ]
    table = read("shop,date,sales\n" + "\n".join(lines) + "\n")
    assert table.times is not None
    assert table.lengths.tolist() == [40] * 4
    assert (table.times == np.concatenate([np.asarray(of, dtype="datetime64[ns]") for of in calendars])).all()


def test_business_days_have_no_weekends_and_no_holidays_but_a_lost_fortnight_comes_back() -> None:
    year = pd.bdate_range("2023-01-02", periods=200)
    assert read(file(year)).inserted == 0
    assert read(file(year.delete([30, 77, 140]))).inserted == 0  # holidays
    table = read(file(year.delete(range(60, 70))))
    assert table.inserted == 10
    assert table.times is not None
    assert (table.times == np.asarray(year, dtype="datetime64[ns]")).all()


def test_where_more_than_a_tenth_is_missing_or_the_calendar_is_not_clear_they_are_named_or_nothing_is_said() -> None:
    every_week = pd.date_range("2023-01-02", periods=140)
    shop = every_week[every_week.day_of_week != 6]  # closed on Sundays
    table = read(file(shop))
    assert table.inserted == 0
    assert any("treated as consecutive" in note for note in table.notes)
    assert read(file(shop), "insert").inserted == 19  # the last Sunday is no hole
    steps = np.cumsum(np.random.default_rng(0).integers(1, 9, 60))
    assert read(file(np.datetime64("2023-01-01") + steps * np.timedelta64(1, "D")), "insert").inserted == 0
    off = days().insert(50, pd.Timestamp("2023-02-20 07:00"))  # one time beside the grid
    assert read(file(off), "insert").inserted == 0


def test_a_shop_closed_on_sundays_gets_rows_for_its_other_missing_days() -> None:
    every_day = pd.date_range("2023-01-02", periods=366)
    open_days = every_day[every_day.day_of_week != 6]
    kept = open_days.delete([10, 100, 101])
    table = read(file(kept))
    assert table.inserted == 3
    assert np.array_equal(table.times, np.asarray(open_days, dtype="datetime64[ns]"))
    assert np.flatnonzero(np.isnan(table.values[:, 0])).tolist() == [10, 100, 101]
    (note,) = (note for note in table.notes if "no rows on Sundays" in note)
    assert "Of the missing ones, 3 are at other times: 3 rows inserted" in note
    assert profile_table(table).missing_beside == 0

    left = read(file(kept), "leave")
    assert (left.inserted, len(left)) == (0, len(kept))
    (note,) = (note for note in left.notes if "no rows on Sundays" in note)
    assert "Of the missing ones, 3 are at other times: the rows around are treated as consecutive too" in note
    (found,) = (f for f in profile_table(left).findings if f.code == "missing-times")
    assert "no rows on Sundays; 3 time stamps beside these" in found.message

    many = read(file(open_days.delete(range(100, 150))))
    assert many.inserted == 0  # more than a tenth
    assert any("50 are at other times: the rows around" in note for note in many.notes)
    both = [file(kept, name="a", before="shop,date,sales"), *file(every_day, name="b").splitlines()[1:]]
    of_two = read("\n".join(both))
    assert of_two.inserted == 3
    assert of_two.lengths.tolist() == [len(open_days), len(every_day)]


def test_a_mistyped_year_does_not_fill_a_century_of_open_days() -> None:
    every_day = pd.date_range("2023-01-02", periods=200)
    shop = every_day[every_day.day_of_week != 6]
    assert read(file(shop.insert(len(shop), pd.Timestamp("2204-01-02")))).inserted == 0


def test_left_out_as_was_said_and_a_mistyped_year_does_not_fill_a_century() -> None:
    table = read(file(days()), "leave")
    assert (table.inserted, len(table)) == (0, 97)
    assert any("3 days are missing" in note for note in table.notes)
    assert read(file(days().insert(97, pd.Timestamp("2204-01-01"))), "insert").inserted == 0


def test_each_series_has_its_own_calendar() -> None:
    one, two = file(days(), name="a", before="shop,date,sales"), file(days(60, (5,)), name="b")
    three = file(pd.date_range("2023-01-02", periods=60, freq="W"), name="c")
    table = read("\n".join([one, *two.splitlines()[1:], *three.splitlines()[1:]]))
    assert table.names == ("a", "b", "c")
    assert table.lengths.tolist() == [100, 60, 60]
    assert np.flatnonzero(np.isnan(table.values[:, 0])).tolist() == [10, 40, 41, 105]
    assert any("4 rows were inserted in total, in 2 of 3 series" in note for note in table.notes)


def test_a_gap_of_the_file_is_still_found_in_its_row() -> None:
    lines = file(days()).splitlines()
    lines[60] = lines[60].split(",")[0] + ","
    table = read("\n".join(lines))
    place = next(place for place, row in table.row_numbers.items() if row == 61)
    assert table.times is not None
    assert str(table.times[place].astype("datetime64[D]")) == lines[60].split(",")[0]


def test_a_file_trains_as_is_suggested_with_its_gaps_filled_and_refusing_gaps_leaves_the_rows_as_they_are(
    tmp_path: Path,
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/runs.db")
    (tmp_path / "sales.csv").write_text(file(days()))
    kept = store.put_file(tmp_path / "sales.csv", "sales.csv")
    table = read(file(days()))
    suggested = suggest_experiment(table, data={"source": "file", "options": {"hash": kept.hash, "name": kept.name}})
    assert suggested.data.missing == "interpolate"
    assert store.table(suggested).inserted == 3
    assert store.table(suggested.with_changes({"data.missing": "refuse"})).inserted == 0  # as in runs of before


def test_a_frame_is_filled_only_where_gaps_are() -> None:
    frame = pd.DataFrame({"date": days(), "sales": np.sin(np.arange(97) / 7)})
    small = {"training": {"epochs": 1}, "model": {"hidden_size": 4}}
    for gaps, rows in (("refuse", 97), ("interpolate", 100)):
        e = Experiment.make({"data": {"window": 7, "missing": gaps}, **small})
        started = next(event for event in fit(e, data=frame) if isinstance(event, Started))
        assert sum(started.split_sizes.values()) == rows - 7


def test_no_score_counts_a_target_that_was_filled_in() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=300)
    gone = np.arange(270, 290, 2)
    values[gone] = np.nan
    table = Table(values=values[:, None], columns=("v",))
    data = {"window": 4, "missing": "previous", "test_fraction": 0.2, "scaling": "none"}
    training = {"epochs": 1, "interval_coverage": 0.8}
    e = Experiment.make({"data": data, "training": training, "model": {"hidden_size": 4}})
    *events, end = fit(e, data=table)
    content = next(event.content for event in reversed(events) if isinstance(event, CheckpointReady))
    judged = Predictor.from_checkpoint(content).evaluate(table, split="test")
    held = np.arange(240, 300)
    known = held[~np.isnan(values[held])]
    mean = np.nanmean(values[:195])  # of the training part, in which nothing is missing
    filled = pd.Series(values).ffill().to_numpy()
    assert judged.baselines["last_value"]["mae"] == pytest.approx(np.abs(filled[known - 1] - values[known]).mean())
    assert judged.baselines["mean"]["mae"] == pytest.approx(np.abs(mean - values[known]).mean(), rel=2e-3)
    assert isinstance(end, Finished)
    assert end.metrics["test_mae"] == pytest.approx(judged.metrics["mae"])
    assert np.isfinite(list(judged.metrics.values())).all()


def test_the_data_page_counts_them() -> None:
    seen = profile_table(read(file(days())))
    assert (seen.inserted_times, seen.missing_times) == (3, 0)
    assert profile_table(read(file(days()), "leave")).missing_times == 3


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="missing_times"):
        FileOptions(missing_times="guess")
    with pytest.raises((DataError, Exception), match="missing_times"):
        Experiment.make({"data": {"source": "file", "options": {"missing_times": "guess"}}})


def test_the_data_page_names_days_without_rows_and_both_ways_to_treat_them() -> None:
    open_days = days(200, (), "D")
    closed = open_days[open_days.day_of_week != 6]
    lines = [file(closed, name="a", before="shop,date,sales"), *file(open_days, name="b").splitlines()[1:]]
    table = read("\n".join(lines))
    (note,) = [note for note in table.notes if "no rows on Sundays" in note]
    assert "leave keeps this; insert adds rows" in note
    seen = profile_table(table)
    assert (seen.missing_times, seen.time_patterns) == (28, ("no rows on Sundays (a)",))
    (found,) = [f for f in seen.findings if f.code == "missing-times"]
    assert found.message.startswith("28 timestamps are missing: no rows on Sundays (a). ")
    assert "forecasts leave the same times out" in found.message
    assert "missing_times = leave" in found.remedy
    assert "missing_times = insert" in found.remedy
    assert profile_table(read(file(closed))).time_patterns == ("no rows on Sundays",)
    inserted = profile_table(read(file(closed), "insert"))
    assert (inserted.time_patterns, inserted.missing_times) == ((), 0)
    alternate = profile_table(read(file(open_days[open_days.day_of_week.isin([0, 2, 4])])))
    (found,) = [f for f in alternate.findings if f.code in ("missing-times", "irregular-times")]
    assert found.message.startswith("No rows on Tuesdays, Thursdays, Saturdays, Sundays. ")
    assert profile_table(read(file(days(200)))).time_patterns == ()
