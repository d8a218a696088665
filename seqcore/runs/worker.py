"""The worker process of a dashboard server: imports torch in advance, then executes the runs that it is sent.

Nothing heavy is imported before it reads its input, so that a worker exits with its server even while it imports.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, TextIO

from seqcore.errors import SeqcoreError
from seqcore.training.openmp import set_passive_wait_policy

if TYPE_CHECKING:
    from seqcore.runs.store import Store
    from seqcore.training.control import Control

__all__ = ["main"]

EXIT_SECONDS = 3.0  # for a run to write its checkpoint before the process exits


class _Inbox:
    """Messages of the server, one a line on standard input. The process exits when that is closed."""

    def __init__(self) -> None:
        self._runs: SimpleQueue[str | None] = SimpleQueue()
        self._guard = threading.Lock()
        self._control: Control | None = None
        self._leaving = False

    def listen(self) -> None:
        """Start reading in a thread, so that the process can exit while it imports."""
        threading.Thread(target=self._listen, name="inbox", daemon=True).start()

    def leave(self) -> None:
        """Let the current run write its checkpoint, then exit; exit at once if there is none."""
        with self._guard:
            self._leaving = True
            if self._control is None:
                os._exit(0)
            self._control.leave()
        timer = threading.Timer(EXIT_SECONDS, os._exit, args=(1,))  # a step may take too long
        timer.daemon = True
        timer.start()
        self._runs.put(None)

    def __iter__(self) -> Iterator[tuple[str, Control]]:
        from seqcore.training.control import Control

        while (run := self._runs.get()) is not None:
            control = Control()
            if not self._set_current(control):
                return
            yield run, control
            if not self._set_current(None):
                return

    def _set_current(self, control: Control | None) -> bool:
        """Set the control of the current run. False if the process must exit."""
        with self._guard:
            self._control = control
            return not self._leaving

    def _listen(self) -> None:
        for line in sys.stdin:
            message, _, run = line.strip().partition(" ")
            if message == "run":
                self._runs.put(run)
        self.leave()


@contextlib.contextmanager
def _logged(store: Store, run: str) -> Iterator[None]:
    """Redirect standard error, of every library, to the run's log."""
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
    """Import what a run needs and train a tiny model, so that the first run starts at once."""
    from seqcore.experiment.experiment import Experiment
    from seqcore.training.fit import fit

    data = {"source": "bouncing-ball", "options": {"samples": 120}}
    training = {"epochs": 1, "device": "cpu"}
    for _ in fit(Experiment.make({"data": data, "model": {"hidden_size": 4}, "training": training})):
        pass


def main(arguments: list[str] | None = None) -> int:
    """Write "ready", take "run ID" lines, and exit when standard input is closed."""
    parser = argparse.ArgumentParser(prog="python -m seqcore.runs.worker")
    parser.add_argument("--store", help="URL of the store; by default SEQCORE_STORE")
    url = parser.parse_args(arguments).store
    set_passive_wait_policy()
    messages = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # the output of libraries must not be read as messages
    inbox = _Inbox()
    for name in ("SIGINT", "SIGHUP"):  # meant for the server, whose end closes our input
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: threading.Thread(target=inbox.leave, daemon=True).start())
    inbox.listen()
    faulthandler.enable()
    try:
        from seqcore.runs.store import Store

        store = Store(url)
    except SeqcoreError as error:
        print(*error.lines, sep="\n", file=sys.stderr)
        return 1
    try:
        _warm_up()
    except Exception:  # a run with the same error stores it, which tells more than a worker that does not start
        traceback.print_exc()
    _send(messages, "ready")
    for run, control in inbox:
        if not _serve(store, run, control, messages):
            return 1
    return 0


def _serve(store: Store, run: str, control: Control, messages: TextIO) -> bool:
    """Execute one run. False if the process should be replaced, as after a failure."""
    from seqcore.runs.execution import execute

    def on_pause(paused: bool) -> None:
        _send(messages, f"{'paused' if paused else 'running'} {run}")

    healthy = True
    try:
        with _logged(store, run):
            lease = store.claim(run)
            if lease is not None:
                _send(messages, f"running {run}")
                healthy = execute(store, lease, control=control, on_pause=on_pause, together=True).status != "failed"
    except (SeqcoreError, OSError) as error:  # the store can't be reached or written; the run stays as it is
        line = error.lines[0] if isinstance(error, SeqcoreError) else str(error)
        print(line, file=sys.stderr)
        _send(messages, f"refused {run} {line}")
        return True
    _send(messages, f"done {run}")
    return healthy


def _send(messages: TextIO, text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # the server is gone
        messages.write(text + "\n")
        messages.flush()


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # everything is stored, and unloading torch would only take time
