"""Text files: detects delimited values, sentence pairs, .ts data or running text, and reads them."""

from __future__ import annotations

import codecs
import io
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TextIO

from seqcore.data.import_report import ImportReport
from seqcore.data.readers.formats.delimited import read_delimited, text_head
from seqcore.data.readers.formats.gutenberg import inside_book
from seqcore.data.readers.formats.input_file import InputFile
from seqcore.data.readers.formats.ts import looks_like_ts, read_ts
from seqcore.data.readers.numbers import is_number
from seqcore.data.readers.profiles import LABEL_NAMES, are_labels
from seqcore.data.readers.text_encoding import SAMPLE_BYTES, Encoding, find_encoding
from seqcore.data.table import Table
from seqcore.data.text import text_table
from seqcore.errors import DataError
from seqcore.results.formatting import listed

__all__ = ["read_plain", "read_text"]

NAMED = 10  # rows that an error lists
_PIECE = 1 << 20
_SIDES = {  # usual column names of sentence pairs
    *("source", "target", "src", "tgt", "from", "to", "input", "output", "sentence", "translation"),
    *("english", "french", "german", "spanish", "italian", "portuguese", "dutch", "russian"),
    *("en", "fr", "de", "es", "it", "pt", "nl", "ru"),
}
_TEXTS = (".txt", ".text", ".md")
_COMMENTS = ("#", "%", "!", "//")


def read_plain(file: InputFile) -> Table:
    """Read a text file of any kind. DataError: a line for each error, with its row."""
    kind = file.options.kind
    if kind in ("series", "sequences", "labeled-text"):
        return read_delimited(file)
    if kind == "text":
        return read_text(file)
    lines = _first_lines(file)
    if kind == "pairs":
        return read_pairs(file) if any("\t" in line for line in lines) else read_delimited(file)
    if looks_like_ts(lines):
        return read_ts(file)
    if _sides(lines) is not None:
        return read_pairs(file)
    return read_text(file) if file.suffix in _TEXTS and not _are_rows(lines) else read_delimited(file)


def read_text(file: InputFile) -> Table:
    """The whole file as one sequence of characters or words. DataError if it is empty or too uniform."""
    encoding = _encoding(file)
    file.progress.stage(0.2, 1.0)
    level = "characters" if file.options.level == "auto" else file.options.level
    table = text_table(inside_book(_decoded(file, encoding.codec), file.notes), level=level, name=file.name)
    if table.symbols is not None and not "".join(table.symbols).strip():
        raise DataError(f"{file.name}: the file holds only white space; give a text of a few hundred characters")
    return _reported(table, file, encoding)


def read_pairs(file: InputFile) -> Table:
    """Sentence pairs from the first two tab-separated text columns; other columns are ignored.

    DataError lists the rows without a tab, with an empty sentence, or with more columns than the others.
    """
    from seqcore.data.parallel_text import ONLY_WORDS, pairs_table

    encoding = _encoding(file)
    if file.options.level == "characters":
        encoding = encoding._replace(notes=(*encoding.notes, ONLY_WORDS))
    places = _sides(_first_lines(file)) or (0, 1)
    file.progress.stage(0.2, 1.0)
    table: Table = pairs_table(_pairs(file, encoding.codec, places), name=file.name)
    return _reported(table, file, encoding)


def _reported(table: Table, file: InputFile, encoding: Encoding) -> Table:
    """The table with what is to be said and asked about its file."""
    notes = (*file.notes, *encoding.notes, *table.notes)
    return replace(table, notes=notes, report=ImportReport(questions=encoding.questions))


def _encoding(file: InputFile) -> Encoding:
    file.progress.stage(0.0, 0.2)
    return find_encoding(file.watched(), name=file.name, declared=file.options.encoding, values=False)


def _decoded(file: InputFile, encoding: str) -> Iterator[str]:
    """The text in pieces."""
    stream = file.watched()
    decoder = codecs.getincrementaldecoder(encoding)()
    while chunk := stream.read(_PIECE):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _first_lines(file: InputFile) -> list[str]:
    """The first lines in any encoding, for detection: only letters, digits and tabs matter."""
    head = file.head(SAMPLE_BYTES)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return text_head(file.stream, "utf-16", file.name, errors="replace").splitlines()
    text = head.decode("utf-8-sig", errors="replace")
    whole = len(head) < SAMPLE_BYTES
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if whole or len(lines) == 1 else lines[:-1]


def _sides(lines: list[str]) -> tuple[int, int] | None:
    """The two tab-separated columns that hold sentences; None if there are none."""
    rows = [line.split("\t") for line in lines if line.strip()][:4_000]
    if not rows or sum(len(row) > 1 for row in rows) < 0.7 * len(rows):
        return None
    if any(cell.strip().lower() in LABEL_NAMES for cell in rows[0]):
        return None
    width = min(len(row) for row in rows if len(row) > 1)
    columns = [[row[i].strip() for row in rows if len(row) > i] for i in range(width)]
    texts = [i for i, cells in enumerate(columns) if _is_written(cells)]
    if len(texts) < 2:
        return None
    first, second = (columns[i] for i in texts[:2])
    numbers = [cells for i, cells in enumerate(columns) if i not in texts]
    words = [sum(len(cell.split()) for cell in cells) / len(cells) for cells in (first, second)]
    if (
        any(are_labels(columns[i]) for i in texts)
        or any(are_labels(n[1:]) for n in numbers)
        or (numbers and min(words) < 1.5)
    ):
        return None  # a class beside texts, whatever they are
    return texts[0], texts[1]


def _is_written(cells: list[str]) -> bool:
    """Whether most cells are text, neither numbers nor dates."""
    filled = [cell for cell in cells if cell]
    good = [cell for cell in filled if re.search(r"[^\W\d_]", cell) and not _is_value(cell)]
    return len(filled) >= 0.5 * len(cells) and len(good) > 0.8 * len(filled)


def _is_value(cell: str) -> bool:
    return is_number(cell) or is_number(cell, ",") or re.match(r"\d+[-/.]\d", cell) is not None


def _pairs(file: InputFile, encoding: str, places: tuple[int, int]) -> Iterator[tuple[str, str]]:
    """The sentence pair of each row. DataError, at the end, for incomplete rows."""
    errors: dict[str, list[int]] = {}
    widths: dict[int, array[int]] = {}
    count = 0
    text: TextIO = io.TextIOWrapper(file.watched(), encoding=encoding)
    for row, line in enumerate(text, 1):
        cells = line.rstrip("\n").split("\t")
        if len(cells) <= places[1]:
            if line.strip():
                errors.setdefault("there is no tab and second sentence", []).append(row)
            continue
        pair = cells[places[0]].strip(), cells[places[1]].strip()
        if count == 0 and row == 1 and {cell.lower() for cell in pair} <= _SIDES:
            continue
        if not all(pair):
            errors.setdefault(f"the {'second' if pair[0] else 'first'} sentence is empty", []).append(row)
            continue
        count += 1
        widths.setdefault(len(cells), array("q")).append(row)
        yield pair
    lines = [f"{_listed(rows)}: {what}; correct or remove the row" for what, rows in errors.items()]
    lines += _too_wide(widths)
    if lines:
        raise DataError(*(f"{file.name}, {line}" for line in lines))
    if count == 0:
        raise DataError(f"{file.name}: there are no sentence pairs; give two tab-separated sentences per row")


def _too_wide(widths: Mapping[int, Sequence[int]]) -> list[str]:
    """An error line for rows with more columns than at least 90% of the rows."""
    total = sum(map(len, widths.values()))
    usual = max(widths, key=lambda width: len(widths[width]), default=0)
    if not total or len(widths[usual]) < 0.9 * total:
        return []
    return [
        f"{_listed(rows)}: {width} columns, the others have {usual}; remove the extra tabs"
        for width, rows in sorted(widths.items())
        if width > usual
    ]


def _listed(rows: Sequence[int]) -> str:
    return f"row{'s' * (len(rows) > 1)} {listed(rows, NAMED)}"


def _are_rows(lines: list[str]) -> bool:
    """Whether the lines of a text file are delimited rows: equally divided, with numbers or labels."""
    filled = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith(_COMMENTS)]
    filled = filled[len(filled) // 4 :] if len(filled) > 12 else filled  # lines above the table are of other forms
    filled = filled[:400]
    if not filled:
        return False
    for sign in ("\t", ";", "|", ",", None):
        rows = [line.split(sign) for line in filled]
        width = len(rows[len(rows) // 2])
        alike = [row for row in rows if len(row) == width]
        if len(alike) < 0.9 * len(rows) or (width == 1 and sign is not None):
            continue
        columns = [[cell.strip().strip('"') for cell in column] for column in zip(*alike, strict=True)]
        numeric = [sum(is_number(c) or is_number(c, ",") for c in cells) > 0.8 * len(cells) for cells in columns]
        if any(numeric) and (width <= 2 or sum(numeric) >= 0.5 * width or sign is not None):
            return True
        if sign == "\t" and width == 2:
            return True
        if sign is not None and any(c.strip().lower() in LABEL_NAMES for c in lines[0].split(sign)):
            return True
    return False
