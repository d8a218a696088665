"""Autocorrelation of a series over the lag, with its seasonal period."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import LINE_WIDTH, apply_style, color, empty_figure, line
from seqcore.results.data import Autocorrelation

__all__ = ["AutocorrelationInfo", "autocorrelation_info", "plot_autocorrelation"]


class AutocorrelationInfo(NamedTuple):
    """`correlation[n]` at `lags[n]` rows, and the seasonal period."""

    lags: NDArray[np.int64]
    correlation: NDArray[np.float64]
    period: int | None
    window: int | None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return len(self.lags) < 2


def autocorrelation_info(found: Autocorrelation | None, *, window: int | None = None) -> AutocorrelationInfo:
    """From the autocorrelation of a data profile; `window` is the steps that a model sees."""
    lags = np.array(found.lags if found else (), dtype=np.int64)
    correlation = np.array(found.correlation if found else (), dtype=np.float64)
    shown = window if window is not None and len(lags) and window < lags[-1] else None
    return AutocorrelationInfo(lags, correlation, found.period if found else None, shown)


def plot_autocorrelation(info: AutocorrelationInfo, dark: bool = False) -> go.Figure:
    """A line over the lag, a marker at the seasonal period, and the window shaded."""
    if info.empty:
        return empty_figure("", "series too short or constant", dark=dark, height=230)
    figure = go.Figure()
    figure.add_scatter(
        x=info.lags, y=info.correlation, mode="lines", name="correlation", line=line("truth", dark=dark),
        showlegend=False, hovertemplate="lag %{x:,}: %{y:.2f}<extra></extra>",
    )  # fmt: skip
    if info.period is not None and info.period <= info.lags[-1]:
        at = float(np.interp(info.period, info.lags, info.correlation))
        figure.add_scatter(
            x=[info.period], y=[at], mode="markers+text", name="period", text=[f"  {info.period:,}"],
            textposition="top center", showlegend=False, hoverinfo="skip", cliponaxis=False,
            marker={"size": 9, "color": color("prediction", dark=dark)},
            textfont={"color": color("prediction", dark=dark), "size": 13},
        )  # fmt: skip
    apply_style(figure, dark=dark, height=230)
    if info.window is not None:
        figure.add_vrect(
            x0=0, x1=info.window, fillcolor=color("training", dark=dark, opacity=0.13), line_width=0, layer="below"
        )
    figure.add_hline(y=0, line={"color": color("baseline"), "width": LINE_WIDTH / 2})
    figure.update_xaxes(title_text="lag (rows)")
    low = min(-0.25, float(info.correlation.min()) - 0.08)
    figure.update_yaxes(title_text="autocorrelation", range=[low, 1.15], nticks=5)
    figure.update_layout(hovermode="closest")
    return figure
