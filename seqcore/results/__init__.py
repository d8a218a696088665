"""Results that can be drawn, and the registry of their types: figure, CSV, JSON, text and caption of each.

A new result type is a subclass of `View` with its CSV, text and caption, a figure in `seqcore.plots`, and one line in
`RESULT_TYPES`. Figures are named by entry points, so that results depend on no plotting library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seqcore.registry import load
from seqcore.results.base import View, from_fields, plain
from seqcore.results.equations import EquationsView
from seqcore.results.frames import FramesView
from seqcore.results.horizon import HorizonView
from seqcore.results.internals import InternalsView
from seqcore.results.labels import ConfusionView, LabelsView
from seqcore.results.metrics import metric_named
from seqcore.results.series import SeriesView
from seqcore.results.symbols import SymbolsView
from seqcore.results.table import TableView
from seqcore.results.text import TextView
from seqcore.results.translation import Translated, TranslationView

__all__ = [
    "RESULT_TYPES", "ConfusionView", "EquationsView", "FramesView", "HorizonView", "InternalsView", "LabelsView",
    "ResultType", "SeriesView", "SymbolsView", "TableView", "TextView", "Translated", "TranslationView", "View",
    "metric_named", "plain", "view_from_dict",
]  # fmt: skip


@dataclass(frozen=True)
class ResultType:
    """One type of result: entry points ("package.module:name") of its `View` and of its forms.

    `figure(info(view), dark)` gives a Plotly figure; without one the result is a table. `html(view)` gives text that
    wraps with a page, or None where the figure serves better.
    """

    view: str
    info: str = ""
    figure: str = ""
    html: str = ""

    def load(self, form: str) -> Any:
        """What "view", "info", "figure" or "html" names; None where this type has no such form."""
        target = getattr(self, form)
        return load(target) if target else None


def _drawn(name: str, view: str, *, html: bool = False) -> ResultType:
    """A type whose forms are in the module of `seqcore.plots` called `name`."""
    plots = f"seqcore.plots.{name}"
    return ResultType(
        f"seqcore.results.{view}", f"{plots}:{name}_info", f"{plots}:plot_{name}", f"{plots}:html" if html else ""
    )


RESULT_TYPES: dict[str, ResultType] = {
    "series": _drawn("series", "series:SeriesView"),
    "symbols": _drawn("symbols", "symbols:SymbolsView"),
    "text": _drawn("text", "text:TextView", html=True),
    "labels": _drawn("labels", "labels:LabelsView"),
    "confusion": _drawn("confusion", "labels:ConfusionView"),
    "frames": _drawn("frames", "frames:FramesView"),
    "horizon": _drawn("horizon", "horizon:HorizonView"),
    "translation": _drawn("translation", "translation:TranslationView", html=True),
    "internals": _drawn("internals", "internals:InternalsView"),
    "attributions": _drawn("attributions", "attributions:AttributionsView", html=True),
    "gradient_by_lag": _drawn("gradient_by_lag", "gradients:GradientByLagView"),
    "input_gradient": _drawn("input_gradient", "gradients:InputGradientView"),
    "state_gradients": _drawn("state_gradients", "gradients:StateGradientsView"),
    "updates": _drawn("updates", "updates:UpdatesView"),
    "table": ResultType("seqcore.results.table:TableView"),
    "curves": _drawn("curves", "curves:CurvesView"),
    "tradeoff": _drawn("tradeoff", "curves:TradeoffView"),
    "predictions": _drawn("predictions", "predictions:PredictionsView"),
    "videos": _drawn("videos", "predictions:VideosView"),
    "answers": ResultType("seqcore.results.answers:AnswersView"),
    "saturation": _drawn("saturation", "saturation:SaturationView"),
    "spectrum": _drawn("spectrum", "spectrum:SpectrumView"),
    "similar": ResultType("seqcore.results.similar:SimilarView"),
    "response": _drawn("response", "response:ResponseView"),
    "projection": _drawn("projection", "projection:ProjectionView"),
    "receptive_field": _drawn("receptive_field", "reach:ReceptiveFieldView"),
    "lag_weights": _drawn("lag_weights", "reach:LagWeightsView"),
    "equations": ResultType("seqcore.results.equations:EquationsView"),
}
"""`View.kind` -> its type."""


def view_from_dict(d: dict[str, Any]) -> View:
    """The inverse of `View.to_dict`. KeyError or TypeError where a field that has no default is missing."""
    view: View = from_fields(RESULT_TYPES[d["view"]].load("view"), d)
    return view
