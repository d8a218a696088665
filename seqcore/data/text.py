"""Running text: cut into characters or words, coded piece by piece, and put together again for reading."""

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

__all__ = ["LEVELS", "cut_words", "join_words", "text_table", "written_lengths"]

LEVELS = (
    ("characters", "Characters", "Letter by letter, spaces and line ends too."),
    ("words", "Words", "Word by word; punctuation marks are words of their own."),
)
_PIECE = 2**20  # characters that are coded at once
_LONGEST_WORD = 10_000  # characters that are looked through for a place to cut at
_FEW = 1_000  # symbols that say little about a language
_CHARACTERS = 0x110000  # of Unicode

_EASTERN = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # written without spaces: each character counts as a word
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e00-\u0fff\u1000-\u109f\u1780-\u17d3"
_LETTER = f"(?:(?![{_EASTERN}])[\\w{_MARKS}])"  # vowel signs belong to words, too
# a line end; a character of its own; a word with its inner apostrophes, hyphens and points; dashes, dots; any one mark
_WORD = re.compile(
    rf"\n|[{_EASTERN}]|{_LETTER}+(?:['\u2019.\u2010-]{_LETTER}+|(?<=\d),(?=\d){_LETTER}+)*|--+|==+|\*\*+|\.{{2,}}|[^\w\s]"
)
_ALONE = re.compile(f"[{_EASTERN}]")
_GLUED_LEFT = frozenset(
    ".,;:!?)]}%\u2026\u2019\u201d\u00bb\u0964\u3001\u3002\uff0c\uff01\uff1f\uff1a\uff1b\u300d\u300f"
)
_GLUED_RIGHT = frozenset("([{$\u00a3\u20ac#@\u2018\u201c\u00ab\u00bf\u00a1\u300c\u300e")
_PAIRS = frozenset("\"'")  # the same sign opens and closes


def text_table(text: str | Iterable[str], *, level: str = "characters", name: str = "text") -> Table:
    """A text as one long sequence of "characters" or "words": coded symbols [N, 1].

    `text` is the whole, or its pieces one after the other, so that a long file need never be in memory as a whole:
    what is kept is one, two or four bytes a symbol. Line ends become one kind, a byte-order mark goes, and letters that
    were put together of two signs become one (NFC). At the level of words blank lines divide paragraphs; line ends
    inside them are spaces, unless the text (its first million characters) has no blank lines at all. DataError where
    fewer than two different symbols are left.
    """
    pieces = _pieces([text] if isinstance(text, str) else text)
    symbols, codes, notes = _coded_words(pieces) if level == "words" else _coded_characters(pieces)
    what = "word" if level == "words" else "character"
    if len(codes) == 0:
        raise DataError(f"{name}: there is no text in it; give it a few hundred {what}s")
    if len(symbols) < 2:
        raise DataError(
            f"{name}: the text has only one kind of {what}, {_shown(symbols[0])} ({len(codes):,} times), so there is "
            "nothing to learn; give it at least two"
        )
    if len(codes) < _FEW:
        notes = (*notes, f"A text of {len(codes):,} {what}s is little to learn from: it will be learned by heart.")
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
    """The words and punctuation marks of a text, and its line ends, in their order."""
    return _WORD.findall(text)


def join_words(words: Iterable[str]) -> str:
    """Words and marks as a text for reading: no space before a comma or after a bracket, quotes in pairs."""
    written: list[str] = []
    glued, eastern = True, False  # whether what comes next stands close; whether it follows a character of its own
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
    """Characters that each word or mark [V] adds to a text, the space before it included: what `join_words` writes."""
    close = np.array([s == "\n" or s in _GLUED_LEFT for s in symbols.tolist()], dtype=bool)
    lengths: NDArray[np.int64] = np.strings.str_len(symbols).astype(np.int64) + ~close
    return lengths


def _pieces(text: Iterable[str]) -> Iterator[str]:
    """Clean pieces of about a million characters, cut at white space where there is any."""
    rest, first = "", True
    for given in text:
        for start in range(0, len(given), _PIECE):
            rest += given[start : start + _PIECE]
            if first and rest:
                rest, first = rest.removeprefix("\ufeff"), False
            cut = _place_to_cut(rest)
            if cut:
                yield _clean(rest[:cut])
                rest = rest[cut:]
    if rest:
        yield _clean(rest)


def _place_to_cut(text: str) -> int:
    """Where the last white space before the end begins; 0 where the piece is too short to be cut."""
    if len(text) < _PIECE:
        return 0
    for place in range(len(text) - 1, len(text) - _LONGEST_WORD, -1):
        if text[place].isspace() and not text[place - 1].isspace():
            return place
    return len(text) - 1


def _clean(text: str) -> str:
    """One kind of line end, no signs that only steer a terminal, letters in one sign."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        text = text.replace("\0", "")
    return text if text.isascii() or unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def _coded_characters(pieces: Iterable[str]) -> tuple[NDArray[np.str_], NDArray[Any], tuple[str, ...]]:
    """(different characters[V], code of each[N], nothing to say)."""
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

    whole = _collected(map(codes, pieces), lambda: len(seen))
    order = np.argsort(np.array(seen, dtype=np.int64))
    symbols = np.array([chr(seen[i]) for i in order.tolist()], dtype=np.str_)
    return symbols, _ranked(whole, order), ()


def _coded_words(pieces: Iterable[str]) -> tuple[NDArray[np.str_], NDArray[Any], tuple[str, ...]]:
    """(different words[V], code of each[N], what was done to the line ends)."""
    code_of: defaultdict[str, int] = defaultdict(lambda: len(code_of))
    paragraphs: bool | None = None
    joined = False  # whether a line end within a paragraph was read as a space

    def read(found: re.Match[str]) -> str:
        nonlocal joined
        if len(found[0]) > 1:
            return "\n"
        joined = joined or 0 < found.start() < len(found.string) - 1  # one at an end of the text is inside of nothing
        return " "

    def codes(piece: str) -> NDArray[np.int64]:
        nonlocal paragraphs
        if paragraphs is None:
            paragraphs = re.search(r"\n[ \t]*\n", piece) is not None
        if paragraphs:
            piece = re.sub(r"\s*\n\s*\n\s*|\n", read, piece)
        words = cut_words(piece)
        return np.fromiter(map(code_of.__getitem__, words), dtype=np.int64, count=len(words))

    whole = _collected(map(codes, pieces), lambda: len(code_of))
    words = list(code_of)
    order = np.array(sorted(range(len(words)), key=words.__getitem__), dtype=np.int64)
    symbols = np.array([words[i] for i in order], dtype=np.str_)
    note = ("Line ends inside paragraphs were read as spaces.",) if joined else ()
    return symbols, _ranked(whole, order), note


def _collected(pieces: Iterable[NDArray[Any]], kinds: Callable[[], int]) -> NDArray[Any]:
    """Pieces of codes as one array [N] of the smallest type that holds them; it grows where it stands."""
    held, kind = bytearray(), code_type(0)
    for piece in pieces:  # `kinds` knows how many there are by now
        wanted = code_type(kinds())
        if wanted is not kind:
            held, kind = bytearray(np.frombuffer(held, dtype=kind).astype(wanted).data), wanted
        held += piece.astype(kind).data
    return np.frombuffer(held, dtype=kind)


def _ranked(codes: NDArray[Any], order: NDArray[np.int64]) -> NDArray[Any]:
    """Codes in the order of appearance -> codes in the order of the symbols, written over the first."""
    rank = np.empty(len(order), dtype=codes.dtype)
    rank[order] = np.arange(len(order))
    for start in range(0, len(codes), _PIECE):
        codes[start : start + _PIECE] = rank[codes[start : start + _PIECE]]
    return codes


def _shown(symbol: str) -> str:
    return {" ": "a space", "\n": "a line end", "\t": "a tab"}.get(symbol, repr(str(symbol)))
