"""Atomic file writes: a temporary file, fsync, then a rename."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from seqcore.errors import DataError, StoreError

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = [
    "Draft", "digest", "draft", "link_file", "pieces", "remove_abandoned", "write_durably", "write_output",
    "write_together",
]  # fmt: skip

PIECE = 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def pieces(content: bytes | Path) -> Iterator[bytes]:
    """Bytes, or a file's content, one megabyte at a time."""
    if isinstance(content, bytes):
        yield from (content[at : at + PIECE] for at in range(0, len(content), PIECE))
        return
    with content.open("rb") as stream:
        while piece := stream.read(PIECE):
            yield piece


def digest(content: Iterable[bytes]) -> str:
    """SHA-256, as hexadecimal digits."""
    sha = hashlib.sha256()
    for piece in content:
        sha.update(piece)
    return sha.hexdigest()


class Draft:
    """A complete file under a temporary name. `place` gives it its name."""

    def __init__(self, path: Path, temporary: Path, size: int) -> None:
        self._path, self._temporary = path, temporary
        self.name = temporary.name
        self.size = size

    def rename(self) -> None:
        """Give it its name, so that a crash at any moment leaves either the old or the new file. StoreError."""
        with _reported(self._path):
            os.replace(self._temporary, self._path)

    def place(self) -> None:
        """The same, and make the name durable."""
        self.rename()
        with _reported(self._path):
            _sync_folder(self._path.parent)


@contextlib.contextmanager
def draft(path: Path, content: Iterable[bytes]) -> Iterator[Draft]:
    """Write a file beside `path`. If it is not placed within the block, it is deleted.

    It is locked meanwhile, so that another process can tell it from what a killed one left (see `remove_abandoned`).
    StoreError if it can't be written (disk full, no permission).
    """
    temporary = path.with_name(f".{path.name[:200]}.{uuid.uuid4().hex[:8]}.tmp")
    with contextlib.ExitStack() as stack:
        with _reported(path):
            stream = stack.enter_context(temporary.open("xb"))
            stack.callback(temporary.unlink, missing_ok=True)
            _lock(stream.fileno())
            size = 0
            for piece in content:
                size += stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
            if fcntl is None:  # Windows renames only closed files
                stream.close()
        yield Draft(path, temporary, size)


def write_durably(path: Path, content: Iterable[bytes]) -> int:
    """Write a file of the store so that a crash at any moment leaves the old or the new one. Returns its size."""
    with _reported(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with draft(path, content) as written:
        written.place()
    return written.size


def write_together(folder: Path, contents: Mapping[str, Iterable[bytes]]) -> None:
    """The same for several files of a folder, by name: waiting for the disk takes hardly longer than for one."""
    with _reported(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        drafts = [stack.enter_context(draft(folder / name, content)) for name, content in contents.items()]
        for written in drafts:
            written.rename()
        with _reported(folder):
            _sync_folder(folder)


def link_file(source: Path, target: Path) -> bool:
    """Give a file of the store, which never changes, a second name, or copy it. False if it is missing. StoreError.

    The name is durable once another file was written to the same folder durably.
    """
    with _reported(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
            return True
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in _FULL:
                raise
    try:
        write_durably(target, pieces(source))
    except FileNotFoundError:
        return False
    return True


def write_output(path: Path, content: bytes) -> None:
    """Write a file that the user named, complete or not at all; a pipe or device is written to directly. DataError."""
    try:
        if (path.exists() and not path.is_file()) or path.parts[:2] in (("/", "dev"), ("/", "proc")):
            path.write_bytes(content)
            return
        target = Path(os.path.realpath(path))  # a symbolic link stays one
        for left in target.parent.glob(f".{glob.escape(target.name[:200])}.????????.tmp"):
            remove_abandoned(left)
        with draft(target, pieces(content)) as written:
            if target.exists():
                shutil.copymode(target, target.with_name(written.name))
            written.place()
    except StoreError as error:
        raise DataError(str(error)) from None
    except OSError as error:
        raise DataError(f"{path}: can't be written ({error.strerror})") from None


def remove_abandoned(path: Path) -> bool:
    """Delete a temporary file unless a process is writing it. Returns whether it was deleted."""
    with contextlib.suppress(OSError), path.open("rb") as stream:
        if not _lock(stream.fileno()):
            return False
        path.unlink()
        return True
    return False


def _lock(handle: int) -> bool:
    """Lock an open file until it is closed. False if another process has locked it, or where files can't be locked."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(_message(path, error)) from error


def _message(path: Path, error: OSError) -> str:
    if error.errno in _FULL:
        return f"{path}: can't be written ({error.strerror}); free disk space, stored runs are safe"
    return f"{path}: can't be written ({error.strerror}); check its folder and permissions"


def _sync_folder(folder: Path) -> None:
    """fsync a folder: a rename is durable only then. Windows has no such call and does not need it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
