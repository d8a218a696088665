"""Links charts over the steps of an example with the selection that all pictures of the Inspect page share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

__all__ = ["step_marks"]

_FOLDER = Path(__file__).parent


def _file(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


_component = st.components.v2.component(
    "sequence_lab_step_marks",
    html='<span hidden class="step-marks"></span>',
    js=_file("selection.js") + _file("step_marks.js"),
)


def step_marks(charts: Mapping[str, int], *, key: str) -> None:
    """Mark the selected step in these charts (`live_chart` keys) whose x axis counts steps from 1; a click selects.

    The value of a chart is the number of the example's steps before its first one; negative where it begins earlier.
    """
    _component(key=key, data={"charts": dict(charts)}, height=1)
