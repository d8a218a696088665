"""File locks that show whether a worker process executes a run; the system releases them even after kill -9."""

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

TIMEOUT = 2.0  # seconds; a reader holds a lock for microseconds, a worker that ends a little longer


class Locks:
    """One lock file for each run, in one folder. They are not unlinked: a waiting process would hold the old file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, run: str) -> Path:
        """The run's lock file."""
        return self._folder / f"{run}.lock"

    def take(self, run: str, timeout: float = TIMEOUT) -> FileLock | None:
        """Acquire the lock; None if another process holds it for longer than `timeout`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path(run), timeout=timeout, poll_interval=0.01, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            return None
        return lock

    def held(self, run: str) -> bool:
        """Whether a worker holds the run's lock. Readers take it shared, so they don't see each other as a worker."""
        if fcntl is None:
            lock = self.take(run, timeout=0.0)
            if lock is None:
                return True
            lock.release()
            return False
        try:
            handle = os.open(self.path(run), os.O_RDONLY)
        except FileNotFoundError:
            return False
        except PermissionError:  # another user's, on a store that is only read
            return True
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)  # releases the shared lock, too
        return False

    def forget(self, run: str) -> None:
        """Delete the lock file of a deleted run."""
        with contextlib.suppress(OSError):
            self.path(run).unlink()


class Holder:
    """A held lock that several threads may release; the first call does."""

    def __init__(self, lock: FileLock) -> None:
        self._lock: FileLock | None = lock
        self._guard = threading.Lock()

    def release(self) -> None:
        """Release the lock; later calls do nothing."""
        with self._guard:
            lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()
