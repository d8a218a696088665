"""Links charts over the steps of an example with the selection that all pictures of the Inspect page share."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from ui.assets import asset

__all__ = ["step_marks"]


_component = st.components.v2.component(
    "sequence_lab_step_marks",
    html='<span hidden class="step-marks"></span>',
    js=asset("selection.js", "step_marks.js"),
)


def step_marks(charts: Mapping[str, int], *, key: str) -> None:
    """Mark the selected step in these charts (`live_chart` keys) whose x axis counts steps from 1; a click selects.

    The value of a chart is the number of the example's steps before its first one; negative where it begins earlier.
    """
    _component(key=key, data={"charts": dict(charts)}, height=1)
