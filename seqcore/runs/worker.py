"""The process that waits warm to execute runs for a server.

Nothing heavy is imported before it listens: a server that ends while its workers still import must not leave them
behind.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TextIO

from seqcore.errors import SeqcoreError
from seqcore.training.control import Control
from seqcore.training.openmp import set_passive_wait_policy

if TYPE_CHECKING:
    from seqcore.runs.execution import execute
    from seqcore.runs.store import Store

__all__ = ["execute", "main"]

LEAVING = 3.0  # seconds in which a run that must leave can make its checkpoint


def __getattr__(name: str) -> Any:
    if name == "execute":
        return importlib.import_module("seqcore.runs.execution").execute
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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

    from seqcore.experiment.experiment import Experiment
    from seqcore.training.fit import fit

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
    parser.add_argument("--store", help="URL of the store; by default SEQCORE_STORE")
    url = parser.parse_args(arguments).store
    set_passive_wait_policy()
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
        from seqcore.runs.store import Store

        store = Store(url)
    except SeqcoreError as error:
        print(*error.lines, sep="\n", file=sys.stderr)
        return 1
    try:
        _warm_up()
    except Exception:  # a run that meets the same will fail with it, and keep why; not to start at all would say less
        traceback.print_exc()
    _say(tell, "ready")
    for run, control in orders:
        if not _serve(store, run, control, tell):
            return 1
    return 0


def _serve(store: Store, run: str, control: Control, tell: TextIO) -> bool:
    """One run. Whether this process is fit for another one: after a failure a new one is the safer choice."""
    from seqcore.runs.execution import execute

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
    code = main()
    sys.stderr.flush()
    os._exit(code)  # everything is kept: taking torch down again would only hold up whoever waits for this process
