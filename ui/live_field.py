"""Controls of the fields that may change while a run goes on: in the steering panel, and in the dialog of forks."""

from __future__ import annotations

from typing import Any

from seqcore.experiment.fields import Setting
from seqcore.experiment.schedule_text import RATE
from ui.session import escape

__all__ = ["live_field"]


def live_field(setting: Setting, value: Any, schedule: str = "") -> dict[str, Any]:
    """The arguments of `st.number_input` for a field with this value; `schedule` is that of the learning rate.

    They have no limits: the browser would reject a value without a reason, while the store says what is allowed. Values
    are floats in all of them: see `whole_number.py`.
    """
    allowed = f"{setting.allowed[0].upper()}{setting.allowed[1:]}."
    title = setting.title
    if schedule and setting.path == RATE:
        title, allowed = f"Base {title.lower()}", f"The {schedule} multiplies this rate at each step.\n\n{allowed}"
    return {
        "label": escape(title),
        "step": 1.0 if setting.kind == "whole" else _increment(setting, value),
        "format": "%g",
        "help": f"{escape(setting.help)}\n\n" + "\n\n".join(map(escape, allowed.split("\n\n"))),
    }


def _increment(setting: Setting, value: float) -> float:
    """What one press of a button adds: half of a rate, which acts as a ratio, or a twentieth of a share."""
    if setting.logarithmic and value > 0.0:
        return float(f"{value / 2:.2g}")
    return 0.05 if setting.maximum is not None and setting.maximum <= 1.0 else 0.1
