"""Snapshots of a run that trains: the state at the steps of the schedule, before changes, and on request."""

from __future__ import annotations

import math
from collections.abc import Iterator

from seqcore.data.codec import Codec
from seqcore.events import SnapshotReady, SnapshotReason
from seqcore.experiment.experiment import Experiment
from seqcore.training.checkpoint import copied, pack
from seqcore.training.snapshot_schedule import MOST_BYTES, PER_DECADE, next_scheduled
from seqcore.training.state import TrainingState

__all__ = ["Snapshots"]


class Snapshots:
    """The snapshots of one attempt, at most one for each step.

    A run of a large model has fewer: of the schedule every 2nd, 4th or 8th step, so that those that it plans take at
    most `MOST_BYTES`.
    """

    def __init__(self, state: TrainingState) -> None:
        self._state = state
        self._kept = state.experiment.training.snapshots
        step = state.progress.step
        first = next_scheduled(step) if step else 0  # later starts have a snapshot of the attempt before
        self._next = first if self._kept else math.inf
        self._last: int | None = None
        self._every = 1
        self._codec: Codec | None = None  # of the shared part, as the experiment is
        self._experiment: Experiment | None = None
        self._shared = b""

    @property
    def due(self) -> bool:
        """Whether the step that was just taken is one of the schedule."""
        return self._state.progress.step >= self._next

    def take(self, reason: SnapshotReason, *, seconds: float, epoch_seconds: float) -> Iterator[SnapshotReady]:
        """The state as it is now, unless this step has a snapshot already or none are kept."""
        p = self._state.progress
        if self._kept and self._last != p.step:
            self._last = p.step
            p.seconds, p.epoch_seconds = seconds, epoch_seconds
            shared = self._shared_part()
            meta, groups = self._state.contents()
            if self._state.experiment is not self._experiment:  # which is in the shared part
                meta["experiment"] = self._state.experiment.to_dict()
            content = copied(meta, groups)
            self._every = max(self._every, _every(len(content.data), p.planned))  # at step 0 no state of the optimizer
            yield SnapshotReady(p.step, p.epoch, seconds, content.pack, shared, reason)
        if self.due:
            self._next = next_scheduled(p.step, self._every)

    def _shared_part(self) -> bytes:
        """What is the same in all snapshots: the fitted codec, and the experiment until a change."""
        state = self._state
        if self._codec is not state.dataset.codec:
            self._codec, self._experiment = state.dataset.codec, state.experiment
            meta, groups = state.codec_contents()
            self._shared = pack({"experiment": state.experiment.to_dict(), **meta}, groups)
        return self._shared


def _every(size: int, planned: int) -> int:
    """The share of the schedule, 1, 2, 4 or 8, of which snapshots of `size` bytes fit into `MOST_BYTES`."""
    count = PER_DECADE * math.log10(max(10, planned))
    return next((every for every in (1, 2, 4) if size * count / every <= MOST_BYTES), 8)
