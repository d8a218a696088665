"""A trained model's scores, worked out beside the page: what takes long keeps nobody from using the model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import streamlit as st

from seqcore.data.table import Table
from seqcore.evaluation.metrics import Evaluation
from ui import session

__all__ = ["PATIENCE", "Scoring", "scoring"]

PATIENCE = 1.0  # seconds: scores that come sooner are waited for, so that nothing moves on the page


class Scoring:
    """One scoring, in a thread of its own. `work` is given what tells whether it is still wanted; it calls no page."""

    def __init__(self, work: Callable[[Callable[[], bool]], Evaluation]) -> None:
        self._began = time.monotonic()
        self._unwanted = threading.Event()
        self._found: Evaluation | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._do, args=(work,), name="scoring", daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """How long ago it began."""
        return time.monotonic() - self._began

    def done(self, patience: float = 0.0) -> bool:
        """Whether it is over, or becomes so within `patience` seconds."""
        self._thread.join(max(0.0, patience))
        return not self._thread.is_alive()

    def result(self) -> Evaluation:
        """What was found; waits for it. Raises what went wrong."""
        self._thread.join()
        if self._found is None:
            assert self._error is not None
            raise self._error
        return self._found

    def close(self) -> None:
        """Nobody wants it any more: it ends at the model's next pass."""
        self._unwanted.set()
        self._thread.join()

    def _do(self, work: Callable[[Callable[[], bool]], Evaluation]) -> None:
        try:
            self._found = work(self._unwanted.is_set)
        except BaseException as error:
            self._error = error


def _close(value: Scoring) -> None:
    value.close()


@st.cache_resource(show_spinner=False, max_entries=24, on_release=_close)
def scoring(run: str, step: int, part: str, _table: Table) -> Scoring:
    """Scores and picture of the best weights, as of the checkpoint at `step`, on a part of the run's own data."""
    store = session.store()

    def work(unwanted: Callable[[], bool]) -> Evaluation:
        predictor = store.predictor(run, at="best")  # of its own: the page goes on using the other one
        with predictor.interruptible(unwanted):
            return predictor.evaluate(_table, split=part)

    return Scoring(work)
