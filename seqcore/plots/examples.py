"""Examples of what can't be drawn as one line over time: sequences by class, tables of many columns, films."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.data.splits import SPLITS, assigned_splits, split_bounds
from seqcore.data.table import Table
from seqcore.plots.style import LINE_WIDTH, apply_style, colour, empty_figure
from seqcore.plots.thinning import thin

__all__ = ["MANY_COLUMNS", "Example", "ExamplesInfo", "examples_info", "plot_examples"]

MANY_COLUMNS = 12  # more than so many can't be told apart as lines
MAX_PANELS = 8
MAX_FILMS = 6
OF_A_CLASS = 3  # lines drawn over each other: so many sequences of one column, or columns of one sequence
DASHES = ("solid", "dash", "dot")  # of the columns, where several are drawn
FRAMES = 8  # of a film, side by side
MAX_POINTS = 240
MAX_CELLS = 200
PART_NAMES = {"train": "train", "val": "validation", "test": "test"}
ACROSS = 2

Values = NDArray[np.float64]


class Example(NamedTuple):
    """One sequence: a line's `values[T]` (of one `column`), a map's `[F, T]`, or a film's pictures side by side,
    `[h, w * frames]`."""

    panel: int
    part: str
    x: Values
    values: Values
    column: str = ""


class ExamplesInfo(NamedTuple):
    """What the picture shows. `kind`: "lines", "maps" or "films"; a panel for each of `names`."""

    kind: str
    names: tuple[str, ...]
    examples: tuple[Example, ...]
    columns: tuple[str, ...]  # that are drawn as lines
    left_out: str
    title: str
    x_title: str
    channels: tuple[str, ...] = ()  # names of a map's rows that tell more than a number would: pitches

    @property
    def empty(self) -> bool:
        """Whether there is no sequence to draw."""
        return not self.examples


def examples_info(
    table: Table,
    *,
    validation_fraction: float = 0.0,
    test_fraction: float = 0.0,
    columns: tuple[str, ...] = (),
    title: str = "",
) -> ExamplesInfo:
    """From a table of numbers: a panel for each class (at most 8), or for sequences from every part.

    Of lines the columns that are named are drawn, else all, at most 3: one of several sequences, several of one.
    """
    wide = len(table.columns) > MANY_COLUMNS
    kind = "films" if table.frame is not None else "maps" if wide else "lines"
    named = tuple(name for name in columns if name in table.columns) or table.columns
    drawn = named[: len(DASHES)] if kind == "lines" else ()
    panels, left_out = _panels(table, validation_fraction, test_fraction, MAX_FILMS if kind == "films" else MAX_PANELS)
    examples = []
    for i, (_, members) in enumerate(panels):
        for part, low, high in members[: OF_A_CLASS if len(drawn) == 1 else 1]:
            if kind != "lines":
                x, values = (_film if kind == "films" else _map)(table, low, high)
                examples.append(Example(i, PART_NAMES[part], x, values))
            for column in drawn:
                line = table.values[low : min(high, low + 50_000), table.columns.index(column)].astype(np.float64)
                keep = thin(line, MAX_POINTS)
                examples.append(Example(i, PART_NAMES[part], keep.astype(np.float64), line[keep], column))
    if kind == "lines" and len(named) > len(drawn):
        more = len(named) - len(drawn)
        left_out = f"{more} more column{'s' * (more > 1)}" + (f", {left_out}" if left_out else "")
    return ExamplesInfo(
        kind=kind,
        names=tuple(name for name, _ in panels),
        examples=tuple(examples),
        columns=drawn,
        left_out=left_out,
        title=title,
        x_title="" if kind == "films" else f"{table.unit.axis} of the sequence",
        channels=table.columns if kind == "maps" and table.recordings is not None else (),
    )


def _panels(
    table: Table, validation_fraction: float, test_fraction: float, most: int
) -> tuple[list[tuple[str, list[tuple[str, int, int]]]], str]:
    """(name, [(part, first row, row after the last)]): a class with some of its sequences, or single sequences."""
    bounds = split_bounds(table, validation_fraction, test_fraction)
    if table.labels is None:
        stretches = [(part, s, low, high) for part in SPLITS for s, low, high in bounds[part] if high > low]
        few = [stretches[int(i)] for i in np.unique(np.linspace(0, len(stretches) - 1, most).astype(int))] * bool(
            stretches
        )
        name = "" if len(table.lengths) == 1 else "sequence "
        listed = [
            (f"{name}{table.names[s] if table.names else s + 1 if name else ''}".strip() or PART_NAMES[part],
             [(part, low, high)])
            for part, s, low, high in few
        ]  # fmt: skip
        return listed, ""
    parts = assigned_splits(table, validation_fraction, test_fraction)
    labels, counts = np.unique(table.labels, return_counts=True)
    panels = []
    for label in labels[np.argsort(-counts, kind="stable")][:most].tolist():
        members = np.flatnonzero((table.labels == label) & (table.lengths > 0))
        members = members[np.argsort(parts[members], kind="stable")]
        one_each = np.unique(parts[members], return_index=True)[1]  # the first of every part comes before all others
        members = np.concatenate([members[one_each], np.delete(members, one_each)])[:OF_A_CLASS]
        spans = [(SPLITS[parts[s]], int(table.offsets[s]), int(table.offsets[s + 1])) for s in members.tolist()]
        panels.append((label, spans))
    more = f"{len(labels) - most:,} more classes" if len(labels) > most else ""
    return panels, more


def _film(table: Table, low: int, high: int) -> tuple[Values, Values]:
    """Pictures spread over a sequence, side by side with a blank column between."""
    assert table.frame is not None
    height, width = table.frame
    consecutive = not table.independent and table.labels is None
    last = min(high - 1, low + FRAMES - 1) if consecutive else high - 1
    rows = np.unique(np.linspace(low, last, min(FRAMES, high - low)).astype(np.int64))
    pictures = table.values[rows].reshape(len(rows), height, width)
    strip = np.full((height, len(rows) * (width + 1) - 1), np.nan)
    for i, picture in enumerate(pictures):
        strip[:, i * (width + 1) : i * (width + 1) + width] = picture
    return np.arange(strip.shape[1], dtype=np.float64), strip


def _map(table: Table, low: int, high: int) -> tuple[Values, Values]:
    """A sequence as columns over time, each column over its own range."""
    rows = low + np.unique(np.linspace(0, high - low - 1, MAX_CELLS).astype(np.int64))
    columns = np.unique(np.linspace(0, len(table.columns) - 1, MAX_CELLS).astype(np.int64))
    return (rows - low).astype(np.float64) * table.unit.size, table.values[rows][:, columns].T.astype(np.float64)


def plot_examples(info: ExamplesInfo, dark: bool = False) -> go.Figure:
    """Small pictures in a grid; films below each other, their pictures from left to right in time."""
    if info.empty:
        return empty_figure(info.title, "no sequence to draw", dark=dark, height=240)
    return _films(info, dark) if info.kind == "films" else _grid(info, dark)


def _ink(dark: bool) -> list[list[object]]:
    return [[0.0, colour("truth", dark=dark, opacity=0.03)], [1.0, colour("truth", dark=dark)]]


def _films(info: ExamplesInfo, dark: bool) -> go.Figure:
    figure = go.Figure()
    height, at, places = info.examples[0].values.shape[0], 0, []
    width = max(e.values.shape[1] for e in info.examples)
    for example in info.examples:
        figure.add_heatmap(
            z=example.values, x=example.x, y=np.arange(at, at + height, dtype=np.float64), showscale=False,
            colorscale=_ink(dark), zmin=0.0, zmax=1.0, hoverinfo="skip",
        )  # fmt: skip
        places.append(at + height / 2)
        at += height + 3
    apply_style(figure, dark=dark, title=info.title, height=min(560, 60 + 74 * len(info.examples)))
    figure.update_yaxes(
        tickvals=places, ticktext=[f"{info.names[e.panel]} " for e in info.examples], range=[at - 3, -1],
        showgrid=False, nticks=0, fixedrange=True, scaleanchor="x", constrain="domain", constraintoward="top",
    )  # fmt: skip
    more = f" (not drawn: {info.left_out})" if info.left_out else ""
    figure.update_xaxes(
        title_text=f"time, from left to right{more}",
        showticklabels=False,
        range=[-1, width],
        fixedrange=True,
        constrain="domain",
        constraintoward="left",
    )
    figure.update_layout(hovermode=False, showlegend=False, dragmode=False)
    return figure


def _grid(info: ExamplesInfo, dark: bool) -> go.Figure:
    figure = go.Figure()
    across = ACROSS if len(info.names) > 1 else 1
    down = -(-len(info.names) // across)
    named: set[str] = set()
    several = len(info.columns) > 1
    for example in info.examples:
        number = str(example.panel + 1) if example.panel else ""
        axes = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        if info.kind == "maps":
            figure.add_heatmap(
                z=example.values, x=example.x, showscale=False, colorscale=_ink(dark),
                hovertemplate="%{x:~g}: %{z:.3~g}<extra></extra>", **axes,
            )  # fmt: skip
            continue
        name = example.column if several else example.part
        dash = DASHES[info.columns.index(example.column)]
        figure.add_scatter(
            x=example.x, y=example.values, mode="lines", name=name, legendgroup=name,
            line={"color": colour(example.part, dark=dark), "width": LINE_WIDTH, "dash": dash},
            hovertemplate="%{y:.5~g}", showlegend=name not in named, **axes,
        )  # fmt: skip
        named.add(name)
    height = 70 + (120 if down > 1 else 200) * down
    apply_style(figure, dark=dark, title=info.title, height=height)
    gap = 34 / height
    each = (1 - gap * down) / down
    for i, name in enumerate(info.names):
        number, column, row = str(i + 1) if i else "", i % across, i // across
        left, right = (column / across, (column + 1) / across - (0.06 if across > 1 and column == 0 else 0.0))
        top = 1 - gap - row * (each + gap)
        last = i + across >= len(info.names)
        figure.update_layout(
            {
                f"xaxis{number}": {"domain": [left, right], "anchor": f"y{number}", "nticks": 4,
                                   "showticklabels": last, "title": {"text": info.x_title if last else ""}},
                f"yaxis{number}": {"domain": [max(0.0, top - each), top], "anchor": f"x{number}", "nticks": 3,
                                   "showticklabels": info.kind == "lines", "showgrid": info.kind == "lines"},
            }
        )  # fmt: skip
        figure.add_annotation(
            text=name, x=left, xanchor="left", y=top, yanchor="bottom", xref="paper", yref="paper", showarrow=False,
            font={"size": 13},
        )  # fmt: skip
    if info.channels:
        ends = [0, len(info.channels) - 1]
        figure.update_yaxes(showticklabels=True, tickvals=ends, ticktext=[info.channels[i] for i in ends])
    if info.left_out:
        figure.add_annotation(
            text=f"not drawn: {info.left_out}", x=1, xanchor="right", y=1, yanchor="bottom", xref="paper",
            yref="paper", showarrow=False, font={"size": 12, "color": colour("baseline", dark=dark)},
        )  # fmt: skip
    figure.update_layout(hovermode="closest", showlegend=len(named) > 1)
    return figure
