"""The list of runs: one row each with its loss curve, cards on a small screen; a click selects a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from seqcore.results import metric_named
from seqcore.results.formatting import counted, format_duration, typeset
from seqcore.results.scores import ScoresInfo
from seqcore.results.thinning import sparkline
from seqcore.runs.records import Run
from ui import run_labels, session
from ui.assets import asset

__all__ = ["run_list", "run_row"]

_component = st.components.v2.component(
    "sequence_lab_run_list",
    html=asset("run_list.html"),
    css=asset("run_list.css"),
    js=asset("dom.js", "run_list.js"),
    isolate_styles=False,
)


def run_list(
    runs: Sequence[Run],
    *,
    selected: str | None,
    on_select: Callable[[str], None],
    checked: Sequence[str],
    on_check: Callable[[list[str]], None],
    key: str,
) -> None:
    """Show these runs; `on_select` is called with the id of a clicked run, before the page is redrawn.

    `checked` are the runs whose box is ticked, in the order of the ticks; `on_check` gets them when one changes.
    """
    rows = [run_row(run, _curve(run.id, run.attempt, run.step)) for run in runs]

    def clicked() -> None:
        if run := st.session_state[key].get("clicked"):
            on_select(run)

    seen = f"{key}-ticks-seen"  # the session-state key of the number of the last tick that was taken

    def ticked() -> None:
        ticks = st.session_state[key].get("ticks")
        if ticks and ticks["count"] > st.session_state.get(seen, 0):
            st.session_state[seen] = int(ticks["count"])
            on_check([str(run) for run in ticks["runs"]])

    data = {
        "rows": rows, "selected": selected, "checked": list(checked), "seen": st.session_state.get(seen, 0),
    }  # fmt: skip
    _component(key=key, data=data, on_clicked_change=clicked, on_ticks_change=ticked)


def run_row(run: Run, curve: Sequence[float | None]) -> dict[str, Any]:
    """The values of one row."""
    status = run_labels.STATUSES[run.status]
    scores = run_labels.scores(run)
    active = run.status in ("running", "paused")
    split = run_labels.scored_split(run)
    return {
        "id": run.id,
        "title": run_labels.title(run),
        "network": " · ".join(
            filter(None, (run_labels.network(run), run_labels.trained_on(run), run_labels.origin(run), run.owner))
        ),
        "status": status.word,
        "tone": status.color,
        "hollow": run.status in ("queued", "stopped", "interrupted"),
        "progress": min(1.0, run.epoch / max(1, run.epochs)) if active else None,
        "progressText": _progress(run),
        "curve": list(curve),
        "score": typeset(metric_named(run.metric).format(scores.model)),
        "metric": "" if split is None else f"{run_labels.SPLITS[split]} {metric_named(run.metric).short}",
        "skill": "–" if scores.on_training else scores.short,
        "baseline": "not held out" if scores.on_training else _against(scores),
        "worse": scores.worse,
        "duration": format_duration(run.seconds) if run.started else "–",
        "ago": run_labels.ago(run.created),
    }


def _against(scores: ScoresInfo) -> str:
    """The reference baseline, and the best baseline if the model is worse than it."""
    base, best = scores.reference_score, scores.best_baseline
    if base is None or best is None or not scores.beaten or best.name == base.name:
        return scores.against_reference
    return f"{scores.against_reference}; {best.short} is better"


def _progress(run: Run) -> str:
    if run.status == "queued":
        return f"position {run.queue_position}" if run.queue_position else ""
    return f"{run.epoch:,} of {counted(run.epochs, 'epoch')}" if run.epochs else ""


@st.cache_data(show_spinner=False, max_entries=1000)
def _curve(run: str, attempt: int, step: int) -> list[float | None]:
    """The training loss in at most about 40 points, as log10. `attempt` and `step` are part of the cache key."""
    if not step:
        return []
    values = sparkline(session.store().curve(run, "loss", max_points=80).values)
    return [round(float(v), 3) if np.isfinite(v) else None for v in values]
