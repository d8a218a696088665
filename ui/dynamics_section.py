"""The Dynamics section of the Inspect page: eigenvalues, saturation, receptive field, and the size of updates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from seqcore.models import capabilities_of
from seqcore.results import View
from seqcore.results.saturation import SaturationView
from ui.inspect_chart import chart
from ui.inspect_context import Inspected, load_examples_of
from ui.updates_section import updates

if TYPE_CHECKING:
    from seqcore.insight.examples import InspectExample

__all__ = ["dynamics"]


def dynamics(inspected: Inspected) -> None:
    """Each part says for itself why it can't be shown."""
    architecture = inspected.run.experiment.model.architecture
    chart(inspected, "spectrum", "Eigenvalues of the recurrent matrices", _spectrum)
    chart(inspected, "saturation", "Saturation", partial(_saturation, load_examples_of(inspected)), _link_units)
    step = inspected.selection.step
    last = len(inspected.example.steps) - 1
    step = last if step is None else min(step, last)
    chart(inspected, f"reach {step}", "Receptive field", partial(_reach, step))
    if capabilities_of(architecture).fixed_window:
        chart(inspected, "lag-weights", "Weights by lag", _weights)
    updates(inspected)


def _spectrum(inspected: Inspected) -> View:
    from seqcore.insight.spectrum import spectrum

    return spectrum(inspected.predictor)


def _saturation(examples: Sequence[InspectExample], inspected: Inspected) -> View:
    from seqcore.insight.saturation import saturation

    return saturation(inspected.predictor, examples)


def _link_units(view: View, figure: go.Figure) -> None:
    """The points of each name are the units of one layer after the other."""
    assert isinstance(view, SaturationView)
    for name, trace in zip(view.names, figure.data[1:], strict=True):  # the first one is the diagonal
        trace.meta = {"select": "unit", "per": view.low[name].shape[1], "name": name}
        trace.selected = {"marker": {"size": 14, "opacity": 1}}
        trace.unselected = {"marker": {"opacity": 0.35}}


def _reach(step: int, inspected: Inspected) -> View:
    from seqcore.insight.reach import receptive_field

    return receptive_field(inspected.predictor, inspected.example, step)


def _weights(inspected: Inspected) -> View:
    from seqcore.insight.reach import lag_weights

    return lag_weights(inspected.predictor)
