"""Requests to a run from outside, and the replay of changes that an earlier attempt made."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager

from seqcore.errors import ExperimentError
from seqcore.events import Changed, CheckpointReady, Event, Finding, SnapshotReason
from seqcore.training.control import ChangeRequest, Control
from seqcore.training.state import TrainingState

__all__ = ["Requests"]

_NEVER = sys.maxsize


class Requests:
    """What `fit` was asked: live changes, a checkpoint, a snapshot, slow motion, steps of a paused run, an end.

    Each change has a snapshot before it. `stop_reason` is why the loop ends early, or None. `waiting()` is a block in
    which the run's clock stands still.
    """

    def __init__(
        self,
        state: TrainingState,
        control: Control,
        replay: Iterable[Changed],
        checkpoint: Callable[[], CheckpointReady],
        snapshot: Callable[[SnapshotReason], Iterator[Event]],
        waiting: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._state, self._control, self._waiting = state, control, waiting
        self._checkpoint, self._snapshot = checkpoint, snapshot
        self._replay = [change for change in replay if change.step >= state.progress.step]
        self._pause_at: int | None = None  # the last step of `Control.advance`
        self._due = 0  # the step from which something is to be done before the next one
        self._slowed, self._step_began = (
            -1,
            0.0,
        )  # the last step that slow motion waited after, and when that wait ended
        self.stop_reason: str | None = None  # "stop", "leave" or "diverged"

    def should_stop(self) -> bool:
        """Whether the loop must end early."""
        return self.stop_reason is not None

    @property
    def pending(self) -> bool:
        """Whether there is anything to do before the next step. All that an unwatched step spends on requests."""
        return self._control.asked or self._state.progress.step >= self._due

    def apply(self) -> Iterator[Event]:
        """Replay what an earlier attempt changed at this step, do what was asked, and wait in slow motion."""
        step = self._state.progress.step
        while self._replay and step >= self._replay[0].step:
            yield from self._snapshot("change")
            self._state.apply_changes(self._replay.pop(0).changes)
        while self.stop_reason is None:  # a caller may ask for more between two events
            if self._control.asked:
                yield from self._take()
            elif self._pause_at is not None and step >= self._pause_at:
                self._pause_at = None
                self._control.arrived()
                yield self._checkpoint()
            elif (seconds := self._seconds_early()) > 0.0:
                with self._waiting():
                    self._control.wait(seconds)
            else:
                break
        self._plan()

    def _take(self) -> Iterator[Event]:
        asked = self._control.take()
        self.stop_reason = asked.ending
        for request in asked.changes:
            yield from self._changed(request)
        if asked.steps:
            start = self._state.progress.step if self._pause_at is None else self._pause_at
            self._pause_at = start + asked.steps
        elif not self._control.advancing:
            self._pause_at = None
        if asked.snapshot and self.stop_reason is None:
            yield from self._snapshot("request")
        if asked.save and self.stop_reason is None:
            yield self._checkpoint()

    def _changed(self, request: ChangeRequest) -> Iterator[Event]:
        """Apply one request, or say why it is refused."""
        state, step = self._state, self._state.progress.step
        try:
            changes = state.checked_changes(request.changes)
        except ExperimentError as error:
            yield Finding(step=step, code="change-refused", message=" ".join(error.lines))
            return
        changes = {path: value for path, value in changes.items() if state.has_effect(path, value)}
        if not changes:  # asked for twice, or the value that the field has
            return
        before = {path: state.experiment.get(path) for path in changes}
        yield from self._snapshot("change")
        state.apply_changes(changes)
        yield Changed(step, changes, before, request.by)

    def _seconds_early(self) -> float:
        """How long slow motion still waits before the next step."""
        rate = self._control.steps_per_second
        if rate is None or self._state.progress.step == self._slowed:
            return 0.0
        return self._step_began + 1.0 / rate - time.perf_counter()

    def _plan(self) -> None:
        """Note the step from which there is something to do again."""
        step = self._state.progress.step
        self._due = self._replay[0].step if self._replay else _NEVER
        if self._pause_at is not None:
            self._due = min(self._due, self._pause_at)
        if self._control.steps_per_second is not None:
            if step != self._slowed:
                self._slowed, self._step_began = step, time.perf_counter()
            self._due = min(self._due, step + 1)
