"""Errors caused by user input. A message names the given value, what is allowed and what to do next."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = [
    "CorruptError",
    "DataError",
    "DeviceError",
    "ExperimentError",
    "LostLease",
    "NotFoundError",
    "NumberError",
    "PredictionError",
    "SeqcoreError",
    "StoreError",
    "did_you_mean",
    "no_number",
]


_LONGEST = 2_000  # characters of a line
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")  # of terminals, lines and writing direction


class SeqcoreError(Exception):
    """Base class. `lines` has one line per error; the text is the joined lines.

    Control characters, which a user's cells and names may hold, are spaces there: a line stays one line. The middle
    of a very long line, as of a name of 100,000 characters, is left out.
    """

    def __init__(self, *lines: str) -> None:
        self.lines: tuple[str, ...] = tuple(map(_one_line, lines)) or ("something went wrong",)
        super().__init__("\n".join(self.lines))


class ExperimentError(SeqcoreError):
    """An invalid experiment: all errors, one line each."""


class DataError(SeqcoreError):
    """Data that can't be read or do not fit the experiment."""


class DeviceError(SeqcoreError):
    """A device that is unavailable, or a model that is too large for it."""


class PredictionError(SeqcoreError):
    """An invalid input of a trained model."""


class NumberError(PredictionError):
    """There is nothing with this number. `from_one` is the message for those who count from 1."""

    def __init__(self, message: str, from_one: str) -> None:
        super().__init__(message)
        self.from_one = from_one


class NotFoundError(SeqcoreError):
    """A recipe, run or file that doesn't exist."""


class StoreError(SeqcoreError):
    """The store can't be opened, read or written."""


class CorruptError(StoreError):
    """Stored data that are damaged; they are never silently replaced."""


class LostLease(SeqcoreError):
    """The run was taken over by another attempt; the holder of this lease must stop writing."""


def _one_line(text: str) -> str:
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 4 :]}"
    return text if text.isprintable() else _CONTROL.sub(" ", text)


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """The end of a message: "; did you mean X?", or all choices if none is similar."""
    names = list(allowed)
    by_lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(given[:100].lower(), by_lower, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {by_lower[near[0]]}?"
    if not names:
        return ""
    return "; use one of " + ", ".join(names) if len(names) <= 20 else ""


def no_number(name: str, number: int, count: int) -> NumberError:
    """The error for a number, counted from 0, beyond the last of `count` things."""
    return NumberError(
        f"{name}: {number} is not allowed; use 0 to {count - 1}",
        f"{name}: {number + 1} is not allowed; use 1 to {count}",
    )
