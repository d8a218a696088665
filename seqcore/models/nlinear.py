"""NLinear: a linear model of the window relative to its last value.

Zeng, Chen, Zhang and Xu 2023, "Are Transformers Effective for Time Series Forecasting?": subtract the last value of the
window, map the window to the horizon with one linear layer that all features share, and add the last value again.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from seqcore.errors import PredictionError
from seqcore.experiment.config import ModelConfig
from seqcore.models.architecture import Architecture, ModelContext, Traced
from seqcore.models.equations import Cell, Equation, Given
from seqcore.models.options import NLinearOptions
from seqcore.models.state import State

__all__ = ["NLinear"]


class NLinear(Architecture):
    """Windows [B, window, F] -> their forecasts [B, 1, horizon * F]; the hidden size and the layers do not matter.

    The output layer starts as the identity where there is an output for each forecast, so that an untrained model
    predicts about the last value; trained, it mixes features, too.
    """

    not_shown: ClassVar[dict[str, str]] = {
        "hidden_state": "NLinear has no state: a linear layer maps the window to the forecast. See its weights by lag."
    }

    def __init__(self, context: ModelContext, config: ModelConfig) -> None:
        super().__init__()
        self.window = context.window
        self.subtract_last = NLinearOptions(**config.options).subtract_last
        self.output_size = context.horizon * context.input_size
        self.map = nn.Linear(context.window, context.horizon)
        nn.init.constant_(self.map.weight, 1.0 / context.window)
        nn.init.zeros_(self.map.bias)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """See `Architecture`. ValueError where x does not have the steps of the window."""
        if x.shape[1] != self.window:
            raise ValueError(f"NLinear reads windows of {self.window} steps, not {x.shape[1]}")
        last = x[:, -1:] if self.subtract_last else torch.zeros_like(x[:, -1:])
        forecast = self.map((x - last).transpose(1, 2)).transpose(1, 2) + last  # [B, horizon, F]
        return forecast.reshape(len(x), 1, self.output_size), None

    def traced(self, x: Tensor, rows: int, state: State = None) -> Traced:
        """PredictionError: there are no states."""
        raise PredictionError("gradients: NLinear has no hidden states; it maps the whole window at once")

    @torch.no_grad()
    def cell_equations(self, x: Tensor, state: State = None) -> list[Cell]:
        """See `Architecture`: one cell that reads all steps. Unit h * F + f is feature f at h steps ahead."""
        horizon, features = self.map.out_features, x.shape[2]
        last = x[0, -1] if self.subtract_last else torch.zeros_like(x[0, -1])
        window = (x[0] - last).T.repeat(horizon, 1)  # [horizon * F, T]
        weights = {
            "W": self.map.weight.repeat_interleave(features, dim=0),
            "b": self.map.bias.repeat_interleave(features),
        }
        given = (
            Given("x", "Window minus last value", "X", window),
            Given("x_last", "Last value", "x_T", last.repeat(horizon)),
        )
        equation = Equation("forecast", "Forecast", "y", "", (("W", "X"), ("b",), ("x_T",)))
        return [Cell((equation,), weights, lambda step: given, recurrent=False)]

    def reach(self) -> int:
        """The window."""
        return self.window

    @torch.no_grad()
    def lag_weights(self) -> Tensor:
        """See `Architecture`: with what is subtracted and added again."""
        weights = self.map.weight.detach().clone()
        if self.subtract_last:
            weights[:, -1] += 1.0 - weights.sum(dim=1)
        return weights.flip(1)

    def initial_head(self, head: nn.Linear) -> None:
        """The identity, where outputs and forecasts are as many."""
        if head.in_features == head.out_features:
            nn.init.eye_(head.weight)
            nn.init.zeros_(head.bias)
