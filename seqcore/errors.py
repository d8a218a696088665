"""Every error that a user can cause: one tree, each message says what was given, what is allowed and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "CorruptError",
    "DataError",
    "DeviceError",
    "ExperimentError",
    "LostLease",
    "NotFoundError",
    "PredictionError",
    "SeqcoreError",
    "StoreError",
    "did_you_mean",
]


class SeqcoreError(Exception):
    """Base of all. `lines` holds one line for each fault; the text is those lines joined."""

    def __init__(self, *lines: str) -> None:
        self.lines: tuple[str, ...] = lines or ("something went wrong",)
        super().__init__("\n".join(self.lines))


class ExperimentError(SeqcoreError):
    """An experiment that can't be: every fault in it, one line each."""


class DataError(SeqcoreError):
    """Data that can't be read, or that doesn't fit the experiment."""


class DeviceError(SeqcoreError):
    """A device that this machine doesn't have, or work that is too large for it."""


class PredictionError(SeqcoreError):
    """An input that a trained model can't take."""


class NotFoundError(SeqcoreError):
    """A recipe, run or file that doesn't exist."""


class StoreError(SeqcoreError):
    """The store can't be opened, read or written."""


class CorruptError(StoreError):
    """Stored bytes that are not what was written. They are never silently replaced."""


class LostLease(SeqcoreError):
    """The run was taken over by another attempt: whoever holds this lease must stop writing."""


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """The end of a message: "; did you mean X?", or the whole choice where nothing is near."""
    names = list(allowed)
    by_lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(given.lower(), by_lower, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {by_lower[near[0]]}?"
    if not names:
        return ""
    return "; use one of " + ", ".join(names) if len(names) <= 20 else ""
