"""The steering panel of the Train page: present values, changes, refusals, slow motion and single steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from seqcore.events import Changed, Epoch, Finished, Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Lease, Store
from ui.cards import cards
from ui.run_view import live_state
from ui.shared_history import shared_history

RATE = "training.learning_rate"
STARTED = Started(
    device="cpu", device_reason="", threads=1, versions={}, parameters=4513, split_sizes={"train": 320, "val": 3},
    baselines={}, reference_baseline="last_value", metric="mae", summary=[], data={}, steps_per_epoch=10, epochs=30,
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store for the pages, without workers, and looked at in every script run."""
    monkeypatch.setenv("SEQCORE_STORE", str(tmp_path / "runs"))
    monkeypatch.setattr("ui.shared_history.INTERVAL", 0.0)
    monkeypatch.setattr(Scheduler, "start", lambda self: self)
    st.cache_resource.clear()
    opened = Store(tmp_path / "runs")
    yield opened
    opened.close()
    st.cache_resource.clear()


@pytest.fixture
def live(store: Store) -> Iterator[Lease]:
    """A run that trains somewhere else, after two steps."""
    lease = store.start(Experiment(), recipe="bouncing-ball", owner="anna@example.org")
    two = np.array([2.0, 1.0])
    store.append(lease, [STARTED, Steps(1, two, two, two)])
    yield lease
    lease.release()


Open = Callable[..., AppTest]


@pytest.fixture
def panel(root: Path) -> Open:
    """The Train page of a run with its panel open."""

    def make(run: str, user: dict[str, Any] | None = None) -> AppTest:
        app = AppTest.from_file(str(root / "pages" / "_router.py"), default_timeout=240)
        app.user = user or {}
        app.query_params["run"] = run
        app.session_state[f"steer-{run}"] = True
        app.switch_page("train.py").run()
        assert not app.exception
        return app

    return make


def field(app: AppTest, title: str) -> Any:
    (found,) = [one for one in app.number_input if one.label == title and "steer-" in str(one.key)]
    return found


def press(app: AppTest, label: str) -> AppTest:
    (button,) = [one for one in app.button if one.label == label]
    button.click()
    app.run()
    assert not app.exception
    return app


def asked(store: Store, lease: Lease) -> list[tuple[str, dict[str, Any]]]:
    return [(command.kind, command.arguments) for command in store.take_commands(lease)]


def outline(app: AppTest) -> list[str]:
    """What the panel consists of, in order."""
    (box,) = [one for one in app.expander if one.label == "Steer this run"]
    return [f"{one.type} {getattr(one, 'label', '')}" for one in elements(box)]


def elements(block: Any) -> list[Any]:
    return [
        one for child in block.children.values() for one in (elements(child) if hasattr(child, "children") else [child])
    ]


def text(app: AppTest) -> str:
    return "\n".join(one.value for one in (*app.caption, *app.error)).replace("\\", "").replace("\u2060", "")


def state_line(app: AppTest) -> str:
    """What the panel says of the run's step, loss and score."""
    (line,) = [one.proto.body for one in app.get("html") if "steer-now" in one.proto.body]
    return str(line)


def test_what_is_typed_is_asked_for_and_nothing_else(store: Store, live: Lease, panel: Open) -> None:
    app = panel(live.run)
    field(app, "Learning rate").set_value(0.05)
    field(app, "Batch size").set_value(64)
    press(app, "Apply")
    assert asked(store, live) == [("change", {RATE: 0.05, "training.batch_size": 64})]
    press(app, "Apply")  # not recorded yet, so it is asked for again; nothing else is
    assert asked(store, live) == [("change", {RATE: 0.05, "training.batch_size": 64})]


def test_the_panel_follows_changes_of_others_and_does_not_undo_them(store: Store, live: Lease, panel: Open) -> None:
    app = panel(live.run)
    store.append(live, [Changed(2, {RATE: 0.2, "training.batch_size": 8}, {RATE: 0.01, "training.batch_size": 32})])
    field(app, "Input noise").set_value(0.25)  # on a page that still shows the old values
    press(app, "Apply")
    assert asked(store, live) == [("change", {"training.input_noise": 0.25})]
    app.run()
    assert field(app, "Learning rate").value == 0.2
    assert field(app, "Batch size").value == 8
    assert field(app, "Input noise").value == 0.25
    assert "Current values: learning rate 0.2, batch size 8" in text(app)
    assert "input noise 0." in text(app)
    assert "Change 1: learning rate 0.01 → 0.2, batch size 32 → 8." in "".join(one.body for one in app.get("html"))
    # 2 steps of 32 windows and 32 of 8 windows in the first epoch, 40 of 8 windows in each of the other 29
    assert "step 2 of 1,194" in "".join(one.body for one in app.get("html"))


def test_a_value_out_of_range_is_refused_in_the_panel_and_stays_typed(store: Store, live: Lease, panel: Open) -> None:
    app = panel(live.run)
    field(app, "Learning rate").set_value(-1.0)
    press(app, "Apply")
    assert "Learning rate: -1 is not allowed; use a number above 0 and up to 100" in text(app)
    assert field(app, "Learning rate").value == -1.0
    assert asked(store, live) == []
    field(app, "Learning rate").set_value(0.5)
    press(app, "Apply")
    assert "is not allowed" not in text(app)
    assert asked(store, live) == [("change", {RATE: 0.5})]


def test_epochs_below_the_present_one_are_refused_in_the_panel(store: Store, live: Lease, panel: Open) -> None:
    store.append(live, [Epoch(n, 10 * n, {"val_loss": 1.0, "val_mae": 1.0}, 0.1, n == 1) for n in range(1, 6)])
    app = panel(live.run)
    field(app, "Epochs").set_value(3)
    press(app, "Apply")
    assert "Epochs: 3 is not allowed; epoch 6 has begun: use 6 or more, or stop the run" in text(app)
    assert asked(store, live) == []
    assert "of 30" in "".join(one.body for one in app.get("html"))
    field(app, "Epochs").set_value(30)
    field(app, "Early stopping patience").set_value(4)
    press(app, "Apply")
    assert "Early stopping patience: 4 is not allowed; 4 epochs without a lower validation loss have passed" in text(
        app
    )


def test_the_planned_steps_are_never_fewer_than_those_taken(store: Store) -> None:
    """Also of a run that an earlier version let have fewer epochs, and after a change of the batch size."""
    lease = store.start(Experiment())
    one = np.ones(1)
    store.append(lease, [STARTED, Epoch(1, 10, {"val_loss": 1.0}, 0.1, True), Steps(19, one, one, one)])
    store.append(lease, [Changed(19, {"training.batch_size": 320, "training.epochs": 2}, {"training.batch_size": 32})])
    history = shared_history(store.run(lease.run))
    history.update(store, interval=0.0, viewer="v")
    assert history.moment().steps == 20  # 9 steps of 32 windows, and the last 32 in one
    store.append(lease, [Steps(20, one, one, one), Epoch(2, 20, {"val_loss": 1.0}, 0.1, True)])
    store.append(lease, [Changed(20, {"training.epochs": 1}), Steps(21, one, one, one)])
    history.update(store, interval=0.0, viewer="v")
    moment = history.moment()
    assert (moment.steps, moment.epoch, moment.epochs) == (21, 2, 2)
    assert ">2<small> of 2<" in cards(moment)
    lease.release()


def test_fields_without_effect_on_the_run_are_not_offered(store: Store, panel: Open) -> None:
    lease = store.start(Experiment.make({"model": {"architecture": "tcn"}}))
    app = panel(lease.run)
    titles = {one.label for one in app.number_input if "steer-" in str(one.key)}
    assert {"Learning rate", "Dropout", "Batch size", "Input noise"} <= titles
    assert not {"Recurrent dropout", "Teacher forcing"} & titles
    assert "No recurrent dropout: TCN has no recurrent weights to drop." in text(app)
    lease.release()


def test_slow_motion_and_steps_of_a_paused_run(store: Store, live: Lease, panel: Open) -> None:
    app = panel(live.run)
    (button,) = [one for one in app.button if one.label == "Take steps"]
    assert button.disabled
    assert "Pause the run" in button.help
    (slider,) = [one for one in app.select_slider if "Slow motion" in one.label]
    assert slider.value == "full speed"
    slider.set_value("2")
    app.run()
    assert asked(store, live) == [("slow", {"steps_per_second": 2.0})]
    store.command(live.run, "slow", {"steps_per_second": 3.0})  # from the shell: not one of the slider's own
    store.pause(live, True)
    app.run()
    app.run()
    (slider,) = [one for one in app.select_slider if "Slow motion" in one.label]
    assert slider.value == "3"
    asked(store, live)
    field(app, "Steps").set_value(4)
    press(app, "Take steps")
    assert asked(store, live) == [("advance", {"steps": 4})]
    for typed, words in ((1.5, "1.5 steps are not allowed"), (0, "0 steps are not allowed")):
        field(app, "Steps").set_value(typed)
        press(app, "Take steps")
        assert words in text(app)
        assert asked(store, live) == []


def test_the_panel_shows_step_loss_and_score_which_the_chart_updates(store: Store, live: Lease, panel: Open) -> None:
    app = panel(live.run)
    assert "Step 2: training loss 1.000, validation MAE –" in state_line(app)
    one = np.array([0.1234])
    store.append(live, [Steps(3, one, one, one), Epoch(1, 3, {"val_loss": 0.2, "val_mae": 0.0151}, 0.1, True)])
    app.run()
    line = "Step 3: training loss 0.1234, validation MAE 0.0151 after epoch 1"
    assert line in state_line(app)
    history = shared_history(store.run(live.run))
    assert live_state(history)["steering"] == line


def test_the_rate_in_force_is_shown_beside_its_base_and_schedule(store: Store, panel: Open) -> None:
    """In the panel, the tiles and the event log; a change says that the schedule applies to it."""
    lease = store.start(Experiment().with_changes({"training.schedule": "cosine", RATE: 0.02}))
    one, rate = np.ones(3), np.array([0.02, 0.0123, 0.00412])
    store.append(lease, [STARTED, Steps(1, one, one, rate)])
    app = panel(lease.run)
    now = "learning rate 0.00412 (base 0.02, cosine schedule)"
    assert f"Step 3: {now}, training loss" in state_line(app)
    assert f"Current values: {now}, batch size 32" in text(app)
    assert "The cosine schedule multiplies this rate" in field(app, "Base learning rate").help
    body = "".join(one.body for one in app.get("html"))
    assert f">{now}</div>" in body  # a tile
    assert "Learning rate 0.02 with the cosine schedule." in body
    store.append(lease, [Changed(3, {RATE: 0.05}, {RATE: 0.02})])
    app.run()
    body = "".join(one.body for one in app.get("html"))
    assert "Change 1: learning rate 0.02 → 0.05. The cosine schedule multiplies this rate." in body
    assert "learning rate 0.00412 (base 0.05, cosine schedule)" in state_line(app)
    history = shared_history(store.run(lease.run))
    assert history.moment(2, store=store).learning_rate == 0.0123  # of a replay
    lease.release()


def test_a_queued_run_shows_what_waits_for_its_first_step(store: Store, panel: Open) -> None:
    run = store.submit(Experiment())
    app = panel(run.id)
    field(app, "Learning rate").set_value(0.02)
    press(app, "Apply")
    app.run()
    assert "Current values: learning rate 0.02" in text(app)
    assert field(app, "Learning rate").value == 0.02
    assert store.run(run.id).pending == {RATE: 0.02}


def test_who_asked_is_recorded_and_others_see_why_they_may_not(store: Store, live: Lease, panel: Open) -> None:
    anna = {"is_logged_in": True, "email": "anna@example.org", "sub": "1", "provider": "default"}
    app = panel(live.run, anna)
    field(app, "Dropout").set_value(0.1)
    press(app, "Apply")
    assert [(c.arguments, c.by) for c in store.take_commands(live)] == [({"model.dropout": 0.1}, "anna@example.org")]
    app = panel(live.run, {**anna, "email": "ben@example.org", "sub": "2"})
    assert "This run belongs to anna@example.org." in text(app)
    assert field(app, "Dropout").disabled
    assert all(one.disabled for one in app.button if one.label in ("Apply", "Take steps"))
    assert all(one.disabled for one in app.select_slider if "Slow motion" in one.label)


def test_the_panel_stays_in_its_place_disabled_when_the_run_ends(store: Store, live: Lease, panel: Open) -> None:
    app = panel(live.run)
    before = outline(app)
    field(app, "Learning rate").set_value(0.05)  # not applied
    store.append(live, [Finished("stopped", "stopped", 0, 2, 1.0, {}, {}, {}, None)])
    live.release()
    app.run()
    assert not app.exception
    assert store.run(live.run).ended
    assert outline(app) == before
    assert "This run has ended" in text(app)
    assert all(one.disabled for one in app.number_input if "steer-" in str(one.key))
    assert all(one.disabled for one in app.button if one.label in ("Apply", "Take steps"))
    assert all(one.disabled for one in app.select_slider if "Slow motion" in one.label)
    assert field(app, "Learning rate").value == 0.01  # what held, not what was typed


def test_a_run_that_has_ended_has_no_panel(store: Store, panel: Open) -> None:
    run = store.submit(Experiment())
    store.command(run.id, "stop")
    assert not [one for one in panel(run.id).button if one.label == "Apply"]
    assert json.loads(store.run(run.id).experiment_json)
