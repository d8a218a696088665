"""A training step with ten million rows relative to one with ten thousand, and what the rows cost before the first.

Both runs train in turn in one process on one thread: an RNN with 50 units on windows of 50 steps, batch size 32. The
time of steps has batching, recording and events in it; previews, evaluation and checkpoints are left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from benchmarks.frameworks.session import resident_megabytes
from benchmarks.measurement import Row, ratios
from benchmarks.options import Options
from seqcore.events import Event, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.training.fit import fit

__all__ = ["measure"]

FEW, MANY = 10_000, 10_000_000
LIMIT = 1.1


def run(rows: int) -> Iterator[Event]:
    """A training that does not end soon."""
    experiment = Experiment.make(
        {
            "data": {"window": 50, "scaling": "none", "validation_fraction": 0.0, "test_fraction": 0.0},
            "model": {"architecture": "rnn", "hidden_size": 50},
            "training": {"batch_size": 32, "epochs": 100_000, "device": "cpu", "threads": 1},
        }
    )
    return fit(experiment, data=np.sin(0.1 * np.arange(rows))[:, None])


def seconds_per_step(events: Iterator[Event], seconds: float) -> float:
    """Train for some seconds."""
    steps, spent = 0, 0.0
    while spent < seconds:
        began = time.perf_counter()
        event = next(events)
        if isinstance(event, Steps):
            spent, steps = spent + time.perf_counter() - began, steps + len(event.loss)
    return spent / steps


def measure(options: Options) -> None:
    """Both runs in alternating order; the time to the first steps is measured once."""
    many, seconds = (MANY // 10, 0.3) if options.quick else (MANY, 1.0)
    seconds_per_step(run(1000), 0.1)  # imports
    runs = {FEW: run(FEW), many: run(many)}
    for rows, events in runs.items():
        before, began = resident_megabytes(), time.perf_counter()
        seconds_per_step(events, 0.1)
        options.add(
            Row(f"{rows:,} rows: to the first steps", (time.perf_counter() - began,), unit="s"),
            Row(f"{rows:,} rows: memory then, above that before", (resident_megabytes() - before,), unit="MB"),
        )
    found: dict[int, list[float]] = {FEW: [], many: []}
    for number in range(options.at_most(9) + 1):
        for rows in (FEW, many) if number % 2 else (many, FEW):
            taken = seconds_per_step(runs[rows], seconds)
            if number:  # the first round is a warm-up
                found[rows].append(taken)
    name = f"a step with {many:,} rows / with {FEW:,}"
    options.add(Row(name, ratios(found[many], found[FEW]), requirement="rows", limit=LIMIT))
