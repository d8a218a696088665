"""Histories that all visitors share: one look at the store for many of them, in bounded memory."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcore.events import Changed, Epoch, Event, Finding, Finished, Preview, Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.results.series import SeriesView
from seqcore.runs import reading
from seqcore.runs.store import Lease, Store
from ui import run_history, session, shared_history
from ui.event_log import findings
from ui.frontend import FEED_ROUTE
from ui.live_feed import LiveFeed
from ui.run_history import KEPT, History
from ui.run_view import poll_interval
from ui.shared_history import Same, SharedHistory

STARTED = Started(
    device="cpu", device_reason="", threads=1, versions={}, parameters=10, split_sizes={"train": 7, "val": 2},
    baselines={}, reference_baseline="last_value", metric="mae", summary=[], data={}, steps_per_epoch=2, epochs=30,
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "runs")
    yield opened
    opened.close()


@pytest.fixture
def lease(store: Store) -> Iterator[Lease]:
    taken = store.start(Experiment())
    store.append(taken, [STARTED, Finding("early", "An early warning.", "Evidence.", step=0)])
    yield taken
    taken.release()


def train(store: Store, lease: Lease, first: int, last: int) -> None:
    """Epochs `first` to `last` of two steps, each with a preview, a note and a change."""
    events: list[Event] = []
    for n in range(first, last + 1):
        loss = np.array([1.0 / n, 0.9 / n])
        events += [
            Steps(2 * n - 1, loss, loss, loss),
            Epoch(n, 2 * n, {"val_loss": 1.0 / n, "val_mae": 1.0}, 0.1, best=n % 2 == 0),
            Preview(2 * n, "val", SeriesView(x=np.arange(2.0), prediction=np.full((2, 1), float(n)))),
            Finding("note", f"note {n}", severity="info", step=2 * n),
            Changed(2 * n, {"training.learning_rate": 1.0 / n}),
        ]
    store.append(lease, events)


def test_a_history_read_in_parts_is_that_of_all_events(store: Store, lease: Lease) -> None:
    history = History(store.run(lease.run))
    for first, last in ((1, 3), (4, 4), (5, 9)):
        train(store, lease, first, last)
        assert history.update(store)
    assert not history.update(store)
    known, whole = (
        history.moment(),
        History.of_events(store.run(lease.run), history.steps, history.losses, store.events(lease.run)).moment(),
    )
    assert known.events == whole.events
    assert (known.best, known.last, known.epoch, known.changed) == (whole.best, whole.last, 9, whole.changed)
    assert known.preview is not None
    assert whole.preview is not None
    assert known.preview.seq == whole.preview.seq
    np.testing.assert_array_equal(known.validation.losses, whole.validation.losses)
    assert known.validation.best_step == 16


def test_a_long_run_is_kept_in_bounded_memory(store: Store, lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    train(store, lease, 1, 2 * KEPT)
    metrics = {"val_loss": 0.1}
    store.append(lease, [Finished("completed", "", 2 * KEPT, 4 * KEPT, 1.0, metrics, metrics, {}, 2)])
    decoded = []
    original = reading.stored_event
    monkeypatch.setattr(reading, "stored_event", lambda row: decoded.append(row["kind"]) or original(row))
    history = History(store.run(lease.run))
    history.update(store)
    assert len(decoded) <= KEPT + 20
    assert [finding.code for finding in findings(history.moment().events)] == ["early"]
    assert decoded.count("preview") == 1
    moment = history.moment()
    assert len(moment.events) <= 2 * KEPT + 5
    assert moment.epoch == 2 * KEPT
    assert moment.steps == 4 * KEPT  # more than were planned: never fewer than those taken
    assert isinstance(moment.events[0].event, Started)


def test_a_growing_history_forgets_old_notes_and_no_finding(store: Store, lease: Lease) -> None:
    history = History(store.run(lease.run))
    for part in range(4):
        train(store, lease, part * KEPT + 1, (part + 1) * KEPT)
        history.update(store)
        assert len(history.events) <= 2 * KEPT
    assert [finding.code for finding in findings(history.moment().events)] == ["early"]
    assert isinstance(history.events[0].event, Started)
    assert history.changed == {"training.learning_rate": 1.0 / (4 * KEPT)}


def test_the_rate_is_that_since_the_last_change_of_speed(
    store: Store, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, step = [100.0], 0
    monkeypatch.setattr(run_history.time, "monotonic", lambda: clock[0])
    history = History(store.run(lease.run))

    def goes_on(seconds: float, rate: int) -> float | None:
        nonlocal step
        for _ in range(round(5 * seconds)):
            losses = np.ones(rate // 5)
            store.append(lease, [Steps(step + 1, losses, losses, losses)])
            step, clock[0] = step + len(losses), clock[0] + 0.2
            history.update(store)
        return history.moment().rate

    assert goes_on(4.0, 400) == pytest.approx(400)
    store.command(lease.run, "slow", {"steps_per_second": 5.0})
    assert goes_on(0.4, 5) == pytest.approx(5)
    assert goes_on(2.0, 5) == pytest.approx(5)
    store.command(lease.run, "slow", {"steps_per_second": None})
    assert goes_on(1.4, 400) == pytest.approx(400)


def test_many_visitors_cause_one_look_at_the_store(store: Store, lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = [100.0], []
    monkeypatch.setattr(run_history.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(store, "version", lambda run: looks.append(run) or Store.version(store, run))
    shared = SharedHistory(store.run(lease.run))
    for _ in range(20):
        shared.update(store)
        assert shared.moment().run.id == lease.run
    assert len(looks) == 1
    clock[0] += shared_history.INTERVAL
    shared.update(store)
    assert len(looks) == 2
    shared.update(store, interval=0.0)
    assert len(looks) == 3


def test_a_figure_is_drawn_once_for_a_state(store: Store, lease: Lease) -> None:
    shared = SharedHistory(store.run(lease.run))
    drawn = []
    for state in (1, 1, 2, 2):
        assert (
            shared.drawn("loss", state, lambda state=state: drawn.append(state) or f"figure {state}")
            == f"figure {state}"
        )
    assert drawn == [1, 2]


def test_viewers_are_counted_until_they_are_gone(store: Store, lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(run_history.time, "monotonic", lambda: clock[0])
    shared = SharedHistory(store.run(lease.run))
    for k in range(200):
        shared.update(store, viewer=f"viewer {k % 20}")
    assert shared.viewers == 20
    clock[0] += shared_history.PRESENT
    shared.update(store, viewer="viewer 3")
    assert shared.viewers == 1


def test_many_viewers_poll_less_often() -> None:
    assert poll_interval(0) == poll_interval(4) == 0.45
    assert poll_interval(20) == pytest.approx(2.25)
    assert poll_interval(500) == 3.0


def test_many_viewers_are_shown_the_same(store: Store, lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = [100.0], []
    monkeypatch.setattr(run_history.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(store, "version", lambda run: looks.append(run) or Store.version(store, run))
    shared, drawn = SharedHistory(store.run(lease.run)), []
    for k in range(300):
        shared.update(store, viewer=f"viewer {k % 20}")
        moment = shared.moment()
        shared.drawn("cards", Same(moment), lambda: drawn.append(1))
        clock[0] += 0.1  # 10 polls a second in all
    assert len(drawn) == len(looks)
    assert 25 <= len(looks) <= 60
    shared.update(store, interval=0.0)
    assert shared.drawn("cards", Same(shared.moment()), lambda: "new") == "new"


def test_visitors_at_the_same_time_wait_for_one_drawing(store: Store, lease: Lease) -> None:
    shared, drawn, begun = SharedHistory(store.run(lease.run)), [], threading.Barrier(8)

    def draw() -> str:
        drawn.append(1)
        return "figure"

    def visit(_: int) -> str:
        begun.wait(10)
        return shared.drawn("loss", 1, draw)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(visit, range(8))) == ["figure"] * 8
    assert len(drawn) == 1


def asked(**query: str) -> tuple[int, dict[str, Any]]:
    """Status and content of what a chart is answered."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    query_string = "&".join(f"{name}={value}" for name, value in query.items()).encode()
    scope = {"type": "http", "method": "GET", "path": FEED_ROUTE, "query_string": query_string, "headers": []}
    asyncio.run(LiveFeed(None)(scope, None, send))  # type: ignore[arg-type]
    return sent[0]["status"], json.loads(sent[1]["body"] or b"{}")


def test_a_chart_is_told_what_is_new_and_what_else_the_page_has_to_draw(
    store: Store, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "store", lambda: store)
    monkeypatch.setattr(shared_history, "INTERVAL", 0.0)
    shared = SharedHistory(store.run(lease.run))
    shared.update(store, viewer="one")
    shown = {"run": lease.run, "viewer": "one"}
    _, before = asked(**shown, seen="")
    assert asked(**shown, seen=before["version"]) == (204, {})
    train(store, lease, 1, 2)
    status, found = asked(**shown, seen=before["version"])
    assert (status, found["again"]) == (200, 0.45)
    assert [trace["name"] for trace in json.loads(found["figure"])["data"]][:3] == ["training", "validation", "best"]
    assert "step 4 of 60" in found["cards"]
    assert found["rest"] != before["rest"]  # the first steps, a note and a change
    loss = np.array([0.1])
    store.append(lease, [Steps(5, loss, loss, loss)])
    status, later = asked(**shown, seen=found["version"])
    assert "step 5 of 60" in later["cards"]
    assert later["rest"] == found["rest"]  # more steps alone don't redraw the page


def test_only_those_whose_page_shows_a_run_are_told_of_it(
    store: Store, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(run_history.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(session, "store", lambda: store)
    shared = SharedHistory(store.run(lease.run))
    assert asked(run=lease.run, viewer="one", seen="") == (404, {})
    shared.update(store, viewer="one")
    assert asked(run=lease.run, viewer="one", seen="")[0] == 200
    assert asked(run=lease.run, viewer="two", seen="") == (404, {})
    assert asked(run=lease.run, seen="") == asked(run="other", viewer="one", seen="") == (404, {})
    clock[0] += shared_history.PRESENT  # their page is gone; asking does not keep them
    assert asked(run=lease.run, viewer="one", seen="") == (404, {})
