"""A book without the words that Project Gutenberg puts around it, so that no part of a split is made of a licence."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["NOTE", "inside_book"]

NOTE = "Left out: what Project Gutenberg says before and after the book."

_START = re.compile(r"^\*\*\* ?START OF TH(?:E|IS) PROJECT GUTENBERG EBOOK[^\n]*\*\*\*[ \t\r]*\n", re.M)
_END = re.compile(r"^\*\*\* ?END OF TH(?:E|IS) PROJECT GUTENBERG EBOOK", re.M)
_BEFORE = 20_000  # characters in which a book has begun
_LONGEST = 200  # characters of a mark: what is held back, since a mark may lie across two pieces


def inside_book(pieces: Iterator[str], notes: list[str]) -> Iterator[str]:
    """The text, piece by piece, between the marks of a book's beginning and end; all of it where there are none.

    `notes` gets a line where something is left out.
    """
    held, begun = "", False
    for piece in pieces:
        held += piece
        if not begun and len(held) < _BEFORE:
            continue
        if not begun:
            held, begun = _after_start(held, notes), True
        end = _END.search(held)
        if end:
            yield held[: end.start()]
            _say(notes)
            return
        yield held[:-_LONGEST]
        held = held[-_LONGEST:]
    held = held if begun else _after_start(held, notes)
    end = _END.search(held)
    if end:
        _say(notes)
    yield held[: end.start()] if end else held


def _after_start(text: str, notes: list[str]) -> str:
    start = _START.search(text, 0, _BEFORE)
    if start is None:
        return text
    _say(notes)
    return text[start.end() :]


def _say(notes: list[str]) -> None:
    if NOTE not in notes:
        notes.append(NOTE)
