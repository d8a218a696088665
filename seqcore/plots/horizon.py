"""Error by horizon: the model beside the baselines."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import apply_style, colour, empty_figure, line
from seqcore.results import metric_named
from seqcore.results.horizon import MODEL, HorizonView

__all__ = ["HorizonInfo", "HorizonLine", "horizon_info", "plot_horizon"]

FEW = 40  # up to so many steps each is marked
_DASHES = ("dash", "dot", "dashdot", "longdash", "longdashdot")


class HorizonLine(NamedTuple):
    """One method: its error 1 to H steps ahead."""

    name: str
    error: NDArray[np.float64]
    model: bool


class HorizonInfo(NamedTuple):
    """What the figure shows. `steps[H]` count from 1; the lines are the model's and the baselines', best first."""

    steps: NDArray[np.int64]
    lines: tuple[HorizonLine, ...]
    metric: str
    title: str


def horizon_info(view: HorizonView) -> HorizonInfo:
    """From a view: the model first, then the baselines from the smallest mean error to the largest."""
    found = [HorizonLine(name, error, name == MODEL) for name, error in view.errors.items()]
    found = [each for each in found if np.isfinite(each.error).any()]
    found.sort(key=lambda each: (not each.model, float(np.nanmean(each.error))))
    steps = np.arange(1, 1 + max((len(each.error) for each in found), default=0))
    return HorizonInfo(steps, tuple(found), view.metric, view.title)


def plot_horizon(info: HorizonInfo, dark: bool = False) -> go.Figure:
    """The model in blue, baselines in grey; each name stands at the end of its line."""
    if not info.lines:
        return empty_figure(info.title, "nothing to show", dark=dark)
    figure = go.Figure()
    mode = "lines+markers" if len(info.steps) <= FEW else "lines"
    naive = 0
    for each in info.lines:
        style = line("prediction" if each.model else "baseline", dark=dark)
        if not each.model:
            style = {**style, "dash": _DASHES[naive % len(_DASHES)]}
            naive += 1
        figure.add_scatter(
            x=info.steps, y=each.error, name=each.name, mode=mode, line=style, marker={"size": 6},
            hovertemplate="%{y:.4~g}",
        )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title)
    figure.update_xaxes(title_text="steps ahead", dtick=max(1, len(info.steps) // 12))
    figure.update_yaxes(title_text=f"{metric_named(info.metric).title}, in original units", rangemode="tozero")
    figure.update_layout(hoverlabel={"bordercolor": colour("baseline")})
    return figure
