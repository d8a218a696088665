"""Tables for tests: of the registered sources, generated once per process; of labeled sequences."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from seqcore.data.sources import SOURCES
from seqcore.data.table import Table

__all__ = ["SMALLER", "default_table", "labeled_table", "small_table"]

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


def labeled_table(rows: list[Any], labels: list[str] | None, **rest: Any) -> Table:
    """Sequences [T_i, F] with their labels, if any, as a table."""
    values = np.concatenate([np.asarray(r, dtype=np.float64).reshape(len(r), -1) for r in rows])
    return Table(
        values=values,
        columns=tuple(f"x{i}" for i in range(values.shape[1])),
        offsets=np.cumsum([0, *map(len, rows)], dtype=np.int64),
        independent=True,
        labels=None if labels is None else np.array(labels),
        **rest,
    )
