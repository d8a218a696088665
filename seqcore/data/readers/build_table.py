"""Builds the table of a user's columns by kind: series, labelled sequences, labelled texts, sentence pairs.

A new kind is a function of columns and their origin, and a line in KINDS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from seqcore.data.readers.column_parsing import Columns, Origin, wanted_column
from seqcore.data.readers.detect_kind import find_kind
from seqcore.data.readers.labelled_texts import labelled_text_table, pair_table
from seqcore.data.readers.sequences import sequence_table
from seqcore.data.readers.series import series_table
from seqcore.data.table import Table
from seqcore.errors import DataError

__all__ = ["KINDS", "Origin", "make_table"]

KINDS: dict[str, Callable[[Columns, Origin], Table]] = {
    "series": series_table,
    "sequences": sequence_table,
    "labelled-text": labelled_text_table,
    "pairs": pair_table,
}


def make_table(columns: Columns, origin: Origin) -> Table:
    """The table of `columns`, which are removed while they are read, so that nothing is held twice.

    DataError: one line for each error, with row and column.
    """
    _drop_trailing_empty_rows(columns)
    if not columns or len(next(iter(columns.values()))) == 0:
        raise DataError(f"{origin.name}: there are no rows of values; give one row per time step")
    _apply_given_roles(columns, origin)
    kind = find_kind(columns, origin) if origin.options.kind == "auto" else origin.options.kind
    if kind not in KINDS:
        raise DataError(
            f"{origin.name}: rows and columns can't be read as {kind}; use one of {', '.join(KINDS)}, or auto"
        )
    table = KINDS[kind](columns, origin)
    return replace(table, report=replace(table.report, questions=tuple(origin.questions)))


def _apply_given_roles(columns: Columns, origin: Origin) -> None:
    """Remove columns that are not used, and set the options of columns with a role that only one can have."""
    changes: dict[str, Any] = {}
    for given, role in origin.options.columns.items():
        name = wanted_column(given, columns, origin, "data.options.columns")
        if role == "ignore":
            del columns[name]
        elif role in ("time", "series", "label", "group"):
            changes["date_column" if role == "time" else f"{role}_column"] = name
    origin.options = origin.options.model_copy(update=changes)
    if not columns:
        raise DataError(f"{origin.name}: no column is left; use at least one column with numbers or text")


def _drop_trailing_empty_rows(columns: Columns) -> None:
    """Remove rows without values at the end, which spreadsheets may leave."""
    length = len(next(iter(columns.values()))) if columns else 0
    kept = length
    while kept and not any(column[kept - 1].is_valid for column in columns.values()):
        kept -= 1
    if kept < length:
        for name in columns:
            columns[name] = columns[name].slice(0, kept)
