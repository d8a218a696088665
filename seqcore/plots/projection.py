"""The path of a state in its first two or three principal components."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import apply_style, color, empty_figure
from seqcore.results.projection import ProjectionView
from seqcore.results.thinning import evenly

__all__ = ["ProjectionInfo", "plot_projection", "projection_info"]

MOST_STEPS = 1_000


class ProjectionInfo(NamedTuple):
    """What the figure shows: `points[T, 1 to 3]` of evenly chosen steps, their `numbers[T]` from 1 and labels."""

    points: NDArray[np.float64]
    numbers: NDArray[np.int64]
    steps: tuple[str, ...]
    axes: tuple[str, ...]
    title: str


def projection_info(view: ProjectionView, components: int = 2) -> ProjectionInfo:
    """The first two or three components."""
    kept = evenly(len(view.points), MOST_STEPS)
    count = min(components, view.points.shape[1])
    axes = tuple(f"component {i + 1} ({share:.0%} of the variance)" for i, share in enumerate(view.explained[:count]))
    return ProjectionInfo(
        view.points[kept, :count],
        np.array(view.numbers, dtype=np.int64)[kept] + 1,
        tuple(view.steps[i] for i in kept.tolist()),
        axes,
        view.title,
    )


def plot_projection(info: ProjectionInfo, dark: bool = False) -> go.Figure:
    """A thin line through the steps, each a point; the later, the deeper its color."""
    if not len(info.points) or not info.points.shape[1]:
        return empty_figure(info.title, "no states to show", dark=dark)
    scale = [(0.0, color("prediction", dark=dark, opacity=0.2)), (1.0, color("prediction", dark=dark))]
    marker = {"color": info.numbers, "colorscale": scale, "size": 6, "showscale": False}
    path = {"color": color("baseline", dark=dark, opacity=0.5), "width": 1}
    text = [f"step {n} ({label})" for n, label in zip(info.numbers.tolist(), info.steps, strict=True)]
    figure, hover = go.Figure(), "%{customdata}<extra></extra>"
    x, y = info.points[:, 0], info.points[:, 1] if info.points.shape[1] > 1 else np.zeros(len(info.points))
    if info.points.shape[1] == 3:
        figure.add_scatter3d(
            x=x, y=y, z=info.points[:, 2], mode="lines+markers", line=path, marker={**marker, "size": 3},
            customdata=text, hovertemplate=hover, showlegend=False,
        )  # fmt: skip
        apply_style(figure, dark=dark, title=info.title, height=460)
        titles = {f"{axis}axis": {"title": {"text": title}} for axis, title in zip("xyz", info.axes, strict=True)}
        figure.update_layout(scene=titles)
        return figure
    figure.add_scatter(
        x=x, y=y, mode="lines+markers", line=path, marker=marker, customdata=text, hovertemplate=hover,
        showlegend=False,
    )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=420)
    figure.update_xaxes(title_text=info.axes[0])
    figure.update_yaxes(title_text=info.axes[1] if len(info.axes) > 1 else "")
    figure.update_layout(hovermode="closest")
    return figure
