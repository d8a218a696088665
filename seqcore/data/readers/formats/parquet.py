"""Parquet files, read in batches of rows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from seqcore.data.readers.build_table import make_table
from seqcore.data.readers.column_parsing import Origin
from seqcore.data.readers.formats.input_file import InputFile, Unclosable, refuse_width
from seqcore.data.table import Table
from seqcore.errors import DataError

__all__ = ["read_parquet"]

BATCH_ROWS = 1 << 16
MOST_CELLS = 250_000_000  # 2 GB as float64


def read_parquet(file: InputFile) -> Table:
    """Read a Parquet file. DataError names columns of nested or unsupported types."""
    name = file.name
    file.stream.seek(0)
    try:
        source = pq.ParquetFile(pa.PythonFile(Unclosable(file.stream), mode="r"), pre_buffer=False)
        schema = source.schema_arrow
        _refuse_types(schema, name)
        refuse_width(len(schema.names), name)
        rows = source.metadata.num_rows
        if rows * max(len(schema.names), 1) > MOST_CELLS:
            raise DataError(
                f"{name}: {rows:,} rows of {len(schema.names):,} columns are too many; "
                f"give at most {MOST_CELLS:,} values"
            )
        batches: list[pa.RecordBatch] = []
        read = 0
        for batch in source.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
            read += len(batch)
            if read * len(schema.names) > MOST_CELLS:
                raise DataError(f"{name}: it has more rows than its metadata says; write it again")
            batches.append(batch)
            file.progress.at(0.9 * read / max(rows, 1))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise DataError(f"{name}: this Parquet file is damaged ({reason}); write it again") from None
    table = pa.Table.from_batches(batches, schema=schema)
    batches.clear()
    columns = {}
    for i, column in enumerate(_names(schema.names, name)):
        if not _is_pandas_index(table.schema.field(i)) or len(schema.names) == 1:
            columns[column] = _plain(table.column(i))
    del table
    origin = Origin(name, lambda positions: [p + 1 for p in positions], file.options, notes=file.notes)
    return make_table(columns, origin)


def _is_pandas_index(field: pa.Field) -> bool:
    """Whether a column is an unnamed index written by pandas."""
    return bool(field.name.startswith("__index_level_") and pa.types.is_integer(field.type))


def _names(names: list[str], file: str) -> list[str]:
    twice = next((n for i, n in enumerate(names) if n in names[:i]), None)
    if twice is not None:
        raise DataError(f"{file}: two columns are named {twice!r}; give each a unique name")
    return [name or f"column {i}" for i, name in enumerate(names, 1)]


def _refuse_types(schema: pa.Schema, name: str) -> None:
    """DataError, one line for all columns of unsupported types."""
    nested = [field.name for field in schema if pa.types.is_nested(_values(field.type))]
    strange = [field.name for field in schema if not pa.types.is_nested(field.type) and not _is_plain(field.type)]
    for which, what in ((nested, "nested (lists or structs)"), (strange, "binary")):
        if which:
            several = f", and so {'are' if len(which) > 2 else 'is'} {', '.join(which[1:6])}" if len(which) > 1 else ""
            raise DataError(f"{name}, column {which[0]}: it is {what}{several}; use one column for each number or text")


def _values(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_plain(kind: pa.DataType) -> bool:
    kind = _values(kind)
    checks = ("integer", "floating", "decimal", "boolean", "temporal", "string", "large_string", "string_view", "null")
    return any(getattr(pa.types, f"is_{check}")(kind) for check in checks)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column in a type that the other readers produce, too."""
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
