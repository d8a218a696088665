"""Numbers of each pixel over the frames of an example: the frames side by side, the numbers below them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.steps_axis import diverging, short_label
from seqcore.plots.style import COLORS, apply_style, color, hide_axes

__all__ = ["MOST_FRAMES", "frame_strip"]

Values = NDArray[np.float64]
MOST_FRAMES = 12
"""Frames that are shown; of more, the last ones."""


def frame_strip(
    values: Values,
    inputs: Values | None,
    steps: Sequence[str],
    frame: tuple[int, int],
    *,
    what: tuple[str, str],
    title: str,
    dark: bool,
) -> go.Figure:
    """`values[T, height * width]` with signs, below the frames `inputs[T, height * width]` where they are known.

    `what`: the name of a value, and its unit.
    """
    height, width = frame
    shown = range(len(steps))[-MOST_FRAMES:]
    largest = float(np.abs(values).max()) or 1.0
    sheets = np.full((2, height, len(shown) * (width + 1)), np.nan)
    for place, step in enumerate(shown):
        columns = slice(place * (width + 1), place * (width + 1) + width)
        if inputs is not None:
            sheets[0, :, columns] = inputs[step].reshape(frame)
        sheets[1, :, columns] = values[step].reshape(frame)
    figure = go.Figure()
    if inputs is not None:
        ink = [(0.0, color("truth", dark=dark, opacity=0.03)), (1.0, color("truth", dark=dark))]
        figure.add_heatmap(
            z=sheets[0], colorscale=ink, showscale=False, hovertemplate="input %{z:.3g}<extra></extra>", name="input"
        )
    name, unit = what
    figure.add_heatmap(
        z=sheets[1], y0=height + 1 if inputs is not None else 0, dy=1, zmin=-largest, zmax=largest, name=name,
        colorscale=diverging(dark=dark), hovertemplate=f"{name} %{{z:+.3g}}<extra></extra>",
        colorbar={"title": {"text": unit, "font": {"size": 12}}, "thickness": 8, "outlinewidth": 0, "len": 0.9,
                  "tickfont": {"size": 11}, "exponentformat": "e"},
    )  # fmt: skip
    apply_style(figure, dark=dark, title=title, height=300 if inputs is not None else 200)
    hide_axes(figure, constrain="domain")
    figure.update_yaxes(autorange="reversed", scaleanchor="x")
    bottom = (2 if inputs is not None else 1) * (height + 1)
    for place, step in enumerate(shown):
        figure.add_annotation(
            x=place * (width + 1) + (width - 1) / 2, y=bottom, text=short_label(steps[step]), showarrow=False,
            yanchor="top", font={"size": 10, "color": COLORS["baseline"][dark]},
        )  # fmt: skip
    figure.update_layout(hovermode="closest", showlegend=False)
    return figure
