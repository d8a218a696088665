"""Tables of the registered sources, generated once per test process: at their defaults, or small."""

from __future__ import annotations

from functools import cache
from typing import Any

from seqcore.data.sources import SOURCES
from seqcore.data.table import Table

__all__ = ["SMALLER", "default_table", "small_table"]

SMALLER: dict[str, dict[str, Any]] = {
    "everyday-phrases": {"pairs": 2_000},
    "spoken-vowels": {"speakers": 12, "repeats": 1},
    "moving-shapes": {"samples": 400},
    "turning-shapes": {"samples": 400},
    "bouncing-shapes": {"samples": 100},
}
"""Options of the sources whose default tables take a second to generate."""


@cache
def default_table(source: str) -> Table:
    """The table that a source gives without options. Tables are never changed, so tests share it."""
    table: Table = SOURCES[source].load()().table()
    return table


@cache
def small_table(source: str) -> Table:
    """The table that a source gives with the options of SMALLER."""
    if source not in SMALLER:
        return default_table(source)
    table: Table = SOURCES[source].load()(**SMALLER[source]).table()
    return table
