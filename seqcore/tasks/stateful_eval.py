"""Stateful evaluation: segments of a split in parallel, each after a burn-in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from seqcore.data.dataset import Windows

__all__ = ["burn_in_windows", "parallel_segments"]

_BURN_IN = 128  # minimum burn-in steps of a segment, rounded up to whole windows


def parallel_segments(n: int, most: int, rows: int) -> Iterator[NDArray[np.int64]]:
    """At most `most` of n windows as parallel segments: the window indices of each pass, [rows or fewer].

    All n windows, or evenly spaced segments of them. The windows of a row are consecutive; finished rows are the last
    ones and are left out.
    """
    rows = max(1, min(rows, n))
    heads = np.arange(rows + 1) * n // rows
    lengths = np.diff(heads)
    if most < n:
        lengths = np.minimum(lengths, max(1, most // rows))
    longest_first = np.argsort(-lengths, kind="stable")
    heads, lengths = heads[:-1][longest_first], lengths[longest_first]
    for step in range(int(lengths.max(initial=0))):
        yield heads[lengths > step] + step


def burn_in_windows(
    windows: Windows, heads: NDArray[np.int64], offsets: NDArray[np.int64]
) -> Iterator[NDArray[np.int64]]:
    """The windows before the first window of each segment: first rows [n] of each pass, negative if none.

    They are not scored and may lie in an earlier split, as inputs always may, so that the first predictions of a
    segment match those of one pass over the whole split.
    """
    first, length, sequence = windows.locate(heads)
    start = offsets[sequence]
    for back in range(-(-_BURN_IN // max(1, int(length.max(initial=1)))), 0, -1):
        rows = first - back * windows.stride
        yield np.where(rows >= start, rows, -1)
