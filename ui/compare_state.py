"""What the Compare page shows: the chosen runs in link and session, and their curves, read once for all visitors."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import streamlit as st

from seqcore.runs.comparison import MOST, RunCurves, read_curves
from ui import session

__all__ = ["CHOSEN", "PAGE", "choose", "chosen", "curves_of", "keep_link", "open_chosen", "open_comparison"]

PAGE = "compare.py"
CHOSEN, GROUP = "compare-runs", "compare-group"
RUNS_KEY, GROUP_KEY = "runs", "group"
SHORT = 8  # characters of an id in the link
_KEPT = 64  # runs whose curves are in memory


def chosen() -> tuple[list[str], str | None]:
    """The chosen runs (ids or their beginnings) and the group, from the link at first."""
    if CHOSEN not in st.session_state:
        given = st.query_params.get(RUNS_KEY, "")
        st.session_state[CHOSEN] = [name.strip()[:60] for name in given.split(",") if name.strip()][: 2 * MOST]
        st.session_state[GROUP] = st.query_params.get(GROUP_KEY, "")[:120] or None
    return st.session_state[CHOSEN], st.session_state.get(GROUP)


def choose(runs: Sequence[str] = (), group: str | None = None) -> None:
    """Choose runs, or a group."""
    st.session_state[CHOSEN], st.session_state[GROUP] = list(runs), group


def keep_link() -> None:
    """Write what is chosen into the link of the page."""
    for key, value in _link().items():
        if not value:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != value:
            st.query_params[key] = value


def _link() -> dict[str, str]:
    """The parameters of the link; an empty one is left out."""
    runs, group = chosen()
    short = [run[:SHORT] for run in runs]
    return {RUNS_KEY: ",".join(short if len(set(short)) == len(runs) else runs), GROUP_KEY: group or ""}


def open_comparison(runs: Sequence[str] = (), group: str | None = None) -> None:
    """Go to the Compare page with these runs, or with those of a group."""
    choose(runs, group)
    open_chosen()


def open_chosen() -> None:
    """Go to the Compare page, by its whole link: a link that is completed later takes a second step back."""
    session.go_to(PAGE, {key: value for key, value in _link().items() if value})


class _Curves:
    """The curves of the runs that were asked for last. Threads may share it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._kept: OrderedDict[str, RunCurves] = OrderedDict()

    def get(self, run: str) -> RunCurves:
        """A run's curves as they are now; only what is new is read."""
        with self._guard:
            found = self._kept[run] = read_curves(session.store(), run, self._kept.pop(run, None))
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return found


@st.cache_resource(show_spinner=False, max_entries=1)
def _curves(url: str) -> _Curves:
    return _Curves()


def curves_of(run: str) -> RunCurves:
    """A run's curves as they are now."""
    return _curves(session.store().url).get(run)
