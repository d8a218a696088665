"""Training on two threads and on one, on a quiet machine and beside a busy process.

`fit` trains the recipe python-prose (an LSTM with 512 units) in three processes: two threads with the default wait
policy of OpenMP, two threads with `OMP_WAIT_POLICY=PASSIVE` as set by commands and workers, and one thread. Each round
measures every process alone and beside a busy process, in alternating order. Previews and evaluation are excluded.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.measurement import Row, ratios
from benchmarks.options import Options
from benchmarks.process import busy_processes

TRAINERS = {"two threads, default": ("", 2), "two threads, passive": ("PASSIVE", 2), "one thread": ("PASSIVE", 1)}
DEFAULT, PASSIVE, ONE = TRAINERS
QUIET, BUSY = "alone", "beside a busy process"
COMPARED = (  # times of the first relative to the second, requirement, limit
    ((PASSIVE, BUSY), (ONE, BUSY), "threads", 1.1),
    ((PASSIVE, BUSY), (DEFAULT, BUSY), "", 1.0),
    ((PASSIVE, QUIET), (ONE, QUIET), "", None),
    ((PASSIVE, QUIET), (DEFAULT, QUIET), "", None),
)


class Trainer:
    """A process that trains for some seconds on request."""

    def __init__(self, policy: str, threads: int) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
        if policy:
            environment["OMP_WAIT_POLICY"] = policy
        environment.pop("OMP_NUM_THREADS", None)
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        self.steps_per_second(0.5)  # wait until training has started

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()

    def seconds_per_step(self, seconds: float) -> float:
        """Train for some seconds."""
        return 1.0 / self.steps_per_second(seconds)

    def steps_per_second(self, seconds: float) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def train(threads: int) -> None:
    """Read seconds, a line at a time; train for so long; write the steps a second."""
    from seqcore.events import Steps
    from seqcore.experiment.recipes import recipe
    from seqcore.training.fit import fit

    changes = {"training.threads": threads, "training.epochs": 1000, "training.device": "cpu"}
    events = fit(recipe("python-prose").with_changes(changes))
    for line in sys.stdin:
        steps, spent = 0, 0.0
        while spent < float(line):
            began = time.perf_counter()
            event = next(events)
            if isinstance(event, Steps):
                spent, steps = spent + time.perf_counter() - began, steps + len(event.loss)
        print(steps / spent, flush=True)


def measure(options: Options) -> None:
    """Seconds per step of each trainer under each load, and their ratios within a round."""
    rounds, seconds = options.at_most(5), 0.5 if options.quick else 1.5
    found: dict[tuple[str, str], list[float]] = {(name, load): [] for name in TRAINERS for load in (QUIET, BUSY)}
    with ExitStack() as stack:
        trainers = {name: stack.enter_context(closing(Trainer(*how))) for name, how in TRAINERS.items()}
        for number in range(rounds):
            order = -1 if number % 2 else 1
            for load in (QUIET, BUSY)[::order]:
                with busy_processes() if load == BUSY else nullcontext():
                    for name in list(TRAINERS)[::order]:
                        found[name, load].append(trainers[name].seconds_per_step(seconds))
    for (name, load), values in found.items():
        options.add(Row(f"LSTM 512, a step: {name}, {load}", tuple(1e3 * value for value in values), unit="ms"))
    for one, other, requirement, limit in COMPARED:
        name = f"LSTM 512, a step: {', '.join(one)} / {', '.join(other)}"
        options.add(Row(name, ratios(found[one], found[other]), requirement=requirement, limit=limit))


if __name__ == "__main__":
    train(int(sys.argv[1]))
