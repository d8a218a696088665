"""Tables of text: alignment, folding, wide characters, and cells that a terminal would obey."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from seqcore.cli.text_table import table_lines

CELL = st.text(max_size=12)
TABLES = st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), min_size=1, max_size=5))


def test_columns_are_aligned() -> None:
    lines = list(table_lines(("run", "epochs"), [("a", "3 of 30"), ("abcd", "12")], right=("epochs",)))
    assert lines == ["run    epochs", "a     3 of 30", "abcd       12"]


def test_the_widest_column_is_folded_between_words_where_the_terminal_is_narrow() -> None:
    lines = list(table_lines(("field", "help"), [("lr", "Learning rate of the optimizer.")], width=22))
    assert lines == ["field  help", "lr     Learning rate", "       of the", "       optimizer."]


def test_escape_sequences_and_line_breaks_are_shown_as_spaces() -> None:
    assert list(table_lines(("data",), [("a\x1b[2Jb\nc",)])) == ["data", "a [2Jb c"]


def test_wide_characters_take_two_columns() -> None:
    lines = list(table_lines(("data", "n"), [("電力", "1"), ("ab", "2")]))
    assert {cell_len(line) for line in lines} == {7}


@given(TABLES, st.integers(16, 60))
def test_no_line_is_wider_than_the_terminal_and_no_character_is_lost(rows: list[list[str]], width: int) -> None:
    columns = [f"c{k}" for k in range(len(rows[0]))]
    lines = list(table_lines(columns, rows, width=width))
    assert all(cell_len(line) <= width for line in lines)
    shown = sorted("".join(lines).replace(" ", ""))
    given_ = sorted(c for text in [*columns, *(cell for row in rows for cell in row)] for c in text if not c.isspace())
    assert shown == [c for c in given_ if c.isprintable()]
