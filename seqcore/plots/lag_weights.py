"""The weights of a linear model by lag and step of the horizon."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import COLORS, apply_style, line
from seqcore.results.reach import LagWeightsView

__all__ = ["LagWeightsInfo", "lag_weights_info", "plot_lag_weights"]

_FEW = 4  # steps of the horizon up to which each is a line


class LagWeightsInfo(NamedTuple):
    """What the figure shows: `weights[H, T]`; lags from 0."""

    weights: NDArray[np.float64]
    title: str


def lag_weights_info(view: LagWeightsView) -> LagWeightsInfo:
    """The data of the figure."""
    return LagWeightsInfo(view.weights, view.title)


def plot_lag_weights(info: LagWeightsInfo, dark: bool = False) -> go.Figure:
    """Lines for a short horizon, else a heat map."""
    figure, (horizon, window) = go.Figure(), info.weights.shape
    if horizon <= _FEW:
        roles = [role for role in COLORS if role not in ("truth", "baseline")]
        for h, row in enumerate(info.weights):
            figure.add_scatter(
                x=list(range(window)), y=row, mode="lines+markers", name=f"step {h + 1} ahead",
                line=line(roles[h % len(roles)], dark=dark), marker={"size": 5}, hovertemplate="lag %{x}: %{y:.3f}",
            )  # fmt: skip
        apply_style(figure, dark=dark, title=info.title)
        figure.update_yaxes(title_text="weight")
    else:
        size, background = float(np.abs(info.weights).max()) or 1.0, "#14171C" if dark else "#FFFFFF"
        scale = [(0.0, COLORS["warning"][dark]), (0.5, background), (1.0, COLORS["prediction"][dark])]
        figure.add_heatmap(
            z=info.weights, x=list(range(window)), y=list(range(1, horizon + 1)), zmin=-size, zmax=size,
            colorscale=scale, showlegend=False, hovertemplate="lag %{x}, step %{y} ahead: %{z:.3f}<extra></extra>",
            colorbar={"thickness": 8, "outlinewidth": 0, "len": 0.9, "title": {"text": "weight", "side": "right"}},
        )  # fmt: skip
        apply_style(figure, dark=dark, title=info.title)
        figure.update_yaxes(title_text="steps ahead")
    figure.update_xaxes(title_text="lag, steps back from the end of the window")
    figure.update_layout(hovermode="closest")
    return figure
