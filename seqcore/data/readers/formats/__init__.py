"""File formats by extension and first bytes. A new one is a function from InputFile to Table, and a line in FORMATS."""

from __future__ import annotations

import re
from dataclasses import dataclass

from seqcore.data.readers.formats.input_file import InputFile
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.registry import Entry

__all__ = ["FORMATS", "SUFFIXES", "Format", "find_format", "read"]


@dataclass(frozen=True)
class Format:
    """A file format, recognized by extension and first bytes; text formats have no `start`."""

    title: str  # "a Parquet file"
    suffixes: tuple[str, ...]
    start: bytes  # regular expression of the first bytes
    target: str

    def matches(self, head: bytes) -> bool:
        """Whether these first bytes are of this format."""
        return bool(self.start) and re.match(self.start, head, re.DOTALL) is not None

    def read(self, file: InputFile) -> Table:
        """Read a file of this format. DataError."""
        table: Table = Entry(self.title, "", f"{__name__}.{self.target}").load()(file)
        return table


FORMATS: dict[str, Format] = {
    "parquet": Format("a Parquet file", (".parquet", ".parq", ".pq"), rb"PAR1", "parquet:read_parquet"),
    "wav": Format("a WAV recording", (".wav", ".wave"), rb"RIFF.{4}WAVE", "audio:read_wav"),
    "zip": Format("a ZIP archive or an Excel workbook", (".zip",), rb"PK(\x03\x04|\x05\x06)", "archive:read_zip"),
    "gzip": Format("a gzip archive", (".gz",), rb"\x1f\x8b", "archive:read_gzip"),
    "csv": Format("a CSV file", (".csv", ".tsv", ".tab", ".dat", ""), b"", "text:read_plain"),
    "text": Format("a text file", (".txt", ".text", ".md"), b"", "text:read_plain"),
    "ts": Format("a .ts file", (".ts",), b"", "ts:read_ts"),
}

_TEXT_FIRST = sorted(FORMATS.values(), key=lambda known: bool(known.start))
SUFFIXES = tuple(suffix[1:] for known in _TEXT_FIRST for suffix in known.suffixes if suffix)
"""The accepted file extensions without the dot, text formats first."""


def find_format(file: InputFile) -> Format:
    """The format of a file by its first bytes, then by its extension. DataError if the two contradict."""
    head = file.head(16)
    named = next((known for known in FORMATS.values() if file.suffix in known.suffixes), None)
    found = next((known for known in FORMATS.values() if known.matches(head)), None)
    if found is not None and named is not None and found is not named:
        raise DataError(
            f"{file.name}: this is {found.title}, not {named.title}; rename it to end in {found.suffixes[0]}"
        )
    if named is not None and named.start and found is None:
        raise DataError(f"{file.name}: this is not {named.title}, despite its extension; correct the extension")
    return found or named or FORMATS["csv"]


def read(file: InputFile) -> Table:
    """Read a file of any format. DataError: a line for each error, with the file name."""
    if file.size == 0:
        raise DataError(f"{file.name}: this file is empty; give one with values or text")
    table = find_format(file).read(file)
    file.progress.stage(1.0, 1.0)
    return table
