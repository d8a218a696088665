"""Launching a worker as a local process, which takes and gives messages on standard input and output."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from seqcore.runs.slots import default_slots
from seqcore.runs.store import Store
from seqcore.training.threads import CORES_VARIABLE, cores_of_a_slot

__all__ = ["LocalWorker", "launch", "process_environment"]


class LocalWorker:
    """A worker process. `on_message` is called with each line that it writes, and with "gone" when it has ended."""

    def __init__(self, process: subprocess.Popen[str], on_message: Callable[[str], None]) -> None:
        self._process = process
        self._on_message = on_message
        threading.Thread(target=self._listen, name=f"worker-{process.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, run: str) -> bool:
        """Assign a run. False if the process is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"run {run}\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            return False
        return True

    def close(self) -> None:
        """Ask it to write a checkpoint and exit."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def wait(self, seconds: float) -> None:
        """Wait for it to exit; kill it after `seconds`."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as messages:
            for line in messages:
                self._on_message(line.strip())
        self._process.wait()
        self.close()
        self._on_message("gone")


def launch(store: Store, on_message: Callable[[str], None]) -> LocalWorker:
    """Start a worker for a store. (Not `multiprocessing`: its spawn would execute the server's script again.)"""
    environment = process_environment(store)
    arguments = ["--store", store.url] if store.place.file else []
    process = subprocess.Popen(
        [sys.executable, "-m", "seqcore.runs.worker", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
        encoding="utf-8",
    )
    return LocalWorker(process, on_message)


def process_environment(store: Store) -> dict[str, str]:
    """The environment of a process that imports this package and uses a store."""
    home = str(Path(__file__).resolve().parents[2])  # the folder that holds the package
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(p for p in (home, environment.get("PYTHONPATH")) if p)
    environment["SEQCORE_FILES"] = str(store.folder)
    environment.setdefault(CORES_VARIABLE, str(cores_of_a_slot(default_slots())))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        environment.setdefault(name, "1")  # until a run sets its own number
    environment["SEQCORE_STORE"] = store.url  # not as an argument: any user can read a command line with its password
    return environment
