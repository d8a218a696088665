"""How far back a model looks: gradients of the loss by state, gradients of an output by input, and both by lag."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from seqcore.results.base import Rows, Values, View, Words, exact
from seqcore.results.formatting import counted, format_number, listed

__all__ = [
    "REACH",
    "GradientByLagView",
    "InputGradientView",
    "LagCurve",
    "NeededMemory",
    "StateGradientsView",
    "joined",
]

REACH = 0.95
"""The share of the gradient that lies within the memory of a model."""


@dataclass(frozen=True)
class StateGradientsView(View):
    """The gradient of the loss with respect to the states at each step, itemized by the step that the loss comes from
    (RNNbow: Cashman, Patterson, Mosca, Watts, Robinson and Chang 2017).

    `norms[name]` is [L, R, T]: for each of L layers, the Euclidean norm of the gradient that the loss at step
    `loss_steps[r]` has with respect to the state at step `steps[t]`. `loss_places[R]` are the numbers of those steps
    among the T steps; a loss at the end only has one row. `model_step` is the training step of the weights.
    """

    kind = "state_gradients"

    model_step: int
    loss_steps: Words
    loss_places: tuple[int, ...]
    steps: Words
    names: Words
    norms: dict[str, Values]
    layer_titles: Words
    loss: float = float("nan")
    unit: str = "step"
    title: str = ""
    note: str = ""

    @property
    def outermost(self) -> tuple[str, int]:
        """The state and the layer to look at first: the last ones that the last loss reaches at its own step."""
        place = self.loss_places[-1]
        known = [
            (name, layer)
            for name in self.names
            for layer in range(len(self.layer_titles))
            if np.isfinite(self.norms[name][layer, -1, place])
        ]
        return known[-1] if known else (self.names[-1], len(self.layer_titles) - 1)

    @property
    def caption(self) -> str:
        """How to read the figure."""
        single = len(self.loss_steps) == 1
        rows = "" if single else f" Rows: the {self.unit} that the loss comes from."
        if single and any((norms == 0.0).any() for norms in self.norms.values()):
            rows += " Where it is 0, nothing is drawn."
        return (
            f"Gradient of the loss with respect to the state at each {self.unit}: the "
            f"{'higher' if single else 'stronger the color'}, the more that state counts.{rows}"
            f"{' ' + self.note if self.note else ''}"
        )

    def table(self) -> Rows:
        """One row for each state, layer, step of the loss and step of the state."""
        header = ["state", "layer", f"{self.unit} of the loss", "label", f"{self.unit} of the state", "label", "norm"]
        rows = [
            [name, title, place + 1, label, t + 1, step, exact(float(self.norms[name][layer, r, t]))]
            for name in self.names
            for layer, title in enumerate(self.layer_titles)
            for r, (place, label) in enumerate(zip(self.loss_places, self.loss_steps, strict=True))
            for t, step in enumerate(self.steps)
        ]
        return header, rows

    def summary(self) -> Rows:
        """For each state and layer the gradient of the last loss at the first, middle and last step."""
        places = sorted({0, len(self.steps) // 2, len(self.steps) - 1})
        rows = [
            [name, title, *(_written(float(self.norms[name][layer, -1, t])) for t in places)]
            for name in self.names
            for layer, title in enumerate(self.layer_titles)
        ]
        return ["state", "layer", *(f"at {self.unit} {t + 1}" for t in places)], rows


def _written(norm: float) -> str:
    """A norm; nothing for a step that a layer does not have, as the backward direction in a decoder."""
    return f"{norm:.3g}" if np.isfinite(norm) else ""


@dataclass(frozen=True)
class InputGradientView(View):
    """The gradient of a prediction with respect to each input of the model (Madsen 2019, Distill).

    `gradient[T, F]` under `columns[F]`, with signs, of inputs as the model reads them (scaled); of symbols [T, 1]: the
    norm over the encoding of each. `output` says what is differentiated; `at` is the step that it is predicted from.
    `frame` is (height, width) where a step is an image, its pixels the columns.
    """

    kind = "input_gradient"
    width_of = "columns"

    model_step: int
    steps: Words
    columns: Words
    gradient: Values
    output: str
    at: int
    signed: bool = True
    frame: tuple[int, int] | None = None
    unit: str = "step"
    title: str = ""

    @property
    def caption(self) -> str:
        """How to read the figure."""
        return (
            f"Gradient of the prediction ({self.output}) with respect to each input: the effect of a small change "
            "of that input; where it is 0, the input has no effect."
        )

    def table(self) -> Rows:
        """One row for each step."""
        rows = [
            [t + 1, label, *map(exact, row)]
            for t, (label, row) in enumerate(zip(self.steps, self.gradient, strict=True))
        ]
        return [self.unit, "label", *self.columns], rows

    def summary(self) -> Rows:
        """The steps with the largest gradients."""
        size = np.linalg.norm(self.gradient, axis=1)
        order = np.argsort(-size, kind="stable")[:10]
        return [self.unit, "label", "gradient"], [[str(t + 1), self.steps[t], f"{size[t]:.3g}"] for t in order.tolist()]


@dataclass(frozen=True)
class NeededMemory:
    """How far back the task needs to look: `shortest` to `longest` steps, because of `reason`.

    `known` where the source of the data declares it; else a hint is how far the data depend on themselves: `dependence`
    [lags] from lag 0 on by a `measure`, empty where it is not known. Without any, the lags are None and `reason` says
    why.
    """

    shortest: int | None
    longest: int | None
    reason: str
    known: bool
    dependence: Values
    measure: str = ""  # "autocorrelation of " and the column, or "mutual information (bits)"


@dataclass(frozen=True)
class LagCurve:
    """The gradient by lag of one model: shares of the gradient of a prediction by how many steps back the input lies.

    `median[n]`, `low[n]` and `high[n]` (quartiles) over `examples` examples, at lags 0 to n - 1; the shares of each
    example sum to 1. `reach` is the lag within which 95% of the gradient lies, the median over the examples, from
    `reach_low` to `reach_high` (quartiles).
    """

    name: str
    architecture: str
    model_step: int
    median: Values
    low: Values
    high: Values
    reach: float
    reach_low: float
    reach_high: float
    examples: int
    run: str = ""


@dataclass(frozen=True)
class GradientByLagView(View):
    """Gradient by lag of one or several models of the same data, beside how far the task needs to look back."""

    kind = "gradient_by_lag"

    curves: tuple[LagCurve, ...]
    needed: NeededMemory | None = None
    unit: str = "step"
    title: str = ""

    @property
    def caption(self) -> str:
        """How to read the figure."""
        band = "line: median, band: quartiles over the examples" if any(c.examples > 1 for c in self.curves) else ""
        return (
            f"Share of the gradient of a prediction by how many {self.unit}s back its input lies"
            f"{f'; {band}' if band else ''}. The farther right a line stays high, the longer the memory. Triangles: "
            f"{REACH:.0%} of the gradient lies within this lag."
        )

    def sentences(self) -> list[str]:
        """How far back each model uses its input, and how far the task needs."""
        lines = [
            f"{curve.name}: {REACH:.0%} of the gradient lies within {self._counted(curve.reach)}"
            + (
                f" ({format_number(curve.reach_low)} to {format_number(curve.reach_high)} in half of the "
                f"{curve.examples:,} examples)"
                if curve.reach_low < curve.reach_high
                else ""
            )
            + f", after {counted(curve.model_step, 'training step')}."
            for curve in self.curves
        ]
        needed = self.needed
        if needed is None:
            return lines
        if needed.longest is None or needed.shortest is None:
            return [*lines, f"How far back the task needs to look is not known: {needed.reason}."]
        span = (
            self._counted(needed.longest)
            if needed.shortest == needed.longest
            else f"{needed.shortest:,} to {self._counted(needed.longest)}"
        )
        verb = "The task needs" if needed.known else "The data suggest"
        return [*lines, f"{verb} {span}: {needed.reason}."]

    def _counted(self, lag: float) -> str:
        return f"{format_number(lag)} {self.unit}{'' if lag == 1 else 's'}"

    def table(self) -> Rows:
        """One row for each lag: median and quartiles of each model."""
        header = [f"lag ({self.unit}s)"]
        for curve in self.curves:
            header += [f"{curve.name} {word}" for word in ("median", "lower quartile", "upper quartile")]
        longest = max((len(c.median) for c in self.curves), default=0)
        rows: list[list[object]] = []
        for lag in range(longest):
            cells: list[object] = [lag]
            for c in self.curves:
                cells += [exact(float(part[lag])) if lag < len(part) else "" for part in (c.median, c.low, c.high)]
            rows.append(cells)
        return header, rows

    def summary(self) -> Rows:
        """How far back each model looks."""
        rows = [
            [c.name, c.architecture, f"{c.model_step:,}", format_number(c.reach), f"{c.examples:,}"]
            for c in self.curves
        ]
        if self.needed is not None and self.needed.longest is not None:
            rows.append([f"needed: {listed([self.needed.reason], 1)}", "", "", format_number(self.needed.longest), ""])
        return ["model", "architecture", "training step", f"{REACH:.0%} within ({self.unit}s)", "examples"], rows


def joined(views: tuple[GradientByLagView, ...]) -> GradientByLagView:
    """The curves of several views of the same data in one, what the task needs as the first says."""
    return replace(views[0], curves=tuple(curve for view in views for curve in view.curves))
