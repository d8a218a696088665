"""InputFile: name, bytes, options and progress of a user's file while it is read."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from seqcore.data.sources.stored_file import FileOptions
from seqcore.errors import DataError

__all__ = ["InputFile", "OnProgress", "Progress", "Unclosable", "opened", "refuse_width"]

MOST_COLUMNS = 5_000

OnProgress = Callable[[float], None]


class Progress:
    """Reports the fraction of a file that is read, in steps of 0.01, never decreasing."""

    def __init__(self, report: OnProgress | None = None) -> None:
        self._report = report
        self._low, self._high, self._reported = 0.0, 1.0, -1

    def stage(self, low: float, high: float) -> None:
        """Map the following `at` calls to the range from `low` to `high`."""
        self._low, self._high = low, high
        self.at(0.0)

    def at(self, fraction: float) -> None:
        """Report the fraction of the current stage, 0 to 1."""
        done = int(100 * (self._low + (self._high - self._low) * min(max(fraction, 0.0), 1.0)) + 1e-9)
        if self._report is not None and done > self._reported:
            self._reported = done
            self._report(done / 100)


@dataclass
class InputFile:
    """A seekable `stream` of `size` bytes; `notes` collects messages about how it was read."""

    name: str
    stream: BinaryIO
    size: int
    options: FileOptions
    progress: Progress = field(default_factory=Progress)
    notes: list[str] = field(default_factory=list)
    inner_name: str = ""  # the name inside an archive

    @property
    def suffix(self) -> str:
        """The extension in lower case: ".csv", or ""."""
        return Path(self.inner_name or self.name).suffix.lower()

    def head(self, count: int) -> bytes:
        """Its first bytes."""
        self.stream.seek(0)
        return self.stream.read(count)

    def watched(self) -> BinaryIO:
        """The stream from its beginning; reading it reports progress."""
        self.stream.seek(0)
        return Unclosable(self.stream, lambda at: self.progress.at(at / max(self.size, 1)))  # type: ignore[return-value]


class Unclosable:
    """A stream that its reader can't close; `on_read` is called with the position after each read."""

    def __init__(self, stream: BinaryIO, on_read: Callable[[int], None] | None = None) -> None:
        self._stream, self._on_read = stream, on_read

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # such as the warning of unclosed files
            raise AttributeError(name)
        return getattr(self._stream, name)

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._stream.read(size)
        if self._on_read is not None:
            self._on_read(self._stream.tell())
        return data

    read1 = read

    def close(self) -> None:
        """Do nothing: the owner closes the stream."""


@contextlib.contextmanager
def opened(content: str | os.PathLike[str] | bytes, name: str) -> Iterator[BinaryIO]:
    """A stream of a file or of bytes. DataError if the file can't be opened."""
    if isinstance(content, bytes):
        yield io.BytesIO(content)
        return
    try:
        stream = Path(content).open("rb")  # noqa: SIM115  (closed below; only errors of opening are caught)
    except FileNotFoundError:
        raise DataError(f"{name}: file not found; check name and folder") from None
    except IsADirectoryError:
        raise DataError(f"{name}: this is a folder; give a file") from None
    except OSError as error:
        raise DataError(f"{name}: it can't be read ({error.strerror}); check its permissions") from None
    with stream:
        yield stream


def refuse_width(columns: int, name: str) -> None:
    """DataError if there are too many columns."""
    if columns > MOST_COLUMNS:
        raise DataError(f"{name}: {columns:,} columns are too many; use at most {MOST_COLUMNS:,}")
