"""The character encoding of a file: declared by a mark, found by its bytes, or guessed."""

from __future__ import annotations

import codecs
import io
import re
from typing import BinaryIO

from seqcore.errors import DataError

__all__ = ["SAMPLE_BYTES", "find_encoding"]

SAMPLE_BYTES = 1 << 18
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

_BRACKETED = re.compile(rb"\s*<[^<>\r\n]+>\s*(?:[,;\t| ]\s*<[^<>\r\n]+>\s*)+[\r\n]")  # names such as <DATE>,<TIME>


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
        if head.lstrip(codecs.BOM_UTF8 + b" \r\n\t").startswith(start) and not _BRACKETED.match(head):
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
