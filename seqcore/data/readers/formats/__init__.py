"""What a user's file can be. A new format is a function from what was given to a table, and a line in FORMATS."""

from __future__ import annotations

from dataclasses import dataclass

from seqcore.data.readers.formats.input_file import Given
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.registry import Entry

__all__ = ["FORMATS", "SUFFIXES", "Format", "find_format", "read"]


@dataclass(frozen=True)
class Format:
    """A format by its names' ends and its first bytes; one without first bytes of its own is text."""

    title: str  # "a Parquet file"
    suffixes: tuple[str, ...]
    starts: tuple[tuple[tuple[int, bytes], ...], ...]  # ways to begin: (place, bytes) that are all there
    target: str

    def matches(self, head: bytes) -> bool:
        """Whether a file that begins like this is of this format."""
        return any(all(head[at : at + len(mark)] == mark for at, mark in start) for start in self.starts)

    def read(self, given: Given) -> Table:
        """The table in such a file. DataError."""
        table: Table = Entry(self.title, "", self.target).load()(given)
        return table


_HERE = "seqcore.data.readers.formats"
FORMATS: dict[str, Format] = {
    "parquet": Format(
        "a Parquet file", (".parquet", ".parq", ".pq"), (((0, b"PAR1"),),), f"{_HERE}.parquet:read_parquet"
    ),
    "wav": Format("a WAV recording", (".wav", ".wave"), (((0, b"RIFF"), (8, b"WAVE")),), f"{_HERE}.audio:read_wav"),
    "zip": Format(
        "a ZIP archive or an Excel workbook",
        (".zip",),
        (((0, b"PK\x03\x04"),), ((0, b"PK\x05\x06"),)),
        f"{_HERE}.archive:read_zip",
    ),
    "gzip": Format("a gzip archive", (".gz",), (((0, b"\x1f\x8b"),),), f"{_HERE}.archive:read_gzip"),
    "csv": Format("a CSV file", (".csv", ".tsv", ".tab", ".dat", ""), (), f"{_HERE}.text:read_plain"),
    "text": Format("a text file", (".txt", ".text", ".md"), (), f"{_HERE}.text:read_plain"),
    "ts": Format("a .ts file", (".ts",), (), f"{_HERE}.ts:read_ts"),
}

SUFFIXES = tuple(
    suffix[1:]
    for known in sorted(FORMATS.values(), key=lambda known: bool(known.starts))
    for suffix in known.suffixes
    if suffix
)
"""The ends of the names of files that can be read, without the point: those of text first, which most people have."""


def find_format(given: Given) -> Format:
    """What a file is, by its first bytes and then by its name. DataError where its name says something else."""
    head = given.head(16)
    named = next((known for known in FORMATS.values() if given.suffix in known.suffixes), None)
    found = next((known for known in FORMATS.values() if known.matches(head)), None)
    if found is not None and named is not None and found is not named:
        raise DataError(
            f"{given.name}: this is {found.title}, not {named.title}; give it a name that ends in {found.suffixes[0]}"
        )
    if named is not None and named.starts and found is None:
        raise DataError(
            f"{given.name}: this is not {named.title}, though it is called so; give one, or call it what it is"
        )
    return found or named or FORMATS["csv"]


def read(given: Given) -> Table:
    """The table in a file of any format. DataError: a line for each fault, with the file's name."""
    if given.size == 0:
        raise DataError(f"{given.name}: this file is empty; give one with values or text in it")
    table = find_format(given).read(given)
    given.progress.end()
    return table
