"""The score of several models against training time or parameters."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from seqcore.plots.style import apply_style, compared_color, empty_figure, log_ticks
from seqcore.results.curves import TradeoffPoint, TradeoffView

__all__ = ["TradeoffInfo", "plot_tradeoff", "tradeoff_info"]

WIDE = 8.0  # times the smallest value, from which on an axis is logarithmic
SYMBOLS = ("circle", "square", "diamond", "triangle-up")


class TradeoffInfo(NamedTuple):
    """What the figure shows: the models whose score and cost are known. Wide ranges are on a logarithmic axis."""

    points: tuple[TradeoffPoint, ...]
    x_title: str
    y_title: str
    log_x: bool
    log_y: bool
    title: str


def tradeoff_info(view: TradeoffView) -> TradeoffInfo:
    """From a view."""
    points = tuple(p for p in view.points if math.isfinite(p.x) and math.isfinite(p.y))
    scales = (_is_wide([p.x for p in points]), _is_wide([p.y for p in points]))
    return TradeoffInfo(points, view.x_title, view.y_title, *scales, view.title)


def _is_wide(values: list[float]) -> bool:
    return bool(values) and min(values) > 0 and max(values) > WIDE * min(values)


def plot_tradeoff(info: TradeoffInfo, dark: bool = False) -> go.Figure:
    """A marker for each model, in the color of its curve."""
    if not info.points:
        return empty_figure(info.title, "no scores yet", dark=dark)
    figure = go.Figure()
    for point in info.points:
        spread = {}
        if point.low is not None and point.high is not None:
            ends = {"array": [point.high - point.y], "arrayminus": [point.y - point.low], "thickness": 1.5, "width": 4}
            spread = {"error_y": {"type": "data", "symmetric": False, **ends}}
        figure.add_scatter(
            x=[point.x], y=[point.y], name=point.name, mode="markers", showlegend=True,
            marker={"size": 12, "color": compared_color(point.place, dark=dark),
                    "symbol": SYMBOLS[point.place // 6 % len(SYMBOLS)]},
            hovertemplate=f"{info.x_title} %{{x:.4~g}}<br>{info.y_title} %{{y:.4~g}}", **spread,
        )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title)
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(title_text=info.x_title, showgrid=True)
    figure.update_yaxes(title_text=info.y_title)
    axes = ((info.log_x, figure.update_xaxes, "x"), (info.log_y, figure.update_yaxes, "y"))
    for wide, update, name in axes:
        if wide:
            update(type="log", **log_ticks(np.array([getattr(point, name) for point in info.points])))
        else:
            update(rangemode="tozero")
    return figure
