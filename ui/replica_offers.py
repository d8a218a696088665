"""How many seeds can be trained together at little more than the cost of one, measured in the background."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict

from seqcore.experiment.experiment import Experiment
from seqcore.runs.replica_measurement import Measurement, Offer
from seqcore.runs.store import Store

__all__ = ["Offers", "current"]

SETTLED = 1.5  # seconds without another experiment after which it is measured
KEPT = 256  # experiments
_SAME_COST = ("seed", "epochs", "patience", "learning_rate", "interval_coverage", "replicas")
"""Fields of the training section on which the cost does not depend."""


class Offers:
    """The offers known so far, by experiment; at most one is measured at a time."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._known: OrderedDict[str, Offer | None] = OrderedDict()
        self._wanted: tuple[str, Experiment, float] | None = None
        self._process: Measurement | None = None
        self._thread: threading.Thread | None = None

    def known(self, experiment: Experiment) -> bool:
        """Whether an experiment was measured."""
        return _key(experiment) in self._known

    def get(self, experiment: Experiment) -> Offer | None:
        """The offer for an experiment that was measured; None without one."""
        return self._known.get(_key(experiment))

    def remember(self, experiment: Experiment, offer: Offer | None) -> None:
        """Keep what an experiment's replicas cost."""
        with self._guard:
            self._remember(_key(experiment), offer)

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is measured, at most so long; whether nothing is."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return thread is None or not thread.is_alive()

    def ask(self, store: Store, experiment: Experiment) -> None:
        """Have an experiment measured soon, unless another one is asked for meanwhile."""
        key = _key(experiment)
        with self._guard:
            if key in self._known or (self._wanted is not None and self._wanted[0] == key):
                return
            self._wanted = (key, experiment, time.monotonic())
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, args=(store,), name="replica-offers", daemon=True)
                self._thread.start()

    def cancel(self) -> None:
        """Stop measuring: a run begins, whose time it would take."""
        with self._guard:
            self._wanted = None
            if self._process is not None:
                self._process.cancel()

    def _work(self, store: Store) -> None:
        while (wanted := self._next()) is not None:
            key, experiment, asked = wanted
            wait = asked + SETTLED - time.monotonic()
            if wait > 0:
                time.sleep(wait)
                continue  # perhaps another one is wanted by now
            with self._guard:
                if self._wanted != wanted:
                    continue
                self._process = Measurement(store, experiment)
            found = self._process.result()
            with self._guard:
                self._process = None
                if self._wanted == wanted:  # not canceled
                    self._wanted = None
                    self._remember(key, found)

    def _remember(self, key: str, found: Offer | None) -> None:
        self._known[key] = found
        if len(self._known) > KEPT:
            self._known.popitem(last=False)

    def _next(self) -> tuple[str, Experiment, float] | None:
        with self._guard:
            if self._wanted is None:
                self._thread = None
            return self._wanted


def _key(experiment: Experiment) -> str:
    values = experiment.to_dict()
    values["training"] = {name: v for name, v in values["training"].items() if name not in _SAME_COST}
    return json.dumps(values, sort_keys=True)


current = Offers()
"""The offers of this process."""
