"""Prediction intervals of a regression: calibration errors and interval bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from seqcore.data.numeric_codec import NumericCodec
from seqcore.data.numeric_dataset import NumericDataset
from seqcore.data.splits import split_bounds
from seqcore.data.stored_codec import decoding
from seqcore.evaluation.intervals import (
    AHEAD,
    BY_LEVEL,
    IN_WINDOW,
    NOT_NEGATIVE,
    grows_with_level,
    half_widths,
    interval,
    nominal_coverage,
    scaled_errors,
)
from seqcore.experiment.config import DataConfig
from seqcore.models.replicated import ensemble_mean
from seqcore.results import SeriesView
from seqcore.tasks.rollout import recursive_forecast

__all__ = ["band_of", "errors_ahead", "errors_of", "intervals_from", "with_band"]

Values = NDArray[np.float64]
Band = tuple[Values, Values]
Errors = dict[str, Values]
MOST_AHEAD = 100  # forecast steps with an interval
_SHARES = ".shares"  # errors relative to the prediction
_SMALLEST = 0.01
_ORIGINS = 300  # forecast origins for calibration in one split


def errors_of(data: NumericDataset, part: str, indices: NDArray[np.int64], prediction: Values) -> Errors:
    """Scaled errors of predictions [n, S, H, K] for windows of a split."""
    scale = _scales(data, part, indices)[:, None, None]
    return _both(IN_WINDOW, data, data.truth(part, indices), prediction, scale)


def errors_ahead(model: nn.Module, data: NumericDataset, part: str) -> Errors:
    """Scaled errors of recursive forecasts, [n, R, K], 1 to R steps after windows of a split; empty if unsupported.

    Errors beyond the end of the split are NaN, because another model was fitted there.
    """
    ends = {s: high for s, _, high in data.bounds[part]}
    steps = min(MOST_AHEAD, max((high - low for _, low, high in data.bounds[part]), default=0) // 2)
    indices = data.spread(part, _ORIGINS)
    if data.lead == 0 or steps < 1 or len(indices) == 0 or not set(data.inputs) <= set(data.targets):
        return {}
    prediction = ensemble_mean(model, recursive_forecast(model, data, part, indices, steps=steps))[:, 0]
    first, lengths, sequence = data.windows[part].locate(indices)
    rows = (first + lengths)[:, None] + np.arange(steps)
    inside = (rows < np.array([ends[s] for s in sequence.tolist()])[:, None])[..., None]
    rows = np.minimum(rows, len(data.target_values) - 1)
    if data.filled is not None:
        inside = inside & ~data.filled[rows]
    truth = np.where(inside, data.target_values[rows], np.nan)
    return _both(AHEAD, data, truth, prediction, _scales(data, part, indices)[:, None])


def _both(name: str, data: NumericDataset, truth: Values, prediction: Values, scale: Values) -> Errors:
    """Errors in units of the scale and, without logarithms, relative to the prediction.

    Relative errors are NaN for targets with negative values before the test split. The denominator is at least a
    hundredth of the scale, for predictions near 0.
    """
    logarithmic = data.scalers.of(0).logarithmic
    errors = {name: scaled_errors(truth, prediction, scale, logarithmic=logarithmic)}
    if not logarithmic and (never := _never_negative(data)).any():
        shares = scaled_errors(truth, prediction, _level(prediction, scale))
        errors[name + _SHARES] = np.where(never, shares, np.nan)
    return errors


def _never_negative(data: NumericDataset) -> NDArray[np.bool_]:
    """Which targets have no negative values before the test split, [K]."""
    bounds = split_bounds(data.table, 0.0, data.config.test_fraction)["train"]
    edges = np.array([(low, high) for _, low, high in bounds if high > low], dtype=np.int64).ravel()
    if edges[-1] == len(data.target_values):
        edges = edges[:-1]
    never: NDArray[np.bool_] = np.minimum.reduceat(data.target_values, edges, axis=0)[::2].min(axis=0) >= 0.0
    return never


def _level(prediction: Values, scale: Values) -> Values:
    return np.maximum(np.abs(prediction), _SMALLEST * scale)


def intervals_from(errors: Errors, coverage: float) -> Errors:
    """Interval half-widths for the codec, relative to the prediction if errors grow with it, and lower bounds at 0."""
    shares = {name.removesuffix(_SHARES): e for name, e in errors.items() if name.endswith(_SHARES)}
    never: Values = np.zeros(1)
    if IN_WINDOW in shares:
        never = np.where(np.isnan(shares[IN_WINDOW]).all(axis=(0, 1, 2)), 0.0, 1.0)
    by_level = bool(never.all()) and grows_with_level(errors[IN_WINDOW], shares[IN_WINDOW])
    used = {name: e for name, e in errors.items() if not name.endswith(_SHARES)}
    kept = {name: half_widths(shares[name] if by_level else e, coverage) for name, e in used.items()}
    return kept | ({BY_LEVEL: np.ones(1)} if by_level else {}) | ({NOT_NEGATIVE: never} if never.any() else {})


@decoding("the prediction interval")
def band_of(data: NumericDataset, part: str, indices: NDArray[np.int64], prediction: Values) -> Band | None:
    """(low, high) of predictions [n, S, H, K] for windows of a split; None without intervals."""
    half = data.codec.fitted.get(IN_WINDOW)  # [S, H, K]
    if half is None:
        return None
    places = np.minimum(np.arange(prediction.shape[1]), len(half) - 1)
    scale = _scales(data, part, indices)[:, None, None]
    return _band(data.codec, prediction, half[places], scale, logarithmic=data.scalers.of(0).logarithmic)


@decoding("the prediction interval")
def with_band(view: SeriesView, codec: NumericCodec, config: DataConfig, *, after: str) -> SeriesView:
    """A prediction for the first series with its interval, if the model has intervals; NaN beyond the calibrated steps.

    `after`: "window" (the step after an input), "steps" (each step of an input) or "end" (a forecast).
    """
    half = codec.fitted.get(IN_WINDOW)  # [S, H, K]
    if half is None:
        return view
    if after == "end":
        half = _forecast_widths(half[-1], codec.fitted.get(AHEAD), config)  # [R, K]
    else:
        half = half[-1] if after == "window" else half[:, 0]  # [H or S, K]
    known = np.full(view.prediction.shape, np.nan)
    known[: len(half)] = half[: len(known)]
    scale, logarithmic = codec.scaler.scale[codec.targets], codec.scaler.logarithmic
    low, high = _band(codec, view.prediction, known, scale, logarithmic=logarithmic)
    return replace(view, low=low, high=high, coverage=nominal_coverage(codec.fitted))


def _forecast_widths(window: Values, ahead: Values | None, config: DataConfig) -> Values:
    """Half-widths of a forecast, [R, K]: those after a window, [H, K], up to the horizon; then the recursive ones.

    Both are calibrated on errors of the same predictions up to the horizon, `ahead` on a sample of the windows, so that
    its quantiles differ a little. One rule for these steps gives a forecast and an input the same interval.
    """
    blocks = -(-config.lead // len(window))  # so many horizons need known inputs only: one without a longer lead
    window = np.tile(window, (blocks, 1))
    return window if ahead is None else np.concatenate([window, ahead[len(window) :]])


def _band(codec: NumericCodec, prediction: Values, half: Values, scale: Values, *, logarithmic: bool) -> Band:
    """(low, high), clipped at 0 for nonnegative targets, which leaves the coverage; the prediction is unchanged."""
    if BY_LEVEL in codec.fitted:
        low, high = interval(prediction, half, _level(prediction, scale))
    else:
        low, high = interval(prediction, half, scale, logarithmic=logarithmic)
    clipped = codec.fitted.get(NOT_NEGATIVE, np.zeros(1)) > 0.0
    return np.where(clipped, np.maximum(low, 0.0), low), np.where(clipped, np.maximum(high, 0.0), high)


def _scales(data: NumericDataset, part: str, indices: NDArray[np.int64]) -> Values:
    """The scale of each window's series, [n, K]."""
    sequence = data.windows[part].locate(indices)[2]
    return data.scalers.scale[data.series_of(sequence)][:, data.targets]
