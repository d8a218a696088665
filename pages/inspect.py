"""Inspect: what happens inside a model, at any snapshot of its training and for any example."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from seqcore.errors import NotFoundError, SeqcoreError
from seqcore.runs.records import Run, Snapshot
from ui import permissions, run_labels
from ui.field_titles import by_titles
from ui.fork_dialog import fork_button, interval
from ui.inspect_context import (
    SELECTED,
    Inspected,
    Selection,
    inspect,
    inspect_cache,
    load_predictor,
    load_table,
    prefetch,
    weights_note,
)
from ui.inspect_example import choose_example, describe
from ui.inspect_link import Shown, shown, write_link
from ui.inspect_prediction import prediction
from ui.inspect_sections import draw_sections
from ui.run_choice import choose_run
from ui.session import escape, show_errors, store
from ui.time_slider import time_slider

if TYPE_CHECKING:
    from seqcore.inference.predictor import Predictor

POLL = 1.0  # seconds between two looks for new snapshots of a live run
OLD = (
    "This run has no snapshots: it was trained by an earlier version, or without them (training.snapshots). The page "
    "shows its last weights; training it again keeps a snapshot at ten steps per decade."
)


def main() -> None:
    """The page from top to bottom."""
    runs = store().runs(limit=500)
    if not runs:
        st.title("Inspect", anchor=False)
        st.markdown("No trained models yet. Train one first, then inspect it here.")
        st.page_link("train.py", label="Train a model", icon=":material/play_circle:")
        return
    run = choose_run("Inspect", runs)
    if run is not None:
        st.fragment(inspect_run, run_every=interval(None if run.ended else POLL))(run.id, was_active=not run.ended)


def inspect_run(run_id: str, *, was_active: bool) -> None:
    """One run; redrawn alone when the slider moves, and periodically while the run is active."""
    try:
        run = store().run(run_id)
    except NotFoundError:
        st.rerun()  # deleted since the page was drawn: which says so
    if was_active == run.ended:
        st.rerun()  # it has ended or goes on: other polling
    try:
        introduce(run)
        snapshots = store().snapshots(run.id)
        if snapshots:
            look(run, shown(run), snapshots)
        else:
            nothing_yet(run)
    except SeqcoreError as error:  # data or snapshots that are gone or damaged
        show_errors(error)


def look(run: Run, now: Shown, snapshots: list[Snapshot]) -> None:
    """The controls, the time slider and the pictures."""
    place = chosen(now, snapshots)
    table, cache = load_table(run.id), inspect_cache()
    models = load_predictor(cache, store(), run, place, None)
    predictor = models if models.replicas < 2 else load_predictor(cache, store(), run, place, replica_of(now, models))
    with st.container(horizontal=True, vertical_alignment="bottom", key="inspect-controls"):
        example = choose_example(run, now, predictor, table)
        choose_replica(run, now, models)
        follow(run, now)
        fork_button(run, place.step, key="inspect-fork")
    for fault in now.faults:
        st.warning(escape(fault))
    if example is None:
        return
    note = weights_note(run, place.step)
    st.markdown(f":gray[{describe(example)}{' · ' if note else ''}{note}]")
    time_slider(run, snapshots, place.step, partial(move, now))
    if place.reason == "end" and len(snapshots) == 1:
        st.caption(OLD)
    selection = st.session_state.get(SELECTED) or Selection()
    inspected = inspect(run, place, example, table, replica=now.replica, selection=selection)
    draw(inspected)
    write_link(now, at=place.step, split=now.split, replicas=models.replicas)
    i = snapshots.index(place)
    prefetch(inspected, [snapshots[j] for j in (i + 1, i - 1) if 0 <= j < len(snapshots)])


def draw(inspected: Inspected) -> None:
    """Every picture."""
    prediction(inspected)
    draw_sections(inspected)


def chosen(now: Shown, snapshots: list[Snapshot]) -> Snapshot:
    """The snapshot that the visitor looks at: the wanted one, else the nearest, else the newest."""
    if now.follow or now.at is None:
        now.at = snapshots[-1].step
    nearest = min(snapshots, key=lambda place: abs(place.step - (now.at or 0)))
    if nearest.step != now.at:
        now.faults.append(
            f"at: there is no snapshot at step {now.at:,}; the nearest one, at step {nearest.step:,}, is shown"
        )
        now.at = nearest.step
    return nearest


def move(now: Shown, step: int) -> None:
    """The time slider was moved."""
    now.at, now.follow = step, False
    now.faults.clear()


def introduce(run: Run) -> None:
    """The model, its status, and whose it is where it is another user's."""
    status = run_labels.STATUSES[run.status]
    size = f" · {run.parameters:,} parameters" if run.parameters else ""
    st.markdown(
        f"**{escape(run_labels.title(run))}** :{status.color}-badge[{status.word}]  \n"
        f":gray[{run_labels.network(run)} · {run_labels.trained_on(run)}{size}]"
    )
    if run.status in ("failed", "interrupted", "damaged") and run.step:
        st.caption(escape(f"It ended early: {(run.error or run.reason).splitlines()[0]}"))
    refused = permissions.refused_help(run)
    if refused is not None:
        st.caption(f"{refused} Everything on this page can be viewed.")


def nothing_yet(run: Run) -> None:
    """A run without weights: why, and where to go."""
    if run.status == "failed":
        reason = by_titles((run.error or run.reason).splitlines()[0])
        st.error(escape(f"This run failed before its first snapshot: {reason}"))
        st.page_link("train.py", label="Open in Train to change its settings", icon=":material/tune:")
        return
    if run.status == "queued":
        st.info("This run is queued. Its first snapshot is kept when training begins.")
    elif run.ended:
        st.info("This run has no weights: it ended before its first snapshot or checkpoint.")
    else:
        st.info("This run has no snapshot yet. The first one is kept when training begins.")
    st.page_link("train.py", label="Open in Train", icon=":material/play_circle:")


def replica_of(now: Shown, models: Predictor) -> int:
    """The number of the seed that is looked at."""
    now.replica = min(now.replica, models.replicas - 1)
    return now.replica


def choose_replica(run: Run, now: Shown, models: Predictor) -> None:
    """Of several seeds, the one whose model is looked at."""
    if models.replicas < 2:
        return
    first, key = run.experiment.training.seed, f"inspect-replica-{run.id}"

    def chose() -> None:
        now.replica = st.session_state[key]

    st.selectbox(
        "Model", range(models.replicas), index=now.replica, key=key, width=140, on_change=chose,
        format_func=lambda k: f"Seed {first + k}", help="The model of one of the seeds that were trained together.",
    )  # fmt: skip


def follow(run: Run, now: Shown) -> None:
    """While a run goes on: whether the newest snapshot is shown as soon as it is there."""
    if run.ended:
        now.follow = False
        return

    key = f"inspect-follow-{run.id}"

    def switched() -> None:
        now.follow = st.session_state[key]

    st.session_state[key] = now.follow  # the time slider switches it off
    st.toggle("Follow", key=key, on_change=switched, help="Show each new snapshot as soon as it is there.")


main()
