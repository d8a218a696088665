"""A sentence as words and marks, and back again to the letter: what a translator reads and writes.

Elided and joined words come apart where a grammar would cut them (l'|eau, qu'|il, I|'m, do|n't, as|-tu), so that each
half is learned once. Where a space stands that one wouldn't expect, or is missing where one would, the word after it
says so itself: no information is lost, and a model learns the spacing of its language (French: a space before "?").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from seqcore.data.text import cut_words

__all__ = ["JOINED", "SPACED", "bare", "cut_sentence", "is_word", "join_sentence", "normalised", "spaces"]

SPACED = " "  # begins a word or mark that has a space before it where one wouldn't expect it
JOINED = "\u2060"  # begins one that has none where one would (U+2060, the word joiner)
_LONGEST = 60  # characters of a word; longer ones come apart

_ODD = {
    **dict.fromkeys("\u2018\u2019\u02bc\u02b9\u2032\u00b4\u0060\uff07", "'"),
    **dict.fromkeys("\u00a0\u202f\u2007\u2009\u200a\u2002\u2003\u2004\u2005\u2006\u2008\u205f\u3000", " "),
    **dict.fromkeys("\u00ad\u200b\u200c\u200e\u200f\u2060\ufeff\ufffd", ""),
    **dict.fromkeys("\u2010\u2011", "-"),
    **{chr(code): "" for code in (*range(32), *range(127, 160)) if not chr(code).isspace()},
}
_TRANSLATED = str.maketrans(_ODD)
_CLITIC = re.compile(r"(.+?)(n't|'(?:s|m|re|ve|ll|d|t))", re.IGNORECASE)
_ELIDED = re.compile(
    r"((?:[ldjmntscz]|qu|jusqu|lorsqu|puisqu|quoiqu|dell|all|nell|sull|dall|quell|quest|un|dov|com)')(.+)",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(.+?)(-(?:t-)?(?:je|tu|il|elle|on|ils|elles|nous|vous|ce|moi|toi|lui|leur|le|la|les|y|en|l\u00e0|ci))",
    re.IGNORECASE,
)
_EASTERN = re.compile("[\u3001-\u303f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff0f\uff1a-\uff1f]")
_AFTER_A_WORD = frozenset(".,;:!?)]}%\u2026\u201d\u3002\u3001\uff0c\uff01\uff1f\uff1a\uff1b/\u00b0")
_BEFORE_A_WORD = frozenset("([{$\u00a3\u20ac#@\u201c\u201e\u00bf\u00a1/")
_QUOTES = frozenset("\"'")  # the same sign opens and closes


def normalised(text: str) -> str:
    """One kind of apostrophe, hyphen and space, letters in one sign (NFC), and no white space too much."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_TRANSLATED).split())


def cut_sentence(text: str) -> list[str]:
    """The words and marks of a normalised text: `join_sentence` gives it back to the letter."""
    tokens: list[str] = []
    joints = _Joints()
    place = 0
    for piece in cut_words(text):
        space = place < len(text) and text[place] == " "
        place += space + len(piece)
        for part in _parts(piece):
            expected = joints.space_before(part)
            tokens.append(part if space == expected else (SPACED if space else JOINED) + part)
            joints.add(part)
            space = False
    return tokens


def join_sentence(tokens: Iterable[str]) -> str:
    """The inverse of `cut_sentence`."""
    known = [token for token in tokens if bare(token)]
    pairs = zip(known, spaces(known), strict=True)
    return "".join(f" {bare(token)}" if space else bare(token) for token, space in pairs).removeprefix(" ")


def spaces(tokens: Iterable[str]) -> list[bool]:
    """Whether there is a space before each word or mark of a sentence."""
    joints, found = _Joints(), []
    for token in tokens:
        part = bare(token)
        found.append(joints.space_before(part) if token[:1] not in (SPACED, JOINED) else token[:1] == SPACED)
        joints.add(part)
    return found


def bare(token: str) -> str:
    """A word or mark without what it says of the space before it."""
    return token[1:] if token[:1] in (SPACED, JOINED) else token


def is_word(token: str) -> bool:
    """Whether there is a letter or a digit in it."""
    return any(c.isalnum() for c in token)


class _Joints:
    """Where one expects a space: it remembers the last word or mark, and which quotes are open."""

    def __init__(self) -> None:
        self._last = ""
        self._open: set[str] = set()
        self._opened = False  # whether the last one was an opening quote

    def space_before(self, part: str) -> bool:
        last = self._last
        if not last or not part or part in _AFTER_A_WORD or last in _BEFORE_A_WORD or self._opened:
            return False
        if part in _QUOTES:
            return part not in self._open
        if (part[0] in "'-" and len(part) > 1) or part.lower() == "n't":
            return False
        if last[-1] == "'" and len(last) > 1:
            return False
        return not (_EASTERN.match(part) and _EASTERN.match(last))

    def add(self, part: str) -> None:
        self._opened = part in _QUOTES and part not in self._open
        if part in _QUOTES:
            self._open ^= {part}
        self._last = part


@lru_cache(maxsize=50_000)
def _parts(piece: str) -> tuple[str, ...]:
    """One word, cut where a grammar would."""
    return tuple(_cut(piece))


def _cut(piece: str) -> Iterator[str]:
    if "'" in piece and len(piece) > 1:
        if found := _CLITIC.fullmatch(piece):
            yield from _parts(found[1])
            yield found[2]
            return
        if found := _ELIDED.fullmatch(piece):
            yield found[1]
            yield from _parts(found[2])
            return
    if "-" in piece and (found := _TAIL.fullmatch(piece)):
        yield from _parts(found[1])
        yield found[2]
        return
    yield from (piece[start : start + _LONGEST] for start in range(0, len(piece), _LONGEST))
