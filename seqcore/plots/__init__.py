"""Figures of results: `*_info` gives what a figure shows, `plot_*` draws it. Free of torch, pages and the store."""

from __future__ import annotations

import plotly.graph_objects as go

from seqcore.plots.confusion import ConfusionInfo, confusion_info, plot_confusion
from seqcore.plots.data import plot_table
from seqcore.plots.frames import FramesInfo, frames_info, plot_frames
from seqcore.plots.horizon import HorizonInfo, horizon_info, plot_horizon
from seqcore.plots.labels import LabelsInfo, labels_info, plot_labels
from seqcore.plots.loss import LossInfo, loss_info, plot_loss
from seqcore.plots.scores import ScoresInfo, plot_scores, scores_info
from seqcore.plots.series import SeriesInfo, plot_series, series_info
from seqcore.plots.sparkline import SparklineInfo, plot_sparkline, sparkline_info
from seqcore.plots.style import apply_style, colour, empty_figure
from seqcore.plots.symbols import SymbolsInfo, plot_symbols, symbols_info
from seqcore.plots.text import TextInfo, plot_text, text_info
from seqcore.plots.translation import TranslationInfo, plot_translation, translation_info
from seqcore.results import RESULT_TYPES, View

__all__ = [
    "ConfusionInfo",
    "FramesInfo",
    "HorizonInfo",
    "LabelsInfo",
    "LossInfo",
    "ScoresInfo",
    "SeriesInfo",
    "SparklineInfo",
    "SymbolsInfo",
    "TextInfo",
    "TranslationInfo",
    "apply_style",
    "colour",
    "confusion_info",
    "empty_figure",
    "frames_info",
    "horizon_info",
    "labels_info",
    "loss_info",
    "plot_confusion",
    "plot_frames",
    "plot_horizon",
    "plot_labels",
    "plot_loss",
    "plot_scores",
    "plot_series",
    "plot_sparkline",
    "plot_symbols",
    "plot_table",
    "plot_text",
    "plot_translation",
    "plot_view",
    "scores_info",
    "series_info",
    "sparkline_info",
    "symbols_info",
    "text_info",
    "translation_info",
]


def plot_view(view: View, dark: bool = False) -> go.Figure:
    """The figure of a view, whatever its type. KeyError for one that has none: a table."""
    figure: go.Figure = RESULT_TYPES[view.kind].load("figure")(view, dark)
    return figure
