"""New data that lie in the training period by their dates: a score on them says little."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from seqcore.data.splits import split_bounds
from seqcore.data.table import Table
from seqcore.events import Finding
from seqcore.experiment.config import DataConfig
from seqcore.results.formatting import counted

__all__ = ["overlap_finding"]

Times = NDArray[np.datetime64]


def overlap_finding(config: DataConfig, trained: Table, new: Table) -> Finding | None:
    """How many rows of `new` lie in the training and validation splits of the same series, by date; None without any.

    `trained` are the data of the run and `config` their splits. Data without dates can't be told apart.
    """
    if trained.times is None or new.times is None:
        return None
    periods = _periods(config, trained)
    rows, found = 0, []
    for name, times in _series(new):
        low, high = periods.get(name, (None, None))
        if low is not None and high is not None:
            inside = (times >= low) & (times <= high)
            rows += int(inside.sum())
            found += [(low, high)] if inside.any() else []
    if not rows:
        return None
    from seqcore.data.calendar import short_time  # it imports pandas, which data without dates do not need

    first, last = short_time(min(low for low, _ in found)), short_time(max(high for _, high in found))
    return Finding(
        "overlaps-training",
        f"{rows:,} of {counted(len(new), 'row')} of the new data lie in the training period: the score is not that of "
        "unseen data.",
        evidence=f"The model was trained and selected on data from {first} to {last}.",
        remedy=f"Score data after {last}.",
    )


def _periods(config: DataConfig, table: Table) -> dict[str, tuple[np.datetime64, np.datetime64]]:
    """First and last time in the training and validation splits, by the name of the series."""
    assert table.times is not None
    bounds = split_bounds(table, config.validation_fraction, config.test_fraction)
    found: dict[str, tuple[np.datetime64, np.datetime64]] = {}
    for sequence, low, high in (*bounds["train"], *bounds["val"]):
        if high > low:
            name = table.names[sequence] if table.names else ""
            first, last = found.get(name, (table.times[low], table.times[high - 1]))
            found[name] = min(first, table.times[low]), max(last, table.times[high - 1])
    return found


def _series(table: Table) -> Iterator[tuple[str, Times]]:
    assert table.times is not None
    for s, (low, high) in enumerate(zip(table.offsets[:-1].tolist(), table.offsets[1:].tolist(), strict=True)):
        yield table.names[s] if table.names else "", table.times[low:high]
