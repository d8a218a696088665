"""The lists of the Runs page: one look at the store for many visitors, and what the store has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seqcore.events import Epoch, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import load_recipe
from seqcore.runs.store import RunFilter, Store
from ui import run_index
from ui.run_index import RunIndex

ALL = RunFilter()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "runs")
    yield opened
    opened.close()


def test_many_visitors_cause_one_look_at_the_store_for_each_list(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.submit(Experiment())
    looks = []
    monkeypatch.setattr(store, "find_runs", lambda *a, **k: looks.append(a) or Store.find_runs(store, *a, **k))
    clock = [100.0]
    monkeypatch.setattr(run_index.time, "monotonic", lambda: clock[0])
    index = RunIndex(store)
    for _ in range(20):
        assert len(index.page(ALL, 25).runs) == 1
        assert index.page(RunFilter("no-such-run"), 25).total == 0
    assert len(looks) == 2
    clock[0] += run_index.INTERVAL
    index.page(ALL, 25)
    assert len(looks) == 3
    index.page(ALL, 25, now=True)
    assert len(looks) == 4


def test_new_deleted_and_abandoned_runs_are_seen(store: Store) -> None:
    index = RunIndex(store)
    assert index.counts(now=True) == {}
    first = store.submit(Experiment()).id
    lease = store.start(load_recipe("bouncing-ball").experiment, recipe="bouncing-ball")
    values = np.ones(3)
    store.append(lease, [Steps(1, values, values, values), Epoch(1, 3, {"val_mae": 1.0}, 0.1)])
    assert index.counts(now=True) == {"queued": 1, "running": 1}
    assert {run.id for run in index.page(ALL, 25, now=True).runs} == {first, lease.run}
    assert [run.id for run in index.page(RunFilter("bouncing ball"), 25, now=True).runs] == [lease.run, first]
    lease.release()  # as at the end of its process: nothing is written
    store.delete(first)
    assert [(run.id, run.status) for run in index.page(ALL, 25, now=True).runs] == [(lease.run, "interrupted")]
    assert index.counts(now=True) == {"interrupted": 1}


def test_memory_is_bounded(store: Store) -> None:
    index = RunIndex(store)
    for n in range(2 * run_index.MOST):
        index.page(RunFilter(f"word{n}"), 25)
    assert len(index._kept) == run_index.MOST


def test_runs_by_id_are_those_there_are(store: Store) -> None:
    ids = [store.submit(Experiment()).id for _ in range(4)]
    assert [run.id for run in store.runs(ids=[ids[0], "no-such", ids[2]])] == [ids[2], ids[0]]
    assert store.runs(ids=[]) == []


def test_a_list_validates_no_experiment(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.submit(Experiment())
    monkeypatch.setattr(Experiment, "from_json", lambda text: pytest.fail("validated"))
    assert RunIndex(store).page(RunFilter("bouncing"), 25).total == 1
