"""The index of the Runs page: it reads what has changed, once for all visitors, and shows what the store has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seqcore.events import Epoch, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import load_recipe
from seqcore.runs import reading
from seqcore.runs.store import Store
from ui import run_index
from ui.run_index import RunIndex


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "runs")
    yield opened
    opened.close()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the runs whose rows were decoded."""
    ids: list[str] = []
    original = reading.run_from_row

    def counted(row, **others):
        ids.append(row["id"])
        return original(row, **others)

    monkeypatch.setattr(reading, "run_from_row", counted)
    return ids


def test_only_changed_runs_are_decoded_again(store: Store, decoded: list[str]) -> None:
    runs = [store.submit(Experiment()).id for _ in range(30)]
    for run in runs:
        store.command(run, "stop")
    index = RunIndex(store)
    decoded.clear()
    assert [run.id for run in index.runs(now=True)] == runs[::-1]
    assert sorted(decoded) == sorted(runs)
    decoded.clear()
    index.runs(now=True)
    assert decoded == []
    store.resume(runs[3])
    decoded.clear()
    assert next(run for run in index.runs(now=True) if run.id == runs[3]).status == "queued"
    assert decoded == [runs[3]]


def test_many_visitors_cause_one_look_at_the_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.submit(Experiment())
    looks = []
    monkeypatch.setattr(store, "versions", lambda: looks.append(1) or Store.versions(store))
    clock = [100.0]
    monkeypatch.setattr(run_index.time, "monotonic", lambda: clock[0])
    index = RunIndex(store)
    for _ in range(20):
        assert len(index.runs()) == 1
    assert len(looks) == 1
    clock[0] += run_index.INTERVAL
    index.runs()
    assert len(looks) == 2


def test_new_deleted_and_abandoned_runs_are_seen(store: Store) -> None:
    index = RunIndex(store)
    first = store.submit(Experiment()).id
    lease = store.start(load_recipe("bouncing-ball").experiment, recipe="bouncing-ball")
    values = np.ones(3)
    store.append(lease, [Steps(1, values, values, values), Epoch(1, 3, {"val_mae": 1.0}, 0.1)])
    by_id = {run.id: run for run in index.runs(now=True)}
    assert by_id[lease.run].active
    assert by_id[first].active
    assert "bouncing ball" in by_id[lease.run].text
    lease.release()  # as at the end of its process: nothing is written
    store.delete(first)
    assert [(run.id, run.status) for run in index.runs(now=True)] == [(lease.run, "interrupted")]


def test_runs_by_id_are_those_there_are(store: Store) -> None:
    ids = [store.submit(Experiment()).id for _ in range(4)]
    assert [run.id for run in store.runs(ids=[ids[0], "no-such", ids[2]])] == [ids[2], ids[0]]
    assert store.runs(ids=[]) == []


def test_a_list_validates_no_experiment(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.submit(Experiment())
    monkeypatch.setattr(Experiment, "from_json", lambda text: pytest.fail("validated"))
    assert RunIndex(store).runs(now=True)[0].title == "Bouncing ball"
