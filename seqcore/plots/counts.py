"""Bar charts of counts: sequences by class, most frequent symbols, sequence lengths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import plotly.graph_objects as go

from seqcore.plots.style import apply_style, color, empty_figure
from seqcore.results.data import SPLIT_TITLES, LengthFacts, VocabularyFacts
from seqcore.results.formatting import marked

__all__ = ["BarsInfo", "classes_info", "lengths_info", "plot_bars", "vocabulary_info"]

MAX_BARS = 24
LONGEST_NAME = 24
SHORT_NAME = 2  # letters of a name at most, for vertical bars
INK = "truth"


class BarsInfo(NamedTuple):
    """`counts[series][i]` for `names[i]`; each series has a color.

    With `edges` a histogram, else horizontal bars, or vertical ones under names of a letter or two.
    """

    names: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    edges: tuple[float, ...]
    omitted: int
    x_title: str


def classes_info(classes: Mapping[str, Mapping[str, int]]) -> BarsInfo:
    """Sequences of each class by split, the largest first: at most 24 classes."""
    names = sorted(classes, key=lambda name: -sum(classes[name].values()))
    shown = names[:MAX_BARS]
    return BarsInfo(
        names=tuple(_short(name) for name in shown),
        counts={title: tuple(classes[name].get(split, 0) for name in shown) for split, title in SPLIT_TITLES.items()},
        edges=(),
        omitted=len(names) - len(shown),
        x_title="sequences",
    )


def vocabulary_info(vocabulary: VocabularyFacts) -> BarsInfo:
    """The most frequent symbols or words: at most 24."""
    shown = vocabulary.frequent[:MAX_BARS]
    return BarsInfo(
        names=tuple(_short(marked(symbol)) for symbol, _ in shown),
        counts={INK: tuple(count for _, count in shown)},
        edges=(),
        omitted=vocabulary.size - len(shown),
        x_title="count in all splits",
    )


def lengths_info(lengths: LengthFacts, *, x_title: str = "rows in a sequence") -> BarsInfo:
    """Sequences of each length."""
    return BarsInfo((), {INK: lengths.counts}, lengths.edges, 0, x_title)


def plot_bars(info: BarsInfo, dark: bool = False) -> go.Figure:
    """Bars in the colors of the splits where counted by split, else in one color."""
    if not any(map(any, info.counts.values())):
        return empty_figure("", "nothing to count", dark=dark, height=200)
    if info.edges:
        return _over_numbers(info, dark)
    upright = INK in info.counts and max(map(len, info.names)) <= SHORT_NAME
    return _letters(info, dark) if upright else _below_each_other(info, dark)


def _vertical(info: BarsInfo, dark: bool, x: list[float], names: list[str], y_title: str, **bars: Any) -> go.Figure:
    """Vertical bars of one color at `x`; `bars` are attributes of the trace."""
    figure = go.Figure()
    figure.add_bar(
        x=x, y=list(info.counts[INK]), customdata=names, showlegend=False, **bars,
        marker={"color": color(INK, dark=dark, opacity=0.55)}, hovertemplate="%{customdata}: %{y:,}<extra></extra>",
    )  # fmt: skip
    apply_style(figure, dark=dark, height=230)
    figure.update_yaxes(title_text=y_title, rangemode="tozero", nticks=4)
    figure.update_layout(hovermode="closest", bargap=0.28)
    return figure


def _letters(info: BarsInfo, dark: bool) -> go.Figure:
    """Vertical bars of single letters."""
    places: list[float] = list(range(len(info.names)))
    figure = _vertical(info, dark, places, list(info.names), info.x_title, name="count")
    rest = f"not drawn: {info.omitted:,} rarer ones" if info.omitted else ""
    figure.update_xaxes(tickvals=places, ticktext=list(info.names), tickangle=0, title_text=rest)
    return figure


def _below_each_other(info: BarsInfo, dark: bool) -> go.Figure:
    figure = go.Figure()
    places = list(range(len(info.names)))
    for role, counts in info.counts.items():
        figure.add_bar(
            x=list(counts), y=places, orientation="h", name=role, customdata=list(info.names),
            marker={"color": color(role, dark=dark, opacity=1.0 if role != INK else 0.55)},
            showlegend=len(info.counts) > 1 and any(counts), hovertemplate="%{customdata}: %{x:,}<extra></extra>",
        )  # fmt: skip
    apply_style(figure, dark=dark, height=84 + 22 * len(places))
    rest = f" (not drawn: {info.omitted:,} rarer ones)" if info.omitted else ""
    figure.update_xaxes(title_text=info.x_title + rest, rangemode="tozero", nticks=5)
    figure.update_yaxes(
        tickvals=places, ticktext=[f"{n} " for n in info.names], autorange="reversed", showgrid=False, nticks=0
    )
    figure.update_layout(barmode="stack", bargap=0.28, hovermode="closest", legend={"traceorder": "normal"})
    return figure


def _over_numbers(info: BarsInfo, dark: bool) -> go.Figure:
    ranges = list(pairwise(info.edges))
    names = [f"{math.ceil(a):,} to {math.floor(b):,}" for a, b in ranges]
    widths = [0.92 * (b - a) for a, b in ranges]
    figure = _vertical(info, dark, [(a + b) / 2 for a, b in ranges], names, "sequences", name="sequences", width=widths)
    figure.update_xaxes(title_text=info.x_title, dtick=1 if info.edges[-1] - info.edges[0] <= 8 else None)
    return figure


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
