"""When a run shows a preview: at steps of a plan, and at most for a small share of its time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from seqcore.training.progress import Progress

__all__ = ["PREVIEW_SHARE", "PreviewSchedule", "next_preview"]

PREVIEW_SHARE = 0.05  # of the time of a run
_GROWTH = 1.2
_MOST = 40  # the longest gap between previews is this share of the run


def next_preview(step: int, planned: int) -> int:
    """The step of the preview after the one at `step`: gaps grow geometrically, up to a share of the planned run."""
    grown = max(step + 1, math.ceil(step * _GROWTH))
    return min(grown, step + max(1, planned // _MOST))


class PreviewSchedule:
    """Says when a preview is due. A preview changes nothing in a run, so that its time may depend on the clock.

    A run whose previews take long beside its steps has fewer of them: after each, training goes on for so long that
    previews take `PREVIEW_SHARE` of the time.
    """

    def __init__(self, progress: Progress, clock: Callable[[], float] = time.perf_counter) -> None:
        self._progress, self._clock = progress, clock
        self._made, self._free_from = 0, 0.0

    @property
    def due(self) -> bool:
        """Whether to show a preview after this step."""
        return self._progress.step >= self._progress.next_preview and self._clock() >= self._free_from

    def plan_next(self) -> None:
        """Plan the preview after the one at this step."""
        self._progress.next_preview = next_preview(self._progress.step, self._progress.planned)

    @contextmanager
    def making(self) -> Iterator[None]:
        """Count the time of a preview; not that of the first, in which code is loaded."""
        began = self._clock()
        yield
        now, self._made = self._clock(), self._made + 1
        if self._made > 1:
            self._free_from = now + (now - began) * (1.0 / PREVIEW_SHARE - 1.0)
