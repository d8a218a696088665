"""Control of a running `fit`: stop, leave, save and live changes, requested from any thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from seqcore.experiment.fields import describe
from seqcore.experiment.training_config import TrainingConfig

__all__ = ["LIVE_CHANGES", "Control"]

LIVE_CHANGES = tuple(s.path for s in describe(TrainingConfig, "training") if s.live)
"""The fields that may change during a run."""


class Control:
    """Requests to a running `fit`, safe to make from any thread. `asked` is all that a step has to look at."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may interrupt its own thread in `take`
        self._changes: list[dict[str, Any]] = []
        self._save = False
        self.ending: str | None = None  # "stop" or "leave" once the run was asked to end
        self._ending_asked = 0.0
        self.asked = False

    def stop(self) -> None:
        """End the run after the current step: checkpoint, scores within two seconds, `Finished("stopped")`."""
        self._request(ending="stop")

    def leave(self) -> None:
        """Checkpoint and return without scores and without `Finished`: the run will be resumed."""
        self._request(ending="leave")

    def save(self) -> None:
        """Make a checkpoint now."""
        self._request(save=True)

    def change(self, changes: Mapping[str, Any]) -> None:
        """Change fields named in `LIVE_CHANGES`, e.g. `{"training.epochs": 40}`. Checked by `fit`."""
        with self._lock:
            self._changes.append(dict(changes))
            self.asked = True

    def overdue(self, seconds: float) -> bool:
        """Whether the run should have ended by now: `seconds` after "stop", at once after "leave"."""
        if self.ending is None:
            return False
        return self.ending == "leave" or time.monotonic() - self._ending_asked > seconds

    def take(self) -> tuple[list[dict[str, Any]], bool, str | None]:
        """For `fit`: the requests since the last call: changes, whether to save, and "stop", "leave" or None."""
        with self._lock:
            self.asked = False  # first, so that a request of a signal handler meanwhile is seen by the next call
            changes, self._changes = self._changes, []
            save, self._save = self._save, False
            return changes, save, self.ending

    def _request(self, *, save: bool = False, ending: str | None = None) -> None:
        with self._lock:
            self._save = self._save or save
            if self.ending is None and ending is not None:
                self.ending, self._ending_asked = ending, time.monotonic()
            self.asked = True
