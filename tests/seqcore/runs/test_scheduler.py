"""The scheduler with real workers: order, slots, pauses, killed workers and a killed server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seqcore.errors import StoreError
from seqcore.experiment.experiment import Experiment
from seqcore.runs import scheduler
from seqcore.runs.local_launcher import LocalWorker, launch
from seqcore.runs.scheduler import Scheduler, default_slots
from seqcore.runs.store import Store
from tests import forked

Wait = Callable[..., None]


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    opened = Store(folder)
    yield opened
    opened.close()


@pytest.fixture
def jobs(store: Store, forks: None) -> Iterator[Scheduler]:
    """One slot, as on a machine with two cores. (The workers of a killed server, below, start as they always do.)"""
    started = Scheduler(store, slots=1, launcher=forked.launch).start()
    yield started
    started.close()


@pytest.fixture
def endless(experiment: Experiment) -> Experiment:
    return experiment.with_changes({"training.epochs": 50_000})


@pytest.fixture
def quick(experiment: Experiment) -> Experiment:
    """What only has to come to its end."""
    return experiment.with_changes({"training.epochs": 2})


def pids(jobs: Scheduler) -> list[int]:
    return [m.worker.pid for m in jobs._workers if isinstance(m.worker, LocalWorker)]


def is_there(pid: int) -> bool:
    """Whether a process lives. One that has ended and whose parent hasn't looked yet is gone.

    Its first thread may end before the others, which still hold its files.
    """
    process = Path(f"/proc/{pid}")
    try:
        state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" or len([*(process / "task").iterdir()]) > 1
    except OSError:
        return False


def test_runs_are_queued_and_executed_in_order(
    store: Store, jobs: Scheduler, quick: Experiment, endless: Experiment, wait_until: Wait
) -> None:
    first, second, third, fourth = (jobs.submit(e) for e in (endless, quick, quick, quick))
    wait_until(lambda: store.run(first.id).step > 0)
    waiting = [store.run(run.id) for run in (second, third, fourth)]
    assert [(run.status, run.queue_position) for run in waiting] == [("queued", 1), ("queued", 2), ("queued", 3)]
    jobs.stop(third.id)
    assert store.run(third.id).status == "stopped"
    assert store.run(fourth.id).queue_position == 2
    jobs.stop(first.id)
    wait_until(lambda: store.run(fourth.id).status == "completed")
    assert store.run(second.id).status == "completed"
    begun = [run.started for run in (store.run(second.id), store.run(fourth.id))]
    assert None not in begun
    assert begun == sorted(begun, key=lambda time: time.timestamp() if time else 0.0)
    assert store.run(third.id).started is None
    assert len(pids(jobs)) == 1


def test_a_paused_run_leaves_its_slot_to_others(
    store: Store, jobs: Scheduler, quick: Experiment, endless: Experiment, wait_until: Wait
) -> None:
    first, second = jobs.submit(endless), jobs.submit(quick)
    wait_until(lambda: store.run(first.id).step > 0)
    jobs.pause(first.id)
    wait_until(lambda: store.run(second.id).status == "completed")
    assert store.run(first.id).status == "paused"
    before = store.run(first.id).step
    jobs.continue_(first.id)
    wait_until(lambda: store.run(first.id).step > before)
    jobs.stop(first.id)
    wait_until(lambda: store.run(first.id).status == "stopped")


def test_a_dead_worker_is_replaced_and_its_run_can_be_resumed(
    store: Store, jobs: Scheduler, quick: Experiment, endless: Experiment, wait_until: Wait
) -> None:
    first = jobs.submit(endless)
    wait_until(lambda: store.run(first.id).step > 0)
    second = jobs.submit(quick)
    [pid] = pids(jobs)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_there(pid))
    assert store.run(first.id).status == "interrupted"  # at once
    wait_until(lambda: store.run(second.id).status == "completed")
    again = jobs.more_epochs(second.id, 1)
    assert (again.status, again.attempt) == ("queued", 2)
    wait_until(lambda: store.run(second.id).status == "completed")
    assert store.run(second.id).epoch == 3
    jobs.resume(first.id)
    wait_until(lambda: store.run(first.id).status == "running")
    jobs.stop(first.id)
    wait_until(lambda: store.run(first.id).status == "stopped")
    jobs.delete(first.id)
    assert [run.id for run in store.runs()] == [second.id]


def test_a_failed_run_does_not_hold_up_the_next(
    store: Store, jobs: Scheduler, quick: Experiment, wait_until: Wait
) -> None:
    broken = jobs.submit(quick.with_changes({"data.window": 5000}))
    sound = jobs.submit(quick)
    wait_until(lambda: store.run(sound.id).status == "completed")
    assert store.run(broken.id).status == "failed"


def test_runs_that_others_submit_are_executed_too(
    store: Store, jobs: Scheduler, quick: Experiment, wait_until: Wait
) -> None:
    run = Store(store.url).submit(quick)
    wait_until(lambda: store.run(run.id).status == "completed")
    assert jobs.error is None


def test_closing_lets_workers_write_a_checkpoint_and_exit(
    store: Store, forks: None, endless: Experiment, wait_until: Wait
) -> None:
    jobs = Scheduler(store, slots=1, launcher=forked.launch).start()
    run = jobs.submit(endless)
    wait_until(lambda: store.run(run.id).step > 50)
    [pid] = pids(jobs)
    jobs.close()
    assert not is_there(pid)
    left = store.run(run.id)
    assert left.status == "interrupted"
    assert store.checkpoint_step(run.id) == left.step


def test_a_killed_server_leaves_no_orphans_and_its_runs_resume(
    store: Store, forks: None, endless: Experiment, root: Path, wait_until: Wait
) -> None:
    script = """
import json, sys, time
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store
jobs = Scheduler(Store(sys.argv[1]), slots=2).start()
while True:
    print(json.dumps([m.worker.pid for m in list(jobs._workers)]), flush=True)
    time.sleep(0.05)
"""
    run, paused = store.submit(endless), store.submit(endless)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(store.folder)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        wait_until(lambda: store.run(run.id).step > 20 and store.run(paused.id).step > 20)
        store.command(paused.id, "pause")
        wait_until(lambda: store.run(paused.id).status == "paused")
        server.kill()
        workers = set(json.loads(server.stdout.read().strip().splitlines()[-1]))
    assert len(workers) >= 2
    wait_until(lambda: not any(is_there(pid) for pid in workers))  # in 5 s, to which kill_twenty.py holds it
    for left in (store.run(run.id), store.run(paused.id)):
        assert left.status == "interrupted"
        assert store.checkpoint_step(left.id) == left.step > 0
    before = store.run(run.id).step
    with_new_server = Scheduler(store, slots=1, launcher=forked.launch).start()
    try:
        with_new_server.resume(run.id)
        wait_until(lambda: store.run(run.id).step > before)
    finally:
        with_new_server.close()


def test_a_worker_that_can_not_start_is_an_error_of_the_scheduler(
    store: Store, experiment: Experiment, wait_until: Wait
) -> None:
    def nothing(store: Store, tell: Callable[[str], None]) -> LocalWorker:
        process = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return LocalWorker(process, tell)

    jobs = Scheduler(store, slots=1, launcher=nothing).start()
    run = jobs.submit(experiment)
    wait_until(lambda: jobs.error)
    assert store.run(run.id).status == "queued"
    jobs.close()


def test_a_launch_that_fails_once_is_tried_again(store: Store, forks: None, wait_until: Wait) -> None:
    """No memory for another process must not end the scheduler: runs that train need it for their commands."""
    failures = [OSError(12, "Cannot allocate memory")]

    def flaky(where: Store, on_message: Callable[[str], None]) -> LocalWorker:
        if failures:
            raise failures.pop()
        return forked.launch(where, on_message)

    jobs = Scheduler(store, slots=1, launcher=flaky).start()
    try:
        wait_until(lambda: jobs.error is not None)
        assert "Cannot allocate memory" in (jobs.error or "")
        wait_until(lambda: len(pids(jobs)) == 1 and jobs.error is None)
    finally:
        jobs.close()


def test_a_submitted_run_starts_at_once(
    store: Store, forks: None, quick: Experiment, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue is woken, not polled: by itself it would look for the run in an hour."""
    monkeypatch.setattr(scheduler, "POLL_INTERVAL", 3600.0)
    jobs = Scheduler(store, slots=1, launcher=forked.launch).start()
    try:
        wait_until(lambda: any(m.state == "idle" for m in jobs._workers))
        for _ in range(2):
            run = jobs.submit(quick)
            wait_until(lambda run=run: store.run(run.id).ended)
    finally:
        jobs.close()


def test_the_number_of_slots_is_half_the_cores_or_seqcore_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEQCORE_SLOTS", raising=False)
    assert default_slots() == max(1, (os.cpu_count() or 1) // 2)
    monkeypatch.setenv("SEQCORE_SLOTS", "5")
    assert default_slots() == 5
    for nonsense in ("0", "many", "-1"):
        monkeypatch.setenv("SEQCORE_SLOTS", nonsense)
        with pytest.raises(StoreError, match="SEQCORE_SLOTS"):
            default_slots()


def test_launching_leaves_nothing_of_the_server_s_behind(store: Store, wait_until: Wait) -> None:
    words: list[str] = []
    workers = [launch(store, words.append) for _ in range(2)]
    workers[0].close()
    wait_until(lambda: words.count("gone") == 1)
    assert is_there(workers[1].pid)
    workers[1].close()
    wait_until(lambda: words.count("gone") == 2)
    workers[1].wait(1.0)
    assert not workers[1].send("anything")


def test_runs_submitted_together_start_together_and_later_ones_wait(
    store: Store, jobs: Scheduler, endless: Experiment, quick: Experiment, wait_until: Wait
) -> None:
    """One slot: three competitors have slots of their own, the run behind them has none before they are done."""
    race = jobs.submit_together([endless.with_changes({"training.seed": seed}) for seed in range(3)], group="race")
    later = jobs.submit(quick)
    wait_until(lambda: all(store.run(run.id).step > 0 for run in race))
    begun = [run.started.timestamp() for run in store.group("race") if run.started]
    assert len(begun) == 3
    assert store.run(later.id).status == "queued"
    jobs.stop(race[0].id)
    wait_until(lambda: store.run(race[0].id).status == "stopped")
    assert store.run(later.id).status == "queued"
    for run in race[1:]:
        jobs.stop(run.id)
    wait_until(lambda: store.run(later.id).status == "completed")
    wait_until(lambda: len(pids(jobs)) == 1)  # the workers that no slot needs have gone


def test_no_competitor_takes_a_step_before_all_are_ready_for_theirs(
    store: Store, forks: None, quick: Experiment, wait_until: Wait
) -> None:
    """The second worker is given its run when the first one has long loaded its data; the third run is stopped."""
    race = store.submit_together(competitors(quick), group="race")
    words: list[str] = []
    workers = [forked.launch(store, words.append) for _ in range(2)]
    try:
        wait_until(lambda: words.count("ready") == 2)
        assert workers[0].send(race[0].id)
        wait_until(lambda: store.run(race[0].id).parameters is not None)
        assert workers[1].send(race[1].id)
        wait_until(lambda: store.run(race[1].id).parameters is not None)
        assert [store.run(run.id).step for run in race] == [0, 0, 0]
        asked = time.time()
        store.command(race[2].id, "stop")
        wait_until(lambda: [store.run(run.id).status for run in race[:2]] == ["completed"] * 2)
        first = [store.events(run.id, kinds=["epoch"])[0].time.timestamp() for run in race[:2]]
        assert min(first) > asked
        for run in race[:2]:  # the wait is not part of the training time
            done = store.run(run.id)
            assert done.started is not None
            loading = store.events(run.id, kinds=["started"])[0].time - done.started
            training = time.time() - asked
            assert 0.0 < done.seconds < loading.total_seconds() + training
    finally:
        for worker in workers:
            worker.close()
        for worker in workers:
            worker.wait(10.0)


def test_a_competitor_that_waits_for_the_others_can_be_paused_and_stopped(
    store: Store, forks: None, quick: Experiment, wait_until: Wait
) -> None:
    race = store.submit_together(competitors(quick, 2), group="race")
    words: list[str] = []
    worker = forked.launch(store, words.append)
    try:
        assert worker.send(race[0].id)
        wait_until(lambda: store.run(race[0].id).parameters is not None)
        store.command(race[0].id, "pause")
        wait_until(lambda: store.run(race[0].id).status == "paused")
        store.command(race[0].id, "stop")
        wait_until(lambda: store.run(race[0].id).status == "stopped")
        assert store.run(race[1].id).status == "queued"
        assert store.run(race[0].id).step <= 1
    finally:
        worker.close()
        worker.wait(10.0)


class Workers:
    """A launcher whose workers say only what a test lets them say."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.closed = 0
        self.tells: list[Callable[[str], None]] = []

    def __call__(self, store: Store, tell: Callable[[str], None]) -> Workers:
        self.tells.append(tell)
        return self

    def send(self, run: str) -> bool:
        self.sent.append(run)
        return True

    def close(self) -> None:
        self.closed += 1

    def wait(self, seconds: float) -> None: ...


def take_round(jobs: Scheduler) -> None:
    """A round of the scheduler, without waiting for messages."""
    due = jobs._due()
    jobs._replace(due)
    jobs._dispatch(due)


def say(jobs: Scheduler, message: str, *, state: str = "starting") -> None:
    """Let the first worker in a state say something."""
    entry = next(entry for entry in jobs._workers if entry.state == state)
    jobs._handle(entry, f"{message} {entry.run}" if entry.run else message)


def competitors(quick: Experiment, count: int = 3) -> list[Experiment]:
    return [quick.with_changes({"training.seed": seed}) for seed in range(count)]


def test_a_race_starts_when_there_is_a_worker_for_each_competitor(store: Store, quick: Experiment) -> None:
    """Nobody starts before the others: the launcher gives one worker after the other."""
    workers = Workers()
    jobs = Scheduler(store, slots=1, launcher=workers)
    race = store.submit_together(competitors(quick), group="race")
    for _ in range(3):
        take_round(jobs)
        assert len(workers.tells) == 3
        assert workers.sent == []
        say(jobs, "ready")
    take_round(jobs)
    assert workers.sent == [run.id for run in race]


def test_after_a_race_the_next_run_has_a_worker_at_once(store: Store, quick: Experiment) -> None:
    """Of the workers that a race has left one stays, and it takes what is queued then without another start."""
    workers = Workers()
    jobs = Scheduler(store, slots=1, launcher=workers)
    race = store.submit_together(competitors(quick), group="race")
    take_round(jobs)
    for _ in race:
        say(jobs, "ready")
    take_round(jobs)
    for run in race:
        store.command(run.id, "stop")
        say(jobs, "done", state="busy")
        take_round(jobs)
    assert workers.closed == 2
    later = store.submit(quick)
    take_round(jobs)
    assert workers.sent[3:] == [later.id]
    assert len(workers.tells) == 3


def test_a_race_whose_workers_can_not_start_holds_up_no_other_run(store: Store, quick: Experiment) -> None:
    """The race is tried again and again; a single run behind it takes the one worker that there is."""
    workers = Workers()
    jobs = Scheduler(store, slots=1, launcher=workers)
    store.submit_together(competitors(quick), group="race")
    later = store.submit(quick)
    take_round(jobs)
    say(jobs, "ready")
    take_round(jobs)
    assert workers.sent == []
    for _ in range(2):
        say(jobs, "gone")
    take_round(jobs)
    assert workers.sent == [later.id]


def test_workers_are_prepared_for_a_race_and_go_when_none_comes(store: Store, quick: Experiment) -> None:
    workers = Workers()
    jobs = Scheduler(store, slots=1, launcher=workers, keep_spare=False)
    jobs.prepare(3, 60.0)
    take_round(jobs)
    assert workers.tells == []  # not before the server has warmed up
    jobs.start_spare()
    take_round(jobs)
    assert len(workers.tells) == 3
    for _ in range(3):
        say(jobs, "ready")
    take_round(jobs)
    assert workers.closed == 0
    race = jobs.submit_together(competitors(quick), group="race")
    take_round(jobs)
    assert workers.sent == [run.id for run in race]  # no worker had to be started
    for run in race:
        store.command(run.id, "stop")
        say(jobs, "done", state="busy")
        take_round(jobs)
    assert workers.closed == 2  # those of the race are not kept for another
    jobs.prepare(3, 60.0)
    take_round(jobs)
    for _ in range(2):
        say(jobs, "ready")
    jobs.prepare(3, -1.0)  # the time is over
    take_round(jobs)
    assert workers.closed == 4
