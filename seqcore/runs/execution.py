"""How a run is executed: one function for every door."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from types import FrameType

from seqcore.training.control import Control
from seqcore.errors import LostLease, SeqcoreError
from seqcore.events import CheckpointReady, Event, Finished, Preparing
from seqcore.experiment.experiment import Experiment
from seqcore.runs.event_writer import EventWriter
from seqcore.runs.store import Lease, Run, Store

__all__ = ["execute"]


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
        with EventWriter(store, lease, control, on_pause) as recorder:
            finished = _go(store, lease, control, recorder, on_event)
        if not finished:
            step = store.checkpoint_step(lease.run) or 0
            store.interrupt(lease, f"left with a checkpoint; resume goes on from step {step:,}")
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
    recorder: EventWriter,
    on_event: Callable[[Event], None] | None,
) -> bool:
    """Let `fit` go and keep what it says. Whether it finished; otherwise it was asked to leave."""
    from seqcore.training.fit import fit

    run = store.run(lease.run)
    resume = store.checkpoint(run.id)
    step = store.checkpoint_step(run.id) or 0
    if pending := store.pending(lease):
        control.change(pending)
    data = None
    if _is_stored(run.experiment):
        reading = Preparing(step, f"Reading {run.experiment.data.options.get('name') or 'the file'}")
        recorder.put(reading)
        if on_event is not None:
            on_event(reading)
        data = store.table(run.experiment)
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
