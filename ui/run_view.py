"""The live view of a run on the Train page: buttons, metric cards, loss, predictions and event log."""

from __future__ import annotations

import html
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from seqcore.events import Epoch, Preview
from seqcore.experiment.experiment import Experiment
from seqcore.insight.comparison import differences
from seqcore.plots import plot_view
from seqcore.plots.fork import ParentLosses
from seqcore.plots.loss import LossInfo, loss_figure, loss_info, plot_loss
from seqcore.plots.score_curve import plot_score_curve, score_curve_info
from seqcore.registry import baseline_title
from seqcore.results import metric_named
from seqcore.runs.labels import short_id
from seqcore.runs.records import Run
from ui import actions, fork_dialog, permissions, session
from ui.cards import cards, finding_box, log
from ui.event_log import event_log, findings
from ui.live_chart import Feed, figure_text, live_chart
from ui.parent import parent_line, parent_losses, refit_line
from ui.results import written
from ui.run_history import REPLAY_BELOW, SPEEDS, Moment, Replay
from ui.run_labels import SPLITS, STATUSES, network
from ui.shared_history import UNSLOWED, Same, SharedHistory, shared_history
from ui.steering import present_state, steering_panel

__all__ = ["await_first_step", "live_area", "live_state", "loss_of", "loss_state", "preview_caption"]

POLL = 0.45  # seconds between two updates of chart and cards: the chart has to be updated at least twice a second
SLOWEST_POLL = 3.0  # seconds, of any number of viewers
RERUN = 6  # updates of chart and cards by the browser (`live_feed.py`) in the time between two reruns of all the rest
WAIT, SHORT_POLL, YOUNG = 0.25, 0.02, 3.0  # seconds: wait for a first step, between polls, oldest run waited for
FRAME = 0.15  # seconds between two frames of a replay
PENDING = {"Pause": "Pausing…", "Continue": "Continuing…", "Stop": "Stopping…"}
MOST_NAMED = 3  # fields in which the form differs
REPLAY, REPLAY_STARTED, VIEWER = "replay-now", "replay-started", "viewer"

LOSS_HELP = "Loss per training step: lower is better."
NO_REPLAY = (
    f"Only runs of less than {REPLAY_BELOW:g} s are replayed. The slider of Inspect moves through the snapshots of a "
    "longer run."
)
SEEDS = " Line: median of {} seeds; band: lowest to highest seed."
SCORE_HEIGHT = 240  # pixels
OVERFITTING = " Validation loss far above training loss means overfitting."
CHANGES_HELP = " Dotted lines: changes during the run, numbered as in the event log."
UNSEEN = "Not used for training."
SEEN = "Used for training: no data are held out."


def live_area(run: Run, experiment: Experiment | None, *, wait: bool = True, soon: bool = False) -> None:
    """Draw a run, and redraw it periodically while it is active or replayed. `wait` for the first step of a new run.

    `soon`: the page is about to be drawn as a whole (`actions.redraw_page_later`).
    """
    replay = _replay(run)
    active = not run.ended
    poll = poll_interval(shared_history(run).viewers)
    interval = (poll if soon else RERUN * poll) if active else FRAME if replay else None
    with st.container(key="live"):
        st.fragment(_live, run_every=fork_dialog.interval(interval))(run, experiment, active, poll, wait)


def poll_interval(viewers: int) -> float:
    """Seconds between two updates for each viewer: many of them poll less often, not to slow training down."""
    return min(SLOWEST_POLL, POLL * max(1.0, viewers / UNSLOWED))


def live_state(history: SharedHistory) -> dict[str, Any]:
    """What the chart of a live run is told between two reruns of the fragment."""
    version, moment = history.version, history.moment()
    return {
        "version": version,
        "figure": _loss_figure(moment, history)[0],
        "cards": history.drawn("cards", Same(moment), lambda: cards(moment)),
        "steering": present_state(moment),
        "rest": _rest(moment),
        "again": poll_interval(history.viewers),
    }


def _rest(moment: Moment) -> str:
    """What of the rest of the view should not wait for the next rerun; anything else in it changes with most epochs."""
    run, last = moment.run, max((e.seq for e in moment.events if not isinstance(e.event, Epoch)), default=0)
    first = (moment.step > 0, len(moment.validation.steps) > 0)
    return " ".join(map(str, (run.status, run.attempt, run.stopping, run.epochs, moment.preparing, last, *first)))


def _replay(run: Run) -> Replay | None:
    replay: Replay | None = st.session_state.get(REPLAY)
    return replay if replay is not None and replay.run == run.id and run.ended else None


def _live(run: Run, experiment: Experiment | None, was_active: bool, poll: float, wait: bool) -> None:
    actions.redraw_page_if_due()
    history = shared_history(run)
    replay = _replay(run)
    if replay is None:
        stale = history.run.ended == was_active  # the page was drawn of a newer state
        viewer = st.session_state.setdefault(VIEWER, uuid.uuid4().hex)
        history.update(session.store(), interval=0.0 if stale else None, viewer=viewer)
        if wait:
            _await_first_step(history)
    run = history.run
    if was_active == run.ended:  # started or ended since the page was drawn: other buttons, another interval
        st.rerun()
    if was_active and not 0.5 < poll_interval(history.viewers) / poll < 2.0:
        st.rerun()  # many viewers have come or gone: another interval
    step = replay.step(run) if replay else None
    if replay is not None and step is None:
        del st.session_state[REPLAY]
        st.rerun()
    version = history.version
    moment = history.moment() if step is None else history.moment(step, store=session.store())
    _head(moment, experiment, replay)
    parent_line(run)
    refit_line(run)
    shared = history if step is None else None
    st.html(shared.drawn("cards", Same(moment), lambda: cards(moment)) if shared else cards(moment))
    with st.container():  # what comes during the run leaves the charts below in their places, and so their nodes
        for finding in findings(moment.events):
            finding_box(finding)
    _loss(moment, shared, version)
    steering_panel(moment)  # below the loss: what a change does is seen
    with st.container():
        _score(moment, history if step is None else None)
    with st.container():
        _prediction(moment, history)
    st.subheader("Event log", anchor=False)
    st.html(log(event_log(run, moment.events, moment.preparing)))


def await_first_step(run: Run) -> None:
    """Wait briefly for the first step of a run that has just been started."""
    _await_first_step(shared_history(run))


def _await_first_step(history: SharedHistory) -> None:
    """Just after the start of a run, wait briefly for its first step, instead of until the next poll."""
    deadline = time.monotonic() + WAIT
    while not history.run.step and not history.run.ended and time.monotonic() < deadline:
        if (datetime.now(UTC) - history.run.created).total_seconds() > YOUNG:
            return
        time.sleep(SHORT_POLL)
        history.update(session.store(), interval=SHORT_POLL)


def _head(moment: Moment, experiment: Experiment | None, replay: Replay | None) -> None:
    run = moment.run
    with st.container(horizontal=True, vertical_alignment="center", key="actions"):
        actions.buttons(run, experiment, changed=moment.changed)
    actions.form_faults()
    with st.container(horizontal=True, vertical_alignment="center", key="run-line"):  # of one height, ended or not
        st.html(_status(moment, replay), width="stretch")
        if run.ended and run.step:
            _replay_controls(run, replay)
        fork_dialog.fork_button(run)
        actions.open_in_inspect(run)
        actions.open_in_predict(run)
    with st.container():
        if other := _other_form(moment, experiment):
            st.caption(session.escape(other))
    if permissions.has_logins() and (refused := permissions.refused_help(run)):
        st.caption(refused)
    actions.errors()
    error = session.scheduler().error
    if error and not run.ended:
        st.warning(session.escape(error))


def _status(moment: Moment, replay: Replay | None) -> str:
    run = moment.run
    text = STATUSES[run.status].word.capitalize()
    if run.status == "queued" and run.queue_position:
        text = f"Queued: position {run.queue_position}"
    elif moment.preparing:
        text = html.escape(moment.preparing)
    elif run.status == "running" and not moment.step:
        text = "Starting"
    pending = "Stop" if run.stopping else actions.pending_request(run)
    if pending is not None:
        text = PENDING[pending] + (f" {text}" if pending == "Stop" and moment.preparing else "")
    if replay is not None:
        text = f"{text}. Replay: {min(replay.shown(), run.seconds):.1f} of {run.seconds:.1f} s"
    return (
        f'<div class="sl-status"><span class="sl-dot sl-{run.status}"></span>'
        f'<span data-testid="status" data-status="{run.status}">{text}</span>{_named(run)}</div>'
    )


def _named(run: Run) -> str:
    """The architecture and the id of the run that is shown: the form beside it may say something else."""
    return f'<span class="sl-note">{html.escape(network(run))} · {short_id(run.id)}</span>'


def _other_form(moment: Moment, experiment: Experiment | None) -> str:
    """In which fields the form differs from the run that is shown, in one sentence; empty where it does not."""
    run, now = moment.run, moment.experiment
    if experiment is None or experiment in (run.experiment, now):
        return ""
    found = [d for d in differences([run.experiment, experiment]) if experiment.get(d.path) != now.get(d.path)]
    named = [f"{d.title[:1].lower()}{d.title[1:]} {d.texts[1]}, not {d.texts[0]}" for d in found[:MOST_NAMED]]
    more = f"; {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return f"The form differs from this run: {'; '.join(named)}{more}. Train starts a new run." if found else ""


def _replay_controls(run: Run, replay: Replay | None) -> None:
    if run.seconds >= REPLAY_BELOW:
        st.button("Replay", key="replay", icon=":material/replay:", help=NO_REPLAY, disabled=True)
        return
    key = f"replay-speed-{run.id}"
    st.button(
        "End replay" if replay else "Replay",
        key="replay",
        icon=":material/stop:" if replay else ":material/replay:",
        help="Replay this short run from its stored events. It is not trained again.",
        on_click=_replay_end if replay else _replay_again,
        args=() if replay else (run, key),
    )
    st.select_slider(
        "Replay speed",
        SPEEDS,
        value=(replay or Replay.of(run)).speed,
        key=key,
        format_func=lambda speed: f"{speed:g}× speed",
        help="Relative to the run: at 0.1× one second of training takes ten.",
        label_visibility="collapsed",
        width=120,
        on_change=_speed_changed,
        args=(key,),
    )
    if st.session_state.pop(REPLAY_STARTED, False):
        st.rerun()


def _replay_again(run: Run, key: str) -> None:
    speed = st.session_state.get(key) or Replay.of(run).speed
    st.session_state[REPLAY] = Replay(run.id, time.monotonic(), speed)
    st.session_state[REPLAY_STARTED] = True


def _replay_end() -> None:
    st.session_state.pop(REPLAY, None)
    st.session_state[REPLAY_STARTED] = True  # the page is drawn without the replay's interval


def _speed_changed(key: str) -> None:
    replay: Replay | None = st.session_state.get(REPLAY)
    if replay is not None and key in st.session_state:
        st.session_state[REPLAY] = replay.with_speed(st.session_state[key])


def loss_of(moment: Moment, title: str = "", parent: ParentLosses | None = None) -> LossInfo:
    """The loss curve of a run at a moment, beside that of its parent."""
    events = [e.event for e in moment.events]
    return loss_info(
        moment.curve_steps, moment.curve, events, epochs=moment.validation, band=moment.band, parent=parent, title=title
    )


def loss_state(moment: Moment, parent: ParentLosses | None) -> object:
    """What the figure of a run's loss depends on, for `SharedHistory.drawn`."""
    reached = None if parent is None else (len(parent.steps), parent.steps[-1:].tolist())
    return moment.step, moment.epoch, len(moment.validation.steps), _last_seq(moment), moment.run.attempt, reached


def _loss_figure(moment: Moment, history: SharedHistory | None) -> tuple[str, LossInfo]:
    """The figure for the component, and what it shows."""
    parent = parent_losses(moment.run)

    def draw() -> tuple[str, LossInfo]:
        info = loss_of(moment, "Loss", parent)
        marked = info.empty or info.changes or info.parent is not None
        return figure_text(plot_loss(info) if marked else loss_figure(info)), info

    return history.drawn("loss", loss_state(moment, parent), draw) if history else draw()


def _feed(moment: Moment, history: SharedHistory, version: str) -> Feed:
    again = poll_interval(history.viewers)
    return Feed(moment.run.id, st.session_state[VIEWER], version, again, _rest(moment))


def _loss(moment: Moment, history: SharedHistory | None, version: str) -> None:
    figure, info = _loss_figure(moment, history)
    feed = None if history is None or moment.run.ended else _feed(moment, history, version)
    with st.container(key="loss-place"):  # keeps its height while Streamlit remounts the chart
        live_chart(
            figure,
            key="loss-chart",
            label=info.sentence,
            height=320,
            revision=moment.run.id,
            scale="log",
            feed=feed,
        )
    band = SEEDS.format(moment.run.experiment.training.replicas) if moment.band else ""
    forked = f" {info.parent.reading}" if info.parent is not None else ""
    st.caption(
        (f"{session.escape(moment.preparing)}. The loss follows once it is done. " if _waits(moment) else "")
        + LOSS_HELP
        + band
        + (OVERFITTING if len(info.validation) else "")
        + forked
        + (CHANGES_HELP if info.changes else "")
    )


def _waits(moment: Moment) -> bool:
    """Whether the chart is empty because the run still prepares its first step."""
    return bool(moment.preparing) and not len(moment.curve)


def _score(moment: Moment, history: SharedHistory | None) -> None:
    """The validation score of replicas after each epoch."""
    run, replicas = moment.run, moment.replicas
    each = None if replicas is None else replicas.values.get(f"val_{run.metric}")
    if replicas is None or each is None or not len(each):
        return
    value = run.baselines.get(run.reference_baseline, {}).get(f"val_{run.metric}")
    reference = None if value is None else (baseline_title(run.reference_baseline), value)

    def draw() -> tuple[str, str]:
        words = metric_named(run.metric)
        title = f"Validation {words.short}"
        events = [e.event for e in moment.events]
        info = score_curve_info(replicas.steps, each, run.metric, reference=reference, title=title, events=events)
        return figure_text(plot_score_curve(info)), info.sentence

    state = (len(each), int(replicas.steps[-1]), run.attempt, len(moment.changed), _last_seq(moment))
    figure, sentence = history.drawn("score", state, draw) if history else draw()
    live_chart(figure, key="score-chart", label=sentence, height=SCORE_HEIGHT, revision=run.id)
    st.caption(sentence)


def _last_seq(moment: Moment) -> int:
    return moment.events[-1].seq if moment.events else 0


def _prediction(moment: Moment, history: SharedHistory) -> None:
    if moment.preview is None:
        return
    event = moment.preview.event
    assert isinstance(event, Preview)
    caption = preview_caption(event)
    text = written(event.view)
    if text is not None:
        st.markdown(f"**Prediction on the {SPLITS.get(event.split, event.split)} split**")
        st.html(text)
        st.caption(caption)
        return

    def draw() -> tuple[str, int]:
        title = event.view.title or f"Prediction on the {SPLITS.get(event.split, event.split)} split"
        figure = plot_view(event.view.with_title(title))
        return figure_text(figure), int(figure.layout.height or 320)

    figure, height = history.drawn("prediction", moment.preview.seq, draw)
    live_chart(
        figure,
        key="prediction-chart",
        label=f"Truth and prediction on the {SPLITS.get(event.split, event.split)} split",
        height=height,
        revision=moment.run.id,
    )
    st.caption(caption)


def preview_caption(event: Preview) -> str:
    """How to read a preview, and whether the model was trained on what it shows."""
    return f"{event.view.caption} {SEEN if event.split == 'train' else UNSEEN}"
