"""Training steps a second on two threads and on one, on a quiet machine and beside a busy process.

    python benchmarks/threads.py [--rounds 5] [--seconds 2]

`fit` trains the recipe python-prose (an LSTM with 512 units) in three processes: two threads with the default wait
policy of OpenMP, two threads with `OMP_WAIT_POLICY=PASSIVE` as set by commands and workers, and one thread. Each round
measures every process alone and beside a busy process, in alternating order. The median over the rounds of the ratio
within a round is printed. Previews and evaluation are excluded. Required on a machine with two cores: beside a busy
process, passive threads are not slower than spinning ones, and two are not slower than one. Exit code 1 otherwise. Run
it on an idle machine; it takes about two minutes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

TRAINERS = {"two threads, default": ("", 2), "two threads, passive": ("PASSIVE", 2), "one thread": ("PASSIVE", 1)}
DEFAULT, PASSIVE, ONE = TRAINERS
LOADS = {"quiet": 0, "beside one busy process": 1}
QUIET, BUSY = LOADS
RATIOS = (  # (numerator, denominator, at least)
    ((PASSIVE, QUIET), (DEFAULT, QUIET), None),
    ((PASSIVE, BUSY), (DEFAULT, BUSY), 1.0),
    ((PASSIVE, QUIET), (ONE, QUIET), None),
    ((DEFAULT, BUSY), (ONE, BUSY), None),
    ((PASSIVE, BUSY), (ONE, BUSY), 1.0),
)


class Trainer:
    """A process that trains for some seconds on request."""

    def __init__(self, policy: str, threads: int) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
        if policy:
            environment["OMP_WAIT_POLICY"] = policy
        environment.pop("OMP_NUM_THREADS", None)
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--train", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        self.steps_per_second(0.5)  # wait until training has started

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


def measure(trainers: dict[str, Trainer], rounds: int, seconds: float) -> dict[tuple[str, str], list[float]]:
    """(trainer, load) -> steps a second in each round."""
    found: dict[tuple[str, str], list[float]] = {(name, load): [] for name in TRAINERS for load in LOADS}
    for number in range(rounds):
        for load in list(LOADS)[:: -1 if number % 2 else 1]:
            busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(LOADS[load])]
            try:
                for name in list(TRAINERS)[:: -1 if number % 2 else 1]:
                    found[name, load].append(trainers[name].steps_per_second(seconds))
            finally:
                for process in busy:
                    process.kill()
                    process.wait()
        shown = (f"{name}, {load} {found[name, load][-1]:.1f}" for load in LOADS for name in TRAINERS)
        print(f"round {number + 1}: " + "; ".join(shown), flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of training in each measurement")
    parser.add_argument("--train", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.train is not None:
        train(args.train)
        return 0
    trainers = {name: Trainer(*how) for name, how in TRAINERS.items()}
    try:
        found = measure(trainers, args.rounds, args.seconds)
    finally:
        for trainer in trainers.values():
            trainer.process.kill()
    for (name, load), values in found.items():
        print(
            f"{name}, {load}: {statistics.median(values):.1f} steps a second ({min(values):.1f} to {max(values):.1f})"
        )
    failed = False
    for one, other, at_least in RATIOS:
        ratio = statistics.median(a / b for a, b in zip(found[one], found[other], strict=True))
        verdict = (
            "" if at_least is None else f"; required: at least {at_least:g}: {'ok' if ratio >= at_least else 'FAILED'}"
        )
        failed |= bool(verdict) and ratio < (at_least or 0.0)
        print(f"({', '.join(one)}) / ({', '.join(other)}): {ratio:.2f}{verdict}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
