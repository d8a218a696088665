"""What a section of the benchmark is told, and where it puts its rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.measurement import Row, describe

__all__ = ["Options"]


def _keep_nothing(options: Options) -> None:
    """Rows are not stored."""


@dataclass
class Options:
    """`rounds` repetitions of each measurement; `quick` takes fewer cases, rounds and seconds.

    `add` prints a row and stores what there is so far, so that nothing is lost where a section is interrupted. A
    section adds what it used to `versions`.
    """

    rounds: int = 7
    quick: bool = False
    rows: list[Row] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    keep: Callable[[Options], None] = _keep_nothing

    @property
    def cores(self) -> int:
        """The processors that this process may use."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def at_most(self, rounds: int) -> int:
        """The number of rounds of a measurement that takes long."""
        return min(self.rounds, rounds)

    def add(self, *rows: Row) -> None:
        """Rows that were measured."""
        for row in rows:
            print(f"  {describe(row)}", flush=True)
        self.rows += rows
        self.keep(self)
