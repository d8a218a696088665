"""What several seeds of an experiment cost, measured in a process of its own: it would slow the server and its runs.

The process reads the experiment as JSON and writes the offer as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass

from seqcore.errors import SeqcoreError
from seqcore.experiment.experiment import Experiment
from seqcore.runs.local_launcher import process_environment
from seqcore.runs.store import Store
from seqcore.training.openmp import set_passive_wait_policy

__all__ = ["Measurement", "Offer", "main"]

LONGEST = 30.0  # seconds of a measurement, the import of torch included; a model that takes longer has no offer
SECONDS = 0.6  # of training steps


@dataclass(frozen=True)
class Offer:
    """`replicas` seeds trained together take `ratio` times the time of one."""

    replicas: int
    ratio: float


class Measurement:
    """A process that measures the cost of replicas of one experiment."""

    def __init__(self, store: Store, experiment: Experiment) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "seqcore.runs.replica_measurement"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=process_environment(store),
            text=True,
            encoding="utf-8",
        )
        self._experiment = experiment

    def result(self) -> Offer | None:
        """The largest number of seeds that is cheap; None where none is, after `cancel`, and if it takes too long."""
        try:
            output, _ = self._process.communicate(self._experiment.to_json(), timeout=LONGEST)
        except (subprocess.TimeoutExpired, OSError):
            self.cancel()
            self._process.wait()
            return None
        if self._process.returncode or not output.strip():
            return None
        found = json.loads(output)
        return None if found["replicas"] is None else Offer(int(found["replicas"]), float(found["ratio"]))

    def cancel(self) -> None:
        """End the process."""
        self._process.kill()


def main() -> int:
    """Measure the experiment on standard input with the data of the store that the environment names."""
    set_passive_wait_policy()
    with contextlib.suppress(AttributeError, OSError):  # not on Windows
        os.nice(10)
    try:
        experiment = Experiment.from_json(sys.stdin.read())
        from seqcore.training.replica_cost import replica_cost

        cost = replica_cost(experiment, Store().table(experiment), seconds=SECONDS)
    except SeqcoreError as error:
        print(*error.lines, sep="\n", file=sys.stderr)
        return 1
    print(json.dumps({"replicas": cost.offer, "ratio": None if cost.offer is None else cost.ratios[cost.offer]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
