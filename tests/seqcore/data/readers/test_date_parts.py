"""Dates in several columns, and in the index that a frame is saved with."""

from __future__ import annotations

import numpy as np
import pytest

from seqcore.data.readers.read_table import FileOptions, read_table
from seqcore.data.table import Table


def read(text: str, **options: str) -> Table:
    return read_table(text.encode(), name="x.csv", options=FileOptions(**options))  # type: ignore[arg-type]


def days(table: Table, unit: str = "D") -> list[str]:
    assert table.times is not None
    return [str(np.datetime_as_string(time, unit=unit)) for time in table.times]


def test_a_year_and_a_quarter_are_the_time_and_not_four_series() -> None:
    rows = [f"{1959 + i // 4},{i % 4 + 1},{100 + i},{0.5 * i}" for i in range(40)]
    table = read("\n".join(["year,quarter,realgdp,infl", *rows]))
    assert table.columns == ("realgdp", "infl")
    assert table.names == ()
    assert days(table)[:5] == ["1959-01-01", "1959-04-01", "1959-07-01", "1959-10-01", "1960-01-01"]
    assert "Times were combined from year and quarter." in table.notes


@pytest.mark.parametrize(
    "months",
    [range(1, 13), ["Jan", "feb", "March", "apr.", "mai", "Jun", "Jul", "August", "Sept", "Oct", "Nov", "Dez"]],
)
def test_months_are_numbers_or_names(months: range | list[str]) -> None:
    rows = [f"{7 * i % 30},{month},2024" for i, month in enumerate(months)]
    assert days(read("\n".join(["sales,Month,Year", *rows])), "M") == [f"2024-{m:02d}" for m in range(1, 13)]


def test_days_hours_and_minutes_count_and_rows_are_put_in_their_order() -> None:
    table = read("yr,mo,day,hr,minute,load\n2024,2,29,13,30,2\n2024,2,29,13,15,1\n2024,3,1,24,0,3\n")
    assert days(table, "m") == ["2024-02-29T13:15", "2024-02-29T13:30", "2024-03-02T00:00"]
    assert table.values[:, 0].tolist() == [1, 2, 3]


def test_several_series_may_share_the_parts() -> None:
    rows = [f"{shop},{2020 + i // 12},{i % 12 + 1},{i}" for shop in ("A", "B") for i in range(24)]
    table = read("\n".join(["shop,year,month,sales", *rows]))
    assert table.names == ("A", "B")
    assert days(table, "M")[:2] == ["2020-01", "2020-02"]


def test_columns_that_only_have_the_names_stay_values() -> None:
    table = read("year,month,sales\n" + "\n".join(f"{2000 + i},{i * 1.5},{i * i % 7}" for i in range(20)))
    assert "month" in table.columns
    assert days(table)[1] == "2001-01-01"
    impossible = read("year,month,day,sales\n" + "\n".join(f"{2000 + i},2,31,{i * i % 7}" for i in range(20)))
    assert "day" in impossible.columns


def test_the_index_of_a_saved_frame_is_no_row_of_values() -> None:
    table = read(",0\n" + "\n".join(f"{1821 + i},{i * i % 97}" for i in range(40)))
    assert (table.columns, len(table)) == (("0",), 40)
    assert days(table)[:2] == ["1821-01-01", "1822-01-01"]
    assert read("1821,269\n1822,321\n1823,585\n1824,871\n").columns[-1] == "column 2"
