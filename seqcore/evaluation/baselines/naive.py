"""Naive methods that every model is scored beside, on the same windows. They learn from the training part alone.

A new one for numbers is a function of `BaselineInputs` and a line in `NUMERIC`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqcore.data.numeric_codec import NumericCodec
from seqcore.data.numeric_dataset import NumericDataset
from seqcore.data.profile.seasonality import LONGEST_LOOK, find_period
from seqcore.data.scaling import CHUNK
from seqcore.evaluation.baselines.linear import fit_lines

__all__ = [
    "NUMERIC",
    "TITLES",
    "BaselineInputs",
    "facts_for",
    "find_period",
    "fit_baselines",
    "naive_steps",
    "numeric_baselines",
    "situation",
]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class BaselineInputs:
    """What a naive method may look at when it predicts n windows at S places each, H steps ahead, K targets.

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
    every_step: bool
    facts: dict[str, Values]


def last_value(s: BaselineInputs) -> Values:
    """What was last seen stays."""
    return np.broadcast_to(s.own[s.origin][:, :, None, :], (*s.origin.shape, len(s.ahead), s.own.shape[1]))


def mean(s: BaselineInputs) -> Values:
    """The training part's mean, each series' own."""
    shape = (*s.origin.shape, len(s.ahead), s.own.shape[1])
    return np.broadcast_to(s.facts["mean"][s.series][:, None, None, :], shape)


def drift(s: BaselineInputs) -> Values:
    """The window's first and last value, carried on as a straight line."""
    steps = s.origin - s.first[:, None]
    rise = s.own[s.origin] - s.own[s.first][:, None]
    slope = np.divide(rise, steps[..., None], out=np.zeros_like(rise), where=steps[..., None] > 0)
    line: Values = s.own[s.origin][:, :, None] + slope[:, :, None] * s.ahead[:, None]
    return line


def seasonal(s: BaselineInputs) -> Values:
    """The value one period (or as many as needed) before; the last value where there is none yet."""
    period = s.facts["period"][s.series].astype(np.int64)[:, None]
    back = -(-s.ahead // np.maximum(period, 1)) * period - s.ahead  # [n, H]
    rows = s.origin[:, :, None] - back[:, None]
    known = (rows >= s.start[:, None, None]) & (period > 0)[:, None]
    return np.where(known[..., None], s.own[np.maximum(rows, 0)], last_value(s))


def linear(s: BaselineInputs) -> Values:
    """A straight line (least squares) on the window; the last value on windows that are not whole."""
    return _on_whole_windows(s, _line(s, "linear", s.inputs).reshape(*s.origin.shape, len(s.ahead), s.own.shape[1]))


def linear_calendar(s: BaselineInputs) -> Values:
    """The same with the calendar of the predicted time."""
    line = _line(s, "linear_calendar", s.inputs)
    return _on_whole_windows(s, line.reshape(*s.origin.shape, len(s.ahead), s.own.shape[1]))


def linear_scaled(s: BaselineInputs) -> Values:
    """The same on what the model sees: scaled, measured from its anchor, with the calendar where it has one."""
    with np.errstate(over="ignore"):
        return _on_whole_windows(s, s.units(_line(s, "linear_scaled", s.scaled())))


def _line(s: BaselineInputs, name: str, inputs: Values) -> Values:
    """[n, S, H * K]"""
    n = len(inputs)
    weights = s.facts[f"{name}.weights"]  # [S, T * F + S * E + 1, H * K]
    flat = (inputs - s.facts[f"{name}.center"]).reshape(n, -1)
    if s.dates is not None:
        flat = np.concatenate([flat, s.dates.reshape(n, -1)], axis=1)
    if flat.shape[1] + 1 != weights.shape[1]:  # windows that all lack rows
        return np.zeros((n, s.origin.shape[1], weights.shape[2]))
    return np.stack([flat @ weights[p, :-1] + weights[p, -1] for p in range(s.origin.shape[1])], axis=1)


def _on_whole_windows(s: BaselineInputs, line: Values) -> Values:
    if not s.whole.all():
        line[~s.whole] = last_value(s)[~s.whole]
    return line


NUMERIC: dict[str, Callable[[BaselineInputs], Values]] = {
    "last_value": last_value,
    "mean": mean,
    "drift": drift,
    "seasonal": seasonal,
    "linear": linear,
    "linear_calendar": linear_calendar,
    "linear_scaled": linear_scaled,
}
TITLES = {
    "last_value": "last value",
    "mean": "mean",
    "drift": "drift",
    "seasonal": "seasonal",
    "linear": "straight line on the window",
    "linear_calendar": "linear model with the calendar",
    "linear_scaled": "linear model on the scaled window",
    "most_frequent": "most frequent symbol",
    "bigram": "bigram",
}
NEED_OWN_PAST = ("last_value", "drift", "seasonal")


def situation(data: NumericDataset, part: str, indices: NDArray[np.int64], facts: dict[str, Values]) -> BaselineInputs:
    """The windows of a part with these numbers, as naive methods see them."""
    first, lengths, sequence = data.windows[part].locate(indices)
    longest = int(lengths.max())
    rows = np.minimum(first[:, None] + np.arange(longest), (first + lengths - 1)[:, None])
    return BaselineInputs(
        own=data.target_values,
        origin=np.minimum(data.origin_rows(part, indices), (first + lengths - 1)[:, None]),
        first=first,
        start=data.table.offsets[sequence],
        series=data.series_of(sequence),
        scaled=lambda: data.scaled_windows(part, indices)[0],
        dates=data.dates(part, indices),
        units=lambda outputs: data.original(part, indices, outputs),
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
    names = [n for n in names if not n.startswith("linear") or f"{n}.weights" in facts]
    if "period" not in facts and "seasonal" in names:
        names.remove("seasonal")
    return {name: NUMERIC[name](seen) for name in names}


def fit_baselines(data: NumericDataset) -> dict[str, Values]:
    """What the naive methods learn from the training part: mean[G, K], step size[G, K], period[G] and straight lines.

    G is 1, or the number of series where each has a scale of its own. A period of 0 is none.
    """
    return _simple_facts(data, data.bounds["train"]) | fit_lines(data)


def naive_steps(data: NumericDataset) -> Values:
    """The mean absolute step from row to row in the training part, [G, K]: what errors of several sizes share."""
    return _simple_facts(data, data.bounds["train"])["naive_step"]


def facts_for(data: NumericDataset, codec: NumericCodec) -> dict[str, Values]:
    """What was learned before, for the series of this table; of one never seen, from the rows that gave its scale."""
    if not data.fit.by_series:
        return codec.fitted
    known, offsets = data.fit.known, data.table.offsets
    strangers = [(s, int(offsets[s]), int(data.fit.learned_until[s])) for s in np.flatnonzero(known < 0).tolist()]
    own = _simple_facts(data, strangers) if strangers else {}
    facts = dict(codec.fitted)
    for name in ("mean", "naive_step", "period"):
        if name in codec.fitted:
            facts[name] = codec.fitted[name][np.maximum(known, 0)]
            if strangers:
                theirs = own.get(name, np.zeros_like(facts[name]))
                facts[name][known < 0] = theirs[known < 0]
    return facts


def _simple_facts(data: NumericDataset, bounds: list[tuple[int, int, int]]) -> dict[str, Values]:
    count = len(data.scalers)
    rows, steps, left_out = (np.zeros((count, 1)) for _ in range(3))
    total, moved, skipped = (np.zeros((count, len(data.targets))) for _ in range(3))
    period, longest = np.zeros(count), np.zeros(count, dtype=np.int64)
    series = data.series_of(np.array([s for s, _, _ in bounds], dtype=np.int64))
    for g, (_, low, high) in zip(series.tolist(), bounds, strict=True):
        rows[g], steps[g] = rows[g] + high - low, steps[g] + max(high - low - 1, 0)
        skipped[g] += data.target_values[low : min(low + data.first_target, high)].sum(axis=0)
        left_out[g] += min(data.first_target, high - low)
        for start in range(low, high, CHUNK):
            some = data.target_values[start : min(start + CHUNK + 1, high)]
            total[g] += some[:CHUNK].sum(axis=0)
            moved[g] += np.abs(np.diff(some, axis=0)).sum(axis=0)
        if high - low > longest[g]:
            longest[g] = high - low
            if count > 1:
                period[g] = find_period(data.target_values[max(low, high - LONGEST_LOOK) : high, 0]) or 0
    if count == 1 and bounds:
        _, low, high = max(bounds, key=lambda bound: bound[2] - bound[1])
        period[0] = find_period(data.target_values[max(low, high - LONGEST_LOOK) : high, 0]) or 0
    # the mean of what is predicted: the first rows of a sequence are only ever seen
    whole = left_out >= rows
    mean = np.where(whole, total, total - skipped) / np.maximum(np.where(whole, rows, rows - left_out), 1)
    facts = {"mean": mean, "naive_step": moved / np.maximum(steps, 1)}
    return facts | ({"period": period} if period.any() else {})
