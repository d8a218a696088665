"""The gradient of a prediction with respect to each input."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.frame_strip import frame_strip
from seqcore.plots.steps_axis import diverging, label_ticks, role_of
from seqcore.plots.style import LINE_WIDTH, apply_style, color, color_scale, empty_figure
from seqcore.results.gradients import InputGradientView

__all__ = ["InputGradientInfo", "input_gradient_info", "plot_input_gradient"]

FEW = 6  # columns that are drawn as lines
FEW_STEPS = 40  # up to which each is marked


class InputGradientInfo(NamedTuple):
    """`gradient[T, F]` by step and column; `signed` where signs mean something."""

    gradient: NDArray[np.float64]
    steps: tuple[str, ...]
    columns: tuple[str, ...]
    output: str
    at: int
    signed: bool
    frame: tuple[int, int] | None
    unit: str
    title: str


def input_gradient_info(view: InputGradientView) -> InputGradientInfo:
    """From a view, all of it."""
    return InputGradientInfo(
        view.gradient,
        view.steps,
        view.columns,
        view.output,
        view.at,
        view.signed,
        view.frame,
        view.unit,
        view.title,
    )


def plot_input_gradient(info: InputGradientInfo, dark: bool = False) -> go.Figure:
    """Lines of a few columns, else a map of columns by steps; the step that is predicted from is marked."""
    if not info.gradient.size or not np.isfinite(info.gradient).all():
        return empty_figure(info.title, "no finite gradient", dark=dark)
    if info.frame is not None:
        what = ("gradient", "gradient")
        return frame_strip(info.gradient, None, info.steps, info.frame, what=what, title=info.title, dark=dark)
    figure = _lines(info, dark) if len(info.columns) <= FEW else _map(info, dark)
    label_ticks(figure, info.steps, unit=info.unit, title_text=f"{info.unit} of the input")
    if info.at < len(info.steps) - 1:
        figure.add_vline(x=info.at + 1, line={"color": color("baseline"), "dash": "dot", "width": 1})
    return figure


def _lines(info: InputGradientInfo, dark: bool) -> go.Figure:
    figure, x = go.Figure(), list(range(1, len(info.steps) + 1))
    mode = "lines+markers" if len(x) < FEW_STEPS else "lines"
    for number, column in enumerate(info.columns):
        role, dash = role_of(number)
        figure.add_scatter(
            x=x, y=info.gradient[:, number], mode=mode, name=column, marker={"size": 5}, hovertemplate="%{y:.3g}",
            line={"color": color(role, dark=dark), "width": LINE_WIDTH, "dash": dash},
        )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=300)
    what = "gradient (scaled units)" if info.signed else "norm of the gradient"
    figure.update_yaxes(title_text=what, exponentformat="e")
    return figure


def _map(info: InputGradientInfo, dark: bool) -> go.Figure:
    largest = float(np.abs(info.gradient).max()) or 1.0
    scale: Any = diverging(dark=dark) if info.signed else color_scale("prediction", dark=dark)
    figure = go.Figure(
        go.Heatmap(
            z=info.gradient.T, x0=1, dx=1, y=list(info.columns), zmin=-largest if info.signed else 0.0, zmax=largest,
            colorscale=scale, showlegend=False,
            hovertemplate="%{y}, step %{x}: %{z:.3g}<extra></extra>",
            colorbar={"title": {"text": "gradient", "font": {"size": 12}}, "thickness": 8, "outlinewidth": 0,
                      "len": 0.9, "tickfont": {"size": 11}, "exponentformat": "e"},
        )
    )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=360)
    figure.update_yaxes(title_text="input column", nticks=8)
    figure.update_layout(hovermode="closest")
    return figure
