"""Delimited text (CSV, TSV and similar) as columns, parsed by Arrow in blocks.

Memory: less than three times the file size, since columns are passed on one by one.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as arrow_csv

from seqcore.data.readers.build_table import make_table
from seqcore.data.readers.column_parsing import Origin
from seqcore.data.readers.csv_layout import SAMPLE_BYTES, Layout, find_encoding, find_layout
from seqcore.data.readers.dates import is_dated
from seqcore.data.readers.formats.input_file import InputFile, Unclosable, refuse_width
from seqcore.data.readers.numbers import MISSING
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.results.formatting import listed

__all__ = ["read_delimited", "text_head"]

BLOCK_BYTES = 1 << 22  # parsed at a time; the maximum length of a row
_ZONE = re.compile(r"\d{2}:\d{2}.*(Z|[+-]\d{2}:?(\d{2})?)$")


def read_delimited(file: InputFile) -> Table:
    """Read delimited text. DataError: a line for each error, with row and column."""
    name, options = file.name, file.options
    file.progress.stage(0.0, 0.2)
    encoding, notes = find_encoding(file.watched(), name=name, declared=options.encoding)
    head = text_head(file.stream, encoding)
    layout = find_layout(head, name=name, options=options)
    if layout.header and not layout.rows and len(head.splitlines()) <= layout.skip + 1:
        raise DataError(f"{name}: there are no rows below the header; give one row per time step")
    refuse_width(len(layout.columns), name)
    file.progress.stage(0.2, 0.8)
    with _as_utf8(file.watched(), encoding, layout) as plain:
        parsed = _parse(plain, layout, name)
        file.progress.stage(0.8, 1.0)
        origin = Origin(
            name=name,
            rows=lambda positions: _row_numbers(plain, layout, positions),
            options=options,
            decimal=layout.decimal,
            numbered=not layout.header,
            notes=[*file.notes, *notes, *layout.notes],
        )
        columns = {column: parsed.column(i) for i, column in enumerate(layout.columns)}
        del parsed
        return make_table(columns, origin)


def text_head(stream: BinaryIO, encoding: str) -> str:
    """The beginning of the file as text, up to a line end."""
    stream.seek(0)
    raw = stream.read(SAMPLE_BYTES)
    whole = len(raw) < SAMPLE_BYTES
    text = codecs.getincrementaldecoder(encoding)().decode(raw, final=whole)
    cut = text.rfind("\n")
    return text if whole or cut < 0 else text[: cut + 1]


@contextlib.contextmanager
def _as_utf8(stream: BinaryIO, encoding: str, layout: Layout) -> Iterator[BinaryIO]:
    """The file as UTF-8 with a single delimiter, as Arrow needs it."""
    stream.seek(0)
    if encoding in ("utf-8", "utf-8-sig") and layout.delimiter != " ":
        yield stream
        return
    rewritten = io.BytesIO()
    decoder = codecs.getincrementaldecoder(encoding)()
    rest = ""
    while True:
        chunk = stream.read(1 << 20)
        text = rest + decoder.decode(chunk, final=not chunk)
        if layout.delimiter == " ":
            text, rest = (text, "") if not chunk else (text[: text.rfind("\n") + 1], text[text.rfind("\n") + 1 :])
            text = re.sub(r"[ \t]+", " ", re.sub(r"(?m)^[ \t]+|[ \t]+(?=\r?$)", "", text))
        rewritten.write(text.removeprefix("\ufeff").encode("utf-8"))
        if not chunk:
            break
    rewritten.seek(0)
    yield rewritten


@dataclass
class _Ragged:
    """Rows with another number of values: their count, and examples of each number."""

    count: int = 0
    first: list[tuple[int, int, str]] = field(default_factory=list)  # row, number of values, text

    def __call__(self, row: Any) -> str:
        self.count += 1
        if len(self.first) < 5 or (len(self.first) < 10 and row.actual_columns not in {n for _, n, _ in self.first}):
            self.first.append((row.number or 0, row.actual_columns, row.text or ""))
        return "skip"


def _parse(stream: BinaryIO, layout: Layout, name: str) -> pa.Table:
    """All columns with types inferred by Arrow. DataError lists rows with another number of values."""
    ragged = _Ragged()
    try:
        try:
            parsed = _arrow(stream, layout, ragged, _likely_types(layout))
        except pa.ArrowInvalid:  # a later row doesn't fit: let Arrow infer from all rows, which needs more memory
            ragged = _Ragged()
            parsed = _arrow(stream, layout, ragged, {i: pa.string() for i in _zoned(layout)})
    except pa.ArrowInvalid as error:
        if "straddling" in str(error):
            raise DataError(f"{name}: a row is longer than 4 MB; check delimiter and line ends") from None
        if "Empty CSV" in str(error):
            raise DataError(f"{name}: there are no rows of values; give one row per time step") from None
        first_line = str(error).splitlines()[0]
        raise DataError(
            f"{name}: it can't be read as CSV ({first_line}); check delimiter and quotation marks"
        ) from None
    if ragged.count:
        raise DataError(_ragged_line(stream, layout, ragged, name))
    _refuse_open_quote(stream, layout, parsed, name)
    return parsed


def _zoned(layout: Layout) -> set[int]:
    """Columns of times with a time zone; they stay text to keep the zone."""
    return {i for row in layout.rows for i, cell in enumerate(row) if _ZONE.search(cell)}


def _likely_types(layout: Layout) -> dict[int, pa.DataType]:
    """Column types from the first rows; if Arrow infers them itself, it holds every row twice."""
    number = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?".replace(".,", re.escape(layout.decimal)))
    types: dict[int, pa.DataType] = {i: pa.string() for i in _zoned(layout)}
    for i, name in enumerate(layout.columns):
        cells = [row[i] for row in layout.rows if row[i] not in MISSING]
        if not cells or i in types:
            continue
        if all(re.fullmatch(r"[+-]?\d{1,17}", cell) for cell in cells) and (i == 0 or is_dated(name)):
            types[i] = pa.int64()
        elif all(number.fullmatch(cell) for cell in cells):
            types[i] = pa.float64()
        elif all(re.fullmatch(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?", cell) for cell in cells):
            types[i] = pa.timestamp("ns")
        elif not any(re.match(r"\d{1,2}:\d\d|(true|false)$", cell, re.I) for cell in cells):
            types[i] = pa.string()
    return types


def _arrow(stream: BinaryIO, layout: Layout, ragged: _Ragged, types: Mapping[int, pa.DataType]) -> pa.Table:
    stream.seek(0)
    return arrow_csv.read_csv(
        pa.PythonFile(Unclosable(stream), mode="r"),  # Arrow closes its input
        read_options=arrow_csv.ReadOptions(
            column_names=[str(i) for i in range(len(layout.columns))],
            skip_rows=layout.skip,
            skip_rows_after_names=int(layout.header),
            block_size=BLOCK_BYTES,
            use_threads=False,  # threads read far ahead into memory, and give no row numbers for ragged rows
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=layout.delimiter,
            quote_char='"' if layout.quotes else False,
            newlines_in_values=layout.quoted,
            ignore_empty_lines=len(layout.columns) > 1,  # in a single column an empty line is a missing value
            invalid_row_handler=ragged,
        ),
        convert_options=arrow_csv.ConvertOptions(
            null_values=list(MISSING),
            strings_can_be_null=True,
            decimal_point=layout.decimal,
            column_types={str(i): kind for i, kind in types.items()},
        ),
    )


def _ragged_line(stream: BinaryIO, layout: Layout, ragged: _Ragged, name: str) -> str:
    width, offset = len(layout.columns), 1 + layout.header
    numbers = _row_numbers(stream, layout, [number - offset for number, _, _ in ragged.first])
    _, count, text = ragged.first[0]
    values = f"{count} value{'s' if count != 1 else ''}"
    if "\n" in text.strip():
        return f"{name}, row {numbers[0]}: an earlier quotation mark isn't closed; close or remove it"
    if ragged.count == 1:
        line = f"{name}, row {numbers[0]}: it has {values}, the others have {width}"
    else:
        rows = listed(numbers, len(numbers), of=ragged.count)
        kinds: dict[int, int] = {}
        for row, (_, count, _) in zip(numbers, ragged.first, strict=True):
            kinds.setdefault(count, row)
        have = ", ".join(f"row {row} has {n} value{'s' * (n != 1)}" for n, row in kinds.items())
        line = f"{name}, rows {rows}: they don't have {width} values like the others ({have})"
    return f"{line}; correct the row, or set the delimiter"


def _refuse_open_quote(stream: BinaryIO, layout: Layout, parsed: pa.Table, name: str) -> None:
    """DataError for an unclosed quotation mark, which would swallow all rows after it."""
    if not layout.quoted or len(parsed) == 0:
        return
    stream.seek(0)
    quotes = sum(chunk.count(b'"') for chunk in iter(lambda: stream.read(1 << 20), b""))
    last = [column[len(parsed) - 1].as_py() for column in parsed.columns]
    lines = max((cell.rstrip("\n").count("\n") for cell in last if isinstance(cell, str)), default=0)
    if quotes % 2 and any("\n" in cell for cell in last if isinstance(cell, str)):
        row = _row_numbers(stream, layout, [len(parsed) - 1])[0] - lines
        raise DataError(f"{name}, row {row}: a quotation mark isn't closed; close or remove it")


def _row_numbers(stream: BinaryIO, layout: Layout, positions: list[int]) -> list[int]:
    """The line numbers in the file of the rows at these positions; counted only for messages."""
    stream.seek(0)
    text = io.TextIOWrapper(Unclosable(stream), encoding="utf-8-sig", errors="replace", newline="")
    for _ in range(layout.skip):
        text.readline()
    reader = csv.reader(
        text, delimiter=layout.delimiter, quoting=csv.QUOTE_MINIMAL if layout.quotes else csv.QUOTE_NONE
    )
    wanted, found, place = set(positions), {}, -int(layout.header)
    for row in reader:
        if not row and len(layout.columns) > 1:
            continue
        if place in wanted:
            found[place] = reader.line_num + layout.skip
            if len(found) == len(wanted):
                break
        place += 1
    text.detach()
    return [found.get(position, position + 1 + layout.header + layout.skip) for position in positions]
