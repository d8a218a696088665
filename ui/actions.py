"""What can be done with a run, as buttons: on only when they make sense, and harmless when pressed twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from seqcore.errors import DataError, SeqcoreError
from seqcore.experiment.experiment import Experiment
from seqcore.runs.records import Run
from seqcore.training.control import LIVE_CHANGES
from ui import data_picker, drafts, overview, session

__all__ = ["asked", "buttons", "faults", "use_it", "was_started_here"]

WIDTHS = {
    "do-train": 100,
    "do-hold": 118,
    "do-stop": 90,
    "do-one-more-epoch": 162,
    "do-apply-to-this-run": 172,
    "do-use-it": 94,
}
TWICE = 2.0  # seconds within which the same experiment is not submitted again: a double click means one run
REACHED = {"Pause": "paused", "Continue": "running", "Stop": "stopped"}  # what is asked for -> the status it ends in
_FAULTS, _SUBMITTED, _OURS, _DONE = "action-faults", "submitted", "started-here", "action-done"
_ASKED = "asked-of-run"


def buttons(run: Run | None, experiment: Experiment | None, *, missing: bool = False) -> None:
    """Train and, where there is a run, Pause or Continue, Stop, and One more epoch.

    `experiment` is None where training would refuse it, `missing` where there are no data yet.
    """
    same = run is not None and not run.ended and experiment == run.experiment
    # None while this very run goes on: the pointer is still on the button and the words would stay on the page.
    help = None if same else "Start a run with these settings."
    if experiment is None:
        help = "Upload a file first." if missing else "This can't be trained; the lines above say why."
    shown = (_data_of(drafts.drawn()),)
    _button("Train", "play_arrow", help, _train, shown, primary=True, off=same or experiment is None)
    if run is not None:
        _run_buttons(run, experiment)
    if st.session_state.pop(_DONE, False):
        st.rerun()


def use_it(run: Run) -> None:
    """The way on from a run that has ended with something learned: a model is there to be used."""
    if not run.ended or not run.metrics:
        return
    pressed = st.button(
        "Use it", key="do-use-it", width=WIDTHS["do-use-it"], icon=":material/insights:", type="primary",
        help="To the Predict page with this model: its score on the test part, your own input, new data from a file.",
    )  # fmt: skip
    if pressed:
        session.select_run(run.id)
        st.switch_page("predict.py")


def faults() -> None:
    """What the last press of a button could not do, one line each, until the next press."""
    for line in st.session_state.get(_FAULTS, ()):
        st.error(session.escape(line))


def was_started_here(run: Run) -> bool:
    """Whether this session started the run: only then is it replayed unasked."""
    return run.id in st.session_state.get(_OURS, ())


def asked(run: Run) -> str | None:
    """What this session has asked of the run ("Pause", "Continue", "Stop") and whoever trains it has not done yet."""
    who, what = st.session_state.get(_ASKED, (None, None))
    if who != run.id:
        return None
    if run.ended or run.status == REACHED.get(what):
        del st.session_state[_ASKED]
        return None
    return str(what)


def _run_buttons(run: Run, experiment: Experiment | None) -> None:
    jobs = session.jobs()
    if run.status == "paused":
        off = asked(run) is not None
        _hold("Continue", "play_circle", "Go on with this run.", jobs.continue_, run, off=off)
    elif run.status in ("stopped", "interrupted", "failed"):
        _hold("Resume", "play_circle", "Go on from the last checkpoint.", jobs.resume, run)
    else:
        off = run.status != "running" or asked(run) is not None
        _hold("Pause", "pause", "Hold this run; it can be continued.", jobs.pause, run, off=off)
    help = "End this run and keep what it has learned."
    off = run.ended or run.stopping or asked(run) == "Stop"
    _button("Stop", "stop", help, _ask, ("Stop", jobs.stop, run.id), off=off)
    off = run.status in ("queued", "failed", "interrupted")
    if run.ended:
        help = "Train for exactly one more epoch, from where this run is now."
    else:
        help = f"Add one epoch to the plan: {run.epochs + 1:,} in place of {run.epochs:,}."
    _button("One more epoch", "plus_one", help, _command, (jobs.more_epochs, run.id, 1), off=off)
    changes = _live_changes(run, experiment)
    if changes:
        named = ", ".join(f"{path.rpartition('.')[2].replace('_', ' ')} {value:g}" for path, value in changes.items())
        help = f"Go on with {session.escape(named)} from the next step on."
        _button("Apply to this run", "tune", help, _change, (run.id, changes))


def _live_changes(run: Run, experiment: Experiment | None) -> dict[str, Any]:
    """What differs between the controls and a run that is going on, if all of it can be changed now."""
    if experiment is None or run.status not in ("running", "paused"):
        return {}
    changes = experiment.differences(run.experiment)
    return changes if changes and set(changes) <= set(LIVE_CHANGES) else {}


def _hold(label: str, icon: str, help: str, do: Callable[[str], object], run: Run, *, off: bool = False) -> None:
    """Pause, Continue and Resume are one button: nothing may move while a finger is on its way to another."""
    _button(label, icon, help, _ask, (label, do, run.id), off=off, key="do-hold")


def _button(
    label: str,
    icon: str,
    help: str | None,
    on_click: Callable[..., None],
    args: tuple[Any, ...] = (),
    *,
    primary: bool = False,
    off: bool = False,
    key: str | None = None,
) -> None:
    name = key or f"do-{label.lower().replace(' ', '-')}"
    st.button(
        label,
        key=name,
        width=WIDTHS[name],
        icon=f":material/{icon}:",
        help=help,
        type="primary" if primary else "secondary",
        disabled=off,
        on_click=on_click,
        args=args,
    )


def _data_of(draft: drafts.Draft) -> tuple[Any, Any]:
    """Which data a draft is about: its source and, of the visitor's own files, which."""
    return draft.values["data.source"], draft.values.get("data.options.hash")


def _train(shown: tuple[Any, Any]) -> None:
    st.session_state.pop(_FAULTS, None)
    draft = drafts.drawn()
    if data_picker.unsettled() or _data_of(draft) != shown:
        st.session_state[_FAULTS] = ("Other data came in just as you pressed Train: look at them and press it again.",)
        return
    draft.collect()
    try:
        experiment = draft.experiment()
        before = st.session_state.get(_SUBMITTED)
        if before is not None and before[1] == experiment and time.monotonic() - before[0] < TWICE:
            return
        lines = overview.problems(experiment, data_picker.table_of(experiment))
        if lines:
            raise DataError(*lines)
        run = session.jobs().submit(experiment, recipe=draft.recipe)
    except SeqcoreError as error:
        st.session_state[_FAULTS] = error.lines
        return
    draft.link_faults = ()
    st.session_state[_SUBMITTED] = (time.monotonic(), experiment)
    st.session_state[_OURS] = (*st.session_state.get(_OURS, ()), run.id)
    drafts.belongs_to(run.id)
    session.select_run(run.id)
    st.session_state[_DONE] = True


def _command(do: Callable[..., object], *args: Any) -> None:
    st.session_state.pop(_FAULTS, None)
    try:
        do(*args)
    except SeqcoreError as error:
        st.session_state[_FAULTS] = error.lines


def _ask(what: str, do: Callable[..., object], run: str) -> None:
    _command(do, run)
    st.session_state.pop(_ASKED, None)
    if what in REACHED and not st.session_state.get(_FAULTS):
        st.session_state[_ASKED] = (run, what)


def _change(run: str, changes: dict[str, Any]) -> None:
    _command(lambda: session.store().command(run, "change", changes))
