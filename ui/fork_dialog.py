"""Forks on pages: the button, and the dialog that asks for the step and for changes.

The dialog is drawn by the router, outside of every fragment, so that the periodic updates of a live run do not close
it. Until it is closed, the session remembers for which run it is open, and its values.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from seqcore.errors import SeqcoreError
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.fields import Setting
from seqcore.experiment.live import live_settings
from seqcore.experiment.schedule_text import schedule_name
from seqcore.results.formatting import counted
from seqcore.runs.labels import short_id
from seqcore.runs.records import Run, Snapshot
from ui import drafts, permissions, run_labels, session
from ui.live_field import live_field
from ui.whole_number import whole_input, whole_or_float

__all__ = ["fork_button", "interval", "open_dialog"]

_OPEN, _BASES = "fork-open", "fork-bases"
FEW = 4  # fields that are shown at once; the others are in an expander
EPOCHS = "training.epochs"
FIRST = ("training.learning_rate", EPOCHS, "training.batch_size", "model.dropout")


def fork_button(run: Run, step: int | None = None, *, key: str = "do-fork") -> None:
    """A button that opens the dialog for a fork of this run at a step; by default the present one of a live run, and a
    snapshot in the middle of one that has ended."""
    refused = permissions.refused_help()
    reason = refused or (None if run.step else "This run has not trained a step yet.")
    help = "Start a new run that equals this one up to a step of your choice, and goes on from there with changes."
    pressed = st.button(
        "Fork", key=key, icon=":material/fork_right:", help=reason or help, disabled=reason is not None, on_click=_ask,
        args=(run.id, step),
    )  # fmt: skip
    if pressed:
        st.rerun()  # the whole page: the dialog belongs to none of its fragments


def interval(seconds: float | None) -> float | None:
    """Seconds between two updates of the page: while the dialog covers it there are none, which could meet the start of
    the fork."""
    return None if st.session_state.get(_OPEN) is not None else seconds


def open_dialog() -> None:
    """Draw the dialog if it is open; called once, at the end of a page."""
    wanted = st.session_state.get(_OPEN)
    if wanted is None:
        return
    try:
        run = session.store().run(wanted[0])
    except SeqcoreError as error:  # deleted meanwhile
        _close()
        session.show_errors(error)
        return
    st.dialog("Fork this run", width="medium", icon=":material/fork_right:", on_dismiss=_close)(_dialog)(run, wanted[1])


def _ask(run: str, step: int | None) -> None:
    _close()
    st.session_state[_OPEN] = (run, step)


def _close() -> None:
    for key in [_OPEN, *(key for key in st.session_state if str(key).startswith("fork:"))]:
        st.session_state.pop(key, None)
    st.session_state[_BASES] = {}


def _dialog(run: Run, wanted: int | None) -> None:
    store = session.store()
    run = store.run(run.id)  # it may train
    kept = store.snapshots(run.id)
    st.markdown(
        f"**{session.escape(run_labels.title(run))}**, {run_labels.network(run)} `{short_id(run.id)}`. The new run "
        "equals it up to the step, then goes on with the values below."
    )
    if "fork:step" not in st.session_state:
        st.session_state["fork:step"] = _first_step(run, kept) if wanted is None else min(wanted, run.step)
    typed = whole_input(
        f"Step (0 to {run.step:,})", key="fork:step",
        help="The last step that both runs share. It need not have a snapshot.",
    )  # fmt: skip
    step = typed if isinstance(typed, int) else -1  # "1.5" is no step, and an emptied control has none
    try:
        base = store.experiment_at(run.id, min(max(step, 0), run.step))
    except SeqcoreError as error:
        session.show_errors(error)
        return
    more = _more_epochs(run, base) if step == run.step else {}
    if 0 <= step <= run.step:
        st.caption(_end(run, more) if more else _start(kept, step))
    else:
        st.caption("This run has no such step.")
    changes = _fields(base, more)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="fork-cancel", on_click=_close):
            st.rerun()
        pressed = st.button("Start the fork", key="fork-start", type="primary", icon=":material/fork_right:")
    if not pressed:
        return
    try:
        fork = permissions.fork(run.id, step, changes)
    except SeqcoreError as error:
        session.show_errors(error)
        return
    _close()
    drafts.reset(store.experiment_at(fork.id, step + 1), fork.recipe)
    drafts.set_run(fork.id)
    session.select_run(fork.id)
    session.go_to("train.py")


def _first_step(run: Run, kept: list[Snapshot]) -> int:
    """The step that is proposed: after the last one of a run there would be nothing left to train."""
    return max((one.step for one in kept if 2 * one.step <= run.step), default=0) if run.ended else run.step


def _more_epochs(run: Run, base: Experiment) -> dict[str, Any]:
    """The proposed number of epochs of a fork from the last step of a run that has trained all of its epochs."""
    epochs = base.training.epochs
    most = next(setting.maximum for setting, _ in live_settings(base) if setting.path == EPOCHS)
    proposed = run.epoch + epochs if most is None else min(run.epoch + epochs, int(most))
    return {EPOCHS: proposed} if epochs <= run.epoch < proposed else {}


def _end(run: Run, more: dict[str, Any]) -> str:
    return (
        f"This is the end of the run, which has trained all of its {counted(run.epoch, 'epoch')}. Proposed: "
        f"{more[EPOCHS]:,} epochs, of which the fork trains {more[EPOCHS] - run.epoch:,}."
    )


def _start(kept: list[Snapshot], step: int) -> str:
    """From which snapshot training goes on."""
    before = [one.step for one in kept if one.step <= step]
    if not before:
        return "This run has no snapshot at or before this step."
    if before[-1] == step:
        return "There is a snapshot at this step."
    repeated = counted(step - before[-1], "step")
    return f"Training goes on from the snapshot at step {before[-1]:,}, and repeats {repeated} first."


def _fields(base: Experiment, proposed: dict[str, Any]) -> dict[str, Any]:
    """The controls of the live fields that apply. Returns those that differ from `base`, the values at the step.

    A control shows the `proposed` value of its field, if there is one, until another is typed.
    """
    shown = base.with_changes(proposed)
    settings = [setting for setting, reason in live_settings(base) if reason is None]
    settings.sort(key=lambda s: FIRST.index(s.path) if s.path in FIRST else len(FIRST))
    bases: dict[str, Any] = st.session_state.setdefault(_BASES, {})
    values: dict[str, Any] = {}
    places = st.columns(2)
    for i, setting in enumerate(settings[:FEW]):
        with places[i % 2]:
            values[setting.path] = _control(setting, shown, bases)
    if settings[FEW:]:
        with st.expander("More fields"):
            places = st.columns(2)
            for i, setting in enumerate(settings[FEW:]):
                with places[i % 2]:
                    values[setting.path] = _control(setting, shown, bases)
    return {path: value for path, value in values.items() if value is not None and value != base.get(path)}


def _control(setting: Setting, base: Experiment, bases: dict[str, Any]) -> Any:
    """The control of a field; one that was not touched follows the value that the run has at the step."""
    key, value = f"fork:{setting.path}", float(base.get(setting.path))
    if key not in st.session_state or st.session_state[key] == bases.get(setting.path):
        st.session_state[key] = value
    bases[setting.path] = value
    return whole_or_float(st.number_input(**live_field(setting, value, schedule_name(base.training)), key=key))
