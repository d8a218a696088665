"""True and predicted frames: a row for the truth and one for each model, a column for each frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import COLORS, apply_style, color_scale, empty_figure, hide_axes
from seqcore.results.predictions import VideosView
from seqcore.results.thinning import evenly

__all__ = ["VideosInfo", "plot_videos", "videos_info"]

MOST_FRAMES = 12
_ROW = 76  # pixels


class VideosInfo(NamedTuple):
    """What the figure shows: `sheet[rows, columns]` of all frames with gaps, and where names and numbers stand."""

    sheet: NDArray[np.float64]
    names: tuple[str, ...]  # of the rows, from the top
    frames: tuple[int, ...]  # numbers of the columns
    size: tuple[int, int]
    title: str


def videos_info(view: VideosView) -> VideosInfo:
    """From a view: at most 12 frames, evenly spread."""
    _, count, height, width = view.predictions.shape
    kept = evenly(count, MOST_FRAMES)
    videos = ([] if view.truth is None else [view.truth]) + list(view.predictions)
    names = ((),) if view.truth is None else (("truth",),)
    sheet = np.full((len(videos) * (height + 1) - 1, max(0, len(kept) * (width + 1) - 1)), np.nan)
    for row, video in enumerate(videos):
        for column, frame in enumerate(kept.tolist()):
            top, left = row * (height + 1), column * (width + 1)
            sheet[top : top + height, left : left + width] = video[frame]
    numbers = tuple((kept + 1).tolist())
    return VideosInfo(sheet, (*names[0], *view.models), numbers, (height, width), view.title)


def plot_videos(info: VideosInfo, dark: bool = False) -> go.Figure:
    """The frames as one picture; names at the left, numbers below."""
    if not info.frames:
        return empty_figure(info.title, "no predicted frames", dark=dark)
    height, width = info.size
    figure = go.Figure(
        go.Heatmap(
            z=info.sheet, zmin=0.0, zmax=1.0, colorscale=color_scale("truth", dark=dark, lowest=0.06), showscale=False,
            hovertemplate="%{z:.2f}<extra></extra>", hoverongaps=False,
        )
    )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=60 + _ROW * len(info.names))
    hide_axes(figure, constrain="domain")
    quiet = {"size": 12, "color": COLORS["baseline"][dark]}
    figure.update_yaxes(
        visible=True, autorange="reversed", scaleanchor="x", showgrid=False, tickfont=quiet,
        tickvals=[row * (height + 1) + (height - 1) / 2 for row in range(len(info.names))], ticktext=list(info.names),
    )  # fmt: skip
    figure.update_xaxes(
        visible=True, showgrid=False, tickfont=quiet, title_text="predicted frame",
        tickvals=[column * (width + 1) + (width - 1) / 2 for column in range(len(info.frames))],
        ticktext=[f"+{frame}" for frame in info.frames],
    )  # fmt: skip
    figure.update_layout(hovermode="closest")
    return figure
