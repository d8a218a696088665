"""One array of a model's internals as heat maps, a layer below the other: units over time steps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import COLORS, apply_style, empty_figure, stack_panels
from seqcore.results.internals import InternalsView, readable
from seqcore.results.thinning import evenly

__all__ = ["InternalsInfo", "internals_info", "plot_internals"]

MOST_STEPS, MOST_UNITS = 500, 128  # shown of one layer
_MOST_LAYERS = 6


class InternalsInfo(NamedTuple):
    """What the figure shows: `values[L, D, T]` (evenly chosen units and steps) of `what`, colors from low to high."""

    values: NDArray[np.float64]
    steps: tuple[str, ...]
    numbers: NDArray[np.int64]  # of the steps, from 1
    units: NDArray[np.int64]  # from 1
    layers: tuple[str, ...]
    what: str
    low: float
    high: float
    title: str


def internals_info(view: InternalsView, name: str | None = None) -> InternalsInfo:
    """The array `name` of a view, by default its first one; of a model without states its attention."""
    if name is None and not view.names:
        values = view.attention.transpose(0, 2, 1)  # [A, T_in, T_out]
        what, steps, layers = "Attention", view.attention_rows, view.attention_titles
    else:
        name = name or view.names[0]
        values, what = view.arrays[name].transpose(1, 2, 0), readable(name)
        steps, layers = view.steps, view.layer_titles
    units, places = evenly(values.shape[1], MOST_UNITS), evenly(values.shape[2], MOST_STEPS)
    shown = values[:_MOST_LAYERS][:, units][:, :, places]
    known = shown[np.isfinite(shown)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    size = max(abs(low), abs(high)) or 1.0
    low, high = (0.0, max(high, 1.0)) if low >= 0.0 else (-size, size)
    named = tuple(steps[i] for i in places.tolist())
    return InternalsInfo(shown, named, places + 1, units + 1, layers[:_MOST_LAYERS], what, low, high, view.title)


def plot_internals(info: InternalsInfo, dark: bool = False) -> go.Figure:
    """A panel for each layer; zero is the background, blue above it, vermilion below."""
    if not info.values.size:
        return empty_figure(info.title, "no states to show", dark=dark)
    figure, background = go.Figure(), "#14171C" if dark else "#FFFFFF"
    blue, red = COLORS["prediction"][dark], COLORS["warning"][dark]
    scale = [(0.0, background), (1.0, blue)] if info.low >= 0 else [(0.0, red), (0.5, background), (1.0, blue)]
    for i, (values, title) in enumerate(zip(info.values, info.layers, strict=True)):
        figure.add_heatmap(
            z=values, x=info.numbers, y=info.units, zmin=info.low, zmax=info.high, colorscale=scale,
            yaxis=f"y{i + 1 if i else ''}", showscale=i == 0, showlegend=False, hoverongaps=False,
            customdata=np.broadcast_to(np.array(info.steps), values.shape),
            hovertemplate=f"{title}, unit %{{y}}, step %{{x}} (%{{customdata}}): %{{z:.3f}}<extra></extra>",
            colorbar={"thickness": 8, "outlinewidth": 0, "len": 0.9, "title": {"text": info.what, "side": "right"}},
        )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=80 + 180 * len(info.layers))
    stack_panels(figure, [f"unit ({title})" for title in info.layers], "time step")
    figure.update_layout(hovermode="closest")
    return figure
