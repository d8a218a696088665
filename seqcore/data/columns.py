"""Selects input and target columns of a table and handles missing values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seqcore.data.splits import split_bounds
from seqcore.data.table import Table
from seqcore.errors import DataError, did_you_mean
from seqcore.experiment.config import DataConfig
from seqcore.experiment.fields import shown

__all__ = ["Columns", "PredictedColumns", "choose_columns", "column_errors", "fill_missing", "target_names"]

MOST_NAMED = 6  # columns in a sentence
LISTED = 3  # columns that don't exist, by name, for each field


@dataclass(frozen=True)
class PredictedColumns:
    """The names of the target columns, of those that they are predicted from, and of the other ones of a table."""

    targets: tuple[str, ...]
    inputs: tuple[str, ...]
    others: tuple[str, ...]
    calendar: bool

    @classmethod
    def of(cls, columns: Sequence[str], config: DataConfig) -> PredictedColumns:
        """Of a table with these columns."""
        first = config.inputs if config.inputs and config.lead else columns
        targets = tuple(config.target or first[:1])
        inputs = tuple(config.inputs or targets)
        others = tuple(name for name in columns if name not in targets and name not in inputs)
        return cls(targets, inputs, others, bool(config.calendar))

    @property
    def past(self) -> str:
        """What the targets are predicted from, if from nothing else: "its own past"; empty where there is more."""
        return (
            "" if set(self.inputs) - set(self.targets) else f"{'its' if len(self.targets) == 1 else 'their'} own past"
        )

    @property
    def sentence(self) -> str:
        """For people: "Predicts sales from its own past; not an input: price"."""
        calendar = " and the calendar" if self.calendar else ""
        text = f"Predicts {_listed(self.targets)} from {self.past or _listed(self.inputs)}{calendar}"
        if not self.others:
            return text
        return f"{text}; not {'an input' if len(self.others) == 1 else 'inputs'}: {_listed(self.others)}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


@dataclass(frozen=True)
class Columns:
    """A table with only the columns in use; `inputs` and `targets` are their indices.

    `filled[N, K]`: targets that were missing and have been filled, which are not scored; None if there are none.
    """

    table: Table
    inputs: list[int]
    targets: list[int]
    filled: NDArray[np.bool_] | None = None


def choose_columns(table: Table, config: DataConfig) -> Columns:
    """Select the columns of an experiment and handle missing values.

    DataError if a column doesn't exist, a missing value may not be filled, or a value is infinite.
    """
    if table.symbolic:
        raise DataError("data.task: regression needs numbers, but these data are symbols; use language-modeling")
    targets = target_names(table, config)
    inputs = config.inputs or targets
    lines = column_errors(table, inputs=config.inputs, target=config.target)
    if config.lead == 0 and set(inputs) & set(targets):
        lines.append(
            "data.lead: with lead 0 a column can't be both input and target, because the input would be the answer; "
            "choose other data.inputs, or lead 1"
        )
    if lines:
        raise DataError(*lines)
    used = list(dict.fromkeys([*inputs, *targets]))
    chosen = table.select_columns(tuple(used))
    chosen = replace(chosen, values=np.asarray(chosen.values, dtype=np.float64))
    places = [used.index(n) for n in targets]
    missing = np.stack([np.isnan(chosen.values[:, place]) for place in places], axis=1)
    table = fill_missing(chosen, config)
    filled = missing if missing.any() and len(table) == len(missing) else None
    return Columns(table, [used.index(n) for n in inputs], places, filled)


def column_errors(table: Table, **fields: tuple[str, ...]) -> list[str]:
    """Error lines for column names in fields of the data section: names that don't exist, or are listed twice."""
    lines = []
    for field, names in fields.items() if not table.symbolic else ():
        unknown = [name for name in dict.fromkeys(names) if name not in table.columns]
        lines += [
            f"data.{field}: there is no column {shown(name)}{did_you_mean(name, table.columns)}"
            for name in unknown[:LISTED]
        ]
        if len(unknown) > LISTED:
            lines.append(f"data.{field}: {len(unknown) - LISTED:,} more columns do not exist")
        if len(set(names)) < len(names):
            lines.append(f"data.{field}: a column is listed twice; list each once")
    return lines


def target_names(table: Table, config: DataConfig) -> tuple[str, ...]:
    """The target columns: those given, else the first input, else the first column; all pixels of frames."""
    if config.target or table.frame is None:
        return config.target or (config.inputs[:1] if config.inputs and config.lead else table.columns[:1])
    return config.inputs or table.columns


def row_name(table: Table, row: int) -> str:
    """A row by its number in the user's file, or counted from 1, and its date if there is one."""
    number = table.row_numbers.get(row, row + 1)
    if table.times is None:
        return f"row {number}"
    return f"row {number} ({np.datetime_as_string(table.times[row], unit='D')})"


def fill_missing(table: Table, config: DataConfig) -> Table:
    """Handle missing values as `config.missing` says; returns the same table if none is missing."""
    bad = ~np.isfinite(table.values)
    if not bad.any():
        return table
    infinite = np.argwhere(np.isinf(table.values))
    if len(infinite):
        row, column = infinite[0]
        raise DataError(f"{table.columns[column]}: {row_name(table, row)} is infinite; correct or remove it")
    counts = bad.sum(axis=0)
    if config.missing == "refuse":
        raise DataError(
            *(
                f"{name}: {n} of {len(table)} values are missing, "
                f"the first in {row_name(table, int(bad[:, c].argmax()))}; "
                "set data.missing to interpolate, previous or drop"
                for c, (name, n) in enumerate(zip(table.columns, counts.tolist(), strict=True))
                if n
            )
        )
    for name, n in zip(table.columns, counts.tolist(), strict=True):
        if n == len(table):
            raise DataError(f"{name}: the column has no values; choose another column")
    if config.missing == "drop":
        return _drop(table, bad.any(axis=1))
    values = table.values.copy()
    for bounds in split_bounds(table, config.validation_fraction, config.test_fraction).values():
        for s, low, high in bounds:
            start = int(table.offsets[s])
            for column in range(values.shape[1]):
                _fill(values[start:high, column], low - start, interpolate=config.missing == "interpolate", table=table)
    how = "interpolated" if config.missing == "interpolate" else "filled with the previous value"
    note = f"{int(bad.sum()):,} missing values were {how}; they are not scored"
    return replace(table, values=values, notes=(*table.notes, note))


def _fill(values: NDArray[np.float64], low: int, *, interpolate: bool, table: Table) -> None:
    """Fill values[low:] in place from this and earlier splits, never from a later one."""
    missing = np.isnan(values)
    missing[:low] = False
    if not missing.any():
        return
    known = np.flatnonzero(~np.isnan(values))
    if len(known) == 0:
        raise DataError(f"{table.columns[0]}: {len(values)} consecutive rows have no value; set data.missing to drop")
    rows = np.flatnonzero(missing)
    if interpolate:
        values[rows] = np.interp(rows, known, values[known])
    else:
        values[rows] = values[known[np.maximum(np.searchsorted(known, rows) - 1, 0)]]


def _drop(table: Table, gone: NDArray[np.bool_]) -> Table:
    if gone.all():
        raise DataError(
            "data.missing: every row has a missing value, so drop leaves no rows; use interpolate or previous"
        )
    note = f"{int(gone.sum())} rows with missing values were dropped"
    return replace(table.keep_rows(~gone), notes=(*table.notes, note))
