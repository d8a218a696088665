"""What the pages share, without a page: numbers, event log, moments of a run, replays, escaping."""

from __future__ import annotations

import json
import math
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.runtime.scriptrunner.magic import MAGIC_MODULE_NAME
from streamlit.runtime.scriptrunner.script_cache import ScriptCache

from seqcore.events import Changed, Epoch, Event, Finding, Finished, Preparing, Preview, Started
from seqcore.experiment.experiment import Experiment, settings_of
from seqcore.experiment.outline import Outline
from seqcore.experiment.recipes import load_recipe
from seqcore.plots.loss import loss_figure, loss_info, plot_loss
from seqcore.results import SeriesView
from seqcore.results.formatting import format_duration
from seqcore.runs.records import Curve, Run, StoredEvent
from seqcore.tasks.scaling_search import scaling_trials
from ui.cards import cards
from ui.event_log import event_log, findings, number
from ui.field_titles import by_titles
from ui.live_chart import figure_text
from ui.run_history import History, Replay
from ui.session import escape

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXPERIMENT = load_recipe("bouncing-ball").experiment.to_json()
RUN = Run(
    id="1234", status="completed", experiment_json=EXPERIMENT, outline=Outline.of_json(EXPERIMENT),
    recipe="bouncing-ball",
    group=None, created=NOW, started=NOW, finished=NOW, attempt=1, step=40, epoch=4, epochs=4, seconds=2.0, metrics={},
    last_metrics={}, baselines={}, reference_baseline="last_value", metric="mae", parameters=10, best_epoch=3,
    error=None, reason="", queue_position=None,
)  # fmt: skip
STARTED = Started(
    device="cpu", device_reason="", threads=1, versions={}, parameters=10, split_sizes={"train": 7, "val": 2},
    baselines={}, reference_baseline="last_value", metric="mae", summary=[], data={}, steps_per_epoch=10, epochs=4,
)  # fmt: skip


class Store:
    """A store with one active run, as far as `History` uses it."""

    now = RUN

    def version(self, run: str) -> int:
        return self.now.step

    def run(self, run: str) -> Run:
        return self.now

    def events(self, *_: object, **__: object) -> list[StoredEvent]:
        return []

    def best_epoch(self, _: object) -> None:
        return None

    def curve(self, *_: object) -> Curve:
        return Curve(np.zeros(0, dtype=np.int64), np.zeros(0))


def stored(*events: Event) -> list[StoredEvent]:
    return [StoredEvent(seq, 1, NOW, event) for seq, event in enumerate(events, 1)]


def epoch(n: int, loss: float, *, best: bool = True) -> Epoch:
    return Epoch(epoch=n, step=10 * n, metrics={"val_loss": loss}, seconds=0.1, best=best)


def preview(step: int) -> Preview:
    return Preview(step, "val", SeriesView(x=np.arange(2.0), prediction=np.zeros((2, 1))))


def history(*events: Event) -> History:
    return history_of(stored(*events))


def history_of(events: list[StoredEvent]) -> History:
    steps = np.arange(1.0, 41.0)
    return History.of_events(RUN, steps, 1.0 / steps, events)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (math.nan, "not a number"), (math.inf, "not a number"), (0.0, "0"), (0.00123456, "0.00123"),
        (0.1, "0.100"), (9.996, "10.0"), (612.4, "612"), (12345.6, "12,346"), (3e-7, "3.00e-07"), (-0.5, "-0.500"),
    ],
)  # fmt: skip
def test_numbers_have_three_significant_digits(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (0.44, "0.4 s"), (59.4, "59 s"), (185.0, "3:05 min"), (7800.0, "2:10:00 h")]
)
def test_durations_have_their_unit(seconds: float | None, text: str) -> None:
    assert format_duration(seconds) == text


def test_the_event_log_has_the_newest_first_and_one_best_epoch() -> None:
    finished = Finished("completed", "all epochs done", 4, 40, 2.0, {}, {}, {}, 2)
    events = stored(STARTED, epoch(1, 0.5), epoch(2, 0.4), Changed(20, {"training.learning_rate": 0.001}), finished)
    lines = event_log(RUN, events)
    assert [line.kind for line in lines] == ["end", "change", "best", "start"]
    assert lines[0].text == (
        "Completed after 4 epochs in 2.0 s. All epochs done. The weights of epoch 2 are kept: lowest validation loss."
    )
    assert lines[1].text == "Change 1: learning rate 0.001. The cosine schedule multiplies this rate."
    assert lines[2].text == "Best so far at epoch 2: validation loss 0.400."
    assert "7 training windows, 2 validation" in lines[3].text


def test_a_run_stopped_on_request_says_so_once() -> None:
    finished = Finished("stopped", "stopped on request after step 1455", 44, 1455, 2.0, {}, {}, {}, 44)
    (line,) = event_log(replace(RUN, status="stopped"), stored(finished))
    assert (line.when, line.text) == ("step 1,455", "Stopped on request after 44 epochs in 2.0 s.")


def test_a_failed_run_logs_each_error() -> None:
    lines = event_log(replace(RUN, status="failed", error="no room\non the disk"), stored(STARTED))
    assert [line.text for line in lines if line.kind == "bad"] == ["on the disk", "no room"]


def test_an_interrupted_run_logs_where_it_can_be_resumed() -> None:
    left = replace(RUN, status="interrupted", reason="left with a checkpoint; resume goes on from step 409")
    assert event_log(left, [])[0].text == "Left with a checkpoint; resume goes on from step 409."


def test_the_latest_of_repeated_findings_is_shown() -> None:
    events = stored(Finding("mean", "first", step=1), Finding("other", "x", step=2), Finding("mean", "second", step=3))
    assert [f.message for f in findings(events)] == ["second", "x"]


def test_a_plain_note_is_logged_and_not_shown_above_the_charts() -> None:
    events = stored(STARTED, Finding("calibrated", step=9, message="Intervals are made.", severity="info"))
    assert not findings(events)
    assert event_log(RUN, events)[0].text == "Intervals are made."
    told = stored(Finding("exact", step=9, message="A bigram solves this.", evidence="It is regular.", severity="info"))
    assert [f.code for f in findings(told)] == ["exact"]


def test_a_moment_shows_nothing_of_what_came_later() -> None:
    past = history(STARTED, preview(5), epoch(1, 0.5), preview(15), epoch(2, 0.4), epoch(3, 0.3)).moment(17)
    assert past.step == 17
    assert past.epoch == 1
    assert past.curve_steps.max() == 17
    assert past.preview is not None
    assert isinstance(past.preview.event, Preview)
    assert past.preview.event.step == 15
    assert past.steps == 40
    assert past.train_loss == pytest.approx(np.mean(1.0 / np.arange(1.0, 18.0)))


def test_the_time_left_is_estimated_from_recent_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step takes 20 s, each later one 0.5 s; the page polls three times a second."""
    clock = [0.0]
    monkeypatch.setattr("ui.run_history.time.monotonic", lambda: clock[0])
    told = history(STARTED)
    store = Store()
    left = []
    for tick in range(100):
        clock[0] = tick / 3
        step = max(0, int(2 * (clock[0] - 20)) + 1) if clock[0] >= 20 else 0
        store.now = replace(RUN, status="running", step=step, epoch=0, seconds=clock[0])
        told.update(store)  # type: ignore[arg-type]
        left.append((step, told.moment().left))
    assert all(value is None for step, value in left if step <= 4)
    assert all(value == pytest.approx((40 - step) / 2, rel=0.2) for step, value in left if step > 6)


@pytest.mark.parametrize(("seconds", "left"), [(0.5, None), (5.0, 10.0)])
def test_a_page_opened_later_estimates_from_the_last_epochs(seconds: float, left: float | None) -> None:
    *events, last = stored(STARTED, epoch(1, 0.5), epoch(2, 0.4))
    told = history_of([*events, replace(last, time=NOW + timedelta(seconds=seconds))])
    told.run = replace(RUN, status="running", step=20, epoch=2, seconds=60.0)
    assert told.moment().left == (None if left is None else pytest.approx(left))


def test_the_latest_report_of_a_repeated_epoch_counts() -> None:
    moment = history(STARTED, epoch(1, 0.5), epoch(2, 0.4), epoch(2, 0.2)).moment()
    assert moment.validation.losses.tolist() == [0.5, 0.2]
    assert moment.left is None  # it has ended


def test_a_replay_goes_at_its_speed_and_ends() -> None:
    replay = Replay(RUN.id, began=100.0, speed=0.5)
    assert replay.step(RUN, now=100.0) == 1  # from the first step on
    assert replay.step(RUN, now=102.0) == 20
    faster = replay.with_speed(2.0, now=102.0)
    assert faster.step(RUN, now=102.0) == 20
    assert faster.step(RUN, now=102.25) == 30
    assert faster.step(RUN, now=102.5) is None


@pytest.mark.parametrize("seconds", [0.3, 1.0, 4.9])
def test_a_replay_lasts_some_seconds(seconds: float) -> None:
    assert 3.0 < seconds / Replay.of(replace(RUN, seconds=seconds)).speed < 16.0


def test_names_given_by_users_can_not_become_markup() -> None:
    joiner = "\N{WORD JOINER}"  # without it, GitHub's Markdown makes links of escaped addresses, too
    assert escape("![x](http://a.b/c.png)") == rf"\!\[x\]\(http{joiner}\://a\.b/c\.png\)"
    assert escape("HTTPS://a.b www.a.b me@a.b") == rf"HTTPS{joiner}\://a\.b www{joiner}\.a\.b me@{joiner}a\.b"
    assert escape("a\n===\n\n&lt;") == r"a \=\=\= \&lt;"
    assert escape("plain words") == "plain words"


def test_a_figure_is_sent_without_its_template_and_in_single_precision() -> None:
    figure = go.Figure()
    figure.add_scatter(x=np.array([0.0, 1e12]), y=np.array([0.1, math.nan]))
    sent = json.loads(figure_text(figure))
    assert "template" not in sent["layout"]
    (trace,) = sent["data"]
    assert trace["y"]["dtype"] == "f4"
    assert trace["x"]["dtype"] == "f8"  # seven digits would not tell such neighbors apart


def test_a_live_loss_is_sent_as_its_figure_is() -> None:
    steps, ends = np.arange(1.0, 41.0), (np.full(40, 0.5), np.full(40, 2.0))
    ends[0][7] = math.nan
    reported = [Epoch(n, 10 * n, {"val_loss": 1.0 / n}, 0.1, best=n < 3) for n in range(1, 5)]
    for events, band in (([], None), (reported, ends)):
        info = loss_info(steps, 1.0 / steps, events, band=band, title="Loss")
        quick, checked = (json.loads(figure_text(figure)) for figure in (loss_figure(info), plot_loss(info)))
        for trace in [*quick["data"], *checked["data"]]:
            for axis in ("x", "y"):
                if isinstance(trace[axis], dict):
                    kind, content = trace[axis]["dtype"], b64decode(trace[axis]["bdata"])
                    trace[axis] = np.frombuffer(content, kind).astype(np.float32).tolist()
        assert quick == checked


@pytest.mark.parametrize(
    ("events", "step", "shown"),
    [
        ((Preparing(0, "Scaling search", 3, 7),), 0, "Scaling search: 3 of 7"),
        ((Preparing(0, "Making the data"),), 40, "Making the data"),  # of an active run
        ((Preparing(0, "Scaling search", 7, 7), STARTED), 0, ""),
        ((STARTED, Preparing(40, "Calibrating intervals", 2, 6)), 40, "Calibrating intervals: 2 of 6"),
        ((STARTED, Preparing(40, "Calibrating intervals", 2, 6)), 50, ""),  # more epochs were asked for
        ((), 0, ""),
    ],
)
def test_preparation_is_shown_until_another_event(events: tuple[Event, ...], step: int, shown: str) -> None:
    told = history(*events)
    told.run = replace(RUN, status="running", step=step)
    assert told.moment().preparing == shown
    told.run = replace(RUN, status="running", step=step, attempt=2)
    assert told.moment().preparing == ""
    told.run = replace(RUN, status="interrupted", step=step)
    assert told.moment().preparing == ""


def test_the_elapsed_time_grows_during_preparation() -> None:
    told = history(STARTED, Preparing(40, "Scoring the last weights", 1, 3))
    told.run = replace(RUN, status="running", step=40, seconds=424.0)
    told.events[-1] = replace(told.events[-1], time=datetime.now(UTC) - timedelta(seconds=50))
    assert 474.0 <= told.moment().run.seconds < 600.0
    assert told.run.seconds == 424.0
    told.run = replace(told.run, status="stopped")
    assert told.moment().run.seconds == 424.0


def test_pages_are_compiled_as_they_are(root: Path) -> None:
    code = ScriptCache().get_bytecode(str(root / "pages" / "runs.py"))
    assert MAGIC_MODULE_NAME not in code.co_names


def test_fields_in_sentences_have_the_titles_of_forms_and_values_of_users_stay() -> None:
    assert by_titles("training.learning_rate: -1 is not allowed; see data.window.") == (
        "Learning rate: -1 is not allowed; see Window."
    )
    assert by_titles("column 'data.window' of /tmp/data.target has no data.unknown") == (
        "column 'data.window' of /tmp/data.target has no data.unknown"
    )
    typed = "source: unknown parameter; did you mean data.source?"
    assert by_titles(typed) == typed
    option = "data.options.forecast_column: 3 is not allowed"
    samples = Experiment.make({"data": {"source": "bouncing-ball"}})
    title = next(s.title for s in settings_of(samples) if s.path == "data.options.samples")
    assert by_titles("data.options.samples: 3 is not allowed", settings_of(samples)) == f"{title}: 3 is not allowed"
    assert by_titles(option, settings_of(samples)) == option


def test_the_skill_is_labeled_with_its_epoch_and_the_latest_score_is_beside_it() -> None:
    """After steering the score of the best epoch stays, while the latest one gets worse."""
    scores = [(1, 0.5, 0.00321), (2, 0.9, 0.00733)]
    told = history(STARTED, *(Epoch(n, 10 * n, {"val_loss": a, "val_mae": b}, 0.1, n == 1) for n, a, b in scores))
    told.run = replace(RUN, status="running", step=20, metric="mae", baselines={}, metrics={})
    shown = cards(told.moment()).replace("\u2060", "")
    assert "Validation MAE 0.00321 (best epoch, 1); latest 0.00733" in shown


def test_the_training_time_names_the_preparation_that_it_leaves_out() -> None:
    told = history(STARTED)
    began = told.events[0].time
    told.run = replace(RUN, status="completed", seconds=18.0, step=40, started=began - timedelta(seconds=25))
    assert "after 25 s of preparation" in cards(told.moment())
    told.run = replace(told.run, started=began)
    assert "of preparation" not in cards(told.moment())


def test_each_trial_of_the_search_for_a_scaling_is_named() -> None:
    trials = scaling_trials(lambda one: None, Experiment(), None, None)
    assert next(trials).sentence == "Scaling search: 1 of 6, standard"
