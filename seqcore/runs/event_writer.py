"""A background thread that writes a run's events to the store and polls for commands: no step waits for disk."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable

from seqcore.errors import SeqcoreError, StoreError
from seqcore.events import CheckpointReady, Event, Finished, Preparing, SnapshotReady, Steps
from seqcore.runs.records import Lease
from seqcore.runs.store import Store
from seqcore.training.control import Control

__all__ = ["EventWriter"]

INTERVAL = 0.2  # seconds between two writes, and between two polls for commands
FIRST_SECONDS, FIRST_INTERVAL = 1.0, 0.04  # at first, writes are more frequent, so that the first point shows at once
CHECKPOINT_INTERVAL = 1.0  # seconds; of several checkpoints in less time, the last is written
SNAPSHOT_INTERVAL = 2.0  # seconds; several snapshots in less time are written together
FIRST_SNAPSHOTS = 0.5  # seconds after the start; a shorter run writes all of them at its end
SNAPSHOT_BYTES = 2**22  # more are written at once
LOOK_INTERVAL = 0.1  # seconds between two looks at what a run waits for
RARE = 0.5  # seconds between two events
MAX_QUEUED = 1000  # events; `put` waits when so many are unwritten


class EventWriter:
    """Writes the events of one attempt in order. A context manager: leaving it writes the rest.

    An error of the store is raised by the next call, in the run's own thread.
    """

    def __init__(
        self, store: Store, lease: Lease, control: Control, on_pause: Callable[[bool], None] | None = None
    ) -> None:
        self._store, self._lease, self._control = store, lease, control
        self._on_pause = on_pause or (lambda paused: None)
        self._events: queue.Queue[Event] = queue.Queue(MAX_QUEUED)
        self._stored: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._last_put = time.monotonic()
        self._wake = threading.Event()
        self._flushing = threading.Event()
        self._everything = False  # with checkpoints and snapshots that could wait
        self._closing = False
        self._stepped = False
        self._error: SeqcoreError | None = None
        self._checkpoint: CheckpointReady | None = None
        self._checkpoint_written = 0.0
        self._snapshots: list[SnapshotReady] = []
        self._snapshots_written = time.monotonic() - SNAPSHOT_INTERVAL + FIRST_SNAPSHOTS
        self._unwritten = 0
        self._guard = threading.Condition()
        self.pausing = False  # whether the run was asked to pause at its next checkpoint
        self._spent = store.run(lease.run).seconds
        self._waited = control.waited
        self._paused = self._scoring = False
        self._since: float | None = time.monotonic()
        self._thread = threading.Thread(target=self._loop, name="event-writer", daemon=True)

    def __enter__(self) -> EventWriter:
        self._poll_commands()  # a run may have been slowed while it was queued
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._closing = self._everything = True
        self._flushing.set()
        self._wake.set()
        self._thread.join()
        if kind is None:
            self._raise()

    def put(self, event: Event) -> list[Event]:
        """Queue an event; it is written within `INTERVAL` seconds. Returns the events stored since the last call.

        Where events are rare, it waits until this one is stored.
        """
        self._raise()
        rare = time.monotonic() - self._last_put > RARE
        with self._guard:
            self._unwritten += 1
        while True:
            try:
                self._events.put(event, timeout=1.0)
                break
            except queue.Full:
                self._raise()
        if not self._stepped and isinstance(event, Steps):  # somebody is waiting for the first point
            self._stepped = True
            self._flushing.set()
        self._wake.set()
        if rare:
            self.flush()
        self._last_put = time.monotonic()
        return self.stored()

    def stored(self) -> list[Event]:
        """The events that were stored since the last call, in order."""
        stored: list[Event] = []
        with contextlib.suppress(queue.Empty):
            while True:
                stored.append(self._stored.get_nowait())
        return stored

    def flush(self) -> None:
        """Wait until every queued event is in the store."""
        self._everything = True
        self._flushing.set()
        self._wake.set()
        with self._guard:
            self._guard.wait_for(lambda: self._unwritten == 0 or self._error is not None)
        self._raise()

    def pauses_at(self, event: Event) -> bool:
        """Whether the run waits after this event: at a checkpoint, unless it has steps to take, and while it is paused
        before its final scores, where `fit` carries out no more requests."""
        self._scoring = self._paused and isinstance(event, Preparing | Finished)
        return self.pausing and not self._control.advancing and (self._scoring or isinstance(event, CheckpointReady))

    def wait_while_paused(self) -> None:
        """Wait, with the status paused, for a command to continue, stop or leave, or for one that `fit` carries out
        before it hands out a checkpoint again: a change, or steps to take."""
        self.flush()
        self._set_paused(True)
        control = self._control
        with self._guard:
            while self.pausing and control.ending is None and self._error is None:
                if control.asked and not self._scoring:
                    break
                self._guard.wait(0.1)
            self.pausing = self.pausing and control.ending is None
        self._raise()
        if self.pausing and not control.advancing:
            control.save()
        else:
            self._set_paused(False)

    def wait_for(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready()`, at most so long, with the run's clock stopped. A request to pause or end ends it."""
        self.flush()
        self._clock(False)
        until = time.monotonic() + seconds
        while not ready() and time.monotonic() < until:
            with self._guard:
                if self.pausing or self._control.ending is not None or self._error is not None:
                    break
                self._guard.wait(LOOK_INTERVAL)
        self._clock(True)
        self._last_put = time.monotonic()  # the first steps do not wait for the disk, which all write to at this moment
        self._raise()

    def _set_paused(self, paused: bool) -> None:
        if paused != self._paused:
            if paused:
                self._clock(False)
            self._store.pause(self._lease, paused)
            self._on_pause(paused)
            if not paused:
                self._clock(True)
            self._paused = paused

    def _loop(self) -> None:
        written, began = 0.0, time.monotonic()
        try:
            while True:
                self._wake.wait(INTERVAL)
                interval = INTERVAL if time.monotonic() - began > FIRST_SECONDS else FIRST_INTERVAL
                if not self._flushing.is_set():
                    # Collect events for a while: one write for many of them.
                    self._flushing.wait(max(0.0, written + interval - time.monotonic()))
                closing = self._closing
                self._flushing.clear()
                self._wake.clear()
                everything, self._everything = self._everything or closing, False
                self._write(everything=everything)
                written = time.monotonic()
                if closing and self._events.empty():
                    return
                self._poll_commands()
        except SeqcoreError as error:
            self._end(error)
        except Exception as error:  # a bug here must not let the run continue unrecorded
            self._end(StoreError(f"writing events failed: {type(error).__name__}: {error}"))

    def _end(self, error: SeqcoreError) -> None:
        with self._guard:
            self._error = error
            self._guard.notify_all()

    def _write(self, *, everything: bool) -> None:
        events: list[Event] = []
        with contextlib.suppress(queue.Empty):
            while True:
                events.append(self._events.get_nowait())
        for event in events:
            if isinstance(event, CheckpointReady):
                self._checkpoint = event
            elif isinstance(event, SnapshotReady):
                self._snapshots.append(event)
        last = [event for event in events if isinstance(event, Finished)]
        others = [event for event in events if not isinstance(event, CheckpointReady | SnapshotReady | Finished)]
        if others:
            self._store.append(self._lease, others, seconds=self._seconds())
        self._write_states(everything=everything or bool(last))
        if last:
            for late in self._control.take().changes:  # `fit` has ended and does not read them
                self._store.postpone(self._lease, late.changes)
            # Last, so that a run that has ended has its checkpoint.
            self._store.append(self._lease, last, seconds=self._seconds())
            self._closing = True
        for event in events:
            self._stored.put(event)
        with self._guard:
            self._unwritten -= len(events)
            if self._unwritten == 0 and self._checkpoint is None and not self._snapshots:
                self._guard.notify_all()

    def _write_states(self, *, everything: bool) -> None:
        """Write the last checkpoint with all snapshots before it, which a resumed run does not make again, or snapshots
        alone, as far as they do not wait for more."""
        checkpoint, now = self._checkpoint, time.monotonic()
        if checkpoint is not None and (everything or now - self._checkpoint_written >= CHECKPOINT_INTERVAL):
            self._store.put_checkpoint(self._lease, checkpoint, self._snapshots)
            self._checkpoint, self._checkpoint_written = None, time.monotonic()
        elif self._snapshots and (everything or self._snapshots_due):
            self._store.put_snapshots(self._lease, self._snapshots)
        else:
            return
        self._snapshots, self._snapshots_written = [], time.monotonic()

    @property
    def _snapshots_due(self) -> bool:
        waited = time.monotonic() - self._snapshots_written >= SNAPSHOT_INTERVAL
        return waited or sum(len(one.content) for one in self._snapshots) > SNAPSHOT_BYTES

    def _poll_commands(self) -> None:
        for command in self._store.take_commands(self._lease):
            with self._guard:
                match command.kind:
                    case "pause":
                        self.pausing = True
                        self._control.end_advance()
                    case "continue":
                        self.pausing = False
                    case "stop":
                        self._control.stop()
                    case "change":
                        self._control.change(command.arguments, by=command.by)
                    case "slow":
                        self._control.slow(command.arguments["steps_per_second"])
                    case "advance":
                        self._control.advance(command.arguments["steps"])
                    case "snapshot":
                        self._control.snapshot()
                self._guard.notify_all()

    def _clock(self, running: bool) -> None:
        self._spent, self._since = self._elapsed(), time.monotonic() if running else None

    def _seconds(self) -> float:
        """Seconds of training, without pauses and the waits of slow motion."""
        return self._elapsed() - (self._control.waited - self._waited)

    def _elapsed(self) -> float:
        return self._spent + (0.0 if self._since is None else time.monotonic() - self._since)

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
