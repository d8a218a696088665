"""Sample model inputs and targets: in original units, or scaled."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import LINE_WIDTH, apply_style, color, color_scale, empty_figure
from seqcore.results.data import SPLIT_TITLES, PreviewWindow, WindowPreview
from seqcore.results.thinning import evenly, thin

__all__ = ["WindowPanel", "WindowsInfo", "plot_windows", "windows_info"]

MAX_LINES = 6  # more columns become a heat map
MAX_POINTS = 400
MAX_CELLS = 160  # along each side of a heat map
FRAMES = 8  # of a video, side by side
PANEL, BETWEEN = 146, 66  # pixels: a panel with its margins, and the margins
DASHES = ("solid", "dot", "dash", "dashdot", "longdash", "longdashdot")

Values = NDArray[np.float64]


class WindowPanel(NamedTuple):
    """One window: lines `inputs[T, C]` at `x[T]` and `targets[n, K]` at `targets_x[n]`, or a heat map `heat[F, T]`."""

    name: str
    x: NDArray[Any]
    inputs: Values
    targets_x: NDArray[Any]
    targets: Values
    heat: Values | None
    video: bool = False  # `heat` is frames side by side, the target last, and not columns over time


class WindowsInfo(NamedTuple):
    """Panels, one for each window."""

    panels: tuple[WindowPanel, ...]
    columns: tuple[str, ...]
    split: str  # its title
    x_title: str

    @property
    def empty(self) -> bool:
        """Whether there is no window of numbers."""
        return not self.panels


def windows_info(preview: WindowPreview, *, scaled: bool) -> WindowsInfo:
    """The windows of numbers of a preview, in original units or scaled."""
    panels = tuple(panel for w in preview.windows if (panel := _panel(w, scaled, preview.frame)) is not None)
    extra = tuple(f"calendar {i + 1}" for i in range(preview.inputs - len(preview.columns))) if scaled else ()
    return WindowsInfo(panels, (*preview.columns, *extra), SPLIT_TITLES[preview.split], preview.x_title)


def _panel(window: PreviewWindow, scaled: bool, frame: tuple[int, int] | None) -> WindowPanel | None:
    inputs = window.scaled if scaled else window.original
    if inputs is None or not len(inputs):
        return None
    targets = window.target_scaled if scaled else window.target_original
    targets = np.zeros((0, 1)) if targets is None else targets
    targets_x = window.target_x[: len(targets)]
    if targets.shape[1] > MAX_LINES and frame is None:
        targets, targets_x = np.zeros((0, 1)), targets_x[:0]
    if frame is not None and inputs.shape[1] == frame[0] * frame[1]:
        heat = _video(inputs, targets, frame)
        return WindowPanel(window.name, window.x[:0], inputs, targets_x[:0], targets[:0], heat, True)
    if inputs.shape[1] > MAX_LINES:
        rows, columns = evenly(len(inputs), MAX_CELLS), evenly(inputs.shape[1], MAX_CELLS)
        return WindowPanel(window.name, window.x[rows], inputs, targets_x, targets, inputs[rows][:, columns].T)
    keep = thin(inputs, MAX_POINTS)
    return WindowPanel(window.name, window.x[keep], inputs[keep], targets_x, targets, None)


def _video(inputs: Values, targets: Values, frame: tuple[int, int]) -> Values:
    """Frames of a window side by side, [h, ...], then the first target frame."""
    blank = np.full((frame[0], 1), np.nan)
    strip = [piece for row in evenly(len(inputs), FRAMES) for piece in (inputs[row].reshape(frame), blank)]
    if len(targets) and targets.shape[1] == inputs.shape[1]:
        strip += [blank] * 4 + [targets[0].reshape(frame)]
    return np.concatenate(strip, axis=1)


def plot_windows(info: WindowsInfo, dark: bool = False) -> go.Figure:
    """Panels below each other: inputs as lines, targets as rings in the color of the split."""
    if info.empty:
        return empty_figure("", "no numeric window", dark=dark, height=200)
    figure = go.Figure()
    n = len(info.panels)
    for i, panel in enumerate(info.panels):
        axes = {"xaxis": f"x{i + 1 if i else ''}", "yaxis": f"y{i + 1 if i else ''}"}
        if panel.heat is not None:
            figure.add_heatmap(
                z=panel.heat, x=None if panel.video else panel.x, showscale=False, name="window", **axes,
                hovertemplate="%{z:.3~g}<extra></extra>",
                colorscale=color_scale("truth", dark=dark, lowest=0.02),
            )  # fmt: skip
        else:
            _lines(figure, info, panel, axes, first=i == 0, dark=dark)
    legend = 26 if sum(trace.showlegend is not False for trace in figure.data) > 1 else 0
    height = PANEL * n + 8 + legend
    apply_style(figure, dark=dark, height=height)
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
        if panel.video:  # square pixels, the first row on top
            square: dict[str, Any] = {"showticklabels": False, "showgrid": False, "constrain": "domain"}
            upright = {"autorange": "reversed", "scaleanchor": f"x{name}", "constraintoward": "top"}
            figure.update_layout(
                {f"xaxis{name}": {**square, "constraintoward": "left"}, f"yaxis{name}": {**square, **upright}}
            )
        figure.add_annotation(
            text=panel.name, x=0, xanchor="left", y=high, yanchor="bottom", xref="paper", yref="paper",
            showarrow=False, font={"size": 12, "color": color("baseline", dark=dark)}, yshift=1,
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
    for k in range(panel.inputs.shape[1]):
        name = info.columns[k] if k < len(info.columns) else f"input {k + 1}"
        figure.add_scatter(
            x=panel.x, y=panel.inputs[:, k], name=name, mode="lines+markers" if few else "lines", marker={"size": 4},
            line={"color": color("truth", dark=dark, opacity=1.0 if k == 0 else 0.6), "width": LINE_WIDTH,
                  "dash": DASHES[k % len(DASHES)]},
            legendgroup=name, showlegend=first and panel.inputs.shape[1] > 1, hovertemplate="%{y:.5~g}", **axes,
        )  # fmt: skip
    for k in range(panel.targets.shape[1] if len(panel.targets) else 0):
        figure.add_scatter(
            x=panel.targets_x, y=panel.targets[:, k], name="target", mode="markers", legendgroup="target",
            marker={"symbol": "circle-open", "size": 8, "color": color(info.split, dark=dark), "line": {"width": 2}},
            showlegend=first and k == 0, hovertemplate="target: %{y:.5~g}<extra></extra>", **axes,
        )  # fmt: skip
