"""A folder that this process can't write: by its permissions, or for root by a read-only mount."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["contents", "unwritable"]


@contextlib.contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """The folder and all in it are read-only until the block ends."""
    paths = [folder, *folder.rglob("*")]
    modes = [path.stat().st_mode for path in paths]
    mounted = False
    for path in reversed(paths):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        if os.access(folder, os.W_OK):  # root ignores permissions
            for options in (["--bind", str(folder), str(folder)], ["-o", "remount,ro,bind", str(folder)]):
                done = subprocess.run(["mount", *options], capture_output=True, check=False)
                if done.returncode:
                    pytest.skip("root can't make a folder read-only here")
                mounted = True
        yield
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)
        for path, mode in zip(paths, modes, strict=True):
            path.chmod(mode)


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of the last change of every file in a folder."""
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(folder.rglob("*")) if p.is_file()}
