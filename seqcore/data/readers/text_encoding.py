"""The character encoding of a file: declared by a mark, found by its bytes, or guessed."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from seqcore.data.import_report import Answer, Question
from seqcore.data.readers.encoding_guess import codec_of, rank
from seqcore.errors import DataError

__all__ = ["SAMPLE_BYTES", "Encoding", "find_encoding"]

SAMPLE_BYTES = 1 << 18
_GUESS_BYTES = 1 << 16  # of lines with letters beyond ASCII, from which the encoding is guessed
_DOUBT = 0.35  # smaller differences of score leave the encoding to the user
_CHUNK = 1 << 20
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


class Encoding(NamedTuple):
    """Python's codec, and what is to be said and asked about it."""

    codec: str
    notes: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()


class _Fault(NamedTuple):
    """The row of the first bytes that can't be decoded; `cut`: a character is cut off at the end of the file."""

    row: int
    cut: bool


def find_encoding(stream: BinaryIO, *, name: str, declared: str = "auto", values: bool = True) -> Encoding:
    """The encoding of the whole stream.

    DataError for binary files, mixed encodings and text that is cut off; with `values`, also for JSON and XML.
    """
    head = stream.read(SAMPLE_BYTES)
    for start, what, advice in _FORMATS:
        if head.startswith(start):
            raise DataError(f"{name}: this is {what}, not a CSV file; {advice}")
    for start, what in ((b"{", "JSON"), (b"[", "JSON"), (b"<", "HTML or XML")) if values else ():
        if head.lstrip(codecs.BOM_UTF8 + b" \r\n\t").startswith(start) and not _BRACKETED.match(
            head.removeprefix(codecs.BOM_UTF8)
        ):
            raise DataError(
                f"{name}: this is {what}, not a CSV file; give one row per time step, with commas between the values"
            )
    encoding = {"auto": _from_first_bytes(head), "utf-8": "utf-8-sig"}.get(declared, codec_of(declared))
    if encoding is not None:
        fault = _fault(stream, encoding)
        if fault is None:
            return Encoding(encoding)
        if fault.cut:
            raise _cut_off(name, fault, encoding)
        raise DataError(f"{name}, row {fault.row}: this is not {encoding}; choose another encoding, or auto")
    if b"\0" not in head and not _is_noise(head):
        fault = _fault(stream, "utf-8")
        if fault is None:
            return Encoding("utf-8")
        mixture = _Mixture(stream)
        if fault.cut and mixture.good:
            raise _cut_off(name, fault, "utf-8")
        found = next(_guesses(stream, mixture), None)
        if found is not None:
            return found
        mixture.refuse(name)
    raise DataError(f"{name}: this is a binary file, not text; give a CSV file")


def _guesses(stream: BinaryIO, mixture: _Mixture) -> Iterator[Encoding]:
    """The guessed encodings that can decode the whole file, most probable first."""
    ranked = rank(mixture.sample)
    for guess in ranked:
        if mixture.good and guess.encoding not in _MULTIBYTE:
            return
        if _fault(stream, codec_of(guess.encoding)) is None:
            note = f"Encoding: read as {guess.title}, because the file is not UTF-8."
            others = [g for g in ranked if g.sample != guess.sample and g.score > guess.score - _DOUBT][:4]
            answers = tuple(Answer(f"{other.title}: {other.sample}", {"encoding": other.encoding}) for other in others)
            asked = f"The encoding was guessed: {guess.title}, {guess.sample!r}."
            yield Encoding(codec_of(guess.encoding), (note,), (Question(asked, answers),) if answers else ())
    if not mixture.good and _fault(stream, "latin-1") is None:
        yield Encoding("latin-1", ("Encoding: read as Latin-1, because the file is not UTF-8.",))


_MULTIBYTE = ("shift_jis", "euc-jp", "gb18030", "big5", "cp949")


def _from_first_bytes(head: bytes) -> str | None:
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    even, odd = head[0:2000:2].count(0), head[1:2000:2].count(0)
    most = len(head[:2000]) // 2 * 0.3  # digits, delimiters and line ends have a zero byte in any script
    if odd > most and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > most and odd == 0 else None


def _is_noise(head: bytes) -> bool:
    control = sum(head.count(bytes([b])) for b in (*range(1, 9), *range(14, 32), 127))
    return control > 0.005 * len(head)


def _cut_off(name: str, fault: _Fault, encoding: str) -> DataError:
    return DataError(
        f"{name}, row {fault.row}: the file ends in the middle of a character ({encoding}), so it is incomplete; "
        "save or download it again"
    )


def _fault(stream: BinaryIO, encoding: str) -> _Fault | None:
    """The first place that is not valid in `encoding`, or the first NUL; None if there is none."""
    decoder = codecs.getincrementaldecoder(encoding)()
    stream.seek(0)
    rows = 1
    while True:
        chunk = stream.read(_CHUNK)
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            return _Fault(rows + chunk[: error.start].count(b"\n"), cut=not chunk)
        except UnicodeError:  # UTF-16 and UTF-32 without a valid mark
            return _Fault(rows, cut=False)
        if "\0" in text:
            return _Fault(rows + text.partition("\0")[0].count("\n"), cut=False)
        rows += text.count("\n")
        if not chunk:
            return None


class _Mixture:
    """The first rows that are UTF-8 and that are not, beyond ASCII, and a sample of the latter."""

    def __init__(self, stream: BinaryIO) -> None:
        self.good = self.bad = 0
        samples: dict[bytes, None] = {}
        size = 0
        stream.seek(0)
        for row, line in enumerate(_lines(stream), 1):
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                self.good = self.good or row
            except UnicodeDecodeError:
                self.bad = self.bad or row
                if line not in samples:
                    samples[line] = None
                    size += len(line)
            if size > _GUESS_BYTES:
                break
        self.sample = b"\n".join(samples)

    def refuse(self, name: str) -> None:
        """DataError if some rows are UTF-8 and others are in another encoding."""
        if self.good and self.bad:
            raise DataError(
                f"{name}, row {self.bad}: this row is not UTF-8, but row {self.good} is; the file mixes encodings: "
                "save it as UTF-8, or set the encoding"
            )


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream; those longer than a chunk in pieces."""
    rest = b""
    while chunk := stream.read(_CHUNK):
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        yield from lines
        if len(rest) > _CHUNK:
            yield rest
            rest = b""
    if rest:
        yield rest
