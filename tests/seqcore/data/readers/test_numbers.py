"""Numbers in text as people write them: one grammar for a cell and for a column."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcore.data.readers.numbers import MISSING, TextNumbers, find_decimal, find_unit, is_number
from seqcore.data.readers.read_table import FileOptions, read_table
from seqcore.data.table import Table
from seqcore.errors import DataError


def read(text: str, **options: object) -> Table:
    return read_table(text.encode(), name="x.csv", options=FileOptions(**options))  # type: ignore[arg-type]


def column(cells: list[str], **options: object) -> Table:
    """A column of these cells beside a date."""
    quoted = ('"' + cell.replace('"', '""') + '"' for cell in cells)
    rows = "".join(f"2024-01-{day:02d},{cell}\n" for day, cell in enumerate(quoted, 1))
    return read("date,v\n" + rows, **options)


NUMBERS = [
    ("(12.30)", -12.3), ("($1,234.50)", -1234.5), ("$(5)", -5.0), ("12-", -12.0), ("12.5 -", -12.5),
    ("\u22125", -5.0), ("\u20135.5", -5.5), ("\uff0d7", -7.0), ("+5", 5.0), ("- 5", -5.0),
    ("12,34,567.00", 1234567.0), ("1,23,456", 123456.0), ("1,234,567.5", 1234567.5), ("1'234.5", 1234.5),
    ("1\u2019234", 1234.0), ("1 234", 1234.0), ("1\u00a0234.5", 1234.5), ("1\u202f234", 1234.0), ("1\u2009234", 1234.0),
    ("58.41K", 58410.0), ("1.2M", 1.2e6), ("3B", 3e9), ("1.5 Mio", 1.5e6), ("2 Mrd. €", 2e9), ("1.5 crore", 1.5e7),
    ("USD 12", 12.0), ("12 EUR", 12.0), ("kr 5", 5.0), ("₹ 1,000", 1000.0), ("£5", 5.0), ("-$5", -5.0), ("$-5", -5.0),
    ("R$ 3.50", 3.5), ("12 kr.", 12.0), ("50%", 50.0), ("50 %", 50.0), ("1e5", 1e5), ("1.5E-3", 0.0015),
    ("1.275D+02", 127.5),
    ("１２.５", 12.5), ("٣٤", 34.0), ("५", 5.0), (".5", 0.5), ("5.", 5.0), ("007", 7.0), (" 7\u00a0", 7.0),
    ("<1", 1.0), ("> 1000", 1000.0), ("<=0.05", 0.05), ("≥3", 3.0),
]  # fmt: skip

NO_NUMBERS = [
    *("E1", "E4", ".e5", "e", "1e", "1e+", "--5", "+-5", "-+5", "-(5)", "(5)-", "(5", "5)", "1_000", "NaN5", "0x1F"),
    *(
        "1,23",
        "1,2345",
        "12,345,67",
        "0,123",
        "1.2.3",
        "5 6",
        "M01",
        "Q1",
        "12:30",
        "2020-01-05",
        "5a",
        "1st",
        "K",
        "%",
    ),
    *("١٫٢٫٣", "<", "<>5", "$", "1 23", "1e99999", "1D5", "²", "½", "Ⅷ", "12 km", "1-01"),
]


@pytest.mark.parametrize(("cell", "value"), NUMBERS)
def test_a_number_is_read_as_it_is_meant(cell: str, value: float) -> None:
    values, unread = TextNumbers(".").read(pa.array([cell]))
    assert (values.tolist(), unread.tolist(), is_number(cell)) == ([value], [False], True)


@pytest.mark.parametrize("cell", NO_NUMBERS)
def test_a_code_is_no_number(cell: str) -> None:
    values, unread = TextNumbers(".").read(pa.array([cell, "1"]))
    assert (np.isnan(values[0]), unread.tolist(), is_number(cell)) == (True, [True, False], False)


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1.234,5", 1234.5), ("1 234,5", 1234.5), ("0,5", 0.5), ("12,34", 12.34), ("(3,5)", -3.5), ("-5,5 €", -5.5)],
)
def test_a_decimal_comma_is_one_where_it_is_known(cell: str, value: float) -> None:
    assert TextNumbers(",").read(pa.array([cell]))[0].tolist() == [value]


PARTS = (
    ("", "-", "+", "(", "<", "\u2212"),
    ("", "$", "€ ", "+"),
    ("5", "1,234", "1.234,5", "0.5", ",5", "1 234", "12,34", "1'000.5", "5 5", "\u0665"),
    ("", "e5", "E+2", "K", "D-1"),
    ("", "-", ")", "%", " %", " €", "x"),
)


@given(st.lists(st.one_of(st.text(max_size=12), st.tuples(*map(st.sampled_from, PARTS)).map("".join))))
@settings(deadline=None, max_examples=80)
def test_a_cell_and_a_column_agree_on_what_a_number_is(cells: list[str]) -> None:
    for decimal in ".,":
        values, unread = TextNumbers(decimal).read(pa.array(cells, pa.string()))
        for cell, value, wrong in zip(cells, values, unread, strict=True):
            assert is_number(cell, decimal) == (not wrong and not (np.isnan(value) or _is_word(cell)))


def _is_word(cell: str) -> bool:
    return bool(re.fullmatch(r"[+-]?(inf|infinity)", cell.strip(), re.I)) or cell.strip() in MISSING


@given(st.lists(st.text(max_size=20), min_size=3, max_size=30), st.sampled_from(["auto", "point", "comma"]))
@settings(deadline=None, max_examples=60)
def test_any_cells_give_a_table_or_one_of_our_errors(cells: list[str], decimal: str) -> None:
    body = "".join('"' + cell.replace('"', '""') + '",1\n' for cell in cells)
    for text in ("a,b\n" + body, body):
        try:
            table = read(text, decimal=decimal)
        except DataError:
            continue
        assert not np.isinf(np.asarray(table.values, dtype=np.float64)).any()


def test_codes_in_a_numeric_file_are_no_numbers_and_no_crash() -> None:
    codes = ["E1", "E4", ".e5", "--5", "+-5", "1e", "e", "1_000", "NaN5"]
    table = read("a,code\n" + "".join(f"{i * 7 % 5},{code}\n" for i, code in enumerate(codes)))
    assert table.values[:, 0].tolist() == [i * 7 % 5 for i in range(9)]


def test_profits_in_brackets_are_losses() -> None:
    profits = ["(12.30)", "4.00", "(3.10)", "2.00"]
    assert column(profits).values[:, 0].tolist() == [-12.3, 4.0, -3.1, 2.0]


def test_each_column_has_its_own_decimal_separator() -> None:
    table = read("d;v;w\n2024-01-01;1.234,5;1,234.5\n2024-01-02;3,25;3.25\n2024-01-03;0,5;2,000.25\n")
    assert table.values.tolist() == [[1234.5, 1234.5], [3.25, 3.25], [0.5, 2000.25]]
    assert any("decimal separator" in note for note in table.notes)


def test_a_number_that_can_be_two_is_asked_about() -> None:
    table = read("d;v\n2024-01-01;1,234\n2024-01-02;2,345\n")
    (question,) = (q for q in table.report.questions if "1,234" in q.sentence)
    assert question.answers[0].options == {"decimal": "point"}
    assert read("d;v\n2024-01-01;1,234\n2024-01-02;2,345\n", decimal="point").values[0, 0] == 1234


@pytest.mark.parametrize(("censored", "value"), [("limit", 1.0), ("half", 0.5), ("missing", np.nan)])
def test_a_censored_value_is_read_and_reported_as_chosen(censored: str, value: float) -> None:
    table = column(["<1", "3", "4", "<1", "70"], censored=censored)
    np.testing.assert_array_equal(table.values[:, 0], [value, 3, 4, value, 70])
    assert any(note.startswith("v: 2 values are censored (given only as a limit), such as <1") for note in table.notes)
    (question,) = (q for q in table.report.questions if "given only as a limit" in q.sentence)
    assert {"censored": censored} not in [answer.options for answer in question.answers]
    assert len(question.answers) == 2


@pytest.mark.parametrize(
    ("cells", "percent", "values"),
    [
        (["50%", "0.4", "0.3", "0.2"], "auto", [0.5, 0.4, 0.3, 0.2]),
        (["50%", "40", "30", "20"], "auto", [50, 40, 30, 20]),
        (["50%", "0.4", "0.3", "0.2"], "number", [50, 0.4, 0.3, 0.2]),
        (["50%", "40%", "30%", "20%"], "auto", [50, 40, 30, 20]),
        (["50%", "40%", "30%", "20%"], "fraction", [0.5, 0.4, 0.3, 0.2]),
    ],
)
def test_percent_signs_beside_plain_numbers_are_fractions_of_fractions(
    cells: list[str], percent: str, values: list[float]
) -> None:
    table = column(cells, percent=percent)
    assert table.values[:, 0].tolist() == pytest.approx(values)
    mixed = not all(cell.endswith("%") for cell in cells)
    assert any("percent sign" in note for note in table.notes) == mixed
    assert any("50%" in question.sentence for question in table.report.questions) == mixed


def test_a_unit_that_all_cells_share_is_removed_and_said() -> None:
    table = read("d,v,w\n2024-01-01,12 km,5°C\n2024-01-02,13 km,6.5°C\n2024-01-03,1.5 km,-7°C\n")
    assert table.values.tolist() == [[12, 5], [13, 6.5], [1.5, -7]]
    assert "v: the unit km was removed from the values." in table.notes
    assert find_unit(["12 A", "13 B", "14 C"], ".") == ""
    assert find_unit(["1st", "2nd", "3rd", "4th"], ".") == ""
    assert find_unit(["9 am", "10 am"], ".") == ""


def test_whole_numbers_that_lose_digits_are_named() -> None:
    table = read("v,w\n3,9007199254740993\n1,9007199254740995\n2,5\n")
    assert any(note.startswith("w: integers beyond 9,007,199,254,740,992 are rounded") for note in table.notes)
    text = column(["9,007,199,254,740,993", "5", "6"])
    assert any(note.startswith("v: integers beyond 9,007,199,254,740,992 are rounded") for note in text.notes)


def test_ids_of_any_length_are_told_apart() -> None:
    rows = "".join(f"{12345678901234567890 + i},{t},{t * 2 + i}\n" for i in range(3) for t in range(4))
    table = read("id,t,v\n" + rows, series_column="id")
    assert table.names == tuple(str(12345678901234567890 + i) for i in range(3))


@pytest.mark.parametrize(
    ("cells", "separator"),
    [(["1,5", "2,25"], ","), (["1.5"], "."), (["1,234"], ""), (["1.234,5"], ","), (["12,34,567"], "."), (["5"], "")],
)
def test_the_decimal_separator_is_found(cells: list[str], separator: str) -> None:
    assert find_decimal(cells).separator == separator
