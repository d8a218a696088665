"""What pictures over the steps of one example share: tick labels, a diverging color scale, colors of several lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from seqcore.plots.style import colour

__all__ = ["LINES", "diverging", "label_ticks", "role_of", "short_label"]

LINES = ("prediction", "training", "validation", "test", "warning", "baseline")
"""Roles whose colors tell several lines apart, in this order."""
_DASHES = ("solid", "dash", "dot", "dashdot")
_MOST_TICKS = 12
_LONGEST = 12  # characters of a tick label
_BLANKS = {" ": "␣", "\n": "↵", "\t": "⇥"}


def role_of(number: int) -> tuple[str, str]:
    """Role of the color and the dash of the line with this number."""
    return LINES[number % len(LINES)], _DASHES[number // len(LINES) % len(_DASHES)]


def diverging(*, dark: bool = False) -> list[tuple[float, str]]:
    """Vermilion for the lowest value, nothing for 0 in the middle, blue for the highest."""
    low, high = "warning", "prediction"
    return [
        (0.0, colour(low, dark=dark)),
        (0.5, colour(low, dark=dark, opacity=0.02)),
        (0.5, colour(high, dark=dark, opacity=0.02)),
        (1.0, colour(high, dark=dark)),
    ]


def short_label(label: str) -> str:
    """A label as a tick: blanks as visible signs, long ones cut."""
    label = _BLANKS.get(label, label)
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"


def label_ticks(
    figure: go.Figure, labels: Sequence[str], *, axis: str = "x", first: int = 1, unit: str = "step", **options: Any
) -> None:
    """Tick labels for steps at `first`, `first` + 1, ...: all of a few, else evenly spaced ones, the ends among them.

    On the x axis a pointer also shows the number of the step, and its label where that is more than the number.
    """
    places = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), _MOST_TICKS)).round().astype(int)).tolist()
    if sum(len(short_label(label)) for label in labels) <= 48:  # single letters or words of a sentence
        places = list(range(len(labels)))
    if axis == "x":
        named = next((trace for trace in figure.data if trace.type in ("scatter", "bar")), None)
        if named is not None and any(not label.endswith(f" {number}") for number, label in enumerate(labels, 1)):
            named.update(customdata=[short_label(label) for label in labels])
            named.update(hovertemplate=f"{named.hovertemplate} at %{{customdata}}")
        figure.update_xaxes(unifiedhovertitle_text=f"{unit} %{{x}}")
    update = figure.update_xaxes if axis == "x" else figure.update_yaxes
    texts = [short_label(labels[place]) for place in places]
    update(tickvals=[place + first for place in places], ticktext=texts, **options)
