"""Tables over time, colored by split: lines of numbers, or running text."""

from __future__ import annotations

import math
from html import escape

import numpy as np
import plotly.graph_objects as go

from seqcore.plots.style import apply_style, color, empty_figure, line, stack_panels
from seqcore.results.data import TableInfo
from seqcore.results.formatting import named

__all__ = ["plot_table"]

LINE_HEIGHT = 13  # pixels of a name at the end of a line
SYMBOLS_A_ROW = 24


def plot_table(info: TableInfo, dark: bool = False) -> go.Figure:
    """Lines over time, or symbols as running text, in the colors of the splits."""
    if not info.segments:
        return empty_figure("", "no data yet", dark=dark, height=240)
    figure = _text(info, dark) if info.symbolic else _lines(info, dark)
    if info.omitted:
        figure.update_xaxes(title_text=f"{info.x_title} (not drawn: {info.omitted})")
    return figure


def _lines(info: TableInfo, dark: bool) -> go.Figure:
    figure = go.Figure()
    named: set[str] = set()
    few = sum(len(s.y) for s in info.segments) <= 60
    n = len(info.columns)
    for segment in info.segments:
        place = info.columns.index(segment.column)
        figure.add_scatter(
            x=segment.x, y=segment.y, name=segment.split, legendgroup=segment.split,
            mode="lines+markers" if few else "lines", marker={"size": 5}, line=line(segment.split, dark=dark),
            showlegend=segment.split not in named, yaxis="y" if place == 0 else f"y{place + 1}",
            hovertemplate="%{y:.5~g} %{meta}", meta=escape(segment.series),
        )  # fmt: skip
        named.add(segment.split)
    apply_style(figure, dark=dark, height=240 if n == 1 else 80 + 110 * n)
    figure.update_layout(showlegend=len(named) > 1)
    stack_panels(figure, info.columns, info.x_title)
    figure.update_yaxes(nticks=5 if n == 1 else 3)
    figure.update_layout(hovermode="x unified" if len(info.segments) <= 3 * n else "closest")
    if n == 1:
        _name_ends(figure, info)
    return figure


def _name_ends(figure: go.Figure, info: TableInfo) -> None:
    """Name each of several series at the end of its line, without overlaps."""
    ends = {s.series: s for s in info.segments if s.series and len(s.y) and np.isfinite(s.y[-1])}
    values = np.concatenate([s.y for s in info.segments])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    pixels = (figure.layout.height - 75) / ((high - low) or 1.0)  # less title, legend and axis
    below = -math.inf
    for name, segment in sorted(ends.items(), key=lambda end: float(end[1].y[-1])):
        own = (float(segment.y[-1]) - low) * pixels
        place = max(own, below + LINE_HEIGHT)
        below = place
        last = segment.x[-1]
        figure.add_annotation(
            x=str(last) if isinstance(last, np.datetime64) else float(last), y=float(segment.y[-1]), yshift=place - own,
            text=escape(name), showarrow=False, xanchor="left", xshift=4, font={"size": 11},
        )  # fmt: skip
    if ends:
        figure.update_layout(margin={"r": 16 + 7 * max(map(len, ends))})


def _text(info: TableInfo, dark: bool) -> go.Figure:
    figure = go.Figure()
    at = 0
    for segment in info.segments:
        places = np.arange(at, at + len(segment.y))
        at += len(segment.y)
        figure.add_scatter(
            x=places % SYMBOLS_A_ROW, y=places // SYMBOLS_A_ROW, mode="text", name=segment.split,
            text=[named(str(s)) for s in segment.y], showlegend=False, hoverinfo="skip",
            textfont={"color": color(segment.split, dark=dark), "size": 15},
        )  # fmt: skip
    rows = -(-at // SYMBOLS_A_ROW)
    apply_style(figure, dark=dark, height=max(120, 60 + 26 * rows))
    figure.update_xaxes(
        showticklabels=False, range=[-0.7, SYMBOLS_A_ROW - 0.3], title_text=info.x_title, fixedrange=True
    )
    figure.update_yaxes(visible=False, range=[rows - 0.4, -0.6], fixedrange=True)
    return figure
