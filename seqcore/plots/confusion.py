"""Confusion matrix: a row for each true class, a column for each predicted one; blue is correct, vermilion wrong."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import apply_style, color, color_scale, empty_figure
from seqcore.results import ConfusionView

__all__ = ["ConfusionInfo", "confusion_info", "plot_confusion"]

MOST_CLASSES = 40
MOST_COUNTED = 20  # classes up to which every count stands in its field


class ConfusionInfo(NamedTuple):
    """What the figure shows: `counts[C, C]` and `shares[C, C]` of each row; without classes that never occur."""

    labels: tuple[str, ...]
    counts: NDArray[np.float64]
    shares: NDArray[np.float64]
    left_out: int
    title: str


def confusion_info(view: ConfusionView) -> ConfusionInfo:
    """From a view: the 40 classes that occur most, in their own order."""
    occurs = view.counts.sum(axis=1) + view.counts.sum(axis=0)
    kept = np.sort(np.argsort(-occurs, kind="stable")[: min(MOST_CLASSES, int((occurs > 0).sum()))])
    counts = view.counts[np.ix_(kept, kept)]
    rows = view.counts.sum(axis=1)[kept, None]
    return ConfusionInfo(
        labels=tuple(view.labels[i] for i in kept),
        counts=counts,
        shares=np.divide(counts, rows, out=np.zeros_like(counts), where=rows > 0),
        left_out=int((occurs > 0).sum()) - len(kept),
        title=view.title,
    )


def plot_confusion(info: ConfusionInfo, dark: bool = False) -> go.Figure:
    """A cell for each pair of classes, darker where more of the true class was predicted to be the other."""
    if not info.labels:
        return empty_figure(info.title, "nothing to show", dark=dark)
    count = len(info.labels)
    places = list(range(count))
    right = np.eye(count, dtype=bool)
    figure = go.Figure()
    for role, mask in (("prediction", right), ("warning", ~right)):
        seen = mask & (info.counts > 0)
        figure.add_heatmap(
            x=places, y=places, z=np.where(seen, 100 * info.shares, np.nan), zmin=0, zmax=100, showscale=False,
            colorscale=color_scale(role, dark=dark, lowest=0.1), xgap=1, ygap=1, hoverongaps=False,
            customdata=np.array([[[f"{n:.0f}", t, p] for n, p in zip(row, info.labels, strict=True)]
                                 for row, t in zip(info.counts, info.labels, strict=True)]),
            hovertemplate="true %{customdata[1]}, predicted %{customdata[2]}: "
                          "%{customdata[0]} (%{z:.3g}%)<extra></extra>",
        )  # fmt: skip
    if count <= MOST_COUNTED:
        for t, p in np.argwhere(info.counts > 0).tolist():
            deep = info.shares[t, p] > 0.5
            figure.add_annotation(
                x=p, y=t, text=f"{info.counts[t, p]:.0f}", showarrow=False,
                font={"size": 13, "color": "#FFFFFF" if deep else color("truth", dark=dark)},
            )  # fmt: skip
    else:
        places = places[:: -(-count // MOST_COUNTED)]
    apply_style(figure, dark=dark, title=info.title, height=int(np.clip(130 + 34 * count, 260, 640)))
    rest = f" ({info.left_out} rarer classes not shown)" if info.left_out else ""
    names = [info.labels[i] for i in places]
    span = [-0.5, count - 0.5]
    figure.update_xaxes(title_text=f"predicted class{rest}", tickvals=places, ticktext=names, range=span)
    figure.update_yaxes(title_text="true class", tickvals=places, ticktext=names, range=span[::-1], showgrid=False)
    figure.update_layout(hovermode="closest")
    return figure
