"""The side of a training process: it trains an epoch when told to, and reports its time, loss and memory."""

from __future__ import annotations

import json
import sys
import time
from typing import IO, Any

__all__ = ["Enough", "Session"]


class Enough(Exception):
    """Raised within a framework's training to end it."""


class Session:
    """A framework's training calls `begin` at the start of each epoch and `end` at its end.

    `begin` waits for the word to go on, so that the processes train in turn; the wait is not measured.
    """

    def __init__(self, commands: IO[str], answers: IO[str]) -> None:
        self._commands, self._answers = commands, answers
        self.reset()

    def reset(self) -> None:
        """Before a new case."""
        self._prepared = False
        self._left = self._epochs = self._steps = 0
        self._wall = self._cpu = 0.0
        self._loss = float("nan")
        self._began = (0.0, 0.0)

    def command(self) -> dict[str, Any] | None:
        """The next command; None at the end."""
        line = self._commands.readline()
        return json.loads(line) if line else None

    def answer(self, **values: Any) -> None:
        """Write one line."""
        self._answers.write(json.dumps(values) + "\n")
        self._answers.flush()

    def begin(self) -> None:
        """Start an epoch, after the command to train unless epochs of the last one are left. Enough: at "end"."""
        if self._left == 0:
            if self._prepared:
                self.answer(
                    seconds=self._wall, cpu=self._cpu, epochs=self._epochs, steps=self._steps, loss=self._loss,
                    memory=resident_megabytes(),
                )  # fmt: skip
            else:
                self.answer(ready=True)
            command = self.command()
            if command is None or command["do"] != "train":
                raise Enough
            self.reset()
            self._prepared, self._left = True, command["epochs"]
        self._began = (time.perf_counter(), time.process_time())

    def end(self, steps: int, loss: float, *, seconds: float | None = None, cpu: float | None = None) -> None:
        """End an epoch of `steps` steps with the mean `loss`; `seconds` and `cpu` where not all of it counts."""
        wall, computing = time.perf_counter() - self._began[0], time.process_time() - self._began[1]
        self._wall += wall if seconds is None else seconds
        self._cpu += computing if cpu is None else cpu
        self._left -= 1
        self._epochs += 1
        self._steps += steps
        self._loss = float(loss)


def resident_megabytes() -> float:
    """Resident memory of this process in MB, files that it has mapped included; NaN where the system does not say."""
    try:
        with open("/proc/self/status", encoding="utf-8") as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS:"))
    except (OSError, StopIteration):
        return float("nan")


def protocol() -> tuple[IO[str], IO[str]]:
    """Standard input and output for commands and answers; what frameworks print goes to standard error instead."""
    import os

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return sys.stdin, answers
