"""Runs: everything that was trained, how it went, and what can be done with it."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import streamlit as st

from seqcore.errors import NotFoundError, SeqcoreError
from seqcore.events import Changed, Epoch
from seqcore.plots import loss_info, plot_loss
from seqcore.results.formatting import format_duration
from seqcore.runs.store import Run
from ui import run_labels
from ui.results import picture
from ui.run_list import run_list
from ui.session import escape, fail, jobs, select_run, selected_run, store

AT_ONCE = 25  # rows; more on request
GOING = ("queued", "running", "paused")
EVERY = 1.0  # seconds between two looks while something is going
ORDERS = {
    "Newest first": lambda run: -run.created.timestamp(),
    "Best score first": lambda run: -run_labels.merit(run),
    "Longest first": lambda run: -run.seconds,
    "Name": lambda run: (run_labels.title(run).lower(), -run.created.timestamp()),
}


def main() -> None:
    """The page from top to bottom."""
    st.title("Runs", anchor=False)
    if fault := st.session_state.pop("runs-fault", None):
        fail(fault)
    runs = current_runs()
    if not runs:
        st.markdown("There is no run yet. Whatever you train is kept here, with its curve, its scores and its weights.")
        st.page_link("train.py", label="Train a model", icon=":material/play_circle:")
        return
    going = any(run.status in GOING for run in runs)
    st.fragment(overview, run_every=EVERY if going else None)(going)


@st.cache_resource(ttl=30, show_spinner=False)
def every_run() -> list[Run]:
    """All runs, the newest first. A thousand take a quarter of a second: too long for every look."""
    return store().runs()


def current_runs() -> list[Run]:
    """All runs, with the newest and those that move as they are now."""
    runs = {run.id: run for run in every_run()}
    fresh = {run.id: run for run in store().runs(limit=AT_ONCE)}
    places = {run: place for place, run in enumerate(store().queue(), start=1)}
    for run in runs.values():
        if run.id in fresh or run.status not in GOING:
            continue
        if run.status == "queued" and run.id in places:
            fresh[run.id] = replace(run, queue_position=places[run.id])
        else:
            with contextlib.suppress(NotFoundError):
                fresh[run.id] = store().run(run.id)
    return sorted((runs | fresh).values(), key=lambda run: run.created, reverse=True)


def overview(going: bool) -> None:
    """List and chosen run; looked at again by itself while a run is going."""
    runs = current_runs()
    if going and not any(run.status in GOING for run in runs):
        st.rerun()  # the last one has ended: no more looking
    shown = choose(runs)
    chosen = selected_run() or (shown[0].id if shown else None)
    left, right = st.columns([1.9, 1], gap="large")
    with left:
        show_list(shown, chosen)
    with right, st.container(key="run-detail"):
        run = next((run for run in runs if run.id == chosen), None)
        if run is not None:
            detail(run)
        elif chosen is not None:
            missing(chosen)


def choose(runs: list[Run]) -> list[Run]:
    """Filters and order."""
    counts = {word: sum(run.status == word for run in runs) for word in run_labels.STATUSES}
    with st.container(horizontal=True, vertical_alignment="center"):
        words = st.text_input(
            "Find", placeholder="Find by name, network or id", key="runs-find", label_visibility="collapsed", width=260,
            help="Part of a recipe's or file's name, of a network (GRU), or the beginning of an id.",
        )  # fmt: skip
        statuses = st.pills(
            "Status", [status for status in counts if counts[status]], selection_mode="multi", key="runs-status",
            format_func=lambda status: f"{run_labels.STATUSES[status].word} {counts[status]:,}",
            label_visibility="collapsed", help="Show only runs with these statuses.",
        )  # fmt: skip
        order = st.selectbox(
            "Order", list(ORDERS), key="runs-order", label_visibility="collapsed", width=190, help="What comes first."
        )
    wanted = words.lower().split()
    kept = [run for run in runs if not statuses or run.status in statuses]
    if wanted:
        kept = [run for run in kept if all(word in run_labels.label(run).lower() for word in wanted)]
    return sorted(kept, key=ORDERS[order])


def show_list(runs: list[Run], chosen: str | None) -> None:
    """As many rows as were asked for; a click chooses."""
    if not runs:
        st.caption("No run is like that. Take a filter away.")
        return
    count = st.session_state.setdefault("runs-count", AT_ONCE)
    run_list(runs[:count], selected=chosen, on_choose=select_run, key="run-list")
    if len(runs) > count:
        st.button(
            f"Show {min(AT_ONCE, len(runs) - count)} more of {len(runs):,}",
            type="tertiary", icon=":material/expand_more:", key="runs-more",
            on_click=lambda: st.session_state.update({"runs-count": count + AT_ONCE}),
        )  # fmt: skip


def missing(run: str) -> None:
    """The link names a run that isn't there."""
    try:
        select_run(store().run(run).id)
        st.rerun()
    except NotFoundError as error:
        fail(error)


def detail(run: Run) -> None:
    """One run: how it went, and what can be done with it."""
    word = run_labels.STATUSES[run.status]
    st.markdown(
        f"#### {escape(run_labels.title(run))}\n:{word.colour}-badge[{word.icon} {word.word}] "
        f":gray[{run_labels.network(run)}, {run_labels.trained_on(run)}]"
    )
    explain(run)
    actions(run)
    curve = store().curve(run.id, "loss")
    events = [stored.event for stored in store().events(run.id, kinds=("epoch", "changed"))]
    info = loss_info(curve.steps, curve.values, [e for e in events if isinstance(e, Epoch | Changed)])
    if not info.empty:
        figure = plot_loss(info)
        figure.update_layout(height=250)
        picture(figure, key=f"loss-{run.id}", label="Training and validation loss over the steps of the run")
    scores = run_labels.scores(run)
    if scores.model is not None:
        st.markdown(escape(scores.sentence))
    facts(run)


def explain(run: Run) -> None:
    """Why a run waits, has ended early or failed."""
    if run.status == "queued":
        place = (
            "It is next in the queue."
            if run.queue_position == 1
            else f"It is number {run.queue_position} in the queue."
        )
        st.caption(place)
    elif run.status == "failed":
        for line in (run.error or run.reason).splitlines():
            st.error(escape(line))
        if log := store().log(run.id):
            with st.expander("Log"):
                st.code(log[-20_000:], language=None)
    elif run.status == "interrupted":
        st.warning(escape(_sentence(run.reason)))
    elif run.reason:
        st.caption(escape(_sentence(run.reason)))


def actions(run: Run) -> None:
    """What can be done with a run in its status."""
    hopeless = run.status == "failed" and store().checkpoint_step(run.id) is None  # as it is, it would fail again
    with st.container(horizontal=True):
        if run.status in ("interrupted", "stopped", "failed") and not hopeless:
            _action(
                "Resume", run, jobs().resume, icon="play_arrow", primary=True, help="Go on from its last checkpoint."
            )
        if run.status == "running":
            _action("Pause", run, jobs().pause, icon="pause", help="Hold it; it keeps its place.")
        if run.status == "paused":
            _action("Continue", run, jobs().continue_, icon="play_arrow", primary=True, help="Go on.")
        if run.status in GOING:
            _action("Stop", run, jobs().stop, icon="stop", help="End it, and keep what it has learned.")
        if st.button(
            "Open in Train", icon=":material/show_chart:", key=f"open-Train-{run.id}",
            type="primary" if hopeless else "secondary", help="Its settings and its curve, to look at or to change.",
        ):  # fmt: skip
            _open(run, "train.py")
        if not hopeless and st.button("Open in Predict", icon=":material/insights:", key=f"open-Predict-{run.id}"):
            _open(run, "predict.py")
        if run.status not in ("running", "paused") and st.button(
            "Delete", icon=":material/delete:", type="tertiary", key=f"delete-{run.id}", help="Asks first."
        ):
            confirm_delete(run)


def _open(run: Run, page: str) -> None:
    """Another page, of this run: the first of the list is shown without having been chosen."""
    select_run(run.id)
    st.switch_page(page)


def _action(name: str, run: Run, act: object, *, icon: str, help: str, primary: bool = False) -> None:
    kind = "primary" if primary else "secondary"
    if st.button(name, icon=f":material/{icon}:", type=kind, key=f"{name}-{run.id}", help=help):
        assert callable(act)
        try:
            act(run.id)
        except SeqcoreError as error:
            fail(error)
        else:
            every_run.clear()
            st.rerun()


@st.dialog("Delete this run?", icon=":material/delete:")
def confirm_delete(run: Run) -> None:
    """Ask, then delete."""
    st.markdown(
        f"**{escape(run_labels.title(run))}**, {run_labels.network(run)}, {run_labels.counted(run.epoch, 'epoch')}: "
        "its curve, its scores and its weights go, and can't be brought back."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep it", key="delete-no"):
            st.rerun()
        if st.button("Delete", type="primary", key="delete-yes", on_click=delete, args=(run.id,)):
            st.rerun()


def delete(run: str) -> None:
    """Delete, and look at no run."""
    try:
        jobs().delete(run)
    except SeqcoreError as error:
        st.session_state["runs-fault"] = error
    else:
        every_run.clear()
        select_run(None)


def facts(run: Run) -> None:
    """Numbers, as a quiet list."""
    rows = {
        "Epochs": f"{run.epoch:,} of {run.epochs:,}" + (f", best {run.best_epoch}" if run.best_epoch else ""),
        "Steps": f"{run.step:,}",
        "Parameters": f"{run.parameters:,}" if run.parameters else "–",
        "Training time": format_duration(run.seconds) + (f" in {run.attempt} attempts" if run.attempt > 1 else ""),
        "Started": f"{run.created:%d %b %Y %H:%M} UTC",
        "Id": f"`{run.id}`",
    }
    st.table(rows, border="horizontal")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


main()
