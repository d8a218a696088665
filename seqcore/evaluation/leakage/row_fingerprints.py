"""Fingerprints of consecutive rows: equal segments of a table have equal numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcore.data.table import Table

__all__ = ["RowFingerprints", "fingerprint_rows"]

MOST_ROWS = 2_000_000  # of a table; of more, a sample of the spans


class RowFingerprints(NamedTuple):
    """`numbers[n]`, the same for equal segments, and the first row of each."""

    numbers: NDArray[np.float64]
    rows: NDArray[np.int64]


def fingerprint_rows(
    table: Table, columns: slice | list[int], spans: Sequence[tuple[int, int, int]], width: int, *, dated: bool = False
) -> RowFingerprints:
    """Every segment of `width` consecutive rows of some columns, within (sequence, first row, row after the last).

    Straight lines are excluded, since different series share them. With `dated`, equal values at different times are
    different segments. Of very long data the spans are sampled.
    """
    longest = [high - low for _, low, high in spans]
    most = max(1, int(MOST_ROWS // max(float(np.mean(longest)), 1.0))) if longest else 1
    spans = [span for span in spans[:: -(-len(spans) // most) or 1] if span[2] - span[1] >= width]
    if not spans:
        return RowFingerprints(np.zeros(0), np.zeros(0, dtype=np.int64))
    place = np.concatenate([np.arange(low, high) for _, low, high in spans])
    ends = np.cumsum([high - low for _, low, high in spans])
    rows = table.values[place][:, columns].astype(np.float64)
    count = len(rows) - width + 1
    whole = np.ones(count, dtype=bool)
    for end in ends[:-1].tolist():  # a segment ends with its span
        whole[max(0, end - width + 1) : end] = False
    numbers = np.zeros(count)
    for step, weights in enumerate(np.random.default_rng(0).normal(size=(width, rows.shape[1]))):
        for column, weight in enumerate(weights):  # element by element: equal values give equal numbers
            numbers += weight * rows[step : step + count, column]
    bend = np.abs(np.diff(rows, 2, axis=0)).max(axis=1) > 1e-9 * max(float(np.nanmax(np.abs(rows))), 1e-300)
    bends = np.concatenate([[0], np.cumsum(bend)])
    whole &= (bends[width - 2 :][:count] > bends[:count]) & np.isfinite(numbers)
    if dated and table.times is not None:
        numbers = numbers + 1e-3 * table.times[place[:count]].astype("datetime64[s]").astype(np.int64)
    return RowFingerprints(numbers[whole], place[:count][whole])
