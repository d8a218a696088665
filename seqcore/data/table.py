"""A source's values in one shape: one series, several, or independent sequences."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.errors import DataError

__all__ = ["Table", "describe_table"]


@dataclass(frozen=True)
class Table:
    """`values[N, F]`, cut into S sequences by `offsets[S + 1]`.

    `values` are numbers (float64) or symbols (a numpy text dtype, F = 1). `times[N]` (datetime64[ns]) is None where
    the data have none. `independent` sequences are samples of one kind (1,000 ramps): parts are made of whole
    sequences. Otherwise each sequence is a series in time, and parts are stretches of time. `notes` are sentences
    about what was done to the data (sorted, filled, dropped), for people. `row_numbers` says for the first gap in each
    column which row of the user's own file it is. DataError where the shapes don't fit.
    """

    values: NDArray[Any]
    columns: tuple[str, ...]
    offsets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    times: NDArray[np.datetime64] | None = None
    independent: bool = False
    names: tuple[str, ...] = ()  # a name for each sequence, or none
    notes: tuple[str, ...] = ()
    row_numbers: dict[int, int] = field(default_factory=dict)
    x_title: str = "step"  # what a row is: "step", "week", the name of the date column

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.columns):
            raise DataError(f"a table of {len(self.columns)} columns can't hold values of shape {self.values.shape}")
        if self.offsets.size == 0:
            object.__setattr__(self, "offsets", np.array([0, len(self.values)], dtype=np.int64))
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.values) or np.any(np.diff(self.offsets) < 0):
            raise DataError("a table's offsets must rise from 0 to its number of rows")
        if self.times is not None and len(self.times) != len(self.values):
            raise DataError(f"{len(self.times)} times for {len(self.values)} rows")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def symbolic(self) -> bool:
        """Whether the values are symbols (text) and not numbers."""
        return self.values.dtype.kind == "U"

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Rows in each sequence, [S]."""
        return np.diff(self.offsets)


def describe_table(table: Table) -> dict[str, Any]:
    """What a table is, as plain values for people and JSON: how much, from when to when, how often, with which gaps.

    `span` and `frequency` are None without times; `missing_times` counts rows that a regular calendar would have had.
    """
    description: dict[str, Any] = {
        "rows": len(table),
        "columns": list(table.columns),
        "sequences": len(table.lengths),
        "independent": table.independent,
        "span": None,
        "frequency": None,
        "missing_times": 0,
        "gaps": {},
        "symbols": None,
        "notes": list(table.notes),
    }
    if table.symbolic:
        description["symbols"] = len(np.unique(table.values))
    else:
        gaps = {name: int(np.isnan(table.values[:, i]).sum()) for i, name in enumerate(table.columns)}
        description["gaps"] = {name: count for name, count in gaps.items() if count}
    if table.times is not None and len(table):
        from seqcore.data.calendar import find_frequency  # imports pandas: only for data with dates

        description["span"] = {"from": _moment(table.times.min()), "to": _moment(table.times.max())}
        frequency = find_frequency(table.times[: table.offsets[1]])
        if frequency:
            description |= {"frequency": frequency.name, "missing_times": frequency.missing}
    return description


def _moment(time: np.datetime64) -> str:
    """ "2024-01-31", or "2024-01-31 10:00:00" where it isn't midnight."""
    return str(time.astype("datetime64[s]")).removesuffix("T00:00:00").replace("T", " ")
