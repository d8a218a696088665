"""The store and the scheduler of a dashboard server, owned by its process."""

from __future__ import annotations

import threading

from seqcore.errors import StoreError
from seqcore.runs.api import open_store
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store

__all__ = ["Service", "current"]


class Service:
    """One store and one scheduler, made at their first use and closed once, when the server ends.

    They don't belong to a cache of the web framework: any visitor can clear such a cache, and a hot reload replaces it.
    """

    def __init__(self) -> None:
        self._guard = threading.RLock()
        self._closed = False
        self._store: Store | None = None
        self._scheduler: Scheduler | None = None

    def store(self) -> Store:
        """The store. StoreError if it can't be opened; the next call tries again."""
        with self._guard:
            self._check_open()
            if self._store is None:
                self._store = open_store()
            return self._store

    def scheduler(self, *, keep_spare: bool = True) -> Scheduler:
        """The scheduler of the store, started, at its first use with `keep_spare`. StoreError as for `store`."""
        with self._guard:
            store = self.store()
            if self._scheduler is None:
                self._scheduler = Scheduler(store, keep_spare=keep_spare)
                self._scheduler.start()
            return self._scheduler

    def close(self) -> None:
        """Stop the workers, whose runs are interrupted with a checkpoint, and close the store."""
        with self._guard:
            self._closed = True  # a page that is still drawn must not start workers again
            if self._scheduler is not None:
                self._scheduler.close()
            if self._store is not None:
                self._store.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the server is stopping; start it again")


current = Service()
"""The service of this process. (`seqcore` is excluded from hot reload, so that it stays the same object.)"""
