"""The queue of a server: which run is executed when. That a run is launched is decided here, how is `local_launcher.py`'s."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Literal, Protocol

from seqcore.errors import SeqcoreError, StoreError
from seqcore.experiment.experiment import Experiment
from seqcore.runs import local_launcher
from seqcore.runs.store import Run, Store

__all__ = ["Scheduler", "Launcher", "Worker", "default_slots"]

LOOK_EVERY = 1.0  # seconds: others may put runs into the queue too
LEAVING = 5.0  # seconds that workers have to leave
PATIENCE = (0.0, 0.0, 2.0, 10.0, 60.0)  # seconds before the next start, after so many that failed in a row


class Worker(Protocol):
    """One process that executes runs, wherever it is."""

    def send(self, run: str) -> bool:
        """Give it a run. Whether it could be told."""

    def close(self) -> None:
        """Ask it to checkpoint and leave."""

    def wait(self, seconds: float) -> None:
        """Wait for its end, and end it by force after that."""


Launcher = Callable[[Store, Callable[[str], None]], Worker]
"""Starts a worker, and lets its words be heard: "ready", "paused ID", "going ID", "done ID", "gone"."""


@dataclass
class _Member:
    """A worker as the queue sees it."""

    state: Literal["starting", "idle", "busy", "paused", "gone"] = "starting"
    run: str | None = None
    worker: Worker | None = None


def default_slots() -> int:
    """How many runs train at a time: SEQCORE_SLOTS, else half of the cores. StoreError where it is no number."""
    given = os.environ.get("SEQCORE_SLOTS")
    if given:
        if not given.isdigit() or int(given) < 1:
            raise StoreError(f"SEQCORE_SLOTS: {given!r} is not allowed; use a whole number from 1 up")
        return int(given)
    return max(1, (os.cpu_count() or 1) // 2)


class Scheduler:
    """Lets a store's waiting runs be executed, in order, `slots` at a time. One for a server.

    Paused runs hold no slot. A warm worker stands ready wherever a slot is free, and dead ones are replaced.
    """

    def __init__(self, store: Store, *, slots: int | None = None, launcher: Launcher = local_launcher.launch) -> None:
        self.store = store
        self.slots = slots if slots is not None else default_slots()
        self._launch = launcher
        self._words: SimpleQueue[tuple[_Member | None, str]] = SimpleQueue()
        self._members: list[_Member] = []
        self._failed_starts = 0
        self._next_start = 0.0
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self.trouble: str | None = None
        """One line where runs can't be launched just now, for people to see."""

    def start(self) -> Scheduler:
        """Begin: a worker warms up and the queue is looked after."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="jobs", daemon=True)
            self._thread.start()
        return self

    def close(self) -> None:
        """Let every worker checkpoint and leave. Their runs are interrupted then, and can be resumed."""
        self._closed.set()
        self._wake()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def submit(self, experiment: Experiment, recipe: str | None = None, group: str | None = None) -> Run:
        """A new run, which starts as soon as there is a slot."""
        return self._woken(self.store.submit(experiment, recipe=recipe, group=group))

    def resume(self, run: str) -> Run:
        """Let a run that ended go on, as soon as there is a slot."""
        return self._woken(self.store.resume(run))

    def more_epochs(self, run: str, n: int) -> Run:
        """Train `n` epochs more: at once where the run is going on, else as soon as there is a slot."""
        return self._woken(self.store.more_epochs(run, n))

    def pause(self, run: str) -> None:
        """Checkpoint and wait for `continue_`; another run may have the slot meanwhile."""
        self.store.command(run, "pause")

    def continue_(self, run: str) -> None:
        """Let a paused run go on."""
        self.store.command(run, "continue")

    def stop(self, run: str) -> None:
        """End a run after the step in hand, with its scores; take one that waits out of the queue."""
        self.store.command(run, "stop")
        self._wake()

    def delete(self, run: str) -> None:
        """Remove a run that is not going on."""
        self.store.delete(run)
        self._wake()

    def _woken(self, run: Run) -> Run:
        self._wake()
        return run

    def _wake(self) -> None:
        self._words.put((None, ""))

    def _loop(self) -> None:
        while not self._closed.is_set():
            try:
                self._replace()
                self._dispatch()
                self._listen()
            except SeqcoreError as error:  # the store is busy or its disk is full: try again, and say so
                self.trouble = error.lines[0]
                self._closed.wait(LOOK_EVERY)
        self._leave()

    def _listen(self) -> None:
        """Wait until somebody says something, and take in all that was said."""
        with contextlib.suppress(Empty):
            member, words = self._words.get(timeout=LOOK_EVERY)
            self._hear(member, words)
            while True:
                self._hear(*self._words.get_nowait())

    def _hear(self, member: _Member | None, words: str) -> None:
        if member is None:
            return
        word, _, run = words.partition(" ")
        if word == "ready":
            member.state, self._failed_starts, self.trouble = "idle", 0, None
        elif word in ("paused", "going") and member.run == run:
            member.state = "paused" if word == "paused" else "busy"
        elif word == "done" and member.run == run:
            member.state, member.run = "idle", None
        elif word == "gone":
            if member.state == "starting":
                self._failed_starts += 1
                pause = PATIENCE[min(self._failed_starts, len(PATIENCE) - 1)]
                self._next_start = time.monotonic() + pause
                self.trouble = "a worker could not start; the server's own output says why"
            member.state = "gone"
            if member in self._members:
                self._members.remove(member)

    def _dispatch(self) -> None:
        free = self.slots - self._count("busy")
        if free <= 0:
            return
        given = {member.run for member in self._members}
        for run in [run for run in self.store.queue() if run not in given][:free]:
            member = next((m for m in self._members if m.state == "idle"), None)
            if member is None:
                return
            assert member.worker is not None
            if member.worker.send(run):
                member.state, member.run = "busy", run
            else:
                member.state = "gone"  # its reader will say so too; the run still waits
                self._members.remove(member)

    def _replace(self) -> None:
        """Keep one warm worker wherever a slot is free: as many as wait for one, and one at least."""
        free = self.slots - self._count("busy")
        ready = self._count("idle") + self._count("starting")
        waiting = len(self.store.queue()) if free > 1 else 1
        wanted = min(free, max(1, waiting))
        while ready < wanted and time.monotonic() >= self._next_start:
            self._members.append(self._started())
            ready += 1

    def _started(self) -> _Member:
        member = _Member()
        member.worker = self._launch(self.store, lambda words: self._words.put((member, words)))
        return member

    def _count(self, state: str) -> int:
        return sum(member.state == state for member in self._members)

    def _leave(self) -> None:
        workers = [member.worker for member in self._members if member.worker is not None]
        for worker in workers:
            worker.close()
        until = time.monotonic() + LEAVING
        for worker in workers:
            worker.wait(max(0.0, until - time.monotonic()))
        self._members.clear()
