"""A control for whole numbers that keeps what was typed.

Streamlit's control for integers reads "1e9" and "1.5" as 1 (`parseInt` in the browser). One for decimal numbers reads
both as they are written, so that `Experiment` and the store can say what is allowed.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

__all__ = ["whole_input", "whole_or_float"]


def whole_input(label: str, *, value: Any = "min", step: float = 1.0, **arguments: Any) -> int | float | None:
    """`st.number_input` with these arguments: an int, or the float that was typed in place of one; None if empty."""
    key = str(arguments.get("key", ""))
    if isinstance(kept := st.session_state.get(key), int):
        st.session_state[key] = float(kept)
    start = float(value) if isinstance(value, int) else value
    return whole_or_float(st.number_input(label, value=start, step=step, format="%g", **arguments))


def whole_or_float(value: float | None) -> int | float | None:
    """An int where the value is one."""
    return int(value) if value is not None and float(value).is_integer() else value
