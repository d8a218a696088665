"""The cost of replicas: how much longer a training step of K models takes than that of one, measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from seqcore.errors import ExperimentError
from seqcore.experiment.experiment import Experiment
from seqcore.tasks import TASKS
from seqcore.training.devices import resolve
from seqcore.training.fit import load_table, train_step
from seqcore.training.isolated_rng import IsolatedRng
from seqcore.training.replicas import state_type
from seqcore.training.state import TrainingState

__all__ = ["CHEAP", "ReplicaCost", "replica_cost"]

CHEAP = 1.5  # replicas are offered where they take less than so many times the time of one
_WARM, _LEAST = 2, 3  # steps before the measurement, and rounds of it
_BLOCK, _SHORT = 8, 0.01  # consecutive steps of each in a round, as caches are warm in a run, if one takes less seconds


@dataclass(frozen=True)
class ReplicaCost:
    """`ratios`: number of replicas -> time of their training step by that of one, which takes `step_seconds`."""

    step_seconds: float
    ratios: dict[int, float]

    @property
    def offer(self) -> int | None:
        """The largest number of replicas that cost less than `CHEAP` times one; None where there is none."""
        return max((count for count, ratio in self.ratios.items() if ratio < CHEAP), default=None)

    @property
    def sentence(self) -> str:
        """For people: "8 seeds take 1.3 times the time of one"; nothing where none is cheap."""
        return (
            "" if self.offer is None else f"{self.offer} seeds take {self.ratios[self.offer]:.1f} times the time of one"
        )


def replica_cost(
    experiment: Experiment, data: Any = None, *, counts: Sequence[int] = (4, 8, 16), seconds: float = 0.8
) -> ReplicaCost:
    """Train one model and `counts` replicas in turn for about `seconds`, not counting the preparation of the data.

    `data` as for `fit`. The caller's random state and threads are kept. Raises ExperimentError where the task has no
    replicas, DataError where the data do not fit. On one thread of a CPU the thread's own time counts, so that other
    processes matter little.
    """
    device, _ = resolve(experiment.training.device)
    alone = experiment.with_changes({"training.replicas": 1})
    wanted = [experiment.with_changes({"training.replicas": count}) for count in counts]
    if not wanted:
        raise ExperimentError("counts: give at least one number of replicas")
    rng = IsolatedRng(experiment.training.seed, experiment.training.threads or 1, device)
    with rng:
        table = load_table(alone, data)
        clock = time.thread_time if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
        runs = [_Steps(one, table, device, clock) for one in (alone, *wanted)]
        times: list[list[float]] = []
        began = time.perf_counter()
        while len(times) < _LEAST or time.perf_counter() - began < seconds:
            times.append([run.time(_BLOCK if runs[-1].last < _SHORT else 1) for run in runs])
            if time.perf_counter() - began > 4 * seconds:  # large models
                break
    first = [row[0] for row in times]
    ratios = {count: statistics.median(row[i] / row[0] for row in times) for i, count in enumerate(counts, 1)}
    return ReplicaCost(statistics.median(first), ratios)


class _Steps:
    """Training steps of one experiment, again and again."""

    def __init__(self, experiment: Experiment, table: Any, device: torch.device, clock: Callable[[], float]) -> None:
        self._clock = clock
        task = TASKS[experiment.data.task].load()(experiment)
        self._device = device
        self._state: TrainingState = state_type(experiment).fresh(
            experiment, task, task.make_windows(table, device), device, seed=experiment.training.seed
        )
        self._batches = self._forever()
        self.last = 0.0  # what a step took in the last measurement
        for _ in range(_WARM):
            self.time()

    def _forever(self) -> Iterator[Any]:
        progress = self._state.progress
        while True:
            yield from self._state.remaining_batches()
            progress.epoch, progress.step_in_epoch = progress.epoch + 1, 0

    def time(self, steps: int = 1) -> float:
        """Seconds of a step, its batch included: the mean over a few."""
        began = self._clock()
        for _ in range(steps):
            batch, continues = next(self._batches)
            train_step(self._state, batch, continues)
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self.last = (self._clock() - began) / steps
        return self.last
