"""Where the table of a file begins and ends: titles, metadata, comments, units and footers are skipped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcore.data.readers.csv_layout import unique_names
from seqcore.data.readers.read_table import FileOptions, read_table
from seqcore.data.readers.text_encoding import SAMPLE_BYTES
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.links import experiment_from_link, link_of

DAYS = [f"2020-01-{day:02d}" for day in range(1, 29)]
V = [(7 * i) % 11 + 0.5 for i in range(28)]
W = [(5 * i) % 13 for i in range(28)]
ONE = "".join(f"{d},{v}\n" for d, v in zip(DAYS, V, strict=True))
TWO = "".join(f"{d},{v},{w}\n" for d, v, w in zip(DAYS, V, W, strict=True))
GERMAN = "".join(
    f"{d[8:]}.01.2020;{v}\n".replace(f";{v}", f";{v}".replace(".", ",")) for d, v in zip(DAYS, V, strict=True)
)


def read(text: str, name: str = "x.csv", **options: object) -> Table:
    return read_table(text.encode(), name=name, options=FileOptions(**options))  # type: ignore[arg-type]


def line_of(text: str, **options: object) -> str:
    with pytest.raises(DataError) as error:
        read(text, **options)
    (line,) = error.value.lines
    return line


ABOVE = {
    "title": "Monthly report\nprepared in 2020, by me\n\ndate,a,b\n",
    "title in padded cells": "Report 2020,,\n,,\ndate,a,b\n",
    "key: value": "Station: Oslo\nElevation: 34.5\nUnit: degC\n\ndate,a,b\n",
    "many key: value": "".join(f"Key {i}: value, {i}\n" for i in range(60)) + "date,a,b\n",
    "a table of metadata": "latitude,longitude,elevation,zone\n52.5,13.4,38.0,GMT\n\ndate,a,b\n",
    "a table of metadata of the same width": "latitude,longitude,elevation\n52.5,13.4,38.0\n\ndate,a,b\n",
    "key,value": "Station,Oslo\nLatitude,59.9\nDate from,2020\ndate,a,b\n",
    "hash": "# a logger\n# degC, mm, 5\ndate,a,b\n",
    "percent": "% a logger\ndate,a,b\n",
    "slashes": "// a logger, 1\ndate,a,b\n",
    "exclamation": "! a logger\n! x, y\ndate,a,b\n",
    "semicolon": "; a logger\ndate,a,b\n",
    "a header in the last comment": "# a logger\n# date,a,b\n",
    "a header in the only comment": "#date,a,b\n",
    "a header with an empty comment below": "# text\n# date, a, b\n#\n",
    "Campbell": '"TOA5","CR1000","x"\n"date","a","b"\n"TS","Deg C","%"\n"","Avg","Smp"\n',
}


@pytest.mark.parametrize("above", ABOVE.values(), ids=ABOVE.keys())
def test_lines_above_the_header_are_skipped_and_said(above: str) -> None:
    table = read(above + TWO)
    assert table.columns == ("a", "b")
    assert table.values.tolist() == [list(pair) for pair in zip(V, W, strict=True)]
    assert table.times is not None
    first = above.partition("\n")[0]
    if "date,a,b" not in first.replace(" ", ""):
        assert any(note.startswith("Skipped") and first[:20] in note for note in table.notes)


@pytest.mark.parametrize(
    ("header", "note"),
    [
        ("date,a,b\n,degC,m/s\n", "Skipped the units row 2: degC, m/s."),
        ("date,a,b\nyyyy-mm-dd,(mm),[MW]\n", "Skipped the units row 2: yyyy-mm-dd, (mm), [MW]."),
        (",degC,m/s\ndate,a,b\n", "Skipped the units row 1: degC, m/s."),
        ("date,a,b\nday of the value,mean of the day,sum of the day\n", "Skipped row 2 below the header: day of the"),
        ("date,a,b\nTicker,AAPL,AAPL\nDate,,\n", "Skipped row 2 below the header: Ticker, AAPL, AAPL."),
    ],
)
def test_units_and_descriptions_beside_the_header_are_skipped_and_said(header: str, note: str) -> None:
    table = read(header + TWO)
    assert table.columns == ("a", "b")
    assert any(line.startswith(note) for line in table.notes)


def test_equal_names_are_told_apart_by_a_second_header() -> None:
    assert read("date,temp,temp\n,min,max\n" + TWO).columns == ("temp min", "temp max")
    assert read(",A,B\ndate,x,x\n" + TWO).columns == ("A x", "B x")


def test_usgs_has_a_row_of_types_and_tabs() -> None:
    rows = "".join(f"USGS\t06719505\t{d} 00:15\t{v}\tA\n" for d, v in zip(DAYS, V, strict=True))
    table = read(
        "# warning\n#\nagency_cd\tsite_no\tdatetime\t1_00060\t1_cd\n5s\t15s\t20d\t14n\t10s\n" + rows, "x.rdb.txt"
    )
    assert table.values[:, table.columns.index("1_00060")].tolist() == V
    assert "Skipped the units row 4: 5s, 15s, 20d, 14n, 10s." in table.notes


def test_a_german_gauge_has_metadata_in_two_columns() -> None:
    table = read("Station;Köln\nGewässer;Rhein\nPegelnullpunkt;34,97\nDatum;Wert\n" + GERMAN)
    assert (table.columns, table.values[:, 0].tolist()) == (("Wert",), V)
    table = read("Station: Köln\nNullpunkt: 34,97\nZeitbezug: UTC+1\n\nDatum;Wert\n" + GERMAN)
    assert (table.columns, table.values[:, 0].tolist()) == (("Wert",), V)


def test_the_case_files_are_right() -> None:
    logger = read("# logger 7\n# degC\ntime,temp\n2020-01-01 00:00,1.5\n2020-01-01 01:00,2.5\n2020-01-01 02:00,3.1\n")
    assert (logger.columns, logger.values[:, 0].tolist()) == (("temp",), [1.5, 2.5, 3.1])
    assert "Skipped 2 lines above the header: '# logger 7', '# degC'." in logger.notes
    trend = read("Category: All categories\n\nMonth,x: (Germany)\n2004-01,<1\n2004-02,3\n2004-03,4\n2004-04,70\n")
    assert (trend.columns, trend.values[:, 0].tolist()) == (("x: (Germany)",), [1, 3, 4, 70])
    assert "Skipped 1 line above the header: 'Category: All categories'." in trend.notes
    bars = read("<DATE>,<TIME>,<CLOSE>\n20160104,100100,1148.9\n20160104,100200,1149.1\n20160104,100300,1148.7\n")
    assert bars.columns == ("CLOSE",)


def test_missing_words_of_data_centres_are_missing() -> None:
    years = "".join(f"{y},{y % 7}.5,.1\n" for y in range(1990, 2020))
    table = read("Land-Ocean: Global Means\nYear,Jan,Feb\n" + years + "2020,.3,***\n")
    assert np.isnan(table.values[-1]).tolist() == [False, True]


def test_comments_in_the_middle_and_at_the_end_are_skipped_and_rows_keep_their_numbers() -> None:
    lines = ONE.splitlines(keepends=True)
    text = "".join(["# top\ndate,v\n", *lines[:9], "# moved, 5\n", *lines[9:], "# end\n"])
    table = read(text)
    assert table.values[:, 0].tolist() == V
    assert "Skipped 2 comment lines (#) below the header." in table.notes
    assert "row 32: 'not' is not a date" in line_of(text.replace("# end\n", "not,5\n"))
    assert read("".join(["date,v\n", *lines[:9], "# moved\n", *lines[9:]])).values[:, 0].tolist() == V


def test_text_that_begins_with_a_comment_sign_is_no_comment() -> None:
    tweets = "text,label\n#fire in town,1\nhello all,0\n#sun is hot,0\nbye you,1\n#fire again,1\nok then,0\n"
    table = read(tweets)
    assert table.labels is not None
    assert len(table.labels) == 6
    multi = read(
        'text,label\n"a text\n# with a title",x\n"some more",y\n"even\n# more",x\n"and so on",y\n', level="words"
    )
    assert multi.labels is not None
    assert len(multi.labels) == 4


def test_footers_and_totals_are_skipped_and_said() -> None:
    for footer in (
        "\nSource: the institute\nLast updated: today, at 5\n",
        "Source: the institute,\nLast updated: today,\n",
    ):
        table = read("date,v\n" + ONE + footer)
        assert table.values[:, 0].tolist() == V
        assert any(note.startswith("Skipped 2 lines below the last row") for note in table.notes)
    for total in ("Total,234\n", "Min,1\nMax,9\nAverage:,5\n", "Summe,234\n"):
        table = read("date,v\n" + ONE + total)
        assert table.values[:, 0].tolist() == V
        assert any("below the last row" in note for note in table.notes)
    assert "row 30: 'Tuesday' is not a date" in line_of("date,v\n" + ONE + "Tuesday,234\n")


def test_lines_to_skip_can_be_counted() -> None:
    text = "x,1\ny,2\ndate,v\n" + ONE
    assert read(text, skip_rows=2).columns == ("v",)
    assert "row 32: 'not' is not a date" in line_of(text + "not,5\n", skip_rows=2)
    assert "empty below the 300 skipped lines" in line_of(text, skip_rows=300)
    assert read("a,b\n1,2\n3,4\n", skip_rows=0).columns == ("a", "b")


def test_the_comment_sign_can_be_given_or_refused() -> None:
    assert read("REM x\ndate,v\n" + ONE + "REM y\n", comment="REM").values[:, 0].tolist() == V
    table = read("#a,b\n1,2\n3,4\n", comment="none")
    assert table.columns == ("#a", "b")


def test_the_options_go_through_links_toml_and_json() -> None:
    options = {"skip_rows": 3, "comment": "//", "percent": "fraction", "censored": "half", "encoding": "cp1253"}
    experiment = Experiment.make({"data": {"source": "file", "options": options}})
    for copy in (Experiment.from_toml(experiment.to_toml()), Experiment.from_json(experiment.to_json())):
        assert copy == experiment
    assert experiment_from_link(link_of(experiment, None))[0] == experiment
    assert {name: experiment.to_dict()["data"]["options"][name] for name in options} == options


def test_names_are_unique_in_linear_time() -> None:
    assert unique_names(["a"] * 100_000)[-1] == "a (100000)"  # in quadratic time: minutes, and the test is ended
    assert unique_names(["a", "a (2)", "a", "a"]) == ("a", "a (2)", "a (3)", "a (4)")


def test_names_are_one_line_without_signs_that_can_not_be_seen() -> None:
    assert unique_names(["a\nb", "x\ty", "\u202eabc\x00", "", "<DATE>", "n" * 500]) == (
        *("a b", "x y", "abc", "column 4", "DATE"),
        "n" * 200,
    )
    assert read('"a\nb",c\n1,2\n3,4\n').columns == ("a b", "c")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\ufeff", "this file is empty"),
        ("a,b", "no rows below the header"),
        ("a,b\n\n\n", "no rows below the header"),
        ("a,b\r1,2\r3\r4,5\r", "row 3: it has 1 value"),
        (",".join(["a"] * 6000) + "\n" + ",".join(["1"] * 6000) + "\n", "6,000 columns are too many"),
        ("x" * 5_000_000, "it is longer than 4 MB"),
        ("a,b\n1,2\n" + "x" * 9_000_000 + ",1\n3,4\n", "row is longer than 4 MB"),
    ],
)
def test_what_is_no_table_is_one_line(text: str, message: str) -> None:
    assert message in line_of(text)


def test_a_header_longer_than_the_sample_is_read() -> None:
    names = [f"{i} is the number of a column whose name is long" + "g" * 450 for i in range(600)]
    text = ",".join(names) + "\n" + (",".join(["1", *["2"] * 599]) + "\n") * 3
    assert len(text.partition("\n")[0]) > SAMPLE_BYTES
    assert read(text, kind="series").values.shape[0] == 3


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_of_any_kind_may_be_mixed(newline: str) -> None:
    assert read(f"# x{newline}a,b{newline}1,2\n5,4\r\n3,9{newline}").values.tolist() == [[1, 2], [5, 4], [3, 9]]


LINES = [
    "date,a,b",
    "# x",
    "a: b",
    "",
    ",,",
    "x,y,z",
    "1,2",
    "1,2,3",
    "2020-01-05,4,5",
    '"q',
    "sep=;",
    ";",
    "total,5,6",
]


@given(
    st.lists(st.sampled_from(LINES), max_size=12),
    st.sampled_from([{}, *({"skip_rows": skip} for skip in range(9)), {"header": "yes"}, {"header": "no"}]),
)
@settings(deadline=None, max_examples=100)
def test_any_lines_give_a_table_or_one_of_our_errors(lines: list[str], options: dict[str, Any]) -> None:
    try:
        rows = len(read("\n".join(lines), **options))
    except DataError:
        return
    assert rows > 0


def test_a_byte_order_mark_does_not_hide_names_in_angle_brackets() -> None:
    rows = "".join(f"201601{day:02}\t{hour}0000\t{day + hour}.5\n" for day in range(1, 4) for hour in (10, 11, 12))
    table = read_table(("\ufeff<DATE>\t<TIME>\t<CLOSE>\n" + rows).encode(), name="prices.csv")
    assert table.columns == ("CLOSE",)


def test_the_cells_of_a_text_file_may_all_be_quoted() -> None:
    rows = "".join(f'"{step * 1.5}","{step % 3}"\n' for step in range(30))
    assert read_table(rows.encode(), name="values.txt").columns == read_table(rows.encode(), name="values.csv").columns


def test_a_class_beside_two_tab_separated_texts_makes_no_sentence_pairs() -> None:
    rows = "".join(f"{n % 3}\ttitle number {n}\tsome words about the thing {n}\n" for n in range(30))
    table = read_table(("class\ttitle\ttext\n" + rows).encode(), name="news.tsv")
    assert table.labels is not None
    assert sorted(set(table.labels)) == ["0", "1", "2"]


def test_control_characters_of_cells_are_not_in_column_names() -> None:
    colors = "r\x0ced", "blue"
    rows = "".join(f"2024-01-{day:02},{day * 7 % 5}.5,{colors[day % 2]}\n" for day in range(1, 30))
    table = read_table(("date,x,color\n" + rows).encode(), name="colors.csv")
    assert table.columns == ("x", "color=blue", "color=r ed")
