"""Forks on pages: the dialog, the parent of a run, and both curves in one picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from seqcore.events import Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.runs.execution import execute
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Run, Store
from ui import session

STARTED = Started(
    device="cpu", device_reason="", threads=1, versions={}, parameters=10, split_sizes={"train": 7, "val": 2},
    baselines={}, reference_baseline="last_value", metric="mae", summary=[], data={}, steps_per_epoch=2, epochs=30,
)  # fmt: skip
ROUTER = Path(__file__).parents[2] / "pages" / "_router.py"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store that the pages use; its runs stay queued: no worker is started."""
    monkeypatch.setenv("SEQCORE_STORE", str(tmp_path / "runs"))
    st.cache_resource.clear()
    kept = Store(tmp_path / "runs")
    scheduler = Scheduler(kept)
    monkeypatch.setattr(session, "store", lambda: kept)
    monkeypatch.setattr(session, "scheduler", lambda: scheduler)
    yield kept
    kept.close()
    st.cache_resource.clear()


@pytest.fixture
def parent(store: Store) -> Run:
    """A run of 10 epochs and 50 steps."""
    plan = {
        "data": {"options": {"samples": 120}, "window": 10},
        "model": {"hidden_size": 4},
        "training": {"epochs": 10, "batch_size": 16, "device": "cpu"},
    }
    return execute(store, store.start(Experiment.make(plan), recipe="bouncing-ball"))


def forks(store: Store, parent: Run) -> list[Run]:
    return [run for run in store.runs() if run.parent == parent.id]


def opened(run: str, page: str = "train.py") -> AppTest:
    app = AppTest.from_file(ROUTER, default_timeout=240)
    app.query_params["run"] = run
    app.switch_page(page).run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    return "\n".join(e.value for e in (*app.markdown, *app.caption, *app.error)).replace("\\", "")


def test_the_dialog_starts_a_fork_with_what_was_changed_alone(store: Store, parent: Run) -> None:
    app = opened(parent.id)
    app.button(key="do-fork").click().run()
    assert app.number_input(key="fork:step").value == 25  # a snapshot in the middle of the run
    assert "There is a snapshot at this step." in said(app)
    app.number_input(key="fork:step").set_value(30).run()
    assert "from the snapshot at step 25, and repeats 5 steps first" in said(app)
    app.number_input(key="fork:training.learning_rate").set_value(0.003).run()
    app.button(key="fork-start").click().run()
    assert not app.exception
    [fork] = forks(store, parent)
    assert (fork.status, fork.parent_step, fork.recipe) == ("queued", 30, "bouncing-ball")
    assert [c.changes for c in store.changes(fork.id, step=0)] == [{"training.learning_rate": 0.003}]
    assert app.session_state["run"] == fork.id
    assert f"Fork at step 30 of Bouncing ball `{parent.id[:8]}`" in {b.label.replace("\\", "") for b in app.button}
    assert "Apply to this run" not in {b.label for b in app.button}


def test_a_fork_from_the_inspect_page_is_shown_on_the_train_page(store: Store, parent: Run) -> None:
    app = opened(parent.id, "inspect.py")
    app.button(key="inspect-fork").click().run()
    app.number_input(key="fork:step").set_value(30).run()
    app.button(key="fork-start").click().run()
    assert not app.exception
    [fork] = forks(store, parent)
    assert app.session_state["run"] == fork.id
    assert app.button(key="do-train").label == "Train"
    assert "fork:step" not in app.session_state


def test_a_fork_from_the_end_of_a_run_starts_with_as_many_epochs_more(store: Store, parent: Run) -> None:
    app = opened(parent.id, "inspect.py")
    app.button(key="inspect-fork").click().run()
    assert app.number_input(key="fork:step").value == 50  # the last step, which Inspect shows
    assert app.number_input(key="fork:training.epochs").value == 20
    assert "has trained all of its 10 epochs. Proposed: 20 epochs, of which the fork trains 10." in said(app)
    app.button(key="fork-start").click().run()
    assert not app.exception
    assert not app.error
    [fork] = forks(store, parent)
    assert (fork.parent_step, fork.epochs) == (50, 20)
    assert [c.changes for c in store.changes(fork.id, step=50)] == [{"training.epochs": 20}]


def test_epochs_are_proposed_for_the_last_step_alone(store: Store, parent: Run) -> None:
    app = opened(parent.id)
    app.button(key="do-fork").click().run()
    epochs = [app.number_input(key="fork:training.epochs").value]
    for step in (50, 49):
        app.number_input(key="fork:step").set_value(step).run()
        epochs.append(app.number_input(key="fork:training.epochs").value)
    assert epochs == [10, 20, 10]


def test_a_live_page_is_not_updated_while_the_dialog_covers_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An update on its way when the fork starts would be run for the page that was left."""
    lease = store.start(Experiment())
    losses = np.ones(3)
    store.append(lease, [STARTED, Steps(1, losses, losses, losses)])
    intervals: list[float] = []
    original = st.fragment

    def fragment(function: Any, *, run_every: float | None = None) -> Any:
        intervals.extend([] if run_every is None else [run_every])
        return original(function, run_every=run_every)

    monkeypatch.setattr(st, "fragment", fragment)
    app = opened(lease.run)
    assert intervals
    intervals.clear()
    app.button(key="do-fork").click().run()
    assert app.button(key="fork-cancel")
    intervals.clear()  # pressing the button has rerun the old fragment first
    app.number_input(key="fork:step").set_value(1).run()
    assert not intervals
    app.button(key="fork-cancel").click().run()
    assert intervals
    lease.release()


def test_a_step_or_a_value_that_is_not_allowed_is_said_in_the_dialog(store: Store, parent: Run) -> None:
    app = opened(parent.id)
    app.button(key="do-fork").click().run()
    app.number_input(key="fork:step").set_value(51).run()
    assert "This run has no such step." in said(app)
    app.button(key="fork-start").click().run()
    assert "has 50 steps, so it can't be forked at step 51" in said(app)
    app.number_input(key="fork:step").set_value(50).run()
    app.number_input(key="fork:training.epochs").set_value(10).run()
    app.button(key="fork-start").click().run()
    assert "no epochs left after step 50" in said(app)
    app.number_input(key="fork:training.learning_rate").set_value(-1.0).run()
    app.button(key="fork-start").click().run()
    assert "Learning rate: -1 is not allowed" in said(app)
    assert forks(store, parent) == []
    app.button(key="fork-cancel").click().run()
    assert "fork:step" not in app.session_state


@pytest.mark.parametrize("page", ["train.py", "runs.py"])
def test_a_fork_is_shown_with_its_parent_until_that_is_deleted(store: Store, parent: Run, page: str) -> None:
    lease = store.start_fork(parent.id, 30, {"training.learning_rate": 0.1})
    fork = execute(store, lease)
    app = opened(fork.id, page)
    link = next(b for b in app.button if b.label.startswith("Fork at step 30 of"))
    figures = json.dumps([str(element.proto) for element in (*app.get("bidi_component"), *app.get("plotly_chart"))])
    assert "training, parent" in figures
    link.click().run()
    assert app.session_state["run"] == parent.id
    store.delete(parent.id)
    app = opened(fork.id, page)
    assert f"Fork at step 30 of a deleted run, `{parent.id[:8]}`." in said(app)
