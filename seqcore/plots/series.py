"""Observed and predicted values over time, one panel for each column."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.band import add_band
from seqcore.plots.style import apply_style, color, empty_figure, line, stack_panels
from seqcore.results import SeriesView
from seqcore.results.thinning import thin

__all__ = ["SeriesInfo", "SeriesPanel", "plot_series", "series_info"]

Values = NDArray[np.float64]
MAX_PANELS = 8
SPARSE = 3  # times as many rows as points between first and last: too far apart to be seen on one axis
FEW = 40  # up to so many points each is marked


class SeriesPanel(NamedTuple):
    """One column: its lines, thinned for drawing. NaN breaks a line."""

    column: str
    x: NDArray[Any]
    prediction: Values
    truth: Values | None
    context_x: NDArray[Any] | None
    context: Values | None
    joined: bool  # the prediction goes on straight from the context's last value
    low: Values | None = None  # the interval around the prediction
    high: Values | None = None
    each_x: NDArray[Any] | None = None  # [m], of the replicas' predictions
    each: Values | None = None  # [R, m]


class SeriesInfo(NamedTuple):
    """What the figure shows."""

    panels: tuple[SeriesPanel, ...]
    left_out: int  # columns beyond what can be read in one picture
    title: str
    x_title: str
    interval: str = ""  # what the interval promises, and what it held
    scattered: bool = False  # single answers that don't follow each other: drawn against the truth, not over time


def series_info(view: SeriesView, *, max_points: int = 2000) -> SeriesInfo:
    """From a view: a panel for each of its columns, each line thinned to about `max_points`.

    Short stretches that lie far apart (samples of many sequences) are put side by side, which `x_title` says.
    """
    view, stretches = _side_by_side(view)
    panels = []
    for k, column in enumerate(view.columns[:MAX_PANELS]):
        truth = None if view.truth is None else view.truth[:, k]
        lines = [view.prediction[:, k]] + ([] if truth is None else [truth])
        keep = thin(np.stack(lines, axis=1), max_points)
        context_x = context = None
        if view.context is not None and view.context_x is not None and len(view.context):
            kept = thin(view.context[:, k], max_points)
            context_x, context = view.context_x[kept], view.context[kept, k]
        panels.append(
            SeriesPanel(
                column=column,
                x=view.x[keep],
                prediction=view.prediction[keep, k],
                truth=None if truth is None else truth[keep],
                context_x=context_x,
                context=context,
                joined=context_x is not None and len(view.x) > 0 and bool(view.x[0] > context_x[-1]),
                low=None if view.low is None else view.low[keep, k],
                high=None if view.high is None else view.high[keep, k],
                **_each(view, k, max_points),
            )
        )
    return SeriesInfo(
        panels=tuple(panels),
        left_out=max(0, len(view.columns) - MAX_PANELS),
        title=view.title,
        x_title=f"{view.x_title}, {stretches} segments side by side" if stretches else view.x_title,
        interval=_promise(view),
        scattered=view.scattered,
    )


def _each(view: SeriesView, k: int, max_points: int) -> dict[str, Any]:
    """The prediction of every replica for a column, each thinned so that all together are a few thousand points."""
    if view.replicas is None or not len(view.x):
        return {}
    each = view.replicas[:, :, k]
    keep = thin(each.T, max(60, 2 * max_points // len(each)))
    return {"each_x": view.x[keep], "each": each[:, keep]}


def _promise(view: SeriesView) -> str:
    """The interval's name: its nominal coverage and, where the truth is known, the measured one."""
    if view.low is None or view.coverage is None:
        return ""
    held = "" if view.covered is None else f", coverage {view.covered:.1%}"
    return f"{view.coverage:.0%} interval{held}"


def plot_series(info: SeriesInfo, dark: bool = False) -> go.Figure:
    """Observed values dark, predictions blue; columns below each other on one time axis."""
    if all(p.x.size == 0 and (p.context_x is None or p.context_x.size == 0) for p in info.panels):
        return empty_figure(info.title, "nothing to show", dark=dark)
    if info.scattered:
        return _against_truth(info, dark)
    figure = go.Figure()
    n = len(info.panels)
    for i, panel in enumerate(info.panels):
        axis = "" if i == 0 else str(i + 1)
        if panel.low is not None and panel.high is not None:
            named = {"name": info.interval or "interval", "legendgroup": "interval", "showlegend": i == 0}
            add_band(figure, panel.x, (panel.low, panel.high), role="prediction", dark=dark, yaxis=f"y{axis}", **named)
        _add_each(figure, panel, axis=f"y{axis}", dark=dark, legend=i == 0)
        _add_panel(figure, panel, axis=f"y{axis}", dark=dark, legend=i == 0)
    height = 340 if n == 1 else 120 + 150 * n
    apply_style(figure, dark=dark, title=info.title, height=height)
    more = f" ({info.left_out} more columns not shown)" if info.left_out else ""
    stack_panels(figure, [panel.column for panel in info.panels], info.x_title + more)
    figure.update_yaxes(figure.layout.template.layout.yaxis.to_plotly_json())
    if _whole_and_few(info.panels[0]):
        figure.update_xaxes(dtick=1)
    return figure


def _against_truth(info: SeriesInfo, dark: bool) -> go.Figure:
    """Predicted against true values of the first column; points on the dashed line are exact."""
    figure = go.Figure()
    panel = info.panels[0]
    assert panel.truth is not None
    both = np.concatenate([panel.truth, panel.prediction])
    ends = [float(np.nanmin(both)), float(np.nanmax(both))]
    figure.add_scatter(
        x=ends, y=ends, name="identity", mode="lines", line=line("baseline", dark=dark), hoverinfo="skip"
    )
    figure.add_scatter(
        x=panel.truth, y=panel.prediction, name="prediction", mode="markers",
        marker={"size": 5, "color": color("prediction", dark=dark, opacity=0.5)},
        hovertemplate="true %{x:.5~g}, predicted %{y:.5~g}<extra></extra>",
    )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=340)
    more = len(info.panels) + info.left_out - 1
    figure.update_xaxes(title_text=f"true {panel.column}" + (f" ({more} more columns not shown)" if more else ""))
    figure.update_yaxes(title_text=f"predicted {panel.column}")
    figure.update_layout(hovermode="closest")
    return figure


def _side_by_side(view: SeriesView) -> tuple[SeriesView, int]:
    """The same with its segments moved together, and how many they are; 0 where none had to be moved."""
    if view.x.dtype.kind != "f" or len(view.x) < 2:
        return view, 0
    known = np.isfinite(view.prediction).any(axis=1) & np.isfinite(view.x)
    starts = np.flatnonzero(known & ~np.concatenate([[False], known[:-1]]))
    rows = int(known.sum())
    if len(starts) < 2 or np.ptp(view.x[known]) < SPARSE * rows:
        return view, 0
    gap = max(1.0, rows / len(starts) / 4)
    x = np.full(len(view.x), np.nan)
    at = 0.0
    for start, stop in zip(starts, [*starts[1:], len(view.x)], strict=True):
        places = start + np.flatnonzero(known[start:stop])
        x[places] = at + view.x[places] - view.x[start]
        at = float(x[places[-1]]) + gap
    before = None if view.context_x is None else view.context_x - view.x[starts[0]]
    if before is not None and before.size and before.min() < -rows:
        return replace(view, x=x, context_x=None, context=None), len(starts)
    shift = 0.0 if before is None or not before.size else -float(before.min())
    return replace(view, x=x + shift, context_x=None if before is None else before + shift), len(starts)


def _dark_line(panel: SeriesPanel) -> tuple[NDArray[Any] | None, Values | None]:
    """Observed values as one line: the context and the truth that follows it."""
    if panel.context_x is None or panel.context is None:
        return (None, None) if panel.truth is None else (panel.x, panel.truth)
    if panel.truth is None:
        return panel.context_x, panel.context
    gap = 0 if panel.joined else 1  # the truth lies within what came before: a break keeps the two lines apart
    x = np.concatenate([panel.context_x, panel.x[:gap], panel.x])
    return x, np.concatenate([panel.context, np.full(len(panel.x[:gap]), np.nan), panel.truth])


def _whole_and_few(panel: SeriesPanel) -> bool:
    """Whether rows are so few that ticks must be at whole numbers."""
    ends = [panel.x] if panel.context_x is None else [panel.context_x, panel.x]
    every = np.concatenate(ends)
    return every.dtype.kind == "f" and every.size > 0 and float(every.max() - every.min()) <= 8


def _add_each(figure: go.Figure, panel: SeriesPanel, *, axis: str, dark: bool, legend: bool) -> None:
    """A thin line for every replica, all in one trace."""
    if panel.each is None or panel.each_x is None:
        return
    x, y = list(panel.each_x), np.column_stack([panel.each, np.full(len(panel.each), np.nan)])
    single = len(x) == 1  # a line of one point can't be seen
    figure.add_scatter(
        x=[*x, None] * len(panel.each), y=y.reshape(-1), name=f"each of {len(panel.each)} seeds",
        legendgroup="replicas", showlegend=legend, mode="markers" if single else "lines", hoverinfo="skip",
        line={"width": 0.75, "color": color("prediction", dark=dark, opacity=0.45)}, connectgaps=False,
        marker={"size": 4, "color": color("prediction", dark=dark, opacity=0.45)}, yaxis=axis,
    )  # fmt: skip


def _add_panel(figure: go.Figure, panel: SeriesPanel, *, axis: str, dark: bool, legend: bool) -> None:
    context_x, context = panel.context_x, panel.context
    known = 0 if context is None else len(context)
    mode = "lines+markers" if len(panel.x) + known <= FEW else "lines"
    common: dict[str, Any] = {"yaxis": axis, "marker": {"size": 6}, "hovertemplate": "%{y:.5~g}"}
    dark_x, dark_y = _dark_line(panel)
    if dark_x is not None:
        figure.add_scatter(
            x=dark_x, y=dark_y, name="observed", legendgroup="truth", mode=mode,
            line=line("truth", dark=dark), showlegend=legend, **common,
        )  # fmt: skip
    if panel.joined and panel.truth is None and context_x is not None and context is not None:
        bridge = {**line("prediction", dark=dark), "dash": "dot"}
        figure.add_scatter(
            x=[context_x[-1], panel.x[0]], y=[context[-1], panel.prediction[0]], mode="lines", line=bridge,
            hoverinfo="skip", showlegend=False, yaxis=axis, legendgroup="prediction",
        )  # fmt: skip
    if panel.low is not None and panel.high is not None:
        common["customdata"] = np.stack([panel.low, panel.high], axis=1)
        common["hovertemplate"] = "%{y:.5~g} (%{customdata[0]:.4~g} to %{customdata[1]:.4~g})"
        if len(panel.x) == 1:  # an area over a single point has no width
            common["error_y"] = {
                "type": "data", "symmetric": False, "array": panel.high - panel.prediction, "thickness": 6, "width": 0,
                "arrayminus": panel.prediction - panel.low, "color": color("prediction", dark=dark, opacity=0.3),
            }  # fmt: skip
    figure.add_scatter(
        x=panel.x, y=panel.prediction, name="prediction" if panel.each is None else "mean prediction",
        legendgroup="prediction", mode=mode, line=line("prediction", dark=dark), showlegend=legend, **common,
    )  # fmt: skip
