"""Layout of a delimited text file: delimiter, decimal separators, comments and header, detected or given.

Everything is detected from the first rows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from seqcore.data.import_report import Answer, Question
from seqcore.data.readers.delimited_rows import SAMPLE_ROWS, Row, find_delimiter, rows_of
from seqcore.data.readers.formats.input_file import refuse_width
from seqcore.data.readers.numbers import find_decimal
from seqcore.data.readers.table_start import TableStart, find_comment, find_start, marked_names
from seqcore.data.sources.stored_file import FileOptions
from seqcore.errors import DataError
from seqcore.results.formatting import counted, listed

__all__ = ["Layout", "find_layout", "unique_names"]

SAMPLE_CELLS = 200_000
_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
_DECIMALS = {"point": ".", "comma": ","}
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Layout:
    """The layout of a file: unique column names, and `skip` lines before the first row of values.

    `decimals` are the decimal separators of columns that have another one than `decimal`, by place.
    """

    delimiter: str
    decimal: str
    header: bool
    columns: tuple[str, ...]
    skip: int
    quoted: bool  # values may contain line breaks
    quotes: bool  # quotation marks enclose values
    comment: str  # what begins comment lines, or ""
    rows: tuple[tuple[str, ...], ...]  # the first rows of values
    decimals: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()


def find_layout(head: str, *, name: str, options: FileOptions) -> Layout:
    """The layout of a file from its first rows. DataError if it is empty or has too many columns."""
    lines = head.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    skipped = options.skip_rows or 0
    text = lines[:]  # with empty lines in place of those that are skipped, so that lines keep their numbers
    text[:skipped] = [""] * min(skipped, len(text))
    declared = _declared_delimiter(text)
    if not any(line.strip() for line in text):
        below = f" below the {skipped:,} skipped lines" if skipped and any(map(str.strip, lines)) else ""
        raise DataError(f"{name}: this file is empty{below}; give one row per time step")
    given = _DELIMITERS.get(options.delimiter, "") or declared
    comment = {"none": "", "auto": find_comment(text, name, given)}.get(options.comment, options.comment)
    delimiter = given or find_delimiter(text, name, comment)
    quotes = delimiter != "\t" or _are_enclosing(text)
    rows = _rows(text, delimiter, name, quotes=quotes, comment=comment)
    if not given and delimiter == "," and _is_one_column_of_decimal_commas(rows):
        delimiter = ";"
        rows = _rows(text, delimiter, name, quotes=True, comment=comment)
    refuse_width(max((len(row.cells) for row in rows[:50]), default=0), name)
    marked = marked_names(text, rows[0].first_line, delimiter, comment, name)
    start = find_start(rows, name, header=options.header, given=options.skip_rows is not None, marked=marked)
    width = len(start.names) if start.names is not None else max(map(len, start.rows[:1]), default=1)
    body = [row for row in start.rows if len(row) == width][: max(20, min(SAMPLE_ROWS, SAMPLE_CELLS // width))]
    columns = unique_names(start.names or [""] * width)
    decimal, decimals, notes, questions = _decimals(body, columns, delimiter, options)
    return Layout(
        delimiter=delimiter,
        decimal=decimal,
        header=start.names is not None,
        columns=columns,
        skip=start.skip,
        quoted=quotes and any('"' in line for line in text[start.skip :]),
        quotes=quotes,
        comment=comment,
        rows=tuple(map(tuple, body)),
        decimals=decimals,
        notes=(*_above(text, start), *start.notes, *notes),
        questions=questions,
    )


def _declared_delimiter(lines: list[str]) -> str:
    """The delimiter in a first line such as sep=; that Excel writes, which is emptied; "" if there is none."""
    place = next((i for i, line in enumerate(lines) if line.strip()), None)
    found = None if place is None else re.fullmatch(r'"?sep=([!#-/:-@[-`{-~\t])"?', lines[place].strip("\ufeff \r"))
    if place is None or found is None:
        return ""
    lines[place] = ""
    return found[1]


def _above(lines: list[str], start: TableStart) -> list[str]:
    """The note of the lines above the header, if there are any."""
    above = [line.strip() for i, line in enumerate(lines[: start.top - 1], 1) if line.strip() and i not in start.named]
    if not above:
        return []
    count = counted(len(above), "line")
    shown = listed((repr(line[:40]) for line in above[:3]), 3, of=len(above))
    return [f"Skipped {count} above the {'header' if start.names else 'first row'}: {shown}."]


def _rows(lines: list[str], delimiter: str, name: str, *, quotes: bool, comment: str) -> list[Row]:
    rows = list(rows_of(lines, delimiter, name, quotes=quotes, comment=comment))
    if not rows:
        raise DataError(f"{name}: there are only comments; give one row per time step, or set the comment sign to none")
    return rows


def _are_enclosing(lines: list[str]) -> bool:
    """Whether quotation marks enclose tab-separated values: each value that begins with one also ends with one."""
    cells = [cell.strip() for line in lines for cell in line.split("\t") if '"' in line]
    return all(len(cell) > 1 and cell.endswith('"') and cell.count('"') % 2 == 0 for cell in cells if cell[:1] == '"')


def _is_one_column_of_decimal_commas(rows: list[Row]) -> bool:
    """Whether the commas are decimal commas of a single column: one name in the header, pairs of digits below."""
    body = [row.cells for row in rows[1:]]
    return (
        len(rows[0].cells) == 1
        and any(len(row) == 2 for row in body)
        and all(len(row) <= 2 and all(re.fullmatch(r"[+-]?\d+", cell) for cell in row) for row in body)
    )


def _decimals(
    rows: list[list[str]], columns: tuple[str, ...], delimiter: str, options: FileOptions
) -> tuple[str, dict[int, str], tuple[str, ...], tuple[Question, ...]]:
    """The decimal separator of the file, that of columns with another one, and what is doubtful.

    1,234 has a thousands separator if the delimiter is a comma, else a decimal comma.
    """
    if options.decimal != "auto":
        return _DECIMALS[options.decimal], {}, (), ()
    found = [find_decimal(column) for column in zip(*rows, strict=True)]
    commas, points = (sum(column.separator == sign for column in found) for sign in ",.")
    example = next((column.example for column in found if column.example), "")
    if commas or points:
        decimal = "," if commas > points else "."
        other = {i: column.separator for i, column in enumerate(found) if column.separator not in ("", decimal)}
        names = ", ".join(columns[i] for i in list(other)[:5])
        word = "a point" if decimal == "," else "a comma"
        return decimal, other, ((f"Numbers with {word} as decimal separator: column {names}.",) if other else ()), ()
    if not example:
        return ".", {}, (), ()
    kept, other_word = (".", "comma") if delimiter == "," else (",", "point")
    value, other_value = (example.replace(",", sign) for sign in (("", ".") if kept == "." else (".", "")))
    said = f"{example} was read as {value}"
    question = Question(f"{said}.", (Answer(f"{example} is {other_value}", {"decimal": other_word}),))
    return kept, {}, (f"{said}; if that is wrong, set the decimal separator to {other_word}.",), (question,)


def unique_names(names: list[str]) -> tuple[str, ...]:
    """Unique column names on one line: empty ones are numbered, duplicates get a number, <DATE> is DATE.

    Control characters, and those that only change the direction of text, are left out.
    """
    unique: dict[str, None] = {}
    counts: dict[str, int] = {}
    for i, name in enumerate(names, 1):
        shown = "".join(sign for sign in re.sub(r"\s+", " ", name) if unicodedata.category(sign)[0] != "C").strip()
        bare = re.fullmatch(r"<([^<>]+)>", shown)
        wanted = (bare[1] if bare else shown).strip()[:_LONGEST_NAME] or f"column {i}"
        count, candidate = counts.get(wanted, 1), wanted
        while candidate in unique:
            count += 1
            candidate = f"{wanted} ({count})"
        counts[wanted] = count
        unique[candidate] = None
    return tuple(unique)
