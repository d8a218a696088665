"""Thinning of long series for drawing: each bucket keeps its extremes and one missing value."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["evenly", "sparkline", "thin"]


def evenly(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` of the places 0 to `count` - 1, in order and evenly spread, the first and the last included."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.int64)


def thin(values: NDArray[np.float64], max_points: int) -> NDArray[np.int64]:
    """Rows of `values[n, K]` to draw, in order: both ends, each bucket's minimum and maximum, and a missing value.

    About `max_points` rows at most; all rows where there are fewer.
    """
    values = values[:, None] if values.ndim == 1 else values
    n, columns = values.shape
    if n <= max_points:
        return np.arange(n)
    buckets = max(1, max_points // (2 * columns + 1))
    edges = np.linspace(0, n, buckets + 1).astype(np.int64)
    keep: list[Any] = [0, n - 1]
    for start, stop in pairwise(edges.tolist()):
        for k in range(columns):
            bucket = values[start:stop, k]
            if np.isfinite(bucket).all():  # most are, and need no copy
                keep += [start + np.argmin(bucket), start + np.argmax(bucket)]
                continue
            known = np.flatnonzero(np.isfinite(bucket))
            if known.size:
                keep += [start + known[np.argmin(bucket[known])], start + known[np.argmax(bucket[known])]]
            if known.size < bucket.size:
                keep.append(start + np.flatnonzero(~np.isfinite(bucket))[0])
    return np.unique(np.array(keep, dtype=np.int64))


def sparkline(values: Any, max_points: int = 60) -> NDArray[np.float64]:
    """The decimal logarithms of about `max_points` of some values, in order; NaN where a value is not above 0."""
    numbers = np.array(values, dtype=np.float64).reshape(-1)
    logarithms = np.log10(np.where(numbers > 0, numbers, np.nan))
    return logarithms[thin(logarithms, max_points)]
