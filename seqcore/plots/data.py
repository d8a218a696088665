"""Tables over time, colored by split or by series: lines of numbers, or running text."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from seqcore.plots.style import BAND_OPACITY, apply_style, color, compared_line, empty_figure, line, stack_panels
from seqcore.results.data import Segment, TableInfo
from seqcore.results.formatting import named

__all__ = ["plot_table"]

SYMBOLS_A_ROW = 24


def plot_table(info: TableInfo, dark: bool = False) -> go.Figure:
    """Lines over time, or symbols as running text, in the colors of the splits; several series have a color each."""
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
    panels = _panels(info)
    n = len(panels)
    for segment in info.segments:
        place = panels.index(next(p for p in panels if p in ((segment.column, segment.series), (segment.column, ""))))
        name, shown = _name_and_line(info, segment, dark)
        figure.add_scatter(
            x=segment.x, y=segment.y, name=escape(name), legendgroup=name,
            mode="lines+markers" if few else "lines", marker={"size": 5}, line=shown,
            showlegend=name not in named, yaxis="y" if place == 0 else f"y{place + 1}",
            hovertemplate="%{y:.5~g} %{meta}", meta=escape(segment.series),
        )  # fmt: skip
        named.add(name)
    apply_style(figure, dark=dark, height=240 if n == 1 else 80 + 110 * n)
    figure.update_layout(showlegend=len(named) > 1)
    titles = [f"{escape(column)}<br>{escape(series)}" if series else escape(column) for column, series in panels]
    stack_panels(figure, titles, info.x_title)
    figure.update_yaxes(nticks=5 if n == 1 else 3)
    figure.update_layout(hovermode="x unified" if len(info.segments) <= 3 * n else "closest")
    if info.series:
        _shade_splits(figure, info, dark)
    return figure


def _panels(info: TableInfo) -> list[tuple[str, str]]:
    """Column and series of each panel: several series lie apart for the first column, together for the others."""
    first, *others = info.columns
    return [*((first, series) for series in info.series or ("",)), *((column, "") for column in others)]


def _name_and_line(info: TableInfo, segment: Segment, dark: bool) -> tuple[str, dict[str, Any]]:
    """Several series have a color each, and their splits are shaded; else each split has its color."""
    if segment.series in info.series:
        return segment.series, {**compared_line(info.series.index(segment.series), dark=dark), "width": 1.25}
    return segment.split, line(segment.split, dark=dark)


def _shade_splits(figure: go.Figure, info: TableInfo, dark: bool) -> None:
    """From the first to the last value that any series has in a split that is held out."""
    for split in ("validation", "test"):
        own = [s.x for s in info.segments if s.split == split and len(s.x)]
        if own:
            ends = (min(x.min() for x in own), max(x.max() for x in own))
            x0, x1 = (str(end) if isinstance(end, np.datetime64) else float(end) for end in ends)
            figure.add_shape(
                type="rect", x0=x0, x1=x1, y0=0, y1=1, xref="x", yref="paper", layer="below", line={"width": 0},
                fillcolor=color(split, dark=dark, opacity=BAND_OPACITY[dark]),
            )  # fmt: skip


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
