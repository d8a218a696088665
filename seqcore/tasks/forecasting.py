"""Beyond the data: one answer to typed numbers, and forecasts that go on from the end of what is known."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seqcore.config import DataConfig
from seqcore.data.calendar import future_times
from seqcore.data.numeric import NumericCodec
from seqcore.data.typed import parse_numbers as read_numbers
from seqcore.errors import DataError, PredictionError
from seqcore.views import SeriesView

__all__ = ["as_rows", "forecast_on", "parse_numbers", "predict_after"]

Values = NDArray[np.float64]


def parse_numbers(text: str, codec: NumericCodec) -> Values:
    """Typed numbers as rows [T, F]; where F > 1, a row ends with its line or a `;`.

    Commas are read by the rule of `seqcore.data.typed.parse_numbers`: they separate, or are decimal commas where
    something else separates. Where F > 1, the number of values in a row says which. PredictionError.
    """
    width = len(codec.inputs)
    lines = [line for line in re.split(r"[;\n]", text) if line.strip()] if width > 1 else [text]
    for decimal in ("point", "comma") if width > 1 else ():
        with contextlib.suppress(DataError):
            rows = [read_numbers(line, decimal=decimal)[0] for line in lines]
            if rows and all(len(row) == width for row in rows):
                return np.array(rows, dtype=np.float64)
    try:
        rows = [read_numbers(line)[0] for line in lines]
    except DataError as error:
        raise PredictionError(*(f"input: {line}" for line in error.lines)) from None
    if width == 1:
        rows = [[value] for value in rows[0]]
    if not rows:
        raise PredictionError("input: there is no number; type some, as in 70, 80, 90")
    wrong = next((i for i, row in enumerate(rows) if len(row) != width), None)
    if wrong is not None:
        names = ", ".join(codec.input_names)
        raise PredictionError(f"input: row {wrong + 1} has {len(rows[wrong])} numbers; give {width} a row: {names}")
    return np.array(rows, dtype=np.float64)


def as_rows(given: Any, codec: NumericCodec) -> Values:
    """Numbers [T] or [T, F], or a DataFrame with the input columns, as rows [T, F]. PredictionError."""
    if hasattr(given, "columns"):
        missing = [name for name in codec.input_names if name not in given.columns]
        if missing:
            raise PredictionError(
                f"input: there is no column {missing[0]!r}; the model sees {', '.join(codec.input_names)}"
            )
        given = given[list(codec.input_names)].to_numpy()
    try:
        rows = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise PredictionError("input: these are not numbers") from None
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or len(rows) == 0 or rows.shape[1] != len(codec.inputs):
        raise PredictionError(f"input: shape {rows.shape} is not allowed; give [T] or [T, {len(codec.inputs)}] numbers")
    if not np.isfinite(rows).all():
        raise PredictionError("input: a value is missing or infinite; give finite numbers")
    return rows


def predict_after(model: nn.Module, config: DataConfig, codec: NumericCodec, rows: Values) -> SeriesView:
    """Input rows [T, F] in original units -> the steps that lie `lead` ahead of its end; its own steps at lead 0."""
    with np.errstate(over="ignore", invalid="ignore"):  # said below, in words
        prediction = _answer(model, config, codec, _full(rows, codec))
    if not np.isfinite(prediction).all():
        raise PredictionError(
            "input: the model's answer is not a finite number: this input is too far from what it was trained on"
        )
    steps = np.arange(1, len(rows) + 1, dtype=np.float64)
    if config.lead == 0 and config.predict != "next":
        x = steps
    else:
        x = len(rows) + config.lead + np.arange(config.horizon, dtype=np.float64)
        prediction = prediction[-1] if config.predict != "next" else prediction[0]
    shared = [codec.input_names.index(n) for n in codec.target_names if n in codec.input_names]
    seen = len(shared) == len(codec.targets)
    return SeriesView(
        x=x,
        prediction=prediction.reshape(len(x), -1),
        context_x=steps if seen else None,
        context=rows[:, shared] if seen else None,
        columns=codec.target_names,
        x_title="step",
    )


def _full(rows: Values, codec: NumericCodec) -> Values:
    """Input rows [T, F] as rows of all the codec's columns [T, C]; what the model doesn't see stays 0."""
    full = np.zeros((len(rows), len(codec.columns)))
    full[:, codec.inputs] = rows
    return full


def _answer(model: nn.Module, config: DataConfig, codec: NumericCodec, rows: Values) -> Values:
    """Rows [T, C] in original units -> what the model says of them, [S, H, K] in original units."""
    scaled = codec.scaler.transform(rows)
    anchor = np.zeros(scaled.shape[1], dtype=np.float32)
    if codec.scaler.relative:
        anchor = scaled[-1] if config.predict == "next" else scaled[0]
    with torch.inference_mode():
        outputs, _ = model(torch.from_numpy((scaled - anchor)[:, codec.inputs])[None])
    answers = outputs[0].numpy().reshape(-1, config.horizon, len(codec.targets)).astype(np.float64)
    return codec.scaler.inverse(answers + anchor[codec.targets].astype(np.float64), codec.targets)


def forecast_on(model: nn.Module, config: DataConfig, codec: NumericCodec, steps: int) -> SeriesView:
    """`steps` rows after the end of the data: directly up to the horizon, then from the model's own predictions."""
    if config.lead == 0:
        raise PredictionError(
            "forecast: this model reads one column off another at the same step and sees no future; give it an input"
        )
    direct = config.lead - 1 + config.horizon
    if steps > direct and not set(codec.inputs) <= set(codec.targets):
        unknown = next(codec.columns[i] for i in codec.inputs if i not in codec.targets)
        raise PredictionError(
            f"forecast: {steps} steps would need future values of {unknown!r}, which the model sees but doesn't "
            f"predict; ask for {direct} at most, or train with a longer data.horizon"
        )
    known, filled = codec.tail, len(codec.tail)
    rows = np.concatenate([known, np.full((steps + direct, known.shape[1]), np.nan)])
    ahead = 1  # the next step to predict, counted from the end of the data
    while ahead <= steps:
        end = filled + ahead - config.lead  # rows known (or already predicted) at the origin
        answer = _answer(model, config, codec, rows[max(0, end - config.window) : end])[-1]  # [H, K]
        rows[filled + ahead - 1 : filled + ahead - 1 + config.horizon, codec.targets] = answer
        ahead += config.horizon
    prediction = rows[filled : filled + steps][:, codec.targets]
    shown = min(filled, max(3 * config.window, steps, 24))
    times = codec.tail_times
    first = codec.tail_start + filled
    return SeriesView(
        x=first + np.arange(steps, dtype=np.float64) if times is None else future_times(times, steps),
        prediction=prediction,
        context_x=first - shown + np.arange(shown, dtype=np.float64) if times is None else times[-shown:],
        context=known[-shown:][:, codec.targets],
        columns=codec.target_names,
        x_title=codec.x_title,
    )
