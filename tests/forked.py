"""Processes that are forked from one that has imported torch: real ones, which start in a fraction of a second."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
import types
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import connection, forkserver
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, TextIO

from seqcore.runs.local_launcher import LocalWorker, process_environment
from seqcore.runs.store import Store

# What workers and commands import. Nothing is trained in the process that is forked.
_IMPORTED = ("seqcore.cli", "seqcore.training.fit", "seqcore.inference.predictor", "seqcore.runs.execution")
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(list(_IMPORTED))


def start_server(root: Path) -> None:
    """Start the process that is forked, in the folder that the package is imported from."""
    with contextlib.chdir(root):
        forkserver.ensure_running()


@contextlib.contextmanager
def _nameless_main() -> Iterator[None]:
    """A main module without a file: a new process runs that of its parent, which a tested page may have taken over."""
    ours = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = ours


class Forked:
    """`python -m MODULE ARGUMENTS` with pipes for its standard streams: what the tests need of `subprocess.Popen`."""

    def __init__(
        self, module: str, *arguments: str, environment: Mapping[str, str], folder: Path, errors: bool = True
    ) -> None:
        """Start it in a folder. Without `errors` it writes its standard error where these tests write theirs."""
        pipes = [os.pipe() for _ in range(3 if errors else 2)]
        theirs = [write if number else read for number, (read, write) in enumerate(pipes)]
        own = [read if number else write for number, (read, write) in enumerate(pipes)]
        given = (module, arguments, dict(environment), str(folder))
        self._process = _CONTEXT.Process(target=_run, args=(_Streams(theirs), *given), daemon=True)
        with _nameless_main():
            self._process.start()
        for handle in theirs:
            os.close(handle)
        self._guard = threading.Lock()
        self.pid: int = self._process.pid or 0
        self.stdin: TextIO = os.fdopen(own[0], "w", encoding="utf-8")
        self.stdout: TextIO = os.fdopen(own[1], encoding="utf-8")
        self.stderr: TextIO | None = os.fdopen(own[2], encoding="utf-8") if errors else None

    @property
    def returncode(self) -> int | None:
        """The exit status, -N of a process that the signal N has ended; None while it goes on."""
        with self._guard:  # it is read from a pipe, once
            return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if not connection.wait([self._process.sentinel], timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        code = self.returncode
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it still writes to standard output and standard error, once it has ended."""
        with contextlib.suppress(OSError):
            self.stdin.close()
        texts = {"stdout": "", "stderr": ""}

        def read(name: str) -> None:
            stream: TextIO | None = getattr(self, name)
            if stream is not None and not stream.closed:
                with stream:
                    texts[name] = stream.read()

        readers = [threading.Thread(target=read, args=(name,), daemon=True) for name in texts]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join(timeout)
        return texts["stdout"], texts["stderr"]


class _Streams:
    """File handles that are handed to the process as it starts."""

    def __init__(self, handles: Sequence[int]) -> None:
        self._handles = handles

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, tuple(DupFd(handle) for handle in self._handles)


def _received(*handed: Any) -> list[int]:
    return [one.detach() for one in handed]


def _run(
    streams: list[int], module: str, arguments: Sequence[str], environment: Mapping[str, str], folder: str
) -> None:
    """Become the process: streams, environment, folder and arguments are those of a fresh one."""
    for number, handle in enumerate(streams):
        os.dup2(handle, number)
        os.close(handle)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = [module, *arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def launch(store: Store, on_message: Any) -> LocalWorker:
    """A worker as `local_launcher.launch` starts it, without the time of its imports."""
    process = Forked("seqcore.runs.worker", environment=process_environment(store), folder=Path.cwd(), errors=False)
    return LocalWorker(process, on_message)  # type: ignore[arg-type]
