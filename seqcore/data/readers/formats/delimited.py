"""Rows of values with a sign between them - CSV, TSV and their relatives - as columns. Arrow parses them in blocks.

Memory: less than three times the file's size, since columns are handed on one by one.
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
from seqcore.data.readers.csv_layout import MISSING, SAMPLE_BYTES, Layout, find_encoding, find_layout
from seqcore.data.readers.dates import is_dated
from seqcore.data.readers.formats.input_file import Given, Unclosable, refuse_width
from seqcore.data.table import Table
from seqcore.errors import DataError

__all__ = ["read_delimited", "text_head"]

BLOCK_BYTES = 1 << 22  # what Arrow parses at once; no row may be longer
_ZONE = re.compile(r"\d{2}:\d{2}.*(Z|[+-]\d{2}:?(\d{2})?)$")


def read_delimited(given: Given) -> Table:
    """The table in rows of values. DataError: a line for each fault, with row and column."""
    name, options = given.name, given.options
    given.progress.stage(0.0, 0.2)
    encoding, notes = find_encoding(given.watched(), name=name, given=options.encoding)
    head = text_head(given.stream, encoding)
    layout = find_layout(head, name=name, options=options)
    if layout.header and not layout.rows and len(head.splitlines()) <= layout.skip + 1:
        raise DataError(f"{name}: there are no rows of values below the header; give a row for each time")
    refuse_width(len(layout.columns), name)
    given.progress.stage(0.2, 0.8)
    with _as_utf8(given.watched(), encoding, layout) as plain:
        parsed = _parse(plain, layout, name)
        given.progress.stage(0.8, 1.0)
        origin = Origin(
            name=name,
            rows=lambda positions: _row_numbers(plain, layout, positions),
            decimal=layout.decimal,
            numbered=not layout.header,
            notes=[*given.notes, *notes, *layout.notes],
            **given.said(),
        )
        columns = {column: parsed.column(i) for i, column in enumerate(layout.columns)}
        del parsed
        return make_table(columns, origin)


def text_head(stream: BinaryIO, encoding: str) -> str:
    """The first rows as text, whole lines only where there are more."""
    stream.seek(0)
    raw = stream.read(SAMPLE_BYTES)
    whole = len(raw) < SAMPLE_BYTES
    text = codecs.getincrementaldecoder(encoding)().decode(raw, final=whole)
    cut = text.rfind("\n")
    return text if whole or cut < 0 else text[: cut + 1]


@contextlib.contextmanager
def _as_utf8(stream: BinaryIO, encoding: str, layout: Layout) -> Iterator[BinaryIO]:
    """The file's bytes as UTF-8 with one sign between values, which is what Arrow reads."""
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
    """Rows that have more or fewer values than the others: all are counted, a few kept, of each width at least one."""

    count: int = 0
    first: list[tuple[int, int, str]] = field(default_factory=list)  # place among the rows, values, text

    def __call__(self, row: Any) -> str:
        self.count += 1
        if len(self.first) < 5 or (len(self.first) < 10 and row.actual_columns not in {n for _, n, _ in self.first}):
            self.first.append((row.number or 0, row.actual_columns, row.text or ""))
        return "skip"


def _parse(stream: BinaryIO, layout: Layout, name: str) -> pa.Table:
    """All columns with the types that Arrow finds. DataError names rows with more or fewer values."""
    ragged = _Ragged()
    try:
        try:
            parsed = _arrow(stream, layout, ragged, _likely_types(layout))
        except pa.ArrowInvalid:  # a later row doesn't fit: let Arrow look at all of them, at the price of memory
            ragged = _Ragged()
            parsed = _arrow(stream, layout, ragged, {i: pa.string() for i in _zoned(layout)})
    except pa.ArrowInvalid as error:
        if "straddling" in str(error):
            raise DataError(f"{name}: a row is longer than 4 MB; check the delimiter and the line ends") from None
        if "Empty CSV" in str(error):
            raise DataError(f"{name}: there are no rows of values in it; give a row for each time") from None
        first_line = str(error).splitlines()[0]
        raise DataError(
            f"{name}: it can't be read as CSV ({first_line}); check delimiter and quotation marks"
        ) from None
    if ragged.count:
        raise DataError(_ragged_line(stream, layout, ragged, name))
    _refuse_open_quote(stream, layout, parsed, name)
    return parsed


def _zoned(layout: Layout) -> set[int]:
    """Columns of times with a zone: they stay text, so that the zone isn't lost."""
    return {i for row in layout.rows for i, cell in enumerate(row) if _ZONE.search(cell)}


def _likely_types(layout: Layout) -> dict[int, pa.DataType]:
    """What the first rows say of the columns. Arrow keeps every row twice while it has to find that out itself."""
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
        pa.PythonFile(Unclosable(stream), mode="r"),  # Arrow closes what it reads from
        read_options=arrow_csv.ReadOptions(
            column_names=[str(i) for i in range(len(layout.columns))],
            skip_rows=layout.skip,
            skip_rows_after_names=int(layout.header),
            block_size=BLOCK_BYTES,
            use_threads=False,  # with threads, the file is read far ahead into memory, and ragged rows have no numbers
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=layout.delimiter,
            quote_char='"' if layout.quotes else False,
            newlines_in_values=layout.quoted,
            ignore_empty_lines=len(layout.columns) > 1,  # in a single column an empty line is a gap
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
        return f"{name}, row {numbers[0]}: a quotation mark before it isn't closed; close it, or take it out"
    if ragged.count == 1:
        line = f"{name}, row {numbers[0]}: it has {values} where the others have {width}"
    else:
        more = f" and {ragged.count - len(numbers):,} more" if ragged.count > len(numbers) else ""
        listed = ", ".join(map(str, numbers))
        kinds: dict[int, int] = {}
        for row, (_, count, _) in zip(numbers, ragged.first, strict=True):
            kinds.setdefault(count, row)
        have = ", ".join(f"row {row} has {n} value{'s' * (n != 1)}" for n, row in kinds.items())
        line = f"{name}, rows {listed}{more}: they don't have {width} values as the others ({have})"
    return f"{line}; mend what is missing or too much, or say what the delimiter is"


def _refuse_open_quote(stream: BinaryIO, layout: Layout, parsed: pa.Table, name: str) -> None:
    """A quotation mark without its other half swallows all rows after it: better to say so than to lose them."""
    if not layout.quoted or len(parsed) == 0:
        return
    stream.seek(0)
    quotes = sum(chunk.count(b'"') for chunk in iter(lambda: stream.read(1 << 20), b""))
    last = [column[len(parsed) - 1].as_py() for column in parsed.columns]
    lines = max((cell.rstrip("\n").count("\n") for cell in last if isinstance(cell, str)), default=0)
    if quotes % 2 and any("\n" in cell for cell in last if isinstance(cell, str)):
        row = _row_numbers(stream, layout, [len(parsed) - 1])[0] - lines
        raise DataError(f"{name}, row {row}: a quotation mark isn't closed; close it, or take it out")


def _row_numbers(stream: BinaryIO, layout: Layout, positions: list[int]) -> list[int]:
    """The lines of the file in which the rows at these positions end: counted only when there is something to say."""
    stream.seek(0)
    text = io.TextIOWrapper(Unclosable(stream), encoding="utf-8-sig", errors="replace", newline="")  # type: ignore[type-var]
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
