"""Saturated units as points: the share of steps near the lower bound against that near the upper one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.gates import gate_role
from seqcore.plots.style import apply_style, color, line
from seqcore.results.internals import readable
from seqcore.results.saturation import SaturationView

__all__ = ["SaturationInfo", "plot_saturation", "saturation_info"]

_SYMBOLS = ("circle", "diamond", "square", "cross", "triangle-up", "x")


class SaturationInfo(NamedTuple):
    """What the figure shows: for each title `low[n]` and `high[n]` in percent, and `units[n]` as text."""

    titles: tuple[str, ...]
    low: tuple[NDArray[np.float64], ...]
    high: tuple[NDArray[np.float64], ...]
    units: tuple[tuple[str, ...], ...]
    title: str


def saturation_info(view: SaturationView) -> SaturationInfo:
    """All layers of a name together."""
    units = tuple(
        tuple(f"{layer}, unit {unit + 1}" for layer in view.layer_titles for unit in range(view.low[name].shape[1]))
        for name in view.names
    )
    return SaturationInfo(
        tuple(map(readable, view.names)),
        tuple(100 * view.low[name].ravel() for name in view.names),
        tuple(100 * view.high[name].ravel() for name in view.names),
        units,
        view.title,
    )


def plot_saturation(info: SaturationInfo, dark: bool = False) -> go.Figure:
    """A trace for each name; a unit on the dashed line is always at one of its bounds."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 100], y=[100, 0], mode="lines", line=line("baseline", dark=dark), hoverinfo="skip", showlegend=False
    )
    for i, title in enumerate(info.titles):
        figure.add_scatter(
            x=info.low[i], y=info.high[i], mode="markers", name=title, customdata=info.units[i],
            marker={"color": color(gate_role(title, i), dark=dark, opacity=0.75), "size": 7,
                    "symbol": _SYMBOLS[i % len(_SYMBOLS)]},
            hovertemplate=f"{title}, %{{customdata}}: %{{x:.0f}}% low, %{{y:.0f}}% high<extra></extra>",
        )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=420)
    figure.update_xaxes(title_text="steps near the lower bound, %", range=[-3, 103])
    figure.update_yaxes(title_text="steps near the upper bound, %", range=[-3, 103])
    figure.update_layout(hovermode="closest", showlegend=len(info.titles) > 1)
    return figure
