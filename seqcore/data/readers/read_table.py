"""The one door for the user's own files: any of them, given by path or as bytes, as a table."""

from __future__ import annotations

import io
import os

from seqcore.data.dataframes import table_from_frame
from seqcore.data.readers.formats import SUFFIXES, read
from seqcore.data.readers.formats.input_file import Given, OnProgress, Progress, opened
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
"""The largest file that is taken, unless SEQCORE_MAX_FILE_MB says otherwise."""


def most_megabytes() -> float:
    """The limit that holds here, in MB. DataError where the environment's own is no number."""
    given = os.environ.get("SEQCORE_MAX_FILE_MB", "")
    try:
        limit = float(given) if given else float(MOST_MEGABYTES)
    except ValueError:
        limit = 0.0
    if not limit > 0:
        raise DataError(f"SEQCORE_MAX_FILE_MB: {given!r} is not allowed; use a number of megabytes above 0")
    return limit


def check_size(size: int, name: str) -> None:
    """DataError where a file of `size` bytes is over the limit: ask before reading or keeping it."""
    if size > most_megabytes() * 1e6:
        raise DataError(
            f"{base_name(name)}: {size / 1e6:,.1f} MB are over the limit of {most_megabytes():,g} MB; "
            "give a smaller file, or set SEQCORE_MAX_FILE_MB to more"
        )


def read_table(
    content: str | os.PathLike[str] | bytes,
    *,
    name: str,
    options: FileOptions | None = None,
    on_progress: OnProgress | None = None,
) -> Table:
    """The table in a file (a path) or in its bytes; `name` is what the user calls it, and its end says the format.

    `on_progress` is called with how much is read, from 0 to 1. Gaps stay as NaN and are named in the notes. DataError:
    a line for each fault, with the file's name, row and column.
    """
    name = base_name(name)
    with opened(content, name) as stream:
        size = stream.seek(0, io.SEEK_END)
        check_size(size, name)
        return read(Given(name, stream, size, options or FileOptions(), Progress(on_progress)))
