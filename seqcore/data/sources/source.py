"""The base class of all sources: a section of options that makes a table."""

from __future__ import annotations

from typing import NamedTuple

from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.experiment.fields import Options

__all__ = ["MemoryDistance", "Source", "check_size"]


class MemoryDistance(NamedTuple):
    """How many steps before a scored prediction the inputs lie that it depends on, and why."""

    shortest: int
    longest: int
    reason: str


class Source(Options):
    """Base of all sources. Its fields are the options of the source: forms, help and checks are derived from them."""

    def table(self) -> Table:
        """The values, the same at each call. DataError where the options allow none."""
        raise NotImplementedError

    def memory_distance(self) -> MemoryDistance | None:
        """How far back a prediction must look, where the values are made so that this is known."""
        return None


def check_size(count: int, length: int, most: int, *, what: str = "sequences", unit: str = "values") -> None:
    """DataError if `count` sequences of `length` exceed `most` in total."""
    if count * length > most:
        raise DataError(
            f"data.options: {count:,} {what} of {length:,} {unit} are {count * length:,} {unit}; use at most {most:,}: "
            "reduce their number or length"
        )
