"""Colors of gates and states: one for each name, so that it is the same in every picture."""

from __future__ import annotations

from seqcore.plots.style import COLORS

__all__ = ["gate_role"]

_ROLES = {
    "input gate": "prediction",
    "forget gate": "training",
    "candidate": "validation",
    "output gate": "test",
    "reset gate": "prediction",
    "update gate": "training",
    "hidden state": "warning",
    "cell state": "sixth",
}
_OTHERS = [role for role in COLORS if role not in ("truth", "baseline")]


def gate_role(title: str, place: int) -> str:
    """The role of the color of "Forget gate" or "layer 1: forget gate"; of other names by their place among others."""
    return _ROLES.get(title.rpartition(": ")[2].lower(), _OTHERS[place % len(_OTHERS)])
