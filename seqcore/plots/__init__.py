"""Pictures of results: `*_info` says what a picture shows, `plot_*` draws it. Free of torch, pages and the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

from seqcore.plots.data import TableInfo, plot_table, table_info
from seqcore.plots.loss import LossInfo, loss_info, plot_loss
from seqcore.plots.scores import ScoresInfo, plot_scores, scores_info
from seqcore.plots.series import SeriesInfo, plot_series, series_info
from seqcore.plots.sparkline import SparklineInfo, plot_sparkline, sparkline_info
from seqcore.plots.style import apply_style, colour, empty_figure
from seqcore.plots.symbols import SymbolsInfo, plot_symbols, symbols_info
from seqcore.views import SeriesView, SymbolsView, View

__all__ = [
    "FIGURES",
    "LossInfo",
    "ScoresInfo",
    "SeriesInfo",
    "SparklineInfo",
    "SymbolsInfo",
    "TableInfo",
    "apply_style",
    "colour",
    "empty_figure",
    "loss_info",
    "plot_loss",
    "plot_scores",
    "plot_series",
    "plot_sparkline",
    "plot_symbols",
    "plot_table",
    "plot_view",
    "scores_info",
    "series_info",
    "sparkline_info",
    "symbols_info",
    "table_info",
]


def _series(view: Any, dark: bool = False) -> go.Figure:
    return plot_series(series_info(view), dark)


def _symbols(view: Any, dark: bool = False) -> go.Figure:
    return plot_symbols(symbols_info(view), dark)


FIGURES: dict[type[View], Callable[..., go.Figure]] = {SeriesView: _series, SymbolsView: _symbols}
"""The picture of each type of view, called with the view and whether it is dark."""


def plot_view(view: View, dark: bool = False) -> go.Figure:
    """The picture of a view, whatever its type."""
    return FIGURES[type(view)](view, dark)
