"""The profile of a table: its facts as frozen dataclasses, and defaults for profiling. Free of torch."""

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
from seqcore.results.data import Autocorrelation, LengthFacts, VocabularyFacts
from seqcore.results.thinning import evenly

__all__ = ["ColumnFacts", "Profile", "SplitFacts", "default_config", "spread_rows", "target_column"]

UNEVEN = 4.0  # times as many sequences of one class as of another, above which class weights are worth a try
LOOKED_AT = 200_000  # rows, spread over all, from which medians and outliers are estimated


@dataclass(frozen=True)
class ColumnFacts:
    """One column of numbers. `kind`: "numbers", "whole numbers", "two values", "constant" or "empty".

    `median` and `spread` (standard deviation) are of the sampled rows, all else is of every row.
    """

    name: str
    kind: str
    missing: int
    minimum: float | None = None
    median: float | None = None
    maximum: float | None = None
    spread: float | None = None


@dataclass(frozen=True)
class SplitFacts:
    """Rows, sequences and training samples of one split."""

    split: str
    rows: int
    sequences: int
    windows: int


@dataclass(frozen=True)
class Profile:
    """The profile of a table. `sampled` says which figures are estimated from a sample of the rows, or nothing."""

    kind: str
    rows: int
    sequences: int
    independent: bool
    columns: tuple[ColumnFacts, ...]
    columns_omitted: int
    span: dict[str, str] | None
    frequency: str | None
    missing_times: int
    time_patterns: tuple[str, ...]  # times without rows: "no rows on Sundays", with the names of the series
    missing_beside: int  # time stamps that are missing at other times than those
    inserted_times: int
    missing: int
    splits: tuple[SplitFacts, ...]
    lengths: LengthFacts
    autocorrelation: Autocorrelation | None
    classes: dict[str, dict[str, int]] | None  # label -> split -> sequences
    vocabularies: tuple[VocabularyFacts, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    sampled: str

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; numbers that are not finite are null."""
        found: dict[str, Any] = plain(self)
        return found


def default_config(table: Table) -> DataConfig:
    """The data section for a table without an experiment: the default task of its kind."""
    if table.paired is not None:
        return DataConfig(task="translation")
    if table.labels is not None:
        return DataConfig(task="classification")
    window = max(1, min(20, int(table.lengths.max(initial=0)) // 6))
    return DataConfig(task="language-modeling" if table.symbolic else "regression", window=window)


def spread_rows(table: Table, most: int) -> tuple[NDArray[np.int64], str]:
    """At most `most` rows, spread evenly over a table, and a sentence that says so where they are a sample.

    Tables of many columns give fewer rows, which bounds the number of values.
    """
    most = max(1_000, min(most, 20 * most // max(1, len(table.columns))))
    rows = evenly(len(table), most)
    if len(rows) == len(table):
        return rows, ""
    return rows, f"Medians, standard deviations and outliers are estimated from {len(rows):,} of {len(table):,} rows."


def target_column(table: Table, config: DataConfig) -> int:
    """The index of the first target column; the first column where none is named."""
    return next((table.columns.index(name) for name in target_names(table, config) if name in table.columns), 0)
