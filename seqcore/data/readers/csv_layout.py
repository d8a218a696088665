"""Layout of a delimited text file: encoding, delimiter, decimal separator and header, detected or given.

Everything is detected from the first rows, except for the encoding, which is checked for the whole file.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from seqcore.data.readers.numbers import MISSING, is_number
from seqcore.data.sources.stored_file import FileOptions
from seqcore.errors import DataError

__all__ = ["Layout", "find_encoding", "find_layout"]

SAMPLE_BYTES = 1 << 18
SAMPLE_ROWS = 400
_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
_BOMS = (  # longer ones first: the mark of UTF-32 begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FORMATS = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"%PDF", "a PDF", "give a CSV file"),
    (b"\x89PNG", "an image", "give a CSV file"),
    (b"\xff\xd8\xff", "an image", "give a CSV file"),
    (b"SQLite format 3", "a database", "save the table as CSV"),
)


@dataclass(frozen=True)
class Layout:
    """The layout of a file: unique column names, and `skip` lines before the first row."""

    delimiter: str
    decimal: str
    header: bool
    columns: tuple[str, ...]
    skip: int
    quoted: bool  # values may contain line breaks
    quotes: bool  # quotation marks enclose values
    rows: tuple[tuple[str, ...], ...]  # the first rows of values
    notes: tuple[str, ...] = ()


def find_encoding(
    stream: BinaryIO, *, name: str, declared: str = "auto", values: bool = True
) -> tuple[str, tuple[str, ...]]:
    """The encoding of the whole stream, and a note if it was guessed.

    DataError for binary files and mixed encodings; with `values`, also for JSON and XML.
    """
    head = stream.read(SAMPLE_BYTES)
    for start, what, advice in _FORMATS:
        if head.startswith(start):
            raise DataError(f"{name}: this is {what}, not a CSV file; {advice}")
    for start, what in ((b"{", "JSON"), (b"[", "JSON"), (b"<", "HTML or XML")) if values else ():
        if head.lstrip(codecs.BOM_UTF8 + b" \r\n\t").startswith(start):
            raise DataError(
                f"{name}: this is {what}, not a CSV file; give one row per time step, with commas between the values"
            )
    encoding = {"auto": _from_first_bytes(head), "utf-8": "utf-8-sig"}.get(declared, declared)
    if encoding is not None:
        bad_row = _undecodable(stream, encoding)
        if bad_row is None:
            return encoding, ()
        raise DataError(f"{name}, row {bad_row}: this is not {encoding}; choose another encoding, or auto")
    if b"\0" not in head and not _is_noise(head):
        if _undecodable(stream, "utf-8") is None:
            return "utf-8", ()
        _refuse_mixture(stream, name)
        for encoding, title in (("cp1252", "Windows 1252"), ("latin-1", "Latin-1")):
            if _undecodable(stream, encoding) is None:
                return encoding, (f"Encoding: read as {title}, because the file is not UTF-8.",)
    raise DataError(f"{name}: this is a binary file, not text; give a CSV file")


def _from_first_bytes(head: bytes) -> str | None:
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    even, odd = head[0:2000:2].count(0), head[1:2000:2].count(0)
    most = len(head[:2000]) // 2 * 0.7
    if odd > most and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > most and odd == 0 else None


def _is_noise(head: bytes) -> bool:
    control = sum(head.count(bytes([b])) for b in (*range(1, 9), *range(14, 32), 127))
    return control > 0.005 * len(head)


def _undecodable(stream: BinaryIO, encoding: str) -> int | None:
    """The row of the first byte that is not valid in `encoding`, or of the first NUL; None if there is none."""
    decoder = codecs.getincrementaldecoder(encoding)()
    stream.seek(0)
    rows = 1
    while True:
        chunk = stream.read(1 << 20)
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            return rows + chunk[: error.start].count(b"\n")
        if "\0" in text:
            return rows + text.partition("\0")[0].count("\n")
        rows += text.count("\n")
        if not chunk:
            return None


def _refuse_mixture(stream: BinaryIO, name: str) -> None:
    """DataError if some rows are UTF-8 and others are in another encoding."""
    good = bad = 0
    stream.seek(0)
    lines = io.BufferedReader(stream)  # type: ignore[type-var]
    for row, line in enumerate(lines, 1):
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            good = good or row
        except UnicodeDecodeError:
            bad = bad or row
        if good and bad:
            break
    lines.detach()
    if good and bad:
        raise DataError(
            f"{name}, row {bad}: this row is not UTF-8, but row {good} is; the file mixes encodings: save it as UTF-8, "
            "or set the encoding"
        )


def find_layout(head: str, *, name: str, options: FileOptions) -> Layout:
    """The layout of a file from its first rows. DataError if it is empty."""
    lines = head.splitlines()
    skip = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    declared = re.fullmatch(r'"?sep=(.)"?', lines[skip].strip()) if skip < len(lines) else None  # written by Excel
    if declared:
        skip += 1
    text = "\n".join(lines[skip:])
    if not text.strip():
        raise DataError(f"{name}: this file is empty; give one row per time step")
    given = _DELIMITERS.get(options.delimiter) or (declared.group(1) if declared else None)
    delimiter = given or _delimiter(text)
    quotes = delimiter != "\t" or _are_enclosing(text)
    rows = list(_rows(text, delimiter, name, quotes=quotes))
    width = Counter(len(row) for row in rows[:50]).most_common(1)[0][0]
    if given is None and delimiter == "," and _is_one_column_of_decimal_commas(rows):
        delimiter, rows, width = ";", list(_rows(text, ";", name)), 1
    decimal, notes = _decimal(rows, delimiter)
    if options.decimal != "auto":
        decimal, notes = {"point": ".", "comma": ","}[options.decimal], ()
    header = options.header == "yes" or (options.header == "auto" and _has_header(rows, decimal))
    if header and len(rows[0]) != width and len(rows) > 1:
        raise DataError(
            f"{name}, row {skip + 1}: the header has {len(rows[0])} names, but rows have {width} values; "
            "give each column a name, or set the delimiter"
        )
    columns = _unique(rows[0] if header else [""] * width)
    body = tuple(tuple(row) for row in rows[header:] if len(row) == width)
    return Layout(delimiter, decimal, header, columns, skip, quotes and '"' in text, quotes, body, notes)


def _are_enclosing(text: str) -> bool:
    """Whether quotation marks enclose tab-separated values: each value that begins with one also ends with one."""
    cells = [cell.strip() for line in text.split("\n") for cell in line.split("\t")]
    return all(len(cell) > 1 and cell.endswith('"') and cell.count('"') % 2 == 0 for cell in cells if cell[:1] == '"')


def _rows(text: str, delimiter: str, name: str, *, quotes: bool = True) -> Iterator[list[str]]:
    lines = (re.sub(r"[ \t]+", " ", line.strip()) if delimiter == " " else line for line in text.split("\n"))
    reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE)
    try:
        for count, row in enumerate(row for row in reader if row):
            if count >= SAMPLE_ROWS:
                return
            yield [cell.strip() for cell in row]
    except csv.Error as error:
        raise DataError(f"{name}, row {reader.line_num}: this row can't be parsed ({error}); give a CSV file") from None


def _delimiter(text: str) -> str:
    """The delimiter that divides the rows into equally many values; a comma if there is none."""
    best, best_share = ",", 0.0
    lines = [line for line in text.split("\n") if line.strip()][:SAMPLE_ROWS]
    for sign in (";", "\t", "|", ","):  # the comma last: it may be a decimal comma
        try:
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=sign) if row)
        except csv.Error:
            continue
        width, times = widths.most_common(1)[0]
        share = times / widths.total()
        if width > 1 and share > best_share + 1e-9:
            best, best_share = sign, share
    if best_share:
        return best
    pieces = [line.split() for line in lines]
    widths = Counter(len(row) for row in pieces)
    width, times = widths.most_common(1)[0]
    numbers = all(is_number(cell, ".") or is_number(cell, ",") or cell in MISSING for row in pieces[1:] for cell in row)
    return " " if width > 1 and times == widths.total() and len(pieces) > 1 and numbers else ","


def _is_one_column_of_decimal_commas(rows: list[list[str]]) -> bool:
    """Whether the commas are decimal commas of a single column: one name in the header, pairs of digits below."""
    body = [row for row in rows[1:] if row != [""]]
    split = [row for row in body if len(row) == 2]
    return (
        len(rows[0]) == 1
        and bool(split)
        and all(len(row) <= 2 and all(re.fullmatch(r"[+-]?\d+", cell) for cell in row) for row in body)
    )


def _decimal(rows: list[list[str]], delimiter: str) -> tuple[str, tuple[str, ...]]:
    """The decimal separator. 1,234 has a thousands separator if the delimiter is a comma, else a decimal comma."""
    seen: Counter[str] = Counter()
    example = ""
    for row in rows:
        for cell in row:
            bare = cell.strip("€$£¥% +-")
            if re.fullmatch(r"[1-9]\d{0,2},\d{3}", bare):
                seen["either"] += 1
                example = example or bare
            elif re.fullmatch(r"(\d+|\d{1,3}([. ]\d{3})+)?,\d+([eE][+-]?\d+)?|\d{1,3}(\.\d{3}){2,}", bare):
                seen[","] += 1
            elif re.fullmatch(r"(\d+|\d{1,3}([, ]\d{3})+)?\.\d*([eE][+-]?\d+)?|\d{1,3}(,\d{3}){2,}", bare):
                seen["."] += 1 if not re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", bare) else 0
    if seen[","] != seen["."]:
        return ("," if seen[","] > seen["."] else "."), ()
    if not example:
        return ".", ()
    kept, other = (".", "comma") if delimiter == "," else (",", "point")
    value = example.replace(",", "" if kept == "." else ".")
    return kept, (f"{example} was read as {value}; if that is wrong, set the decimal separator to {other}.",)


def _has_header(rows: list[list[str]], decimal: str) -> bool:
    """Whether the first row is a header: it has no numbers, or a name above a column of numbers or dates."""
    first, body = rows[0], rows[1:]

    def is_value(cell: str) -> bool:
        return is_number(cell, decimal) or is_number(cell, ".") or bool(re.match(r"\d+[-/.]\d|\d{1,2}:\d\d", cell))

    if not any(is_value(cell) for cell in first):
        if body and not any(is_value(cell) for row in body for cell in row):  # text columns only
            return not any(
                cell and any(i < len(row) and row[i] == cell for row in body) for i, cell in enumerate(first)
            )
        return any(cell not in MISSING for cell in first)
    if len(first) > 1 and first == ["", *(str(i) for i in range(len(first) - 1))]:
        return True  # a DataFrame without names, saved with its index
    if _counts_columns(first, body):
        return True
    for i, cell in enumerate(first):
        below = [row[i] for row in body if i < len(row) and row[i] not in MISSING]
        if cell not in MISSING and not is_value(cell) and below and sum(map(is_value, below)) > 0.9 * len(below):
            return True
    return False


def _counts_columns(first: list[str], body: list[list[str]]) -> bool:
    """Whether the first row is up to 3 names and then 1, 2, 3, ...: the time steps of one sequence per row."""
    words = [i for i, cell in enumerate(first) if cell and not is_number(cell)]
    counted = [cell for i, cell in enumerate(first) if i not in words]
    if not 1 <= len(words) <= 3 or len(counted) < 3 or not all(re.fullmatch(r"\d{1,5}", cell) for cell in counted):
        return False
    numbers = [int(cell) for cell in counted]
    rising = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return rising and not any(i < len(row) and row[i] == first[i] for row in body for i in words)


def _unique(names: list[str]) -> tuple[str, ...]:
    """Unique column names: empty ones are numbered, duplicates get a number."""
    unique: list[str] = []
    for i, name in enumerate(names, 1):
        wanted = re.sub(r"\s+", " ", name.replace("\ufeff", "")).strip()[:200] or f"column {i}"
        count, candidate = 1, wanted
        while candidate in unique:
            count += 1
            candidate = f"{wanted} ({count})"
        unique.append(candidate)
    return tuple(unique)
