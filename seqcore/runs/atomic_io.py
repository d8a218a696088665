"""Atomic file writes: a temporary file, fsync, then a rename."""

from __future__ import annotations

import errno
import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from seqcore.errors import StoreError

__all__ = ["digest", "pieces", "write_durably"]

PIECE = 2**20


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


def write_durably(path: Path, content: Iterable[bytes]) -> int:
    """Write `path` so that a crash at any moment leaves either the old or the new file. Returns the size in bytes.

    StoreError if it can't be written (disk full, no permission); no temporary file is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        size = 0
        with beside.open("xb") as stream:
            for piece in content:
                size += stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, path)
        _sync_folder(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StoreError(_message(path, error)) from error
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return size


def _message(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{path} can't be written ({error.strerror}); free disk space, stored runs are safe"
    return f"{path} can't be written ({error.strerror}); check its folder and permissions"


def _sync_folder(folder: Path) -> None:
    """fsync a folder: a rename is durable only then. Windows has no such call and does not need it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
