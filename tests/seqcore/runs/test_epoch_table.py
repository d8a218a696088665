"""The table of epochs says what the events say, without decoding them; the newest events can be read alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from seqcore.events import Epoch, Event, Finding, Started
from seqcore.experiment.experiment import Experiment
from seqcore.runs import reading
from seqcore.runs.epoch_table import EpochTable
from seqcore.runs.store import Store


@pytest.fixture
def run(store: Store, experiment: Experiment, started: Callable[..., Started]) -> str:
    """A run with five epochs and as many notes; one validation loss is not a number, one epoch has none."""
    lease = store.start(experiment)
    losses = [0.5, 0.25, math.nan, 0.125, None]
    events: list[Event] = [started()]
    for i, loss in enumerate(losses, start=1):
        metrics = {"train_loss": 1.0} | ({} if loss is None else {"val_loss": loss})
        events += [Epoch(i, 7 * i, metrics, 0.1, best=i in (1, 2, 4)), Finding("note", f"note {i}", step=7 * i)]
    store.append(lease, events)
    lease.release()
    return lease.run


def test_the_table_says_what_the_events_say(store: Store, run: str) -> None:
    table = store.epochs(run)
    stored = store.events(run, kinds=("epoch",))
    epochs = [one.event for one in stored if isinstance(one.event, Epoch)]
    assert table.seq.tolist() == [one.seq for one in stored]
    assert table.time.tolist() == pytest.approx([one.time.timestamp() for one in stored], abs=1e-5)
    assert table.epoch.tolist() == [epoch.epoch for epoch in epochs]
    assert table.step.tolist() == [epoch.step for epoch in epochs]
    assert table.best.tolist() == [epoch.best for epoch in epochs]
    np.testing.assert_array_equal(table.val_loss, [0.5, 0.25, math.nan, 0.125, math.nan])
    assert store.epochs(run, after=stored[2].seq).epoch.tolist() == [4, 5]


def test_no_event_is_decoded(store: Store, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "stored_event", lambda row: pytest.fail("decoded"))
    assert len(store.epochs(run)) == 5


def test_a_run_without_epochs_has_an_empty_table(store: Store, experiment: Experiment) -> None:
    table = store.epochs(store.submit(experiment).id)
    assert len(table) == len(table.latest()) == 0
    assert len(table.joined(table)) == 0


def test_of_a_repeated_epoch_the_later_report_counts() -> None:
    rows = [(1, 1, 0.0, 7, 1, True, 0.5), (2, 1, 1.0, 14, 2, True, 0.4), (5, 2, 9.0, 14, 2, False, 0.6)]
    first, second = EpochTable.of_rows(rows[:2]), EpochTable.of_rows(rows[2:])
    latest = first.joined(second).latest()
    assert latest.epoch.tolist() == [1, 2]
    assert latest.seq.tolist() == [1, 5]
    assert latest.val_loss.tolist() == [0.5, 0.6]


def test_the_newest_events_can_be_read_alone(store: Store, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    every = store.events(run, kinds=("finding", "epoch"))
    decoded = []
    original = reading.stored_event
    monkeypatch.setattr(reading, "stored_event", lambda row: decoded.append(row) or original(row))
    assert store.events(run, kinds=("finding", "epoch"), newest=3) == every[-3:]
    assert len(decoded) == 3
    assert store.events(run, newest=100) == store.events(run)


def test_of_the_findings_the_latest_of_each_code_are_read(store: Store, run: str) -> None:
    [finding] = [one.event for one in store.findings(run)]
    assert isinstance(finding, Finding)
    assert finding.message == "note 5"
    last = store.events(run, kinds=("finding",))[-1]
    assert store.findings(run, after=last.seq) == []
