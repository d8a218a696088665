"""Tokenization of text into characters or words, encoded in pieces, and joining of words into text."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.table import Table, code_type
from seqcore.errors import DataError

__all__ = ["LEVELS", "cut_words", "join_words", "reorder", "text_table", "written_lengths"]

LEVELS = (
    ("characters", "Characters", "Letters, spaces and line ends."),
    ("words", "Words", "Words and punctuation marks."),
)
_PIECE = 2**20  # characters of a text that are normalized, and cut into words, at a time
_CODED = 2**16  # characters encoded at a time, with 20 bytes each
_LONGEST_WORD = 10_000  # characters searched for white space to split at
_FEW = 1_000  # symbols, below which a text is too short
_CHARACTERS = 0x110000  # code points of Unicode

_EASTERN = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # written without spaces: each character is a word
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e00-\u0fff\u1000-\u109f\u1780-\u17d3"
_LETTER = f"(?:(?![{_EASTERN}])[\\w{_MARKS}])"  # including vowel signs
# line end; single character; word with inner apostrophes, hyphens and points; dashes, dots; any other mark
_WORD = re.compile(
    rf"\n|[{_EASTERN}]|{_LETTER}+(?:['\u2019.\u2010-]{_LETTER}+|(?<=\d),(?=\d){_LETTER}+)*|--+|==+|\*\*+|\.{{2,}}|[^\w\s]"
)
_ALONE = re.compile(f"[{_EASTERN}]")
_GLUED_LEFT = frozenset(
    ".,;:!?)]}%\u2026\u2019\u201d\u00bb\u0964\u3001\u3002\uff0c\uff01\uff1f\uff1a\uff1b\u300d\u300f"
)
_GLUED_RIGHT = frozenset("([{$\u00a3\u20ac#@\u2018\u201c\u00ab\u00bf\u00a1\u300c\u300e")
_PAIRS = frozenset("\"'")  # opening and closing quotes are the same


def text_table(text: str | Iterable[str], *, level: str = "characters", name: str = "text") -> Table:
    """A text as one sequence of "characters" or "words": coded symbols [N, 1].

    `text` is a string or its pieces, so that a long file is never in memory as a whole; one, two or four bytes are kept
    per symbol. Line ends are unified, a byte-order mark is removed, and Unicode is normalized (NFC). For words, blank
    lines divide paragraphs and other line ends are spaces, unless the first million characters have no blank line.
    DataError if there are fewer than two different symbols.
    """
    pieces = _pieces([text] if isinstance(text, str) else text)
    symbols, codes, notes = _encode_words(pieces) if level == "words" else _encode_characters(pieces)
    what = "word" if level == "words" else "character"
    if len(codes) == 0:
        raise DataError(f"{name}: the text is empty; give a few hundred {what}s")
    if len(symbols) < 2:
        raise DataError(
            f"{name}: the text has only one distinct {what}, {_shown(symbols[0])} ({len(codes):,} times); "
            "give at least two"
        )
    if len(codes) < _FEW:
        notes = (*notes, f"A text of {len(codes):,} {what}s is short: expect overfitting.")
    return Table(
        values=codes[:, None],
        columns=(what,),
        x_title=what,
        symbols=symbols,
        separator=" " if level == "words" else "",
        names=(name,),
        notes=notes,
    )


def cut_words(text: str) -> list[str]:
    """The words, punctuation marks and line ends of a text, in order."""
    return _WORD.findall(text)


def join_words(words: Iterable[str]) -> str:
    """Words and marks joined into text: no space before a comma or after a bracket, paired quotes."""
    written: list[str] = []
    glued, eastern = True, False  # no space before the next word; after a single character
    opened: set[str] = set()
    for word in words:
        closing = word in opened
        opens = word in _PAIRS and not closing
        alone = len(word) == 1 and _ALONE.match(word) is not None
        close = (
            glued or closing or word == "\n" or word in _GLUED_LEFT or word[0] == word[-1] == "." or (alone and eastern)
        )
        written.append(word if close else " " + word)
        glued = word == "\n" or opens or word in _GLUED_RIGHT
        eastern = alone or (eastern and word in _GLUED_LEFT)
        if word == "\n":
            opened.clear()
        elif opens or closing:
            opened ^= {word}
    return "".join(written)


def written_lengths(symbols: NDArray[np.str_]) -> NDArray[np.int64]:
    """The number of characters that `join_words` writes for each word or mark [V], including the space before it."""
    close = np.array([s == "\n" or s in _GLUED_LEFT for s in symbols.tolist()], dtype=bool)
    return np.asarray(np.strings.str_len(symbols).astype(np.int64) + ~close)


def _pieces(text: Iterable[str]) -> Iterator[str]:
    """Normalized pieces of about a million characters, split at white space if possible."""
    rest, first = "", True
    for given in text:
        for start in range(0, len(given), _PIECE):
            rest += given[start : start + _PIECE]
            if first and rest:
                rest, first = rest.removeprefix("\ufeff"), False
            cut = _split_position(rest)
            if cut:
                yield _normalize(rest[:cut])
                rest = rest[cut:]
    if rest:
        yield _normalize(rest)


def _split_position(text: str) -> int:
    """The start of the last white space; 0 if the text is too short to be split."""
    if len(text) < _PIECE:
        return 0
    for place in range(len(text) - 1, len(text) - _LONGEST_WORD, -1):
        if text[place].isspace() and not text[place - 1].isspace():
            return place
    return len(text) - 1


def _normalize(text: str) -> str:
    """Unified line ends, no NUL, Unicode in NFC."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        text = text.replace("\0", "")
    return text if text.isascii() or unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def _encode_characters(pieces: Iterable[str]) -> tuple[NDArray[np.str_], NDArray[Any], tuple[str, ...]]:
    """(distinct characters[V], codes[N], no notes)."""
    code_of = np.full(_CHARACTERS, -1, dtype=np.int32)
    seen: list[int] = []

    def codes(piece: str) -> NDArray[np.int32]:
        points = np.frombuffer(piece.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        found = code_of[points]
        if found.size and found.min() < 0:
            new = np.unique(points[found < 0])
            code_of[new] = np.arange(len(seen), len(seen) + len(new))
            seen.extend(new.tolist())
            found = code_of[points]
        return found

    parts = (piece[start : start + _CODED] for piece in pieces for start in range(0, len(piece), _CODED))
    whole = _collect(map(codes, parts), lambda: len(seen))
    order = np.argsort(np.array(seen, dtype=np.int64))
    symbols = np.array([chr(seen[i]) for i in order.tolist()], dtype=np.str_)
    return symbols, reorder(whole, order), ()


def _encode_words(pieces: Iterable[str]) -> tuple[NDArray[np.str_], NDArray[Any], tuple[str, ...]]:
    """(distinct words[V], codes[N], notes on line ends)."""
    code_of: defaultdict[str, int] = defaultdict(lambda: len(code_of))
    paragraphs: bool | None = None
    joined = False  # a line end within a paragraph was read as a space

    def read(found: re.Match[str]) -> str:
        nonlocal joined
        if len(found[0]) > 1:
            return "\n"
        joined = joined or 0 < found.start() < len(found.string) - 1  # not at the ends of the text
        return " "

    def codes(piece: str) -> NDArray[np.int64]:
        nonlocal paragraphs
        if paragraphs is None:
            paragraphs = re.search(r"\n[ \t]*\n", piece) is not None
        if paragraphs:
            piece = re.sub(r"\s*\n\s*\n\s*|\n", read, piece)
        words = cut_words(piece)
        return np.fromiter(map(code_of.__getitem__, words), dtype=np.int64, count=len(words))

    whole = _collect(map(codes, pieces), lambda: len(code_of))
    words = list(code_of)
    order = np.array(sorted(range(len(words)), key=words.__getitem__), dtype=np.int64)
    symbols = np.array([words[i] for i in order], dtype=np.str_)
    note = ("Line ends inside paragraphs were read as spaces.",) if joined else ()
    return symbols, reorder(whole, order), note


def _collect(pieces: Iterable[NDArray[Any]], kinds: Callable[[], int]) -> NDArray[Any]:
    """Pieces of codes as one array [N] of the smallest type, extended in place."""
    held, kind = bytearray(), code_type(0)
    for piece in pieces:  # `kinds` is the number of distinct symbols so far
        wanted = code_type(kinds())
        if wanted is not kind:
            held, kind = bytearray(np.frombuffer(held, dtype=kind).astype(wanted).data), wanted
        held += piece.astype(kind).data
    return np.frombuffer(held, dtype=kind)


def reorder(codes: NDArray[Any], order: NDArray[np.int64]) -> NDArray[Any]:
    """Codes by first appearance -> codes by sorted symbols, in place."""
    rank = np.empty(len(order), dtype=codes.dtype)
    rank[order] = np.arange(len(order))
    for start in range(0, len(codes), _CODED):
        codes[start : start + _CODED] = rank[codes[start : start + _CODED]]
    return codes


def _shown(symbol: str) -> str:
    return {" ": "a space", "\n": "a line end", "\t": "a tab"}.get(symbol, repr(str(symbol)))
