"""Rows of a delimited text: their cells and the kinds of these, without comments, and the delimiter between them."""

from __future__ import annotations

import csv
import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from seqcore.data.readers.numbers import MISSING, is_number
from seqcore.errors import DataError
from seqcore.results.thinning import evenly

__all__ = [
    "SAMPLE_ROWS",
    "TYPED",
    "Row",
    "cell_kind",
    "find_delimiter",
    "rows_of",
    "split_line",
    "uncommented",
    "usual_width",
]

csv.field_size_limit(1 << 22)  # the longest row that is read, see delimited.BLOCK_BYTES

SAMPLE_ROWS = 400  # rows that decide
TYPED = ("number", "time")
_LONGEST_KIND = 100  # characters of a number or time
_TIME = re.compile(
    r"\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?([T ,]+\d{1,2}[:.h]\d\d[^,;|\t]*)?|\d{1,2}[:.]\d\d([:.]\d\d(\.\d+)?)?", re.A
)


class Row(NamedTuple):
    """One row: its cells without outer spaces, and the last line of the text that it takes, counted from 1."""

    cells: list[str]
    line: int

    @property
    def first_line(self) -> int:
        """Its first line: cells in quotation marks may contain line breaks."""
        return self.line - sum(cell.count("\n") for cell in self.cells)


def uncommented(lines: Iterable[str], comment: str, *, quotes: bool = True) -> Iterator[tuple[int, str]]:
    """The lines that are no comments, numbered from 1. A line inside quotation marks is no comment."""
    inside = False
    for number, line in enumerate(lines, 1):
        if comment and not inside and line.lstrip().startswith(comment):
            continue
        inside ^= quotes and line.count('"') % 2 == 1
        yield number, line


def rows_of(
    lines: Iterable[str], delimiter: str, name: str, *, quotes: bool = True, comment: str = "", blank: bool = False
) -> Iterator[Row]:
    """The rows of these lines, without comments; with `blank`, empty lines are rows with one empty cell.

    DataError for a row that can't be parsed.
    """
    last = 0

    def remember() -> Iterator[str]:
        nonlocal last
        for last, line in uncommented(lines, comment, quotes=quotes):  # noqa: B007  (read below)
            line = re.sub(r"[ \t]+", " ", line.strip()) if delimiter == " " else line
            yield line if line.endswith(("\n", "\r")) else line + "\n"

    reader = csv.reader(remember(), delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE)
    try:
        for cells in reader:
            row = Row([cell.strip() for cell in cells] or [""], last)
            if blank or row.cells != [""]:
                yield row
    except csv.Error as error:
        raise DataError(f"{name}, row {last}: this row can't be parsed ({error}); give a CSV file") from None


def cell_kind(cell: str) -> str:
    """number, time, digits, text, or "" for a missing cell."""
    return _kind(cell) if len(cell) <= _LONGEST_KIND else "text"


@functools.lru_cache(maxsize=50_000)  # delimiter, comments, width and header each ask for the same cells
def _kind(cell: str) -> str:
    if cell in MISSING:
        return ""
    if not re.search(r"\d", cell):
        return "text"
    if is_number(cell) or is_number(cell, ","):
        return "number"
    return "time" if _TIME.fullmatch(cell) else "digits"


def find_delimiter(lines: list[str], name: str, comment: str) -> str:
    """The delimiter that gives the most rows of one width with a number or time; a comma if there is none."""
    best, most = ",", (0.0, 0.0)
    head = "\n".join(lines)
    for sign in (";", "\t", "|", ","):  # the comma last: it may be a decimal comma
        if sign not in head:
            continue
        try:
            rows = list(rows_of(lines, sign, name, comment=comment))
        except DataError:
            continue
        width = usual_width([row.cells for row in rows])
        if width > 1:
            some = _spread(rows)
            alike = [row for row in some if len(row) == width]
            found = (
                sum(any(cell_kind(cell) in ("number", "time") for cell in row) for row in alike),
                len(alike) / len(some),
            )
            if found > (1.1 * most[0], most[1]):  # lines above the table may have a few more
                best, most = sign, found
    return " " if _are_spaced(lines, name, comment, most[0]) else best


def _are_spaced(lines: list[str], name: str, comment: str, most: float) -> bool:
    """Whether spaces divide the lines into numbers and times, more of them than the `most` of any delimiter."""
    rows = [row.cells for row in rows_of(lines, " ", name, quotes=False, comment=comment)]
    width = usual_width(rows)
    start = next((i for i, row in enumerate(rows) if len(row) == width), 0)
    if width < 2 or len(rows) < 2 or (start == 1 and len(rows[0]) == 1):  # one name above numbers such as 1 234
        return False
    below = [row for row in rows[start + 1 :] if len(row) == width][:SAMPLE_ROWS]
    good = sum(all(cell_kind(cell) in ("number", "time", "") for cell in row) for row in below)
    return good > max(most, 0.9 * len(rows[start + 1 :][:SAMPLE_ROWS]) - 1, 0) and any(
        cell_kind(cell) == "number" for row in below[:5] for cell in row
    )


def _spread(rows: list[Row]) -> list[list[str]]:
    return [rows[i].cells for i in evenly(len(rows), SAMPLE_ROWS)]


def usual_width(rows: list[list[str]]) -> int:
    """The number of cells of the table's rows: the one whose rows hold the most numbers and times."""
    some = [rows[i] for i in evenly(len(rows), SAMPLE_ROWS)]
    counts = Counter(len(row) for row in some)
    typed: Counter[int] = Counter()  # rows with a number or time
    cells: Counter[int] = Counter()  # numbers and times
    for row in some:
        kinds = [cell_kind(cell) for cell in row[:50]]
        found = sum(kind in TYPED for kind in kinds) if len(row) > 1 else kinds == ["number"]
        typed[len(row)] += found > 0
        cells[len(row)] += found
    most = max(typed.values(), default=0)
    enough = min(most, max(3, most // 4))  # metadata may have more rows than the table
    likely = [width for width in counts if typed[width] >= enough]
    return max(likely, key=lambda width: (cells[width], counts[width]), default=1)


def split_line(line: str, delimiter: str, name: str) -> list[str]:
    """The cells of one line; none if it can't be parsed."""
    try:
        return next((row.cells for row in rows_of([line], delimiter, name)), [])
    except DataError:
        return []
