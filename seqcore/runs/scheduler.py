"""The scheduler of a dashboard server: assigns queued runs to worker processes, which a launcher starts."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Literal, Protocol

from seqcore.errors import SeqcoreError
from seqcore.experiment.experiment import Experiment
from seqcore.runs import local_launcher
from seqcore.runs.slots import MOST_TOGETHER, default_slots
from seqcore.runs.store import Run, Store

__all__ = ["Launcher", "Scheduler", "Worker", "default_slots"]

_LOGGER = logging.getLogger(__name__)
POLL_INTERVAL = 1.0  # seconds; other processes may queue runs, too
EXIT_SECONDS = 5.0  # for workers to exit
GIVEN_UP = 2  # failed starts in a row, after which runs that need several workers hold up no others
RESTART_DELAYS = (0.0, 0.0, 2.0, 10.0, 60.0)  # seconds before the next start, by the number of failed starts in a row


class Worker(Protocol):
    """A process that executes runs, on any machine."""

    def send(self, run: str) -> bool:
        """Assign a run. False if the worker is gone."""

    def close(self) -> None:
        """Ask it to write a checkpoint and exit."""

    def wait(self, seconds: float) -> None:
        """Wait for it to exit; kill it after `seconds`."""


Launcher = Callable[[Store, Callable[[str], None]], Worker]
"""Starts a worker, passes on its messages: "ready", "paused ID", "running ID", "done ID", "refused ID WHY", "gone"."""


@dataclass
class _Entry:
    """A worker and its state."""

    state: Literal["starting", "idle", "busy", "paused", "gone"] = "starting"
    run: str | None = None
    worker: Worker | None = None


class Scheduler:
    """Executes a store's queued runs in order, `slots` at a time. One for a server.

    Runs that were submitted together start at the same time, up to `MOST_TOGETHER` in slots of their own: their turn
    comes as that of one run, and later ones wait until a slot is free again.
    Paused runs take no slot. An idle worker is kept ready for a free slot, and dead workers are replaced. Without
    `keep_spare` that begins with `start_spare`: until then a worker is started for each queued run only. With a `group`
    it executes the runs of that group alone.
    """

    def __init__(
        self,
        store: Store,
        *,
        slots: int | None = None,
        launcher: Launcher = local_launcher.launch,
        keep_spare: bool = True,
        group: str | None = None,
    ) -> None:
        self.store = store
        self._group = group
        self._keep_spare = keep_spare
        self.slots = slots if slots is not None else default_slots()
        self._launch = launcher
        self._messages: SimpleQueue[tuple[_Entry | None, str]] = SimpleQueue()
        self._workers: list[_Entry] = []
        self._failed_starts = 0
        self._next_start = 0.0
        self._prepared, self._prepared_until = 0, 0.0
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._start_error: str | None = None  # until a worker is ready
        self._claim_error: str | None = None  # until a worker begins a run
        self._round_error: str | None = None  # until the next round without one

    @property
    def error(self) -> str | None:
        """One line for the user while runs can't be launched, else None."""
        return self._round_error or self._claim_error or self._start_error

    def start(self) -> Scheduler:
        """Start the scheduler thread and, with `keep_spare`, a first worker; nothing where the store is read-only."""
        if self._thread is None and not self.store.read_only:
            self._thread = threading.Thread(target=self._loop, name="scheduler", daemon=True)
            self._thread.start()
        return self

    def start_spare(self) -> None:
        """Keep an idle worker ready from now on."""
        self._keep_spare = True
        self._wake()

    def prepare(self, workers: int, seconds: float) -> None:
        """Keep up to `workers` idle for `seconds` from now, for runs that will soon be submitted together.

        Nothing before `start_spare`, and not more than `MOST_TOGETHER`.
        """
        self._prepared, self._prepared_until = min(workers, MOST_TOGETHER), time.monotonic() + seconds
        self._wake()

    def close(self) -> None:
        """Ask every worker to write a checkpoint and exit. Their runs are interrupted and can be resumed."""
        self._closed.set()
        self._wake()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def submit(
        self, experiment: Experiment, recipe: str | None = None, group: str | None = None, owner: str | None = None
    ) -> Run:
        """Queue a new run."""
        return self._woken(self.store.submit(experiment, recipe=recipe, group=group, owner=owner))

    def submit_together(
        self, experiments: Sequence[Experiment], *, group: str, recipe: str | None = None, owner: str | None = None
    ) -> list[Run]:
        """Queue new runs of a group that start at the same time, each in a slot of its own."""
        runs = self.store.submit_together(experiments, group=group, recipe=recipe, owner=owner)
        self._prepared = 0  # those that were kept for it
        self._wake()
        return runs

    def fork(
        self, run: str, step: int | None = None, changes: Mapping[str, Any] | None = None, owner: str | None = None
    ) -> Run:
        """Queue a new run that equals `run` up to `step` and goes on from there with `changes`, see `Store.fork`."""
        return self._woken(self.store.fork(run, step, changes, owner=owner))

    def resume(self, run: str) -> Run:
        """Queue a run that has ended, to continue from its last checkpoint."""
        return self._woken(self.store.resume(run))

    def more_epochs(self, run: str, n: int, *, by: str | None = None) -> Run:
        """Train `n` more epochs; a run that has ended is queued again. `by` is the user who asks."""
        return self._woken(self.store.more_epochs(run, n, by=by))

    def pause(self, run: str) -> None:
        """Write a checkpoint and wait for `continue_`; the slot is free meanwhile."""
        self.store.command(run, "pause")

    def continue_(self, run: str) -> None:
        """Continue a paused run."""
        self.store.command(run, "continue")

    def stop(self, run: str) -> None:
        """Stop a run after the current step and score it; remove a queued one from the queue."""
        self.store.command(run, "stop")
        self._wake()

    def delete(self, run: str) -> None:
        """Delete a run that is not live."""
        self.store.delete(run)
        self._wake()

    def _woken(self, run: Run) -> Run:
        self._wake()
        return run

    def _wake(self) -> None:
        self._messages.put((None, ""))

    def _loop(self) -> None:
        while not self._closed.is_set():
            try:
                due = self._due()
                self._replace(due)
                self._dispatch(due)
                self._listen()
                self._round_error = None
            except SeqcoreError as error:  # the store is locked or its disk is full: show it and try again
                self._round_error = error.lines[0]
                self._closed.wait(POLL_INTERVAL)
            except Exception as error:  # such as no memory for another process; runs that train must go on meanwhile
                _LOGGER.exception("a run could not be launched")
                self._round_error = f"a worker could not start ({error}); see the output of the server"
                self._closed.wait(POLL_INTERVAL)
        self._stop_workers()

    def _listen(self) -> None:
        """Wait for a message and handle all that have arrived."""
        with contextlib.suppress(Empty):
            self._handle(*self._messages.get(timeout=POLL_INTERVAL))
            while True:
                self._handle(*self._messages.get_nowait())

    def _handle(self, entry: _Entry | None, message: str) -> None:
        if entry is None:
            return
        kind, _, run = message.partition(" ")
        if kind == "ready":
            entry.state, self._failed_starts, self._start_error = "idle", 0, None
        elif kind in ("paused", "running") and entry.run == run:
            entry.state, self._claim_error = "paused" if kind == "paused" else "busy", None
        elif kind == "refused":  # the store can't be written; the run stays queued
            entry.state, entry.run, self._claim_error = "idle", None, run.partition(" ")[2]
            self._closed.wait(POLL_INTERVAL)
        elif kind == "done" and entry.run == run:
            entry.state, entry.run = "idle", None
        elif kind == "gone":
            if entry.state == "starting":
                self._failed_starts += 1
                pause = RESTART_DELAYS[min(self._failed_starts, len(RESTART_DELAYS) - 1)]
                self._next_start = time.monotonic() + pause
                self._start_error = "a worker could not start; see the output of the server"
            entry.state = "gone"
            if entry in self._workers:
                self._workers.remove(entry)

    def _due(self) -> list[list[str]]:
        """The queued runs that are next, in order: as many as there are free slots.

        Runs that were submitted together need one free slot among them: the others get slots of their own. They hold
        up the runs behind them until there is a worker for each, but not where workers can't be started.
        """
        due: list[list[str]] = []
        free = self.slots - self._count("busy")
        if free <= 0:
            return due
        assigned = {entry.run for entry in self._workers}
        for runs in self.store.queued_together(self._group):
            waiting = [run for run in runs if run not in assigned]
            if waiting and free > 0:
                due.append(waiting)
                if len(waiting) == 1 or self._failed_starts < GIVEN_UP:
                    free -= len(waiting)
        return due

    def _dispatch(self, due: list[list[str]]) -> None:
        """Assign the runs that are next to idle workers. Those that start together wait until there is one for each."""
        for runs in due:
            idle = [entry for entry in self._workers if entry.state == "idle"]
            if len(idle) < len(runs):
                if self._failed_starts < GIVEN_UP:
                    return
                continue
            for run, entry in zip(runs, idle, strict=False):
                assert entry.worker is not None
                if entry.worker.send(run):
                    entry.state, entry.run = "busy", run
                else:
                    entry.state = "gone"  # the run stays queued
                    self._workers.remove(entry)

    def _replace(self, due: list[list[str]]) -> None:
        """Start workers for the runs that are next, and keep at least one idle with `keep_spare`."""
        least = int(self._keep_spare and self._count("busy") < self.slots)
        if self._keep_spare and not self._count("busy"):
            least = max(least, self._kept_ready())
        wanted = max(least, sum(map(len, due)))
        ready = self._count("idle") + self._count("starting")
        while ready < wanted and time.monotonic() >= self._next_start:
            self._workers.append(self._start_worker())
            ready += 1
        if not due:
            self._retire()

    def _retire(self) -> None:
        """Close idle workers that runs which started together have left: beyond one for each slot."""
        idle = [entry for entry in self._workers if entry.state == "idle"]
        for entry in idle[max(self.slots, self._kept_ready()) :]:
            assert entry.worker is not None
            entry.state = "gone"
            self._workers.remove(entry)
            entry.worker.close()

    def _kept_ready(self) -> int:
        """Workers that are kept for runs which will soon be submitted together."""
        return self._prepared if time.monotonic() < self._prepared_until else 0

    def _start_worker(self) -> _Entry:
        entry = _Entry()
        entry.worker = self._launch(self.store, lambda message: self._messages.put((entry, message)))
        return entry

    def _count(self, state: str) -> int:
        return sum(entry.state == state for entry in self._workers)

    def _stop_workers(self) -> None:
        workers = [entry.worker for entry in self._workers if entry.worker is not None]
        for worker in workers:
            worker.close()
        until = time.monotonic() + EXIT_SECONDS
        for worker in workers:
            worker.wait(max(0.0, until - time.monotonic()))
        self._workers.clear()
