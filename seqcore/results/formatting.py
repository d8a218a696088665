"""Numbers, durations and symbols as short text."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Sequence

__all__ = [
    "capitalized",
    "counted",
    "enumerated",
    "format_duration",
    "format_number",
    "format_value",
    "listed",
    "marked",
    "named",
    "typeset",
]

_MARKS = {" ": "\u2423", "\n": "\u21b5", "\t": "\u21e5"}
_HYPHEN = re.compile(r"(?<![\w.)\]-])-(?=\.?\d)|(?<=\de)-(?=\d)")  # before a number or in its exponent
_NAMES = {" ": "space", "\n": "new line", "\t": "tab"}


def counted(count: int, thing: str) -> str:
    """A count with its noun: "1 step", "1,200 steps"."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def format_number(value: float | None) -> str:
    """A number in four digits or, from 10,000 on, as a whole number; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 9_999.5 else f"{value:.4g}"


def median_and_range(values: Sequence[float]) -> str:
    """The median, and the lowest and highest of several: "0.12 (0.1 to 0.15)"; a dash without values."""
    middle = format_number(statistics.median(values) if values else None)
    return f"{middle} ({format_number(min(values))} to {format_number(max(values))})" if len(values) > 1 else middle


def format_value(value: float) -> str:
    """A value in original units, in the digits that a prediction can have."""
    return f"{value:,.5g}" if abs(value) < 1e15 else f"{value:.4e}"


def format_duration(seconds: float | None) -> str:
    """Seconds as "4.2 s", "12 s", "3:05 min" or "1:02:09 h"; a dash where they aren't known."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def marked(symbol: str) -> str:
    """A symbol; a blank as a visible sign."""
    return _MARKS.get(symbol, symbol)


def named(symbol: str) -> str:
    """A symbol; a blank by its name."""
    return _NAMES.get(symbol, symbol)


def capitalized(text: str) -> str:
    """With a capital first letter, as a sentence begins; names such as minGRU and sLSTM stay as they are written."""
    first = text.partition(" ")[0]
    return text if first != first.lower() else text[:1].upper() + text[1:]


def listed(items: Iterable[object], most: int, *, of: int | None = None) -> str:
    """The first `most` items and the number of the others: "a, b and 3 more". `of`: the total if `items` are some."""
    texts = [str(item) for item in items]
    left = (len(texts) if of is None else of) - min(most, len(texts))
    return ", ".join(texts[:most]) + (f" and {left:,} more" if left > 0 else "")


def enumerated(items: Iterable[object], word: str = "and") -> str:
    """All items: "a", "a and b", "a, b and c"."""
    texts = [str(item) for item in items]
    return f" {word} ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def typeset(text: str) -> str:
    """A text for a page, with minus signs before numbers, as Plotly's charts have; a terminal keeps hyphens.

    A hyphen alone, which stands for an unknown value, becomes a dash.
    """
    return "\N{EN DASH}" if text == "-" else _HYPHEN.sub("\N{MINUS SIGN}", text)
