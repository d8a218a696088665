"""The score of replicas by epoch: the median, and a band from the lowest to the highest seed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.band import Band, add_band, extremes
from seqcore.plots.changes import Change, add_changes, changes_of
from seqcore.plots.style import apply_style, color, empty_figure, line
from seqcore.results.metrics import Metric, metric_named
from seqcore.results.thinning import thin

__all__ = ["ScoreCurveInfo", "plot_score_curve", "score_curve_info"]

Values = NDArray[np.float64]
_MOST_POINTS = 400


class ScoreCurveInfo(NamedTuple):
    """What the figure shows, in the metric's units; shares in percent. NaN breaks a line."""

    steps: Values
    median: Values
    band: Band
    replicas: int
    words: Metric
    reference: tuple[str, float] | None  # title and score of the reference baseline
    title: str
    changes: tuple[Change, ...] = ()

    @property
    def sentence(self) -> str:
        """How to read the figure, with its newest values."""
        name, better = self.words.title, "higher" if self.words.higher_is_better else "lower"
        text = f"Line: median {name} of {self.replicas} seeds; band: lowest to highest seed."
        text += f" {better.capitalize()} is better."
        known = np.flatnonzero(np.isfinite(self.median))
        if known.size:
            low, middle, high = (float(v[known[-1]]) for v in (self.band[0], self.median, self.band[1]))
            unit = "%" if self.words.share else ""
            text += f" Now {middle:.4g}{unit} ({low:.4g} to {high:.4g}{unit})."
        return text


def score_curve_info(
    steps: NDArray[np.int64],
    each: Values,
    metric: str,
    *,
    reference: tuple[str, float] | None = None,
    title: str = "",
    events: Iterable[Any] = (),
) -> ScoreCurveInfo:
    """From the scores of K replicas `each`[n, K] at the last `steps`[n] of epochs, and the changes among events."""
    words = metric_named(metric)
    scale = 100.0 if words.share else 1.0
    known = np.where(np.isfinite(each), each * scale, np.nan)
    low, high = extremes(known)
    some = np.isfinite(low)
    median = np.full(len(known), np.nan)
    median[some] = np.nanmedian(known[some], axis=1)
    kept = thin(np.stack([low, median, high], axis=1), _MOST_POINTS) if len(steps) else np.zeros(0, dtype=np.int64)
    return ScoreCurveInfo(
        steps=steps[kept].astype(np.float64),
        median=median[kept],
        band=(low[kept], high[kept]),
        replicas=each.shape[1] if each.ndim == 2 else 0,
        words=words,
        reference=None if reference is None or not np.isfinite(reference[1]) else (reference[0], reference[1] * scale),
        title=title,
        changes=changes_of(events),
    )


def plot_score_curve(info: ScoreCurveInfo, dark: bool = False) -> go.Figure:
    """The median as a line over the band, and the reference baseline as a dashed line."""
    if not np.isfinite(info.median).any():
        return empty_figure(info.title, "no epochs yet", dark=dark, height=240)
    figure = go.Figure()
    add_band(figure, info.steps, info.band, role="validation", dark=dark)
    unit = "%" if info.words.share else ""
    figure.add_scatter(
        x=info.steps, y=info.median, name=f"median of {info.replicas} seeds",
        mode="lines+markers" if len(info.steps) <= 30 else "lines", line=line("validation", dark=dark),
        marker={"size": 5}, customdata=np.stack(info.band, axis=1),
        hovertemplate=f"%{{y:.4g}} (%{{customdata[0]:.4g}} to %{{customdata[1]:.4g}}){unit}",
    )  # fmt: skip
    if info.reference is not None:
        name, value = info.reference
        figure.add_scatter(
            x=info.steps[[0, -1]], y=[value, value], name=name, mode="lines", line=line("baseline", dark=dark),
            hovertemplate="%{y:.4g}" + unit, marker={"color": color("baseline", dark=dark)},
        )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=240)
    add_changes(figure, info.changes, info.steps, info.median, dark=dark, height=240)
    figure.update_xaxes(title_text="training step", rangemode="tozero")
    figure.update_yaxes(title_text=info.words.short + (" (%)" if info.words.share else ""))
    return figure
