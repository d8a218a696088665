"""Tables of the registered sources at their defaults, generated once per test process."""

from __future__ import annotations

from functools import cache

from seqcore.data.sources import SOURCES
from seqcore.data.table import Table

__all__ = ["default_table"]


@cache
def default_table(source: str) -> Table:
    """The table that a source gives without options. Tables are never changed, so tests share it."""
    table: Table = SOURCES[source].load()().table()
    return table
