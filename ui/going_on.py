"""Runs that are going on, offered to a visitor who came without a link."""

from __future__ import annotations

import streamlit as st

from seqcore.data.sources import SOURCES
from seqcore.models import MODELS
from seqcore.recipes import recipes
from seqcore.runs.records import Run
from ui import session
from ui.cards import STATUS

__all__ = ["offer", "run_title"]

LOOKED_AT = 50  # newest runs among which those going on are looked for
OFFERED = 4


def offer(shown: Run | None) -> None:
    """A line for each run that is going on, unless one is looked at already."""
    if shown is not None:
        return
    going_on = [run for run in session.store().runs(limit=LOOKED_AT) if not run.ended]
    for run in going_on[:OFFERED]:
        with st.container(horizontal=True, vertical_alignment="center", key=f"going-on-{run.id}"):
            words = f"**{session.escape(run_title(run))}** is going on: {STATUS[run.status].lower()}"
            words += f", epoch {run.epoch:,} of {run.epochs:,}" if run.epoch else ""
            st.markdown(words)
            st.button(
                "Watch",
                key=f"watch-{run.id}",
                icon=":material/visibility:",
                help="Show this run here.",
                on_click=session.select_run,
                args=(run.id,),
            )


def run_title(run: Run) -> str:
    """What a run is called: its recipe, its file, or its source, and its architecture."""
    titles = {r.name: r.title for r in recipes()}
    data = run.experiment.data
    own = data.options.get("name") if data.source == "file" else None
    name = titles.get(run.recipe or "", run.recipe or own or SOURCES[data.source].title)
    return f"{name}, {MODELS[run.experiment.model.architecture].title}"
