"""What all pages share: the server's store and scheduler, the selected run, the link, and how errors are shown."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NoReturn

import streamlit as st

from seqcore.errors import NotFoundError, SeqcoreError
from seqcore.experiment.fields import Setting
from seqcore.results.formatting import capitalized
from seqcore.runs import service
from seqcore.runs.records import Run
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store
from ui.field_titles import by_titles

__all__ = [
    "RUN",
    "escape",
    "go",
    "go_to",
    "icon",
    "keep_link",
    "scheduler",
    "select_run",
    "selected_run",
    "show_errors",
    "show_lines",
    "shown_run",
    "store",
]  # fmt: skip

RUN = "run"
"""The query parameter and the session-state key that hold the id of the selected run."""

_GO = "go-to-page"
_PAGE = "page-shown"
_WITHOUT_RUN = ("compare",)  # pages that do not show the selected run
_IN_FLIGHT = 0.15  # seconds for requests that the browser sent before it stopped its timers

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&=])")
_LINES = re.compile(r"\s*[\r\n\v\f\x85\u2028\u2029]\s*")
# Markdown makes links of these even where their characters are escaped.
_LINK = re.compile(r"(https?(?=:)|www(?=\.)|@)", re.IGNORECASE)
_NO_LINK = "\N{WORD JOINER}"  # invisible


def store() -> Store:
    """The store that all sessions of this server share. StoreError if it can't be opened."""
    return service.current.store()


def scheduler() -> Scheduler:
    """The scheduler (queue and workers) that all sessions of this server share, started."""
    return service.current.scheduler()


def selected_run() -> str | None:
    """The id of the selected run, from the link or from another page, or None."""
    run: str | None = st.session_state.get(RUN)
    return run


def select_run(run: str | None) -> None:
    """Select a run (None: no run) on every page and in the link."""
    st.session_state[RUN] = run
    keep_link()


def shown_run() -> Run | None:
    """The selected run, or None; "latest" and beginnings of ids are resolved. An unknown one is shown as an error."""
    name = selected_run()
    if name is None:
        return None
    try:
        run = store().run(name)
    except NotFoundError as error:
        show_errors(NotFoundError(str(error).partition("; ")[0]))  # the rest is for the command line
        newest = store().runs(limit=1)
        label = "Show the newest run" if newest else "Continue without a run"
        st.button(label, key="show-newest", on_click=select_run, args=(newest[0].id if newest else None,))
        return None
    except SeqcoreError as error:
        show_errors(error)
        return None
    if run.id != name:
        select_run(run.id)
    return run


def keep_link(page: str | None = None) -> None:
    """Copy the selected run between the link and the session: a page switch drops the query parameters.

    `page` is the address of the page that is drawn now, None for the same as before.
    """
    if RUN not in st.session_state:
        st.session_state[RUN] = st.query_params.get(RUN) or None
    if page is not None:
        before, st.session_state[_PAGE] = st.session_state.get(_PAGE), page
        if before not in (None, page):  # the browser still has the parameters of the page before
            st.query_params.from_dict(st.query_params.to_dict())
    run = st.session_state[RUN] if st.session_state.get(_PAGE) not in _WITHOUT_RUN else None
    if run is None:
        st.query_params.pop(RUN, None)
    elif st.query_params.get(RUN) != run:
        st.query_params[RUN] = run


def go_to(page: str, query_params: Mapping[str, str] | None = None) -> NoReturn:
    """Go to another page, the name of its file, from anywhere: a dialog, a fragment or a whole page."""
    st.session_state[_GO] = (page, query_params)
    st.rerun()


def go() -> None:
    """Go where `go_to` wants; called by the router before it draws a page.

    The run of the whole script that `go_to` asks for ends the timers of the old page's fragments. What they have sent
    already arrives during the pause and is merged into the switch. Later it would be run for the old page, whereupon
    the browser empties the new one and can't place what fragments draw next.
    """
    wanted = st.session_state.pop(_GO, None)
    if wanted is not None:
        page, query_params = wanted
        time.sleep(_IN_FLIGHT)
        st.switch_page(page, query_params=query_params)


def show_errors(*errors: SeqcoreError, settings: Iterable[Setting] = ()) -> None:
    """Show errors as `show_lines` does."""
    show_lines((line for error in errors for line in error.lines), settings=settings)


def show_lines(lines: Iterable[str], *, settings: Iterable[Setting] = ()) -> None:
    """Show lines of errors, one box each. The prefix "input: " is dropped: the message is shown beside the input.

    Fields are named by their titles, options among `settings` too.
    """
    known = tuple(settings)
    for line in lines:
        message = by_titles(line.removeprefix("input: "), known)
        same = message.partition(" ")[0] == line.partition(" ")[0]  # as the name of a file
        st.error(escape(message if same else capitalized(message)))


def escape(text: str) -> str:
    """Text with its Markdown characters escaped, on one line: names given by users must not become links or images."""
    return _MARKDOWN.sub(r"\\\1", _LINK.sub(rf"\1{_NO_LINK}", _LINES.sub(" ", text)))


def icon() -> Path:
    """The icon in the browser's tab."""
    return Path(__file__).with_name("icon.svg")
