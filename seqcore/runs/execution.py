"""Executing a claimed run: `fit`, with its events written to the store. Used by worker, command line and Python."""

from __future__ import annotations

import contextlib
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from types import FrameType

from seqcore.data.sources import SOURCES
from seqcore.errors import LostLease, SeqcoreError
from seqcore.events import CheckpointReady, Event, Finished, Preparing, Started
from seqcore.experiment.experiment import Experiment
from seqcore.runs.event_writer import EventWriter
from seqcore.runs.store import Lease, Run, Store
from seqcore.training.control import LIVE_CHANGES, Control

__all__ = ["execute"]

TOGETHER_SECONDS = 60.0  # that a run waits at most for those that were submitted together with it
OnEvent = Callable[[Event], None]
OnPause = Callable[[bool], None]
AT_ONCE = (Preparing, CheckpointReady)  # say what is about to happen; all others are passed on once they are stored


def execute(
    store: Store,
    lease: Lease,
    *,
    on_event: OnEvent | None = None,
    control: Control | None = None,
    on_pause: OnPause | None = None,
    together: bool = False,
) -> Run:
    """Execute a claimed run to its end and release the lease. An error is stored with the run, as status `failed`.

    With `together` it takes its first step when the runs that were submitted together with it are ready for theirs.
    The run continues from its last checkpoint if there is one. `control.leave()` leaves it `interrupted`, with a
    checkpoint. Ctrl-C in the main thread, where nothing else handles it, stops the run cleanly, and KeyboardInterrupt
    is raised once everything is stored; a second Ctrl-C aborts at once and keeps what is stored.
    """
    control = control or Control()
    held: Lease | None = lease
    try:
        with _interrupts(control) as interrupted:
            while held is not None:
                lease = held
                _attempt(store, lease, control, on_event or (lambda event: None), on_pause, together=together)
                held = store.next_attempt(lease)
        if interrupted:
            raise KeyboardInterrupt
    except LostLease:
        pass  # another process has the run now, and stores its status
    finally:
        lease.release()
    return store.run(lease.run)


def _attempt(
    store: Store, lease: Lease, control: Control, on_event: OnEvent, on_pause: OnPause | None, *, together: bool
) -> None:
    try:
        with EventWriter(store, lease, control, on_pause) as writer:
            finished = _train(store, lease, control, writer, on_event, together=together)
        if not finished:
            step = store.checkpoint_step(lease.run) or 0
            store.interrupt(lease, f"interrupted with a checkpoint; resume continues from step {step:,}")
    except LostLease:
        raise
    except KeyboardInterrupt:
        with contextlib.suppress(SeqcoreError):
            store.stop(lease, "aborted; what was stored until then is kept")
        raise
    except SeqcoreError as error:
        _fail(store, lease, error.lines)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(store, lease, (f"{where}{error.strerror or error}",))
    except MemoryError:
        _fail(store, lease, ("not enough memory for this run; use a smaller hidden size, batch size or window",))
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        _fail(store, lease, (f"{type(error).__name__}: {first}" if first else type(error).__name__,))


def _train(
    store: Store, lease: Lease, control: Control, writer: EventWriter, on_event: OnEvent, *, together: bool
) -> bool:
    """Run `fit` and store its events. Returns whether it finished; if not, it was asked to leave."""
    from seqcore.training.fit import fit

    run = store.run(lease.run)
    resume = store.checkpoint(run.id)
    step = store.checkpoint_step(run.id) or 0
    if pending := store.pending(lease):
        control.change(pending)

    def report(event: Event) -> None:
        """Queue an event, and pass on those that are stored: what the user has seen survives a kill."""
        stored = writer.put(event)
        if isinstance(event, AT_ONCE):
            on_event(event)
        pass_on(stored)

    def pass_on(events: Iterable[Event]) -> None:
        for event in events:
            if not isinstance(event, AT_ONCE):
                on_event(event)

    data = None
    if SOURCES[run.experiment.data.source].stored:
        report(Preparing(step, f"Reading {run.experiment.data.options.get('name') or 'the file'}"))
        data = store.table(run.experiment)
    experiment = run.experiment if resume is None else _with_live_changes(run.experiment, resume)
    changes = store.changes(run.id, step=step)
    finished = False
    for event in fit(experiment, data=data, resume=resume, changes=changes, control=control):
        finished = finished or isinstance(event, Finished)
        report(event)
        if together and resume is None and isinstance(event, Started):
            writer.wait_for(lambda: _are_ready(store, run), TOGETHER_SECONDS)
        if writer.pauses_at(event):
            writer.wait_while_paused()
            if control.ending == "leave":
                break  # the checkpoint that it paused at is the last one
    writer.flush()
    pass_on(writer.stored())
    return finished


def _are_ready(store: Store, run: Run) -> bool:
    """Whether every run that was submitted together with `run` has stored its `Started`, or has ended."""
    group = [] if run.group is None else store.group(run.group)
    return all(one.parameters is not None or one.ended for one in group if one.created == run.created)


def _with_live_changes(experiment: Experiment, checkpoint: bytes) -> Experiment:
    """A run's experiment with the live fields as they were at the checkpoint.

    `fit` replays later changes. All other fields are the run's own, so that it refuses a checkpoint of another one.
    """
    from seqcore.training.checkpoint import unpack
    from seqcore.training.stored_state import restored_experiment

    at_checkpoint = restored_experiment(unpack(checkpoint))
    return experiment.with_changes({path: at_checkpoint.get(path) for path in LIVE_CHANGES})


def _fail(store: Store, lease: Lease, lines: tuple[str, ...]) -> None:
    """Store why a run failed, with the traceback in its log if there is room."""
    store.fail(lease, lines)
    with contextlib.suppress(OSError):
        path = store.log_path(lease.run)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)


@contextlib.contextmanager
def _interrupts(control: Control) -> Iterator[list[bool]]:
    """The first Ctrl-C asks the run to stop, the second one aborts it. Other handlers of SIGINT are left alone."""
    received: list[bool] = []
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield received
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(True)
        control.stop()

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
