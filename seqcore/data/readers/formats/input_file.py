"""A file as it was given: its name, its bytes, how it is to be read, and who is told how far that has come."""

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

__all__ = ["Given", "OnProgress", "Progress", "Unclosable", "opened", "refuse_width"]

MOST_COLUMNS = 5_000

OnProgress = Callable[[float], None]


class Progress:
    """Tells how much of a file is read, from 0 to 1, each hundredth once, never backwards."""

    def __init__(self, tell: OnProgress | None = None) -> None:
        self._tell = tell
        self._low, self._high, self._told = 0.0, 1.0, -1

    def stage(self, low: float, high: float) -> None:
        """What `at` tells from here on lies between these two."""
        self._low, self._high = low, high
        self.at(0.0)

    def at(self, fraction: float) -> None:
        """So much of the stage is done, 0 to 1."""
        done = int(100 * (self._low + (self._high - self._low) * min(max(fraction, 0.0), 1.0)) + 1e-9)
        if self._tell is not None and done > self._told:
            self._told = done
            self._tell(done / 100)

    def end(self) -> None:
        """All is done."""
        self.stage(1.0, 1.0)


@dataclass
class Given:
    """`stream` is the file of `size` bytes, seekable; `notes` collects sentences about how it was read."""

    name: str
    stream: BinaryIO
    size: int
    options: FileOptions
    progress: Progress = field(default_factory=Progress)
    notes: list[str] = field(default_factory=list)
    called: str = ""  # what a file inside an archive is called there

    @property
    def suffix(self) -> str:
        """The end of its name in small letters: ".csv", or nothing."""
        return Path(self.called or self.name).suffix.lower()

    def said(self) -> dict[str, Any]:
        """What was said of its columns, as `Origin` takes it."""
        names = (
            "kind",
            "date_column",
            "series_column",
            "label_column",
            "group_column",
            "date_order",
            "level",
            "missing_times",
        )
        return {name: getattr(self.options, name) for name in names}

    def head(self, count: int) -> bytes:
        """Its first bytes."""
        self.stream.seek(0)
        return self.stream.read(count)

    def watched(self) -> BinaryIO:
        """The stream from its beginning, telling the progress of what is read from it."""
        self.stream.seek(0)
        return _Watched(self.stream, self.size, self.progress)  # type: ignore[return-value]


class Unclosable(io.RawIOBase):
    """A stream that outlives its reader."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        return self._stream.read(size)

    def readinto(self, buffer: Any) -> int:
        """The next bytes, into `buffer`."""
        read = self.read(len(buffer))
        buffer[: len(read)] = read
        return len(read)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._stream.tell()

    def close(self) -> None:
        """Nothing: the owner closes."""


class _Watched(Unclosable):
    def __init__(self, stream: BinaryIO, size: int, progress: Progress) -> None:
        super().__init__(stream)
        self._size, self._progress = max(size, 1), progress

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        read = self._stream.read(size)
        self._progress.at(self._stream.tell() / self._size)
        return read


@contextlib.contextmanager
def opened(content: str | os.PathLike[str] | bytes, name: str) -> Iterator[BinaryIO]:
    """A file's bytes, from its path or as they are. DataError where it can't be opened."""
    if isinstance(content, bytes):
        yield io.BytesIO(content)
        return
    try:
        stream = Path(content).open("rb")  # noqa: SIM115  (closed below; only what opening raises is caught)
    except FileNotFoundError:
        raise DataError(f"{name}: there is no such file; check its name and folder") from None
    except IsADirectoryError:
        raise DataError(f"{name}: this is a folder; name a file in it") from None
    except OSError as error:
        raise DataError(f"{name}: it can't be read ({error.strerror}); check that you may open it") from None
    with stream:
        yield stream


def refuse_width(columns: int, name: str) -> None:
    """DataError where there are too many columns to be columns."""
    if columns > MOST_COLUMNS:
        raise DataError(f"{name}: {columns:,} columns are too many; use at most {MOST_COLUMNS:,}")
