"""Slots: how many runs train at a time."""

from __future__ import annotations

import os

from seqcore.errors import StoreError

__all__ = ["MOST_TOGETHER", "default_slots"]

MOST_TOGETHER = 8
"""Runs that are started at the same time, each in a slot of its own, however few slots there are."""


def default_slots() -> int:
    """How many runs train at a time: SEQCORE_SLOTS, else half of the cores. StoreError if it is not a number."""
    given = os.environ.get("SEQCORE_SLOTS") or str(max(1, (os.cpu_count() or 1) // 2))
    if not given.isdigit() or int(given) < 1:
        raise StoreError(f"SEQCORE_SLOTS: {given!r} is not allowed; use a whole number from 1 up")
    return int(given)
