"""A few windows as a model sees them: in the data's own units, or scaled."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.data.profile.window_preview import Glimpse, SeenWindow
from seqcore.plots.style import LINE_WIDTH, apply_style, colour, empty_figure
from seqcore.plots.thinning import thin

__all__ = ["WindowPanel", "WindowsInfo", "plot_windows", "windows_info"]

MAX_LINES = 6  # columns that can be told apart as lines; more of them become a heat map
MAX_POINTS = 400
MAX_CELLS = 160  # of a heat map's side
FRAMES = 8  # of a film, side by side
PANEL, BETWEEN = 146, 66  # pixels: a panel with all around it, and what of that is around it
DASHES = ("solid", "dot", "dash", "dashdot", "longdash", "longdashdot")

Values = NDArray[np.float64]


class WindowPanel(NamedTuple):
    """One window: lines `known[T, C]` at `x[T]` and what is asked, `asked[n, K]` at `asked_x[n]`, or a `heat[F, T]`."""

    name: str
    x: NDArray[Any]
    known: Values
    asked_x: NDArray[Any]
    asked: Values
    heat: Values | None
    film: bool = False  # `heat` is pictures side by side, the one to predict last, and not columns over time


class WindowsInfo(NamedTuple):
    """What the picture shows."""

    panels: tuple[WindowPanel, ...]
    columns: tuple[str, ...]
    part: str
    title: str
    x_title: str

    @property
    def empty(self) -> bool:
        """Whether there is no window of numbers."""
        return not self.panels


def windows_info(seen: Glimpse, *, scaled: bool, title: str = "") -> WindowsInfo:
    """From a glimpse: its windows of numbers as they are, or as the model gets them."""
    panels = tuple(panel for w in seen.windows if (panel := _panel(w, scaled, seen.frame)) is not None)
    extra = tuple(f"calendar {i + 1}" for i in range(seen.inputs - len(seen.columns))) if scaled else ()
    part = {"val": "validation"}.get(seen.part, seen.part)
    return WindowsInfo(panels, (*seen.columns, *extra), part, title, seen.x_title)


def _panel(window: SeenWindow, scaled: bool, frame: tuple[int, int] | None) -> WindowPanel | None:
    known = window.after if scaled else window.before
    if known is None or not len(known):
        return None
    asked = window.target_after if scaled else window.target_before
    asked = np.zeros((0, 1)) if asked is None else asked
    asked_x = window.target_x[: len(asked)]
    if asked.shape[1] > MAX_LINES and frame is None:
        asked, asked_x = np.zeros((0, 1)), asked_x[:0]
    if frame is not None and known.shape[1] == frame[0] * frame[1]:
        return WindowPanel(window.name, window.x[:0], known, asked_x[:0], asked[:0], _film(known, asked, frame), True)
    if known.shape[1] > MAX_LINES:
        rows = np.unique(np.linspace(0, len(known) - 1, MAX_CELLS).astype(np.int64))
        columns = np.unique(np.linspace(0, known.shape[1] - 1, MAX_CELLS).astype(np.int64))
        return WindowPanel(window.name, window.x[rows], known, asked_x, asked, known[rows][:, columns].T)
    keep = thin(known, MAX_POINTS)
    return WindowPanel(window.name, window.x[keep], known[keep], asked_x, asked, None)


def _film(known: Values, asked: Values, frame: tuple[int, int]) -> Values:
    """Pictures spread over a window side by side, [h, ...]; after a wider gap the first that must be predicted."""
    rows = np.unique(np.linspace(0, len(known) - 1, FRAMES).astype(np.int64))
    blank = np.full((frame[0], 1), np.nan)
    strip = [piece for row in rows for piece in (known[row].reshape(frame), blank)]
    if len(asked) and asked.shape[1] == known.shape[1]:
        strip += [blank] * 4 + [asked[0].reshape(frame)]
    return np.concatenate(strip, axis=1)


def plot_windows(info: WindowsInfo, dark: bool = False) -> go.Figure:
    """Panels below each other: what the model is given in ink, what it must say as rings in the part's colour."""
    if info.empty:
        return empty_figure(info.title, "no window of numbers", dark=dark, height=200)
    figure = go.Figure()
    n = len(info.panels)
    for i, panel in enumerate(info.panels):
        axes = {"xaxis": f"x{i + 1 if i else ''}", "yaxis": f"y{i + 1 if i else ''}"}
        if panel.heat is not None:
            figure.add_heatmap(
                z=panel.heat, x=None if panel.film else panel.x, showscale=False, name="window", **axes,
                hovertemplate="%{z:.3~g}<extra></extra>",
                colorscale=[[0.0, colour("truth", dark=dark, opacity=0.02)], [1.0, colour("truth", dark=dark)]],
            )  # fmt: skip
        else:
            _lines(figure, info, panel, axes, first=i == 0, dark=dark)
    legend = 26 if sum(trace.showlegend is not False for trace in figure.data) > 1 else 0
    height = PANEL * n + 8 + legend
    apply_style(figure, dark=dark, title=info.title, height=height)
    top, bottom = 22 + legend, 8
    room = height - top - bottom
    for i, panel in enumerate(info.panels):
        name = str(i + 1) if i else ""
        high = 1 - i * PANEL / room
        low = max(0.0, high - (PANEL - BETWEEN) / room)
        figure.update_layout(
            {
                f"yaxis{name}": {"domain": [low, high], "nticks": 4, "anchor": f"x{name}"},
                f"xaxis{name}": {"anchor": f"y{name}", "nticks": 5},
            }
        )
        if panel.film:  # square points, the first row on top, no scale
            square: dict[str, Any] = {"showticklabels": False, "showgrid": False, "constrain": "domain"}
            upright = {"autorange": "reversed", "scaleanchor": f"x{name}", "constraintoward": "top"}
            figure.update_layout(
                {f"xaxis{name}": {**square, "constraintoward": "left"}, f"yaxis{name}": {**square, **upright}}
            )
        figure.add_annotation(
            text=panel.name, x=0, xanchor="left", y=high, yanchor="bottom", xref="paper", yref="paper",
            showarrow=False, font={"size": 12, "color": colour("baseline", dark=dark)}, yshift=1,
        )  # fmt: skip
    figure.update_xaxes(exponentformat="none", separatethousands=True)
    if info.x_title == "seconds":
        figure.update_xaxes(ticksuffix=" s")
    figure.update_layout(hovermode="closest", margin={"t": top, "b": bottom})
    figure.update_layout(legend={"y": 1 + 22 / room, "yanchor": "bottom"})
    return figure


def _lines(
    figure: go.Figure, info: WindowsInfo, panel: WindowPanel, axes: dict[str, str], *, first: bool, dark: bool
) -> None:
    few = len(panel.x) <= 60
    for k in range(panel.known.shape[1]):
        name = info.columns[k] if k < len(info.columns) else f"input {k + 1}"
        figure.add_scatter(
            x=panel.x, y=panel.known[:, k], name=name, mode="lines+markers" if few else "lines", marker={"size": 4},
            line={"color": colour("truth", dark=dark, opacity=1.0 if k == 0 else 0.6), "width": LINE_WIDTH,
                  "dash": DASHES[k % len(DASHES)]},
            legendgroup=name, showlegend=first and panel.known.shape[1] > 1, hovertemplate="%{y:.5~g}", **axes,
        )  # fmt: skip
    for k in range(panel.asked.shape[1] if len(panel.asked) else 0):
        figure.add_scatter(
            x=panel.asked_x, y=panel.asked[:, k], name="to predict", mode="markers", legendgroup="to predict",
            marker={"symbol": "circle-open", "size": 8, "color": colour(info.part, dark=dark), "line": {"width": 2}},
            showlegend=first and k == 0, hovertemplate="to predict: %{y:.5~g}<extra></extra>", **axes,
        )  # fmt: skip
