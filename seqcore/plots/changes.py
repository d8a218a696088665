"""Marks of the changes that were made during a run, in figures over its steps.

Each change is a thin vertical line. Above the figure stands its number, as in the event log, and its text where there
is room; changes that lie close together have their numbers there, one label for each group of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.events import Changed
from seqcore.plots.style import color
from seqcore.results.formatting import counted

__all__ = ["Change", "Label", "add_changes", "changes_of", "described", "labels_of"]

STRIP = 18  # pixels above the plot, for the labels
_FIGURE = 320  # pixels: the height of a figure, of which the plot has about 60%
_CLOSE, _CLOSE_NARROW = 0.07, 0.16  # of the width: changes that are closer have one label
_LETTER = 0.0088  # of the width, of a letter in a label
_GAP = 0.015
_MOST_LINES = 400
_MOST_DESCRIBED = 5


class Change(NamedTuple):
    """A change after `step`. `number` counts from 1."""

    number: int
    step: int
    text: str  # "learning rate 0.01 → 0.1 (ann)"


class Label(NamedTuple):
    """A label above the figure at a step: number and text of a change, or the numbers of several, "3–7"."""

    step: int
    text: str
    to_the_left: bool = False


def changes_of(events: Iterable[Any]) -> tuple[Change, ...]:
    """The changes among a run's events, numbered in their order."""
    changes = [event for event in events if isinstance(event, Changed)]
    return tuple(Change(number, event.step, event.sentence) for number, event in enumerate(changes, 1))


def labels_of(changes: Sequence[Change], end: float, *, narrow: bool = False) -> tuple[Label, ...]:
    """Labels that don't overlap in a figure from step 0 to `end`: a text, or the numbers of a group of changes.

    In a narrow figure, as on a phone, all are numbers.
    """
    close = _CLOSE_NARROW if narrow else _CLOSE
    groups: list[list[Change]] = []
    for change in sorted(changes, key=lambda change: change.step):
        if groups and (change.step - groups[-1][0].step) / max(end, 1.0) < close:
            groups[-1].append(change)
        else:
            groups.append([change])
    labels: list[Label] = []
    free = 0.0  # where the label before ends, as a share of the width
    for i, group in enumerate(groups):
        start = group[0].step / max(end, 1.0)
        following = groups[i + 1][0].step / max(end, 1.0) if i + 1 < len(groups) else 1.0
        first, last = min(c.number for c in group), max(c.number for c in group)
        numbers = str(first) if first == last else f"{first}–{last}"
        full = f"{group[0].number}: {group[0].text}"
        width = len(full) * _LETTER + _GAP
        text = full if len(group) == 1 and not narrow else numbers
        left = False
        if len(group) == 1 and not narrow and start + width > following:
            left = i + 1 == len(groups) and start - width >= free
            text = text if left else numbers
        labels.append(Label(group[0].step, text, left))
        free = start + (0.0 if left else len(text) * _LETTER) + _GAP
    return tuple(labels)


def described(changes: Sequence[Change]) -> str:
    """The changes in words, for those who don't see the figure; of many the last ones."""
    if not changes:
        return ""
    listed = "; ".join(f"{c.number}: after step {c.step:,}, {c.text}" for c in changes[-_MOST_DESCRIBED:])
    count = f"{counted(len(changes), 'change')} during the run"
    return f"{count}{', the last ones' if len(changes) > _MOST_DESCRIBED else ''}: {listed}."


def add_changes(
    figure: go.Figure,
    changes: Sequence[Change],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    dark: bool = False,
    height: int = _FIGURE,
) -> None:
    """Draw the changes into a figure over steps, after its style was applied. Their texts appear beside the curve
    y[n] at x[n] under the pointer."""
    if not changes:
        return
    end = max(float(x[-1]) if len(x) else 0.0, float(changes[-1].step), 1.0)
    gray = color("baseline", dark=dark)
    domain = {"xref": "x", "yref": "y domain"}
    steps = list(dict.fromkeys(change.step for change in changes[-_MOST_LINES:]))
    line = {"color": gray, "width": 1, "dash": "dot"}
    figure.update_layout(
        shapes=[{"type": "line", "x0": s, "x1": s, "y0": 0, "y1": 1, "line": line, **domain} for s in steps],
        annotations=[
            {"x": label.step, "y": 1, "xanchor": "right" if label.to_the_left else "left", "yanchor": "bottom",
             "text": escape(label.text, quote=False), "name": "narrow" if narrow else "wide", "showarrow": False,
             "visible": not narrow, "font": {"size": 11, "color": gray}, **domain}
            for narrow in (False, True)  # the script of the pages shows the others on a narrow screen
            for label in labels_of(changes, end, narrow=narrow)
        ],
    )  # fmt: skip
    known = np.isfinite(y) & np.isfinite(x)
    if known.any():
        of_step = {s: [c for c in changes if c.step == s] for s in steps}
        texts = ["<br>".join(escape(f"{c.number}: {c.text}", quote=False) for c in of_step[s]) for s in steps]
        figure.add_scatter(
            x=steps, y=np.interp(steps, x[known], y[known]), name="change", mode="markers", customdata=texts,
            hovertemplate="%{customdata}<extra></extra>",
            marker={"symbol": "diamond", "size": 7, "color": color("truth", dark=dark)},
        )  # fmt: skip
    top = int(figure.layout.margin.t or 0)
    figure.update_layout(margin={"t": top + STRIP}, legend={"y": 1.0 + STRIP / (0.6 * height)})
