"""How a text file of values is written: encoding, delimiter, decimal sign, header. Recognised, unless it is said.

All of it is found in the file's first rows, except for the encoding, which every byte of the file has to fit.
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

from seqcore.data.sources.stored_file import FileOptions
from seqcore.errors import DataError

__all__ = ["MISSING", "NUMBER", "Layout", "find_encoding", "find_layout", "is_number"]

SAMPLE_BYTES = 1 << 18
SAMPLE_ROWS = 400
_SIGNS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
_BOMS = (  # the longer ones first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FORMATS = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"PAR1", "a Parquet file", "save it as CSV"),
    (b"%PDF", "a PDF", "give a text file of values (CSV)"),
    (b"\x89PNG", "a picture", "give a text file of values (CSV)"),
    (b"\xff\xd8\xff", "a picture", "give a text file of values (CSV)"),
    (b"SQLite format 3", "a database", "save the table as CSV"),
)

MISSING = (
    *("", "NA", "N/A", "n/a", "na", "n.a.", "#N/A", "#NA", "NaN", "nan", "NAN", "-nan", "NaT"),
    *("null", "NULL", "Null", "None", "none", "NONE", "nil", "missing", "Missing"),
    *("-", "--", "---", "?", ".", "..", "...", ":"),
)
"""Cells that say that a value is missing."""

_BEFORE, _AFTER = r"[+-]?(?:[€$£¥] ?)?[+-]?", r"(?: ?[€$£¥%])?"
_GROUP = "'’ \u00a0\u202f"  # what divides thousands, beside comma or point
NUMBER = {  # by decimal sign
    ".": rf"{_BEFORE}(?:\d+|\d{{1,3}}(?:[,{_GROUP}]\d{{3}})+)?(?:\.\d*)?(?:[eE][+-]?\d+)?{_AFTER}",
    ",": rf"{_BEFORE}(?:\d+|\d{{1,3}}(?:[.{_GROUP}]\d{{3}})+)?(?:,\d*)?(?:[eE][+-]?\d+)?{_AFTER}",
}
"""What a number looks like, by its decimal sign. Thousands may be divided; currency and per cent may stand by."""


@dataclass(frozen=True)
class Layout:
    """How a file is written. `columns` are its names, each once; `skip` lines come before the first row."""

    delimiter: str
    decimal: str
    header: bool
    columns: tuple[str, ...]
    skip: int
    quoted: bool  # whether a value may hold a line break
    quotes: bool  # whether quotation marks stand around values, and not in them as in any text
    rows: tuple[tuple[str, ...], ...]  # the first rows of values, for looking at
    notes: tuple[str, ...] = ()


def is_number(cell: str, decimal: str = ".") -> bool:
    """Whether a cell holds a number, its groups of thousands, currency or per cent sign included."""
    return bool(re.search(r"\d", cell) and re.fullmatch(NUMBER[decimal], cell.strip()))


def find_encoding(
    stream: BinaryIO, *, name: str, given: str = "auto", values: bool = True
) -> tuple[str, tuple[str, ...]]:
    """The encoding that all of `stream` has, and a note where it was guessed.

    DataError where it is no text, or text of several encodings; and, where rows of `values` are wanted, JSON or XML.
    """
    head = stream.read(SAMPLE_BYTES)
    for start, what, advice in _FORMATS:
        if head.startswith(start):
            raise DataError(f"{name}: this is {what}, not a CSV file; {advice}")
    for start, what in ((b"{", "JSON"), (b"[", "JSON"), (b"<", "a page or XML")) if values else ():
        if head.lstrip(codecs.BOM_UTF8 + b" \r\n\t").startswith(start):
            raise DataError(
                f"{name}: this is {what}, not a CSV file; give a row for each time, values with commas between"
            )
    encoding = {"auto": _from_first_bytes(head), "utf-8": "utf-8-sig"}.get(given, given)
    if encoding is not None:
        fault = _undecodable(stream, encoding)
        if fault is None:
            return encoding, ()
        raise DataError(f"{name}, row {fault}: this is not {encoding}; choose another encoding, or auto")
    if b"\0" not in head and not _is_noise(head):
        if _undecodable(stream, "utf-8") is None:
            return "utf-8", ()
        _refuse_mixture(stream, name)
        for encoding, title in (("cp1252", "Windows 1252"), ("latin-1", "Latin-1")):
            if _undecodable(stream, encoding) is None:
                return encoding, (f"Letters were read as {title}, since the file is not UTF-8.",)
    raise DataError(f"{name}: this is a binary file, not text; give a text file of values (CSV)")


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
    """The row of the first byte that is not `encoding`, or of the first NUL; None where all is well."""
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
    """DataError where some rows have letters in UTF-8 and others in another encoding: each would spoil the other's."""
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
            f"{name}, row {bad}: its letters are not UTF-8 as those of row {good} are, so the file mixes encodings; "
            "save all of it as UTF-8, or say which encoding holds"
        )


def find_layout(head: str, *, name: str, options: FileOptions) -> Layout:
    """How the text is written, from its first rows. DataError where there is nothing in it."""
    lines = head.splitlines()
    skip = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    told = re.fullmatch(r'"?sep=(.)"?', lines[skip].strip()) if skip < len(lines) else None  # Excel's own first line
    if told:
        skip += 1
    text = "\n".join(lines[skip:])
    if not text.strip():
        raise DataError(f"{name}: there is nothing in this file; give a file with a row for each time")
    given = _SIGNS.get(options.delimiter) or (told.group(1) if told else None)
    delimiter = given or _delimiter(text)
    quotes = delimiter != "\t" or _are_around(text)
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
            f"{name}, row {skip + 1}: the header names {len(rows[0])} columns where the rows have {width} values; "
            "give each column a name, or say what the delimiter is"
        )
    columns = _unique(rows[0] if header else [""] * width)
    body = tuple(tuple(row) for row in rows[header:] if len(row) == width)
    return Layout(delimiter, decimal, header, columns, skip, quotes and '"' in text, quotes, body, notes)


def _are_around(text: str) -> bool:
    """Whether the quotation marks between tabs stand around values: each that begins one also ends one."""
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
        raise DataError(f"{name}, row {reader.line_num}: this is no row of values ({error}); give a CSV file") from None


def _delimiter(text: str) -> str:
    """The sign that cuts the rows into the same number of pieces; the comma where none does."""
    best, best_share = ",", 0.0
    lines = [line for line in text.split("\n") if line.strip()][:SAMPLE_ROWS]
    for sign in (";", "\t", "|", ","):  # in this order: a comma may be a decimal comma inside the others
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
    """Whether commas that seemed to divide two columns only divide the digits of one, as under a header of one name."""
    body = [row for row in rows[1:] if row != [""]]
    split = [row for row in body if len(row) == 2]
    return (
        len(rows[0]) == 1
        and bool(split)
        and all(len(row) <= 2 and all(re.fullmatch(r"[+-]?\d+", cell) for cell in row) for row in body)
    )


def _decimal(rows: list[list[str]], delimiter: str) -> tuple[str, tuple[str, ...]]:
    """The decimal sign. 1,234 is a thousand where commas divide columns, and a decimal comma where they don't."""
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
    if delimiter == ",":
        return ".", (f"{example} was read as {example.replace(',', '')}; say decimal comma where that is wrong.",)
    return ",", (f"{example} was read as {example.replace(',', '.')}; say decimal point where that is wrong.",)


def _has_header(rows: list[list[str]], decimal: str) -> bool:
    """Whether the first row names the columns: no number in it, or a name over a column of numbers or dates."""
    first, body = rows[0], rows[1:]

    def is_value(cell: str) -> bool:
        return is_number(cell, decimal) or is_number(cell, ".") or bool(re.match(r"\d+[-/.]\d|\d{1,2}:\d\d", cell))

    if not any(is_value(cell) for cell in first):
        if body and not any(is_value(cell) for row in body for cell in row):  # of text alone, as labels and texts are
            return not any(
                cell and any(i < len(row) and row[i] == cell for row in body) for i, cell in enumerate(first)
            )
        return any(cell not in MISSING for cell in first)
    if _counts_columns(first, body) or _is_index_and_numbers(first):
        return True
    for i, cell in enumerate(first):
        below = [row[i] for row in body if i < len(row) and row[i] not in MISSING]
        if cell not in MISSING and not is_value(cell) and below and sum(map(is_value, below)) > 0.9 * len(below):
            return True
    return False


def _is_index_and_numbers(first: list[str]) -> bool:
    """Whether the first row is nothing and then 0, 1, 2, ...: how a frame without names is saved beside its index."""
    return len(first) > 1 and not first[0] and first[1:] == [str(i) for i in range(len(first) - 1)]


def _counts_columns(first: list[str], body: list[list[str]]) -> bool:
    """Whether the first row is a name or two and then 1, 2, 3, ...: the steps of sequences that are rows."""
    words = [i for i, cell in enumerate(first) if cell and not is_number(cell)]
    counted = [cell for i, cell in enumerate(first) if i not in words]
    if not 1 <= len(words) <= 3 or len(counted) < 3 or not all(re.fullmatch(r"\d{1,5}", cell) for cell in counted):
        return False
    numbers = [int(cell) for cell in counted]
    rising = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return rising and not any(i < len(row) and row[i] == first[i] for row in body for i in words)


def _unique(names: list[str]) -> tuple[str, ...]:
    """Names for all columns, each one once: empty ones are numbered, and so are those that come again."""
    unique: list[str] = []
    for i, name in enumerate(names, 1):
        wanted = re.sub(r"\s+", " ", name.replace("\ufeff", "")).strip()[:200] or f"column {i}"
        count, given = 1, wanted
        while given in unique:
            count += 1
            given = f"{wanted} ({count})"
        unique.append(given)
    return tuple(unique)
