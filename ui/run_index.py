"""Lists of runs that the store was asked for just now, kept for all visitors: many of them cost what one does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

import streamlit as st

from seqcore.runs.records import Status
from seqcore.runs.store import RunFilter, RunPage, Store
from ui import session

__all__ = ["RunIndex", "run_index"]

INTERVAL = 0.5  # seconds between two looks at the store for the same list, however many visitors ask
MOST = 64  # lists that are kept


class RunIndex:
    """Pages of the list of runs, and their numbers by status, as of less than `INTERVAL` seconds ago."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._guard = threading.Lock()
        self._kept: dict[Hashable, tuple[float, Any]] = {}

    def page(self, chosen: RunFilter, limit: int, *, now: bool = False) -> RunPage:
        """The first `limit` runs that match; with `now`, as they are now."""
        found: RunPage = self._look((chosen, limit), lambda: self._store.find_runs(chosen, limit=limit), now=now)
        return found

    def counts(self, *, now: bool = False) -> dict[Status, int]:
        """The number of runs with each status that occurs; with `now`, as they are now."""
        counts: dict[Status, int] = self._look("counts", self._store.run_counts, now=now)
        return counts

    def _look(self, what: Hashable, look: Callable[[], Any], *, now: bool) -> Any:
        with self._guard:  # whoever comes meanwhile waits for the result
            kept = self._kept.pop(what, None)
            if kept is None or now or time.monotonic() - kept[0] >= INTERVAL:
                kept = (time.monotonic(), look())
            self._kept[what] = kept  # the last one in order
            if len(self._kept) > MOST:
                del self._kept[next(iter(self._kept))]
            return kept[1]


@st.cache_resource(show_spinner=False, max_entries=1)
def _index(url: str) -> RunIndex:
    return RunIndex(session.store())


def run_index() -> RunIndex:
    """The index that all sessions of this server share."""
    return _index(session.store().url)
