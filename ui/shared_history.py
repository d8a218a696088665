"""Histories of the runs that are shown, in memory once for all visitors: twenty cost the store what one does."""

from __future__ import annotations

import threading
import time
import uuid
import weakref
from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from seqcore.runs.records import Run
from seqcore.runs.store import Store
from ui import session
from ui.run_history import History, Moment

__all__ = ["Same", "SharedHistory", "shared_history", "viewed"]

INTERVAL = 0.2  # seconds between two looks at the store, however many visitors ask
UNSLOWED, SLOWEST = 4, 1.0  # viewers at that interval; seconds between two looks, of any number of viewers
MOST = 16  # runs in memory
PRESENT = 30.0  # seconds after which a viewer counts as gone

T = TypeVar("T")

_VIEWED: weakref.WeakValueDictionary[str, SharedHistory] = weakref.WeakValueDictionary()
"""The histories that viewers have been shown, by the id of their run."""


class Same:
    """What something was drawn of, the same only as itself: comparing two moments would compare their arrays."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other._value is self._value

    __hash__ = None  # type: ignore[assignment]


class SharedHistory:
    """The history of a run and what was drawn of it. Threads may share it."""

    def __init__(self, run: Run) -> None:
        self._history = History(run)
        self._guard = threading.Lock()
        self._drawing = threading.Lock()
        self._viewers: dict[str, float] = {}  # when each was here last
        self._name, self._changes = uuid.uuid4().hex[:8], 0
        self._looked: float | None = None
        self._moment: Moment | None = None
        self._drawn: dict[str, tuple[object, object]] = {}

    @property
    def run(self) -> Run:
        """The run as of the last update."""
        return self._history.run

    def update(self, store: Store, *, interval: float | None = None, viewer: str | None = None) -> None:
        """Read what is new from the store, unless that was done within the last `interval` seconds.

        By default it is longer the more viewers there are, so that several of them are shown the same.
        """
        with self._guard:
            self._count(viewer)
            if interval is None:
                interval = min(SLOWEST, INTERVAL * max(1.0, self.viewers / UNSLOWED))
            if self._looked is None or time.monotonic() - self._looked >= interval:
                self._changes += self._history.update(store)
                self._moment = self._history.moment()
                self._looked = time.monotonic()

    @property
    def version(self) -> str:
        """Changes with what the store has: "name:number", where the number grows while the name is the same."""
        return f"{self._name}:{self._changes}"

    def is_viewer(self, viewer: str) -> bool:
        """Whether this viewer was shown the run within the last `PRESENT` seconds."""
        return time.monotonic() - self._viewers.get(viewer, -PRESENT) < PRESENT

    @property
    def viewers(self) -> int:
        """How many viewers have called `update` within the last `PRESENT` seconds."""
        return len(self._viewers)

    def _count(self, viewer: str | None) -> None:
        now = time.monotonic()
        self._viewers = {name: last for name, last in self._viewers.items() if now - last < PRESENT}
        if viewer is not None:
            self._viewers[viewer] = now
            _VIEWED[self.run.id] = self

    def moment(self, at: int | None = None, *, store: Store | None = None) -> Moment:
        """The state at the last update; with a store, the state after `at` steps of a short run."""
        with self._guard:
            if at is not None and store is not None:
                self._history.load_replay(store)
                return self._history.moment(at)
            if self._moment is None:
                self._moment = self._history.moment()
            return self._moment

    def drawn(self, name: str, of: object, draw: Callable[[], T]) -> T:
        """What `draw` returns for the state `of`; the last result of each `name` is kept while `of` is the same."""
        with self._drawing:  # whoever comes meanwhile waits for the result
            kept = self._drawn.get(name)
            if kept is None or kept[0] != of:
                kept = self._drawn[name] = (of, draw())
        return kept[1]  # type: ignore[return-value]


@st.cache_resource(show_spinner=False, max_entries=MOST)
def _shared(url: str, run_id: str, _run: Run) -> SharedHistory:
    return SharedHistory(_run)


def shared_history(run: Run) -> SharedHistory:
    """The history that all sessions of this server share; it may not have been read yet."""
    return _shared(session.store().url, run.id, run)


def viewed(run: str, viewer: str) -> SharedHistory | None:
    """The history of a run for one of its viewers (see `SharedHistory.is_viewer`); None for anybody else."""
    history = _VIEWED.get(run)
    return history if history is not None and history.is_viewer(viewer) else None
