"""A crash of a real server and of its workers: what was steered goes on in the next server, and can be replayed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seqcore.experiment.experiment import Experiment
from seqcore.runs.store import Store
from tests.replays import assert_replays, changed
from tests.servers import PATIENCE, running_server

pytestmark = pytest.mark.timeout(400)

PLAN = Experiment.make(
    {
        "data": {"options": {"samples": 150}, "window": 8},
        "model": {"hidden_size": 4},
        "training": {"epochs": 100_000, "device": "cpu"},
    }
)
WANTED = [{"training.learning_rate": 0.003}, {"model.dropout": 0.3, "training.batch_size": 20}]


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def children(process: int) -> list[int]:
    """The processes that a process has started."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = (map(int, line.split()) for line in listed.splitlines())
    return [own for own, parent in pairs if parent == process]


def test_a_steered_run_goes_on_after_a_crash_and_equals_its_replay(root: Path, tmp_path: Path) -> None:
    with running_server(root, tmp_path) as server:
        store = Store(server.store)
        run = store.submit(PLAN).id
        store.command(run, "slow", {"steps_per_second": 100.0})  # the replay below takes all of its steps again
        for number, changes in enumerate(WANTED, 1):
            before = store.run(run).step
            wait_until(lambda before=before: store.run(run).step > before)
            store.command(run, "change", changes)
            wait_until(lambda number=number: len(changed(store, run)) == number)
        last = changed(store, run)[-1].step
        wait_until(lambda: store.run(run).step > last and (store.checkpoint_step(run) or 0) > 0)
        for process in (server.process.pid, *children(server.process.pid)):
            os.kill(process, signal.SIGKILL)
        server.process.wait()
        wait_until(lambda: store.run(run).status == "interrupted")
        kept = store.run(run)
        assert kept.attempt == 1
        assert [change.changes for change in changed(store, run)] == WANTED
        store.close()
    with running_server(root, tmp_path) as server:
        store = Store(server.store)
        assert store.run(run).status == "interrupted"
        store.resume(run)
        wait_until(lambda: store.run(run).step > kept.step)
        store.command(run, "change", {"training.epochs": store.run(run).epoch + 100})
        wait_until(lambda: store.run(run).ended)
        done = store.run(run)
        assert (done.status, done.attempt) == ("completed", 2)
        assert [change.changes for change in changed(store, run)][:-1] == WANTED
        assert_replays(store, done)
        store.close()
