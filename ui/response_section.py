"""The Unit response section of the Inspect page: what a unit expects for each symbol or value (RNNVis)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from seqcore.results import View
from seqcore.results.formatting import counted
from seqcore.results.internals import readable
from ui.inspect_chart import chart
from ui.inspect_context import Inspected, load_examples_of
from ui.session import escape

if TYPE_CHECKING:
    from seqcore.insight.examples import InspectExample

__all__ = ["response"]


def response(inspected: Inspected) -> None:
    """The response of the selected unit of the selected state or gate."""
    internals, chosen = inspected.internals, inspected.selection
    if internals is None or not internals.names:
        st.info(escape(inspected.refusal or "This model has no units to show."))
        return
    name = chosen.name if chosen.name in internals.names else internals.names[0]
    units, layers = internals.arrays[name].shape[2], internals.arrays[name].shape[1]
    unit, layer = min(chosen.unit or 0, units - 1), min(chosen.layer or 0, layers - 1)
    columns = inspected.example.columns
    column = columns[0] if columns else None
    if inspected.example.values is not None and len(columns) > 1:
        column = st.selectbox(
            "Input", columns, key=f"response-column-{inspected.run.id}", width=240, format_func=str,
            help="The input column whose values are told apart.",
        )  # fmt: skip
    examples = load_examples_of(inspected)
    title = f"{readable(name)}, {internals.layer_titles[layer]}, unit {unit + 1}"

    def find(inspected: Inspected) -> View:
        from seqcore.insight.response import response

        return response(inspected.predictor, examples, unit=unit, layer=layer, name=name, column=column)

    chart(inspected, f"response {name} {layer} {unit} {column}", title, find)
    st.caption(f"Over {_counted(examples)}. Click a unit in a heat map to see its response.")


def _counted(examples: Sequence[InspectExample]) -> str:
    return f"{counted(sum(len(example.steps) for example in examples), 'step')} of {counted(len(examples), 'example')}"
