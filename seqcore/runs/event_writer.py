"""Between a run and its store: a thread that writes and hears commands, so that no step waits for a disk."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from seqcore.training.control import Control
from seqcore.errors import SeqcoreError, StoreError
from seqcore.events import CheckpointReady, Event, Finished
from seqcore.runs.records import Command, Lease
from seqcore.runs.store import Store

__all__ = ["EventWriter"]

RHYTHM = 0.2  # seconds between two writes, and between two looks for commands
FIRST, EAGER = 1.0, 0.04  # in a run's first second somebody waits for its first point: the rhythm is quicker
CHECKPOINTS_EVERY = 1.0  # seconds; of several in less time the last is kept
QUEUED = 1000  # events; a run that is faster than its disk waits when so many are unwritten


class EventWriter:
    """Keeps the events of one attempt in order. Use as a context: leaving it writes what is left.

    An error of the store's is raised by the next call, in the run's own thread.
    """

    def __init__(
        self, store: Store, lease: Lease, control: Control, on_pause: Callable[[bool], None] | None = None
    ) -> None:
        self._store, self._lease, self._control = store, lease, control
        self._on_pause = on_pause
        self._events: queue.Queue[Event] = queue.Queue(QUEUED)
        self._wake = threading.Event()
        self._flushing = threading.Event()
        self._closing = False
        self._error: SeqcoreError | None = None
        self._checkpoint: CheckpointReady | None = None
        self._checkpoint_written = 0.0
        self._unwritten = 0
        self._guard = threading.Condition()
        self._pausing = False
        self._spent = store.run(lease.run).seconds
        self._since: float | None = time.monotonic()
        self._thread = threading.Thread(target=self._loop, name="recorder", daemon=True)

    def __enter__(self) -> EventWriter:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._closing = True
        self._flushing.set()
        self._wake.set()
        self._thread.join()
        if kind is None:
            self._raise()

    @property
    def pausing(self) -> bool:
        """Whether the run shall rest as soon as it has made a checkpoint."""
        return self._pausing

    def put(self, event: Event) -> None:
        """Take an event over; it is written within moments."""
        self._raise()
        with self._guard:
            self._unwritten += 1
        while True:
            try:
                self._events.put(event, timeout=1.0)
                break
            except queue.Full:
                self._raise()
        self._wake.set()

    def flush(self) -> None:
        """Wait until everything that was put is in the store."""
        self._flushing.set()
        self._wake.set()
        with self._guard:
            self._guard.wait_for(lambda: self._unwritten == 0 or self._error is not None)
        self._raise()

    def wait_while_paused(self) -> None:
        """Be paused until somebody wants the run to go on, to stop or to leave. Costs nothing meanwhile."""
        self.flush()
        self._clock(False)
        self._store.pause(self._lease, True)
        if self._on_pause is not None:
            self._on_pause(True)
        with self._guard:
            while self._pausing and self._control.ending is None and self._error is None:
                self._guard.wait(0.1)
            self._pausing = False
        self._raise()
        self._store.pause(self._lease, False)
        if self._on_pause is not None:
            self._on_pause(False)
        self._clock(True)

    def _loop(self) -> None:
        written, began = 0.0, time.monotonic()
        try:
            while True:
                self._wake.wait(RHYTHM)
                rhythm = RHYTHM if time.monotonic() - began > FIRST else EAGER
                if not self._flushing.is_set():
                    # Gather for a while: one write for many events.
                    self._flushing.wait(max(0.0, written + rhythm - time.monotonic()))
                closing = self._closing
                flushing = self._flushing.is_set()
                self._flushing.clear()
                self._wake.clear()
                self._write(everything=flushing)
                written = time.monotonic()
                if closing and self._events.empty():
                    return
                self._hear()
        except SeqcoreError as error:
            self._end(error)
        except Exception as error:  # a fault of ours must not let the run go on unrecorded
            self._end(StoreError(f"recording failed: {type(error).__name__}: {error}"))

    def _end(self, error: SeqcoreError) -> None:
        with self._guard:
            self._error = error
            self._guard.notify_all()

    def _write(self, *, everything: bool) -> None:
        events: list[Event] = []
        while True:
            try:
                events.append(self._events.get_nowait())
            except queue.Empty:
                break
        for event in events:
            if isinstance(event, CheckpointReady):
                self._checkpoint = event
        told = [event for event in events if not isinstance(event, CheckpointReady)]
        last = [event for event in told if isinstance(event, Finished)]
        told = [event for event in told if not isinstance(event, Finished)]
        if told:
            self._store.append(self._lease, told, seconds=self._seconds())
        due = time.monotonic() - self._checkpoint_written >= CHECKPOINTS_EVERY
        if self._checkpoint is not None and (everything or due or last):
            self._store.put_checkpoint(self._lease, self._checkpoint)
            self._checkpoint, self._checkpoint_written = None, time.monotonic()
        if last:
            for late in self._control.take()[0]:  # `fit` looks no more
                self._store.postpone(self._lease, late)
            # Only now: a run that is over has its checkpoint.
            self._store.append(self._lease, last, seconds=self._seconds())
            self._closing = True
        with self._guard:
            self._unwritten -= len(events)
            if self._unwritten == 0 and self._checkpoint is None:
                self._guard.notify_all()

    def _hear(self) -> None:
        for command in self._store.take_commands(self._lease):
            self._obey(command)

    def _obey(self, command: Command) -> None:
        with self._guard:
            match command.kind:
                case "pause":
                    self._pausing = True
                    self._control.save()
                case "continue":
                    self._pausing = False
                case "stop":
                    self._control.stop()
                case "change":
                    self._control.change(command.arguments)
            self._guard.notify_all()

    def _clock(self, running: bool) -> None:
        self._spent, self._since = self._seconds(), time.monotonic() if running else None

    def _seconds(self) -> float:
        return self._spent + (0.0 if self._since is None else time.monotonic() - self._since)

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
