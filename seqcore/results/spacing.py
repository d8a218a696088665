"""The text of a sentence from its words and marks: where a space stands before each."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["JOINED", "SPACED", "Spacing", "bare", "is_word", "join_sentence", "spaces"]

SPACED = " "  # begins a word or mark that has a space before it where one wouldn't expect it
JOINED = "\u2060"  # begins one that has none where one would (U+2060, the word joiner)

_EASTERN = re.compile("[\u3001-\u303f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff0f\uff1a-\uff1f]")
_AFTER_A_WORD = frozenset(".,;:!?)]}%\u2026\u201d\u3002\u3001\uff0c\uff01\uff1f\uff1a\uff1b/\u00b0")
_BEFORE_A_WORD = frozenset("([{$\u00a3\u20ac#@\u201c\u201e\u00bf\u00a1/")
_QUOTES = frozenset("\"'")  # the same sign opens and closes


def join_sentence(tokens: Iterable[str]) -> str:
    """The text of words and marks; the inverse of `seqcore.data.sentences.cut_sentence`."""
    known = [token for token in tokens if bare(token)]
    pairs = zip(known, spaces(known), strict=True)
    return "".join(f" {bare(token)}" if space else bare(token) for token, space in pairs).removeprefix(" ")


def spaces(tokens: Iterable[str]) -> list[bool]:
    """Whether there is a space before each word or mark of a sentence."""
    spacing, found = Spacing(), []
    for token in tokens:
        part = bare(token)
        found.append(spacing.space_before(part) if token[:1] not in (SPACED, JOINED) else token[:1] == SPACED)
        spacing.add(part)
    return found


def bare(token: str) -> str:
    """A word or mark without what it says of the space before it."""
    return token[1:] if token[:1] in (SPACED, JOINED) else token


def is_word(token: str) -> bool:
    """Whether there is a letter or a digit in it."""
    return any(c.isalnum() for c in token)


class Spacing:
    """Where a space is expected: it remembers the last word or mark, and which quotes are open."""

    def __init__(self) -> None:
        self._last = ""
        self._open: set[str] = set()
        self._opened = False  # whether the last one was an opening quote

    def space_before(self, part: str) -> bool:
        """Whether a space is expected before this word or mark."""
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
        """Go on to the next word or mark."""
        self._opened = part in _QUOTES and part not in self._open
        if part in _QUOTES:
            self._open ^= {part}
        self._last = part
