"""The Dynamics section of the Inspect page: eigenvalues, saturation, and the size of updates."""

from __future__ import annotations

from ui.inspect_context import Inspected
from ui.updates_section import updates

__all__ = ["dynamics"]


def dynamics(inspected: Inspected) -> None:
    """Each part says for itself why it can't be shown."""
    updates(inspected)
