"""The Runs page without a browser: list, filters, details and actions."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from seqcore.events import Changed, CheckpointReady, Epoch, Finished, Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.plots import loss
from seqcore.results.formatting import counted, format_duration
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Lease, Store
from ui import run_labels, session
from ui.run_list import run_row

ROUTER = Path(__file__).parents[2] / "pages" / "_router.py"
BASELINES = {"last_value": {"val_mae": 0.06}, "linear": {"val_mae": 0.03}}


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty store that the pages use; its runs stay queued: no worker is started."""
    monkeypatch.setenv("SEQCORE_STORE", str(tmp_path / "runs"))
    st.cache_resource.clear()
    st.cache_data.clear()
    store = Store(tmp_path / "runs")
    scheduler = Scheduler(store)
    monkeypatch.setattr(session, "store", lambda: store)
    monkeypatch.setattr(session, "scheduler", lambda: scheduler)
    yield store
    store.close()
    st.cache_resource.clear()


def begin(store: Store, *, epochs: int = 3, recipe: str | None = None, **changes) -> Lease:
    """A run that has trained for `epochs` of its 30 epochs."""
    experiment = Experiment().with_changes({path.replace("__", "."): value for path, value in changes.items()})
    lease = store.start(experiment, recipe=recipe)
    started = Started(
        device="cpu", device_reason="", threads=1, versions={}, parameters=4513, split_sizes={"train": 9, "val": 3},
        baselines=BASELINES, reference_baseline="last_value", metric="mae",
        summary=[], data={}, steps_per_epoch=4, epochs=30,
    )  # fmt: skip
    store.append(lease, [started])
    for n in range(epochs):
        loss = np.exp(-np.arange(4.0) - n)
        metrics = {"train_loss": 0.5, "val_loss": 0.5 / (n + 1), "val_mae": 0.01}
        store.append(lease, [Steps(4 * n + 1, loss, loss, loss), Epoch(n + 1, 4 * n + 4, metrics, 0.1, best=True)])
    return lease


def complete(store: Store, **changes) -> str:
    lease = begin(store, **changes)
    metrics = {"val_mae": 0.01, "val_loss": 0.2}
    store.append(lease, [Finished("completed", "all epochs done", 3, 12, 1.0, metrics, metrics, BASELINES, 3)])
    lease.release()
    return lease.run


def fail(store: Store, line: str) -> str:
    lease = begin(store)
    store.fail(lease, [line])
    lease.release()
    return lease.run


def open_page(run: str | None = None) -> AppTest:
    page = AppTest.from_file(ROUTER, default_timeout=240)
    if run is not None:
        page.query_params["run"] = run
    page.switch_page("runs.py").run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    shown = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    return "\n".join(element.value for element in shown)


def labels(page: AppTest) -> set[str]:
    return {button.label for button in page.button}


def test_an_empty_store_links_to_the_train_page(store):
    page = open_page()
    assert "No runs yet" in texts(page)


def test_a_completed_run_shows_its_skill_and_its_actions(store):
    page = open_page(complete(store, recipe="bouncing-ball"))
    assert "MAE 6× lower than last value" in texts(page)
    assert "3× lower than the best baseline, linear regression on the window" in texts(page)
    assert labels(page) == {"Open in Train", "Open in Predict", "Open in Inspect", "Fork", "Delete"}


@pytest.mark.parametrize("page_name", ["Train", "Predict", "Inspect"])
def test_the_run_shown_by_default_is_the_one_that_opens(store, page_name):
    complete(store, recipe="bouncing-ball")
    run = complete(store, recipe="sine-next-step")
    page = open_page()
    page.button(key=f"open-{page_name}-{run}").click().run()
    assert not page.exception
    assert page.session_state["run"] == run
    assert page.query_params["run"] in (run, [run])


def test_the_loss_is_drawn_once_for_all_visitors_until_it_changes(store, monkeypatch):
    drawn, plot = [], loss.plot_loss
    monkeypatch.setattr(loss, "plot_loss", lambda info: drawn.append(info) or plot(info))
    lease = begin(store, epochs=1)
    page, other = open_page(lease.run), open_page(lease.run)
    assert len(drawn) == 1
    assert charts(page) == charts(other)
    assert len(charts(page)) == 1
    values = np.array([0.2, 0.1])
    store.append(lease, [Steps(5, values, values, values)])
    deadline = time.monotonic() + 60
    while len(drawn) == 1 and time.monotonic() < deadline:  # the store is looked at a few times a second
        page.run()
    assert len(drawn) == 2
    assert charts(page) != charts(other)
    assert drawn[1].steps[-1] == 6
    lease.release()


def charts(page: AppTest) -> list[str]:
    """The figures of the charts on a page."""
    shown = [json.loads(element.proto.json) for element in page.get("bidi_component")]
    return [data["figure"] for data in shown if "figure" in data]


def test_a_failed_run_without_weights_shows_why_and_opens_its_settings(store):
    page = open_page(fail(store, "the loss became *not a number*"))
    assert [error.value for error in page.error] == [r"the loss became \*not a number\*"]
    assert labels(page) == {"Open in Train", "Delete"}
    assert page.button(key=f"open-Train-{store.runs()[0].id}").proto.type == "primary"


def test_a_failed_run_with_a_checkpoint_can_be_resumed(store):
    lease = begin(store)
    store.put_checkpoint(lease, CheckpointReady(12, 3, b"weights"))
    store.fail(lease, ["the disk is full"])
    lease.release()
    page = open_page(lease.run)
    assert labels(page) == {"Resume", "Open in Train", "Open in Predict", "Open in Inspect", "Fork", "Delete"}
    page.button(key=f"Resume-{store.runs()[0].id}").click().run()
    assert store.runs()[0].status == "queued"


def test_a_queued_run_shows_its_position_and_can_be_stopped(store):
    for _ in range(2):
        store.submit(Experiment())
    second = next(run for run in store.runs() if run.queue_position == 2)
    page = open_page(second.id)
    assert "Position 2 in the queue" in texts(page)
    page.button(key=f"Stop-{second.id}").click().run()
    assert store.run(second.id).status == "stopped"


def test_a_running_run_can_be_paused_and_stopped_but_not_deleted(store):
    lease = begin(store)
    try:
        page = open_page(lease.run)
        assert labels(page) == {"Pause", "Stop", "Open in Train", "Open in Predict", "Open in Inspect", "Fork"}
        page.button(key=f"Pause-{lease.run}").click().run()
        assert [command.kind for command in store.take_commands(lease)] == ["pause"]
    finally:
        lease.release()


def test_a_run_without_its_worker_is_interrupted_and_can_be_resumed(store):
    lease = begin(store)
    lease.release()
    page = open_page(lease.run)
    assert "worker" in page.warning[0].value
    assert "Resume" in labels(page)


def test_deleting_asks_for_confirmation_and_the_run_is_gone_at_once(store, monkeypatch):
    monkeypatch.setattr("ui.run_index.INTERVAL", 3600.0)
    complete(store)
    run = complete(store)
    page = open_page(run)
    page.button(key=f"delete-{run}").click().run()
    assert len(store.runs()) == 2
    page.button(key="delete-yes").click().run()
    (kept,) = store.runs()
    drawn = [str(element.proto) for element in page.get("bidi_component")]
    assert any(kept.id in text for text in drawn)
    assert not any(run in text for text in drawn)


def test_a_link_to_an_unknown_run_is_one_error(store):
    complete(store)
    page = open_page("nonsense")
    assert len(page.error) == 1
    assert "nonsense" in page.error[0].value


def test_a_beginning_of_an_id_in_the_link_finds_its_run(store):
    run = complete(store)
    complete(store, model__architecture="gru")
    page = open_page(run[:8])
    assert f"`{run}`" in str(page.table[0].value)


def test_names_given_by_users_are_escaped(store):
    name = "![*x*](y).csv"
    run = complete(store, data__source="file", data__options={"hash": "0" * 64, "name": name})
    page = open_page(run)
    shown = next(m.value for m in page.markdown if m.value.startswith("####"))
    assert r"\!\[\*x\*\]\(y\)\.csv" in shown


class TestFilters:
    def listed(self, page: AppTest) -> list[str]:
        import json

        data = json.loads(page.get("bidi_component")[0].proto.json)
        return [row["network"].partition(" ·")[0] for row in data["rows"]]

    def test_search_and_statuses_filter_the_list(self, store):
        complete(store, model__architecture="gru")
        complete(store)
        fail(store, "it failed")
        page = open_page()
        assert self.listed(page) == ["LSTM 32", "LSTM 32", "GRU 32"]
        page.text_input(key="runs-find").set_value("gru").run()
        assert self.listed(page) == ["GRU 32"]
        page.text_input(key="runs-find").set_value("").run()
        page.button_group(key="runs-status").set_value(["failed"]).run()
        assert self.listed(page) == ["LSTM 32"]
        page.text_input(key="runs-find").set_value("gru").run()
        assert "No matching runs" in texts(page)

    def test_a_long_list_is_shown_in_pages(self, store):
        for _ in range(30):
            store.submit(Experiment())
        page = open_page()
        assert len(self.listed(page)) == 25
        page.button(key="runs-more").click().run()
        assert len(self.listed(page)) == 30


class TestRow:
    def test_a_row_compares_with_the_reference_baseline(self, store):
        row = run_row(store.run(complete(store)), [0.0, None])
        assert (row["skill"], row["baseline"], row["worse"]) == ("6× lower", "than last value", False)
        assert row["metric"] == "validation MAE"
        assert row["progress"] is None

    def test_a_row_names_a_better_baseline(self, store):
        lease = begin(store)
        metrics = {"val_mae": 0.05}
        store.append(lease, [Finished("completed", "done", 3, 12, 1.0, metrics, metrics, BASELINES, 3)])
        lease.release()
        assert run_row(store.run(lease.run), [])["baseline"] == ("than last value; Linear regression is better")

    def test_a_row_of_an_active_run_shows_its_progress(self, store):
        lease = begin(store)
        try:
            row = run_row(store.run(lease.run), [])
            assert row["progress"] == pytest.approx(0.1)
            assert row["progressText"] == "3 of 30 epochs"
        finally:
            lease.release()


class TestWords:
    @pytest.mark.parametrize(
        ("seconds", "text"), [(0.44, "0.4 s"), (59.4, "59 s"), (185, "3:05 min"), (7800, "2:10:00 h")]
    )
    def test_durations_are_short(self, seconds, text):
        assert format_duration(seconds) == text

    def test_a_label_names_recipe_network_status_and_age(self, store):
        run = store.run(complete(store, recipe="bouncing-ball", model__num_layers=2))
        assert run_labels.label(run).startswith("Bouncing ball · LSTM 2 × 32 · completed · just now")

    def test_an_unknown_recipe_is_shown_by_its_name(self, store):
        assert run_labels.title(store.run(complete(store, recipe="gone"))) == "gone"

    @pytest.mark.parametrize(("count", "text"), [(0, "0 steps"), (1, "1 step"), (1200, "1,200 steps")])
    def test_counts_have_a_singular(self, count, text):
        assert counted(count, "step") == text

    def test_labels_of_a_run_have_a_singular(self, store):
        run = store.run(complete(store, data__window=1, training__epochs=1))
        assert run_labels.trained_on(run) == "1 step to 1"
        assert run_row(replace(run, epochs=1, epoch=1), [])["progressText"] == "1 of 1 epoch"

    def test_a_fork_and_a_changed_run_are_told_apart_from_their_original(self, store):
        run = store.run(complete(store))
        changed = {"training.learning_rate": 0.1, "training.epochs": 9}
        assert run_labels.origin(run) == ""
        fork = replace(run, parent="1a2b3c4d5e", parent_step=1200)
        assert "fork of 1a2b3c4d at step 1,200" in run_row(fork, [])["network"]
        assert "fork of 1a2b3c4d at step 1,200" in run_labels.label(fork)
        lease = begin(store)
        store.append(lease, [Changed(12, changed)])
        row = run_row(store.run(lease.run), [])
        lease.release()
        assert row["network"].endswith("changed learning rate, epochs")

    def test_a_run_on_all_data_says_so(self, store):
        run = store.run(complete(store, data__validation_fraction=0.0, data__test_fraction=0.0))
        assert run_labels.trained_on(run) == "20 steps to 1, on all data"


class TestComparing:
    def test_ticked_runs_open_on_the_compare_page(self, store):
        runs = [complete(store, model__architecture=name) for name in ("gru", "rnn")]
        page = open_page()
        assert "Select runs" in texts(page)
        page.session_state["runs-checked"] = list(runs)
        page.run()
        assert page.button(key="compare").label == "Compare 2 runs"
        page.button(key="compare").click().run()
        assert not page.exception
        assert page.title[0].value == "Compare"
        assert page.session_state["compare-runs"] == runs
        assert page.query_params["runs"] in (",".join(run[:8] for run in runs), [",".join(run[:8] for run in runs)])
