"""The runs of the store in a short form, kept in memory for all visitors: what the Runs page sorts and filters by."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

import streamlit as st

from seqcore.runs.records import ENDED, Run, Status
from seqcore.runs.store import Store
from ui import run_labels, session

__all__ = ["IndexedRun", "RunIndex", "run_index"]

INTERVAL = 0.5  # seconds between two looks at the store, however many visitors ask
AT_ONCE = 500  # runs read by their ids in one query; of more, all are read


class IndexedRun(NamedTuple):
    """A run as far as it is sorted and filtered."""

    id: str
    status: Status
    title: str
    text: str  # in lower case; what a search looks through
    seconds: float
    skill: float  # a factor; 0 if unknown
    owner: str | None

    @classmethod
    def of(cls, run: Run) -> IndexedRun:
        """The short form of a run."""
        title, word = run_labels.title(run), run_labels.STATUSES[run.status].word
        text = f"{title} · {run_labels.network(run)} · {word} · {run.owner or ''} · {run.id}".lower()
        skill = run_labels.skill_ratio(run)
        return cls(run.id, run.status, title, text, run.seconds, 0.0 if math.isnan(skill) else skill, run.owner)

    @property
    def active(self) -> bool:
        """Whether it is queued, running or paused."""
        return self.status not in ENDED


class RunIndex:
    """Every run of a store, the newest first. Only rows that have changed are read again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._guard = threading.Lock()
        self._runs: dict[str, IndexedRun] = {}
        self._versions: dict[str, int] = {}
        self._looked: float | None = None

    def runs(self, *, now: bool = False) -> list[IndexedRun]:
        """The runs as of less than `INTERVAL` seconds ago, or as of `now`."""
        with self._guard:
            if now or self._looked is None or time.monotonic() - self._looked >= INTERVAL:
                self._look()
                self._looked = time.monotonic()
            return list(self._runs.values())

    def _look(self) -> None:
        versions = self._store.versions()
        changed = [
            run
            for run, (version, status) in versions.items()
            # A run that has not ended can be interrupted without a write, by the end of its process.
            if version != self._versions.get(run) or status not in ENDED
        ]
        fresh = {run.id: IndexedRun.of(run) for run in self._read(changed)}
        known = self._runs | fresh
        self._runs = {run: known[run] for run in versions if run in known}
        self._versions = {run: version for run, (version, _) in versions.items() if run in known}

    def _read(self, runs: list[str]) -> Iterable[Run]:
        if len(runs) > AT_ONCE:
            return self._store.runs()
        return self._store.runs(ids=runs) if runs else ()


@st.cache_resource(show_spinner=False, max_entries=1)
def _index(url: str) -> RunIndex:
    return RunIndex(session.store())


def run_index() -> RunIndex:
    """The index that all sessions of this server share."""
    return _index(session.store().url)
