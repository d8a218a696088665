"""Update-to-weight ratio of each weight matrix over the snapshots."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.steps_axis import role_of
from seqcore.plots.style import LINE_WIDTH, apply_style, color, empty_figure, log_ticks
from seqcore.results.thinning import thin
from seqcore.results.updates import RULE_OF_THUMB, UpdatesView

__all__ = ["UpdatesInfo", "plot_updates", "updates_info"]

_START = 0.5  # where step 0 lies on a logarithmic axis
_MOST_POINTS = 600


class UpdatesInfo(NamedTuple):
    """`ratios[S, P]` at `steps[S]` for `names[P]`; thinned."""

    steps: NDArray[np.float64]
    ratios: NDArray[np.float64]
    names: tuple[str, ...]
    title: str


def updates_info(view: UpdatesView) -> UpdatesInfo:
    """From a view."""
    kept = thin(view.ratios, _MOST_POINTS) if len(view.ratios) > _MOST_POINTS else np.arange(len(view.ratios))
    return UpdatesInfo(np.array(view.model_steps, dtype=np.float64)[kept], view.ratios[kept], view.names, view.title)


def plot_updates(info: UpdatesInfo, dark: bool = False) -> go.Figure:
    """A line for each weight on logarithmic axes, the rule of thumb shaded."""
    if not len(info.steps) or not np.isfinite(info.ratios).any():
        return empty_figure(info.title, "no snapshots", dark=dark)
    figure = go.Figure()
    x = np.maximum(info.steps, _START)
    for number, name in enumerate(info.names):
        role, dash = role_of(number)
        ratios = info.ratios[:, number]
        figure.add_scatter(
            x=x, y=np.where(ratios > 0.0, ratios, np.nan), mode="lines+markers", name=name, marker={"size": 4},
            line={"color": color(role, dark=dark), "width": LINE_WIDTH, "dash": dash},
            hovertemplate="%{y:.2g}",
        )  # fmt: skip
    # On a narrow screen each name has a line of the legend, which takes up to half of the figure.
    apply_style(figure, dark=dark, title=info.title, height=min(600, 340 + 20 * max(0, len(info.names) - 6)))
    figure.add_hrect(
        y0=RULE_OF_THUMB[0], y1=RULE_OF_THUMB[1], fillcolor=color("truth", dark=dark, opacity=0.08), line_width=0,
        layer="below",
    )  # fmt: skip
    powers = [10**n for n in range(int(np.log10(max(1.0, float(info.steps.max())))) + 1)]
    start = [_START] if info.steps.min() < 1 else []
    figure.update_xaxes(
        title_text="training step of the snapshot", type="log", tickvals=[*start, *powers],
        ticktext=[*("0" for _ in start), *(f"{power:,}" for power in powers)],
    )  # fmt: skip
    figure.update_yaxes(title_text="update / weight (norms)", type="log", **log_ticks(info.ratios))
    return figure
