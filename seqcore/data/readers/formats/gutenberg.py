"""Removes the license text of Project Gutenberg around a book."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["NOTE", "inside_book"]

NOTE = "Left out: the license text of Project Gutenberg before and after the book."

_START = re.compile(r"^\*\*\* ?START OF TH(?:E|IS) PROJECT GUTENBERG EBOOK[^\n]*\*\*\*[ \t\r]*\n", re.M)
_END = re.compile(r"^\*\*\* ?END OF TH(?:E|IS) PROJECT GUTENBERG EBOOK", re.M)
_BEFORE = 20_000  # characters within which the start mark is searched
_LONGEST = 200  # characters of a mark, held back because it may cross two pieces


def inside_book(pieces: Iterator[str], notes: list[str]) -> Iterator[str]:
    """The text in pieces between the start and end marks of a book; all of it if there are none.

    A note is added if text is left out.
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
            _add_note(notes)
            return
        yield held[:-_LONGEST]
        held = held[-_LONGEST:]
    held = held if begun else _after_start(held, notes)
    end = _END.search(held)
    if end:
        _add_note(notes)
    yield held[: end.start()] if end else held


def _after_start(text: str, notes: list[str]) -> str:
    start = _START.search(text, 0, _BEFORE)
    if start is None:
        return text
    _add_note(notes)
    return text[start.end() :]


def _add_note(notes: list[str]) -> None:
    if NOTE not in notes:
        notes.append(NOTE)
