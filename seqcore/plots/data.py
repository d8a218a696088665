"""A picture of the data before anything is trained: its parts in their colours."""

from __future__ import annotations

import math
from html import escape
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.data.splits import split_bounds
from seqcore.data.table import Table
from seqcore.plots.style import apply_style, colour, empty_figure, line
from seqcore.plots.thinning import thin
from seqcore.results.blanks import named

__all__ = ["Stretch", "TableInfo", "plot_table", "table_info"]

PART_NAMES = {"train": "train", "val": "validation", "test": "test"}
MAX_SEQUENCES = 12
LINE_HEIGHT = 13  # pixels of a name at the end of a line
MAX_COLUMNS = 6
MAX_SYMBOLS = 240
SYMBOLS_A_ROW = 24


class Stretch(NamedTuple):
    """A piece of one column of one sequence that belongs to one part; `y` are numbers, or symbols as text."""

    column: str
    part: str
    x: NDArray[Any]
    y: NDArray[Any]
    series: str = ""  # the name of the series that it is of, where there are several with names


class TableInfo(NamedTuple):
    """What the picture shows."""

    stretches: tuple[Stretch, ...]
    columns: tuple[str, ...]  # those that are drawn
    symbolic: bool
    left_out: str  # what is not drawn, in words, or nothing
    title: str
    x_title: str

    @property
    def empty(self) -> bool:
        """Whether there is no value to draw."""
        return not self.stretches


def table_info(
    table: Table,
    *,
    validation_fraction: float = 0.0,
    test_fraction: float = 0.0,
    columns: tuple[str, ...] = (),
    title: str = "",
    max_points: int = 6000,
) -> TableInfo:
    """From a table and the sizes of its parts: stretches of time, or whole sequences where these are independent.

    `columns` chooses (empty: all), at most 6 are drawn, of at most 12 sequences.
    """
    wanted = [c for c in (columns or table.columns) if c in table.columns]
    drawn = wanted[:MAX_COLUMNS]
    sequences = _sequences(table)
    spans = _spans(table, validation_fraction, test_fraction)
    rows = int(table.lengths[sequences].sum()) * len(drawn)
    share = min(1.0, max_points / max(1, rows))  # of all parts alike: none looks smoother than another
    stretches: list[Stretch] = []
    for s in sequences:
        start, stop = int(table.offsets[s]), int(table.offsets[s + 1])
        x = _x(table, start, stop)
        series = table.names[s] if table.names and len(sequences) > 1 else ""
        for column in drawn:
            values = table.values[start:stop, table.columns.index(column)]
            for part, low, high in spans[s]:
                # A line goes on to the next part's first value, so that there is no hole between two colours.
                high_drawn = min(high, low + MAX_SYMBOLS) if table.symbolic else min(high + 1, stop - start)
                y, place = values[low:high_drawn], x[low:high_drawn]
                if table.symbols is not None:
                    stretches.append(Stretch(column, part, place, table.symbols[y]))
                else:
                    keep = thin(y.astype(np.float64), max(20, math.ceil(share * len(y))))
                    stretches.append(Stretch(column, part, place[keep], y[keep].astype(np.float64), series))
    stretches = _first_symbols(stretches) if table.symbolic else stretches
    left = []
    if len(wanted) > len(drawn):
        left.append(f"{len(wanted) - len(drawn)} more columns")
    if len(table.lengths) > len(sequences):
        left.append(f"{len(table.lengths) - len(sequences):,} more sequences")
    shown = sum(len(s.y) for s in stretches)
    if table.symbolic and len(sequences) == len(table.lengths) and shown < len(table):
        left.append(f"{len(table) - shown:,} more symbols")
    return TableInfo(
        stretches=tuple(stretches),
        columns=tuple(drawn),
        symbolic=table.symbolic,
        left_out=", ".join(left),
        title=title,
        x_title=table.x_title,
    )


def plot_table(info: TableInfo, dark: bool = False) -> go.Figure:
    """Lines over time coloured by part; symbols as running text coloured by part."""
    if info.empty:
        return empty_figure(info.title, "no data yet", dark=dark, height=240)
    figure = _text(info, dark) if info.symbolic else _lines(info, dark)
    if info.left_out:
        figure.update_xaxes(title_text=f"{info.x_title} (not drawn: {info.left_out})")
    return figure


def _lines(info: TableInfo, dark: bool) -> go.Figure:
    figure = go.Figure()
    named: set[str] = set()
    few = sum(len(s.y) for s in info.stretches) <= 60
    n = len(info.columns)
    for stretch in info.stretches:
        place = info.columns.index(stretch.column)
        figure.add_scatter(
            x=stretch.x, y=stretch.y, name=stretch.part, legendgroup=stretch.part,
            mode="lines+markers" if few else "lines", marker={"size": 5}, line=line(stretch.part, dark=dark),
            showlegend=stretch.part not in named, yaxis="y" if place == 0 else f"y{place + 1}",
            hovertemplate="%{y:.5~g} %{meta}", meta=escape(stretch.series),
        )  # fmt: skip
        named.add(stretch.part)
    apply_style(figure, dark=dark, title=info.title, height=240 if n == 1 else 80 + 110 * n)
    figure.update_layout(showlegend=len(named) > 1)
    gap = 0.06 if n > 1 else 0.0
    each = (1 - gap * (n - 1)) / n
    for place, column in enumerate(info.columns):
        top = 1 - place * (each + gap)
        name = "yaxis" if place == 0 else f"yaxis{place + 1}"
        figure.update_layout({name: {"domain": [max(0.0, top - each), top], "title": {"text": column}}})
    figure.update_yaxes(nticks=5 if n == 1 else 3)
    figure.update_layout(xaxis={"title": {"text": info.x_title}, "anchor": "y" if n == 1 else f"y{n}"})
    figure.update_layout(hovermode="x unified" if len(info.stretches) <= 3 * n else "closest")
    if n == 1:
        _name_ends(figure, info)
    return figure


def _name_ends(figure: go.Figure, info: TableInfo) -> None:
    """The name of each of several series at the end of its line, where its neighbours' names leave room."""
    ends = {s.series: s for s in info.stretches if s.series and len(s.y) and np.isfinite(s.y[-1])}
    values = np.concatenate([s.y for s in info.stretches])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    pixels = (figure.layout.height - 75) / ((high - low) or 1.0)  # what title, legend and axis leave
    below = -math.inf
    for name, stretch in sorted(ends.items(), key=lambda end: float(end[1].y[-1])):
        own = (float(stretch.y[-1]) - low) * pixels
        place = max(own, below + LINE_HEIGHT)
        below = place
        last = stretch.x[-1]
        figure.add_annotation(
            x=str(last) if isinstance(last, np.datetime64) else float(last), y=float(stretch.y[-1]), yshift=place - own,
            text=escape(name), showarrow=False, xanchor="left", xshift=4, font={"size": 11},
        )  # fmt: skip
    if ends:
        figure.update_layout(margin={"r": 16 + 7 * max(map(len, ends))})


def _text(info: TableInfo, dark: bool) -> go.Figure:
    figure = go.Figure()
    at = 0
    for stretch in info.stretches:
        places = np.arange(at, at + len(stretch.y))
        at += len(stretch.y)
        figure.add_scatter(
            x=places % SYMBOLS_A_ROW, y=places // SYMBOLS_A_ROW, mode="text", name=stretch.part,
            text=[named(str(s)) for s in stretch.y], showlegend=False, hoverinfo="skip",
            textfont={"color": colour(stretch.part, dark=dark), "size": 15},
        )  # fmt: skip
    rows = -(-at // SYMBOLS_A_ROW)
    apply_style(figure, dark=dark, title=info.title, height=max(120, 60 + 26 * rows))
    figure.update_xaxes(
        showticklabels=False, range=[-0.7, SYMBOLS_A_ROW - 0.3], title_text=info.x_title, fixedrange=True
    )
    figure.update_yaxes(visible=False, range=[rows - 0.4, -0.6], fixedrange=True)
    return figure


def _sequences(table: Table) -> list[int]:
    """Which sequences are drawn: spread over all of them, so that each part is seen."""
    count = len(table.lengths)
    if count <= MAX_SEQUENCES or table.symbolic:
        return list(range(min(count, MAX_SYMBOLS)))
    return sorted({int(i) for i in np.linspace(0, count - 1, MAX_SEQUENCES)})


def _x(table: Table, start: int, stop: int) -> NDArray[Any]:
    if table.times is not None:
        return table.times[start:stop]
    return np.arange(stop - start, dtype=np.float64)


def _spans(table: Table, validation_fraction: float, test_fraction: float) -> dict[int, list[tuple[str, int, int]]]:
    """The parts of each sequence: name, first row, and the row after the last, counted from the sequence's own."""
    spans: dict[int, list[tuple[str, int, int]]] = {s: [] for s in range(len(table.lengths))}
    for part, stretches in split_bounds(table, validation_fraction, test_fraction).items():
        for s, low, high in stretches:
            start = int(table.offsets[s])
            spans[s].append((PART_NAMES[part], low - start, high - start))
    return spans


def _first_symbols(stretches: list[Stretch]) -> list[Stretch]:
    kept, room = [], MAX_SYMBOLS
    for stretch in stretches:
        if room <= 0:
            break
        kept.append(stretch._replace(x=stretch.x[:room], y=stretch.y[:room]))
        room -= len(stretch.y)
    return kept
