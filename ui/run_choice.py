"""The title of a page about one run, and the box that selects it."""

from __future__ import annotations

import streamlit as st

from seqcore.errors import NotFoundError, SeqcoreError
from seqcore.runs.records import Run
from ui import run_labels
from ui.session import select_run, selected_run, show_errors, store

__all__ = ["choose_run"]


def choose_run(title: str, runs: list[Run]) -> Run | None:
    """The run that the page shows: the selected one, else the newest that has finished an epoch.

    `runs` are those to choose from, the newest first. An unknown one is shown as an error, and None is returned.
    """
    wanted = selected_run()
    known = {run.id: run for run in runs}
    if wanted is not None and wanted not in known:
        try:
            found = store().run(wanted)
        except SeqcoreError as error:
            st.title(title, anchor=False)
            gone = isinstance(error, NotFoundError)
            show_errors(
                NotFoundError(f"{error.lines[0].partition('; ')[0]}; it may have been deleted") if gone else error
            )
            st.button("Show the newest run", on_click=select_run, args=(None,))
            return None
        known[found.id] = found
        wanted = found.id
    if wanted is None:
        wanted = next((run.id for run in runs if run.epoch), runs[0].id)
    ids = list(known)
    head, box = st.columns([1, 2.2], vertical_alignment="bottom")
    head.title(title, anchor=False)
    # The key contains the run, so that the box follows a link or a selection on another page.
    chosen = box.selectbox(
        "Run",
        ids,
        index=ids.index(wanted),
        format_func=lambda run: run_labels.label(known[run]),
        key=f"run-{wanted}",
        help="Trained models, newest first.",
        label_visibility="collapsed",
    )
    if chosen != selected_run():
        select_run(chosen)
    return known[chosen]
