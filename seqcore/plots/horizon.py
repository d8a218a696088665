"""Error by horizon: the model beside the baselines."""

from __future__ import annotations

from itertools import cycle
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import apply_style, color, empty_figure, line
from seqcore.results import metric_named
from seqcore.results.horizon import MODEL, HorizonView

__all__ = ["HorizonInfo", "horizon_info", "plot_horizon"]

FEW = 40  # up to so many steps each is marked
_DASHES = ("dash", "dot", "dashdot", "longdash", "longdashdot")


class HorizonInfo(NamedTuple):
    """What the figure shows: `errors[title][H]` at `steps[H]`, the model's first, then the baselines', best first."""

    steps: NDArray[np.int64]
    errors: dict[str, NDArray[np.float64]]
    metric: str
    title: str


def horizon_info(view: HorizonView) -> HorizonInfo:
    """From a view: the model first, then the baselines from the smallest mean error to the largest."""
    known = [(name, error) for name, error in view.errors.items() if np.isfinite(error).any()]
    errors = dict(sorted(known, key=lambda item: (item[0] != MODEL, float(np.nanmean(item[1])))))
    steps = np.arange(1, 1 + max(map(len, errors.values()), default=0))
    return HorizonInfo(steps, errors, view.metric, view.title)


def plot_horizon(info: HorizonInfo, dark: bool = False) -> go.Figure:
    """The model in blue, baselines in gray; each name stands at the end of its line."""
    if not info.errors:
        return empty_figure(info.title, "nothing to show", dark=dark)
    figure = go.Figure()
    mode = "lines+markers" if len(info.steps) <= FEW else "lines"
    dashes = cycle(_DASHES)
    for name, error in info.errors.items():
        style = line("prediction", dark=dark) if name == MODEL else line("baseline", dark=dark) | {"dash": next(dashes)}
        figure.add_scatter(
            x=info.steps, y=error, name=name, mode=mode, line=style, marker={"size": 6}, hovertemplate="%{y:.4~g}"
        )
    apply_style(figure, dark=dark, title=info.title)
    figure.update_xaxes(title_text="steps ahead", dtick=max(1, len(info.steps) // 12))
    figure.update_yaxes(title_text=f"{metric_named(info.metric).title}, in original units", rangemode="tozero")
    figure.update_layout(hoverlabel={"bordercolor": color("baseline")})
    return figure
