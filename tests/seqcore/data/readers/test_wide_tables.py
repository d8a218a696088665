"""Tables with times across the top: one series per row, with its name and its times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqcore.data.readers.header_times import header_times
from seqcore.data.readers.read_table import FileOptions, read_table
from seqcore.data.table import Table
from seqcore.errors import DataError


def read(text: str, **options: Any) -> Table:
    return read_table(text.encode(), name="x.csv", options=FileOptions(**options))


def days(table: Table) -> list[str]:
    assert table.times is not None
    return [str(day) for day in table.times[: table.offsets[1]].astype("datetime64[D]")]


def rows(names: list[str], count: int) -> list[str]:
    return [f"{name}," + ",".join(str((i + 1) * (t * t % 7 + 1)) for t in range(count)) for i, name in enumerate(names)]


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("1/22/20,1/23/20,1/24/20,1/25/20", "2020-01-22", "2020-01-25"),
        ("2020-01-31,2020-02-29,2020-03-31,2020-04-30", "2020-01-31", "2020-04-30"),
        ("1990,1991,1992,1993", "1990-01-01", "1993-01-01"),
        ("X1990,X1991,X1992,X1993", "1990-01-01", "1993-01-01"),
        ("1990 [YR1990],1991 [YR1991],1992 [YR1992],1993 [YR1993]", "1990-01-01", "1993-01-01"),
        ("2020-Q1,2020-Q2,2020-Q3,2020-Q4", "2020-01-01", "2020-10-01"),
        ("Jan 2020,Feb 2020,Mar 2020,Apr 2020", "2020-01-01", "2020-04-01"),
        ("1993,1992,1991,1990", "1990-01-01", "1993-01-01"),
    ],
)
def test_times_across_make_one_series_per_row(header: str, first: str, last: str) -> None:
    table = read("\n".join([f"Country/Region,Lat,Long,{header}", *rows(["Alandia,1.5,2", "Borduria,3.5,4"], 4)]))
    assert (table.kind, table.names, table.lengths.tolist()) == ("many series", ("Alandia", "Borduria"), [4, 4])
    assert (days(table)[0], days(table)[-1]) == (first, last)
    falling = header.startswith("1993")
    assert table.values[:4, 0].tolist() == ([3, 5, 2, 1] if falling else [1, 2, 5, 3])
    assert any("one series per row: 2 series of 4 time steps" in note for note in table.notes)
    assert {r.column: r.role for r in table.report.roles}["Lat"] == "ignore"


def test_one_row_is_one_series() -> None:
    table = read("name,2001,2002,2003\nAlandia,3,1,2\n")
    assert (table.kind, table.names, table.values[:, 0].tolist()) == ("one series", ("Alandia",), [3, 1, 2])


def test_the_layout_of_the_world_bank() -> None:
    names = ["Alandia,ALA,GDP growth,NY.GDP", "Borduria,BOR,GDP growth,NY.GDP"]
    body = [row + "," for row in rows(names, 6)]
    table = read(
        "\n".join(["Country Name,Country Code,Indicator Name,Indicator Code,1960,1961,1962,1963,1964,1965,", *body])
    )
    assert (table.names, table.columns, len(table)) == (("Alandia", "Borduria"), ("GDP growth",), 12)


def test_a_region_and_a_metric_name_the_series_together() -> None:
    names = [f"{place},{what}" for place in ("Alandia", "Borduria") for what in ("births", "deaths")]
    table = read("\n".join(["region,indicator,2001,2002,2003", *rows(names, 3)]))
    assert table.names == ("Alandia, births", "Alandia, deaths", "Borduria, births", "Borduria, deaths")


def test_counted_steps_end_where_the_cells_do() -> None:
    m5 = read("\n".join(["id,item_id,d_1,d_2,d_3,d_4,d_5,d_6,d_7", *rows(["A_1,A", "A_2,A", "B_1,B"], 7)]))
    assert (m5.names, m5.times, m5.lengths.tolist()) == (("A_1", "A_2", "B_1"), None, [7, 7, 7])
    m4 = read('"V1","V2","V3","V4","V5","V6","V7"\n"Y1",5,6,7,8,9,3\n"Y2",1,2,3,,,\n')
    assert (m4.names, m4.lengths.tolist()) == (("Y1", "Y2"), [6, 3])


def test_months_across_continue_from_year_to_year() -> None:
    months = "Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec"
    body = [f"{year}," + ",".join(str(year + m) for m in range(12)) for year in (2002, 2001)]
    table = read("\n".join([f"Year,{months}", *body]))
    assert (table.kind, len(table), days(table)[0], days(table)[-1]) == ("one series", 24, "2001-01-01", "2002-12-01")
    assert table.values[:2, 0].tolist() == [2001, 2002]
    with pytest.raises(DataError, match=r"2001-01-01 is duplicated \(rows 3 and 4\)"):
        read("\n".join([f"Year,{months}", *body, body[1]]))


@pytest.mark.parametrize(
    "header",
    [
        ",".join(f"{h:02d}:00" for h in range(24)),
        ",".join(f"HE{h}" for h in range(1, 25)),
        ",".join(f"{h // 2}:{h % 2 * 30:02d}" for h in range(48)),
    ],
)
def test_hours_across_continue_from_day_to_day(header: str) -> None:
    count = header.count(",") + 1
    body = [f"2024-01-{day:02d},{'x' if day > 1 else 'y'}," + ",".join(str(day * 100 + h) for h in range(count))
            for day in (2, 1, 3)]  # fmt: skip
    table = read("\n".join([f"date,kind,{header}", *body]))
    assert (table.kind, len(table), table.values[:2, 0].tolist()) == ("one series", 3 * count, [100, 101])
    assert table.times is not None
    assert set(np.diff(table.times).astype("timedelta64[m]").astype(int).tolist()) == {1440 // count}


def test_labeled_sequences_and_numbered_variables_are_not_wide_series() -> None:
    steps = ",".join(f"t{i}" for i in range(1, 13))
    labeled = read("\n".join([f"label,{steps}", *rows(["a", "b"] * 5, 12)]))
    assert labeled.kind == "labeled sequences"
    dates = [f"2024-01-{i + 1:02d}" for i in range(20)]
    assert read("\n".join([f"date,{steps}", *rows(dates, 12)])).columns == tuple(steps.split(","))
    years = read("\n".join(["date,2021,2022,2023", *rows(dates, 3)]))
    assert (years.kind, years.columns) == ("one series", ("2021", "2022", "2023"))


def test_a_series_begins_and_ends_with_its_values() -> None:
    header = "country," + ",".join(map(str, range(1960, 1990)))
    late = "Late," + ",".join("" if t < 12 else str(t) for t in range(30))
    gaps = "Gaps," + ",".join("" if t in (0, 9) else str(t) for t in range(30))
    table = read(f"{header}\n{late}\n{gaps}\nEmpty{',' * 30}\n")
    assert (table.names, table.lengths.tolist()) == (("Late", "Gaps"), [18, 30])
    assert int(np.isnan(table.values).sum()) == 2
    assert any("1 rows without values were left out" in note for note in table.notes)


def test_names_of_columns_that_are_no_times() -> None:
    assert header_times(["a", "b", "c"]) is None
    assert header_times(["2001", "1999", "2005"]) is None  # no order
    assert header_times(["Jan", "Feb", "Mar"]) is None  # not a year
