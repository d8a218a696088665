"""Delimited text (CSV, TSV and similar) as columns, parsed by Arrow in blocks.

Memory: three times the file size for numbers, six where ids and times are told apart.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import itertools
import re
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from seqcore.data.readers.build_table import make_table
from seqcore.data.readers.column_parsing import Origin, is_text
from seqcore.data.readers.csv_layout import Layout, find_layout
from seqcore.data.readers.delimited_rows import Row, rows_of, uncommented
from seqcore.data.readers.formats.delimited_types import certain_types, likely_types
from seqcore.data.readers.formats.input_file import InputFile, Unclosable, refuse_width
from seqcore.data.readers.numbers import MISSING
from seqcore.data.readers.table_start import SIGNS
from seqcore.data.readers.text_encoding import SAMPLE_BYTES, find_encoding
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.results.formatting import counted, listed

__all__ = ["read_delimited", "text_head"]

BLOCK_BYTES = 1 << 22  # parsed at a time; the maximum length of a row
_MOST_FOOTERS = 30
_TOTAL = re.compile(  # the first cell of a row below the table that sums it up
    r"(grand |sub ?)?tot\w*|sums?|summe|suma|somme|soma|gesamt\w*|insgesamt|ogółem|razem|итого|всего|averages?|avg"
    r"|means?|mittel\w*|durchschnitt|moyenne|promedio|media|średnia|среднее|gemiddelde|min\w{0,5}|max\w{0,5}|median"
    r"|st\.? ?dev\w*|count|anzahl",
    re.I,
)
_FOOTNOTE = re.compile(r"\d{1,2}[).:]?\s*[^\W\d_]{3}")


def read_delimited(file: InputFile) -> Table:
    """Read delimited text. DataError: a line for each error, with row and column."""
    name, options = file.name, file.options
    file.progress.stage(0.0, 0.2)
    encoding = find_encoding(file.watched(), name=name, declared=options.encoding)
    layout = find_layout(text_head(file.stream, encoding.codec, name), name=name, options=options)
    if layout.header and not layout.rows and file.size < SAMPLE_BYTES:
        raise DataError(f"{name}: there are no rows below the header; give one row per time step")
    refuse_width(len(layout.columns), name)
    file.progress.stage(0.2, 0.8)
    source = _Source(file, encoding.codec, layout)
    parsed, more_notes = _parse(source, name)
    file.progress.stage(0.8, 1.0)
    origin = Origin(
        name=name,
        rows=source.row_numbers,
        options=options,
        decimal=layout.decimal,
        numbered=not layout.header,
        notes=[*file.notes, *encoding.notes, *layout.notes, *more_notes],
        questions=[*encoding.questions, *layout.questions],
    )
    columns = {
        column: _with_decimal(parsed.column(i), layout.decimals.get(i, layout.decimal), layout.decimal)
        for i, column in enumerate(layout.columns)
    }
    del parsed
    return make_table(columns, origin)


def text_head(stream: BinaryIO, encoding: str, name: str, *, errors: str = "strict") -> str:
    """The beginning of the file as text, up to a line end, at least two lines. DataError if the first is too long."""
    stream.seek(0)
    raw = stream.read(SAMPLE_BYTES)
    whole = len(raw) < SAMPLE_BYTES
    while not whole and len(raw) < BLOCK_BYTES and raw.count(b"\n") + raw.count(b"\r") < 3:  # a long header
        more = stream.read(SAMPLE_BYTES)
        raw, whole = raw + more, not more
    text = codecs.getincrementaldecoder(encoding)(errors).decode(raw, final=whole)
    cut = max(text.rfind("\n"), text.rfind("\r", 0, -1))
    if cut < 0 and not whole:
        raise DataError(f"{name}, row 1: it is longer than 4 MB; check delimiter and line ends")
    return text if whole else text[: cut + 1]


@dataclass
class _Source:
    """A delimited file: as its bytes, or rewritten as Arrow needs it, and with the line numbers of its rows."""

    file: InputFile
    encoding: str
    layout: Layout
    comments: int = 0  # comment lines below the header that were left out
    _known: array[int] = field(
        default_factory=lambda: array("q")
    )  # lines of the first rows, as far as they were asked for
    _counted: int = 0  # rows that were looked for

    @contextlib.contextmanager
    def plain(self) -> Iterator[tuple[BinaryIO, int]]:
        """The file as UTF-8 without comments, with a single delimiter, and the number of lines to skip."""
        stream, layout = self.file.watched(), self.layout
        if self.encoding in ("utf-8", "utf-8-sig") and layout.delimiter != " " and not layout.comment:
            yield stream, layout.skip
            return
        rewritten = io.BytesIO()
        for piece in self._without_comments() if layout.comment else self._pieces(stream):
            if layout.delimiter == " ":
                piece = re.sub(r"[ \t]+", " ", re.sub(r"(?m)^[ \t]+|[ \t]+(?=\r?$)", "", piece))
            rewritten.write(piece.encode("utf-8", "replace"))
        rewritten.seek(0)
        yield rewritten, 0 if layout.comment else layout.skip

    def _pieces(self, stream: BinaryIO) -> Iterator[str]:
        """The text in pieces that end with a line, if the delimiter is a space."""
        decoder = codecs.getincrementaldecoder(self.encoding)()
        rest = ""
        while True:
            chunk = stream.read(1 << 20)
            text = rest + decoder.decode(chunk, final=not chunk)
            rest = ""
            if self.layout.delimiter == " " and chunk:
                text, rest = text[: text.rfind("\n") + 1], text[text.rfind("\n") + 1 :]
            yield text.removeprefix("\ufeff")
            if not chunk:
                return

    def _without_comments(self) -> Iterator[str]:
        """The lines below those to skip that are no comments, in pieces."""
        piece: list[str] = []
        total = kept = 0

        def counted() -> Iterator[str]:
            nonlocal total
            for total, line in enumerate(self._lines(), 1):  # noqa: B007  (read below)
                yield line

        for _, line in uncommented(counted(), self.layout.comment, quotes=self.layout.quotes):
            kept += 1
            piece.append(line)
            if len(piece) >= 10_000:
                yield "".join(piece)
                piece.clear()
        self.comments = total - kept
        yield "".join(piece)

    def _lines(self) -> Iterator[str]:
        """The lines of the file below those to skip."""
        self.file.stream.seek(0)
        text = io.TextIOWrapper(Unclosable(self.file.stream), encoding=self.encoding, errors="replace", newline="")
        try:
            yield from itertools.islice(text, self.layout.skip, None)
        finally:
            text.detach()

    def _rows(self) -> Iterator[Row]:
        """The rows of values, with their lines in the file."""
        layout = self.layout
        rows = rows_of(
            self._lines(),
            layout.delimiter,
            self.file.name,
            quotes=layout.quotes,
            comment=layout.comment,
            blank=len(layout.columns) == 1,
        )
        return (Row(row.cells, row.line + layout.skip) for row in rows)

    def row_numbers(self, positions: list[int]) -> list[int]:
        """The line numbers of the rows at these positions; counted only for messages, and once for all columns."""
        width, last = len(self.layout.columns), max(positions, default=-1)
        if last >= self._counted:
            self._counted = max(last + 1, 2 * self._counted, 1_000)
            lines = (row.line for row in self._rows() if len(row.cells) == width)
            self._known = array("q")
            with contextlib.suppress(DataError):  # a row that can't be parsed
                self._known.extend(itertools.islice(lines, self._counted))
        known = len(self._known)
        return [self._known[place] if place < known else place + 1 + self.layout.skip for place in positions]

    def ragged_numbers(self, positions: list[int]) -> list[int]:
        """The same for rows with another number of values."""
        width = len(self.layout.columns)
        lines, found = (row.line for row in self._rows() if len(row.cells) != width), list[int]()
        with contextlib.suppress(DataError):  # a row that can't be parsed
            found.extend(itertools.islice(lines, max(positions, default=-1) + 1))
        return [found[place] if place < len(found) else place + 1 + self.layout.skip for place in positions]


def _with_decimal(column: pa.ChunkedArray, own: str, decimal: str) -> pa.ChunkedArray:
    """A column of text with the decimal separator of the file in place of its own."""
    if own == decimal or not is_text(column):
        return column
    swapped = pc.replace_substring(pc.replace_substring(column, ".", "\0"), ",", ".")
    return pc.replace_substring(swapped, "\0", ",")


@dataclass
class _Ragged:
    """Rows with another number of values: their count, and examples of each number."""

    skip: int
    count: int = 0
    blank: int = 0  # lines of spaces
    first: list[tuple[int, int, str]] = field(default_factory=list)  # place among them, number of values, text
    before: int = 0  # rows of values above the first one
    texts: list[str] = field(default_factory=list)

    def __call__(self, row: Any) -> str:
        text = row.text or ""
        if not text.strip():
            self.blank += 1
            return "skip"
        if self.count == 0:
            self.before = (row.number or 0) - self.skip - self.blank - 1
        if len(self.first) < 5 or (len(self.first) < 10 and row.actual_columns not in {n for _, n, _ in self.first}):
            self.first.append((self.count, row.actual_columns, text))
        if len(self.texts) <= _MOST_FOOTERS:
            self.texts.append(text[:200])
        self.count += 1
        return "skip"

    def are_footers(self, parsed: pa.Table) -> bool:
        """Whether the first of them and all that follows are lines of text below the last row of values."""
        after = [str(cell) for cell in parsed.column(0).slice(self.before, _MOST_FOOTERS + 1).to_pylist()]
        words = [text.strip() for text in (*self.texts, *after)]
        return (
            0 < self.count + len(after) <= _MOST_FOOTERS
            and self.before > 0
            and not any(re.match(r"\d", text) and not _FOOTNOTE.match(text) for text in words)
        )

    def comment(self) -> str:
        """The sign that all of them begin with, or ""."""
        return next((sign for sign in SIGNS if all(text.lstrip().startswith(sign) for text in self.texts)), "")


def _parse(source: _Source, name: str) -> tuple[pa.Table, list[str]]:
    """All columns with types inferred by Arrow, and notes. DataError lists rows with another number of values."""
    try:
        with source.plain() as (stream, skip):
            try:
                ragged = _Ragged(skip)
                parsed = _arrow(stream, source.layout, skip, ragged, likely_types(source.layout))
            except pa.ArrowInvalid:  # a later row doesn't fit: let Arrow infer from all rows, which needs more memory
                ragged = _Ragged(skip)
                parsed = _arrow(stream, source.layout, skip, ragged, certain_types(source.layout))
            if ragged.count and not ragged.are_footers(parsed):
                sign = ragged.comment()
                if sign and source.file.options.comment == "auto" and not source.layout.comment:
                    source.layout = replace(source.layout, comment=sign)
                    return _parse(source, name)
                raise DataError(_ragged_line(source, ragged, name))
            _refuse_open_quote(stream, source, parsed, name)
    except pa.ArrowException as error:
        if "straddling" in str(error):
            raise DataError(f"{name}: a row is longer than 4 MB; check delimiter and line ends") from None
        if "Empty CSV" in str(error):
            raise DataError(f"{name}: there are no rows of values; give one row per time step") from None
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{name}: it can't be read as CSV ({first_line}); check delimiter and quotation marks"
        ) from None
    for i, column in enumerate(zip(*source.layout.rows, strict=True)):
        if {*column} == {"+", "-"}:  # two classes, and no missing values
            parsed = parsed.set_column(i, str(i), pc.fill_null(parsed.column(i), "-"))
    parsed, footers = _without_footers(parsed, source.layout)
    if ragged.count:
        footers += [text.strip() for text in ragged.texts]
        footers += [str(cell) for cell in parsed.column(0).slice(ragged.before).to_pylist()]
        parsed = parsed.slice(0, ragged.before)
    notes = []
    if source.comments:
        lines = counted(source.comments, "comment line")
        notes.append(f"Skipped {lines} ({source.layout.comment}) below the header.")
    if footers:
        shown = listed((repr(text[:40]) for text in footers[:3]), 3, of=len(footers))
        notes.append(f"Skipped {counted(len(footers), 'line')} below the last row: {shown}.")
    return parsed, notes


def _without_footers(parsed: pa.Table, layout: Layout) -> tuple[pa.Table, list[str]]:
    """The rows without the last ones that are words alone or begin with "Total", where the others begin with numbers
    or times."""
    kinds = [bool(re.search(r"\d", row[0])) and len(row[0].split()) <= 3 for row in layout.rows[:100]]
    footers: list[str] = []
    if parsed.num_columns < 2 or not kinds or sum(kinds) < 0.8 * len(kinds) or not is_text(parsed.column(0)):
        return parsed, footers
    for place in range(len(parsed) - 1, max(0, len(parsed) - _MOST_FOOTERS), -1):
        alone = not any(column[place].is_valid for column in parsed.columns[1:])
        text = str(parsed.column(0)[place] or "")
        if not text and not alone:
            break
        if text and not (re.search(r"[^\W\d_]{3}.*[\s:]", text) if alone else _TOTAL.fullmatch(text.strip(" :.*"))):
            break
        footers += [text] if text else []
    else:
        place = len(parsed) - 1 - _MOST_FOOTERS
    return (parsed.slice(0, place + 1), footers) if footers else (parsed, [])


def _arrow(stream: BinaryIO, layout: Layout, skip: int, ragged: _Ragged, types: Mapping[int, pa.DataType]) -> pa.Table:
    stream.seek(0)
    return arrow_csv.read_csv(
        pa.PythonFile(Unclosable(stream), mode="r"),  # Arrow closes its input
        read_options=arrow_csv.ReadOptions(
            column_names=[str(i) for i in range(len(layout.columns))],
            skip_rows=skip,
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


def _ragged_line(source: _Source, ragged: _Ragged, name: str) -> str:
    width = len(source.layout.columns)
    numbers = source.ragged_numbers([place for place, _, _ in ragged.first])
    _, count, text = ragged.first[0]
    values = counted(count, "value")
    if "\n" in text.strip():
        return f"{name}, row {numbers[0]}: an earlier quotation mark isn't closed; close or remove it"
    if ragged.count == 1:
        line = f"{name}, row {numbers[0]}: it has {values}, the others have {width}"
    else:
        rows = listed(numbers, len(numbers), of=ragged.count)
        kinds: dict[int, int] = {}
        for row, (_, count, _) in zip(numbers, ragged.first, strict=True):
            kinds.setdefault(count, row)
        have = ", ".join(f"row {row} has {counted(n, 'value')}" for n, row in kinds.items())
        line = f"{name}, rows {rows}: they don't have {width} values like the others ({have})"
    return f"{line}; correct the row, or set the delimiter"


def _refuse_open_quote(stream: BinaryIO, source: _Source, parsed: pa.Table, name: str) -> None:
    """DataError for an unclosed quotation mark, which would swallow all rows after it."""
    if not source.layout.quoted or len(parsed) == 0:
        return
    stream.seek(0)
    quotes = sum(chunk.count(b'"') for chunk in iter(lambda: stream.read(1 << 20), b""))
    last = [column[len(parsed) - 1].as_py() for column in parsed.columns]
    lines = max((cell.rstrip("\n").count("\n") for cell in last if isinstance(cell, str)), default=0)
    if quotes % 2 and any("\n" in cell for cell in last if isinstance(cell, str)):
        row = source.row_numbers([len(parsed) - 1])[0] - lines
        raise DataError(f"{name}, row {row}: a quotation mark isn't closed; close or remove it")
