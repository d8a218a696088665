"""Predictions for typed numbers, and forecasts beyond the end of the data."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.labeled_dataset import LabeledCodec
from seqcore.data.numeric_dataset import NumericCodec, is_recursive
from seqcore.data.scaling import Scaler
from seqcore.data.sources.typed import parse_numbers as read_numbers
from seqcore.errors import DataError, PredictionError
from seqcore.experiment.config import DataConfig
from seqcore.models.replicated import Folded, Replicated, ensemble_mean, replica_count
from seqcore.results import SeriesView
from seqcore.results.formatting import counted
from seqcore.tasks.prediction_intervals import with_band
from seqcore.tasks.rollout import Rollout

__all__ = [
    "as_rows", "calendar_of", "dates_of", "direct_steps", "encoded_rows", "forecast_on", "parse_numbers",
    "predict_after", "typed_rows", "unknown_input",
]  # fmt: skip

Values = NDArray[np.float64]
Times = NDArray[np.datetime64]


def parse_numbers(text: str, codec: NumericCodec | LabeledCodec) -> Values:
    """Typed numbers as rows [T, F]; with F > 1, rows are separated by lines or `;`.

    Numbers are read as those of the training file if it has decimal commas. Else commas follow the rule of
    `sources.typed.parse_numbers`: separators, or decimal commas if there is another separator. With F > 1, the number
    of values in a row decides. PredictionError.
    """
    known = "comma" if codec.decimal_comma else "auto"
    width = len(codec.inputs)
    lines = [line for line in re.split(r"[;\n]", text) if line.strip()] if width > 1 else [text]
    for decimal in ("point", "comma") if width > 1 and known == "auto" else ():
        with contextlib.suppress(DataError):
            rows = [read_numbers(line, decimal=decimal)[0] for line in lines]
            if rows and all(len(row) == width for row in rows):
                return np.array(rows, dtype=np.float64)
    try:
        rows = [read_numbers(line, decimal=known)[0] for line in lines]
    except DataError as error:
        raise PredictionError(*(f"input: {line}" for line in error.lines)) from None
    if width == 1:
        rows = [[value] for value in rows[0]]
    if not rows:
        raise PredictionError("input: no numbers; give numbers such as 70, 80, 90")
    wrong = next((i for i, row in enumerate(rows) if len(row) != width), None)
    if wrong is not None:
        names = ", ".join(codec.input_names)
        raise PredictionError(f"input: row {wrong + 1} has {len(rows[wrong])} numbers; give {width} a row: {names}")
    return np.array(rows, dtype=np.float64)


def typed_rows(rows: Values, codec: NumericCodec | LabeledCodec, *, digits: int = 6) -> str:
    """Rows [T, F] as `parse_numbers` reads them: "70.5, 80.5", of a file with decimal commas "70,5 80,5"."""
    between = " " if codec.decimal_comma else ", "
    lines = [between.join(f"{value:.{digits}g}" for value in row) for row in rows]
    text = ("; " if rows.shape[1] > 1 else between).join(lines)
    return text.replace(".", ",") if codec.decimal_comma else text


def as_rows(given: Any, codec: NumericCodec | LabeledCodec) -> Values:
    """Numbers [T] or [T, F], or a DataFrame with the input columns, as rows [T, F]. PredictionError."""
    if hasattr(given, "columns"):
        missing = [name for name in codec.input_names if name not in given.columns]
        if missing:
            raise PredictionError(
                f"input: there is no column {missing[0]!r}; the inputs of this model are {', '.join(codec.input_names)}"
            )
        given = given[list(codec.input_names)].to_numpy()
    try:
        rows = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise PredictionError("input: not numeric; give numbers") from None
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or len(rows) == 0 or rows.shape[1] != len(codec.inputs):
        raise PredictionError(f"input: shape {rows.shape} is not allowed; give [T] or [T, {len(codec.inputs)}] numbers")
    if not np.isfinite(rows).all():
        raise PredictionError("input: a value is missing or infinite; give finite numbers")
    _check_scaled(rows, codec)
    return rows


def _check_scaled(rows: Values, codec: NumericCodec | LabeledCodec) -> None:
    """PredictionError where a model would read a number as infinite: scaled, in single precision."""
    if codec.scaler is None or codec.scaler.logarithmic:
        return
    center, scale = (part[codec.inputs] for part in (codec.scaler.center, codec.scaler.scale))
    with np.errstate(over="ignore"):
        read = ((rows - center) / scale).astype(np.float32)
    if not np.isfinite(read).all():
        row, column = np.argwhere(~np.isfinite(read))[0].tolist()
        raise PredictionError(
            f"input: {codec.input_names[column]} is {rows[row, column]:g} in row {row + 1}, which is too far from the "
            "training data; give smaller values"
        )


def dates_of(given: Any) -> Times | None:
    """The dates of a DataFrame: its first datetime column, or its index. None if there are none."""
    if not hasattr(given, "columns"):
        return None
    dated = [name for name in given.columns if np.dtype(getattr(given[name], "dtype", object)).kind == "M"]
    if dated:
        return np.asarray(given[dated[0]], dtype="datetime64[ns]")
    index = np.asarray(given.index)
    return index.astype("datetime64[ns]") if index.dtype.kind == "M" else None


def predict_after(
    model: nn.Module, config: DataConfig, codec: NumericCodec, rows: Values, *, times: Times | None = None
) -> SeriesView:
    """Input rows [T, F] in original units -> predictions `lead` steps after the end; at lead 0, of each input step.

    The input is scaled as the codec's first series. With calendar features it is at `times`, or at the last times of
    that series.
    """
    before = codec.before
    if len(rows) <= before:
        raise PredictionError(
            f"input: seasonal scaling needs the value {before} steps earlier; give more than {before} rows"
        )
    ahead = config.lead + config.horizon
    dates = _dates(codec, len(rows), ahead, times)
    with np.errstate(over="ignore", invalid="ignore"):  # reported below
        full = np.zeros((len(rows), len(codec.columns)))  # columns that are not inputs are not used
        full[:, codec.inputs] = rows
        each = _predict(model, config, codec, full, dates)
        prediction = ensemble_mean(model, each) if len(each) > 1 else each[0]
    if not np.isfinite(prediction).all():
        raise PredictionError(
            "input: the prediction is not finite: the input is too far from the training data, or the weights are too "
            "large; give smaller values, or choose an earlier step"
        )
    steps = np.arange(1, len(rows) + 1, dtype=np.float64)
    whole = config.lead == 0 and config.predict != "last"
    x = steps if whole else len(rows) + config.lead + np.arange(config.horizon, dtype=np.float64)
    shared = [codec.input_names.index(n) for n in codec.target_names if n in codec.input_names]
    seen = len(shared) == len(codec.targets)
    view = SeriesView(
        x=x if dates is None else dates[x.astype(np.int64) - 1],
        prediction=prediction.reshape(len(x), -1),
        context_x=None if not seen else steps if dates is None else dates[: len(rows)],
        context=rows[:, shared] if seen else None,
        columns=codec.target_names,
        x_title="step" if dates is None else codec.x_title,
        title=codec.series[0] if codec.series else "",
        replicas=each.reshape(len(each), len(x), -1) if len(each) > 1 else None,
    )
    return with_band(view, codec, config, after="steps" if whole else "window")


def encoded_rows(config: DataConfig, codec: NumericCodec, rows: Values, *, times: Times | None = None) -> Tensor:
    """Input rows [before + T, F] in original units as the model reads them in `predict_after`, [1, T, F + E]."""
    if len(rows) <= codec.before:
        raise PredictionError(
            f"input: seasonal scaling needs the value {codec.before} steps earlier; give more than {codec.before} rows"
        )
    full = np.zeros((len(rows), len(codec.columns)))  # columns that are not inputs are not used
    full[:, codec.inputs] = rows
    features = _features(codec, _dates(codec, len(rows), config.lead + config.horizon, times), 1)
    if features is not None:
        features = features[:, codec.before + config.lead : len(rows) + config.lead]
    scaled = torch.from_numpy(_transformed(codec.scaler, full, codec))[None]
    return _rollout(nn.Identity(), config, codec).inputs_of(scaled, features)[0]


def _dates(codec: NumericCodec, rows: int, ahead: int, times: Times | None) -> Times | None:
    """The times of the rows and of the steps after them; None without calendar features."""
    if not codec.calendar:
        return None
    from seqcore.data.time_pattern import future_times, past_times  # imports pandas: only for data with dates

    history = codec.tails[0].times if codec.tails else None
    if times is None:
        _check_tail(codec)
        assert history is not None
        times = past_times(history, rows)
    return np.concatenate([times, future_times(times, ahead, history=history)])


def _predict(model: nn.Module, config: DataConfig, codec: NumericCodec, rows: Values, dates: Times | None) -> Values:
    """Rows [T, C] in original units -> predictions after them (at lead 0: for each row), [R, H or T, K].

    R is the number of replicas, 1 for a single model.
    """
    scaler, count = codec.scaler, replica_count(model)
    scaled = torch.from_numpy(_transformed(scaler, rows, codec)).expand(count, -1, -1)
    rollout = _rollout(model, config, codec)
    features = _features(codec, dates, count)
    with torch.inference_mode():
        if is_recursive(config):
            prediction = rollout.continue_from(scaled, features, config.horizon)
        else:
            calendar = None if features is None else features[:, codec.before + config.lead : len(rows) + config.lead]
            predictions = rollout.predict(scaled, calendar)  # [R, S, H, K]
            whole = config.lead == 0 and config.predict != "last"
            prediction = predictions.flatten(1, 2) if whole else predictions[:, -1]
    return scaler.inverse(prediction.numpy().astype(np.float64), codec.targets)


def _transformed(scaler: Scaler, rows: Values, codec: NumericCodec) -> NDArray[np.float32]:
    """[T, C] scaled. PredictionError if a logarithmic scaling meets a value that is not positive."""
    if scaler.logarithmic and not (rows > 0.0).all():
        row, column = np.argwhere(~(rows > 0.0))[0].tolist()
        raise PredictionError(
            f"input: {codec.columns[column]} is {rows[row, column]:g} in row {row + 1}, but this model uses "
            "logarithmic scaling; give values above 0"
        )
    return scaler.transform(rows)


def _rollout(model: nn.Module, config: DataConfig, codec: NumericCodec) -> Rollout:
    """For one row of values; of replicas, for as many equal rows."""
    period = torch.from_numpy(codec.scalers.period[:1]).expand(replica_count(model))
    model = Folded(model) if isinstance(model, Replicated) else model
    return Rollout(model, config, codec.scalers.kind, codec.inputs, codec.targets, codec.before, period)


def _check_tail(codec: NumericCodec) -> None:
    if not codec.tails:
        raise PredictionError(
            f"series: the checkpoint does not contain the end of {codec.series[0]!r}, because there are too many "
            "series; choose one of the first series, or train on fewer"
        )


def _features(codec: NumericCodec, dates: Times | None, count: int) -> Tensor | None:
    """Calendar features, [count, T, E], all rows alike."""
    if dates is None:
        return None
    from seqcore.data.calendar import calendar_features  # imports pandas: only for data with dates

    return torch.from_numpy(calendar_features(dates, codec.calendar)).expand(count, -1, -1)


def direct_steps(config: DataConfig) -> int:
    """The number of steps after the end of the data that need no predicted value as an input."""
    at_once = 1 if is_recursive(config) else config.horizon
    return -(-config.lead // at_once) * at_once  # a forecast predicts whole horizons, one after the other


def unknown_input(codec: NumericCodec) -> str | None:
    """The first input column that is not predicted, whose future values no forecast can know; None without one."""
    targets = set(codec.targets)
    return next((codec.columns[i] for i in codec.inputs if i not in targets), None)


def forecast_on(model: nn.Module, config: DataConfig, codec: NumericCodec, steps: int) -> SeriesView:
    """`steps` rows after the end of the codec's first series: direct up to the horizon, recursive beyond."""
    if config.lead == 0:
        raise PredictionError(
            "forecast: this model predicts the current step (lead 0) and cannot forecast; use predict with an input"
        )
    direct, unknown = direct_steps(config), unknown_input(codec)
    if steps > direct and unknown is not None:
        at_once = " and data.multi_step = direct" if config.multi_step == "recursive" else ""
        raise PredictionError(
            f"forecast: {counted(steps, 'step')} need future values of the input {unknown!r}, which the model does not "
            f"predict; use at most {counted(direct, 'step')}, or train with {unknown!r} in data.target as well, or "
            f"with a larger data.horizon{at_once}"
        )
    rollout = _rollout(model, config, codec)
    _check_tail(codec)
    tail = codec.tails[0]
    used = config.window + codec.before + config.lead  # rows needed by the first prediction
    scaler = codec.scaler
    rows, times = tail.values[-used:], None
    if tail.times is not None:
        from seqcore.data.time_pattern import future_times  # imports pandas: only for data with dates

        times = np.concatenate([tail.times[-len(rows) :], future_times(tail.times, steps + direct + config.lead)])
    with torch.inference_mode():
        count = replica_count(model)
        scaled = torch.from_numpy(scaler.transform(rows)).expand(count, -1, -1)
        ahead = rollout.continue_from(scaled, _features(codec, times if codec.calendar else None, count), steps)
    each = scaler.inverse(ahead.numpy().astype(np.float64), codec.targets)
    prediction = ensemble_mean(model, each) if count > 1 else each[0]
    filled = len(tail.values)
    shown = min(filled, max(3 * config.window, steps, 24))
    first = tail.start + filled
    view = SeriesView(
        x=first + np.arange(steps, dtype=np.float64) if times is None else times[len(rows) : len(rows) + steps],
        prediction=prediction,
        context_x=first - shown + np.arange(shown, dtype=np.float64) if tail.times is None else tail.times[-shown:],
        context=tail.values[-shown:][:, codec.targets],
        columns=codec.target_names,
        x_title=codec.x_title,
        title=codec.series[0] if codec.series else "",
        replicas=each if count > 1 else None,
    )
    return with_band(view, codec, config, after="end")


def calendar_of(codec: NumericCodec, rows: int, ahead: int, times: Times | None) -> Tensor | None:
    """Calendar features of the rows and of the steps after them, [1, rows + ahead, E]; None where there are none."""
    return _features(codec, _dates(codec, rows, ahead, times), 1)
