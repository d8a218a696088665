"""Linear regression from a window to its targets, by least squares."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seqcore.data.numeric_dataset import NumericDataset
from seqcore.evaluation.baselines.naive import BaselineInputs, repeat_last

__all__ = ["MOST_STORED", "fit_linear", "linear", "linear_calendar", "linear_scaled"]

Values = NDArray[np.float64]
# windows by number -> (inputs [n, T, F], the calendar [n, S, E] or None, targets [n, S * H * K])
Sample = Callable[[NDArray[np.int64]], tuple[Values, Values | None, Values]]

MOST_FITTED = 2_000_000  # numbers that a fit uses at most
MOST_STORED = 200_000  # coefficients worth keeping in a checkpoint
_TOGETHER = 400_000  # of them at a time
_WIDEST = 4_000  # columns that are solved for
_MOST_WEIGHTS = 4_000_000


def fit_linear(data: NumericDataset) -> dict[str, Values]:
    """Least squares from the window (at step t: its first t + 1 rows) to the targets, by normal equations.

    "linear": from raw values to raw values. "linear_calendar": with what the date of the predicted time says beside
    them. "linear_scaled": from what the model sees to what it is asked for, where that is more than another unit.
    Each is [S, T * F + S * E + 1, H * K], the constant last; "<name>.center" is subtracted from inputs.
    """
    chosen = _sample(data)
    if chosen is None:
        return {}

    def raw(some: NDArray[np.int64]) -> tuple[Values, Values | None, Values]:
        first = data.windows["train"].locate(some)[0]
        inputs = data.values[first[:, None] + np.arange(data.config.window)][:, :, data.inputs]
        return inputs, data.dates("train", some), data.training_targets("train", some)

    def scaled(some: NDArray[np.int64]) -> tuple[Values, Values | None, Values]:
        inputs, targets = data.scaled_windows("train", some)
        return inputs, data.dates("train", some), targets

    rows = data.windows["train"].locate(chosen)[0]
    center = data.values[rows][:, data.inputs].mean(axis=0)
    gram, moment = _normal_equations(data, raw, chosen, center)
    found = {"linear.weights": _solutions(data, gram, moment, dated=False), "linear.center": center}
    if data.calendar is not None:
        found |= {"linear_calendar.weights": _solutions(data, gram, moment, dated=True)}
        found |= {"linear_calendar.center": center}
    if _transformed(data):
        nothing = np.zeros(len(data.inputs))
        gram, moment = _normal_equations(data, scaled, chosen, nothing)
        found |= {"linear_scaled.weights": _solutions(data, gram, moment, dated=True), "linear_scaled.center": nothing}
    return found


def linear(s: BaselineInputs) -> Values | None:
    """From the window in original units; the last value on windows that are not whole."""
    return _predict(s, "linear", lambda: s.inputs)


def linear_calendar(s: BaselineInputs) -> Values | None:
    """The same with calendar features of the predicted time."""
    return _predict(s, "linear_calendar", lambda: s.inputs)


def linear_scaled(s: BaselineInputs) -> Values | None:
    """From the window as the model sees it (scaled, with calendar features) to the scaled targets."""
    return _predict(s, "linear_scaled", s.scaled, s.units)


def _predict(
    s: BaselineInputs, name: str, inputs: Callable[[], Values], units: Callable[[Values], Values] | None = None
) -> Values | None:
    if f"{name}.weights" not in s.facts:
        return None
    with np.errstate(over="ignore"):
        line = _line(s, name, inputs())
        line = line.reshape(*s.origin.shape, len(s.ahead), s.own.shape[1]) if units is None else units(line)
    if not s.whole.all():
        line[~s.whole] = repeat_last(s)[~s.whole]
    return line


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


def _transformed(data: NumericDataset) -> bool:
    """Whether the model's scale is more than a change of units, so that a regression on it differs."""
    every_step_only = data.every_step and data.recursive  # trained at every step, scored at the end
    return (data.scalers.of(0).relative or data.fit.by_series) and not every_step_only


def _sample(data: NumericDataset) -> NDArray[np.int64] | None:
    """Whole windows of the training split, evenly spread; None where there are none, or too many columns."""
    places, outputs, width = _sizes(data)
    if width > _WIDEST or places * (width + 1) * outputs > _MOST_WEIGHTS:
        return None
    chosen = data.spread("train", max(1, MOST_FITTED // max(width, places * outputs)))
    chosen = chosen[data.windows["train"].locate(chosen)[1] == data.config.window]
    return chosen if len(chosen) else None


def _sizes(data: NumericDataset) -> tuple[int, int, int]:
    """Prediction steps S, outputs of each H * K, regressors T * F + S * E."""
    places = data.config.window if data.at_each_step else 1
    dates = 0 if data.calendar is None else int(data.calendar.shape[1])
    width = data.config.window * len(data.inputs) + places * dates
    return places, data.horizon * len(data.targets), width


def _normal_equations(
    data: NumericDataset, sample: Sample, chosen: NDArray[np.int64], center: Values
) -> tuple[Values, Values]:
    """X'X and X'Y of the rows [1, inputs less their center, calendar]."""
    places, outputs, width = _sizes(data)
    gram = np.zeros((width + 1, width + 1))
    moment = np.zeros((width + 1, places * outputs))
    block = max(1, _TOGETHER // max(width, places * outputs))
    for start in range(0, len(chosen), block):
        inputs, dates, targets = sample(chosen[start : start + block])
        n = len(inputs)
        parts = [np.ones((n, 1)), (inputs - center).reshape(n, -1)]
        x = np.concatenate(parts if dates is None else [*parts, dates.reshape(n, -1)], axis=1)
        gram += x.T @ x
        moment += x.T @ targets.reshape(n, -1)
    return gram, moment


def _solutions(data: NumericDataset, gram: Values, moment: Values, *, dated: bool) -> Values:
    """The weights at each step, from the rows up to it and (if `dated`) the calendar features of the predicted time."""
    places, outputs, width = _sizes(data)
    features = len(data.inputs)
    seen_in_all = data.config.window * features
    dates = (width - seen_in_all) // places
    weights = np.zeros((places, width + 1, outputs))
    for p in range(places):
        seen = np.arange(1 + ((p + 1) * features if places > 1 else seen_in_all))
        of_date = 1 + seen_in_all + p * dates + np.arange(dates if dated else 0)
        used = np.concatenate([seen, of_date])
        solution = _solve(gram[np.ix_(used, used)], moment[used, p * outputs : (p + 1) * outputs])
        weights[p, used[1:] - 1] = solution[1:]
        weights[p, -1] = solution[0]
    return weights


def _solve(gram: Values, moment: Values) -> Values:
    """The minimum-norm solution of gram @ w = moment, after scaling the columns."""
    size = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    scaled = gram / np.outer(size, size)
    solution: Values = np.linalg.lstsq(scaled, moment / size[:, None], rcond=1e-11)[0] / size[:, None]
    return solution
