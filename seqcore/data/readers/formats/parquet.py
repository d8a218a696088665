"""Parquet: columns with types of their own, read a group of rows at a time."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from seqcore.data.readers.build_table import make_table
from seqcore.data.readers.column_parsing import Origin
from seqcore.data.readers.formats.input_file import Given, Unclosable, refuse_width
from seqcore.data.table import Table
from seqcore.errors import DataError

__all__ = ["read_parquet"]

BATCH_ROWS = 1 << 16
MOST_CELLS = 250_000_000  # two thousand million bytes of numbers


def read_parquet(given: Given) -> Table:
    """The table in a Parquet file. DataError names a column that is nested or of a type that is no value."""
    name = given.name
    given.stream.seek(0)
    try:
        source = pq.ParquetFile(pa.PythonFile(Unclosable(given.stream), mode="r"), pre_buffer=False)
        schema = source.schema_arrow
        _refuse_types(schema, name)
        refuse_width(len(schema.names), name)
        rows = source.metadata.num_rows
        if rows * max(len(schema.names), 1) > MOST_CELLS:
            raise DataError(
                f"{name}: {rows:,} rows of {len(schema.names):,} columns are too many; "
                f"give at most {MOST_CELLS:,} values"
            )
        parts: list[pa.RecordBatch] = []
        read = 0
        for batch in source.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
            read += len(batch)
            if read * len(schema.names) > MOST_CELLS:
                raise DataError(f"{name}: there are more rows in it than it says; write it anew")
            parts.append(batch)
            given.progress.at(0.9 * read / max(rows, 1))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise DataError(f"{name}: this Parquet file is damaged ({reason}); write it anew") from None
    table = pa.Table.from_batches(parts, schema=schema)
    parts.clear()
    columns = {}
    for i, column in enumerate(_names(schema.names, name)):
        if not _counts_rows(table.schema.field(i)) or len(schema.names) == 1:
            columns[column] = _plain(table.column(i))
    del table
    origin = Origin(name=name, rows=lambda positions: [p + 1 for p in positions], notes=given.notes, **given.said())
    return make_table(columns, origin)


def _counts_rows(field: pa.Field) -> bool:
    """Whether a column is what pandas writes of an index without a name: rows' old numbers, which are no values."""
    return bool(field.name.startswith("__index_level_") and pa.types.is_integer(field.type))


def _names(names: list[str], file: str) -> list[str]:
    twice = next((n for i, n in enumerate(names) if n in names[:i]), None)
    if twice is not None:
        raise DataError(f"{file}: two columns are called {twice!r}; give each a name of its own")
    return [name or f"column {i}" for i, name in enumerate(names, 1)]


def _refuse_types(schema: pa.Schema, name: str) -> None:
    """DataError, one line for all columns that hold no plain values."""
    nested = [field.name for field in schema if pa.types.is_nested(_values(field.type))]
    strange = [field.name for field in schema if not pa.types.is_nested(field.type) and not _is_plain(field.type)]
    for which, what in ((nested, "nested (lists or records in its cells)"), (strange, "of bytes, not of values")):
        if which:
            several = f", and so {'are' if len(which) > 2 else 'is'} {', '.join(which[1:6])}" if len(which) > 1 else ""
            raise DataError(
                f"{name}, column {which[0]}: it is {what}{several}; give a column of its own for each number or text"
            )


def _values(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_plain(kind: pa.DataType) -> bool:
    kind = _values(kind)
    checks = ("integer", "floating", "decimal", "boolean", "temporal", "string", "large_string", "string_view", "null")
    return any(getattr(pa.types, f"is_{check}")(kind) for check in checks)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column in a type that columns of other files have too."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_null(kind):
        return column.cast(pa.float64())
    if pa.types.is_duration(kind):
        return column.cast(pa.int64()).cast(pa.float64(), safe=False)
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return pa.chunked_array([pa.compute.local_timestamp(chunk) for chunk in column.chunks], pa.timestamp(kind.unit))
    return column
