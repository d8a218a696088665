"""read_table: reads a user's file of any format, from a path or from bytes, into a table."""

from __future__ import annotations

import io
import os

from seqcore.data.dataframes import table_from_frame
from seqcore.data.readers.formats import SUFFIXES, read
from seqcore.data.readers.formats.input_file import InputFile, OnProgress, Progress, opened
from seqcore.data.sources.stored_file import FileOptions, StoredFile, base_name
from seqcore.data.table import Table
from seqcore.errors import DataError

__all__ = [
    "MOST_MEGABYTES",
    "SUFFIXES",
    "FileOptions",
    "StoredFile",
    "check_size",
    "most_megabytes",
    "read_table",
    "table_from_frame",
]

MOST_MEGABYTES = 500
"""The largest file accepted, unless SEQCORE_MAX_FILE_MB is set."""


def most_megabytes() -> float:
    """The size limit in MB. DataError if SEQCORE_MAX_FILE_MB is not a positive number."""
    given = os.environ.get("SEQCORE_MAX_FILE_MB", "")
    try:
        limit = float(given) if given else float(MOST_MEGABYTES)
    except ValueError:
        limit = 0.0
    if not limit > 0:
        raise DataError(f"SEQCORE_MAX_FILE_MB: {given!r} is not allowed; use a number of megabytes above 0")
    return limit


def check_size(size: int, name: str) -> None:
    """DataError if a file of `size` bytes exceeds the limit; called before it is read or stored."""
    if size > most_megabytes() * 1e6:
        raise DataError(
            f"{base_name(name)}: {size / 1e6:,.1f} MB exceed the limit of {most_megabytes():,g} MB; "
            "give a smaller file, or increase SEQCORE_MAX_FILE_MB"
        )


def read_table(
    content: str | os.PathLike[str] | bytes,
    *,
    name: str,
    options: FileOptions | None = None,
    on_progress: OnProgress | None = None,
) -> Table:
    """Read a file, from its path or its bytes. `name` is its name for the user; the extension gives the format.

    `on_progress` is called with the fraction read, from 0 to 1. Missing values are NaN and listed in the notes.
    DataError: a line for each error, with file name, row and column.
    """
    name = base_name(name)
    with opened(content, name) as stream:
        size = stream.seek(0, io.SEEK_END)
        check_size(size, name)
        return read(InputFile(name, stream, size, options or FileOptions(), Progress(on_progress)))
