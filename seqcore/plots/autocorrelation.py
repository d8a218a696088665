"""Whether a series repeats itself: its correlation with itself, so many rows later."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.data.profile.facts import Rhythm
from seqcore.plots.style import LINE_WIDTH, apply_style, colour, empty_figure, line

__all__ = ["AutocorrelationInfo", "autocorrelation_info", "plot_autocorrelation"]


class AutocorrelationInfo(NamedTuple):
    """What the picture shows: `correlation[n]` at `rows[n]` later, and the period that was found."""

    rows: NDArray[np.int64]
    correlation: NDArray[np.float64]
    period: int | None
    window: int | None
    title: str

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return len(self.rows) < 2


def autocorrelation_info(rhythm: Rhythm | None, *, window: int | None = None, title: str = "") -> AutocorrelationInfo:
    """Of a rhythm; `window` marks how far a model sees."""
    rows = np.array(rhythm.rows if rhythm else (), dtype=np.int64)
    correlation = np.array(rhythm.correlation if rhythm else (), dtype=np.float64)
    shown = window if window is not None and len(rows) and window < rows[-1] else None
    return AutocorrelationInfo(rows, correlation, rhythm.period if rhythm else None, shown, title)


def plot_autocorrelation(info: AutocorrelationInfo, dark: bool = False) -> go.Figure:
    """A line from 1 (the same row); a mark stands where the series comes back to itself."""
    if info.empty:
        return empty_figure(info.title, "too short, or it never changes", dark=dark, height=230)
    figure = go.Figure()
    figure.add_scatter(
        x=info.rows, y=info.correlation, mode="lines", name="correlation", line=line("truth", dark=dark),
        showlegend=False, hovertemplate="%{x:,} rows later: %{y:.2f}<extra></extra>",
    )  # fmt: skip
    if info.period is not None and info.period <= info.rows[-1]:
        at = float(np.interp(info.period, info.rows, info.correlation))
        figure.add_scatter(
            x=[info.period], y=[at], mode="markers+text", name="period", text=[f"  {info.period:,}"],
            textposition="top center", showlegend=False, hoverinfo="skip", cliponaxis=False,
            marker={"size": 9, "color": colour("prediction", dark=dark)},
            textfont={"color": colour("prediction", dark=dark), "size": 13},
        )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=230)
    if info.window is not None:
        figure.add_vrect(
            x0=0, x1=info.window, fillcolor=colour("train", dark=dark, opacity=0.13), line_width=0, layer="below"
        )
    figure.add_hline(y=0, line={"color": colour("baseline"), "width": LINE_WIDTH / 2})
    figure.update_xaxes(title_text="rows later")
    low = min(-0.25, float(info.correlation.min()) - 0.08)
    figure.update_yaxes(title_text="correlation", range=[low, 1.15], nticks=5)
    figure.update_layout(hovermode="closest")
    return figure
