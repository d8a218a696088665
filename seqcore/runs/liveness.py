"""File locks that show whether a worker process executes a run; the system releases them even after kill -9."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from seqcore.errors import StoreError

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ["Locks"]

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ROOM = 2048  # bytes for a reason
STORE_LOCK = "store.lock"
TIMEOUT = 2.0  # seconds; a reader holds a lock for microseconds, a worker that ends a little longer


class Locks:
    """One lock file for each run, in one folder, and one for the store.

    A run's file also holds why it ended, where the database couldn't be written: its room is taken before the run
    starts, so that a full disk has place for it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, run: str) -> Path:
        """The run's lock file."""
        return self._folder / f"{run}.lock"

    def take(self, run: str, timeout: float = TIMEOUT, *, new: bool = True) -> FileLock | None:
        """Acquire the lock; None if another process holds it longer than `timeout`. `new` forgets what was noted."""
        lock = FileLock(self.path(run), timeout=timeout, poll_interval=0.01, thread_local=False)
        with self.reported():
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire()
            except Timeout:
                return None
            try:
                if new:
                    self._write(run, "")
            except BaseException:
                lock.release()
                raise
        return lock

    @contextlib.contextmanager
    def store(self) -> Iterator[None]:
        """Held while files of the store and their rows are made to agree."""
        with self.reported():
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._folder / STORE_LOCK, timeout=60)
            try:
                lock.acquire()
            except Timeout:
                raise StoreError(f"{self._folder / STORE_LOCK} is locked by another process; try again") from None
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def reported(self) -> Iterator[None]:
        """StoreError where a file of the store can't be made or written."""
        try:
            yield
        except OSError as error:
            advice = "free disk space" if error.errno in FULL else "check its folder and permissions"
            place = error.filename or self._folder
            raise StoreError(f"{place}: can't be written ({error.strerror}); {advice}") from error

    def note(self, run: str, lines: Sequence[str]) -> None:
        """Write why a run failed into its lock file, which is held."""
        with contextlib.suppress(OSError):
            self._write(run, "\n".join(lines))

    def noted(self, run: str) -> tuple[str, ...]:
        """What `note` wrote at the end of the last attempt."""
        try:
            content = self.path(run).read_bytes()[:ROOM]
        except OSError:
            return ()
        return tuple(line for line in content.decode("utf-8", "replace").strip("\0 ").splitlines() if line)

    def _write(self, run: str, text: str) -> None:
        if fcntl is None:
            return  # Windows lets nobody write a locked file
        with self.path(run).open("r+b") as stream:
            stream.write(text.encode()[:ROOM].ljust(ROOM))

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

    def known(self) -> list[str]:
        """The ids of the runs that have a lock file."""
        with contextlib.suppress(OSError):
            return [name.removesuffix(".lock") for name in os.listdir(self._folder) if name != STORE_LOCK]
        return []

    def forget(self, run: str) -> None:
        """Delete the lock file of a deleted run. A process that waits for it notices and makes a new one."""
        if not self.held(run):
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
