"""Who works on a run: a lock of the operating system's, which is gone the moment its holder is, even after kill -9."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ["Locks"]

PATIENCE = 2.0  # seconds; a reader holds a lock for microseconds, a worker that is leaving for a little longer


class Locks:
    """One lock file for each run, in one folder. Lock files stay: unlinking one that is waited for would split it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, run: str) -> Path:
        """The run's lock file."""
        return self._folder / f"{run}.lock"

    def take(self, run: str, patience: float = PATIENCE) -> FileLock | None:
        """The lock, held; or None where somebody else goes on holding it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path(run), timeout=patience, poll_interval=0.01, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            return None
        return lock

    def held(self, run: str) -> bool:
        """Whether somebody works on the run. Readers share the lock, so they never mistake each other for a worker."""
        if fcntl is None:
            lock = self.take(run, patience=0.0)
            if lock is None:
                return True
            lock.release()
            return False
        try:
            handle = os.open(self.path(run), os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)  # gives a shared lock back too
        return False

    def forget(self, run: str) -> None:
        """Remove the lock file of a deleted run."""
        with contextlib.suppress(OSError):
            self.path(run).unlink()


class Holder:
    """A lock that several threads may ask to give back; the first one does."""

    def __init__(self, lock: FileLock) -> None:
        self._lock: FileLock | None = lock
        self._guard = threading.Lock()

    def release(self) -> None:
        """Give the lock back, once."""
        with self._guard:
            lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()
