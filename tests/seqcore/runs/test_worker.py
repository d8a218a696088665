"""Runs in real processes: killed, paused, stopped, changed, failing, and always resumable bit for bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import update

from seqcore.events import Changed, CheckpointReady, Epoch, Event, Finished, Preparing, Started
from seqcore.experiment.experiment import Experiment
from seqcore.runs import schema
from seqcore.runs.execution import execute
from seqcore.runs.store import Run, Store
from seqcore.training.control import Control

Compare = Callable[[Store, str, str], None]
Wait = Callable[..., None]


@pytest.fixture
def straight(store: Store) -> Callable[[Experiment], Run]:
    """The same experiment executed without anything happening to it."""
    return lambda experiment: execute(store, store.start(experiment))


def finish(store: Store, run: str) -> Run:
    lease = store.claim(store.resume(run).id)
    assert lease is not None
    return execute(store, lease)


def test_a_run_is_kept_from_start_to_end(store: Store, experiment: Experiment) -> None:
    told: list[Event] = []
    run = execute(store, store.start(experiment), on_event=told.append)
    assert run.status == "completed", run.error
    assert (run.epoch, run.epochs, run.step) == (30, 30, 180)
    assert run.metrics["val_mse"] > 0
    assert run.baselines[run.reference_baseline][f"val_{run.metric}"] > 0
    assert isinstance(next(event for event in told if not isinstance(event, Preparing)), Started)
    assert isinstance(told[-1], Finished)
    kept = [s.event.name for s in store.events(run.id)]
    assert kept == [e.name for e in told if e.name not in ("steps", "checkpointready", "snapshotready", "preparing")]
    assert np.array_equal(store.curve(run.id, max_points=None).steps, np.arange(1, 181))
    assert store.checkpoint_step(run.id) == 180
    assert not store.locks.held(run.id)
    assert store.predictor(run.id).step > 0
    assert not store.log_path(run.id).exists()


def test_a_run_that_left_resumes_bit_for_bit(
    store: Store, experiment: Experiment, straight: Callable[[Experiment], Run], same_run: Compare
) -> None:
    control = Control()
    lease = store.start(experiment)

    def leave(event: Event) -> None:
        if isinstance(event, Epoch) and event.epoch == 11:
            control.leave()

    run = execute(store, lease, on_event=leave, control=control)
    assert run.status == "interrupted"
    assert run.epoch < 30
    assert "resume continues from step " in run.reason
    run = finish(store, run.id)
    assert (run.status, run.attempt) == ("completed", 2)
    same_run(store, run.id, straight(experiment).id)


@pytest.mark.timeout(300)  # three workers, each of which imports torch
def test_killed_at_random_moments_a_run_is_interrupted_at_once_and_loses_nothing(
    store: Store,
    long_experiment: Experiment,
    straight: Callable[[Experiment], Run],
    worker: Callable[[Store], Any],
    same_run: Compare,
    wait_until: Wait,
) -> None:
    run = store.submit(long_experiment)
    seen: dict[int, float] = {}
    for moment in random.Random(3).sample(range(50, 350), 2):
        process = worker(store)
        process.process.send(run.id)
        before = store.run(run.id).step
        wait_until(lambda step=before + moment: store.run(run.id).step >= step or store.run(run.id).ended)
        process.kill()
        assert store.run(run.id).status == "interrupted"
        curve = store.curve(run.id, max_points=None)
        assert len(curve) == store.run(run.id).step or store.run(run.id).attempt > 1
        seen |= dict(zip(curve.steps.tolist(), curve.values.tolist(), strict=True))
        store.resume(run.id)
    process = worker(store)
    process.process.send(run.id)
    process.hears(f"done {run.id}")
    ended = store.run(run.id)
    assert (ended.status, ended.attempt) == ("completed", 3)
    curve = store.curve(run.id, max_points=None)
    assert seen.items() <= dict(zip(curve.steps.tolist(), curve.values.tolist(), strict=True)).items()
    same_run(store, run.id, straight(long_experiment).id)


def test_a_run_that_was_paused_and_stopped_resumes_bit_for_bit(
    store: Store,
    long_experiment: Experiment,
    straight: Callable[[Experiment], Run],
    worker: Callable[[Store], Any],
    same_run: Compare,
    wait_until: Wait,
) -> None:
    experiment = long_experiment.with_changes({"training.epochs": 60})
    process = worker(store)
    run = store.submit(experiment)
    store.command(run.id, "slow", {"steps_per_second": 50.0})  # not over before it is stopped
    process.process.send(run.id)
    wait_until(lambda: store.run(run.id).step > 0)
    store.command(run.id, "pause")
    process.hears(f"paused {run.id}")
    resting = store.run(run.id)
    assert resting.status == "paused"
    assert store.checkpoint_step(run.id) == resting.step == store.curve(run.id).steps[-1]
    spent, since = _processor_seconds(process.pid), time.monotonic()
    wait_until(lambda: time.monotonic() - since > 1.0)
    assert _processor_seconds(process.pid) - spent < 0.3
    assert store.run(run.id).step == resting.step
    store.command(run.id, "continue")
    process.hears(f"running {run.id}")
    wait_until(lambda: store.run(run.id).step > resting.step)
    store.command(run.id, "stop")
    process.hears(f"done {run.id}")
    stopped = store.run(run.id)
    assert (stopped.status, stopped.attempt) == ("stopped", 1)
    assert stopped.metrics["val_mse"] > 0
    assert resting.step < stopped.step == store.checkpoint_step(run.id)
    store.resume(run.id)
    store.command(run.id, "slow", {"steps_per_second": None})
    process.process.send(run.id)
    wait_until(lambda: store.run(run.id).ended)
    assert (store.run(run.id).status, store.run(run.id).attempt) == ("completed", 2)
    same_run(store, run.id, straight(experiment).id)


def test_a_paused_run_is_stopped_with_its_scores(
    store: Store, long_experiment: Experiment, worker: Callable[[Store], Any], wait_until: Wait
) -> None:
    process = worker(store)
    run = store.submit(long_experiment)
    process.process.send(run.id)
    wait_until(lambda: store.run(run.id).step > 0)
    store.command(run.id, "pause")
    process.hears(f"paused {run.id}")
    resting = store.run(run.id).step
    store.command(run.id, "stop")
    process.hears(f"done {run.id}")
    stopped = store.run(run.id)
    assert stopped.status == "stopped"
    assert stopped.metrics["val_mse"] > 0
    assert 0 < resting == stopped.step == store.checkpoint_step(run.id)


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_run_is_changed_while_it_goes(
    store: Store, long_experiment: Experiment, worker: Callable[[Store], Any], wait_until: Wait
) -> None:
    process = worker(store)
    run = store.submit(long_experiment)
    process.process.send(run.id)
    wait_until(lambda: store.run(run.id).step > 20)
    store.command(run.id, "change", {"training.learning_rate": 0.001})
    store.more_epochs(run.id, 3)
    process.hears(f"done {run.id}")
    ended = store.run(run.id)
    assert (ended.status, ended.epoch, ended.epochs, ended.attempt) == ("completed", 153, 153, 1)
    changes = [s.event.changes for s in store.events(run.id, kinds=["changed"]) if isinstance(s.event, Changed)]
    assert changes == [{"training.learning_rate": 0.001}, {"training.epochs": 153}]
    assert set(np.unique(store.curve(run.id, "learning_rate", None).values)) == {0.01, 0.001}


def test_more_epochs_after_the_end_train_on(
    store: Store, experiment: Experiment, straight: Callable[[Experiment], Run], same_run: Compare
) -> None:
    run = straight(experiment)
    assert store.more_epochs(run.id, 2).status == "queued"
    lease = store.claim()
    assert lease is not None
    ended = execute(store, lease)
    assert (ended.status, ended.epoch, ended.epochs, ended.attempt) == ("completed", 32, 32, 2)
    same_run(store, run.id, straight(experiment.with_changes({"training.epochs": 32})).id)


def test_more_epochs_asked_for_at_the_very_end_are_trained_all_the_same(store: Store, experiment: Experiment) -> None:
    lease = store.start(experiment)

    def ask_at_last(event: Event) -> None:
        if isinstance(event, CheckpointReady) and event.epoch == 30:
            store.more_epochs(lease.run, 1)

    run = execute(store, lease, on_event=ask_at_last)
    assert (run.status, run.epoch, run.epochs) == ("completed", 31, 31)


def test_a_run_that_can_not_train_fails_with_its_reason_and_a_log(store: Store, experiment: Experiment) -> None:
    run = execute(store, store.start(experiment.with_changes({"data.window": 5000})))
    assert run.status == "failed"
    assert run.error is not None
    assert "Traceback" not in run.error
    assert run.reason == run.error.splitlines()[0]
    assert "5000" in run.error
    assert "Traceback" in store.log(run.id)
    assert not store.locks.held(run.id)


def test_an_error_of_the_caller_s_own_fails_the_run_and_keeps_what_was_stored(
    store: Store, experiment: Experiment
) -> None:
    def stumble(event: Event) -> None:
        if isinstance(event, Epoch) and event.epoch == 5:
            raise ZeroDivisionError("division by zero\nand more")

    run = execute(store, store.start(experiment), on_event=stumble)
    assert (run.status, run.reason, run.error) == ("failed", "ZeroDivisionError: division by zero", run.reason)
    assert run.epoch >= 4
    assert "ZeroDivisionError" in store.log(run.id)
    assert finish(store, run.id).status == "completed"


def test_a_damaged_checkpoint_fails_the_attempt_with_advice_and_loses_nothing(
    store: Store, experiment: Experiment, straight: Callable[[Experiment], Run]
) -> None:
    run = straight(experiment)
    [file] = (store.folder / "checkpoints" / run.id).glob("1-180-*")
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    store.more_epochs(run.id, 1)
    lease = store.claim()
    assert lease is not None
    failed = execute(store, lease)
    assert failed.status == "failed"
    assert "is damaged" in failed.reason
    assert len(store.curve(run.id, max_points=None)) == 180
    assert file.read_bytes() == content[: len(content) // 2]
    file.write_bytes(content)
    again = finish(store, run.id)
    assert (again.status, again.epoch) == ("completed", 31)


def test_a_full_disk_ends_the_run_with_its_reason_and_keeps_what_was_stored(
    folder: Path, experiment: Experiment, wait_until: Wait
) -> None:
    store = Store(folder)
    lease = store.start(experiment)

    full: list[bool] = []  # who listens must do so from the start: the run is recorded by another thread

    def limit(connection: schema.Connection) -> None:
        if not full:
            return
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    def fill(event: Event) -> None:
        if isinstance(event, Epoch) and event.epoch == 10:
            assert store.run(lease.run).epoch >= 10  # what is passed on is stored
            full.append(True)

    sqlalchemy_event.listen(store.database.engine, "begin", limit)
    run = execute(store, lease, on_event=fill)
    sqlalchemy_event.remove(store.database.engine, "begin", limit)
    store.close()  # the limit belongs to its connections
    assert run.status in ("failed", "interrupted")
    if run.status == "failed":
        assert "disk is full" in run.reason
    assert run.epoch >= 10
    assert len(store.curve(run.id, max_points=None)) == store.run(run.id).step
    assert finish(store, run.id).status == "completed"


def test_a_run_that_was_taken_over_is_left_alone(store: Store, experiment: Experiment) -> None:
    lease = store.start(experiment)

    def take_over(event: Event) -> None:
        if isinstance(event, Epoch) and event.epoch == 3:
            with store.database.writing() as connection:
                connection.execute(update(schema.runs).values(attempt=2, crc=None))

    run = execute(store, lease, on_event=take_over)
    assert run.attempt == 2
    assert run.error is None
    assert run.epoch < 30
    assert not [s for s in store.events(run.id) if s.event.name == "finished"]


def test_ctrl_c_stops_a_run_cleanly_and_is_raised_when_all_is_kept(folder: Path, root: Path, wait_until: Wait) -> None:
    script = """
import seqcore
from pathlib import Path
experiment = seqcore.Experiment.make({"model": {"hidden_size": 8}, "training": {"epochs": 5000, "device": "cpu"}})
seqcore.train(experiment, store=seqcore.open_store("FOLDER"))
""".replace("FOLDER", str(folder))
    store = Store(folder)
    with subprocess.Popen([sys.executable, "-c", script], cwd=root, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: store.runs() and store.runs()[0].step > 20)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=120)
        finally:
            process.kill()  # nothing of it is left where it did not end
    # What torch tidies up at the end makes Python forget the signal where tabulate is installed, as sacrebleu wants it.
    assert process.returncode in (-signal.SIGINT, 1)
    assert said.strip().endswith("KeyboardInterrupt")
    [run] = store.runs()
    assert run.status == "stopped"
    assert run.metrics["val_mse"] > 0
    assert store.checkpoint_step(run.id) == run.step


@pytest.mark.parametrize("doing", ["nothing", "a run", "a paused run"])
def test_a_worker_whose_server_is_gone_writes_a_checkpoint_and_exits(
    store: Store, long_experiment: Experiment, worker: Callable[[Store], Any], wait_until: Wait, doing: str
) -> None:
    process = worker(store)
    run = store.submit(long_experiment.with_changes({"training.epochs": 5000}))
    if doing != "nothing":
        process.process.send(run.id)
        wait_until(lambda: store.run(run.id).step > 50)
    if doing == "a paused run":
        store.command(run.id, "pause")
        process.hears(f"paused {run.id}")
    process.process.close()
    process.hears("gone")
    if doing == "nothing":
        assert store.run(run.id).status == "queued"
        return
    left = store.run(run.id)
    assert left.status == "interrupted"
    assert "resume continues from step " in left.reason
    assert store.checkpoint_step(run.id) == left.step > 50


def test_a_terminated_worker_writes_a_checkpoint(
    store: Store, long_experiment: Experiment, worker: Callable[[Store], Any], wait_until: Wait
) -> None:
    process = worker(store)
    run = store.submit(long_experiment.with_changes({"training.epochs": 5000}))
    process.process.send(run.id)
    wait_until(lambda: store.run(run.id).step > 50)
    os.kill(process.pid, signal.SIGTERM)
    process.hears("gone")
    assert store.run(run.id).status == "interrupted"
    assert store.checkpoint_step(run.id) == store.run(run.id).step


def test_a_worker_s_standard_error_is_the_log_of_the_run_that_failed(
    store: Store, experiment: Experiment, worker: Callable[[Store], Any]
) -> None:
    process = worker(store)
    run = store.submit(experiment.with_changes({"data.window": 5000}))
    process.process.send(run.id)
    process.hears(f"done {run.id}")
    assert store.run(run.id).status == "failed"
    assert "Traceback" in store.log(run.id)
    process.hears("gone")


def test_steps_do_not_wait_for_a_database_that_is_busy(store: Store, experiment: Experiment) -> None:
    if store.place.file is None:
        pytest.skip("only SQLite has one writer at a time")
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with store.database.writing():
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold)

    def block(event: Event) -> None:
        if isinstance(event, Epoch) and event.epoch == 5:
            holder.start()
            held.wait(30)
        if isinstance(event, CheckpointReady) and event.epoch == 30:  # passed on before it is stored
            release.set()

    run = execute(store, store.start(experiment), on_event=block)
    holder.join()
    assert run.status == "completed"
    assert len(store.curve(run.id, max_points=None)) == 180


def test_a_run_resumes_with_a_changed_field_which_is_recorded_once(store: Store, experiment: Experiment) -> None:
    control = Control()

    def stop(event: Event) -> None:
        if isinstance(event, Epoch) and event.epoch == 3:
            control.change({"training.weight_decay": 0.01})
        if isinstance(event, Epoch) and event.epoch == 5:
            control.stop()

    first = store.start(experiment)
    store.command(first.run, "slow", {"steps_per_second": 20.0})  # the run hears of an epoch once it is stored
    run = execute(store, first, on_event=stop, control=control)
    assert run.status == "stopped"
    lease = store.claim(store.resume(run.id, {"training.learning_rate": 0.25}).id)
    assert lease is not None
    assert execute(store, lease).status == "completed"
    changes = [stored.event for stored in store.events(run.id, kinds=["changed"])]
    assert [c.changes for c in changes if isinstance(c, Changed)] == [
        {"training.weight_decay": 0.01},
        {"training.learning_rate": 0.25},
    ]
    rates = store.curve(run.id, "learning_rate", None)
    assert rates.values[run.step] == pytest.approx(0.25)
