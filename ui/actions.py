"""Buttons that start and control a run: enabled only when applicable, idempotent on a double click."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from seqcore.data.table import Table
from seqcore.errors import DataError, SeqcoreError
from seqcore.experiment.experiment import Experiment
from seqcore.models import MODELS
from seqcore.results.formatting import counted, enumerated
from seqcore.runs.races import possible_architectures
from seqcore.runs.records import ENDED, Run
from seqcore.training.control import LIVE_CHANGES
from ui import data_picker, drafts, overview, permissions, replica_offers, session, warm_up
from ui.field_titles import by_titles
from ui.run_index import run_index

__all__ = [
    "buttons",
    "errors",
    "form_faults",
    "open_in_inspect",
    "open_in_predict",
    "open_race",
    "page_begins",
    "pending_request",
    "redraw_page_if_due",
    "redraw_page_later",
    "seeds_offer",
    "take_started",
]

WIDTHS = {
    "do-train": 100,
    "do-race": 96,
    "do-pause": 118,
    "do-stop": 90,
    "do-one-more-epoch": 162,
    "do-apply-to-this-run": 172,
    "do-open-in-inspect": 154,
    "do-open-in-predict": 154,
}
DEBOUNCE = 2.0  # seconds within which the same experiment is not submitted again: a double click starts one run
OFFER_POLL = 2.0  # seconds between two looks whether the cost of several seeds is known
MOST_VALUES = 1_000_000  # of a table: measuring the cost with a larger one would take long
SEEDS = "training.replicas"
RESULTING_STATUS = {"Pause": "paused", "Continue": "running", "Stop": "stopped"}  # request -> status once it is done
_ERRORS, _SUBMITTED, _DONE = "action-errors", "submitted", "action-done"
_PENDING = "pending-request"
_LATER = "redraw-page-later"
_RACING = "race-started-here"


def buttons(
    run: Run | None, experiment: Experiment | None, *, missing: bool = False, changed: Mapping[str, Any] | None = None
) -> None:
    """Train and, if a run is shown, Pause or Continue, Stop, and One more epoch.

    `experiment` is None if training would reject it; `missing` means that no file has been uploaded yet. `changed` are
    the fields that were changed during the run.
    """
    open_race()
    same = run is not None and not run.ended and experiment == run.experiment
    # None while this run is active: the pointer is still on the button, so the tooltip would stay on the page.
    help = None if same else "Start a run with these settings."
    if experiment is None:
        help = "Upload a file first." if missing else "These settings can't be trained; see the errors below."
    refused = permissions.refused_help()
    off = same or experiment is None or refused is not None
    shown = (_data_of(drafts.on_page()),)
    resumable = run is not None and run.status == "interrupted" and experiment in (None, run.experiment)
    _button("Train", "play_arrow", refused or help, _train, shown, primary=not resumable, off=off)
    if run is None or run.ended:
        off = experiment is None or refused is not None
        _button("Race", "sports_score", refused or (_race_help(experiment) if experiment else help), _race, off=off)
    if run is not None:
        _run_buttons(run, experiment, changed or {})
    if st.session_state.pop(_DONE, False):  # pressed in the fragment of a run: the page is that of another one now
        st.rerun()


def _race_help(experiment: Experiment) -> str:
    """How many runs a press on Race starts, and which."""
    names = [MODELS[name].title for name in possible_architectures(experiment)]
    return f"Starts {counted(len(names), 'run')} with these settings at the same time: {enumerated(names)}."


def _race() -> None:
    """Race the recurrent networks with the settings of the page; `open_race` then goes to the Compare page."""
    from ui import race_section  # not needed before: it takes time from the first page

    st.session_state.pop(_ERRORS, None)
    draft = drafts.on_page()
    draft.collect()
    try:
        lines = race_section.race_architectures(draft.experiment(), recipe=draft.recipe)
    except SeqcoreError as error:
        lines = error.lines
    if lines:
        st.session_state[_ERRORS] = lines
    else:
        st.session_state[_RACING] = True


def open_race() -> None:
    """Go to the race that was just started."""
    if st.session_state.pop(_RACING, False):
        from ui import compare_state

        compare_state.open_chosen()


def seeds_offer(experiment: Experiment | None, table: Table | None) -> None:
    """Beside Train: a place for the offer to train several seeds, where they cost little more than one.

    The cost is measured in the background, and the offer appears in its place; nothing waits for it.
    """
    if experiment is None or table is None or not _can_have_seeds(experiment, table):
        return
    with st.container(key="seeds-place", width="stretch"):
        awaited = not replica_offers.current.known(experiment)
        st.fragment(_seeds_offer, run_every=OFFER_POLL if awaited else None)(experiment, awaited)


def _can_have_seeds(experiment: Experiment, table: Table) -> bool:
    if experiment.training.replicas > 1 or permissions.refusal() is not None or table.values.size > MOST_VALUES:
        return False
    return experiment.why_not("training.replicas", 4) is None


def _seeds_offer(experiment: Experiment, awaited: bool) -> None:
    if st.session_state.get(_DONE, False):
        st.rerun()  # its button was pressed: the page is that of the new run
    offers = replica_offers.current
    known = offers.known(experiment)
    if awaited and known:
        st.rerun()  # no more polling
    if not known:
        busy = any(status not in ENDED for status in run_index().counts())
        if warm_up.current.done and not busy:
            offers.ask(session.store(), experiment)
        st.html("<span></span>")  # an empty container would take no place
        return
    found = offers.get(experiment)
    if found is None:
        st.html("<span></span>")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            f"Train {found.replicas} seeds together", key="do-train-seeds", icon=":material/stacks:",
            on_click=_train_seeds, args=(found.replicas, _data_of(drafts.on_page())),
            help="Trains one model for each seed as one batched model: loss and scores get a range over seeds, and "
            "predictions are their mean.",
        )  # fmt: skip
        st.caption(f"about {found.ratio:.1f} times the time of one", width="content")


def _train_seeds(count: int, shown: tuple[Any, Any]) -> None:
    draft = drafts.on_page()
    draft.values[SEEDS] = st.session_state[drafts.widget_key(draft, SEEDS)] = count
    _train(shown)


def open_in_predict(run: Run) -> None:
    """A link to the Predict page, for a run that has ended with a trained model."""
    if not run.ended or not run.metrics:
        return
    pressed = st.button(
        "Open in Predict", key="do-open-in-predict", width=WIDTHS["do-open-in-predict"], icon=":material/insights:",
        type="secondary" if run.status == "interrupted" else "primary",
        help="Test scores, your own input, new data from a file, and forecasts with this model.",
    )  # fmt: skip
    if pressed:
        session.select_run(run.id)
        session.go_to("predict.py")


def open_in_inspect(run: Run) -> None:
    """A link to the Inspect page, for a run that has taken a step."""
    pressed = st.button(
        "Open in Inspect", key="do-open-in-inspect", width=WIDTHS["do-open-in-inspect"],
        icon=":material/search_insights:", disabled=not run.step,
        help="What happens inside the network, at any snapshot of this run." if run.step else "No step was taken yet.",
    )  # fmt: skip
    if pressed:
        session.select_run(run.id)
        session.go_to("inspect.py")


def form_faults() -> None:
    """Below the buttons, where it is seen beside a disabled Train: why the form can't be trained."""
    draft = drafts.on_page()
    with st.container(key="form-faults"):
        session.show_lines(draft.faults, settings=draft.settings() if draft.faults else ())
        for line in draft.data_faults:
            st.warning(session.escape(by_titles(line, draft.settings())))


def page_begins() -> None:
    """Say that the whole page is drawn, after the action of a button: `buttons` need not have it drawn again."""
    open_race()
    st.session_state.pop(_DONE, None)
    st.session_state.pop(_LATER, None)


def take_started() -> bool:
    """Whether Train has just started a run that the page does not show yet; once only."""
    return bool(st.session_state.pop(_DONE, False))


def redraw_page_later() -> None:
    """Let `redraw_page_if_due` have the whole page drawn."""
    st.session_state[_LATER] = True


def redraw_page_if_due() -> None:
    """Have the whole page drawn, if only the view of a new run was drawn after a click."""
    if st.session_state.pop(_LATER, False):
        st.rerun()


def errors() -> None:
    """The errors of the last action, one line each, until the next action."""
    session.show_lines(st.session_state.get(_ERRORS, ()))


def pending_request(run: Run) -> str | None:
    """This session's request ("Pause", "Continue", "Stop") that the run's worker has not carried out yet, or None."""
    run_id, request = st.session_state.get(_PENDING, (None, None))
    if run_id != run.id:
        return None
    if run.ended or run.status == RESULTING_STATUS.get(request):
        del st.session_state[_PENDING]
        return None
    return str(request)


def _run_buttons(run: Run, experiment: Experiment | None, changed: Mapping[str, Any]) -> None:
    refused = permissions.refused_help(run)
    never = refused is not None
    if run.status == "paused":
        label, icon, help, action = "Continue", "play_circle", "Continue this run.", permissions.continue_
        off = pending_request(run) is not None
    elif run.status in ("stopped", "interrupted", "failed"):
        label, icon, help, action = "Resume", "play_circle", "Resume from the last checkpoint.", permissions.resume
        off = False
    else:
        label, icon, help, action = "Pause", "pause", "Pause this run; it can be continued later.", permissions.pause
        off = run.status != "running" or pending_request(run) is not None
    # One key for the three, so that the layout does not change with the run's status.
    first, request = run.status == "interrupted", (label, action, run.id)  # what most people come back for
    _button(label, icon, refused or help, _request, request, primary=first, off=off or never, key="do-pause")
    help = "End this run. Its weights are kept."
    off = run.ended or run.stopping or pending_request(run) == "Stop"
    _button("Stop", "stop", refused or help, _request, ("Stop", permissions.stop, run.id), off=off or never)
    off = run.status in ("queued", "failed", "interrupted")
    if run.ended:
        help = "Train for one more epoch from the last checkpoint."
    else:
        help = f"Add one epoch: {run.epochs + 1:,} instead of {run.epochs:,}."
    more = (permissions.more_epochs, run.id, 1)
    _button("One more epoch", "plus_one", refused or help, _command, more, off=off or never)
    changes = {} if never else _live_changes(run, experiment, changed)
    if changes:
        named = ", ".join(f"{path.rpartition('.')[2].replace('_', ' ')} {value:g}" for path, value in changes.items())
        help = f"Use {session.escape(named)} from the next step on."
        _button("Apply to this run", "tune", help, _command, (permissions.change, run.id, changes))


def _live_changes(run: Run, experiment: Experiment | None, changed: Mapping[str, Any]) -> dict[str, Any]:
    """The differences between the controls and an active run, if all of them can be changed while it trains."""
    if experiment is None or run.status not in ("running", "paused"):
        return {}
    changes = experiment.differences(run.experiment.with_changes(changed))
    edited = experiment.differences(run.experiment)  # other controls show what was in force at the start
    changes = {path: value for path, value in changes.items() if path in edited}
    if experiment.training.epochs == run.experiment.training.epochs:  # the control is behind by the added epochs
        changes.pop("training.epochs", None)
    return changes if changes and set(changes) <= set(LIVE_CHANGES) else {}


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
    """A draft's data: its source and, for an uploaded file, the file's hash."""
    return draft.values["data.source"], draft.values.get("data.options.hash")


def _train(shown: tuple[Any, Any]) -> None:
    st.session_state.pop(_ERRORS, None)
    draft = drafts.on_page()
    if data_picker.upload_pending() or _data_of(draft) != shown:
        st.session_state[_ERRORS] = ("The data changed while you pressed Train. Check them and press Train again.",)
        return
    draft.collect()
    try:
        experiment = draft.experiment()
        before = st.session_state.get(_SUBMITTED)
        if before is not None and before[1] == experiment and time.monotonic() - before[0] < DEBOUNCE:
            return
        lines = overview.check(experiment, data_picker.table_of(experiment))
        if lines:
            raise DataError(*lines)
        run = permissions.submit(experiment, recipe=draft.recipe)
    except SeqcoreError as error:
        st.session_state[_ERRORS] = error.lines
        return
    draft.link_errors = ()
    st.session_state[_SUBMITTED] = (time.monotonic(), experiment)
    drafts.set_run(run.id)
    session.select_run(run.id)
    st.session_state[_DONE] = True


def _command(action: Callable[..., object], *args: Any) -> None:
    st.session_state.pop(_ERRORS, None)
    try:
        action(*args)
    except SeqcoreError as error:
        st.session_state[_ERRORS] = error.lines


def _request(request: str, action: Callable[..., object], run: str) -> None:
    _command(action, run)
    st.session_state.pop(_PENDING, None)
    if request in RESULTING_STATUS and not st.session_state.get(_ERRORS):
        st.session_state[_PENDING] = (run, request)
