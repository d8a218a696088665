"""Builds the table of a user's columns by kind: series, labeled sequences, labeled texts, sentence pairs.

A new kind is a proposal in `detect_kind`, a function of columns, origin, reading and roles, and a line in KINDS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from seqcore.data.readers.column_parsing import Columns, Origin
from seqcore.data.readers.detect_kind import Reading, find_reading
from seqcore.data.readers.labeled_texts import labeled_text_table, pair_table
from seqcore.data.readers.roles import Roles, given_roles
from seqcore.data.readers.sequences import long_table, rows_table
from seqcore.data.readers.series import series_table
from seqcore.data.readers.wide_tables import wide_table
from seqcore.data.table import Table
from seqcore.errors import DataError

__all__ = ["KINDS", "Origin", "make_table"]

KINDS: dict[str, Callable[[Columns, Origin, Reading, Roles], Table]] = {
    "series": series_table,
    "wide": wide_table,
    "sequences": long_table,
    "rows": rows_table,
    "labeled-text": labeled_text_table,
    "pairs": pair_table,
}
_ASKED = ("auto", "series", "sequences", "labeled-text", "pairs")


def make_table(columns: Columns, origin: Origin) -> Table:
    """The table of `columns`, which are removed while they are read, so that nothing is held twice.

    DataError: one line for each error, with row and column.
    """
    _drop_trailing_empty_rows(columns)
    if not columns or len(next(iter(columns.values()))) == 0:
        raise DataError(f"{origin.name}: there are no rows of values; give one row per time step")
    kind = origin.options.kind
    if kind not in _ASKED:
        raise DataError(f"{origin.name}: rows and columns can't be read as {kind}; use one of {', '.join(_ASKED)}")
    given = given_roles(columns, origin)
    roles = Roles(columns, origin, given)
    for name in given.of("ignore"):
        del columns[name]
        roles.take([name], "ignore", "as given")
    if not columns:
        raise DataError(f"{origin.name}: no column is left; use at least one column with numbers or text")
    reading = find_reading(columns, origin, roles)
    table = KINDS[reading.kind](columns, origin, reading, roles)
    return replace(
        table, notes=tuple(origin.notes), report=replace(roles.report(), decimal_comma=origin.decimal == ",")
    )


def _drop_trailing_empty_rows(columns: Columns) -> None:
    """Remove rows without values at the end, which spreadsheets may leave."""
    length = len(next(iter(columns.values()))) if columns else 0
    kept = length
    while kept and not any(column[kept - 1].is_valid for column in columns.values()):
        kept -= 1
    if kept < length:
        for name in columns:
            columns[name] = columns[name].slice(0, kept)
