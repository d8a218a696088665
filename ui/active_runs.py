"""Active runs, offered to a visitor who came without a link to a run."""

from __future__ import annotations

import streamlit as st

from seqcore.data.sources import SOURCES
from seqcore.experiment.recipes import recipes
from seqcore.models import MODELS
from seqcore.results.formatting import counted
from seqcore.runs.records import Run
from seqcore.runs.store import RunFilter
from ui import session
from ui.run_labels import STATUSES

__all__ = ["active_runs_bar"]

MOST = 50  # runs, of which the first that is not queued is offered
ACTIVE = RunFilter(statuses=("queued", "running", "paused"))


def active_runs_bar(shown: Run | None) -> None:
    """One line for all active and queued runs, unless a run is shown already."""
    if shown is not None:
        return
    active = session.store().find_runs(ACTIVE, limit=MOST).runs
    if not active:
        return
    first = next((run for run in active if run.status != "queued"), active[-1])
    with st.container(horizontal=True, vertical_alignment="center", key="active-runs"):
        st.markdown(_one(first) if len(active) == 1 else _several(active))
        st.button(
            "Watch",
            key=f"watch-{first.id}",
            icon=":material/visibility:",
            help="Show this run here." if len(active) == 1 else f"Show {session.escape(run_title(first))} here.",
            on_click=session.select_run,
            args=(first.id,),
        )
        if len(active) > 1:
            st.page_link("runs.py", label="All runs", icon=":material/table_rows:")


def _one(run: Run) -> str:
    title = f"**{session.escape(run_title(run))}**"
    if run.status == "queued":
        return f"{title}: queued"
    epoch = f", epoch {run.epoch:,} of {run.epochs:,}" if run.epoch else ""
    return f"{title}: {STATUSES[run.status].word}{epoch}"


def _several(runs: list[Run]) -> str:
    """Several runs: "2 active runs, 3 queued"."""
    queued = sum(run.status == "queued" for run in runs)
    active = len(runs) - queued
    if not active:
        return f"**{queued} runs** queued"
    return f"**{counted(active, 'active run')}**" + (f", {queued} queued" if queued else "")


def run_title(run: Run) -> str:
    """What a run is called: its recipe, its file, or its source, and its architecture."""
    titles = {r.name: r.title for r in recipes()}
    name = titles.get(run.recipe or "", run.recipe or run.outline.name or SOURCES[run.outline.source].title)
    return f"{name}, {MODELS[run.outline.architecture].title}"
