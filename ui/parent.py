"""The run that a fork comes from: its name with a link, and its losses for the chart of the fork."""

from __future__ import annotations

import threading

import streamlit as st

from seqcore.errors import NotFoundError, SeqcoreError
from seqcore.plots.fork import ParentLosses
from seqcore.runs.labels import short_id
from seqcore.runs.records import Run
from seqcore.runs.refits import held_out_sentence, refit_parent
from ui import run_labels, session
from ui.shared_history import SharedHistory

__all__ = ["parent_line", "parent_losses", "parent_of", "refit_line"]

MOST = 16  # histories of parents in memory
_HISTORIES: dict[tuple[str, str], SharedHistory] = {}  # not Streamlit's cache: a live chart asks outside of its scripts
_GUARD = threading.Lock()


def parent_of(run: Run) -> Run | None:
    """The run that this one is a fork of; None where it is none, or its parent is deleted or damaged."""
    if run.parent is None:
        return None
    try:
        return session.store().run(run.parent)
    except SeqcoreError:
        return None


def parent_line(run: Run, *, key: str = "parent") -> None:
    """Of which run and at which step this one is a fork, with a link to it."""
    if run.parent is None:
        return
    place = f"at step {run.parent_step:,}"
    try:
        parent = session.store().run(run.parent)
    except NotFoundError:
        st.caption(f"Fork {place} of a deleted run, `{short_id(run.parent)}`.")
        return
    except SeqcoreError:
        st.caption(f"Fork {place} of a damaged run, `{short_id(run.parent)}`.")
        return
    pressed = st.button(
        f"Fork {place} of {session.escape(run_labels.title(parent))} `{short_id(parent.id)}`",
        key=f"{key}-{run.id}", type="tertiary", icon=":material/fork_right:",
        help="Show the run that this one equals up to that step.", on_click=session.select_run, args=(parent.id,),
    )  # fmt: skip
    if pressed:
        st.rerun()


def refit_line(run: Run) -> None:
    """Of a run that was trained on all data: the run that it was retrained from, and that run's held-out score."""
    parent = _refit_parent(run.id, run) if run.outline.on_all_data else None
    if parent is None:
        return
    name = f"{session.escape(run_labels.title(parent))}, {run_labels.network(parent)} `{short_id(parent.id)}`"
    score = held_out_sentence(parent)
    told = f", whose held-out score counts: {session.escape(score)}" if score else ", which has no held-out score."
    st.markdown(f"Retrained on all data from **{name}**{told}")


@st.cache_data(show_spinner=False, max_entries=200)
def _refit_parent(run: str, _run: Run) -> Run | None:
    return refit_parent(session.store(), _run)


def parent_losses(run: Run) -> ParentLosses | None:
    """The losses of a run's parent from the fork on; None where it has none that can be read."""
    parent = parent_of(run)
    if parent is None or run.parent_step is None:
        return None
    history = _history(parent)
    try:
        history.update(session.store())
    except SeqcoreError:
        return None
    moment = history.moment()
    losses = moment.validation
    return ParentLosses.after(run.parent_step, (moment.curve_steps, moment.curve), (losses.steps, losses.losses))


def _history(run: Run) -> SharedHistory:
    key = (session.store().url, run.id)
    with _GUARD:
        if key not in _HISTORIES:
            for oldest in list(_HISTORIES)[: max(0, len(_HISTORIES) - MOST + 1)]:
                del _HISTORIES[oldest]
            _HISTORIES[key] = SharedHistory(run)
        return _HISTORIES[key]
