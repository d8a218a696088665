"""Figures of results: `*_info` gives what a figure shows, `plot_*` draws it. Free of torch, pages and the store."""

from __future__ import annotations

import plotly.graph_objects as go

from seqcore.results import RESULT_TYPES, View

__all__ = ["plot_view"]


def plot_view(view: View, dark: bool = False) -> go.Figure:
    """The figure of a view, whatever its type. A table has none."""
    form = RESULT_TYPES[view.kind]
    figure: go.Figure = form.load("figure")(form.load("info")(view), dark)
    return figure
