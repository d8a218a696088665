"""How a run is executed: one function for every door, and the process that waits warm to do it for a server."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import FrameType
from typing import TextIO

from seqcore.control import Control
from seqcore.errors import LostLease, SeqcoreError
from seqcore.events import CheckpointReady, Event, Finished
from seqcore.experiment import Experiment
from seqcore.runs.recorder import Recorder
from seqcore.runs.store import Lease, Run, Store

__all__ = ["execute", "main"]

LEAVING = 4.0  # seconds in which a run that must leave can make its checkpoint


def execute(
    store: Store,
    lease: Lease,
    *,
    on_event: Callable[[Event], None] | None = None,
    control: Control | None = None,
    on_pause: Callable[[bool], None] | None = None,
) -> Run:
    """Execute a claimed run to its end and give the lease back. A run that fails is given back as `failed`.

    It goes on from the last checkpoint where there is one. `control.leave()` leaves it `interrupted`, with a
    checkpoint. Ctrl-C in the main thread, where nobody else handles it, stops the run cleanly, and KeyboardInterrupt is
    raised when all is kept; a second one breaks off at once, keeping what is stored.
    """
    control = control or Control()
    held: Lease | None = lease
    try:
        with _interrupts(control) as interrupted:
            while held is not None:
                lease = held
                _attempt(store, lease, control, on_event, on_pause)
                held = store.next_attempt(lease)
        if interrupted:
            raise KeyboardInterrupt
    except LostLease:
        pass  # whoever has the run now says how it goes on
    finally:
        lease.release()
    return store.run(lease.run)


def _attempt(
    store: Store,
    lease: Lease,
    control: Control,
    on_event: Callable[[Event], None] | None,
    on_pause: Callable[[bool], None] | None,
) -> None:
    try:
        with Recorder(store, lease, control, on_pause) as recorder:
            finished = _go(store, lease, control, recorder, on_event)
        if not finished:
            step = store.checkpoint_step(lease.run) or 0
            store.interrupt(lease, f"left at step {step} with a checkpoint; resume goes on from there")
    except LostLease:
        raise
    except KeyboardInterrupt:
        with contextlib.suppress(SeqcoreError):
            store.stop(lease, "broken off; what was stored until then is kept")
        raise
    except SeqcoreError as error:
        _fail(store, lease, error.lines)
    except MemoryError:
        _fail(store, lease, ("there is not enough memory for this run: make the model, batch or window smaller",))
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        _fail(store, lease, (f"{type(error).__name__}: {first}" if first else type(error).__name__,))


def _go(
    store: Store,
    lease: Lease,
    control: Control,
    recorder: Recorder,
    on_event: Callable[[Event], None] | None,
) -> bool:
    """Let `fit` go and keep what it says. Whether it finished; otherwise it was asked to leave."""
    from seqcore.training import fit

    run = store.run(lease.run)
    resume = store.checkpoint(run.id)
    step = store.checkpoint_step(run.id) or 0
    if pending := store.pending(lease):
        control.change(pending)
    data = store.table(run.experiment) if _is_stored(run.experiment) else None
    finished = False
    for event in fit(
        run.experiment, data=data, resume=resume, changes=store.changes(run.id, step=step), control=control
    ):
        if isinstance(event, Finished):
            finished = True
        recorder.put(event)
        if on_event is not None:
            on_event(event)
        if recorder.pausing and isinstance(event, CheckpointReady):
            recorder.rest()
            if control.ending == "leave":
                break  # the checkpoint that it rested on is all there is to keep
    recorder.flush()
    return finished


def _is_stored(experiment: Experiment) -> bool:
    from seqcore.data.sources import SOURCES

    return SOURCES[experiment.data.source].stored


def _fail(store: Store, lease: Lease, lines: tuple[str, ...]) -> None:
    """Keep why a run failed. Where not even that can be written, the run is interrupted once its lock is given back."""
    try:
        path = store.log_path(lease.run)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
    except OSError:
        traceback.print_exc()
    try:
        store.fail(lease, lines)
    except SeqcoreError as error:
        print(*lines, *error.lines, sep="\n", file=sys.stderr)


@contextlib.contextmanager
def _interrupts(control: Control) -> Iterator[list[bool]]:
    """The first Ctrl-C asks the run to stop; the second one breaks it off. Not where somebody else handles it."""
    asked: list[bool] = []
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield asked
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(True)
        control.stop()

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class _Orders:
    """What the server says, a line at a time on standard input. When that closes, the server is gone: leave."""

    def __init__(self) -> None:
        self._runs: SimpleQueue[str | None] = SimpleQueue()
        self._guard = threading.Lock()
        self._control: Control | None = None
        self._leaving = False

    def listen(self) -> None:
        """In a thread of its own from the first moment, so that the process goes even while it still imports."""
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    def leave(self) -> None:
        """Let the run in hand make its checkpoint, then end; end at once where there is none."""
        with self._guard:
            self._leaving = True
            if self._control is None:
                os._exit(0)
            self._control.leave()
        clock = threading.Timer(LEAVING, os._exit, args=(1,))  # a step may take longer than anybody wants to wait
        clock.daemon = True
        clock.start()
        self._runs.put(None)

    def __iter__(self) -> Iterator[tuple[str, Control]]:
        while (run := self._runs.get()) is not None:
            control = Control()
            if not self._take(control):
                return
            yield run, control
            if not self._take(None):
                return

    def _take(self, control: Control | None) -> bool:
        """Which run is in hand. False where this process shall end."""
        with self._guard:
            self._control = control
            return not self._leaving

    def _listen(self) -> None:
        for line in sys.stdin:
            order, _, run = line.strip().partition(" ")
            if order == "run":
                self._runs.put(run)
        self.leave()


@contextlib.contextmanager
def _logged(store: Store, run: str) -> Iterator[None]:
    """Everything that is written to standard error, by whatever library, goes into the run's log."""
    path = store.log_path(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    before = os.dup(2)
    with path.open("ab") as log:
        os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(before, 2)
        os.close(before)
        if path.exists() and path.stat().st_size == 0:
            path.unlink()


def _warm_up() -> None:
    """Import what a run needs, and take some steps, so that the next ones come at once."""
    import torch._dynamo
    import torch.optim  # noqa: F401

    from seqcore.training import fit

    small = Experiment.make(
        {
            "data": {"source": "bouncing-ball", "options": {"samples": 120}},
            "model": {"hidden_size": 4},
            "training": {"epochs": 1, "device": "cpu"},
        }
    )
    for _ in fit(small):
        pass


def main(arguments: list[str] | None = None) -> int:
    """A worker process: says "ready", takes "run ID" a line, and goes when its standard input closes."""
    parser = argparse.ArgumentParser(prog="python -m seqcore.runs.worker")
    parser.add_argument("--store", required=True, help="URL of the store")
    url = parser.parse_args(arguments).store
    tell = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not be taken for our words
    orders = _Orders()
    for name in ("SIGINT", "SIGHUP"):  # they are meant for the server, whose end we hear of by ourselves
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: threading.Thread(target=orders.leave, daemon=True).start())
    orders.listen()
    faulthandler.enable()
    try:
        store = Store(url)
        _warm_up()
    except SeqcoreError as error:
        print(*error.lines, sep="\n", file=sys.stderr)
        return 1
    _say(tell, "ready")
    for run, control in orders:
        if not _serve(store, run, control, tell):
            return 1
    return 0


def _serve(store: Store, run: str, control: Control, tell: TextIO) -> bool:
    """One run. Whether this process is fit for another one: after a failure a new one is the safer choice."""
    sound = True
    try:
        with _logged(store, run):
            lease = store.claim(run)
            if lease is not None:
                ended = execute(
                    store,
                    lease,
                    control=control,
                    on_pause=lambda paused: _say(tell, f"{'paused' if paused else 'going'} {run}"),
                )
                sound = ended.status != "failed"
    except SeqcoreError as error:  # the store is out of reach: the run stays as it is
        print(*error.lines, sep="\n", file=sys.stderr)
        sound = False
    _say(tell, f"done {run}")
    return sound


def _say(tell: TextIO, words: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody listens any more
        tell.write(words + "\n")
        tell.flush()


if __name__ == "__main__":
    sys.exit(main())
