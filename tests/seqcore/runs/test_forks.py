"""Forks: the parent's bits up to a step and another course from there on, from any step of any kind of run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch

from seqcore.errors import ExperimentError, NotFoundError, SeqcoreError, StoreError
from seqcore.events import Changed, Epoch, Event, SnapshotReady, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.runs import atomic_io
from seqcore.runs.execution import execute
from seqcore.runs.store import Run, Store
from seqcore.training.checkpoint import unpack
from seqcore.training.control import Control
from seqcore.training.fit import fit

NAMES = ("loss", "gradient_norm", "learning_rate")
RATE = {"training.learning_rate": 0.003}
SMALL: dict[str, Any] = {
    "data": {"options": {"samples": 120}, "window": 10},
    "model": {"hidden_size": 4},
    "training": {"epochs": 25, "batch_size": 16, "device": "cpu"},
}


def small(changes: Mapping[str, Any] | None = None) -> Experiment:
    """A tiny model: 25 epochs of 5 steps."""
    return Experiment.make(SMALL).with_changes(changes or {})


def train(store: Store, experiment: Experiment, at: Mapping[int, Mapping[str, Any]] | None = None) -> Run:
    """A run of this experiment, with changes at the snapshots after these steps."""
    control, waiting = Control(), dict(at or {})

    def watched(*arguments: Any, **values: Any) -> Iterator[Event]:
        for event in fit(*arguments, **values):
            if isinstance(event, SnapshotReady) and event.step in waiting:
                control.change(waiting.pop(event.step))
            yield event

    with patch("seqcore.training.fit.fit", watched):  # `on_event` is called later, once events are stored
        return execute(store, store.start(experiment), control=control)


def carry_out(store: Store, fork: Run) -> Run:
    """Execute a queued fork."""
    lease = store.claim(fork.id)
    assert lease is not None
    ended = execute(store, lease)
    assert ended.status == "completed", ended.error
    return ended


def series(store: Store, run: Run, name: str) -> dict[int, Any]:
    """A series by step, of replicas that of each."""
    curve = store.curve(run.id, name, None)
    values = curve.values if curve.replicas is None else curve.replicas
    return dict(zip(curve.steps.tolist(), values.tolist(), strict=True))


def assert_shared(store: Store, parent: Run, fork: Run, step: int, *, differ: bool = True) -> None:
    """Equal to the bit up to `step`, and different from the next one on."""
    for name in NAMES:
        one, other = (series(store, run, name) for run in (parent, fork))
        for at in range(1, step + 1):
            np.testing.assert_equal(other[at], one[at])
        assert len(other) == store.run(fork.id).step
    if differ:
        one, other = (series(store, run, "learning_rate") for run in (parent, fork))
        assert one[step + 1] != other[step + 1]
        one, other = (series(store, run, "loss") for run in (parent, fork))
        assert one[step + 2] != other[step + 2]  # the loss of the next step was known before its update


def assert_same_weights(store: Store, best_of: str, last_of: str) -> None:
    """The best weights of one run are the last ones of another."""
    best, last = (unpack(store.checkpoint(run) or b"") for run in (best_of, last_of))
    for name, tensor in best.group("best").items():
        assert torch.equal(tensor, last.group("model")[name])


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("forks"))
    yield store
    store.close()


@pytest.fixture(scope="module")
def parent(kept: Store) -> Run:
    """125 steps."""
    return train(kept, small())


@pytest.mark.parametrize("step", [0, 100, 113])
def test_a_fork_equals_its_parent_up_to_its_step_and_differs_from_the_next_one_on(
    kept: Store, parent: Run, step: int
) -> None:
    fork = kept.fork(parent.id, step, RATE)
    assert (fork.status, fork.parent, fork.parent_step) == ("queued", parent.id, step)
    assert (fork.step, fork.epoch, fork.recipe) == (step, step // 5, parent.recipe)
    if step:
        assert 0 < fork.seconds < parent.seconds
    assert len(kept.curve(fork.id, "loss", None)) == step  # its history is there before it trains
    assert len(kept.curve(fork.id, "val_loss", None)) == step // 5
    ended = carry_out(kept, fork)
    assert (ended.step, ended.epoch) == (125, 25)
    assert_shared(kept, parent, ended, step)
    [change] = [stored.event for stored in kept.events(ended.id, kinds=["changed"])]
    assert change == Changed(step, RATE, {"training.learning_rate": 0.01})


def test_a_fork_without_changes_is_its_parent_to_the_bit(
    kept: Store, parent: Run, same_run: Callable[[Store, str, str], None]
) -> None:
    fork = carry_out(kept, kept.fork(parent.id, 57))
    same_run(kept, parent.id, fork.id)
    assert fork.best_epoch == parent.best_epoch
    assert [s.step for s in kept.snapshots(fork.id)] == [s.step for s in kept.snapshots(parent.id)]


def test_the_best_weights_of_the_parent_stay_those_of_a_fork_that_gets_worse(kept: Store) -> None:
    base = train(kept, small())
    step = 5 * (base.best_epoch or 0) + 3 if (base.best_epoch or 25) < 24 else 118
    fork = carry_out(kept, kept.fork(base.id, step, {"training.learning_rate": 50.0}))
    best = [e.event for e in kept.events(base.id, kinds=["epoch"]) if isinstance(e.event, Epoch) and e.event.best]
    expected = max(event.epoch for event in best if event.step <= step)
    assert fork.best_epoch == expected
    straight = train(kept, small({"training.epochs": expected}))
    assert_same_weights(kept, fork.id, straight.id)


@pytest.mark.parametrize(
    "changes",
    [
        {"training.replicas": 2},
        {"training.stateful": True, "training.shuffle": False, "data.stride": 10},
        {"training.schedule": "cosine", "model.dropout": 0.3, "model.num_layers": 2},
    ],
)
def test_replicas_carried_states_and_schedules_can_be_forked(kept: Store, changes: dict[str, Any]) -> None:
    base = train(kept, small({**changes, "training.epochs": 12}))
    step = min(37, base.step - 4)
    fork = carry_out(kept, kept.fork(base.id, step, RATE))
    assert_shared(kept, base, fork, step)


def test_recorded_changes_of_the_parent_are_those_of_the_fork(kept: Store) -> None:
    base = train(kept, small(), {20: {"training.learning_rate": 0.02}, 50: {"training.clip_norm": 0.1}})
    assert [c.step for c in kept.changes(base.id, step=0)] == [20, 50]
    fork = carry_out(kept, kept.fork(base.id, 48, {"training.weight_decay": 0.01}))
    changes = kept.changes(fork.id, step=0)
    assert [(c.step, c.changes) for c in changes] == [
        (20, {"training.learning_rate": 0.02}), (48, {"training.weight_decay": 0.01}),
    ]  # fmt: skip
    for name in NAMES:
        one, other = series(kept, base, name), series(kept, fork, name)
        assert [other[at] for at in range(1, 49)] == [one[at] for at in range(1, 49)]
    before = carry_out(kept, kept.fork(base.id, 20))  # just before the change: as if it had never been made
    assert kept.changes(before.id, step=0) == []
    assert series(kept, before, "learning_rate")[21] == 0.01


def test_a_fork_of_a_fork_survives_both_parents(kept: Store) -> None:
    base = train(kept, small({"training.epochs": 12}))
    middle = carry_out(kept, kept.fork(base.id, 30, RATE))
    fork = kept.fork(middle.id, 43, {"training.learning_rate": 0.05})
    early = kept.fork(middle.id, 13, {"training.learning_rate": 0.07})  # a step that is the first one's
    expected = {name: series(kept, middle, name) for name in NAMES}
    assert {run.id for run in kept.runs() if run.parent == middle.id} == {fork.id, early.id}
    kept.delete(base.id)
    kept.delete(middle.id)
    for one, step in ((fork, 43), (early, 13)):
        ended = carry_out(kept, one)
        assert ended.parent == middle.id
        assert {at: v for at, v in series(kept, ended, "loss").items() if at <= step} == {
            at: v for at, v in expected["loss"].items() if at <= step
        }
    assert kept.predictor(early.id, at=10).step == 10
    with pytest.raises(NotFoundError):
        kept.run(middle.id)


def test_a_live_run_can_be_forked(store: Store) -> None:
    forks: list[Run] = []
    parent = Control()

    def on_event(event: object) -> None:
        if isinstance(event, Steps) and event.first_step > 30 and not forks and store.snapshots(live.run):
            assert store.run(live.run).status == "running"
            forks.append(store.fork(live.run, 27, RATE))
            forks.append(store.fork(live.run))
            parent.stop()

    live = store.start(small({"training.epochs": 500}))
    base = execute(store, live, on_event=on_event, control=parent)
    assert forks
    lease = store.claim(forks[0].id)
    assert lease is not None
    control = Control()

    def stop(event: object) -> None:
        if isinstance(event, Steps) and event.first_step > 40:
            control.stop()

    ended = execute(store, lease, control=control, on_event=stop)
    assert ended.step > 28
    assert_shared(store, base, ended, 27)
    assert forks[1].parent_step is not None
    assert 0 <= forks[1].parent_step <= base.step


def test_the_end_of_a_run_can_be_forked_with_more_epochs_only(kept: Store, parent: Run) -> None:
    with pytest.raises(StoreError, match=r"no epochs left after step 125; .* training.epochs to more than 25"):
        kept.fork(parent.id, 125)
    with pytest.raises(StoreError, match="more than 10"):
        kept.fork(parent.id, 50, {"training.epochs": 10})
    fork = carry_out(kept, kept.fork(parent.id, 125, {"training.epochs": 27}))
    assert (fork.step, fork.epoch) == (135, 27)
    later = kept.fork(parent.id, 113, {"training.epochs": 26})
    planned: list[int] = []
    lease = kept.claim(later.id)
    assert lease is not None
    execute(kept, lease, on_event=lambda event: planned.append(kept.run(later.id).epochs))
    assert set(planned) == {26}  # also while it repeats its parent, which had 25
    assert_shared(kept, parent, fork, 125, differ=False)


@pytest.mark.parametrize(
    ("step", "changes", "error", "words"),
    [
        (126, {}, StoreError, "has 125 steps, so it can't be forked at step 126"),
        (-1, {}, StoreError, "use a whole number from 0 up"),
        (True, {}, StoreError, "use a whole number from 0 up"),
        (100, {"model.hidden_size": 8}, ExperimentError, "model.hidden_size: can't change after the start of a run"),
        (100, {"training.learning_rate": -1}, ExperimentError, "training.learning_rate"),
        (100, {"training.learning": 1}, ExperimentError, "did you mean|can't change"),
        (100, {"training.teacher_forcing": 0.5}, ExperimentError, "has no effect on this run"),
    ],
)
def test_what_can_t_be_forked_is_one_line_and_leaves_nothing(
    kept: Store, parent: Run, step: int, changes: dict[str, Any], error: type[SeqcoreError], words: str
) -> None:
    before = {run.id for run in kept.runs()}, set(os.listdir(kept.folder / "checkpoints")), set(kept.locks.known())
    with pytest.raises(error, match=words) as raised:
        kept.fork(parent.id, step, changes)
    assert len(raised.value.lines) == 1
    assert {run.id for run in kept.runs()} == before[0]
    assert set(os.listdir(kept.folder / "checkpoints")) == before[1]


def test_a_run_without_snapshots_or_without_steps_says_so(store: Store) -> None:
    plain = train(store, small({"training.snapshots": False, "training.epochs": 3}))
    with pytest.raises(NotFoundError, match="no snapshots, because it was trained by an earlier version or with"):
        store.fork(plain.id, 5)
    longer = store.fork(plain.id, None, {"training.epochs": 5})  # its end is kept
    assert longer.parent_step == 15
    queued = store.submit(small())
    with pytest.raises(NotFoundError, match="no snapshot yet"):
        store.fork(queued.id, 0)


def test_a_full_disk_leaves_no_fork(kept: Store, parent: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    before = {run.id for run in kept.runs()}, set(os.listdir(kept.folder / "checkpoints"))
    with monkeypatch.context() as patched:
        patched.setattr(atomic_io.os, "fsync", full)
        with pytest.raises(StoreError, match="free disk space"):
            kept.fork(parent.id, 50)
    assert ({run.id for run in kept.runs()}, set(os.listdir(kept.folder / "checkpoints"))) == before


def test_files_are_copied_where_they_can_t_be_linked(kept: Store, parent: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(atomic_io.os, "link", refuse)
    fork = kept.fork(parent.id, 50)
    for one in kept.snapshots(fork.id):
        tensors = [unpack(kept.snapshot(run, one.step)).tensors for run in (parent.id, fork.id)]
        assert all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])


def test_a_fork_that_is_killed_while_it_repeats_its_parent_goes_on(kept: Store, parent: Run) -> None:
    fork = kept.fork(parent.id, 99, RATE)
    control = Control()
    control.leave()
    lease = kept.claim(fork.id)
    assert lease is not None
    left = execute(kept, lease, control=control)
    assert left.status == "interrupted"
    again = kept.restart(fork.id)
    assert again is not None
    ended = execute(kept, again)
    assert_shared(kept, parent, ended, 99)


def test_no_fork_in_a_store_that_is_only_read(kept: Store, parent: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQCORE_READ_ONLY", "1")
    reader = Store(kept.folder)
    assert reader.predictor(parent.id, at=100).step == 100
    with pytest.raises(StoreError, match="read-only"):
        reader.fork(parent.id, 100)
    reader.close()
