"""Gradient by lag of one or several models, beside how far back the task needs to look."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.steps_axis import role_of
from seqcore.plots.style import LINE_WIDTH, apply_style, color, empty_figure, rgba
from seqcore.results.gradients import REACH, GradientByLagView

__all__ = ["GradientByLagInfo", "LagLine", "gradient_by_lag_info", "plot_gradient_by_lag"]

Values = NDArray[np.float64]
_MOST_POINTS = 1_000
_LOWEST = 1e-6  # share that is still drawn


class LagLine(NamedTuple):
    """One model: shares by lag, thinned for drawing, and the lag within which 95% of its gradient lies."""

    name: str
    lags: NDArray[np.int64]
    median: Values
    low: Values
    high: Values
    reach: float
    banded: bool


class GradientByLagInfo(NamedTuple):
    """What the figure shows: lines, the needed lags (from, to), and dependence[n] of the data by lag, or nothing."""

    lines: tuple[LagLine, ...]
    needed: tuple[int, int] | None
    known: bool
    dependence: Values
    measure: str
    unit: str
    title: str


def gradient_by_lag_info(view: GradientByLagView) -> GradientByLagInfo:
    """From a view; shares below one millionth are not drawn."""
    lines = []
    for curve in view.curves:
        every = max(1, -(-len(curve.median) // _MOST_POINTS))
        kept = np.arange(0, len(curve.median), every)
        median, low, high = (
            np.where(part[kept] >= _LOWEST, part[kept], np.nan) for part in (curve.median, curve.low, curve.high)
        )
        lines.append(LagLine(curve.name, kept, median, low, high, curve.reach, curve.examples > 1))
    needed, span = view.needed, None
    if needed is not None and needed.shortest is not None and needed.longest is not None:
        span = (needed.shortest, needed.longest)
    longest = max((len(curve.median) for curve in view.curves), default=0)
    dependence = np.zeros(0) if needed is None else needed.dependence[:longest]
    return GradientByLagInfo(
        tuple(lines), span, needed is not None and needed.known, dependence, "" if needed is None else needed.measure,
        view.unit, view.title,
    )  # fmt: skip


def plot_gradient_by_lag(info: GradientByLagInfo, dark: bool = False) -> go.Figure:
    """Shares on a logarithmic axis over the lag; below them how far the data depend on themselves, if known."""
    if not info.lines:
        return empty_figure(info.title, "no model to show", dark=dark)
    figure = go.Figure()
    for number, each in enumerate(info.lines):
        role, dash = role_of(number)
        shade = color(role, dark=dark)
        if each.banded:
            _add_band(figure, each, shade, dark=dark)
        figure.add_scatter(
            x=each.lags, y=each.median, mode="lines", name=each.name, legendgroup=str(number),
            line={"color": shade, "width": LINE_WIDTH, "dash": dash}, hovertemplate="%{y:.2%}",
        )  # fmt: skip
        at = float(np.interp(each.reach, each.lags, np.nan_to_num(each.median, nan=_LOWEST)))
        figure.add_scatter(
            x=[each.reach], y=[max(at, _LOWEST)], mode="markers", name=f"{each.name}: {REACH:.0%} within",
            legendgroup=str(number), showlegend=False, cliponaxis=False,
            marker={"symbol": "triangle-down", "size": 12, "color": shade},
            hovertemplate=f"{REACH:.0%} within %{{x:,.4g}} {info.unit}s",
        )  # fmt: skip
    dependent = len(info.dependence) > 1
    if dependent:
        figure.add_scatter(
            x=np.arange(len(info.dependence)), y=info.dependence, mode="lines", yaxis="y2", showlegend=False,
            name=info.measure, hovertemplate="%{y:.2g}",
            line={"color": color("truth", dark=dark), "width": LINE_WIDTH / 1.5},
        )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=420 if dependent else 340)
    if info.needed is not None and info.known:
        _mark_needed(figure, info.needed, dark)
    drawn = np.concatenate([part[np.isfinite(part)] for each in info.lines for part in (each.low, each.high)])
    wide = len(drawn) > 0 and float(drawn.max() / drawn.min()) > 100.0
    places = [factor * 10.0**n for n in range(-6, 1) for factor in ((1,) if wide else (1, 2, 5))]
    share = {"title": {"text": "share of the gradient"}, "type": "log"}
    ticks = {"tickvals": places, "ticktext": [f"{100 * place:.4f}".rstrip("0").rstrip(".") + "%" for place in places]}
    figure.update_layout(
        yaxis={**share, **ticks, "domain": [0.34, 1] if dependent else [0, 1]},
        xaxis={"title": {"text": f"lag ({info.unit}s before the last input)"}, "rangemode": "tozero"},
    )
    if dependent:
        zero = {"zeroline": True, "zerolinecolor": color("baseline"), "nticks": 3}
        signed = info.measure.startswith("autocorrelation")
        reach = {"range": [-1.05, 1.1]} if signed else {"rangemode": "tozero"}
        figure.update_layout(
            yaxis2={"domain": [0, 0.24], "title": {"text": "autocorr." if signed else "bits"}, **zero, **reach},
            xaxis={"anchor": "y2"},
        )
    return figure


def _add_band(figure: go.Figure, each: LagLine, shade: str, *, dark: bool) -> None:
    known = np.isfinite(each.high)
    x, high, low = each.lags[known], each.high[known], np.nan_to_num(each.low[known], nan=_LOWEST)
    figure.add_scatter(
        x=[*x, *x[::-1]], y=[*high, *low[::-1]], fill="toself", mode="lines", line={"width": 0}, showlegend=False,
        fillcolor=rgba(shade, 0.2 if dark else 0.14), hoverinfo="skip", name=f"{each.name}, quartiles",
    )  # fmt: skip


def _mark_needed(figure: go.Figure, needed: tuple[int, int], dark: bool) -> None:
    """Shade the lags that the task needs; a single one is a line."""
    first, last = needed
    ink = color("truth", dark=dark, opacity=0.07)
    if first == last:
        figure.add_vline(x=first, line={"color": color("truth", dark=dark, opacity=0.45), "dash": "dash"})
    else:
        figure.add_vrect(x0=first, x1=last, fillcolor=ink, line_width=0, layer="below")
    figure.add_annotation(
        x=(first + last) / 2, y=1, yref="paper", yanchor="top", text="needed", showarrow=False,
        font={"size": 12, "color": color("truth", dark=dark)},
    )  # fmt: skip
