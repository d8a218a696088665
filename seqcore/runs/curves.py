"""Downsampled series by step (loss, gradient norm, learning rate): minimum, maximum and NaN of each bucket are kept.

A series has one value for each step, [n], or one for each of K replicas, [n, K]. Of replicas a curve has the median,
the minimum and the maximum over those with a finite value, [n, 3].

A curve is a list of layers of points, the newest attempt's first. An attempt that resumes from a checkpoint repeats
steps which an earlier attempt already stored. The newest layer that has a step counts; beyond its last step the older
layers are shown.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from seqcore.errors import CorruptError
from seqcore.runs.records import Curve

__all__ = [
    "NAMES",
    "GrowingCurve",
    "block_from_bytes",
    "block_to_bytes",
    "finished_curve",
    "over_replicas",
    "overlay",
    "thin",
    "thin_to",
]

NAMES = ("loss", "gradient_norm", "learning_rate")
LIMIT = 1024  # points of a thinned layer; it grows to twice as many before it is thinned again

Steps = NDArray[np.int64]
Values = NDArray[np.float64]


def block_to_bytes(values: Values) -> bytes:
    """Little-endian float64, so that NaN survives in every database."""
    return np.ascontiguousarray(values, dtype="<f8").tobytes()


def block_from_bytes(content: bytes, steps: int) -> Values:
    """The inverse of `block_to_bytes` for a block of so many steps: [n], or [n, K] where it has K values for each."""
    values = np.frombuffer(content, dtype="<f8").astype(np.float64)
    return values if len(values) == steps else values.reshape(steps, -1)


def over_replicas(values: Values) -> Values:
    """Median, minimum and maximum over the finite values of K replicas, [n, K] -> [n, 3]; a series [n] as it is.

    NaN at steps without any finite value.
    """
    if values.ndim == 1:
        return values
    known = np.sort(np.where(np.isfinite(values), values, np.nan), axis=1)  # NaN comes last
    count, rows = np.isfinite(known).sum(axis=1), np.arange(len(known))
    last = np.maximum(count - 1, 0)
    median = known[rows, last // 2] / 2 + known[rows, np.minimum(count // 2, last)] / 2
    return np.stack([median, known[:, 0], known[rows, last]], axis=1)


_KEPT = ((0, np.minimum, np.inf), (0, np.maximum, -np.inf), (1, np.minimum, np.inf), (2, np.maximum, -np.inf))
"""Column, the extreme that is kept, and what stands for a missing value. A series [n] has the first column alone."""


def _kept(values: Values) -> int:
    """Number of extremes that are kept of each bucket."""
    return 2 if values.ndim == 1 else len(_KEPT)


def thin(steps: Steps, values: Values, width: int) -> tuple[Steps, Values]:
    """Keep the minimum, the maximum and the first non-finite value of each bucket of `width` steps, and the last point.

    `values` is [n], or [n, 3] as `over_replicas` gives it: then also the smallest minimum and the largest maximum.
    Kept points are unchanged. Thinning twice gives the same as thinning once with the larger width, if that is a
    multiple of the smaller one.
    """
    if len(steps) == 0:
        return steps, values
    bucket = (steps - 1) // width
    starts = np.flatnonzero(np.r_[True, bucket[1:] != bucket[:-1]])
    lengths = np.diff(np.r_[starts, len(steps)])
    columns = values.reshape(len(values), -1)
    finite = np.isfinite(columns[:, 0])
    kept = [_first_of_each(bucket, ~finite), np.array([len(steps) - 1])]
    for column, pick, missing in _KEPT[: _kept(values)]:
        filled = np.where(finite, columns[:, column], missing)
        extremes = np.repeat(pick.reduceat(filled, starts), lengths)
        kept.append(_first_of_each(bucket, finite & (filled == extremes)))
    index = np.unique(np.concatenate(kept))
    return steps[index], values[index]


def _first_of_each(bucket: Steps, chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
    index = np.flatnonzero(chosen)
    if len(index) == 0:
        return index
    return index[np.r_[True, np.diff(bucket[index]) != 0]]


def thin_to(steps: Steps, values: Values, max_points: int) -> tuple[Steps, Values]:
    """Thin with equal buckets to at most `max_points` points (at least 4, with replicas 6)."""
    if len(steps) <= max_points:
        return steps, values
    per_bucket = _kept(values) + (not np.isfinite(values).all())
    buckets = max(1, (max_points - 1) // per_bucket - 1)
    span = int(steps[-1] - steps[0]) + 1
    width = -(-span // buckets)
    kept_steps, kept_values = thin(steps - steps[0] + 1, values, width)
    return kept_steps + steps[0] - 1, kept_values


def overlay(blocks: Iterable[tuple[int, Values]], through: int | None = None) -> tuple[Steps, Values]:
    """All points of (first step, values) blocks up to step `through`; a later block overwrites an earlier one."""
    blocks = list(blocks)
    last = max((first + len(values) - 1 for first, values in blocks), default=0)
    columns = blocks[0][1].shape[1:] if blocks else ()
    dense, known = np.full((last, *columns), np.nan), np.zeros(last, dtype=bool)
    for first, values in blocks:
        dense[first - 1 : first - 1 + len(values)] = values
        known[first - 1 : first - 1 + len(values)] = True
    end = last if through is None else min(last, through)
    index = np.flatnonzero(known[:end])
    return index + 1, dense[index]


class GrowingCurve:
    """One series of a run, appended to while it trains. Adding n points is amortized O(n)."""

    def __init__(self, layers: Iterable[tuple[Steps, Values]] = ()) -> None:
        self._layers = list(layers) or [_EMPTY]

    @property
    def newest(self) -> int:
        """The last step of the newest attempt; 0 if there is none."""
        return _reach(self._layers[0])

    @property
    def reach(self) -> int:
        """The last step of all attempts."""
        return max(_reach(layer) for layer in self._layers)

    def add(self, first: int, values: Values) -> None:
        """Append values [n] or [n, K] to the newest layer; `first` is larger than `newest`."""
        self.extend(np.arange(first, first + len(values), dtype=np.int64), over_replicas(values))

    def extend(self, steps: Steps, values: Values) -> None:
        """Append points [n], or [n, 3] of replicas, to the newest layer; their steps ascend and are above `newest`."""
        self._layers[0] = _bounded(*_joined([self._layers[0], (steps, values)]))
        newest = self.newest
        self._layers[1:] = [layer for layer in self._layers[1:] if _reach(layer) > newest]

    def begin(self, steps: Steps, values: Values) -> None:
        """Start the layer of a new attempt, which continues after the given points (all that are stored)."""
        self._layers.insert(0, _bounded(steps, over_replicas(values)))

    def cut(self) -> None:
        """Drop the points beyond the newest attempt, which will not be repeated."""
        self._layers[1:] = []

    def points(self) -> tuple[Steps, Values]:
        """The visible points: each step from the newest attempt that has it."""
        parts, reach = [], 0
        for steps, values in self._layers:
            beyond = steps > reach
            parts.append((steps[beyond], values[beyond]))
            reach = max(reach, _reach((steps, values)))
        return _joined(parts)

    def to_bytes(self) -> bytes:
        """Binary form for the database: the number of layers, negative where values are [n, 3], then each of them."""
        replicas = any(values.ndim > 1 for _, values in self._layers)
        parts = [struct.pack("<q", -len(self._layers) if replicas else len(self._layers))]
        for steps, values in self._layers:
            parts += [struct.pack("<q", len(steps)), steps.astype("<i8").tobytes(), block_to_bytes(values)]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, content: bytes) -> GrowingCurve:
        """The inverse of `to_bytes`. CorruptError if the content is not a curve."""
        try:
            (count,), at = struct.unpack_from("<q", content), 8
            if count == 0:
                raise ValueError
            columns = 1 if count > 0 else 3
            layers = []
            for _ in range(abs(count)):
                (n,) = struct.unpack_from("<q", content, at)
                steps = np.frombuffer(content, dtype="<i8", count=n, offset=at + 8).astype(np.int64)
                values = np.frombuffer(content, dtype="<f8", count=columns * n, offset=at + 8 + 8 * n)
                layers.append((steps, values.astype(np.float64).reshape((n, columns) if columns > 1 else n)))
                at += 8 + 8 * (1 + columns) * n
        except (struct.error, ValueError):
            raise CorruptError("a stored curve is damaged; restore the store from a backup") from None
        return cls(layers)


def finished_curve(steps: Steps, values: Values, replicas: Values | None = None) -> Curve:
    """A curve with NaN for every non-finite value, from values [n] or [n, 3]; `replicas` are those of each, [n, K]."""
    known = np.where(np.isfinite(values), values, np.nan)
    if known.ndim == 1:
        return Curve(steps, known)
    median, low, high = np.ascontiguousarray(known.T)
    each = None if replicas is None else np.where(np.isfinite(replicas), replicas, np.nan)
    return Curve(steps, median, low, high, each)


_EMPTY = (np.zeros(0, dtype=np.int64), np.zeros(0))


def _reach(layer: tuple[Steps, Values]) -> int:
    steps, _ = layer
    return int(steps[-1]) if len(steps) else 0


def _joined(layers: Iterable[tuple[Steps, Values]]) -> tuple[Steps, Values]:
    """Layers one after the other; empty ones, which may lack the axis of replicas, are left out."""
    filled = [layer for layer in layers if len(layer[0])]
    if not filled:
        return _EMPTY
    return np.concatenate([steps for steps, _ in filled]), np.concatenate([values for _, values in filled])


def _bounded(steps: Steps, values: Values) -> tuple[Steps, Values]:
    """Thin a layer that has too many points; the width is a power of two, so that buckets stay aligned."""
    if len(steps) <= 2 * LIMIT:
        return steps, values
    width = 2
    while _kept(values) * -(-int(steps[-1]) // width) > LIMIT:
        width *= 2
    return thin(steps, values, width)
