"""Sparkline: a small line without axes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import apply_style, colour, line
from seqcore.results.thinning import thin

__all__ = ["SparklineInfo", "plot_sparkline", "sparkline_info"]


class SparklineInfo(NamedTuple):
    """What the figure shows: at most about `max_points` values, in order."""

    values: NDArray[np.float64]
    role: str


def sparkline_info(
    values: Any, *, role: str = "training", logarithmic: bool = False, max_points: int = 60
) -> SparklineInfo:
    """From any sequence of numbers; on a logarithmic scale what isn't above 0 is a gap."""
    numbers = np.array(values, dtype=np.float64).reshape(-1)
    if logarithmic:
        numbers = np.log10(np.where(numbers > 0, numbers, np.nan))
    return SparklineInfo(numbers[thin(numbers, max_points)] if numbers.size else numbers, role)


def plot_sparkline(info: SparklineInfo, dark: bool = False) -> go.Figure:
    """A line without axes; its end is marked."""
    figure = go.Figure()
    figure.add_scatter(y=info.values, mode="lines", line=line(info.role, dark=dark), hoverinfo="skip")
    known = np.flatnonzero(np.isfinite(info.values))
    if known.size:
        end = int(known[-1])
        figure.add_scatter(
            x=[end], y=[info.values[end]], mode="markers", hoverinfo="skip",
            marker={"size": 5, "color": colour(info.role, dark=dark)},
        )  # fmt: skip
    apply_style(figure, dark=dark, height=48)
    figure.update_layout(margin={"l": 0, "r": 4, "t": 4, "b": 4}, showlegend=False)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure
