"""How often each unit of a model is saturated: close to the bound of its activation function."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcore.results.base import Rows, Values, View, Words, exact
from seqcore.results.internals import readable

__all__ = ["SaturationView"]


@dataclass(frozen=True)
class SaturationView(View):
    """The share of all steps of some examples at which a unit lies within `margin` of a bound (Karpathy et al. 2015).

    `low[name]` and `high[name]` are shares [L, D] near the lower and the upper bound of "forget_gate", "hidden_state",
    ... `bounds[name]` are those two. Above ReLU there is no bound, and near its lower one means 0.
    """

    kind = "saturation"

    names: Words
    layer_titles: Words
    low: dict[str, Values]
    high: dict[str, Values]
    bounds: dict[str, Values]
    steps: int
    examples: int
    margin: float
    model_step: int = 0
    title: str = ""

    @property
    def caption(self) -> str:
        """How to read the figure."""
        return (
            f"Each point is a unit: the share of {self.steps:,} steps near its lower bound (right) and near its upper "
            "bound (up). A unit close to the end of an axis hardly ever changes; one on the dashed line switches "
            "between its two bounds."
        )

    def table(self) -> Rows:
        """One row for each name, layer and unit."""
        rows = [
            [name, title, unit + 1, exact(low), exact(high)]
            for name in self.names
            for title, lows, highs in zip(self.layer_titles, self.low[name], self.high[name], strict=True)
            for unit, (low, high) in enumerate(zip(lows, highs, strict=True))
        ]
        return ["name", "layer", "unit", "share near the lower bound", "share near the upper bound"], rows

    def summary(self) -> Rows:
        """For each name and layer the mean shares, and how many units are near a bound at nine steps of ten."""
        rows = []
        for name in self.names:
            for title, low, high in zip(self.layer_titles, self.low[name], self.high[name], strict=True):
                stuck = int((np.maximum(low, high) > 0.9).sum())
                rows.append(
                    [readable(name), title, f"{low.mean():.1%}", f"{high.mean():.1%}", f"{stuck} of {len(low)}"]
                )
        return ["name", "layer", "near lower bound", "near upper bound", "units saturated at 90% of steps"], rows
