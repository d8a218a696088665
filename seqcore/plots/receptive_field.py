"""Which inputs an output can depend on, and how much it does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import apply_style, color
from seqcore.results.reach import ReceptiveFieldView

__all__ = ["ReceptiveFieldInfo", "plot_receptive_field", "receptive_field_info"]

MOST_STEPS = 600  # shown, the last ones


class ReceptiveFieldInfo(NamedTuple):
    """What the figure shows: `gradient[T]` of steps `numbers[T]`, from 1; the shaded range; the output's step."""

    numbers: NDArray[np.int64]
    labels: tuple[str, ...]
    gradient: NDArray[np.float64]
    first: int
    last: int
    step: int
    title: str


def receptive_field_info(view: ReceptiveFieldView) -> ReceptiveFieldInfo:
    """The steps up to the output, or all where later ones are seen."""
    end = len(view.steps) if view.whole else view.step + 1
    start = max(0, end - MOST_STEPS)
    return ReceptiveFieldInfo(
        np.arange(start + 1, end + 1),
        view.steps[start:end],
        view.gradient[start:end],
        max(view.first, start) + 1,
        view.last + 1,
        view.step + 1,
        view.title,
    )


def plot_receptive_field(info: ReceptiveFieldInfo, dark: bool = False) -> go.Figure:
    """Bars, and a shade over what can be seen."""
    figure = go.Figure()
    figure.add_bar(
        x=info.numbers, y=info.gradient, marker_color=color("prediction", dark=dark), customdata=info.labels,
        showlegend=False, hovertemplate="step %{x} (%{customdata}): %{y:.3g}<extra></extra>",
    )  # fmt: skip
    figure.add_vrect(
        x0=info.first - 0.5, x1=info.last + 0.5, fillcolor=color("prediction", dark=dark, opacity=0.1), line_width=0
    )
    apply_style(figure, dark=dark, title=info.title)
    figure.update_xaxes(title_text="input step")
    figure.update_yaxes(title_text=f"gradient of all features at step {info.step}", rangemode="tozero")
    figure.update_layout(hovermode="closest", bargap=0.15)
    return figure
