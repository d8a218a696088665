"""The gradient of the loss by step of the state, and by the step that the loss comes from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.steps_axis import label_ticks, role_of, short_label
from seqcore.plots.style import LINE_WIDTH, apply_style, color, color_scale, empty_figure, log_ticks
from seqcore.results.gradients import StateGradientsView

__all__ = ["StateGradientsInfo", "plot_state_gradients", "state_gradients_info"]

Values = NDArray[np.float64]
_DECADES = 6.0  # below the largest gradient, beyond which the color does not change


class StateGradientsInfo(NamedTuple):
    """Of one layer a map: `logs[R, T]`, decimal logarithms of the norms at most 6 decades below the largest. Where the
    loss is at the end only, `lines` instead: (name, norms[T]) for each state and layer."""

    logs: Values
    lines: tuple[tuple[str, Values], ...]
    rows: tuple[str, ...]
    places: tuple[int, ...]
    steps: tuple[str, ...]
    unit: str
    what: str  # the state and the layer of the map
    title: str


def state_gradients_info(view: StateGradientsView, *, name: str = "", layer: int | None = None) -> StateGradientsInfo:
    """From a view: the map of one state and layer; by default of the last state (an LSTM's cell) in the last layer."""
    names = [(n, i) for n in view.names for i in range(len(view.layer_titles))]
    first = view.outermost
    chosen = name if name in view.names else first[0]
    number = first[1] if layer is None else layer
    lines: tuple[tuple[str, Values], ...] = ()
    if len(view.loss_steps) == 1:
        lines = tuple((_named(view, n, i), view.norms[n][i, 0]) for n, i in names)
        lines = tuple((label, norms) for label, norms in lines if np.isfinite(norms).any())
    norms = view.norms[chosen][number]
    with np.errstate(divide="ignore"):
        logs = np.log10(norms)
    top = float(np.max(logs[np.isfinite(logs)], initial=-np.inf))
    logs = np.where(np.isnan(norms) | (norms == 0.0), np.nan, np.maximum(logs, top - _DECADES))
    what = _named(view, chosen, number)
    return StateGradientsInfo(logs, lines, view.loss_steps, view.loss_places, view.steps, view.unit, what, view.title)


def _named(view: StateGradientsView, name: str, layer: int) -> str:
    words = name.replace("_", " ")
    return words if len(view.layer_titles) == 1 else f"{words}, {view.layer_titles[layer]}"


def plot_state_gradients(info: StateGradientsInfo, dark: bool = False) -> go.Figure:
    """A map of losses by states, or lines where the loss is at the end only."""
    if not info.steps or (not np.isfinite(info.logs).any() and not info.lines):
        return empty_figure(info.title, "no gradient reaches a state", dark=dark)
    if info.lines:
        return _lines(info, dark)
    rows = [_numbered(info.unit, place + 1, label) for place, label in zip(info.places, info.rows, strict=True)]
    top = float(np.nanmax(info.logs))
    steps = [_numbered(info.unit, number, step) for number, step in enumerate(info.steps, 1)]
    labels = np.stack(np.meshgrid(np.array(rows, object), np.array(steps, object), indexing="ij"), axis=-1)
    figure = go.Figure(
        go.Heatmap(
            z=info.logs, x0=1, dx=1, zmin=top - _DECADES, zmax=top, customdata=labels, showlegend=False,
            colorscale=color_scale("prediction", dark=dark, lowest=0.03),
            hovertemplate="loss at %{customdata[0]}<br>state at %{customdata[1]}<br>norm 10^%{z:.2f}<extra></extra>",
            colorbar={"title": {"text": "log10 of<br>the norm", "font": {"size": 12}}, "thickness": 8,
                      "outlinewidth": 0, "len": 0.9, "tickfont": {"size": 11}},
        )
    )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=400)
    label_ticks(figure, info.steps, unit=info.unit, title_text=f"{info.unit} of the {info.what}")
    label_ticks(figure, info.rows, axis="y", first=0, title_text=f"{info.unit} of the loss", autorange="reversed")
    figure.update_layout(hovermode="closest")
    return figure


def _numbered(unit: str, number: int, label: str) -> str:
    """ "step 3", with the label of the step where that says more."""
    return f"{unit} {number}" if label.endswith(f" {number}") else f"{unit} {number} ({short_label(label)})"


def _lines(info: StateGradientsInfo, dark: bool) -> go.Figure:
    figure = go.Figure()
    for number, (name, norms) in enumerate(info.lines):
        role, dash = role_of(number)
        known = np.concatenate([[False], norms > 0.0, [False]])
        alone = known[1:-1] & ~known[:-2] & ~known[2:]  # a point that no line reaches
        figure.add_scatter(
            x=list(range(1, len(norms) + 1)), y=np.where(norms > 0.0, norms, np.nan), name=name,
            mode="lines+markers" if alone.any() else "lines", marker={"size": 6},
            line={"color": color(role, dark=dark), "width": LINE_WIDTH, "dash": dash},
            hovertemplate="%{y:.3g}",
        )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=320)
    label_ticks(figure, info.steps, unit=info.unit, title_text=f"{info.unit} of the state")
    known = np.concatenate([norms[norms > 0.0] for _, norms in info.lines])
    figure.update_yaxes(
        title_text="norm of the gradient of the loss", type="log", **(log_ticks(known) if len(known) else {})
    )
    return figure
