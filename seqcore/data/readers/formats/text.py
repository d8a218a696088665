"""Plain text of any kind: rows of values, pairs of sentences, or one text to learn to write; it is recognised which."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TextIO

from seqcore.data.readers.csv_layout import SAMPLE_BYTES, find_encoding, is_number
from seqcore.data.readers.detect_kind import LABEL_NAMES, are_labels
from seqcore.data.readers.formats.delimited import read_delimited, text_head
from seqcore.data.readers.formats.gutenberg import inside_book
from seqcore.data.readers.formats.input_file import Given
from seqcore.data.readers.formats.ts import looks_like_ts, read_ts
from seqcore.data.table import Table
from seqcore.data.text import text_table
from seqcore.errors import DataError

__all__ = ["read_pairs", "read_plain", "read_text"]

NAMED = 10  # rows of a fault
_PIECE = 1 << 20
_SIDES = {  # what the columns of pairs are called, where they are called anything
    *("source", "target", "src", "tgt", "from", "to", "input", "output", "sentence", "translation"),
    *("english", "french", "german", "spanish", "italian", "portuguese", "dutch", "russian"),
    *("en", "fr", "de", "es", "it", "pt", "nl", "ru"),
}
_TEXTS = (".txt", ".text", ".md")


def read_plain(given: Given) -> Table:
    """The table in a text of any kind. DataError: a line for each fault, with its row."""
    kind = given.options.kind
    if kind in ("series", "sequences", "labelled-text"):
        return read_delimited(given)
    if kind == "text":
        return read_text(given)
    lines = _first_lines(given)
    if kind == "pairs":
        return read_pairs(given) if any("\t" in line for line in lines) else read_delimited(given)
    if looks_like_ts(lines):
        return read_ts(given)
    if _sides(lines) is not None:
        return read_pairs(given)
    return read_text(given) if given.suffix in _TEXTS and not _are_rows(lines) else read_delimited(given)


def read_text(given: Given) -> Table:
    """All of a file as one sequence of characters or words. DataError where there is nothing to learn in it."""
    encoding, notes = _encoding(given)
    given.progress.stage(0.2, 1.0)
    level = "characters" if given.options.level == "auto" else given.options.level
    table = text_table(inside_book(_decoded(given, encoding), given.notes), level=level, name=given.name)
    if table.symbols is not None and not "".join(table.symbols).strip():
        raise DataError(
            f"{given.name}: there is nothing but white space in it; give a text of a few hundred characters"
        )
    return replace(table, notes=(*given.notes, *notes, *table.notes))


def read_pairs(given: Given) -> Table:
    """The sentences of the first two columns of text between tabs; what else a row has is left out.

    DataError names the rows that have no tab, nothing on one side, or more columns than the others.
    """
    from seqcore.data.parallel_text import ONLY_WORDS, pairs_table

    encoding, notes = _encoding(given)
    if given.options.level == "characters":
        notes = (*notes, ONLY_WORDS)
    places = _sides(_first_lines(given)) or (0, 1)
    given.progress.stage(0.2, 1.0)
    table: Table = pairs_table(_pairs(given, encoding, places), name=given.name)
    return replace(table, notes=(*given.notes, *notes, *table.notes))


def _encoding(given: Given) -> tuple[str, tuple[str, ...]]:
    given.progress.stage(0.0, 0.2)
    return find_encoding(given.watched(), name=given.name, given=given.options.encoding, values=False)


def _decoded(given: Given, encoding: str) -> Iterator[str]:
    """The text piece by piece."""
    stream = given.watched()
    decoder = codecs.getincrementaldecoder(encoding)()
    while chunk := stream.read(_PIECE):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _first_lines(given: Given) -> list[str]:
    """The first lines, whatever the encoding: what matters of them are letters, digits and tabs."""
    head = given.head(SAMPLE_BYTES)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return text_head(given.stream, "utf-16").splitlines()
    text = head.decode("utf-8-sig", errors="replace")
    whole = len(head) < SAMPLE_BYTES
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if whole or len(lines) == 1 else lines[:-1]


def _sides(lines: list[str]) -> tuple[int, int] | None:
    """The two columns between tabs that hold sentences; None where the lines are something else."""
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
    if are_labels(first) or are_labels(second) or (numbers and min(words) < 1.5):
        return None
    return texts[0], texts[1]


def _is_written(cells: list[str]) -> bool:
    """Whether most cells are of letters, and neither numbers nor dates."""
    filled = [cell for cell in cells if cell]
    good = [cell for cell in filled if re.search(r"[^\W\d_]", cell) and not _is_value(cell)]
    return len(filled) >= 0.5 * len(cells) and len(good) > 0.8 * len(filled)


def _is_value(cell: str) -> bool:
    return is_number(cell) or is_number(cell, ",") or re.match(r"\d+[-/.]\d", cell) is not None


def _pairs(given: Given, encoding: str, places: tuple[int, int]) -> Iterator[tuple[str, str]]:
    """The two sides of every row. DataError, at the end, for rows that lack one."""
    faults: dict[str, list[int]] = {}
    widths: dict[int, list[int]] = {}
    count = 0
    text: TextIO = io.TextIOWrapper(given.watched(), encoding=encoding)
    for row, line in enumerate(text, 1):
        cells = line.rstrip("\n").split("\t")
        if len(cells) <= places[1]:
            if line.strip():
                faults.setdefault("there is no second sentence after a tab", []).append(row)
            continue
        pair = cells[places[0]].strip(), cells[places[1]].strip()
        if count == 0 and row == 1 and {cell.lower() for cell in pair} <= _SIDES:
            continue
        if not all(pair):
            faults.setdefault(f"the {'second' if pair[0] else 'first'} side of the pair is empty", []).append(row)
            continue
        count += 1
        widths.setdefault(len(cells), []).append(row)
        yield pair
    lines = [f"{_listed(rows)}: {what}; write it, or take the row out" for what, rows in faults.items()]
    lines += _too_wide(widths)
    if lines:
        raise DataError(*(f"{given.name}, {line}" for line in lines))
    if count == 0:
        raise DataError(f"{given.name}: there are no pairs in it; give two sentences a row with a tab between them")


def _too_wide(widths: dict[int, list[int]]) -> list[str]:
    """A line for each number of columns that only few rows have, where that is more than nearly all others have."""
    total = sum(map(len, widths.values()))
    usual = max(widths, key=lambda width: len(widths[width]), default=0)
    if not total or len(widths[usual]) < 0.9 * total:
        return []
    return [
        f"{_listed(rows)}: {width} columns where the others have {usual}; take out the tabs that are too many"
        for width, rows in sorted(widths.items())
        if width > usual
    ]


def _listed(rows: list[int]) -> str:
    more = f" and {len(rows) - NAMED:,} more" if len(rows) > NAMED else ""
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows[:NAMED]))}{more}"


def _are_rows(lines: list[str]) -> bool:
    """Whether the lines of a text file are rows of values: cut alike, with numbers, or with labels beside texts."""
    filled = [line.strip() for line in lines if line.strip()][:400]
    if not filled:
        return False
    for sign in ("\t", ";", "|", ",", None):
        rows = [line.split(sign) for line in filled]
        width = len(rows[len(rows) // 2])
        alike = [row for row in rows if len(row) == width]
        if len(alike) < 0.9 * len(rows) or (width == 1 and sign is not None):
            continue
        columns = [[cell.strip() for cell in column] for column in zip(*alike, strict=True)]
        numeric = [sum(is_number(c) or is_number(c, ",") for c in cells) > 0.8 * len(cells) for cells in columns]
        if any(numeric) and (width <= 2 or sum(numeric) >= 0.5 * width or sign is not None):
            return True
        if sign == "\t" and width == 2:
            return True
        if sign is not None and any(c.lower() in LABEL_NAMES for c in rows[0]):
            return True
    return False
