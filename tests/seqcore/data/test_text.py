"""Texts become characters or words, and words become text again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcore.data.sources.prose import PastedText, PythonProse
from seqcore.data.text import cut_words, join_words, text_table, written_lengths
from seqcore.errors import DataError

LITERATURE = [
    "He said: \"Don't go (yet), it is 3.14 or 1,000 — well-known...\" 'Yes,' she said.",
    "吾輩は猫である。名前はまだ無い。",
    "हिन्दी में लिखा है।",
    "¿Qué tal? «Oui», dit-il à l'homme, n'est-ce pas?",
    "Все счастливые семьи похожи друг на друга; каждая несчастливая — по-своему.",
    "Ja, natürlich! Größe: 100%.",
    "את הספר קראתי.",
]


@given(st.text(min_size=1).map(lambda text: text + "ab"))
def test_characters_are_the_text_itself(text: str) -> None:
    table = text_table(text)
    again = "".join(table.words(0, len(table)))
    if text.isascii() and "\r" not in text and "\0" not in text:
        assert again == text
    assert text_table(again).values.tolist() == table.values.tolist() or again.startswith("\ufeff")


@given(st.lists(st.sampled_from(["ab", "\r", "\n", "c d", "é", "e\u0301", " "]), min_size=2, max_size=40))
def test_a_text_in_pieces_is_the_text(pieces: list[str]) -> None:
    whole = text_table("xy" + "".join(pieces))
    cut = text_table(iter(["xy", *pieces]))
    assert cut.values.tolist() == whole.values.tolist()
    assert cut.symbols is not None
    assert whole.symbols is not None
    assert cut.symbols.tolist() == whole.symbols.tolist()


def test_line_ends_and_accents_come_in_one_kind() -> None:
    table = text_table("\ufeffcafe\u0301\r\nb\rc\n")
    assert "".join(table.words(0, len(table))) == "caf\u00e9\nb\nc\n"


@pytest.mark.parametrize("text", LITERATURE)
def test_words_are_joined_as_they_were_written(text: str) -> None:
    assert join_words(cut_words(text)) == text


def test_words_keep_apostrophes_and_marks_are_words() -> None:
    assert cut_words("Don't stop, it's 3.14!") == ["Don't", "stop", ",", "it's", "3.14", "!"]


def test_line_ends_inside_paragraphs_are_spaces_where_blank_lines_divide_them() -> None:
    prose = text_table("One two\nthree.\n\nFour\nfive.\n", level="words")
    assert prose.words(0, len(prose)) == ["One", "two", "three", ".", "\n", "Four", "five", "."]
    assert "spaces" in prose.notes[0]
    assert text_table("One two three.\n\nFour five.\n", level="words").notes[0].startswith("A text of")
    verse = text_table("One two\nthree four", level="words")
    assert verse.words(0, len(verse)) == ["One", "two", "\n", "three", "four"]


def test_written_lengths_add_up_to_the_joined_text() -> None:
    words = cut_words("the cat sat, and then: it ran; it was gone.")
    assert written_lengths(np.array(words)).sum() == len(join_words(words)) + 1  # the space before the first


@pytest.mark.parametrize(("text", "line"), [("", "the text is empty"), ("aaaa", "only one distinct character, 'a'"),
                                             ("\n\n", "a line end")])  # fmt: skip
def test_a_text_of_nothing_is_one_clear_line(text: str, line: str) -> None:
    with pytest.raises(DataError, match=line) as caught:
        text_table(text, name="novel.txt")
    assert len(caught.value.lines) == 1
    assert caught.value.lines[0].startswith("novel.txt: ")


def test_many_kinds_of_symbols_take_wider_codes() -> None:
    assert text_table("abc").values.dtype == np.uint8
    wide = text_table("".join(chr(0x4E00 + i % 5000) for i in range(9000)))
    assert wide.values.dtype == np.uint16
    assert wide.words(0, 3) == ["一", "丁", "丂"]


LONG = """
from pathlib import Path
from seqcore.data.text import text_table
def peak(): return 1024 * int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
page = "It was the best of times—😀\\n" * 10_000
text_table(page)
before = peak()  # not of getrusage, which begins with the memory of the process that started this one
table = text_table(page for _ in range(150))
print(len(page) * 150, peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of one process")
def test_a_long_text_needs_little_more_memory_than_its_codes(root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LONG], cwd=root, capture_output=True, text=True, check=True)
    size, used = map(int, done.stdout.split())
    assert size < used < 2 * size


def test_the_handbook_is_prose_that_says_where_it_is_from() -> None:
    table = PythonProse().table()
    text = "".join(table.words(0, len(table)))
    assert 300_000 < len(text) < 600_000
    assert not any(set(line.strip()) == {"*"} for line in text.splitlines())
    assert "\n\n\n" not in text
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in table.notes[0]


def test_the_handbook_says_nothing_twice_where_that_is_wanted() -> None:
    table = PythonProse(repeats=False).table()
    passages = [" ".join(p.split()) for p in "".join(table.words(0, len(table))).split("\n\n")]
    long = [p for p in passages if len(p) > 40]
    assert len(long) == len(set(long))
    assert len(PythonProse().table()) > len(table)


def test_a_python_without_its_handbook_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(DataError, match="no pydoc_data"):
        PythonProse().table()


@pytest.mark.parametrize("level", ["characters", "words"])
def test_a_pasted_text_is_read_at_either_level(level: str) -> None:
    table = PastedText(text="To be, or not to be", level=level).table()
    assert table.words(0, 3) == (["T", "o", " "] if level == "characters" else ["To", "be", ","])
