"""Which columns of a table an experiment uses, and what becomes of their gaps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seqcore.data.splits import split_bounds
from seqcore.data.table import Table
from seqcore.errors import DataError, did_you_mean
from seqcore.experiment.config import DataConfig

__all__ = ["Columns", "choose_columns", "fill_gaps", "target_names", "unknown_columns"]


@dataclass(frozen=True)
class Columns:
    """A table with only the columns in use; `inputs` and `targets` are their places in it.

    `filled[N, K]` are the targets that were missing and have been filled in, which no score counts; None where none is.
    """

    table: Table
    inputs: list[int]
    targets: list[int]
    filled: NDArray[np.bool_] | None = None


def choose_columns(table: Table, config: DataConfig) -> Columns:
    """The columns that the experiment names, gaps handled as it says.

    DataError where there is no such column, where a gap may not be filled, or where a value is infinite.
    """
    if table.symbolic:
        raise DataError("data.task: these data are symbols, and regression needs numbers; set data.task to symbols")
    targets = target_names(table, config)
    inputs = config.inputs or targets
    lines = unknown_columns(table, config)
    for field, names in (("inputs", config.inputs), ("target", config.target)):
        if len(set(names)) < len(names):
            lines.append(f"data.{field}: a column is named twice; name each once")
    if config.lead == 0 and set(inputs) & set(targets):
        lines.append(
            "data.lead: with lead 0 a column that is an input and a target gives itself away; "
            "choose other data.inputs, or lead 1"
        )
    if lines:
        raise DataError(*dict.fromkeys(lines))
    used = list(dict.fromkeys([*inputs, *targets]))
    values = table.values if tuple(used) == table.columns else table.values[:, [table.columns.index(n) for n in used]]
    frame = table.frame if tuple(used) == table.columns else None
    chosen = replace(table, values=np.asarray(values, dtype=np.float64), columns=tuple(used), frame=frame)
    places = [used.index(n) for n in targets]
    missing = np.stack([np.isnan(chosen.values[:, place]) for place in places], axis=1)
    table = fill_gaps(chosen, config)
    filled = missing if missing.any() and len(table) == len(missing) else None
    return Columns(table, [used.index(n) for n in inputs], places, filled)


def unknown_columns(table: Table, config: DataConfig) -> list[str]:
    """An error line for each column that the experiment names and a table of numbers doesn't have."""
    return (
        []
        if table.symbolic
        else [
            f"data.{field}: there is no column {name!r}{did_you_mean(name, table.columns)}"
            for field, names in (("inputs", config.inputs), ("target", config.target))
            for name in names
            if name not in table.columns
        ]
    )


def target_names(table: Table, config: DataConfig) -> tuple[str, ...]:
    """The columns that are predicted: those named, else the first input, else the first column - or whole pictures."""
    if config.target or table.frame is None:
        return config.target or (config.inputs[:1] if config.inputs and config.lead else table.columns[:1])
    return config.inputs or table.columns


def row_name(table: Table, row: int) -> str:
    """A row as people find it: its number in their own file, else from 1; and its time where there is one."""
    number = table.row_numbers.get(row, row + 1)
    if table.times is None:
        return f"row {number}"
    return f"row {number} ({np.datetime_as_string(table.times[row], unit='D')})"


def fill_gaps(table: Table, config: DataConfig) -> Table:
    """`table` with what is missing handled as `config.missing` says; the same table where nothing is missing."""
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
            raise DataError(f"{name}: no value at all; choose another column")
    if config.missing == "drop":
        return _drop(table, bad.any(axis=1))
    values = table.values.copy()
    for bounds in split_bounds(table, config.validation_fraction, config.test_fraction).values():
        for s, low, high in bounds:
            start = int(table.offsets[s])
            for column in range(values.shape[1]):
                _fill(values[start:high, column], low - start, interpolate=config.missing == "interpolate", table=table)
    how = "interpolated" if config.missing == "interpolate" else "filled with the value before"
    note = f"{int(bad.sum()):,} missing values were {how}; no score counts them"
    return replace(table, values=values, notes=(*table.notes, note))


def _fill(values: NDArray[np.float64], low: int, *, interpolate: bool, table: Table) -> None:
    """Fill values[low:] in place from themselves and what came before: never from a later split."""
    missing = np.isnan(values)
    missing[:low] = False
    if not missing.any():
        return
    known = np.flatnonzero(~np.isnan(values))
    if len(known) == 0:
        raise DataError(
            f"{table.columns[0]}: a stretch of {len(values)} rows has no value at all; set data.missing to drop"
        )
    rows = np.flatnonzero(missing)
    if interpolate:
        values[rows] = np.interp(rows, known, values[known])
    else:
        values[rows] = values[known[np.maximum(np.searchsorted(known, rows) - 1, 0)]]


def _drop(table: Table, gone: NDArray[np.bool_]) -> Table:
    keep = ~gone
    if not keep.any():
        raise DataError(
            "data.missing: every row has a missing value, so drop leaves nothing; use interpolate or previous"
        )
    kept_before = np.concatenate([[0], np.cumsum(keep)])
    return replace(
        table,
        values=table.values[keep],
        offsets=kept_before[table.offsets].astype(np.int64),
        times=None if table.times is None else table.times[keep],
        row_numbers={},
        notes=(*table.notes, f"{int(gone.sum())} rows with missing values were left out"),
    )
