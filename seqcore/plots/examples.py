"""Example sequences: lines by class, maps of many columns, or videos as rows of frames."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from seqcore.plots.style import LINE_WIDTH, apply_style, color, color_scale, empty_figure
from seqcore.results.data import ExamplesInfo

__all__ = ["plot_examples"]

DASHES = ("solid", "dash", "dot")  # of the columns, where several are drawn
ACROSS = 2


def plot_examples(info: ExamplesInfo, dark: bool = False) -> go.Figure:
    """A grid of panels; videos below each other, their frames from left to right."""
    if not info.examples:
        return empty_figure("", "no sequence to draw", dark=dark, height=240)
    return _videos(info, dark) if info.kind == "videos" else _grid(info, dark)


def _videos(info: ExamplesInfo, dark: bool) -> go.Figure:
    figure = go.Figure()
    height, at, places = info.examples[0].values.shape[0], 0, []
    width = max(e.values.shape[1] for e in info.examples)
    for example in info.examples:
        figure.add_heatmap(
            z=example.values, x=example.x, y=np.arange(at, at + height, dtype=np.float64), showscale=False,
            colorscale=color_scale("truth", dark=dark), zmin=0.0, zmax=1.0, hoverinfo="skip",
        )  # fmt: skip
        places.append(at + height / 2)
        at += height + 3
    apply_style(figure, dark=dark, height=min(560, 60 + 74 * len(info.examples)))
    figure.update_yaxes(
        tickvals=places, ticktext=[f"{info.names[e.panel]} " for e in info.examples], range=[at - 3, -1],
        showgrid=False, nticks=0, fixedrange=True, scaleanchor="x", constrain="domain", constraintoward="top",
    )  # fmt: skip
    more = f" (not drawn: {info.omitted})" if info.omitted else ""
    figure.update_xaxes(
        title_text=f"time, from left to right{more}", showticklabels=False, range=[-1, width], fixedrange=True,
        constrain="domain", constraintoward="left",
    )  # fmt: skip
    figure.update_layout(hovermode=False, showlegend=False, dragmode=False)
    return figure


def _grid(info: ExamplesInfo, dark: bool) -> go.Figure:
    figure = go.Figure()
    across = ACROSS if len(info.names) > 1 else 1
    down = -(-len(info.names) // across)
    named: set[str] = set()
    several = len(info.columns) > 1
    for example in info.examples:
        number = str(example.panel + 1) if example.panel else ""
        axes = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        if info.kind == "maps":
            figure.add_heatmap(
                z=example.values, x=example.x, showscale=False, colorscale=color_scale("truth", dark=dark),
                hovertemplate="%{x:~g}: %{z:.3~g}<extra></extra>", **axes,
            )  # fmt: skip
            continue
        name = example.column if several else example.split
        dash = DASHES[info.columns.index(example.column)]
        figure.add_scatter(
            x=example.x, y=example.values, mode="lines", name=name, legendgroup=name,
            line={"color": color(example.split, dark=dark), "width": LINE_WIDTH, "dash": dash},
            hovertemplate="%{y:.5~g}", showlegend=name not in named, **axes,
        )  # fmt: skip
        named.add(name)
    height = 70 + (120 if down > 1 else 200) * down
    apply_style(figure, dark=dark, height=height)
    gap = 34 / height
    each = (1 - gap * down) / down
    for i, name in enumerate(info.names):
        number, column, row = str(i + 1) if i else "", i % across, i // across
        left, right = (column / across, (column + 1) / across - (0.06 if across > 1 and column == 0 else 0.0))
        top = 1 - gap - row * (each + gap)
        last = i + across >= len(info.names)
        figure.update_layout(
            {
                f"xaxis{number}": {"domain": [left, right], "anchor": f"y{number}", "nticks": 4,
                                   "showticklabels": last, "title": {"text": info.x_title if last else ""}},
                f"yaxis{number}": {"domain": [max(0.0, top - each), top], "anchor": f"x{number}", "nticks": 3,
                                   "showticklabels": info.kind == "lines", "showgrid": info.kind == "lines"},
            }
        )  # fmt: skip
        figure.add_annotation(
            text=name, x=left, xanchor="left", y=top, yanchor="bottom", xref="paper", yref="paper", showarrow=False,
            font={"size": 13},
        )  # fmt: skip
    if info.channels:
        ends = [0, len(info.channels) - 1]
        figure.update_yaxes(showticklabels=True, tickvals=ends, ticktext=[info.channels[i] for i in ends])
    if info.omitted:
        figure.add_annotation(
            text=f"not drawn: {info.omitted}", x=1, xanchor="right", y=1, yanchor="bottom", xref="paper",
            yref="paper", showarrow=False, font={"size": 12, "color": color("baseline", dark=dark)},
        )  # fmt: skip
    figure.update_layout(hovermode="closest", showlegend=len(named) > 1)
    return figure
