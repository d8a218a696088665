"""The metrics of every epoch as CSV."""

from __future__ import annotations

import math
from collections.abc import Iterable

from seqcore.events import Epoch
from seqcore.results.base import exact, write_csv

__all__ = ["history_to_csv"]


def history_to_csv(epochs: Iterable[Epoch]) -> str:
    """A row for each epoch: its number, last step, seconds and every metric. One that came twice is as it was last."""
    last = {event.epoch: event for event in epochs}
    rows = [last[number] for number in sorted(last)]
    names = list(dict.fromkeys(name for event in rows for name in event.metrics))
    lines = [[e.epoch, e.step, exact(e.seconds), *(exact(e.metrics.get(n, math.nan)) for n in names)] for e in rows]
    return write_csv(["epoch", "step", "seconds", *names], lines)
