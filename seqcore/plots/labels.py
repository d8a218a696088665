"""Class probabilities after each step of a sequence, with the input above.

Up to eight classes are areas in the Okabe-Ito palette, which everybody can tell apart; more are rows of a heat map.
"""

from __future__ import annotations

import re
from html import escape
from textwrap import wrap
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from seqcore.plots.style import LINE_WIDTH, apply_style, color, color_scale, empty_figure, rgba
from seqcore.results import LabelsView
from seqcore.results.formatting import marked
from seqcore.results.thinning import evenly

__all__ = ["CLASS_COLORS", "LabelsInfo", "StepProbabilities", "labels_info", "plot_labels", "with_class"]

CLASS_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#8A8A8A")
MOST_SEQUENCES = 8
MOST_ROWS = 16  # classes of a heat map
MOST_LINES = 6  # channels of a signal that are lines; more are a heat map
MOST_FRAMES = 24  # pictures of a video side by side
_NAMED = 4  # channels of a heat map that are named beside it
MOST_WORDS = 60  # that stand under their steps
_ACROSS = 2
_TEXT_LINES, _TEXT_WIDE, _LINE = 2, 36, 16  # of what a sequence says, over its picture: lines, letters, pixels

Values = NDArray[np.float64]


class StepProbabilities(NamedTuple):
    """One sequence: `probabilities[T, C]` after each of `steps[T]`, `signal[T, F]` or `symbols[T]` that were seen."""

    name: str
    truth: str | None
    prediction: str
    probability: float
    steps: Values
    probabilities: Values
    signal: Values | None
    symbols: tuple[str, ...]
    frame: tuple[int, int] | None = None
    text: str = ""
    channels: tuple[str, ...] = ()
    low: float | None = None  # lowest and highest probability of the predicted class over several seeds
    high: float | None = None

    @property
    def right(self) -> bool | None:
        """Whether the answer is the truth; None where that isn't known."""
        return None if self.truth is None else self.truth == self.prediction


class LabelsInfo(NamedTuple):
    """What the figure shows: sequences, over classes in one order. `left_out` classes are the least probable."""

    sequences: tuple[StepProbabilities, ...]
    labels: tuple[str, ...]
    left_out: int
    title: str
    x_title: str = "step"
    seeds: int = 1

    @property
    def areas(self) -> bool:
        """Whether classes are few enough for a color each."""
        return len(self.labels) + self.left_out <= len(CLASS_COLORS)


def with_class(name: str, label: str | None) -> str:
    """A sequence's name and its class, once: many names hold it as a word of theirs."""
    if label is None or (name != label and re.search(rf"(?<!\w){re.escape(label)}(?!\w)", name)):
        return name
    return f"{name}: {label}"


def labels_info(view: LabelsView) -> LabelsInfo:
    """From a view: the first 8 sequences that it shows in full, or at one step each where it shows none."""
    unfolding = view.unfolding or tuple(row[None] for row in view.probabilities)
    count = min(len(unfolding), MOST_SEQUENCES)
    classes = np.arange(len(view.labels))
    if len(classes) > len(CLASS_COLORS) and count:
        highest = np.max([u.max(axis=0) for u in unfolding[:count]], axis=0)
        true = np.isin(view.labels, [t for t in view.truth[:count] if t is not None])
        classes = np.sort(np.argsort(-(highest + true), kind="stable")[:MOST_ROWS])
    sequences = []
    each = view.replicas
    for i in range(count):
        probabilities = unfolding[i]
        best = int(np.argmax(view.probabilities[i]))
        sequences.append(
            StepProbabilities(
                name=view.names[i] if view.names else str(i + 1),
                truth=view.truth[i] if view.truth else None,
                prediction=view.labels[best],
                probability=float(view.probabilities[i, best]),
                steps=view.steps[i] if view.steps else np.arange(1.0, len(probabilities) + 1),
                probabilities=probabilities[:, classes],
                signal=view.signals[i] if i < len(view.signals) else None,
                symbols=view.symbols[i] if i < len(view.symbols) else (),
                frame=view.frame,
                text=view.texts[i] if view.texts else "",
                channels=view.channels,
                low=None if each is None else float(np.nanmin(each[:, i, best])),
                high=None if each is None else float(np.nanmax(each[:, i, best])),
            )
        )
    return LabelsInfo(
        sequences=tuple(sequences),
        labels=tuple(view.labels[i] for i in classes),
        left_out=len(view.labels) - len(classes),
        title=view.title,
        x_title=view.x_title,
        seeds=1 if each is None else len(each),
    )


def plot_labels(info: LabelsInfo, dark: bool = False) -> go.Figure:
    """One sequence with its input above it, or several side by side."""
    if not info.sequences:
        return empty_figure(info.title, "nothing to show", dark=dark)
    return _one(info, dark) if len(info.sequences) == 1 else _several(info, dark)


def _one(info: LabelsInfo, dark: bool) -> go.Figure:
    """The input above, the probabilities below, on one axis of steps."""
    sequence = info.sequences[0]
    seen = (sequence.signal is not None and sequence.signal.size > 0) or bool(sequence.symbols)
    if not seen:
        figure = make_subplots(rows=1, cols=1)
    else:
        heights = [0.24, 0.76] if sequence.symbols or sequence.frame else [0.42, 0.58]
        figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=heights)
        _draw_input(figure, info, sequence, dark)
    row = 2 if seen else 1
    _draw(figure, info, sequence, row, 1, dark, legend=info.areas)
    height = 300 + (150 if seen else 0) + (0 if info.areas else 12 * len(info.labels))
    apply_style(figure, dark=dark, title=info.title, height=height)
    figure.update_xaxes(title_text=_with_seeds(info), row=row, col=1)
    figure.update_yaxes(title_text=_y_title(info), row=row, col=1)
    figure.update_layout(showlegend=info.areas, hovermode="x unified" if info.areas else "closest")
    if info.areas:
        figure.update_layout(margin={"t": 40 + (28 if info.title else 0)})
    return figure


def _several(info: LabelsInfo, dark: bool) -> go.Figure:
    rows = -(-len(info.sequences) // _ACROSS)
    lines = _TEXT_LINES if any(s.text for s in info.sequences) else 0
    tall = (150 if info.areas else 70 + 13 * len(info.labels)) + _LINE * lines
    figure = make_subplots(
        rows=rows, cols=_ACROSS, horizontal_spacing=0.06 if info.areas else 0.14,
        vertical_spacing=min(0.2, 0.36 / rows) + _LINE * lines / (tall * rows),
        subplot_titles=[_heading(s) for s in info.sequences],
    )  # fmt: skip
    for i, sequence in enumerate(info.sequences):
        _draw(figure, info, sequence, i // _ACROSS + 1, i % _ACROSS + 1, dark, legend=info.areas and i == 0)
    above = _LINE * lines
    apply_style(figure, dark=dark, title=info.title, height=70 + above + tall * rows + (28 if info.title else 0))
    quiet = color("baseline", dark=dark)
    for note, sequence in zip(figure.layout.annotations, info.sequences, strict=False):
        wrong = sequence.right is False
        note.update(font={"size": 12, "color": color("warning", dark=dark) if wrong else quiet}, yshift=2)
    for column in range(1, _ACROSS + 1):
        figure.update_xaxes(title_text=_with_seeds(info), row=rows, col=column)
    figure.update_yaxes(title_text=_y_title(info), col=1)
    figure.update_layout(showlegend=info.areas, hovermode="x unified" if info.areas else "closest")
    figure.update_layout(margin={"t": 62 + above + (28 if info.title else 0)}, legend={"y": 1.0, "yref": "container"})
    figure.update_layout(legend={"yanchor": "top", "y": 1.0 if not info.title else 1 - 30 / figure.layout.height})
    return figure


def _with_seeds(info: LabelsInfo) -> str:
    """The title of the steps, and over how many seeds the probabilities are means."""
    return f"{info.x_title}; mean of {info.seeds} seeds" if info.seeds > 1 else info.x_title


def _y_title(info: LabelsInfo) -> str:
    """What is drawn over the steps: the probability as a height or, of many classes, as the color of a row each."""
    return "probability" if info.areas else "class (color: probability)"


def _heading(sequence: StepProbabilities) -> str:
    """The true and the predicted class of a sequence, and under that its text, in a line or two."""
    said = wrap(sequence.text, _TEXT_WIDE, max_lines=_TEXT_LINES, placeholder=" …")
    return "<br>".join([_answer(sequence), *map(escape, said)])


def _answer(sequence: StepProbabilities) -> str:
    share = f"{100 * sequence.probability:.0f}%"
    if sequence.low is not None and sequence.high is not None:
        share += f", seeds {100 * sequence.low:.0f} to {100 * sequence.high:.0f}%"
    if sequence.truth is None:
        return f"{sequence.name}: {sequence.prediction} ({share})"
    name = with_class(sequence.name, sequence.truth)
    return f"{name} ({share})" if sequence.right else f"{name}, predicted {sequence.prediction} ({share})"


def _draw(
    figure: go.Figure, info: LabelsInfo, sequence: StepProbabilities, row: int, column: int, dark: bool, *, legend: bool
) -> None:
    """One sequence's probabilities into a place of a figure: areas on top of each other, or a heat map's rows."""
    steps, percent = _at_least_two(sequence.steps, 100 * sequence.probabilities)
    if not info.areas:
        _draw_rows(figure, info, sequence, row, column, dark)
        return
    for place, label in enumerate(info.labels):
        code = CLASS_COLORS[place]
        true = label == sequence.truth
        figure.add_scatter(
            x=steps, y=percent[:, place], name=label, legendgroup=label, showlegend=legend, stackgroup="all",
            mode="lines", line={"width": 0, "color": code}, fillcolor=rgba(code, 0.92 if true else 0.62),
            hovertemplate="%{y:.3g}%", row=row, col=column,
        )  # fmt: skip
    if sequence.truth in info.labels:  # a bar in the truth's own color: what it should all become
        code = CLASS_COLORS[info.labels.index(sequence.truth)]
        figure.add_scatter(
            x=[steps[0], steps[-1]], y=[106, 106], mode="lines", line={"width": 5, "color": code}, hoverinfo="skip",
            showlegend=False, row=row, col=column,
        )  # fmt: skip
    ticks = [0, 50, 100]
    figure.update_yaxes(range=[0, 110], tickvals=ticks, ticktext=[f"{t}%" for t in ticks], row=row, col=column)
    beyond = 0.5 if sequence.symbols or sequence.frame else 0.0  # the first and the last of them are not cut
    figure.update_xaxes(range=[steps[0] - beyond, steps[-1] + beyond], row=row, col=column)
    if not bool(np.all(steps == np.round(steps))):  # of time
        return
    figure.update_xaxes(tickformat=",d", row=row, col=column)
    if len(steps) <= 12:
        figure.update_xaxes(dtick=1, tick0=1, row=row, col=column)


def _draw_rows(
    figure: go.Figure, info: LabelsInfo, sequence: StepProbabilities, row: int, column: int, dark: bool
) -> None:
    names = [f"▸ {label}" if label == sequence.truth else label for label in info.labels]
    figure.add_heatmap(
        x=sequence.steps, y=list(range(len(names))), z=100 * sequence.probabilities.T, zmin=0, zmax=100,
        colorscale=color_scale("prediction", dark=dark), showscale=False, ygap=1,
        customdata=[[label] * len(sequence.steps) for label in info.labels],
        hovertemplate=f"{info.x_title} %{{x}}: " + "%{customdata} %{z:.3g}%<extra></extra>", row=row, col=column,
    )  # fmt: skip
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, autorange="reversed", showgrid=False, row=row, col=column
    )


def _draw_input(figure: go.Figure, info: LabelsInfo, sequence: StepProbabilities, dark: bool) -> None:
    """The input: words over their steps, few channels as lines, many as a heat map."""
    ink = color("truth", dark=dark)
    if sequence.symbols:
        few = len(sequence.symbols) <= MOST_WORDS
        figure.add_scatter(
            x=sequence.steps, y=np.zeros(len(sequence.steps)), text=[marked(s) for s in sequence.symbols],
            mode="text" if few else "markers", marker={"size": 3, "color": ink},
            textfont={"size": 14 if len(sequence.symbols) <= 24 else 10, "color": ink}, showlegend=False,
            hovertemplate="%{text}<extra></extra>", row=1, col=1,
        )  # fmt: skip
        figure.update_yaxes(visible=False, range=[-1, 1], row=1, col=1)
        return
    signal = sequence.signal
    assert signal is not None
    if sequence.frame is not None:
        _draw_video(figure, sequence.steps, signal.reshape(-1, *sequence.frame), dark)
        return
    names = sequence.channels or tuple(f"channel {i + 1}" for i in range(signal.shape[1]))
    if signal.shape[1] > MOST_LINES:
        figure.add_heatmap(
            x=sequence.steps, z=signal.T, colorscale=color_scale("truth", dark=dark, lowest=0.02), showscale=False,
            customdata=[[name] * len(sequence.steps) for name in names], row=1, col=1,
            hovertemplate=f"{info.x_title} %{{x}}, " + "%{customdata}: %{z:.4g}<extra></extra>",
        )  # fmt: skip
        shown = evenly(len(names), _NAMED).tolist()
        ticks = {"tickvals": shown, "ticktext": [names[i] for i in shown]}
        figure.update_yaxes(title_text="input", showgrid=False, **ticks, row=1, col=1)
        return
    for channel in range(signal.shape[1]):
        steps, values = _at_least_two(sequence.steps, signal[:, channel])
        figure.add_scatter(
            x=steps, y=values, mode="lines", showlegend=False, name=names[channel],
            line={"width": LINE_WIDTH, "color": rgba(ink, 1 - 0.75 * channel / MOST_LINES)},
            hovertemplate="%{y:.4g}", row=1, col=1,
        )  # fmt: skip
    figure.update_yaxes(title_text="input", row=1, col=1)


def _draw_video(figure: go.Figure, steps: Values, frames: Values, dark: bool) -> None:
    """Frames [T, h, w] over their steps, as many as there is room for."""
    every = -(-len(frames) // MOST_FRAMES)
    shown, at = frames[::every], steps[::every]
    count, height, width = shown.shape
    step = every * float(steps[1] - steps[0]) if len(steps) > 1 else 1.0
    places = at[:, None] + step * 0.94 * ((np.arange(width + 1) + 0.5) / width - 0.5)  # the last column is a gap
    strip = np.full((height, count, width + 1), np.nan)
    strip[:, :, :width] = shown.transpose(1, 0, 2)
    figure.add_heatmap(
        x=places.ravel(), z=strip.reshape(height, -1), zmin=0, zmax=1,
        colorscale=color_scale("truth", dark=dark, lowest=0.06), showscale=False, hoverinfo="skip", row=1, col=1,
    )  # fmt: skip
    figure.update_yaxes(visible=False, autorange="reversed", row=1, col=1)


def _at_least_two(steps: Values, values: Values) -> tuple[Values, Values]:
    """A single step as a short segment, so that it is visible."""
    if len(steps) > 1:
        return steps, values
    return np.array([steps[0] - 0.5, steps[0] + 0.5]), np.repeat(values, 2, axis=0)
