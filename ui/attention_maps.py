"""Attention weights of a Transformer or a translator, head by head, linked with the other pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from seqcore.results.formatting import counted
from ui.assets import asset
from ui.inspect_context import Inspected
from ui.inspect_heat_maps import encoded

if TYPE_CHECKING:
    from seqcore.results.internals import InternalsView

__all__ = ["attention_data", "attention_maps"]

MOST_CELLS = 400_000  # weights of all heads that are sent; of more steps, the last ones


_component = st.components.v2.component(
    "sequence_lab_attention_maps",
    html=asset("attention_maps.html"),
    css=asset("inspect_canvas.css"),
    js=asset("dom.js", "selection.js", "inspect_canvas.js", "attention_maps.js"),
    isolate_styles=False,
)


def attention_maps(inspected: Inspected) -> None:
    """Draw the attention weights of one head at a time; nothing where the model has none."""
    view = inspected.internals
    if view is None or not len(view.attention):
        return
    st.markdown("**Attention**")
    data = attention_data(inspected, view)
    _component(key=f"attention-{inspected.run.id}", data=data)
    left_out = data["leftOut"]
    st.caption(
        "Each row adds up to 100%: how much of each earlier step a step reads. Dark: most of it."
        + (f" The last {len(data['rows']):,} steps are shown; {left_out:,} come before them." if left_out else "")
    )


def attention_data(inspected: Inspected, view: InternalsView) -> dict[str, Any]:
    """What the component draws. The internals must have attention weights."""
    weights = np.asarray(view.attention, dtype=np.float64)  # [A, T_out, T_in]
    translates = "decoder" in view.stages
    first = view.stages.index("decoder") if translates else 0
    most = max(2, int((MOST_CELLS / len(weights)) ** 0.5))
    rows, columns = max(0, weights.shape[1] - most), max(0, weights.shape[2] - most)
    weights = weights[:, rows:, columns:]
    return {
        "key": inspected.key,
        "at": inspected.at,
        "name": f"attention-{inspected.run.id}",
        "heads": [encoded(head, 1.0) for head in np.nan_to_num(weights)],
        "titles": list(view.attention_titles),
        "rows": list(view.attention_rows[rows:]),
        "columns": list(view.attention_columns[columns:]),
        "rowSteps": list(range(first + rows, first + rows + weights.shape[1])),
        "columnSteps": list(range(columns, columns + weights.shape[2])),
        "rowTitle": "word of the translation" if translates else "step that attends",
        "columnTitle": "word of the sentence" if translates else "step attended to",
        "leftOut": rows,
        "label": f"Attention weights of {counted(len(view.attention_titles), 'head')} over "
        f"{counted(weights.shape[2], 'step')}, after {inspected.at:,} training steps. Arrow keys select a step.",
    }
