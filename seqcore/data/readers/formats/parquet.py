"""Parquet files, read in batches of rows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqcore.data.readers.build_table import make_table
from seqcore.data.readers.column_parsing import Origin
from seqcore.data.readers.csv_layout import unique_names
from seqcore.data.readers.formats.archive import MOST_TIMES
from seqcore.data.readers.formats.input_file import InputFile, Unclosable, refuse_width
from seqcore.data.table import Table
from seqcore.errors import DataError

__all__ = ["read_parquet"]

BATCH_ROWS = 1 << 16
MOST_CELLS = 250_000_000  # 2 GB as float64
SMALL_BYTES = 200_000_000  # below this decoded size the ratio to the size of the file is not checked
MOST_METADATA = 64_000_000
_DATES = tuple(int(np.datetime64(f"{year}-01-01", "s").astype(np.int64)) for year in ("1678", "2262"))
_DAMAGE = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError, RuntimeError, KeyError)


def read_parquet(file: InputFile) -> Table:
    """Read a Parquet file. DataError names columns of nested or unsupported types, and what is too large."""
    name = file.name
    try:
        table = _read(file)
    except _DAMAGE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise DataError(f"{name}: this Parquet file is damaged ({reason}); write it again") from None
    columns = {}
    for i, column in enumerate(_names(table.schema.names, name)):
        if not _is_pandas_index(table.schema.field(i)) or table.num_columns == 1:
            columns[column] = _checked(table.column(i), column, file)
    del table
    origin = Origin(name, lambda positions: [p + 1 for p in positions], file.options, notes=file.notes)
    return make_table(columns, origin)


def _read(file: InputFile) -> pa.Table:
    """All columns, text as dictionaries, whose values are held once however often they occur."""
    name = file.name
    _refuse_metadata(file)
    file.stream.seek(0)
    stream = pa.PythonFile(Unclosable(file.stream), mode="r")
    schema = pq.read_schema(pa.PythonFile(Unclosable(file.stream), mode="r"))
    _refuse_types(schema, name)
    refuse_width(len(schema.names), name)
    texts = [field.name for field in schema if _is_text(_values(field.type))]
    file.stream.seek(0)
    source = pq.ParquetFile(stream, pre_buffer=False, read_dictionary=texts)
    schema, rows = source.schema_arrow, source.metadata.num_rows
    _refuse_size(file, source, schema)
    batches: list[pa.RecordBatch] = []
    read = 0
    for batch in source.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
        read += len(batch)
        if read > rows:
            raise DataError(f"{name}: it has more rows than its metadata says; write it again")
        batches.append(batch)
        file.progress.at(0.9 * read / max(rows, 1))
    return pa.Table.from_batches(batches, schema=schema)


def _refuse_metadata(file: InputFile) -> None:
    """DataError if the metadata at the end of the file are too large to be parsed quickly."""
    file.stream.seek(max(0, file.size - 8))
    size = int.from_bytes(file.stream.read(4), "little")
    if size > MOST_METADATA:
        raise DataError(
            f"{file.name}: its metadata of {size / 1e6:,.0f} MB exceed the limit of {MOST_METADATA / 1e6:g} MB; "
            "write it with larger row groups"
        )


def _refuse_size(file: InputFile, source: pq.ParquetFile, schema: pa.Schema) -> None:
    """DataError if the decoded values would be too many, or far more than the file is large."""
    metadata, columns = source.metadata, max(len(schema.names), 1)
    if metadata.num_rows * columns > MOST_CELLS:
        raise DataError(
            f"{file.name}: {metadata.num_rows:,} rows of {columns:,} columns are too many; "
            f"give at most {MOST_CELLS:,} values"
        )
    widths = sum(4 if _is_text(_values(field.type)) else _values(field.type).bit_width / 8 for field in schema)
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    _refuse_bytes(file, max(metadata.num_rows * widths, sum(group.total_byte_size for group in groups)))


def _refuse_bytes(file: InputFile, size: float) -> None:
    """DataError for decoded values of `size` bytes if they are too many for the size of the file."""
    if size > max(SMALL_BYTES, MOST_TIMES * file.size):
        raise DataError(
            f"{file.name}: its values take {size / 1e6:,.0f} MB, more than {MOST_TIMES} times the size of the file, "
            "like a zip bomb; give fewer rows, or the values as CSV"
        )


def _is_text(kind: pa.DataType) -> bool:
    return any(getattr(pa.types, f"is_{check}")(kind) for check in ("string", "large_string", "string_view"))


def _checked(column: pa.ChunkedArray, name: str, file: InputFile) -> pa.ChunkedArray:
    """The column in a type that the other readers produce, too. DataError if it is damaged or too large."""
    if pa.types.is_dictionary(column.type) and _is_text(column.type.value_type):
        lengths = (
            pc.sum(pc.take(pc.binary_length(chunk.dictionary.cast(pa.large_string())), chunk.indices)).as_py() or 0
            for chunk in column.chunks
        )
        _refuse_bytes(file, 4 * len(column) + sum(lengths))
    try:
        column.validate(full=True)
        _refuse_dates(column, name, file)
        return _plain(column)
    except _DAMAGE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise DataError(f"{file.name}, column {name}: it can't be read ({reason}); write it again") from None


def _refuse_dates(column: pa.ChunkedArray, name: str, file: InputFile) -> None:
    """DataError for dates that Python can't represent (before the year 1 or after 9999), with the first row."""
    if not (pa.types.is_date(column.type) or pa.types.is_timestamp(column.type)):
        return
    unit = column.type.unit if pa.types.is_timestamp(column.type) else "ms"
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32()).cast(pa.int64())
        column = pc.multiply(column, 86_400_000)  # at most 2**31 days: 2**58 milliseconds
    seconds = pc.divide(column.cast(pa.int64()), {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[unit])
    outside = pc.or_(pc.less(seconds, _DATES[0]), pc.greater_equal(seconds, _DATES[1]))
    row = pc.index(outside, True).as_py()
    if row >= 0:
        message = "dates must lie between the years 1678 and 2261; correct the date"
        raise DataError(f"{file.name}, column {name}, row {row + 1}: {message}")


def _is_pandas_index(field: pa.Field) -> bool:
    """Whether a column is an unnamed index written by pandas."""
    return bool(field.name.startswith("__index_level_") and pa.types.is_integer(field.type))


def _names(names: list[str], file: str) -> tuple[str, ...]:
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"{file}: two columns are named {twice[:40]!r}; give each a unique name")
    return unique_names(names)


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
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    if pa.types.is_duration(kind):
        return column.cast(pa.int64()).cast(pa.float64(), safe=False)
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return pa.chunked_array([pc.local_timestamp(chunk) for chunk in column.chunks], pa.timestamp(kind.unit))
    return column
