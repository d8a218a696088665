"""Files that are there whole or not at all: written beside, forced to the disk, then renamed."""

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
    """Bytes, or a file's content, a megabyte at a time."""
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
    """Write `path` so that a crash at any moment leaves the old file or the new one. The number of bytes.

    StoreError where it can't be written (a full disk, no right); nothing is left behind then.
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
        _force_folder(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StoreError(_why(path, error)) from error
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return size


def _why(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{path} can't be written ({error.strerror}): make room on its disk; what is stored is safe"
    return f"{path} can't be written ({error.strerror}): look at its folder and its rights"


def _force_folder(folder: Path) -> None:
    """A rename is on the disk only when its folder is. Windows has no such call and no need of it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
