"""Naive methods that every model is scored beside, on the same windows. They learn from the training part alone.

A new one for numbers is a function of `Situation` and a line in `NUMERIC`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqcore.data.numeric import NumericDataset
from seqcore.data.scaling import CHUNK

__all__ = ["NUMERIC", "Situation", "find_period", "learn", "numeric_baselines", "situation"]

Values = NDArray[np.float64]
MOST_FITTED = 2_000_000  # numbers gathered to fit the straight line: enough to settle it, and bounded
MOST_STORED = 200_000  # coefficients worth keeping in a checkpoint


@dataclass(frozen=True)
class Situation:
    """What a naive method may look at when it predicts n windows at S places each, H steps ahead, K targets.

    `own[N, K]` are the targets' values in original units by row; `origin[n, S]` is the last row known at each place;
    `first[n]` a window's first row; `start[n]` the first row of its sequence; `inputs[n, T, F]` what the model sees.
    """

    own: Values
    origin: NDArray[np.int64]
    first: NDArray[np.int64]
    start: NDArray[np.int64]
    inputs: Values
    whole: NDArray[np.bool_]  # [n]: windows of full length
    ahead: NDArray[np.int64]  # [H]: steps from the origin to each target
    every_step: bool
    facts: dict[str, Values]


def last_value(s: Situation) -> Values:
    """What was last seen stays."""
    return np.broadcast_to(s.own[s.origin][:, :, None, :], (*s.origin.shape, len(s.ahead), s.own.shape[1]))


def mean(s: Situation) -> Values:
    """The training part's mean."""
    return np.broadcast_to(s.facts["mean"], (*s.origin.shape, len(s.ahead), s.own.shape[1]))


def drift(s: Situation) -> Values:
    """The window's first and last value, carried on as a straight line."""
    steps = s.origin - s.first[:, None]
    rise = s.own[s.origin] - s.own[s.first][:, None]
    slope = np.divide(rise, steps[..., None], out=np.zeros_like(rise), where=steps[..., None] > 0)
    line: Values = s.own[s.origin][:, :, None] + slope[:, :, None] * s.ahead[:, None]
    return line


def seasonal(s: Situation) -> Values:
    """The value one period (or as many as needed) before; the last value where there is none yet."""
    period = int(s.facts["period"][0])
    back = -(-s.ahead // period) * period - s.ahead
    rows = s.origin[:, :, None] - back
    known = rows >= s.start[:, None, None]
    return np.where(known[..., None], s.own[np.maximum(rows, 0)], last_value(s))


def linear(s: Situation) -> Values:
    """A straight line (least squares) on the window; the last value on windows that are not whole."""
    n, steps, features = s.inputs.shape
    flat = (s.inputs - s.facts["linear.center"]).reshape(n, steps * features)
    weights = s.facts["linear.weights"]  # [S, T * F + 1, H * K]
    shape = (len(s.ahead), s.own.shape[1])
    out = np.stack([flat @ weights[p, :-1] + weights[p, -1] for p in range(s.origin.shape[1])], axis=1)
    out = out.reshape(n, -1, *shape)
    if not s.whole.all():
        out[~s.whole] = last_value(s)[~s.whole]
    return out


NUMERIC: dict[str, Callable[[Situation], Values]] = {
    "last_value": last_value,
    "mean": mean,
    "drift": drift,
    "seasonal": seasonal,
    "linear": linear,
}
TITLES = {
    "last_value": "last value",
    "mean": "mean",
    "drift": "drift",
    "seasonal": "seasonal",
    "linear": "straight line on the window",
    "most_frequent": "most frequent symbol",
    "bigram": "bigram",
}
NEED_OWN_PAST = ("last_value", "drift", "seasonal")


def situation(data: NumericDataset, part: str, indices: NDArray[np.int64], facts: dict[str, Values]) -> Situation:
    """The windows of a part with these numbers, as naive methods see them."""
    first, lengths, sequence = data.windows[part].locate(indices)
    longest = int(lengths.max())
    rows = np.minimum(first[:, None] + np.arange(longest), (first + lengths - 1)[:, None])
    return Situation(
        own=data.own,
        origin=np.minimum(data.origin_rows(part, indices), (first + lengths - 1)[:, None]),
        first=first,
        start=data.table.offsets[sequence],
        inputs=data.values[rows][:, :, data.inputs],
        whole=lengths == data.config.window,
        ahead=data.lead + np.arange(data.horizon),
        every_step=data.every_step,
        facts=facts,
    )


def numeric_baselines(
    data: NumericDataset, part: str, indices: NDArray[np.int64], facts: dict[str, Values]
) -> dict[str, Values]:
    """Every baseline that can be had here: name -> predictions [n, S, H, K] in original units."""
    seen = situation(data, part, indices, facts)
    names = [n for n in NUMERIC if data.lead > 0 or n not in NEED_OWN_PAST]
    if "linear.weights" not in facts:
        names.remove("linear")
    if "period" not in facts and "seasonal" in names:
        names.remove("seasonal")
    return {name: NUMERIC[name](seen) for name in names}


def learn(data: NumericDataset) -> dict[str, Values]:
    """What the naive methods learn from the training part: mean, step size, period and straight line."""
    rows, steps, left_out = 0, 0, 0
    total, moved, skipped = (np.zeros(len(data.targets)) for _ in range(3))
    for _, low, high in data.bounds["train"]:
        rows, steps = rows + high - low, steps + high - low - 1
        skipped += data.own[low : low + data.first_target].sum(axis=0)
        left_out += min(data.first_target, high - low)
        for start in range(low, high, CHUNK):
            some = data.own[start : min(start + CHUNK + 1, high)]
            total += some[:CHUNK].sum(axis=0)
            moved += np.abs(np.diff(some, axis=0)).sum(axis=0)
    # the mean of what is predicted: the first rows of a sequence are only ever seen
    facts = {"mean": (total - skipped) / max(rows - left_out, 1), "naive_step": moved / max(steps, 1)}
    _, low, high = max(data.bounds["train"], key=lambda bound: bound[2] - bound[1])
    period = find_period(data.own[max(low, high - 100_000) : high, 0])
    if period is not None:
        facts["period"] = np.array([float(period)])
    return facts | _fit_line(data)


def find_period(values: Values) -> int | None:
    """The period of a series [n] by its autocorrelation, the straight trend removed; None where there is none.

    The first peak of the autocorrelation that comes near the highest one and stands out of what noise would give.
    """
    n = len(values)
    if n < 8 or np.ptp(values) == 0.0:
        return None
    rows = np.arange(n) - (n - 1) / 2
    centred = values - values.mean()
    centred = centred - rows * (rows @ centred) / (rows @ rows)
    if np.std(centred) <= 1e-9 * np.ptp(values):
        return None
    size = 1 << (2 * n - 1).bit_length()
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    correlation = np.fft.irfft(power, size)[: n // 2 + 1]
    correlation = correlation / correlation[0] * (n / (n - np.arange(len(correlation))))
    inner = correlation[1:-1]
    peaks = np.flatnonzero((inner >= correlation[:-2]) & (inner > correlation[2:])) + 1
    peaks = peaks[(peaks >= 2) & (correlation[peaks] > max(0.2, 3.0 / math.sqrt(n)))]
    if len(peaks) == 0:
        return None
    return int(peaks[np.argmax(correlation[peaks] >= 0.9 * correlation[peaks].max())])


def _fit_line(data: NumericDataset) -> dict[str, Values]:
    """Least squares from the window (at step t: its first t + 1 rows) to the targets, by normal equations."""
    features = len(data.inputs)
    width = data.config.window * features
    places = data.config.window if data.every_step else 1
    outputs = data.horizon * len(data.targets)
    if width > 4_000 or places * (width + 1) * outputs > 4_000_000:
        return {}
    windows = data.windows["train"]
    chosen = data.spread("train", max(1, MOST_FITTED // max(width, places * outputs)))
    chosen = chosen[windows.locate(chosen)[1] == data.config.window]
    if len(chosen) == 0:
        return {}
    rows = windows.locate(chosen)[0]
    center = data.values[rows][:, data.inputs].mean(axis=0)
    gram = np.zeros((width + 1, width + 1))
    moment = np.zeros((width + 1, places * outputs))
    block = max(1, 2_000_000 // max(width, places * outputs))
    for start in range(0, len(chosen), block):
        some = chosen[start : start + block]
        first = windows.locate(some)[0]
        x = data.values[first[:, None] + np.arange(data.config.window)][:, :, data.inputs] - center
        x = np.concatenate([np.ones((len(some), 1)), x.reshape(len(some), width)], axis=1)
        gram += x.T @ x
        moment += x.T @ data.truth("train", some).reshape(len(some), -1)
    weights = np.zeros((places, width + 1, outputs))
    for p in range(places):
        used = 1 + ((p + 1) * features if places > 1 else width)
        solution = _solve(gram[:used, :used], moment[:used, p * outputs : (p + 1) * outputs])
        weights[p, : used - 1] = solution[1:]
        weights[p, -1] = solution[0]
    return {"linear.weights": weights, "linear.center": center}


def _solve(gram: Values, moment: Values) -> Values:
    """The shortest solution of gram @ w = moment; columns are first brought to one size."""
    size = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    scaled = gram / np.outer(size, size)
    solution: Values = np.linalg.lstsq(scaled, moment / size[:, None], rcond=1e-11)[0] / size[:, None]
    return solution
