"""What pictures over the steps of one example share: tick labels, a diverging color scale, colors of several lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from seqcore.plots.style import color

__all__ = ["LINES", "diverging", "label_ticks", "role_of", "short_label", "short_labels"]

LINES = ("prediction", "training", "validation", "test", "warning", "baseline")
"""Roles whose colors tell several lines apart, in this order."""
_DASHES = ("solid", "dash", "dot", "dashdot")
_MOST_TICKS = 12
_LONGEST = 12  # characters of a tick label
_COUNTED = ("step", "row", "frame", "image")  # words that stand before the number of a step
_BLANKS = {" ": "␣", "\n": "↵", "\t": "⇥"}


def role_of(number: int) -> tuple[str, str]:
    """Role of the color and the dash of the line with this number."""
    return LINES[number % len(LINES)], _DASHES[number // len(LINES) % len(_DASHES)]


def diverging(*, dark: bool = False) -> list[tuple[float, str]]:
    """Vermilion for the lowest value, nothing for 0 in the middle, blue for the highest."""
    low, high = "warning", "prediction"
    return [
        (0.0, color(low, dark=dark)),
        (0.5, color(low, dark=dark, opacity=0.02)),
        (0.5, color(high, dark=dark, opacity=0.02)),
        (1.0, color(high, dark=dark)),
    ]


def short_label(label: str) -> str:
    """A label as a tick: blanks as visible signs, long ones cut."""
    label = _BLANKS.get(label, label)
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"


def short_labels(labels: Sequence[str]) -> tuple[str, list[str]]:
    """The word that all labels begin with, "row" of "row 1258", or nothing; and the labels as ticks without it."""
    first = labels[0].partition(" ")[0] if len(labels) else ""
    shared = first in _COUNTED and all(label.startswith(f"{first} ") and label[len(first) + 1 :] for label in labels)
    word = first if shared else ""
    return word, [short_label(label.removeprefix(f"{word} ") if word else label) for label in labels]


def label_ticks(
    figure: go.Figure, labels: Sequence[str], *, axis: str = "x", first: int = 1, unit: str = "step", **options: Any
) -> None:
    """Tick labels for steps at `first`, `first` + 1, ...: all of a few, else every n-th from the first one.

    On the x axis a pointer also shows the number of the step, and its label where that is more than the number.
    """
    # every n-th, so that ticks lie evenly
    places = list(range(0, len(labels), max(1, -(-(len(labels) - 1) // (_MOST_TICKS - 1)))))
    if sum(len(short_label(label)) for label in labels) <= 48:  # single letters or words of a sentence
        places = list(range(len(labels)))
    if axis == "x":
        named = next((trace for trace in figure.data if trace.type in ("scatter", "bar")), None)
        if named is not None and any(not label.endswith(f" {number}") for number, label in enumerate(labels, 1)):
            named.update(customdata=[short_label(label) for label in labels])
            named.update(hovertemplate=f"{named.hovertemplate} at %{{customdata}}")
        figure.update_xaxes(unifiedhovertitle_text=f"{unit} %{{x}}")
    update = figure.update_xaxes if axis == "x" else figure.update_yaxes
    word, texts = short_labels([labels[place] for place in places])
    if word and word != unit and "title_text" in options:
        options["title_text"] = f"{options['title_text']} ({word} of the data)"
    update(tickvals=[place + first for place in places], ticktext=texts, **options)
