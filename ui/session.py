"""The store and the jobs of this server, the run that a visitor looks at, and how a fault is shown."""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st

from seqcore.errors import SeqcoreError
from seqcore.runs.api import open_store
from seqcore.runs.records import Run
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store

__all__ = ["RUN", "escape", "fail", "icon", "jobs", "keep_link", "select_run", "selected_run", "shown_run", "store"]

RUN = "run"
"""The query parameter, and the key in the session's state, that name the run which is looked at."""

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:])")


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """The store that all sessions of this server share. StoreError where it can't be opened."""
    return open_store()


def _close(value: Scheduler) -> None:
    value.close()


@st.cache_resource(show_spinner=False, on_release=_close)
def jobs() -> Scheduler:
    """The queue and the workers that all sessions of this server share, started."""
    pool = Scheduler(store())
    pool.start()
    return pool


def selected_run() -> str | None:
    """The id of the run that is looked at, from the link or from an earlier page, or None."""
    run: str | None = st.session_state.get(RUN)
    return run


def select_run(run: str | None) -> None:
    """Look at this run from now on (None: at none), on every page and in the link."""
    st.session_state[RUN] = run
    keep_link()


def shown_run() -> Run | None:
    """The run that is looked at, or None; one that can't be had is said on the page. "latest" and beginnings do."""
    name = selected_run()
    if name is None:
        return None
    try:
        run = store().run(name)
    except SeqcoreError as error:
        fail(error)
        return None
    if run.id != name:
        select_run(run.id)
    return run


def keep_link() -> None:
    """Carry the selected run between the link and the session: a page switch drops the link's parameters."""
    if RUN not in st.session_state:
        st.session_state[RUN] = st.query_params.get(RUN) or None
    run = st.session_state[RUN]
    if run is None:
        st.query_params.pop(RUN, None)
    elif st.query_params.get(RUN) != run:
        st.query_params[RUN] = run


def fail(error: SeqcoreError) -> None:
    """Show a fault: one box for each of its lines. What stands above the field needn't be called "input" again."""
    for line in error.lines:
        said = line.removeprefix("input: ")
        st.error(escape(line if said == line else said[:1].upper() + said[1:]))


def escape(text: str) -> str:
    """Text as Markdown that shows it as it is: names that users give must not become links or pictures."""
    return _MARKDOWN.sub(r"\\\1", text)


def icon() -> Path:
    """The picture in the browser's tab."""
    return Path(__file__).with_name("icon.svg")
