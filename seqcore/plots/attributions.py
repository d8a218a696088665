"""What each input added to a prediction: bars of one column, a map of several, pictures of frames, letters of text."""

from __future__ import annotations

from html import escape
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.frame_strip import frame_strip
from seqcore.plots.steps_axis import diverging, label_ticks, short_label
from seqcore.plots.style import LINE_WIDTH, apply_style, color, empty_figure
from seqcore.results.attributions import AttributionsView

__all__ = ["AttributionsInfo", "attributions_info", "html", "plot_attributions"]

Values = NDArray[np.float64]
_FEW = 60  # columns whose names are shown
_ON_TOP = 8  # up to so many columns the first is on top; of more, as frequencies, at the bottom


class AttributionsInfo(NamedTuple):
    """`values[T, F]` by step and column, `inputs[T, F]` or nothing."""

    values: Values
    inputs: Values
    steps: tuple[str, ...]
    columns: tuple[str, ...]
    frame: tuple[int, int] | None
    unit: str
    step_unit: str
    title: str


def attributions_info(view: AttributionsView) -> AttributionsInfo:
    """From a view, all of it."""
    return AttributionsInfo(
        view.values, view.inputs, view.steps, view.columns, view.frame, view.unit, view.step_unit, view.title
    )


def plot_attributions(info: AttributionsInfo, dark: bool = False) -> go.Figure:
    """In the form that suits the inputs."""
    if not info.values.size or not np.isfinite(info.values).all():
        return empty_figure(info.title, "nothing to show", dark=dark)
    if info.frame is not None:
        known = info.inputs if len(info.inputs) == len(info.steps) else None
        what = ("attribution", info.unit.partition(",")[0])
        return frame_strip(info.values, known, info.steps, info.frame, what=what, title=info.title, dark=dark)
    return _bars(info, dark) if len(info.columns) == 1 else _map(info, dark)


def _bars(info: AttributionsInfo, dark: bool) -> go.Figure:
    values, x = info.values[:, 0], list(range(1, len(info.steps) + 1))
    figure = go.Figure()
    for role, part, name in (("prediction", values >= 0, "raised it"), ("warning", values < 0, "lowered it")):
        figure.add_bar(
            x=x, y=np.where(part, values, np.nan), name=name, hovertemplate="%{y:+.4g}",
            marker={"color": color(role, dark=dark), "line_width": 0},
        )  # fmt: skip
    known = len(info.inputs) == len(info.steps)
    if known:
        figure.add_scatter(
            x=x, y=info.inputs[:, 0], mode="lines", name=info.columns[0], yaxis="y2", hovertemplate="%{y:.5g}",
            line={"color": color("truth", dark=dark), "width": LINE_WIDTH},
        )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=360 if known else 280)
    label_ticks(figure, info.steps, unit=info.step_unit, title_text=info.step_unit)
    figure.update_layout(
        bargap=0.15, barmode="relative", yaxis={"title": {"text": f"attribution ({info.unit})"}, "exponentformat": "e"}
    )
    if known:
        figure.update_layout(
            yaxis={"domain": [0, 0.58]}, yaxis2={"domain": [0.68, 1], "title": {"text": "input"}, "nticks": 4}
        )
    return figure


def _map(info: AttributionsInfo, dark: bool) -> go.Figure:
    largest = float(np.abs(info.values).max()) or 1.0
    shown: Any = info.inputs.T if len(info.inputs) == len(info.steps) else None
    value = "" if shown is None else "<br>input %{customdata:.5g}"
    figure = go.Figure(
        go.Heatmap(
            z=info.values.T, x=list(range(1, len(info.steps) + 1)), y=list(range(len(info.columns))), zmin=-largest,
            zmax=largest, colorscale=diverging(dark=dark), showlegend=False, customdata=shown,
            text=[[f"{column}, {step}" for step in info.steps] for column in info.columns],
            hovertemplate=f"%{{text}}{value}<br>attribution %{{z:+.4g}}<extra></extra>",
            colorbar={"title": {"text": info.unit, "font": {"size": 12}}, "thickness": 8, "outlinewidth": 0,
                      "len": 0.9, "tickfont": {"size": 11}, "exponentformat": "e"},
        )
    )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=min(480, max(220, 140 + 24 * len(info.columns))))
    label_ticks(figure, info.steps, unit=info.step_unit, title_text=info.step_unit)
    places = list(range(0, len(info.columns), max(1, -(-len(info.columns) // 12))))
    names = [short_label(info.columns[place]) for place in places] if len(info.columns) <= _FEW else None
    figure.update_yaxes(
        title_text="input column", autorange="reversed" if len(info.columns) <= _ON_TOP else None, tickvals=places,
        ticktext=names or [f"{place + 1}" for place in places],
    )  # fmt: skip
    figure.update_xaxes(showgrid=False)  # lines over the colors would look like data
    figure.update_yaxes(showgrid=False)
    figure.update_layout(hovermode="closest")
    return figure


def html(view: AttributionsView) -> str | None:
    """Symbols with their attribution as the color behind them, everything escaped; None for numbers."""
    if view.columns != ("symbol",) or len(view.inputs):
        return None
    largest = float(np.abs(view.values).max()) or 1.0
    letters = all(len(step) == 1 for step in view.steps)
    cells = []
    for step, value in zip(view.steps, view.values[:, 0].tolist(), strict=True):
        role = "prediction" if value >= 0 else "warning"
        share = round(min(1.0, abs(value) / largest) * 70)
        shown = {"\n": "↵", "\t": "⇥", " ": " "}.get(step, step)
        cells.append(
            f'<span style="background:color-mix(in srgb,var(--sl-{role}) {share}%,transparent)" '
            f'title="{value:+.4g}">{escape(shown)}</span>'
        )
    return f'<div class="sl-attributed">{("" if letters else " ").join(cells)}</div>'
