"""The curves of a fork's parent, in the figure of the fork."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import color

__all__ = ["ParentLosses", "mark_fork", "parent_traces"]

_OPACITY, _WIDTH = 0.5, 1.25

Values = NDArray[np.float64]


class ParentLosses(NamedTuple):
    """Training and validation loss of the parent from the fork's step on: before it, both runs are the same."""

    fork_step: int  # the last step that both share
    steps: Values
    train: Values
    validation_steps: Values
    validation: Values
    left_out: float | None = None  # the parent's last step, where its last steps are not shown

    @classmethod
    def after(cls, fork_step: int, train: tuple[Any, Any], validation: tuple[Any, Any]) -> ParentLosses:
        """From curves (steps[n], losses[n]) of the whole parent; each begins with its last point before the fork."""
        return cls(fork_step, *_after(fork_step, *train), *_after(fork_step, *validation))

    def until(self, step: float) -> ParentLosses:
        """Without what comes after a step: a fork is compared with as much of its parent as it has itself."""
        train, validation = self.steps <= step, self.validation_steps <= step
        last = max(self.steps.max(initial=0.0), self.validation_steps.max(initial=0.0))
        return self._replace(
            left_out=float(last) if last > step else None,
            steps=self.steps[train], train=self.train[train],
            validation_steps=self.validation_steps[validation], validation=self.validation[validation],
        )  # fmt: skip

    @property
    def sentence(self) -> str:
        """What it shows, for those who don't see it."""
        texts = [
            f"its {name} loss is {values[known[-1]]:.3g} at step {steps[known[-1]]:,.0f}"
            for name, steps, values in (
                ("training", self.steps, self.train), ("validation", self.validation_steps, self.validation),
            )
            if len(known := np.flatnonzero(np.isfinite(values)))
        ]  # fmt: skip
        start = f"Fork at step {self.fork_step:,}, up to which it equals its parent."
        return f"{start} The parent goes on: {', '.join(texts)}.{self._left_out}" if texts else start

    @property
    def reading(self) -> str:
        """How to read its curves."""
        return (
            "Lighter: the run that this one is a fork of, from the fork on (solid vertical line); up to there both are "
            f"the same.{self._left_out}"
        )

    @property
    def _left_out(self) -> str:
        if self.left_out is None:
            return ""
        return f" The rest of the parent, up to step {self.left_out:,.0f}, is not shown: the fork has not come so far."


def parent_traces(parent: ParentLosses, *, dark: bool = False) -> list[dict[str, Any]]:
    """The parent's curves, thinner and lighter than the fork's."""
    return [
        {
            "type": "scatter", "x": x, "y": y, "name": f"{name}, parent", "hovertemplate": "%{y:.4g}",
            "mode": "lines" if len(x) > 1 else "markers",  # a line of one point is not drawn
            "line": {"color": color(name, dark=dark, opacity=_OPACITY), "width": _WIDTH},
        }
        for name, x, y in (
            ("training", parent.steps, parent.train), ("validation", parent.validation_steps, parent.validation),
        )
        if np.isfinite(y).any()
    ]  # fmt: skip


def mark_fork(figure: go.Figure, parent: ParentLosses, *, dark: bool = False) -> None:
    """Mark the step where both part; after marks of changes, which replace others."""
    ink = color("truth", dark=dark)
    domain = {"xref": "x", "yref": "y domain"}
    figure.add_shape(
        type="line", x0=parent.fork_step, x1=parent.fork_step, y0=0, y1=1, line={"color": ink, "width": 1}, **domain
    )
    figure.add_annotation(
        x=parent.fork_step, y=0, xanchor="left", yanchor="bottom", text=f"fork, step {parent.fork_step:,}",
        showarrow=False, font={"size": 11, "color": ink}, **domain,
    )  # fmt: skip


def _after(fork_step: int, steps: Any, losses: Any) -> tuple[Values, Values]:
    x, y = np.asarray(steps, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    first = max(0, int(np.searchsorted(x, fork_step, side="right")) - 1)
    return x[first:], y[first:]
