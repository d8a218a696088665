"""Probability of each next symbol: bars for one context, a heat map for several."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import apply_style, color, empty_figure, percent_heat_map
from seqcore.results import SymbolsView
from seqcore.results.formatting import marked, named

__all__ = ["SymbolsInfo", "plot_symbols", "symbols_info"]

MAX_CONTEXTS = 30
MAX_SYMBOLS = 40
MAX_BARS = 12
MAX_CONTEXT = 24  # symbols of a context that are shown: its first and its last ones


class SymbolsInfo(NamedTuple):
    """What the figure shows: `probabilities[n, V]` of the most probable symbols, in their own order."""

    contexts: tuple[str, ...]
    symbols: tuple[str, ...]
    probabilities: NDArray[np.float64]
    truth: tuple[str | None, ...]
    contexts_left_out: int
    symbols_left_out: int
    title: str
    low: NDArray[np.float64] | None = None  # [n, V], the lowest and the highest probability over several seeds
    high: NDArray[np.float64] | None = None
    seeds: int = 1


def symbols_info(view: SymbolsView) -> SymbolsInfo:
    """From a view: at most 30 contexts, and the 40 symbols (for one context, 12) with the highest probabilities."""
    n = min(len(view.contexts), MAX_CONTEXTS)
    probabilities = view.probabilities[:n]
    limit = MAX_BARS if n == 1 else MAX_SYMBOLS
    highest = np.max(probabilities, axis=0) if n else np.zeros(len(view.symbols))
    kept = np.sort(np.argsort(-highest, kind="stable")[:limit])
    if n == 1:
        kept = kept[np.argsort(-highest[kept], kind="stable")]
    truth = tuple(view.truth[:n]) or (None,) * n
    each = None if view.replicas is None or not n else view.replicas[:, :n, kept]
    return SymbolsInfo(
        contexts=tuple(_context(context, view.separator) for context in view.contexts[:n]),
        symbols=tuple((named if n == 1 else marked)(view.symbols[i]) for i in kept),
        probabilities=probabilities[:, kept],
        truth=tuple(None if s is None else (named if n == 1 else marked)(s) for s in truth),
        contexts_left_out=len(view.contexts) - n,
        symbols_left_out=len(view.symbols) - len(kept),
        title=view.title,
        low=None if each is None else np.nanmin(each, axis=0),
        high=None if each is None else np.nanmax(each, axis=0),
        seeds=1 if each is None else len(each),
    )


def plot_symbols(info: SymbolsInfo, dark: bool = False) -> go.Figure:
    """Bars for one context; for several a heat map, where a ring marks the true symbol."""
    if not info.contexts:
        return empty_figure(info.title, "nothing to show", dark=dark)
    return _bars(info, dark) if len(info.contexts) == 1 else _heat_map(info, dark)


def _bars(info: SymbolsInfo, dark: bool) -> go.Figure:
    percent = 100 * info.probabilities[0]
    colors = [color("prediction", dark=dark, opacity=1.0 if i == 0 else 0.45) for i in range(len(percent))]
    figure = go.Figure(
        go.Bar(
            x=percent, y=list(info.symbols), orientation="h", marker={"color": colors, "cornerradius": 3},
            text=[_percent(p) for p in percent], textposition="outside", cliponaxis=False,
            hovertemplate="%{y}: %{x:.3g}%<extra></extra>",
        )
    )  # fmt: skip
    if info.low is not None and info.high is not None:
        low, high = 100 * info.low[0], 100 * info.high[0]
        places = [_percent(p) if b < 0.1 else f"{_percent(p)} ({_range(a, b)})" for p, a, b in
                  zip(percent, low, high, strict=True)]  # fmt: skip
        ink = color("truth", dark=dark, opacity=0.75)
        # Beyond the whiskers, not over them.
        figure.update_traces(
            error_x={"type": "data", "symmetric": False, "array": high - percent, "arrayminus": percent - low,
                     "color": ink, "thickness": 1.2, "width": 4},
            text=None, textposition="none", customdata=places, hovertemplate="%{y}: %{customdata}<extra></extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=high, y=list(info.symbols), mode="text", text=[f"  {place}" for place in places],
            textposition="middle right", showlegend=False, hoverinfo="skip", cliponaxis=False,
        )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=90 + 26 * len(percent))
    rest = f"; {info.symbols_left_out} less probable ones not shown" if info.symbols_left_out else ""
    over = f", mean and range of {info.seeds} seeds" if info.low is not None else ""
    title = f"probability after “{info.contexts[0]}” in %{over}{rest}"
    figure.update_xaxes(title_text=title, range=[0, 112 if info.low is None else 150])
    figure.update_xaxes(tickvals=[0, 25, 50, 75, 100])
    figure.update_yaxes(
        title_text="next symbol", type="category", autorange="reversed", showgrid=False, dtick=1, tickfont={"size": 12}
    )
    figure.update_layout(hovermode="closest", bargap=0.3)
    return figure


def _heat_map(info: SymbolsInfo, dark: bool) -> go.Figure:
    rows = [f"{context} " for context in info.contexts]
    places = list(range(len(rows)))
    columns = {symbol: i for i, symbol in enumerate(info.symbols)}
    labels = [[[row.strip(), symbol] for symbol in info.symbols] for row in rows]
    hover = "after “%{customdata[0]}”: %{customdata[1]} %{z:.3g}%"
    if info.low is not None and info.high is not None:
        ends = zip((100 * info.low).tolist(), (100 * info.high).tolist(), strict=True)
        for own, low, high in ((own, *pair) for own, pair in zip(labels, ends, strict=True)):
            for cell, a, b in zip(own, low, high, strict=True):
                cell.append(_range(a, b))
        hover += f" ({info.seeds} seeds: %{{customdata[2]}})"
    figure = percent_heat_map(100 * info.probabilities, labels, hover, dark=dark)
    known = [(columns[s], i) for i, s in enumerate(info.truth) if s in columns]
    if known:
        figure.add_scatter(
            x=[x for x, _ in known], y=[y for _, y in known], mode="markers", name="true symbol", hoverinfo="skip",
            marker={"symbol": "circle-open", "size": 9, "color": color("truth", dark=dark), "line": {"width": 1.5}},
            showlegend=False,
        )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=min(720, 110 + 19 * len(rows)))
    counts = ((info.contexts_left_out, "more contexts"), (info.symbols_left_out, "less probable symbols"))
    left_out = [f"{count} {name}" for count, name in counts if count]
    rest = f" (not shown: {', '.join(left_out)})" if left_out else ""
    figure.update_xaxes(
        title_text=f"next symbol{', ring: true symbol' if known else ''}{rest}",
        tickvals=list(columns.values()), ticktext=list(columns), tickangle=0,
    )  # fmt: skip
    figure.update_yaxes(
        title_text="context", tickvals=places, ticktext=rows, autorange="reversed", showgrid=False, nticks=0
    )
    figure.update_layout(hovermode="closest")
    return figure


def _context(symbols: tuple[str, ...], separator: str) -> str:
    """A context in one line, a long one by its ends; a single blank is named, one at an end is drawn."""
    if len(symbols) == 1:
        return named(symbols[0])
    if len(symbols) > MAX_CONTEXT:
        half = MAX_CONTEXT // 2
        return separator.join((*symbols[:half], "\u2026", *symbols[-half:])).replace("\n", "\u21b5")
    shown = separator.join(symbols).replace("\n", "\u21b5").replace("\t", " ")
    inner = shown.strip(" ")
    head, tail = (len(part) * "\u2423" for part in shown.split(inner, 1)) if inner else ("", "\u2423" * len(shown))
    return head + inner + tail


def _range(low: float, high: float) -> str:
    """Two percentages over seeds."""
    return f"{low:.3g} to {high:.3g}%" if low >= 0.1 else f"below 0.1 to {high:.3g}%"


def _percent(value: float) -> str:
    return "below 0.1%" if 0 < value < 0.1 else f"{value:.1f}%" if value < 99.95 else "100%"
