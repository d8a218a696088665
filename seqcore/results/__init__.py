"""Results that can be drawn, and the registry of their types: figure, CSV, JSON, text and caption of each.

A new result type is a subclass of `View` with its CSV, text and caption, a figure in `seqcore.plots`, and one line in
`RESULT_TYPES`. Figures are named by entry points, so that results depend on no plotting library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seqcore.registry import load
from seqcore.results.base import Answer, View, from_fields, plain
from seqcore.results.frames import FramesView
from seqcore.results.horizon import HorizonView
from seqcore.results.labels import ConfusionView, LabelsView
from seqcore.results.metrics import METRICS, Metric, metric_named
from seqcore.results.series import SeriesView
from seqcore.results.symbols import SymbolsView
from seqcore.results.table import TableView
from seqcore.results.text import TextView
from seqcore.results.translation import Translated, TranslationView

__all__ = [
    "METRICS",
    "RESULT_TYPES",
    "Answer",
    "ConfusionView",
    "FramesView",
    "HorizonView",
    "LabelsView",
    "Metric",
    "ResultType",
    "SeriesView",
    "SymbolsView",
    "TableView",
    "TextView",
    "Translated",
    "TranslationView",
    "View",
    "metric_named",
    "plain",
    "view_from_dict",
]


@dataclass(frozen=True)
class ResultType:
    """One type of result: entry points ("package.module:name") of its `View` and of its forms.

    `figure(view, dark)` gives a Plotly figure; without one the result is a table. `html(view)` gives text that wraps
    with a page, or None where the figure serves better.
    """

    view: str
    figure: str = ""
    html: str = ""

    def load(self, form: str) -> Any:
        """What "view", "figure" or "html" names; None where this type has no such form."""
        target = getattr(self, form)
        return load(target) if target else None


_RESULTS, _PLOTS = "seqcore.results", "seqcore.plots"

RESULT_TYPES: dict[str, ResultType] = {
    "series": ResultType(f"{_RESULTS}.series:SeriesView", f"{_PLOTS}.series:figure"),
    "symbols": ResultType(f"{_RESULTS}.symbols:SymbolsView", f"{_PLOTS}.symbols:figure"),
    "text": ResultType(f"{_RESULTS}.text:TextView", f"{_PLOTS}.text:figure", html=f"{_PLOTS}.text:html"),
    "labels": ResultType(f"{_RESULTS}.labels:LabelsView", f"{_PLOTS}.labels:figure"),
    "confusion": ResultType(f"{_RESULTS}.labels:ConfusionView", f"{_PLOTS}.confusion:figure"),
    "frames": ResultType(f"{_RESULTS}.frames:FramesView", f"{_PLOTS}.frames:figure"),
    "horizon": ResultType(f"{_RESULTS}.horizon:HorizonView", f"{_PLOTS}.horizon:figure"),
    "translation": ResultType(
        f"{_RESULTS}.translation:TranslationView", f"{_PLOTS}.translation:figure", html=f"{_PLOTS}.translation:html"
    ),
    "table": ResultType(f"{_RESULTS}.table:TableView"),
}
"""`View.kind` -> its type."""


def view_from_dict(d: dict[str, Any]) -> View:
    """The inverse of `View.to_dict`. KeyError or TypeError where a field that has no default is missing."""
    view: View = from_fields(RESULT_TYPES[d["view"]].load("view"), d)
    return view
