"""The truth and the predictions of several models for the same rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import apply_style, compared_line, empty_figure, line, stack_panels
from seqcore.results.predictions import PredictionsView
from seqcore.results.thinning import thin

__all__ = ["PredictionsInfo", "plot_predictions", "predictions_info"]

MOST_PANELS = 4
MOST_POINTS = 600


class PredictionsInfo(NamedTuple):
    """What the figure shows: `x[n]`, `truth[n, K]` and `predictions[m, n, K]` of the first columns."""

    x: NDArray[Any]
    truth: NDArray[np.float64]
    predictions: NDArray[np.float64]
    models: tuple[str, ...]
    places: tuple[int, ...]
    columns: tuple[str, ...]
    left_out: int
    x_title: str
    title: str


def predictions_info(view: PredictionsView) -> PredictionsInfo:
    """From a view: at most four columns, thinned to about 600 points."""
    count = min(MOST_PANELS, len(view.columns))
    truth, predictions = view.truth[:, :count], view.predictions[:, :, :count]
    lines = np.concatenate([truth, *predictions], axis=1) if len(view.x) else truth
    kept = thin(lines, MOST_POINTS * lines.shape[1]) if len(view.x) else np.zeros(0, dtype=np.int64)
    return PredictionsInfo(
        view.x[kept], truth[kept], predictions[:, kept], view.models,
        view.places or tuple(range(len(view.models))), view.columns[:count],
        len(view.columns) - count, view.x_title, view.title,
    )  # fmt: skip


def plot_predictions(info: PredictionsInfo, dark: bool = False) -> go.Figure:
    """The truth in ink, each model in its color; columns below each other."""
    if not len(info.x):
        return empty_figure(info.title, "nothing to show", dark=dark)
    figure = go.Figure()
    mode = "lines+markers" if len(info.x) <= 40 else "lines"
    for k in range(len(info.columns)):
        axis = {"yaxis": f"y{k + 1 if k else ''}", "hovertemplate": "%{y:.5~g}", "marker": {"size": 4}}
        figure.add_scatter(
            x=info.x, y=info.truth[:, k], name="truth", legendgroup="truth", showlegend=k == 0, mode=mode,
            line={**line("truth", dark=dark), "width": 3}, **axis,
        )  # fmt: skip
        for own, place, model in zip(info.predictions, info.places, info.models, strict=True):
            figure.add_scatter(
                x=info.x, y=own[:, k], name=model, legendgroup=model, showlegend=k == 0,
                mode=mode, line=compared_line(place, dark=dark), **axis,
            )  # fmt: skip
    height = 360 if len(info.columns) == 1 else 120 + 150 * len(info.columns)
    apply_style(figure, dark=dark, title=info.title, height=height)
    more = f" ({info.left_out} more columns not shown)" if info.left_out else ""
    stack_panels(figure, list(info.columns), info.x_title + more)
    figure.update_yaxes(figure.layout.template.layout.yaxis.to_plotly_json())
    return figure
