"""A process that trains with one framework: started once, then given cases, and told when to train."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.frameworks.case import Case
from benchmarks.measurement import ROOT

__all__ = ["Epochs", "Failed", "FrameworkProcess"]

START_LIMIT = 180.0  # seconds to import a framework, or to prepare a case
TRAIN_LIMIT = 300.0
ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"),
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "PYTHONWARNINGS": "ignore",
}


class Failed(Exception):
    """A framework that can't be imported, or whose training fails; the message is one line."""


@dataclass(frozen=True)
class Epochs:
    """What was trained at one command."""

    seconds: float
    cpu: float
    epochs: int
    steps: int
    loss: float  # of the last epoch, mean over its steps
    memory: float  # MB, resident


class FrameworkProcess:
    """`name` is one of `worker.FRAMEWORKS`; `python` has it installed; its messages go to `log`. `gpu`: may use one."""

    def __init__(self, name: str, python: Path | str, log: Path, *, gpu: bool = False) -> None:
        self.name, self.log = name, log
        environment = {**os.environ, **ONE_THREAD}
        if not gpu:
            environment["CUDA_VISIBLE_DEVICES"] = ""
        if name.startswith("keras-"):
            environment["KERAS_BACKEND"] = name.removeprefix("keras-")
        worker = ROOT / "benchmarks" / "frameworks" / "worker.py"
        with log.open("wb") as messages:  # the child keeps its own copy of the file
            self._process = subprocess.Popen(
                [str(python), str(worker), name], cwd=log.parent, env=environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=messages, text=True,
            )  # fmt: skip
        self.versions: dict[str, str] = {}

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def wait(self) -> None:
        """Wait until the framework is imported."""
        self.versions = self._answer(START_LIMIT)["versions"]

    def prepare(self, case: Case, weights: Path) -> None:
        """Make data and model, and wait before the first step."""
        self._send({"do": "case", "case": asdict(case), "weights": str(weights)})
        self._answer(START_LIMIT)

    def train(self, epochs: int = 1) -> Epochs:
        """Train some epochs."""
        self._send({"do": "train", "epochs": epochs})
        return Epochs(**self._answer(TRAIN_LIMIT))

    def finish(self) -> None:
        """End the case."""
        self._send({"do": "end"})
        self._answer(START_LIMIT)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # a command that it did not read
                    pipe.close()

    def _send(self, command: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise Failed(self._last_message()) from None

    def _answer(self, limit: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        deadline = time.monotonic() + limit
        while not select.select([self._process.stdout], [], [], 1.0)[0]:
            if time.monotonic() > deadline:
                self.close()
                raise Failed(f"no answer within {limit:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise Failed(self._last_message())
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise Failed(found["error"])
        return found

    def _last_message(self) -> str:
        """The last line that the process wrote."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else f"the process ended with code {self._process.returncode}"


def benchmark_python() -> Path | None:
    """The Python of the environment of the other frameworks, or None where it was not made."""
    for name in ("bin/python", "Scripts/python.exe"):
        path = ROOT / ".venv-benchmark" / name
        if path.exists():
            return path
    return None


def python_of(framework: str) -> Path | str | None:
    """The Python that runs a framework: this one for this project and plain PyTorch, which both need only torch."""
    return sys.executable if framework in ("seqcore", "seqcore-epoch", "pytorch") else benchmark_python()
