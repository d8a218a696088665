"""What is known of a table: facts for people and JSON, and the few questions that all who look at one ask. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.columns import target_names
from seqcore.data.table import Table
from seqcore.events import Finding
from seqcore.experiment.config import DataConfig
from seqcore.results import plain

__all__ = [
    "ColumnFacts",
    "Inspection",
    "LengthFacts",
    "PartFacts",
    "Rhythm",
    "VocabularyFacts",
    "default_config",
    "spread_rows",
    "target_column",
]

UNEVEN = 4.0  # times as many sequences of one class as of another, above which weights are worth a try
LOOKED_AT = 200_000  # rows that medians and outliers are judged from, spread over all


@dataclass(frozen=True)
class ColumnFacts:
    """One column of numbers. `kind`: "numbers", "whole numbers", "two values", "constant" or "empty".

    `median` and `spread` (standard deviation) are of the rows that were looked at, all else is of every row.
    """

    name: str
    kind: str
    gaps: int
    minimum: float | None = None
    median: float | None = None
    maximum: float | None = None
    spread: float | None = None


@dataclass(frozen=True)
class PartFacts:
    """What a part holds. `windows` is None where the experiment has none to make."""

    part: str
    rows: int
    sequences: int
    windows: int


@dataclass(frozen=True)
class LengthFacts:
    """Rows in a sequence: `counts[i]` sequences have `edges[i]` up to `edges[i + 1]` of them."""

    shortest: int
    median: float
    longest: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Rhythm:
    """How much a column is like itself so many rows later, `correlation[L]` at `rows[L]`, and its period in rows."""

    column: str
    rows: tuple[int, ...]
    correlation: tuple[float, ...]
    period: int | None


@dataclass(frozen=True)
class VocabularyFacts:
    """The symbols of a text: how many there are, the most frequent of them with their counts, what training misses.

    `once` come a single time. `unknown` is the share of a held-back part that the training part doesn't have;
    `unknown_symbols` are some of those `unknown_kinds`. `coverage` is the share of all rows that the counted symbols
    make up.
    """

    of: str
    size: int
    total: int
    separator: str
    frequent: tuple[tuple[str, int], ...]
    coverage: float
    once: int
    unknown: dict[str, float]
    unknown_symbols: tuple[str, ...] = ()
    unknown_kinds: int = 0


@dataclass(frozen=True)
class Inspection:
    """All that is known of a table. `sampled` says what was judged from a part of it, or nothing."""

    kind: str
    rows: int
    sequences: int
    independent: bool
    columns: tuple[ColumnFacts, ...]
    columns_left_out: int
    span: dict[str, str] | None
    frequency: str | None
    missing_times: int
    inserted_times: int
    gaps: int
    parts: tuple[PartFacts, ...]
    lengths: LengthFacts
    rhythm: Rhythm | None
    classes: dict[str, dict[str, int]] | None  # label -> part -> sequences
    vocabularies: tuple[VocabularyFacts, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    sampled: str

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; numbers that are not finite are null."""
        found: dict[str, Any] = plain(self)
        return found


def default_config(table: Table) -> DataConfig:
    """How a table is looked at where no experiment says it: with the task that its kind is usually for."""
    if table.paired is not None:
        return DataConfig(task="translation")
    if table.labels is not None:
        return DataConfig(task="classification")
    window = max(1, min(20, int(table.lengths.max(initial=0)) // 6))
    return DataConfig(task="language-modeling" if table.symbolic else "regression", window=window)


def spread_rows(table: Table, most: int) -> tuple[NDArray[np.int64], str]:
    """At most `most` rows, spread evenly over a table, and a sentence that says so where they are not all.

    Of many columns fewer rows are taken, so that the numbers looked at stay within bounds.
    """
    most = max(1_000, min(most, 20 * most // max(1, len(table.columns))))
    if len(table) <= most:
        return np.arange(len(table)), ""
    rows = np.linspace(0, len(table) - 1, most).astype(np.int64)
    return rows, f"Medians, spreads and outliers are judged from {len(rows):,} rows, spread over all {len(table):,}."


def target_column(table: Table, config: DataConfig) -> int:
    """The place of the column that is predicted, or that tells most of a table where none is named."""
    return next((table.columns.index(name) for name in target_names(table, config) if name in table.columns), 0)
