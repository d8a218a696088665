"""Requests to a run from outside, and the replay of changes that an earlier attempt made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from seqcore.errors import ExperimentError, did_you_mean
from seqcore.events import Changed, CheckpointReady, Event, Finding
from seqcore.training.control import LIVE_CHANGES, Control
from seqcore.training.state import TrainingState

__all__ = ["Requests"]


class Requests:
    """What `fit` was asked: live changes, a checkpoint, an end. `stop_reason` is why the loop ends early, or None."""

    def __init__(
        self,
        state: TrainingState,
        control: Control,
        replay: Iterable[Changed],
        checkpoint: Callable[[], CheckpointReady],
    ) -> None:
        self._state, self._control, self._checkpoint = state, control, checkpoint
        self._replay = [change for change in replay if change.step >= state.progress.step]
        self.stop_reason: str | None = None  # "stop", "leave" or "diverged"

    def should_stop(self) -> bool:
        """Whether the loop must end early."""
        return self.stop_reason is not None

    @property
    def pending(self) -> bool:
        """Whether there is anything to apply before the next step."""
        return self._control.asked or self._replay_due

    @property
    def _replay_due(self) -> bool:
        return bool(self._replay) and self._state.progress.step >= self._replay[0].step

    def apply(self) -> Iterator[Event]:
        """Replay what an earlier attempt changed at this step, then do what was asked."""
        while self._replay_due:
            self._state.apply_changes(self._replay.pop(0).changes)
        while self._control.asked and self.stop_reason is None:  # a caller may ask for more between two events
            changes, save, self.stop_reason = self._control.take()
            for wanted in changes:
                yield self._changed(wanted)
            if save and self.stop_reason is None:
                yield self._checkpoint()

    def _changed(self, wanted: dict[str, Any]) -> Event:
        """Apply one request, or say why it is refused."""
        step = self._state.progress.step
        try:
            for path in wanted:
                if path not in LIVE_CHANGES:
                    near = did_you_mean(path, LIVE_CHANGES)
                    raise ExperimentError(f"{path}: can't be changed while a run is going{near}")
            self._state.apply_changes(wanted)
        except ExperimentError as error:
            return Finding(step=step, code="change-refused", message=" ".join(error.lines))
        return Changed(step=step, changes=wanted)
