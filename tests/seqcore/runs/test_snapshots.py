"""Snapshots in the store: what is kept, read, thinned, dropped and deleted, and the errors where nothing is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqcore.errors import CorruptError, LostLease, NotFoundError, StoreError
from seqcore.events import Changed, SnapshotReady, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.runs import atomic_io, snapshot_rows
from seqcore.runs.execution import execute
from seqcore.runs.store import Lease, Store
from seqcore.training.checkpoint import pack, unpack
from seqcore.training.snapshot_schedule import next_scheduled


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str]]:
    """A short run in a store."""
    store = Store(tmp_path_factory.mktemp("snapshots"))
    experiment = Experiment.make(
        {
            "data": {"options": {"samples": 120}, "window": 10},
            "model": {"hidden_size": 4},
            "training": {"epochs": 12, "batch_size": 16, "device": "cpu"},
        }
    )
    yield store, execute(store, store.start(experiment)).id
    store.close()


@pytest.fixture
def lease(store: Store, experiment: Experiment) -> Iterator[Lease]:
    """A run that this process writes."""
    held = store.start(experiment)
    yield held
    held.release()


def ready(step: int, reason: str = "schedule", *, size: int = 10, shared: int = 1) -> SnapshotReady:
    """A snapshot of some bytes; `shared` stands for the codec."""
    content = pack({"step": step}, {"model": {"weight": torch.full((size,), float(step))}})
    return SnapshotReady(step, 0, float(step), lambda: content, pack({"codec": shared}, {}), reason)  # type: ignore[arg-type]


def files(store: Store, run: str) -> set[str]:
    """The names of the files of a run's checkpoints and snapshots."""
    folder = store.checkpoint_path(run)
    return set(os.listdir(folder)) if folder.exists() else set()


def steps_of(store: Store, run: str) -> list[int]:
    return [one.step for one in store.snapshots(run)]


def test_a_run_keeps_its_states_on_the_schedule_and_the_last_one(trained: tuple[Store, str]) -> None:
    store, run = trained
    last = store.run(run).step
    expected = [0]
    while (step := next_scheduled(expected[-1])) <= last:
        expected.append(step)
    kept = store.snapshots(run)
    assert [one.step for one in kept] == [*expected, last]
    assert [one.reason for one in kept] == ["schedule"] * len(expected) + ["end"]
    assert [one.seconds for one in kept] == sorted(one.seconds for one in kept)
    assert kept[-1].epoch == 12
    assert all(one.size > 1000 for one in kept)
    assert len([name for name in files(store, run) if name.endswith(".shared")]) == 1


def test_the_model_at_every_kept_step_can_be_used(trained: tuple[Store, str]) -> None:
    store, run = trained
    outputs = set()
    for step in steps_of(store, run):
        predictor = store.predictor(run, at=step)
        assert predictor.step == step
        outputs.add(predictor.predict(predictor.example()).to_csv())
    assert len(outputs) == len(steps_of(store, run))


@pytest.mark.parametrize(
    ("step", "words"),
    [(7, "the nearest are at 6 and 8"), (10**6, "the last one is at"), (-1, "the first one is at 0")],
)
def test_a_step_without_a_snapshot_is_an_error_that_names_the_nearest(
    trained: tuple[Store, str], step: int, words: str
) -> None:
    store, run = trained
    with pytest.raises(NotFoundError, match=words) as error:
        store.predictor(run, at=step)
    assert len(error.value.lines) == 1


def test_a_run_without_snapshots_says_why(store: Store, experiment: Experiment) -> None:
    plan = experiment.with_changes({"training.snapshots": False, "training.epochs": 1})
    run = execute(store, store.start(plan))
    assert [one.reason for one in store.snapshots(run.id)] == ["end"]
    assert store.predictor(run.id, at=run.step).step == run.step
    with pytest.raises(NotFoundError, match=f"training.snapshots = false; the only step that is kept is {run.step}"):
        store.predictor(run.id, at=3)
    queued = store.submit(experiment)
    assert store.snapshots(queued.id) == []
    with pytest.raises(NotFoundError, match="it has none yet"):
        store.snapshot(queued.id, 0)


def test_a_snapshot_can_be_asked_for_where_the_run_keeps_any(
    store: Store, experiment: Experiment, lease: Lease
) -> None:
    store.command(lease.run, "snapshot")
    assert [command.kind for command in store.take_commands(lease)] == ["snapshot"]
    other = store.start(experiment.with_changes({"training.snapshots": False}))
    with pytest.raises(StoreError, match="keeps no snapshots"):
        store.command(other.run, "snapshot")
    other.release()


def test_several_small_snapshots_share_a_file_and_large_ones_have_their_own(
    store: Store, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqcore.runs.snapshots.TOGETHER", 2**20)
    store.put_snapshots(lease, [ready(0), ready(1), ready(2, size=300_000), ready(3, shared=2)])
    assert steps_of(store, lease.run) == [0, 1, 2, 3]
    assert len(files(store, lease.run)) == 3 + 2  # one with 0 and 1, and two codecs
    for step in (0, 1, 2, 3):
        checkpoint = unpack(store.snapshot(lease.run, step))
        assert checkpoint.meta["step"] == step == checkpoint.group("model")["weight"][0]
        assert checkpoint.meta["codec"] == (2 if step == 3 else 1)


def test_a_step_has_one_snapshot_the_latest(store: Store, lease: Lease) -> None:
    store.put_snapshots(lease, [ready(1)])
    before = files(store, lease.run)
    store.put_snapshots(lease, [ready(1, "change", size=20)])
    [kept] = store.snapshots(lease.run)
    assert kept.reason == "change"
    assert len(files(store, lease.run) & before) == 1  # the codec


def test_what_is_too_large_together_is_thinned_by_powers_of_two(
    store: Store, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = [0]
    while schedule[-1] < 1000:
        schedule.append(next_scheduled(schedule[-1]))
    size = len(ready(1000, size=1000).content)
    monkeypatch.setattr(snapshot_rows, "MOST_BYTES", 12 * size)
    monkeypatch.setattr("seqcore.runs.snapshots.TOGETHER", 1)
    for step in schedule:
        store.put_snapshots(lease, [ready(step, size=1000)])
        if step == 50:
            store.put_snapshots(lease, [ready(55, "change", size=1000)])
    kept = store.snapshots(lease.run)
    assert sum(one.size for one in kept) <= 12 * size
    assert {0, 1, 55, 1000} <= {one.step for one in kept} <= {*schedule, 55}
    assert len(kept) >= 6
    assert len(files(store, lease.run)) == len(kept) + 1
    for number in range(1001, 1041):  # many changes: the oldest go
        store.put_snapshots(lease, [ready(number, "change", size=1000)])
    kept = store.snapshots(lease.run)
    assert sum(one.size for one in kept) <= 12 * size
    assert {0, 1040} <= {one.step for one in kept}


def test_a_change_drops_what_an_earlier_attempt_kept_after_it(
    store: Store, experiment: Experiment, steps: Callable[..., Any]
) -> None:
    first = store.start(experiment)
    store.append(first, [steps(1, [0.5] * 9)])
    store.put_snapshots(first, [ready(0), ready(5)])
    store.put_snapshots(first, [ready(8)])
    store.interrupt(first, "interrupted")
    first.release()
    second = store.restart(first.run)
    assert second is not None
    store.put_snapshots(second, [ready(6, "change")])
    store.append(second, [Changed(6, {"training.learning_rate": 0.1})])
    assert steps_of(store, first.run) == [0, 5, 6]
    assert len([name for name in files(store, first.run) if name.endswith(".snapshots")]) == 2
    second.release()


def test_an_attempt_that_is_no_longer_current_writes_no_snapshot(store: Store, lease: Lease) -> None:
    stale = Lease(lease.run, 7, lambda: None)
    with pytest.raises(LostLease):
        store.put_snapshots(stale, [ready(0)])
    assert files(store, lease.run) == set()


def test_a_disk_without_room_leaves_no_file_and_no_row(
    store: Store, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(atomic_io.os, "fsync", full)
        with pytest.raises(StoreError, match="free disk space"):
            store.put_snapshots(lease, [ready(0)])
    assert files(store, lease.run) == set()
    assert store.snapshots(lease.run) == []
    store.put_snapshots(lease, [ready(0)])
    assert steps_of(store, lease.run) == [0]


@pytest.mark.parametrize("end", [".snapshots", ".shared"])
def test_a_damaged_or_missing_file_is_one_line_that_names_run_step_and_file(
    store: Store, lease: Lease, end: str
) -> None:
    store.put_snapshots(lease, [ready(0), ready(4)])
    [name] = [name for name in files(store, lease.run) if name.endswith(end)]
    path = store.checkpoint_path(lease.run) / name
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptError, match=f"of run {lease.run} at step 4 is damaged"):
        store.snapshot(lease.run, 4)
    path.unlink()
    with pytest.raises(CorruptError, match="is missing"):
        store.snapshot(lease.run, 4)


def test_files_of_a_killed_process_are_cleared_and_kept_snapshots_stay(
    store: Store, folder: Path, experiment: Experiment
) -> None:
    lease = store.start(experiment)
    store.put_snapshots(lease, [ready(0), ready(1)])
    kept = files(store, lease.run)
    beside = store.checkpoint_path(lease.run)
    (beside / "1-5-0123abcd.snapshots").write_bytes(b"half")
    (beside / ".1-6-0123abcd.snapshots.1234abcd.tmp").write_bytes(b"half")
    lease.release()  # as the system does after kill -9
    again = Store(store.url if "://" in store.url else folder)
    assert files(again, lease.run) == kept
    assert steps_of(again, lease.run) == [0, 1]
    again.close()


def test_a_deleted_run_leaves_no_snapshot(store: Store, experiment: Experiment) -> None:
    lease = store.start(experiment)
    store.put_snapshots(lease, [ready(0)])
    store.interrupt(lease, "interrupted")
    lease.release()
    store.delete(lease.run)
    assert files(store, lease.run) == set()
    with store.database.reading() as connection:
        assert snapshot_rows.rows_of(connection, lease.run) == []


def test_values_at_steps_are_those_of_these_steps(trained: tuple[Store, str]) -> None:
    """Of a curve that is thinned, too; before training there is no loss."""
    store, run = trained
    curve = store.curve(run, "loss", None)
    exact = dict(zip(curve.steps.tolist(), curve.values.tolist(), strict=True))
    steps = steps_of(store, run)
    assert len(steps) > 10
    found = store.values_at(run, steps)
    assert np.isnan(found[0])
    assert found[1:].tolist() == [exact[step] for step in steps[1:]]
    assert np.isnan(store.values_at(run, [10**6])).all()
    assert store.values_at(run, []).tolist() == []
    with pytest.raises(StoreError, match="there is no series 'val_loss'"):
        store.values_at(run, [1], "val_loss")


def test_values_at_steps_are_those_of_the_newest_attempt(store: Store, lease: Lease) -> None:
    one = np.arange(1.0, 9.0)
    store.append(lease, [Steps(1, one, one, one)])
    store.append(lease, [Steps(5, one[:2] / 10, one[:2], one[:2])])  # repeats steps 5 and 6
    assert store.values_at(lease.run, [4, 5, 6]).tolist() == [4.0, 0.1, 0.2]
    both = np.stack([one[:2], one[:2] + 2.0], axis=1)
    replicas = store.start(store.run(lease.run).experiment)
    store.append(replicas, [Steps(1, both, both, both)])
    assert store.values_at(replicas.run, [1, 2]).tolist() == [2.0, 3.0]
    replicas.release()
