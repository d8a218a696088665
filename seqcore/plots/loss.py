"""The loss over the steps of a run: training at each step, validation at the end of each epoch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.events import Changed, Epoch
from seqcore.plots.band import Band, band_trace, extremes
from seqcore.plots.changes import Change, add_changes, changes_of, described
from seqcore.plots.fork import ParentLosses, mark_fork, parent_traces
from seqcore.plots.style import apply_style, color, empty_figure, line, log_ticks, style_layout
from seqcore.results.thinning import thin

__all__ = ["EpochLosses", "LossInfo", "loss_figure", "loss_info", "plot_loss"]

VALIDATION_POINTS = 200
PARENT_BEYOND = 1.1  # times a fork's own steps: so far its parent is drawn

Values = NDArray[np.float64]


class EpochLosses(NamedTuple):
    """The validation loss [n] at the last step [n] of each epoch; NaN where it is not known.

    Of replicas it is their median, and `band` their lowest and highest loss.
    """

    steps: NDArray[Any]
    losses: Values
    best_step: int | None = None  # the last step of the best epoch
    band: Band | None = None


class LossInfo(NamedTuple):
    """What the figure shows. NaN breaks a line; on a logarithmic axis so does everything from 0 down."""

    steps: Values
    train: Values
    validation_steps: Values
    validation: Values
    best_step: int | None  # the last step of the best epoch
    best: float | None  # its validation loss
    changes: tuple[Change, ...]
    logarithmic: bool
    title: str
    train_band: Band | None = None  # of replicas, over which `train` and `validation` are medians
    validation_band: Band | None = None
    parent: ParentLosses | None = None  # of a fork

    @property
    def empty(self) -> bool:
        """Whether there is no point to draw."""
        return not (np.isfinite(self.train).any() or np.isfinite(self.validation).any())

    @property
    def sentence(self) -> str:
        """What the figure shows, for those who don't see it."""
        if self.empty:
            return "Loss: no steps yet."
        texts = [
            f"{name} {values[known[-1]]:.3g} at step {steps[known[-1]]:,.0f}"
            for name, steps, values in (
                ("training loss", self.steps, self.train),
                ("validation loss", self.validation_steps, self.validation),
            )
            if len(known := np.flatnonzero(np.isfinite(values)))
        ]
        texts += [f"lowest validation loss {self.best:.3g} at step {self.best_step:,}"] if self.best is not None else []
        text = f"Loss over training steps: {', '.join(texts)}."
        parent = "" if self.parent is None else self.parent.sentence
        return " ".join(filter(None, (text, parent, described(self.changes))))


def loss_info(
    steps: Any,
    loss: Any,
    events: Iterable[Epoch | Changed | Any] = (),
    *,
    epochs: EpochLosses | None = None,
    band: Band | None = None,
    parent: ParentLosses | None = None,
    logarithmic: bool = True,
    title: str = "",
) -> LossInfo:
    """From a curve (`steps[n]`, `loss[n]`) and a run's events, of which `Epoch` and `Changed` are looked at.

    `band` are the lowest and the highest loss of replicas, [n] each, of which `loss` is the median. `parent` are the
    losses of the run that this one is a fork of; they are shown about as far as this run has come.

    An epoch that came twice (a resumed run) counts once, as it was the last time. `epochs` replaces those of `events`
    and is thinned to about `VALIDATION_POINTS`.
    """
    events = list(events)
    steps = np.asarray(steps, dtype=np.float64)
    epochs = _epoch_losses(events) if epochs is None else epochs
    known = bool(np.isfinite(epochs.losses).any())
    kept = thin(epochs.losses, VALIDATION_POINTS) if known else np.zeros(0, dtype=np.int64)
    best = _drawable(epochs.losses[epochs.steps == epochs.best_step][-1:], logarithmic)
    marked = best.size > 0 and np.isfinite(best[0])
    return LossInfo(
        steps=steps,
        train=_drawable(loss, logarithmic),
        validation_steps=epochs.steps[kept].astype(np.float64),
        validation=_drawable(epochs.losses[kept], logarithmic),
        best_step=epochs.best_step if marked else None,
        best=float(best[0]) if marked else None,
        changes=changes_of(events),
        logarithmic=logarithmic,
        title=title,
        train_band=_drawable_band(band, logarithmic),
        validation_band=None
        if epochs.band is None
        else _drawable_band((epochs.band[0][kept], epochs.band[1][kept]), logarithmic),
        parent=None
        if parent is None
        else _drawable_parent(parent, float(steps.max(initial=parent.fork_step)), logarithmic),
    )


def _epoch_losses(events: Iterable[Any]) -> EpochLosses:
    """The epochs among some events that have a validation loss, each as it was reported last."""
    reported = {event.step: event for event in events if isinstance(event, Epoch) and "val_loss" in event.metrics}
    scored = [reported[step] for step in sorted(reported)]
    best = next((e.step for e in reversed(scored) if e.best and np.isfinite(e.metrics["val_loss"])), None)
    losses = np.array([e.metrics["val_loss"] for e in scored], dtype=np.float64)
    each = [e.replicas.get("val_loss", []) for e in scored]
    band = extremes(each) if all(each) and each else None
    return EpochLosses(np.array([e.step for e in scored], dtype=np.int64), losses, best, band)


def plot_loss(info: LossInfo, dark: bool = False) -> go.Figure:
    """Training and validation loss; the best epoch is marked, a change during the run is a dotted vertical line.

    Of replicas: the median as a line, and from the lowest to the highest value as a band. Of a fork: its parent's
    curves from the step on where both part, lighter.
    """
    if info.empty:
        return empty_figure(info.title, "no steps yet", dark=dark)
    figure = apply_style(go.Figure(loss_figure(info, dark)), dark=dark, title=info.title)
    add_changes(figure, info.changes, info.steps, info.train, dark=dark)
    if info.parent is not None:
        mark_fork(figure, info.parent, dark=dark)
    return figure


def loss_figure(info: LossInfo, dark: bool = False) -> dict[str, Any]:
    """The figure of `plot_loss` as plain values and arrays, without its template and the marks of changes and a fork.

    A live chart is drawn several times a second, and Plotly's checks take ten times as long as all the rest.
    """
    traces: list[dict[str, Any]] = []
    for band, steps, role in (
        (info.train_band, info.steps, "training"),
        (info.validation_band, info.validation_steps, "validation"),
    ):
        if band is not None:
            traces.append(band_trace(steps, band, role=role, dark=dark))
    few, single = len(info.validation) <= 30, len(info.steps) == 1  # a line of one point is not drawn
    traces += [
        {"type": "scatter", "x": info.steps, "y": info.train, "name": "training",
         "mode": "markers" if single else "lines", "line": line("training", dark=dark), "hovertemplate": "%{y:.4g}"},
        {"type": "scatter", "x": info.validation_steps, "y": info.validation, "name": "validation",
         "mode": "lines+markers" if few else "lines", "line": line("validation", dark=dark), "marker": {"size": 5},
         "hovertemplate": "%{y:.4g}"},
    ]  # fmt: skip
    traces += [] if info.parent is None else parent_traces(info.parent, dark=dark)
    if info.best is not None:
        ring = {"symbol": "circle-open", "size": 12, "color": color("validation", dark=dark)}
        traces.append(
            {"type": "scatter", "x": [info.best_step], "y": [info.best], "name": "best", "mode": "markers",
             "hoverinfo": "skip", "showlegend": False, "marker": ring}
        )  # fmt: skip
    ticks = _log_ticks(info)
    scale = {"type": "log", **ticks} if info.logarithmic else {"rangemode": "tozero"}
    layout = {
        **style_layout(traces, title=info.title),
        "xaxis": {"title": {"text": "training step"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "loss"}, **scale},
        "meta": {"log_ticks": ticks},  # the page can change the scale
    }
    return {"data": traces, "layout": layout}


def _log_ticks(info: LossInfo) -> dict[str, Any]:
    bands = [part for band in (info.train_band, info.validation_band) if band is not None for part in band]
    bands += [] if info.parent is None else [info.parent.train, info.parent.validation]
    values = np.concatenate([info.train, info.validation, *bands])
    return log_ticks(values) if bool((values > 0).any()) else {}


def _drawable_parent(parent: ParentLosses, last_step: float, logarithmic: bool) -> ParentLosses:
    shown = parent.until(PARENT_BEYOND * last_step)
    train, validation = _drawable(shown.train, logarithmic), _drawable(shown.validation, logarithmic)
    return shown._replace(train=train, validation=validation)


def _drawable_band(band: Band | None, logarithmic: bool) -> Band | None:
    return None if band is None else (_drawable(band[0], logarithmic), _drawable(band[1], logarithmic))


def _drawable(values: Any, logarithmic: bool) -> Values:
    numbers = np.array(values, dtype=np.float64)
    return np.where(np.isfinite(numbers) & ((numbers > 0) | (not logarithmic)), numbers, np.nan)
