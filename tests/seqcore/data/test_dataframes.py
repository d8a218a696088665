"""Data that Python already holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqcore.data.readers.read_table import table_from_frame
from seqcore.errors import DataError
from seqcore.experiment.config import DataConfig

DAYS = pd.date_range("2024-01-01", periods=3, freq="D")


def table(data: Any, **options: str) -> Any:
    return table_from_frame(data, DataConfig(options=options))


def test_a_frame_with_an_index_of_times() -> None:
    made = table(pd.DataFrame({"a": [1, 2, 3], "b": [1.5, np.nan, 2.5], "c": ["x", "y", "z"]}, index=DAYS))
    assert made.columns == ("a", "b")
    assert made.times.tolist() == DAYS.to_numpy().astype("datetime64[ns]").tolist()
    assert made.notes == ("Columns left out (not numeric): c.", "b: 1 missing value (row 1).")


@pytest.mark.parametrize(
    "dates",
    [
        DAYS,
        DAYS.strftime("%d.%m.%Y"),
        DAYS.date,
        DAYS.to_period("D"),
        pd.Categorical(DAYS.strftime("%Y-%m-%d")),
        DAYS.strftime("%Y-%m-%d").astype(object),
    ],
    ids=["times", "text", "dates", "periods", "categories", "objects"],
)
def test_a_column_of_dates_is_recognised_and_sorted(dates: Any) -> None:
    made = table(pd.DataFrame({"day": dates, "v": [1, 2, 3]}).iloc[::-1])
    assert made.values[:, 0].tolist() == [1, 2, 3]
    assert made.times.tolist() == DAYS.to_numpy().astype("datetime64[ns]").tolist()
    assert (made.x_title, made.notes) == ("day", ("The rows were sorted: they were in descending order of day.",))


def test_times_with_a_zone_stay_on_the_wall_clock() -> None:
    local = DAYS.tz_localize("Europe/Berlin")
    by_index = table(pd.DataFrame({"v": [1, 2, 3]}, index=local))
    by_column = table(pd.DataFrame({"day": local, "v": [1, 2, 3]}))
    for made in (by_index, by_column):
        assert made.times[1] == np.datetime64("2024-01-02")
        assert "Europe/Berlin" in made.notes[0]


def test_the_date_column_can_be_said() -> None:
    frame = pd.DataFrame({"day": DAYS.strftime("%Y-%m-%d"), "v": [1, 2, 3]})
    assert table(frame, date_column="none").times is None
    assert table(frame, date_column="day").times is not None


def test_a_series_and_arrays() -> None:
    assert table(pd.Series([1, 2, 3], name="x", index=DAYS)).columns == ("x",)
    assert table(np.array([1, 2, 3])).values.tolist() == [[1], [2], [3]]
    assert table(np.zeros((4, 2))).columns == ("column 1", "column 2")
    cube = table(np.zeros((5, 4, 2)))
    assert cube.independent
    assert cube.lengths.tolist() == [4] * 5
    assert table(np.array(list("abc"))).symbolic


def test_the_given_data_are_not_changed() -> None:
    array = np.array([3.0, 1.0, 2.0])
    made = table(array)
    made.values[0] = 99
    assert array.tolist() == [3, 1, 2]
    frame = pd.DataFrame({"d": DAYS[::-1], "v": [1.0, 2.0, 3.0]})
    before = frame.copy()
    table(frame)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pd.DataFrame(), "there are no rows of values"),
        (pd.DataFrame({"a": ["x", "y"]}), "there is no numeric column, only text"),
        (pd.DataFrame({"a": [[1], [2]]}), "there is no numeric column"),
        (pd.DataFrame({"d": [DAYS[0], DAYS[0]], "v": [1, 2]}), "2024-01-01 is duplicated (rows 0 and 1)"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns are named 'a'"),
        (pd.DataFrame({("a", "b"): [1]}), "MultiIndex"),
        (np.array([1.0, np.inf]), "row 1: the value is infinite"),
        (np.zeros((2, 2, 2, 2)), "shape (2, 2, 2, 2)"),
        (np.zeros(0), "shape (0,)"),
        (np.array([None, 1]), "an array of object is not numeric"),
    ],
)
def test_what_cannot_be_used_is_one_clear_line(data: Any, message: str) -> None:
    with pytest.raises(DataError) as error:
        table(data)
    (line,) = error.value.lines
    assert line.startswith("the data")
    assert message in line
