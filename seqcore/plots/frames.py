"""Predicted frames beside the observed ones: as a strip, and as an animation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from seqcore.plots.style import COLORS, apply_style, color_scale, empty_figure, hide_axes
from seqcore.results import FramesView
from seqcore.results.thinning import evenly

__all__ = ["FramesInfo", "frames_info", "plot_frames"]

Values = NDArray[np.float64]
MOST_BEFORE = 4  # frames of the context
MOST_AHEAD = 12  # predicted frames in the strip; the animation has all of them
MOST_PLAYED = 60
_PACE = 180  # ms per frame


class FramesInfo(NamedTuple):
    """What the figure shows: `moments[n]` (0 is the last observed frame, 1 the first predicted one), and at each of
    them `truth[n, h, w]` (None: not known) and `prediction[n, h, w]`, which up to moment 0 is the input.

    `strip` are the places of those that are shown side by side.
    """

    moments: NDArray[np.int64]
    prediction: Values
    truth: Values | None
    strip: NDArray[np.int64]
    left_out: int
    title: str


def frames_info(view: FramesView) -> FramesInfo:
    """From a view: the last frames of the context, and up to 60 predicted ones, 12 of them side by side."""
    predicted = view.prediction[:MOST_PLAYED]
    before = predicted[:0] if view.context is None or not len(view.context) else view.context[-MOST_BEFORE:]
    return FramesInfo(
        moments=np.arange(1 - len(before), len(predicted) + 1),
        prediction=np.concatenate([before, predicted]),
        truth=None if view.truth is None else np.concatenate([before, view.truth[: len(predicted)]]),
        strip=np.concatenate([np.arange(len(before)), len(before) + evenly(len(predicted), MOST_AHEAD)]),
        left_out=len(view.prediction) - len(predicted),
        title=view.title,
    )


def plot_frames(info: FramesInfo, dark: bool = False) -> go.Figure:
    """Above the animation with a slider, observed and predicted side by side; below all frames in a strip."""
    if not (info.moments > 0).any():
        return empty_figure(info.title, "no predicted frames", dark=dark)
    videos = [("prediction", "predicted", info.prediction)]
    if info.truth is not None:
        videos.insert(0, ("truth", "observed", info.truth))
    figure = make_subplots(
        rows=2, cols=len(videos), row_heights=[0.66, 0.34], vertical_spacing=0.16,
        specs=[[{}] * len(videos), [{"colspan": len(videos)}] + [None] * (len(videos) - 1)],
        subplot_titles=[name for _, name, _ in videos],
    )  # fmt: skip
    start = int(np.argmax(info.moments > 0))
    for column, (role, name, pictures) in enumerate(videos, 1):
        figure.add_trace(_picture(pictures[start], role, name, dark), row=1, col=column)
    _draw_strip(figure, info, videos, dark)
    apply_style(figure, dark=dark, title=info.title, height=440 + (28 if info.title else 0))
    hide_axes(figure, constrain="domain")
    figure.update_yaxes(autorange="reversed")
    for axis in ("", *range(2, len(videos) + 2)):
        figure.update_layout({f"yaxis{axis}": {"scaleanchor": f"x{axis}"}})
    for note in figure.layout.annotations[: len(videos)]:
        note.update(font={"size": 12, "color": COLORS["baseline"][dark]})
    _make_playable(figure, info, videos, start, dark)
    figure.update_layout(hovermode="closest", margin={"t": 34 + (28 if info.title else 0), "b": 18})
    return figure


def _picture(picture: Values, role: str, name: str, dark: bool) -> go.Heatmap:
    return go.Heatmap(
        z=picture, zmin=0.0, zmax=1.0, colorscale=color_scale(role, dark=dark, lowest=0.06), showscale=False,
        showlegend=False, name=name,
        hovertemplate=f"{name}: row %{{y}}, column %{{x}}: %{{z:.2f}}<extra></extra>",
    )  # fmt: skip


def _draw_strip(figure: go.Figure, info: FramesInfo, videos: list[tuple[str, str, Values]], dark: bool) -> None:
    """All frames side by side: observed above, predicted below."""
    _, height, width = info.prediction.shape
    sheets = np.full((len(videos), 2, height, len(info.strip) * (width + 1)), np.nan)  # predicted or true, and seen
    for place, i in enumerate(info.strip.tolist()):
        seen = int(info.moments[i] <= 0)
        for line, (_, _, pictures) in enumerate(videos[:1] if seen else videos):  # what was seen is drawn once
            sheets[line, seen, :, place * (width + 1) : place * (width + 1) + width] = pictures[i]
    for line, (role, name, _) in enumerate(videos):
        for sheet, ink in zip(sheets[line], (role, "truth"), strict=True):
            if np.isfinite(sheet).any():
                trace = _picture(sheet, ink, name, dark)
                trace.update(y0=line * (height + 1), dy=1, hoverinfo="skip", hovertemplate=None)
                figure.add_trace(trace, row=2, col=1)
    bottom = len(videos) * (height + 1)
    for place, i in enumerate(info.strip.tolist()):
        moment = int(info.moments[i])
        figure.add_annotation(
            x=place * (width + 1) + (width - 1) / 2, y=bottom, text="input" if moment <= 0 else f"+{moment}",
            showarrow=False, font={"size": 10, "color": COLORS["baseline"][dark]}, yanchor="top", row=2, col=1,
        )  # fmt: skip


def _make_playable(
    figure: go.Figure, info: FramesInfo, videos: list[tuple[str, str, Values]], start: int, dark: bool
) -> None:
    names = [str(int(m)) for m in info.moments]
    figure.frames = [
        go.Frame(
            name=name,
            data=[_picture(pictures[i], role, title, dark) for role, title, pictures in videos],
            traces=list(range(len(videos))),
        )
        for i, name in enumerate(names)
    ]
    at_once = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    play = {**at_once, "frame": {"duration": _PACE, "redraw": True}, "fromcurrent": False}
    quiet = COLORS["baseline"][dark]
    figure.update_layout(
        updatemenus=[{
            "type": "buttons", "direction": "left", "x": 0, "xanchor": "left", "y": 0.37, "yanchor": "middle",
            "showactive": False, "bgcolor": "rgba(0,0,0,0)", "bordercolor": quiet, "borderwidth": 1,
            "font": {"size": 12, "color": quiet}, "pad": {"t": 0, "r": 8},
            "buttons": [
                {"label": "Play", "method": "animate", "args": [None, play]},
                {"label": "Stop", "method": "animate", "args": [[None], at_once]},
            ],
        }],
        sliders=[{
            "active": start, "x": 0, "len": 1, "y": 0.37, "yanchor": "middle",
            "pad": {"t": 0, "b": 0, "l": 128, "r": 8},  # beside the buttons, however wide the picture is
            "tickcolor": quiet, "font": {"size": 10, "color": quiet}, "bordercolor": quiet, "ticklen": 3,
            "currentvalue": {"prefix": "frame ", "font": {"size": 12, "color": quiet}, "xanchor": "right"},
            "steps": [{"label": name, "method": "animate", "args": [[name], at_once]} for name in names],
        }],
    )  # fmt: skip
