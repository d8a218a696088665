"""Runs: every run with its status, scores and loss curve, and the actions on it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from seqcore.errors import NotFoundError, SeqcoreError
from seqcore.plots.loss import LossInfo, plot_loss
from seqcore.results import metric_named
from seqcore.results.formatting import counted, format_duration, typeset
from seqcore.runs.records import ENDED, Run, Status
from seqcore.runs.store import RunFilter
from ui import compare_state, permissions, run_labels
from ui.fork_dialog import fork_button
from ui.live_chart import figure_text, live_chart
from ui.parent import parent_line, parent_losses, refit_line
from ui.run_index import run_index
from ui.run_list import run_list
from ui.run_view import loss_of, loss_state
from ui.session import escape, go_to, select_run, selected_run, show_errors, show_lines, store
from ui.shared_history import shared_history

PAGE_SIZE = 25  # rows; more on request
CHECKED = "runs-checked"  # the session-state key of the runs that are chosen for a comparison
POLL = 1.0  # seconds between two updates while a run is active
ORDERS = {"Newest first": "newest", "Best score first": "skill", "Longest first": "longest", "Name": "title"}


def main() -> None:
    """The page from top to bottom."""
    st.title("Runs", anchor=False)
    if error := st.session_state.pop("runs-error", None):
        show_errors(error)
    counts = run_index().counts(now=True)
    if not counts:
        st.markdown("No runs yet. Every run is kept here with its loss curve, scores and weights.")
        st.page_link("train.py", label="Train a model", icon=":material/play_circle:")
        return
    active = any_active(counts)
    st.fragment(overview, run_every=POLL if active else None)(active)


def any_active(counts: dict[Status, int]) -> bool:
    """Whether a run is queued, running or paused."""
    return any(status not in ENDED for status in counts)


def overview(was_active: bool) -> None:
    """The list and the selected run; redrawn periodically while a run is active."""
    counts = run_index().counts()
    if was_active and not any_active(counts):
        st.rerun()  # the last active run has ended: no more polling
    chosen = filters(counts)
    # Without an active run nothing polls: what is shown now stays, so a run that was just deleted must be gone.
    page = run_index().page(chosen, st.session_state.setdefault("runs-count", PAGE_SIZE), now=not was_active)
    shown = page.runs
    selected = selected_run() or (shown[0].id if shown else None)
    left, right = st.columns([1.9, 1], gap="large")
    with left:
        show_list(shown, selected, total=page.total)
    with right, st.container(key="run-detail"):
        if selected is not None:
            run = next(iter([run for run in shown if run.id == selected] or store().runs(ids=[selected])), None)
            if run is None:
                missing(selected)
            else:
                detail(run)


def filters(counts: dict[Status, int]) -> RunFilter:
    """The controls of the list, and what they choose."""
    with st.container(horizontal=True, vertical_alignment="center"):
        words = st.text_input(
            "Search", placeholder="Name, architecture or id", key="runs-find", label_visibility="collapsed", width=260,
            help="Part of the name of a recipe, a file, an architecture or an owner, or the beginning of an id.",
        )  # fmt: skip
        statuses = st.pills(
            "Status", [status for status in run_labels.STATUSES if status in counts],
            selection_mode="multi", key="runs-status",
            format_func=lambda status: f"{run_labels.STATUSES[status].word} {counts.get(status, 0):,}",
            label_visibility="collapsed", help="Show runs with these statuses only.",
        )  # fmt: skip
        mine = permissions.has_logins() and st.toggle(
            "My runs", key="runs-mine", help="Show only the runs that you started."
        )
        order = st.selectbox(
            "Sort by", list(ORDERS), key="runs-order", label_visibility="collapsed", width=190, help="Sort order."
        )
    owner = permissions.user() if mine else None
    return RunFilter(words, tuple(statuses), owner, ORDERS[order])


def show_list(runs: list[Run], selected: str | None, *, total: int) -> None:
    """The first rows of `total`, and a button for more; a click selects a run."""
    if not runs:
        st.caption("No matching runs. Remove a filter.")
        return
    checked: list[str] = st.session_state.setdefault(CHECKED, [])
    run_list(runs, selected=selected, on_select=select_run, checked=checked, on_check=keep_checked, key="run-list")
    compare_button(checked)
    count = st.session_state["runs-count"]
    if total > count:
        st.button(
            f"Show {min(PAGE_SIZE, total - count)} more of {total:,}",
            type="tertiary", icon=":material/expand_more:", key="runs-more",
            on_click=lambda: st.session_state.update({"runs-count": count + PAGE_SIZE}),
        )  # fmt: skip


def keep_checked(runs: list[str]) -> None:
    """Keep the ids of the runs that are chosen for a comparison."""
    st.session_state[CHECKED] = runs


def compare_button(checked: list[str]) -> None:
    """Below the list: a comparison of the runs whose box is ticked."""
    count = len(checked)
    with st.container(horizontal=True, vertical_alignment="center", key="runs-compare"):
        if not count:
            st.caption("Select runs in the list to compare them.")
            return
        help = "Show the selected runs side by side on the Compare page."
        if st.button(
            f"Compare {counted(count, 'run')}", icon=":material/stacked_line_chart:", key="compare", help=help
        ):
            compare_state.open_comparison(checked)
        st.button("Clear", key="compare-clear", type="tertiary", on_click=checked.clear, help="Clear the selection.")


def missing(run: str) -> None:
    """Resolve an abbreviated id from the link, or say that there is no such run."""
    try:
        select_run(store().run(run).id)
        st.rerun()
    except NotFoundError as error:
        show_errors(error)


def detail(run: Run) -> None:
    """One run: status, actions, loss curve, scores and facts."""
    status = run_labels.STATUSES[run.status]
    st.markdown(
        f"#### {escape(run_labels.title(run))}\n:{status.color}-badge[{status.icon} {status.word}] "
        f":gray[{run_labels.network(run)}, {run_labels.trained_on(run)}]"
    )
    parent_line(run)
    refit_line(run)
    explain(run)
    actions(run)
    loss(run)
    scores = run_labels.scores(run)
    if scores.model is not None:
        st.markdown(escape(scores.sentence))
        if scores.ends is not None:
            words = metric_named(scores.metric)
            low, median, high = map(words.format, (scores.ends[0], scores.model, scores.ends[1]))
            st.caption(
                typeset(f"{words.short} over {len(scores.replicas)} seeds: median {median}, range {low} to {high}.")
            )
    facts(run)


def loss(run: Run) -> None:
    """The loss curve of a run, drawn once for all visitors."""
    history = shared_history(run)
    history.update(store())
    moment, parent = history.moment(), parent_losses(run)

    def draw() -> tuple[str, LossInfo]:
        info = loss_of(moment, parent=parent)
        return figure_text(plot_loss(info).update_layout(height=height)), info

    height = 250 if parent is None else 290  # its legend has more lines
    figure, info = history.drawn("small-loss", loss_state(moment, parent), draw)
    if not info.empty:
        live_chart(figure, key=f"loss-{run.id}", label=info.sentence, height=height, revision=f"loss-{run.id}")


def explain(run: Run) -> None:
    """Whose run it is, if it is another user's, and why it is queued, ended early or failed."""
    if permissions.has_logins() and (refused := permissions.refused_help(run)):
        st.caption(refused)
    if run.status == "queued":
        st.caption(f"Position {run.queue_position} in the queue.")
    elif run.status == "failed":
        show_lines((run.error or run.reason).splitlines())
        if log := store().log(run.id):
            with st.expander("Log"):
                st.code(log[-20_000:], language=None)
    elif run.status == "interrupted":
        st.warning(escape(_sentence(run.reason)))
    elif run.reason:
        st.caption(escape(_sentence(run.reason)))


def actions(run: Run) -> None:
    """The actions that apply to a run in its status."""
    unusable = run.status == "failed" and store().checkpoint_step(run.id) is None  # no weights, and it would fail again
    with st.container(horizontal=True):
        if run.status in ("interrupted", "stopped", "failed") and not unusable:
            help = "Resume from the last checkpoint."
            _action("Resume", run, permissions.resume, icon="play_arrow", primary=True, help=help)
        if run.status == "running":
            _action("Pause", run, permissions.pause, icon="pause", help="Pause this run; it can be continued later.")
        if run.status == "paused":
            _action("Continue", run, permissions.continue_, icon="play_arrow", primary=True, help="Continue this run.")
        if not run.ended:
            _action("Stop", run, permissions.stop, icon="stop", help="End this run. Its weights are kept.")
        if st.button(
            "Open in Train", icon=":material/show_chart:", key=f"open-Train-{run.id}",
            type="primary" if unusable else "secondary", help="Show its settings and loss, and change the settings.",
        ):  # fmt: skip
            _open(run, "train.py")
        if not unusable and st.button("Open in Predict", icon=":material/insights:", key=f"open-Predict-{run.id}"):
            _open(run, "predict.py")
        if not unusable and st.button(
            "Open in Inspect", icon=":material/search_insights:", key=f"open-Inspect-{run.id}",
            help="See its states, gates and memory at any snapshot of its training.",
        ):  # fmt: skip
            _open(run, "inspect.py")
        if run.step and not unusable:
            fork_button(run, key=f"fork-{run.id}")
        if run.group is not None and st.button(
            "Compare group", icon=":material/stacked_line_chart:", key=f"group-{run.id}",
            help=f"Show every run of the group {escape(run.group)} side by side.",
        ):  # fmt: skip
            compare_state.open_comparison(group=run.group)
        refused = permissions.refused_help(run)
        if run.status not in ("running", "paused") and st.button(
            "Delete", icon=":material/delete:", type="tertiary", key=f"delete-{run.id}",
            disabled=refused is not None, help=refused or "Asks for confirmation.",
        ):  # fmt: skip
            confirm_delete(run)


def _open(run: Run, page: str) -> None:
    """Another page with this run; the first run of the list is shown without being selected."""
    select_run(run.id)
    go_to(page)


def _action(
    name: str, run: Run, action: Callable[[str], object], *, icon: str, help: str, primary: bool = False
) -> None:
    kind = "primary" if primary else "secondary"
    refused = permissions.refused_help(run)
    if st.button(
        name, icon=f":material/{icon}:", type=kind, key=f"{name}-{run.id}", help=refused or help,
        disabled=refused is not None,
    ):  # fmt: skip
        try:
            action(run.id)
        except SeqcoreError as error:
            show_errors(error)
        else:
            st.rerun()


@st.dialog("Delete this run?", icon=":material/delete:")
def confirm_delete(run: Run) -> None:
    """Ask for confirmation, then delete."""
    st.markdown(
        f"**{escape(run_labels.title(run))}**, {run_labels.network(run)}, {counted(run.epoch, 'epoch')}. "
        "The loss curve, scores and weights are permanently deleted."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="delete-no"):
            st.rerun()
        if st.button("Delete", type="primary", key="delete-yes", on_click=delete, args=(run.id,)):
            st.rerun()


def delete(run: str) -> None:
    """Delete a run and clear the selection."""
    try:
        permissions.delete(run)
    except SeqcoreError as error:
        st.session_state["runs-error"] = error
    else:
        select_run(None)


def facts(run: Run) -> None:
    """The run's numbers as a small table."""
    rows = {
        "Epochs": f"{run.epoch:,} of {run.epochs:,}" + (f", best {run.best_epoch}" if run.best_epoch else ""),
        "Steps": f"{run.step:,}",
        "Parameters": f"{run.parameters:,}" if run.parameters else "–",
        "Training time": format_duration(run.seconds) + (f" in {run.attempt} attempts" if run.attempt > 1 else ""),
        "Started": f"{run.created:%d %b %Y %H:%M} UTC",
        "Id": f"`{run.id}`",
    }
    if run.owner is not None:
        rows = {"Owner": escape(run.owner), **rows}
    st.table(rows, border="horizontal")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


main()
