"""Error by horizon: the model beside the baselines."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import apply_style, color, empty_figure, line
from seqcore.results import metric_named
from seqcore.results.horizon import MODEL, HorizonView

__all__ = ["HorizonInfo", "horizon_info", "plot_horizon"]

FEW = 40  # up to so many steps each is marked
_ROOM = 1.3  # of the axis, times the errors of the model and of the best baseline


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
    """The model in blue, the best baseline dark and dashed, the others thin.

    The axis shows the model and the best baseline apart; worse baselines may lie above it.
    """
    if not info.errors:
        return empty_figure(info.title, "nothing to show", dark=dark)
    figure = go.Figure()
    mode = "lines+markers" if len(info.steps) <= FEW else "lines"
    best = next((name for name in info.errors if name != MODEL), None)
    for name, error in info.errors.items():
        main = name in (MODEL, best)
        style: dict[str, Any] = {"width": 1, "color": color("baseline", dark=dark, opacity=0.5)}
        if main:
            style = line("prediction", dark=dark) if name == MODEL else line("truth", dark=dark) | {"dash": "dash"}
        figure.add_scatter(
            x=info.steps, y=error, name=f"{name} (best baseline)" if name == best else name,
            mode=mode if main else "lines", line=style, marker={"size": 6}, hovertemplate="%{y:,.4~g}",
            showlegend=main, zorder=int(main),
        )  # fmt: skip
    shown = np.concatenate([info.errors[name] for name in (MODEL, best) if name in info.errors])
    top = _ROOM * float(np.nanmax(shown))
    apply_style(figure, dark=dark, title=info.title)
    figure.update_xaxes(title_text="steps ahead", dtick=max(1, len(info.steps) // 12))
    figure.update_yaxes(title_text=f"{metric_named(info.metric).title}, in original units")
    figure.update_yaxes(**({"range": [0, top]} if top > 0 and np.isfinite(top) else {"rangemode": "tozero"}))
    figure.update_layout(hoverlabel={"bordercolor": color("baseline")})
    return figure
