"""Scoring a part on which state is carried: many stretches of it are read side by side, each warmed up first."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from seqcore.data.dataset import Windows

__all__ = ["stretches", "warming_windows"]

_WARM = 128  # steps that a stretch's state is warmed up on, at least; in whole windows


def stretches(n: int, most: int, rows: int) -> Iterator[NDArray[np.int64]]:
    """At most `most` of n windows as stretches that are read side by side: the numbers for each pass, [rows or fewer].

    All n where they are few, else stretches that are spread evenly over them. A row's windows follow each other; rows
    that have come to their end are the last ones, and are left out.
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


def warming_windows(
    windows: Windows, heads: NDArray[np.int64], offsets: NDArray[np.int64]
) -> Iterator[NDArray[np.int64]]:
    """The windows before each head, pass by pass: their first rows [n], negative where the sequence has none there.

    They may lie in an earlier part, as inputs always may, and are not scored. So a stretch's first predictions are as
    good as those of one long reading, of which they would be a part.
    """
    first, length, sequence = windows.locate(heads)
    start = offsets[sequence]
    for back in range(-(-_WARM // max(1, int(length.max(initial=1)))), 0, -1):
        rows = first - back * windows.stride
        yield np.where(rows >= start, rows, -1)
