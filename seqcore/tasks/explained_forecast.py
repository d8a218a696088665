"""A forecast as a function of its input rows that can be differentiated, for attributions in original units."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.numeric_dataset import NumericCodec, is_recursive
from seqcore.errors import PredictionError
from seqcore.experiment.config import DataConfig
from seqcore.results.formatting import counted
from seqcore.tasks.forecasting import calendar_of
from seqcore.tasks.inspection import ExplainedForecast
from seqcore.tasks.rollout import Rollout

__all__ = ["explained_forecast", "forecast_names"]

Values = NDArray[np.float64]


def explained_forecast(
    model: nn.Module, config: DataConfig, codec: NumericCodec, rows: Values, *, times: Any = None
) -> ExplainedForecast:
    """The forecast of `predict_after`, in double precision; calendar features stay as they are. PredictionError.

    `model` must be in double precision.
    """
    if len(rows) <= codec.before:
        raise PredictionError(f"input: give more than {codec.before} rows, the period of seasonal scaling")
    scaler, recursive = codec.scaler, is_recursive(config)
    if scaler.logarithmic and not (rows > 0.0).all():
        raise PredictionError("input: this model uses logarithmic scaling; give values above 0")
    center, scale = torch.from_numpy(scaler.center), torch.from_numpy(scaler.scale)
    calendar = calendar_of(codec, len(rows), config.lead + config.horizon, times)
    columns = torch.tensor(codec.inputs)

    def predict(x: Tensor) -> Tensor:
        count, length = x.shape[:2]
        full = x.new_ones(count, length, len(codec.columns)).index_copy(2, columns, x)  # others are not used
        scaled = ((full.log() if scaler.logarithmic else full) - center) / scale
        period = torch.from_numpy(codec.scalers.period[:1]).expand(count)
        rollout = Rollout(model, config, codec.scalers.kind, codec.inputs, codec.targets, codec.before, period)
        features = None if calendar is None else calendar.expand(count, -1, -1)
        if recursive:
            ahead = rollout.continue_from(scaled, features, config.horizon)
        else:
            if features is not None:
                features = features[:, codec.before + config.lead : length + config.lead]
            ahead = rollout.predict(scaled, features)[:, -1]
        found = ahead * scale[codec.targets] + center[codec.targets]  # [B, H, K]
        return (found.exp() if scaler.logarithmic else found).flatten(1)

    return ExplainedForecast(torch.tensor(rows), predict, forecast_names(config, codec.target_names))


def forecast_names(config: DataConfig, targets: tuple[str, ...], *, steps: int | None = None) -> tuple[str, ...]:
    """What the numbers of one prediction are, horizon by horizon: "sales", or "sales, 2 steps ahead"."""
    steps = config.horizon if steps is None else steps
    if steps == 1:
        return targets
    ahead = range(config.lead, config.lead + steps)
    return tuple(f"{name}, {counted(h, 'step')} ahead" for h in ahead for name in targets)
