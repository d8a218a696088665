"""Controls of the fields that may change while a run goes on: in the steering panel, and in the dialog of forks."""

from __future__ import annotations

from typing import Any

from seqcore.experiment.fields import Setting
from ui.session import escape

__all__ = ["live_field"]


def live_field(setting: Setting, value: Any) -> dict[str, Any]:
    """The arguments of `st.number_input` for a field with this value.

    They have no limits: the browser would reject a value without a reason, while the store says what is allowed.
    """
    whole = setting.kind == "whole"
    allowed = f"{setting.allowed[0].upper()}{setting.allowed[1:]}."
    return {
        "label": escape(setting.title),
        "step": 1 if whole else _increment(setting, value),
        "format": "%d" if whole else "%g",
        "help": f"{escape(setting.help)}\n\n{escape(allowed)}",
    }


def _increment(setting: Setting, value: float) -> float:
    """What one press of a button adds: half of a rate, which acts as a ratio, or a twentieth of a share."""
    if setting.logarithmic and value > 0.0:
        return float(f"{value / 2:.2g}")
    return 0.05 if setting.maximum is not None and setting.maximum <= 1.0 else 0.1
