"""How far back a model can see at all, and which inputs it sees at one step; the weights of a linear model by lag."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcore.results.base import Rows, Values, View, Words, exact
from seqcore.results.formatting import counted

__all__ = ["LagWeightsView", "ReceptiveFieldView"]


@dataclass(frozen=True)
class ReceptiveFieldView(View):
    """The inputs that the output of an architecture at step `step` (from 0) depends on.

    `reach` is the number of steps that it can see by its construction, its own included, None for all so far.
    `gradient[T]` is the norm of the derivative of that output with respect to each input; 0 where it can't see it.
    """

    kind = "receptive_field"

    steps: Words
    step: int
    reach: int | None
    gradient: Values
    whole: bool = False  # whether later steps are seen, too: a bidirectional model
    model_step: int = 0
    architecture: str = ""
    title: str = ""

    @property
    def caption(self) -> str:
        """How to read the figure."""
        sees = (
            "all steps of the input" if self.whole
            else "all steps so far" if self.reach is None
            else f"the last {counted(self.reach, 'step')}"
        )  # fmt: skip
        return (
            f"Bars: norm of the gradient with respect to each input, of all features that the output layer reads at "
            f"step {self.step + 1}. The gradient of the prediction can differ, because the output layer weights the "
            f"features. Shaded: the receptive field by design, {sees}."
        )

    @property
    def first(self) -> int:
        """The first step, from 0, that can be seen from `step`."""
        return 0 if self.whole or self.reach is None else max(0, self.step - self.reach + 1)

    @property
    def last(self) -> int:
        """The last step that can be seen from `step`."""
        return len(self.steps) - 1 if self.whole else self.step

    def table(self) -> Rows:
        """One row for each input step."""
        rows = [
            [t + 1, label, exact(value), "yes" if self.first <= t <= self.last else "no"]
            for t, (label, value) in enumerate(zip(self.steps, self.gradient.tolist(), strict=True))
        ]
        return ["step", "label", "gradient norm", "can be seen"], rows

    def summary(self) -> Rows:
        """The reach, and from which steps something comes."""
        seen = [t + 1 for t, value in enumerate(self.gradient.tolist()) if value > 0.0]
        reach = "all steps" if self.reach is None or self.whole else counted(self.reach, "step")
        found = f"{seen[0]} to {seen[-1]}" if seen else "none"
        return ["output at step", "reach", "steps with a gradient"], [[str(self.step + 1), reach, found]]


@dataclass(frozen=True)
class LagWeightsView(View):
    """`weights[H, T]`: how much each forecast step of a linear model changes with the input T - 1, ..., 0 steps ago.

    The first column is the current step (lag 0). What is subtracted from the window and added again is in them. They
    hold for scaled values, and are shared by all columns.
    """

    kind = "lag_weights"

    weights: Values
    model_step: int = 0
    architecture: str = ""
    title: str = ""

    @property
    def caption(self) -> str:
        """How to read the figure."""
        return (
            "Weight of the input at each lag in the forecast of each step of the horizon. If all weight is at lag 0, "
            "the model repeats the last value."
        )

    def table(self) -> Rows:
        """One row for each lag, a column for each step of the horizon."""
        header = ["lag", *(f"step {h + 1} ahead" for h in range(len(self.weights)))]
        return header, [[lag, *map(exact, column)] for lag, column in enumerate(self.weights.T.tolist())]

    def summary(self) -> Rows:
        """For each step of the horizon its largest weights."""
        rows = []
        for h, row in enumerate(self.weights):
            best = np.argsort(-np.abs(row), kind="stable")[:5].tolist()
            rows.append([f"{h + 1}", ", ".join(f"lag {lag}: {row[lag]:.3f}" for lag in best)])
        return ["steps ahead", "largest weights"], rows
