"""Control of a running `fit`: stop, leave, save, live changes, slow motion, steps of a paused run, from any thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seqcore.experiment.live import LIVE_CHANGES, checked_rate

__all__ = ["LIVE_CHANGES", "ChangeRequest", "Control", "Requested"]

_LOOK = 0.02  # seconds between two looks at requests while slow motion waits


@dataclass(frozen=True)
class ChangeRequest:
    """Changes that somebody asked for: dotted path -> value; `by` is the user's name where users sign in."""

    changes: dict[str, Any]
    by: str | None = None


@dataclass(frozen=True)
class Requested:
    """What was asked since the last look: changes in order, whether to save or to make a snapshot, steps, the end."""

    changes: list[ChangeRequest] = field(default_factory=list)
    save: bool = False
    snapshot: bool = False
    steps: int = 0  # to take
    ending: str | None = None  # "stop" or "leave"


class Control:
    """Requests to a running `fit`, safe to make from any thread. `asked` is all that a step has to look at."""

    def __init__(self) -> None:
        # Reentrant, because a signal handler may interrupt its own thread in `take`.
        self._lock = threading.RLock()
        self._changes: list[ChangeRequest] = []
        self._save = self._snapshot = False
        self._steps = 0
        self.ending: str | None = None  # "stop" or "leave" once the run was asked to end
        self._ending_asked = 0.0
        self.asked = False
        self.steps_per_second: float | None = None  # of slow motion; None for full speed
        self.waited = 0.0  # seconds that slow motion has waited so far
        self.advancing = False  # between a call of `advance` and the last of its steps

    def stop(self) -> None:
        """End the run after the current step: checkpoint, scores within two seconds, `Finished("stopped")`."""
        self._request(ending="stop")

    def leave(self) -> None:
        """Checkpoint and return without scores and without `Finished`: the run will be resumed."""
        self._request(ending="leave")

    def save(self) -> None:
        """Make a checkpoint now."""
        self._request(save=True)

    def snapshot(self) -> None:
        """Make a snapshot now, unless the step has one already."""
        self._request(snapshot=True)

    def change(self, changes: Mapping[str, Any], *, by: str | None = None) -> None:
        """Change fields named in `LIVE_CHANGES`, e.g. `{"training.epochs": 40}`. Checked by `fit`."""
        with self._lock:
            self._changes.append(ChangeRequest(dict(changes), by))
            self.asked = True

    def slow(self, steps_per_second: float | None) -> None:
        """Slow motion: at most so many steps per second, each handed out as it is taken; None for full speed.

        The bits of the run stay the same. ExperimentError for a rate that is not allowed.
        """
        rate = checked_rate(steps_per_second)
        with self._lock:
            self.steps_per_second = rate
            self.asked = True

    def advance(self, steps: int = 1) -> None:
        """Let a paused run take so many more steps: after them, `fit` hands out a checkpoint, at which it pauses again.

        A run pauses where its caller does not call `next`; so the caller goes on up to that `CheckpointReady`.
        """
        with self._lock:
            self._steps += steps
            self.advancing = True
            self.asked = True

    def arrived(self) -> None:
        """For `fit`: the last step of `advance` was taken."""
        with self._lock:
            self.advancing = self._steps > 0

    def end_advance(self) -> None:
        """End `advance` at the next step, with its checkpoint."""
        with self._lock:
            self._steps, self.advancing, self._save = 0, False, True
            self.asked = True

    def overdue(self, seconds: float) -> bool:
        """Whether the run should have ended by now: `seconds` after "stop", at once after "leave"."""
        if self.ending is None:
            return False
        return self.ending == "leave" or time.monotonic() - self._ending_asked > seconds

    def take(self) -> Requested:
        """For `fit`: the requests since the last call."""
        with self._lock:
            self.asked = False  # first, so that a request of a signal handler meanwhile is seen by the next call
            changes, self._changes = self._changes, []
            save, self._save = self._save, False
            snapshot, self._snapshot = self._snapshot, False
            steps, self._steps = self._steps, 0
            return Requested(changes, save, snapshot, steps, self.ending)

    def wait(self, seconds: float) -> None:
        """For `fit`: wait in slow motion; a request ends it within a few milliseconds."""
        began = now = time.perf_counter()
        while not self.asked and now < began + seconds:  # no lock of `threading`: a signal handler may ask meanwhile
            time.sleep(min(_LOOK, began + seconds - now))
            now = time.perf_counter()
        self.waited += now - began

    def _request(self, *, save: bool = False, snapshot: bool = False, ending: str | None = None) -> None:
        with self._lock:
            self._save, self._snapshot = self._save or save, self._snapshot or snapshot
            if self.ending is None and ending is not None:
                self.ending, self._ending_asked = ending, time.monotonic()
            self.asked = True
