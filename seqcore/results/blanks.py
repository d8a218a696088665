"""Symbols that can't be seen, as people can see them."""

from __future__ import annotations

__all__ = ["marked", "named"]

_MARKS = {" ": "\u2423", "\n": "\u21b5", "\t": "\u21e5"}
_NAMES = {" ": "space", "\n": "new line", "\t": "tab"}


def marked(symbol: str) -> str:
    """A blank as a sign of its own, for narrow places."""
    return _MARKS.get(symbol, symbol)


def named(symbol: str) -> str:
    """A blank by its name."""
    return _NAMES.get(symbol, symbol)
