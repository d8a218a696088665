"""Runs that are steered through their store: changed while queued, running and paused; slow motion, single steps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from seqcore.errors import ExperimentError, StoreError
from seqcore.events import Changed, Epoch, Finding, Started
from seqcore.experiment.experiment import Experiment
from seqcore.runs.execution import execute
from seqcore.runs.store import Lease, Run, Store
from seqcore.training.checkpoint import unpack
from seqcore.training.control import Control
from tests.replays import assert_replays, changed

RATE = "training.learning_rate"


@pytest.fixture
def plan() -> Experiment:
    data = {"options": {"samples": 150}, "window": 8}
    return Experiment.make({"data": data, "model": {"hidden_size": 4}, "training": {"epochs": 100_000}})


@contextmanager
def executed(store: Store, lease: Lease) -> Iterator[Run]:
    """A run that another thread executes. It is stopped at the end."""
    thread = threading.Thread(target=execute, args=(store, lease))
    thread.start()
    try:
        yield store.run(lease.run)
    finally:
        if not store.run(lease.run).ended:
            store.command(lease.run, "stop")
        thread.join()


@pytest.fixture
def paused(store: Store, plan: Experiment, wait_until: Callable[..., None]) -> Iterator[str]:
    """A run that was paused after some steps."""
    lease = store.start(plan)
    with executed(store, lease) as run:
        wait_until(lambda: store.run(run.id).step > 0)
        store.command(run.id, "pause")
        wait_until(lambda: store.run(run.id).status == "paused")
        yield run.id


def test_a_change_of_a_queued_run_holds_from_its_first_step(store: Store, plan: Experiment) -> None:
    run = store.submit(plan.with_changes({"training.epochs": 5}))
    store.command(run.id, "change", {RATE: "0.05"})
    store.command(run.id, "change", {"training.epochs": 1, "training.batch_size": 16})
    assert store.run(run.id).epochs == 1
    with pytest.raises(ExperimentError, match=r"training\.teacher_forcing: has no effect on this run"):
        store.command(run.id, "change", {"training.teacher_forcing": 0.5})
    lease = store.claim(run.id)
    assert lease is not None
    done = execute(store, lease)
    assert (done.status, done.epoch) == ("completed", 1)
    assert store.curve(run.id, "learning_rate", None).values.tolist() == [0.05] * done.step
    (change,) = changed(store, run.id)
    assert change.step == 0
    assert change.changes == {RATE: 0.05, "training.epochs": 1, "training.batch_size": 16}
    assert store.run(run.id).experiment == run.experiment


def test_a_paused_run_takes_steps_and_pauses_again(store: Store, paused: str, wait_until: Callable[..., None]) -> None:
    before = store.run(paused).step
    for steps, at in ((1, before + 1), (3, before + 4)):
        store.command(paused, "advance", {"steps": steps})
        wait_until(lambda at=at: store.run(paused).step == at and store.run(paused).status == "paused")
        assert store.checkpoint_step(paused) == at
        here = store.snapshots(paused)[-1]
        assert here.step == at
        assert here.reason in ("pause", "schedule")  # where the schedule has this very step
        assert store.predictor(paused, at=at).step == at
    curve = store.curve(paused, "loss", None)
    assert curve.steps.tolist() == list(range(1, before + 5))


def test_snapshots_of_pauses_do_not_pile_up(store: Store, paused: str, wait_until: Callable[..., None]) -> None:
    """Of many pauses there is the last one beside the schedule, and nothing of it once the run goes on."""
    start = store.run(paused).step
    for at in range(start + 3, start + 13, 3):
        store.command(paused, "advance", {"steps": 3})
        wait_until(lambda at=at: store.run(paused).step == at and store.run(paused).status == "paused")
    kept = store.snapshots(paused)
    others = [one.step for one in kept if one.reason != "schedule"]
    assert others in ([start + 12], [])  # the schedule may have a snapshot of this very step
    assert kept[-1].step == start + 12
    store.command(paused, "continue")
    wait_until(lambda: store.run(paused).step > start + 12)
    store.command(paused, "pause")
    wait_until(lambda: store.run(paused).status == "paused")
    assert start + 12 not in [one.step for one in store.snapshots(paused) if one.reason != "schedule"]


def test_a_paused_run_is_changed_without_a_step(store: Store, paused: str, wait_until: Callable[..., None]) -> None:
    before = store.run(paused).step
    for value, by in ((0.1, "ann"), (0.2, "ben"), (0.1, None)):
        store.command(paused, "change", {RATE: value}, by=by)
    wait_until(lambda: len(changed(store, paused)) == 3)
    assert [(c.changes[RATE], c.before[RATE], c.by) for c in changed(store, paused)] == [
        (0.1, 0.01, "ann"), (0.2, 0.1, "ben"), (0.1, 0.2, None),
    ]  # fmt: skip
    wait_until(lambda: unpack(store.checkpoint(paused) or b"").meta["experiment"]["training"]["learning_rate"] == 0.1)
    assert store.run(paused).status == "paused"
    assert store.run(paused).step == before
    store.command(paused, "advance", {"steps": 2})
    wait_until(lambda: store.run(paused).step == before + 2)
    assert store.curve(paused, "learning_rate", None).values[-2:].tolist() == [0.1, 0.1]


def test_a_long_advance_can_be_ended_and_continued(store: Store, paused: str, wait_until: Callable[..., None]) -> None:
    before = store.run(paused).step
    store.command(paused, "slow", {"steps_per_second": 20.0})
    assert store.run(paused).steps_per_second == 20.0
    store.command(paused, "advance", {"steps": 1_000_000})
    wait_until(lambda: store.run(paused).step > before)
    store.command(paused, "pause")
    wait_until(lambda: store.run(paused).status == "paused")
    rested = store.run(paused).step
    assert before < rested < before + 1_000_000
    store.command(paused, "slow", {"steps_per_second": None})
    store.command(paused, "continue")
    wait_until(lambda: store.run(paused).step > rested + 20)
    assert store.run(paused).status == "running"
    with pytest.raises(StoreError, match="is running; pause it to take single steps"):
        store.command(paused, "advance")


def test_slow_motion_of_a_queued_run_begins_with_its_first_step(
    store: Store, plan: Experiment, wait_until: Callable[..., None]
) -> None:
    run = store.submit(plan)
    store.command(run.id, "slow", {"steps_per_second": 0.01})
    lease = store.claim(run.id)
    assert lease is not None
    with executed(store, lease):
        wait_until(lambda: store.run(run.id).step == 1)
        assert store.run(run.id).steps_per_second == 0.01
    assert store.run(run.id).status == "stopped"
    assert store.run(run.id).step == 1


def test_a_refused_change_is_said_and_the_run_goes_on(
    store: Store, plan: Experiment, wait_until: Callable[..., None]
) -> None:
    text = Experiment.make({"data": {"source": "alphabet", "task": "language-modeling", "window": 4}})
    run = store.submit(text.with_changes({"training.epochs": 100_000}))
    lease = store.claim(run.id)
    assert lease is not None
    with executed(store, lease):
        wait_until(lambda: store.run(run.id).step > 0)
        for wanted in ({RATE: -1}, {"training.input_noise": 0.1}, {"model.hidden_size": 7}, {}):
            with pytest.raises(ExperimentError) as caught:
                store.command(run.id, "change", wanted)
            assert len(caught.value.lines) == 1
        step = store.run(run.id).step
        wait_until(lambda: store.run(run.id).step > step)
    assert not changed(store, run.id)
    assert "change-refused" not in [e.event.code for e in store.findings(run.id) if isinstance(e.event, Finding)]


@pytest.mark.parametrize("arguments", [{"steps": 0}, {"steps": 1.5}, {"steps": True}, {"steps": 10**9}])
def test_steps_of_a_paused_run_are_a_whole_number(store: Store, paused: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="steps are not allowed; use a whole number from 1"):
        store.command(paused, "advance", arguments)
    with pytest.raises(ExperimentError, match="slow motion: 0 steps per second are not allowed"):
        store.command(paused, "slow", {"steps_per_second": 0})


def test_a_run_that_was_paused_before_its_scores_stays_so_when_it_is_changed(
    store: Store, plan: Experiment, wait_until: Callable[..., None]
) -> None:
    lease = store.start(plan.with_changes({"training.epochs": 2}))
    store.command(lease.run, "pause")
    with executed(store, lease) as run:
        wait_until(lambda: store.run(run.id).status == "paused")
        store.command(run.id, "advance", {"steps": 1_000})  # to the end, which is no pause
        wait_until(lambda: store.run(run.id).ended)
    assert store.run(run.id).status == "completed"
    assert store.run(run.id).epoch == 2


def test_a_steered_run_that_is_left_resumes_to_the_same_bits(
    store: Store, plan: Experiment, wait_until: Callable[..., None]
) -> None:
    """Paused, changed at several steps, left and resumed from its checkpoint."""
    control = Control()
    lease = store.start(plan.with_changes({"training.epochs": 4}))
    thread = threading.Thread(target=execute, args=(store, lease), kwargs={"control": control})
    store.command(lease.run, "pause")
    thread.start()
    wait_until(lambda: store.run(lease.run).status == "paused")
    start = store.run(lease.run).step
    wanted = [{"training.batch_size": 9}, {"model.dropout": 0.3}, {"training.input_noise": 0.2, RATE: 0.05}]
    for number, changes in enumerate(wanted, 1):
        store.command(lease.run, "change", changes)
        store.command(lease.run, "advance", {"steps": 2})
        at = start + 2 * number
        wait_until(lambda at=at: store.run(lease.run).step == at and store.run(lease.run).status == "paused")
    control.leave()
    thread.join()
    assert store.run(lease.run).status == "interrupted"
    again = store.claim(store.resume(lease.run).id)
    assert again is not None
    done = execute(store, again)
    assert done.status == "completed"
    assert [change.changes for change in changed(store, done.id)] == wanted
    assert_replays(store, done)


@pytest.mark.timeout(300)  # a worker imports torch
def test_a_steered_run_that_is_killed_resumes_to_the_same_bits(
    store: Store, plan: Experiment, worker: Callable[[Store], Any], wait_until: Callable[..., None]
) -> None:
    run = store.submit(plan.with_changes({"training.epochs": 60, "training.replicas": 2}))
    store.command(run.id, "slow", {"steps_per_second": 20.0})  # so that it is not over before it is changed
    process = worker(store)
    process.process.send(run.id)
    wanted = [{"training.batch_size": 20}, {"model.dropout": 0.3}, {"training.input_noise": 0.1, RATE: 0.003}]
    for number, changes in enumerate(wanted, 1):
        before = store.run(run.id).step
        wait_until(lambda before=before: store.run(run.id).step > before)
        store.command(run.id, "change", changes)
        wait_until(lambda number=number: len(changed(store, run.id)) == number)
    process.kill()
    assert store.run(run.id).status == "interrupted"
    lease = store.claim(store.resume(run.id).id)
    assert lease is not None
    done = execute(store, lease)
    assert (done.status, done.attempt) == ("completed", 2)
    assert [change.changes for change in changed(store, done.id)] == wanted
    assert_replays(store, done)


def _trained(store: Store, plan: Experiment, *, epochs: int, best: int) -> Lease:
    """A run of 30 epochs that is after `epochs` of them, the best of which was `best`."""
    lease = store.start(plan.with_changes({"training.epochs": 30}))
    done = [Epoch(n, 10 * n, {"val_loss": 1.0, "val_mae": 1.0}, 0.1, best=n <= best) for n in range(1, epochs + 1)]
    store.append(lease, [started(epochs=30), *done])
    return lease


def started(epochs: int) -> Started:
    return Started(
        device="cpu", device_reason="", threads=1, versions={}, parameters=1, split_sizes={"train": 320, "val": 3},
        baselines={}, reference_baseline="last_value", metric="mae", summary=[], data={}, steps_per_epoch=10,
        epochs=epochs,
    )  # fmt: skip


@pytest.mark.parametrize("status", ["running", "paused", "interrupted"])
def test_epochs_and_patience_that_a_run_is_beyond_are_refused(store: Store, plan: Experiment, status: str) -> None:
    lease = _trained(store, plan, epochs=12, best=8)
    if status == "paused":
        store.pause(lease, True)
    if status == "interrupted":
        store.interrupt(lease, "")
    ask = store.resume if status == "interrupted" else lambda run, changes: store.command(run, "change", changes)
    for wanted, words in (
        ({"training.epochs": 3}, "training.epochs: 3 is not allowed; epoch 13 has begun: use 13 or more"),
        ({"training.patience": 4}, "training.patience: 4 is not allowed; 4 epochs without a lower validation loss"),
    ):
        with pytest.raises(ExperimentError) as caught:
            ask(lease.run, wanted)
        assert len(caught.value.lines) == 1
        assert caught.value.lines[0].startswith(words)
        assert store.run(lease.run).epochs == 30
    ask(lease.run, {"training.epochs": 13, "training.patience": 5})
    assert store.run(lease.run).epochs == 13
    lease.release()


def test_a_fork_is_not_given_a_patience_that_would_end_it_at_once(store: Store, plan: Experiment) -> None:
    done = execute(store, store.start(plan.with_changes({"training.epochs": 6, "training.learning_rate": 1e-9})))
    waited = done.epoch - (done.best_epoch or 0)
    assert waited > 0
    with pytest.raises(ExperimentError, match=rf"training\.patience: {waited} is not allowed"):
        store.fork(done.id, changes={"training.patience": waited, "training.epochs": 20})
    assert store.fork(done.id, changes={"training.patience": waited + 1, "training.epochs": 20}).status == "queued"


def test_epochs_that_the_worker_refuses_are_not_those_of_the_run(store: Store, plan: Experiment) -> None:
    """The worker is some steps ahead of the store."""
    lease = _trained(store, plan, epochs=12, best=8)
    store.command(lease.run, "change", {"training.epochs": 13})
    store.append(lease, [Epoch(13, 130, {"val_loss": 1.0}, 0.1), Finding("change-refused", "no", step=131)])
    assert store.run(lease.run).epochs == 30
    store.append(lease, [Changed(131, {"training.epochs": 20}), Finding("change-refused", "no", step=132)])
    assert store.run(lease.run).epochs == 20
    lease.release()


def test_a_run_of_an_earlier_version_has_no_fewer_epochs_than_it_has_trained(store: Store, plan: Experiment) -> None:
    lease = _trained(store, plan, epochs=12, best=8)
    store.append(lease, [Changed(120, {"training.epochs": 3})])  # which no version from now on records
    assert (store.run(lease.run).epoch, store.run(lease.run).epochs) == (12, 12)
    (listed,) = store.runs()
    assert listed.epochs == 12
    lease.release()


def test_a_value_that_waits_and_is_the_present_one_does_not_wait_for_ever(store: Store, plan: Experiment) -> None:
    run = store.submit(plan.with_changes({"training.epochs": 1}))
    store.command(run.id, "change", {RATE: 0.01, "training.epochs": 1})
    lease = store.claim(run.id)
    assert lease is not None
    done = execute(store, lease)
    assert (done.status, done.attempt, done.pending) == ("completed", 1, {})
    assert not changed(store, run.id)


def test_more_epochs_after_early_stopping_are_trained(store: Store, plan: Experiment) -> None:
    changes = {"training.epochs": 50, "training.patience": 2, RATE: 1e-9}
    done = execute(store, store.start(plan.with_changes(changes)))
    assert done.reason.startswith("early stopping")
    lease = store.claim(store.more_epochs(done.id, 50 - done.epoch).id)  # as many as it had
    assert lease is not None
    longer = execute(store, lease)
    assert longer.epoch > done.epoch
    assert longer.epochs == 50
    both = store.start(plan.with_changes({**changes, "training.replicas": 2}))
    assert execute(store, both).reason.startswith("early stopping")
    with pytest.raises(StoreError, match="early stopping has ended every seed"):
        store.more_epochs(both.run, 1)
