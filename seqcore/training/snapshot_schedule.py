"""The steps at which a run keeps a snapshot."""

from __future__ import annotations

import math

__all__ = ["MOST_BYTES", "PER_DECADE", "next_scheduled", "place_of"]

PER_DECADE = 10
MOST_BYTES = 256 * 2**20  # of the snapshots of one run


def place_of(step: int) -> int | None:
    """The place of a step in the schedule, None where it is not on it; 10 ** n has the place n * `PER_DECADE`.

    The schedule is step 0 and the numbers round(10 ** (k / 10)), about 26% apart: 1 2 3 4 5 6 8 10 13 16 20 25 ...
    Step 0 shares the place of step 1.
    """
    if step == 0:
        return 0
    k = _before(step)
    while _scheduled(k) < step:
        k += 1
    return k if _scheduled(k) == step else None


def next_scheduled(step: int, every: int = 1) -> int:
    """The first step after `step` whose place in the schedule is a multiple of `every`."""
    k = _before(step) // every * every
    while _scheduled(k) <= step:
        k += every
    return _scheduled(k)


def _scheduled(place: int) -> int:
    return round(10 ** (place / PER_DECADE))


def _before(step: int) -> int:
    """A place a little before a step."""
    return max(0, math.floor(PER_DECADE * math.log10(max(1, step))) - 2)
