"""Which inputs moved a prediction: integrated gradients, which add up to its difference from a baseline's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcore.results.base import Rows, Values, View, Words, exact
from seqcore.results.formatting import format_value

__all__ = ["AttributionsView"]

_SHOWN = 10  # rows of the summary
_EXACT = 1e-3  # share of the difference up to which a remainder is not worth a word


@dataclass(frozen=True)
class AttributionsView(View):
    """Integrated gradients of one prediction (Sundararajan, Taly and Yan 2017).

    `values[T, F]` is what the input of column `columns[f]` at step `steps[t]` added to `output`, in `unit`, as against
    `baseline`, the input without information. They sum to `prediction - baseline_prediction`, up to `remainder`, the
    error of the integral over `points` points. `inputs[T, F]` are the inputs in original units, empty for symbols.
    `frame` is (height, width) where a step is an image, its pixels the columns.
    """

    kind = "attributions"
    width_of = "columns"

    model_step: int
    steps: Words
    columns: Words
    inputs: Values
    values: Values
    output: str
    unit: str
    baseline: str
    prediction: float
    baseline_prediction: float
    remainder: float
    points: int
    frame: tuple[int, int] | None = None
    step_unit: str = "step"
    title: str = ""
    note: str = ""

    @property
    def caption(self) -> str:
        """How to read the figure."""
        return (
            f"Contribution of each input to {self.output} ({self.unit}), relative to {self.baseline}. Blue raised it, "
            f"vermilion lowered it.{' ' + self.note if self.note else ''}"
        )

    @property
    def total(self) -> float:
        """The sum of the attributions."""
        return float(self.values.sum())

    @property
    def sum_sentence(self) -> str:
        """How the attributions add up."""
        difference = self.prediction - self.baseline_prediction
        beginning = (
            f"Prediction {format_value(self.prediction)}, baseline {format_value(self.baseline_prediction)}: the "
            f"attributions add up to "
        )
        if abs(self.remainder) <= _EXACT * abs(difference):
            return f"{beginning}the difference of {format_value(difference)}."
        return (
            f"{beginning}{format_value(self.total)} of the difference of {format_value(difference)}; the "
            f"remainder, {self.remainder:.2g}, is the error of the approximation with {self.points:,} points between "
            f"the baseline and the input."
        )

    def largest(self, most: int) -> list[tuple[int, int]]:
        """(step, column) of the largest attributions, the largest first."""
        order = np.argsort(-np.abs(self.values).ravel(), kind="stable")[:most]
        return [divmod(int(place), self.values.shape[1]) for place in order]

    def table(self) -> Rows:
        """One row for each step: inputs where there are some, and attributions."""
        known = len(self.inputs) > 0
        header = [
            self.step_unit,
            "label",
            *(self.columns if known else ()),
            *(f"{c} attribution" for c in self.columns),
        ]
        rows = [
            [t + 1, label, *(map(exact, self.inputs[t]) if known else ()), *map(exact, self.values[t])]
            for t, label in enumerate(self.steps)
        ]
        return header, rows

    def summary(self) -> Rows:
        """The largest attributions, and what is left over."""
        rows = []
        for t, f in self.largest(_SHOWN):
            value = format_value(float(self.inputs[t, f])) if len(self.inputs) else ""
            rows.append([self.steps[t], self.columns[f], value, f"{self.values[t, f]:+.4g}"])
        rows.append(["all", "", "", f"{self.total:+.4g}"])
        rows.append(["remainder", "", "", f"{self.remainder:+.2g}"])
        return [self.step_unit, "column", "input", f"attribution ({self.unit})"], rows
