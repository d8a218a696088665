"""Runs that are going on, offered to a visitor who came without a link."""

from __future__ import annotations

import streamlit as st

from seqcore.data.sources import SOURCES
from seqcore.experiment.recipes import recipes
from seqcore.models import MODELS
from seqcore.runs.records import Run
from ui import session
from ui.cards import STATUS

__all__ = ["offer", "run_title"]

LOOKED_AT = 50  # newest runs among which those going on are looked for


def offer(shown: Run | None) -> None:
    """One line for all runs that are going on or wait, unless one is looked at already."""
    if shown is not None:
        return
    there = [run for run in session.store().runs(limit=LOOKED_AT) if not run.ended]
    if not there:
        return
    first = next((run for run in there if run.status != "queued"), there[-1])
    with st.container(horizontal=True, vertical_alignment="center", key="going-on"):
        st.markdown(_one(first) if len(there) == 1 else _several(there))
        st.button(
            "Watch",
            key=f"watch-{first.id}",
            icon=":material/visibility:",
            help="Show this run here." if len(there) == 1 else f"Show {session.escape(run_title(first))} here.",
            on_click=session.select_run,
            args=(first.id,),
        )
        if len(there) > 1:
            st.page_link("runs.py", label="All runs", icon=":material/table_rows:")


def _one(run: Run) -> str:
    title = f"**{session.escape(run_title(run))}**"
    if run.status == "queued":
        return f"{title} waits for its turn"
    epoch = f", epoch {run.epoch:,} of {run.epochs:,}" if run.epoch else ""
    return f"{title} is going on: {STATUS[run.status].lower()}{epoch}"


def _several(runs: list[Run]) -> str:
    """Of several: "2 runs are going on, 3 wait"."""
    waiting = sum(run.status == "queued" for run in runs)
    going = len(runs) - waiting
    if not going:
        return f"**{waiting} runs** wait for their turn"
    words = f"**{going} runs** are going on" if going > 1 else "**1 run** is going on"
    return words + (f", {waiting} {'wait' if waiting > 1 else 'waits'}" if waiting else "")


def run_title(run: Run) -> str:
    """What a run is called: its recipe, its file, or its source, and its architecture."""
    titles = {r.name: r.title for r in recipes()}
    data = run.experiment.data
    own = data.options.get("name") if data.source == "file" else None
    name = titles.get(run.recipe or "", run.recipe or own or SOURCES[data.source].title)
    return f"{name}, {MODELS[run.experiment.model.architecture].title}"
