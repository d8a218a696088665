"""The time slider of the Inspect page: one place a snapshot, with buttons to step and to play."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from seqcore.results.formatting import counted
from seqcore.runs.records import Run, Snapshot
from ui import session
from ui.assets import asset

__all__ = ["time_slider"]

NOTES = {"change": "before a change of settings", "request": "on request", "pause": "paused", "end": "end of the run"}


_component = st.components.v2.component(
    "sequence_lab_time_slider",
    html=asset("time_slider.html"),
    css=asset("time_slider.css"),
    js=asset("dom.js", "time_slider.js"),
    isolate_styles=False,
)


def time_slider(run: Run, snapshots: Sequence[Snapshot], at: int, on_move: Callable[[int], None]) -> None:
    """Show the snapshots with the training loss above them; `on_move` is called with the step of a chosen one."""
    key = f"time-{run.id}"

    def moved() -> None:
        if told := st.session_state[key].get("moved"):
            on_move(int(told["step"]))

    steps = tuple(one.step for one in snapshots)
    data = {
        "steps": list(steps),
        "at": at,
        "notes": [_note(one) for one in snapshots],
        "changes": [i for i, one in enumerate(snapshots) if one.reason == "change"],
        "loss": _losses(run.id, run.attempt, steps),
    }
    _component(key=key, data=data, on_moved_change=moved)


def _note(one: Snapshot) -> str:
    note = NOTES.get(one.reason)
    if not one.step:
        return "before training"
    done = f"{counted(one.epoch, 'epoch')} done" if one.epoch else "in the first epoch"
    return f"{done}, {note}" if note else done


@st.cache_data(show_spinner=False, max_entries=64)
def _losses(run: str, attempt: int, steps: tuple[int, ...]) -> list[float | None]:
    """log10 of the training loss of these very steps, None before the first. `attempt` is part of the cache's key."""
    values = session.store().values_at(run, steps).tolist()
    return [round(float(np.log10(v)), 4) if np.isfinite(v) and v > 0 else None for v in values]
