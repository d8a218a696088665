"""Evaluation of a trained model in a background thread, so that a long one does not block the page."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import streamlit as st

from seqcore.data.table import Table
from seqcore.evaluation.metrics import Evaluation
from ui import session

__all__ = ["PATIENCE", "Scoring", "scoring"]

PATIENCE = 1.0  # seconds: shorter evaluations are waited for, so that the layout does not change


class Scoring:
    """One evaluation in a thread of its own. `work` is given a function that tells whether it was canceled; it must
    not call Streamlit."""

    def __init__(self, work: Callable[[Callable[[], bool]], Evaluation]) -> None:
        self._started = time.monotonic()
        self._cancelled = threading.Event()
        self._result: Evaluation | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._do, args=(work,), name="scoring", daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def done(self, patience: float = 0.0) -> bool:
        """Whether it is done, waiting at most `patience` seconds."""
        self._thread.join(max(0.0, patience))
        return not self._thread.is_alive()

    def result(self) -> Evaluation:
        """The evaluation; waits for it. Raises the error of the thread."""
        self._thread.join()
        if self._result is None:
            assert self._error is not None
            raise self._error
        return self._result

    def close(self) -> None:
        """Cancel it: it ends at the model's next forward pass."""
        self._cancelled.set()
        self._thread.join()

    def _do(self, work: Callable[[Callable[[], bool]], Evaluation]) -> None:
        try:
            self._result = work(self._cancelled.is_set)
        except BaseException as error:
            self._error = error


def _close(value: Scoring) -> None:
    value.close()


@st.cache_resource(show_spinner=False, max_entries=24, on_release=_close)
def scoring(run: str, step: int, split: str, _table: Table) -> Scoring:
    """The evaluation of the best weights, as of the checkpoint at `step`, on a split of the run's data."""
    store = session.store()

    def work(canceled: Callable[[], bool]) -> Evaluation:
        predictor = store.predictor(run, at="best")  # a separate one: the page uses the other one meanwhile
        with predictor.interruptible(canceled):
            return predictor.evaluate(_table, split=split)

    return Scoring(work)
