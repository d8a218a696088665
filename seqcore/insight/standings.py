"""Who leads a race: the best validation score so far at equal steps, and at equal training time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lap", "Standings", "standings"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Lap:
    """The epochs of one competitor: the validation score `scores[n]` at the last step and at the time of each.

    `counts` is False for one that failed: it does not hold the others back.
    """

    steps: NDArray[np.int64]
    seconds: Values
    scores: Values
    counts: bool = True


@dataclass(frozen=True)
class Standings:
    """The best score so far of each competitor at the furthest step, and at the furthest time, that all have reached.

    NaN where a competitor has no score by then; `step` and `seconds` are None before all have one. `whole` are the best
    scores of all that each has done so far, which can't be compared before the end.
    """

    step: int | None
    seconds: float | None
    at_step: tuple[float, ...]
    at_time: tuple[float, ...]
    whole: tuple[float, ...]
    higher_is_better: bool

    def order(self, scores: Sequence[float]) -> list[int]:
        """The places of competitors with a score, the best first; equal ones in their order."""
        sign = -1.0 if self.higher_is_better else 1.0
        known = [place for place, score in enumerate(scores) if np.isfinite(score)]
        return sorted(known, key=lambda place: sign * scores[place])

    @property
    def leader_at_step(self) -> int | None:
        """Who leads at equal steps."""
        return next(iter(self.order(self.at_step)), None)

    @property
    def leader_at_time(self) -> int | None:
        """Who leads at equal training time."""
        return next(iter(self.order(self.at_time)), None)


def standings(laps: Sequence[Lap], *, higher_is_better: bool) -> Standings:
    """The standings of competitors by their epochs so far."""
    counting = [lap for lap in laps if lap.counts] or list(laps)
    reached = bool(counting) and all(len(lap.steps) for lap in counting)
    step = min(int(lap.steps[-1]) for lap in counting) if reached else None
    seconds = min(float(lap.seconds[-1]) for lap in counting) if reached else None
    return Standings(
        step,
        seconds,
        tuple(_best(lap.scores, lap.steps, step, higher=higher_is_better) for lap in laps),
        tuple(_best(lap.scores, lap.seconds, seconds, higher=higher_is_better) for lap in laps),
        tuple(_best(lap.scores, lap.steps, np.inf, higher=higher_is_better) for lap in laps),
        higher_is_better,
    )


def _best(scores: Values, positions: NDArray[Any], end: float | None, *, higher: bool) -> float:
    """The best finite score up to a position."""
    there = scores[(positions <= end) & np.isfinite(scores)] if end is not None else scores[:0]
    if not len(there):
        return float("nan")
    return float(there.max() if higher else there.min())
