"""Naive forecasting methods (last value, mean, drift, seasonal naive), and the inputs of baselines for numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqcore.data.numeric_dataset import NumericDataset
from seqcore.data.profile.seasonality import LONGEST_LOOK, find_period
from seqcore.data.scaling import CHUNK

__all__ = ["BaselineInputs", "baseline_inputs", "drift", "fit_naive", "last_value", "mean", "seasonal"]

Values = NDArray[np.float64]
Bounds = list[tuple[int, int, int]]  # of the rows to fit on: sequence, first row, row after the last


@dataclass(frozen=True)
class BaselineInputs:
    """What a baseline is given to predict n windows at S places each, H steps ahead, K targets.

    `own[N, K]` are the targets' values in original units by row; `origin[n, S]` is the last row known at each place;
    `first[n]` a window's first row; `start[n]` the first row of its sequence, `series[n]` its place in facts that each
    series has of its own; `inputs[n, T, F]` what the model sees in original units, `scaled()` as it sees it,
    `dates[n, S, E]` what the calendar says of the time that is predicted. `units` brings [n, S, H * K] back to
    original units.
    """

    own: Values
    origin: NDArray[np.int64]
    first: NDArray[np.int64]
    start: NDArray[np.int64]
    series: NDArray[np.int64]
    inputs: Values
    scaled: Callable[[], Values]
    dates: Values | None
    units: Callable[[Values], Values]
    whole: NDArray[np.bool_]  # [n]: windows of full length
    ahead: NDArray[np.int64]  # [H]: steps from the origin to each target
    own_past: bool  # whether targets lie after the window, so that their own past may be used
    facts: dict[str, Values]


def last_value(s: BaselineInputs) -> Values | None:
    """The last value that was seen."""
    return repeat_last(s) if s.own_past else None


def repeat_last(s: BaselineInputs) -> Values:
    """The last value at each place, repeated over the horizon, [n, S, H, K]."""
    return np.broadcast_to(s.own[s.origin][:, :, None, :], (*s.origin.shape, len(s.ahead), s.own.shape[1]))


def mean(s: BaselineInputs) -> Values | None:
    """The mean of the training split, for each series."""
    if "mean" not in s.facts:
        return None
    shape = (*s.origin.shape, len(s.ahead), s.own.shape[1])
    return np.broadcast_to(s.facts["mean"][s.series][:, None, None, :], shape)


def drift(s: BaselineInputs) -> Values | None:
    """The line through the window's first and last value."""
    if not s.own_past:
        return None
    steps = s.origin - s.first[:, None]
    rise = s.own[s.origin] - s.own[s.first][:, None]
    slope = np.divide(rise, steps[..., None], out=np.zeros_like(rise), where=steps[..., None] > 0)
    line: Values = s.own[s.origin][:, :, None] + slope[:, :, None] * s.ahead[:, None]
    return line


def seasonal(s: BaselineInputs) -> Values | None:
    """The value one period (or as many as needed) before; the last value where there is none yet."""
    if not s.own_past or "period" not in s.facts:
        return None
    period = s.facts["period"][s.series].astype(np.int64)[:, None]
    back = -(-s.ahead // np.maximum(period, 1)) * period - s.ahead  # [n, H]
    rows = s.origin[:, :, None] - back[:, None]
    known = (rows >= s.start[:, None, None]) & (period > 0)[:, None]
    return np.where(known[..., None], s.own[np.maximum(rows, 0)], repeat_last(s))


def baseline_inputs(data: NumericDataset, split: str, indices: NDArray[np.int64]) -> BaselineInputs:
    """What baselines are given of these windows of a split."""
    first, lengths, sequence = data.windows[split].locate(indices)
    longest = int(lengths.max())
    rows = np.minimum(first[:, None] + np.arange(longest), (first + lengths - 1)[:, None])
    return BaselineInputs(
        own=data.target_values,
        origin=np.minimum(data.origin_rows(split, indices), (first + lengths - 1)[:, None]),
        first=first,
        start=data.table.offsets[sequence],
        series=data.series_of(sequence),
        scaled=lambda: data.scaled_windows(split, indices)[0],
        dates=data.dates(split, indices),
        units=lambda outputs: data.original(split, indices, outputs),
        inputs=data.values[rows][:, :, data.inputs],
        whole=lengths == data.config.window,
        ahead=data.lead + np.arange(data.horizon),
        own_past=data.lead > 0,
        facts=data.baseline_facts,
    )


def fit_naive(data: NumericDataset, bounds: Bounds | None = None) -> dict[str, Values]:
    """From the training split (or `bounds`): mean[G, K], mean absolute step from row to row[G, K], period[G] (0: none).

    G is 1, or the number of series where each has a scale of its own.
    """
    bounds = data.bounds["train"] if bounds is None else bounds
    count = len(data.scalers)
    rows, steps, left_out = (np.zeros((count, 1)) for _ in range(3))
    total, moved, skipped = (np.zeros((count, len(data.targets))) for _ in range(3))
    longest: dict[int, tuple[int, int]] = {}
    series = data.series_of(np.array([s for s, _, _ in bounds], dtype=np.int64))
    for g, (_, low, high) in zip(series.tolist(), bounds, strict=True):
        rows[g], steps[g] = rows[g] + high - low, steps[g] + max(high - low - 1, 0)
        skipped[g] += data.target_values[low : min(low + data.first_target, high)].sum(axis=0)
        left_out[g] += min(data.first_target, high - low)
        for start in range(low, high, CHUNK):
            some = data.target_values[start : min(start + CHUNK + 1, high)]
            total[g] += some[:CHUNK].sum(axis=0)
            moved[g] += np.abs(np.diff(some, axis=0)).sum(axis=0)
        longest[g] = max(longest.get(g, (low, high)), (low, high), key=lambda rows: rows[1] - rows[0])
    period = np.zeros(count)
    for g, (low, high) in longest.items():
        period[g] = find_period(data.target_values[max(low, high - LONGEST_LOOK) : high, 0]) or 0
    # the mean of what is predicted: the first rows of a sequence are only ever seen
    whole = left_out >= rows
    mean = np.where(whole, total, total - skipped) / np.maximum(np.where(whole, rows, rows - left_out), 1)
    facts = {"mean": mean, "naive_step": moved / np.maximum(steps, 1)}
    return facts | ({"period": period} if period.any() else {})
