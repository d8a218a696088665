"""A book from Project Gutenberg is read without its frame; any other text is read whole."""

from __future__ import annotations

import pytest

from seqcore.data.readers.formats.gutenberg import NOTE, inside_book
from seqcore.data.readers.read_table import read_table

STORY = "".join(f"On day {i} the captain wrote of winds from the north, and of nothing else.\n" for i in range(600))
BEFORE = "The Project Gutenberg eBook of A Log\n\n*** START OF THE PROJECT GUTENBERG EBOOK A LOG ***\n"
AFTER = "*** END OF THE PROJECT GUTENBERG EBOOK A LOG ***\n" + "You may copy it, give it away or re-use it. §\n" * 400


@pytest.mark.parametrize("size", [1, 199, 5_000, 30_000, 10**6])
@pytest.mark.parametrize(("before", "after"), [("", ""), (BEFORE, AFTER), ("", AFTER), (BEFORE, "")])
def test_only_the_frame_is_left_out_however_the_text_comes(size: int, before: str, after: str) -> None:
    if size == 1 and before:
        before = before.replace("THE PROJECT", "THIS PROJECT")
    text = before + STORY + after
    notes: list[str] = []
    pieces = (text[i : i + size] for i in range(0, len(text), size))
    assert "".join(inside_book(pieces, notes)) == STORY
    assert notes == ([NOTE] if before or after else [])


def test_a_file_says_so_and_its_licence_is_no_part_of_it() -> None:
    table = read_table((BEFORE + STORY + AFTER).encode(), name="log.txt")
    assert NOTE in table.notes
    assert table.symbols is not None
    assert "§" not in list(table.symbols)
    plain = read_table((STORY + "He read: *** END OF THE PROJECT\n").encode(), name="log.txt")
    assert NOTE not in plain.notes
