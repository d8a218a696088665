"""Expected responses of a unit: bars by symbol, or a line over the values of a column."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import apply_style, color, line
from seqcore.results.formatting import marked
from seqcore.results.response import ResponseView

__all__ = ["ResponseInfo", "plot_response", "response_info"]


class ResponseInfo(NamedTuple):
    """What the figure shows: `mean[n]` with its quartiles, by symbol or over `x[n]`."""

    labels: tuple[str, ...]
    x: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    steps: NDArray[np.float64]
    symbolic: bool
    x_title: str
    y_title: str
    title: str


def response_info(view: ResponseView) -> ResponseInfo:
    """From a view; a blank as a visible sign."""
    labels = tuple(map(marked, view.labels)) if view.symbolic else view.labels
    return ResponseInfo(
        labels, view.centers, view.mean, view.low, view.high, view.count, view.symbolic, view.column, view.what,
        view.title,
    )  # fmt: skip


def plot_response(info: ResponseInfo, dark: bool = False) -> go.Figure:
    """Means as points; bars from the first to the third quartile."""
    figure = go.Figure()
    data = [f"{label}: {n:,.0f} steps" for label, n in zip(info.labels, info.steps, strict=True)]
    figure.add_scatter(
        x=list(range(len(info.labels))) if info.symbolic else info.x, y=info.mean,
        mode="markers" if info.symbolic else "lines+markers", line=line("prediction", dark=dark),
        marker={"color": color("prediction", dark=dark), "size": 7}, customdata=data, showlegend=False,
        error_y={"type": "data", "symmetric": False, "array": info.high - info.mean, "arrayminus": info.mean - info.low,
                 "color": color("prediction", dark=dark, opacity=0.45), "thickness": 1.5, "width": 0},
        hovertemplate="%{customdata}, mean %{y:.3f}<extra></extra>",
    )  # fmt: skip
    figure.add_hline(y=0, line={"color": color("baseline", dark=dark), "width": 1, "dash": "dash"})
    apply_style(figure, dark=dark, title=info.title)
    figure.update_xaxes(title_text=info.x_title)
    if info.symbolic:
        figure.update_xaxes(tickvals=list(range(len(info.labels))), ticktext=info.labels)
    figure.update_yaxes(title_text=info.y_title)
    figure.update_layout(hovermode="closest")
    return figure
