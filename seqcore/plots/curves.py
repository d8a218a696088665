"""Curves of several runs in one figure, a color and dash for each, with a band over seeds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.band import Band, add_band
from seqcore.plots.style import BAND_OPACITY, apply_style, compared_color, compared_line, empty_figure, log_ticks
from seqcore.results.curves import CurvesView, OverlaidCurve
from seqcore.results.thinning import thin

__all__ = ["CurvesInfo", "DrawnCurve", "curves_info", "plot_curves"]

Values = NDArray[np.float64]
MOST_POINTS = 400  # of a curve
MARKED = 30  # points up to which each is marked


class DrawnCurve(NamedTuple):
    """One line as it is drawn: thinned; NaN breaks it, and on a logarithmic axis so does everything from 0 down."""

    name: str
    x: Values
    y: Values
    band: Band | None
    place: int


class CurvesInfo(NamedTuple):
    """What the figure shows."""

    curves: tuple[DrawnCurve, ...]
    x_title: str
    y_title: str
    logarithmic: bool
    title: str

    @property
    def empty(self) -> bool:
        """Whether there is no point to draw."""
        return not any(np.isfinite(curve.y).any() for curve in self.curves)


def curves_info(view: CurvesView) -> CurvesInfo:
    """From a view: each curve thinned to about 400 points, extremes kept."""
    curves = tuple(_drawn(curve, view.logarithmic) for curve in view.curves)
    return CurvesInfo(curves, view.x_title, view.y_title, view.logarithmic, view.title)


def _drawn(curve: OverlaidCurve, logarithmic: bool) -> DrawnCurve:
    there = np.isfinite(curve.x)
    x, y = curve.x[there], curve.y[there]
    ends = [y if end is None else end[there] for end in (curve.low, curve.high)]
    kept = thin(np.stack([y, *ends], axis=1), MOST_POINTS) if len(x) else np.zeros(0, dtype=np.int64)
    y, low, high = (np.where(values > 0, values, np.nan) if logarithmic else values for values in (y, *ends))
    band = None if curve.low is None or curve.high is None else (low[kept], high[kept])
    return DrawnCurve(curve.name, x[kept], y[kept], band, curve.place)


def plot_curves(info: CurvesInfo, dark: bool = False) -> go.Figure:
    """One line for each run; over seeds the median, and from the lowest to the highest value as a band."""
    if info.empty:
        return empty_figure(info.title, "no values yet", dark=dark)
    figure = go.Figure()
    for curve in info.curves:
        if curve.band is not None:
            fill = compared_color(curve.place, dark=dark, opacity=BAND_OPACITY[dark])
            add_band(
                figure, curve.x, curve.band, role="validation", dark=dark, fillcolor=fill, legendgroup=curve.name,
                name=f"{curve.name}, lowest to highest seed",
            )  # fmt: skip
    for curve in info.curves:
        figure.add_scatter(
            x=curve.x, y=curve.y, name=curve.name, mode="lines+markers" if len(curve.x) <= MARKED else "lines",
            line=compared_line(curve.place, dark=dark), marker={"size": 4 if len(curve.x) > 1 else 9},
            legendgroup=curve.name, hovertemplate="%{y:.4g}", showlegend=True,
        )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title)
    figure.update_xaxes(title_text=info.x_title, rangemode="tozero")
    figure.update_yaxes(title_text=info.y_title)
    values = np.concatenate([curve.y for curve in info.curves])
    if bool((values > 0).any()):
        ticks = log_ticks(values)
        figure.update_layout(meta={"log_ticks": ticks})  # the page can change the scale
        if info.logarithmic:
            figure.update_yaxes(type="log", **ticks)
    return figure
