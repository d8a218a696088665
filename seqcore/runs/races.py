"""Races and experiments over several seeds: the experiments of a group, and starting them together."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import product
from typing import Any

from seqcore.errors import ExperimentError, SeqcoreError
from seqcore.experiment.experiment import Experiment
from seqcore.insight.comparison import HARMLESS, comparable_sets, differences
from seqcore.results.formatting import enumerated
from seqcore.runs.api import open_store, shell_user, train
from seqcore.runs.records import Run
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.slots import MOST_TOGETHER
from seqcore.runs.store import Store

__all__ = [
    "ARCHITECTURES", "FAIRNESS", "fairness", "is_race", "new_group", "possible_architectures", "race",
    "race_experiments", "seed_experiments", "train_seeds",
]  # fmt: skip

ARCHITECTURES = ("rnn", "lstm", "gru", "mingru")
"""What competes unless others are chosen."""

POLL = 0.2  # seconds between two looks at the runs of a race

MOST_SEEDS = 64
_EQUAL = {"training.epochs": "epochs", "training.batch_size": "batch size"}  # unless they are what is raced
_SEEDS = ("training.seed", "training.replicas")


def fairness(over: Collection[str] = ()) -> str:
    """How a race over these fields is made fair, for people."""
    equal = enumerated(
        ["data", "splits", "seed", "order of windows", *(word for path, word in _EQUAL.items() if path not in over)]
    )
    threads = "" if "training.threads" in over else " with one thread"
    return (
        f"Fair: the same {equal}. None takes its first step before all have loaded their data, or a minute has passed. "
        f"Each has a process and a slot of its own{threads}: the operating system gives them equal shares of the "
        "cores, whatever their order. Other queued runs wait for a free slot, and other load on the machine slows all "
        "of them equally. Once the first has finished the others run faster, so equal time is compared up to then."
    )


FAIRNESS = fairness()
"""Of a race over an architecture, an optimizer or a learning rate."""


def possible_architectures(experiment: Experiment) -> list[str]:
    """Those of `ARCHITECTURES` that an experiment allows."""
    return [name for name in ARCHITECTURES if experiment.why_not("model.architecture", name) is None]


def race_experiments(experiment: Experiment, over: Mapping[str, Sequence[Any]]) -> list[Experiment]:
    """One experiment for each combination of values: `{"model.architecture": ["rnn", "lstm"]}`. Each has one thread.

    ExperimentError, a line for each fault, where a combination is not allowed or has other data or seeds, and unless
    there are 2 to `MOST_TOGETHER` different ones.
    """
    if not over:
        raise ExperimentError("over: a race needs a field and its values, as in model.architecture=rnn,lstm")
    of_seeds = [path for path in _SEEDS if path in over]
    if of_seeds:
        raise ExperimentError(
            f"over: {enumerated(of_seeds)} can't differ, because a race has the same seed for all; use seeds to train "
            "an experiment with several"
        )
    found: list[Experiment] = []
    lines: list[str] = []
    combinations = list(product(*over.values()))
    if len(combinations) > 10 * MOST_TOGETHER:
        raise ExperimentError(f"over: {len(combinations)} combinations are too many; use 2 to {MOST_TOGETHER}")
    for values in combinations:
        changes = dict(zip(over, values, strict=True))
        try:
            # Threads first: a field that `over` names has the last word.
            changed = experiment.with_changes({"training.threads": 1} | changes)
        except ExperimentError as error:
            name = ", ".join(map(str, values))
            lines += [line if "unknown field" in line else f"{name}: {line}" for line in error.lines]
            continue
        if changed not in found:
            found.append(changed)
    if lines:
        raise ExperimentError(*dict.fromkeys(lines))
    if len(comparable_sets(found)) > 1:
        paths = enumerated(d.path for d in differences(found) if d.path in over and d.path not in HARMLESS)
        raise ExperimentError(
            f"over: {paths} can't differ, because a race has the same data for all; else their scores do not measure "
            "the same thing"
        )
    if len(found) < 2:
        raise ExperimentError(
            "over: a race needs at least two competitors that differ; this is one, so train it by itself"
        )
    if len(found) > MOST_TOGETHER:
        raise ExperimentError(
            f"over: {len(found)} competitors are too many to start at the same time; use at most {MOST_TOGETHER}"
        )
    return found


def seed_experiments(experiment: Experiment, seeds: int) -> list[Experiment]:
    """The experiment with `seeds` consecutive seeds: as replicas of one run where the task has them, else one run each.

    ExperimentError unless there are 2 to 64 seeds.
    """
    if not 2 <= seeds <= MOST_SEEDS:
        raise ExperimentError(f"seeds: {seeds} is not allowed; use a whole number from 2 to {MOST_SEEDS}")
    if experiment.why_not("training.replicas", seeds) is None:
        return [experiment.with_changes({"training.replicas": seeds})]
    first = experiment.training.seed
    return [
        experiment.with_changes({"training.replicas": 1, "training.seed": first + number}) for number in range(seeds)
    ]


def new_group(kind: str) -> str:
    """A name for a new group: "race-1f3a9c02"."""
    return f"{kind}-{uuid.uuid4().hex[:8]}"


def is_race(runs: Sequence[Run]) -> bool:
    """Whether runs are those of one race: of one group, submitted at the same moment."""
    return len(runs) > 1 and runs[0].group is not None and len({(run.group, run.created) for run in runs}) == 1


def race(
    experiment: Experiment,
    over: Mapping[str, Sequence[Any]],
    *,
    store: Store | None = None,
    recipe: str | None = None,
    group: str | None = None,
    on_update: Callable[[list[Run]], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[Run]:
    """Run a race to its end in worker processes of this program, and return its runs in the order of the competitors.

    `over` as for `race_experiments`; `on_update` is called with the runs whenever they were looked at. All of them are
    stopped once `should_stop()` is true, and by Ctrl-C, which is raised once they have ended. ExperimentError,
    StoreError.
    """
    store = store or open_store()
    experiments = race_experiments(experiment, over)
    group = group or new_group("race")
    scheduler = Scheduler(store, keep_spare=False, group=group).start()
    try:
        runs = scheduler.submit_together(experiments, group=group, recipe=recipe, owner=shell_user())
        try:
            return _to_the_end(store, scheduler, group, on_update, should_stop)
        except KeyboardInterrupt:
            _stop(store, runs)
            _to_the_end(store, scheduler, group, on_update)
            raise
    finally:
        scheduler.close()


def _stop(store: Store, runs: Sequence[Run]) -> None:
    for run in runs:
        with contextlib.suppress(SeqcoreError):  # it has ended
            store.command(run.id, "stop")


def _to_the_end(
    store: Store,
    scheduler: Scheduler,
    group: str,
    on_update: Callable[[list[Run]], None] | None,
    should_stop: Callable[[], bool] | None = None,
) -> list[Run]:
    """Wait until every run of a group has ended. SeqcoreError where its runs can't be started."""
    while True:
        runs = store.group(group)
        if on_update is not None:
            on_update(runs)
        if all(run.ended for run in runs):
            return runs
        if should_stop is not None and should_stop():
            _stop(store, runs)
            should_stop = None
        if scheduler.error and all(run.status == "queued" for run in runs):
            raise SeqcoreError(scheduler.error)
        time.sleep(POLL)


def train_seeds(
    experiment: Experiment,
    seeds: int,
    *,
    store: Store | None = None,
    recipe: str | None = None,
    group: str | None = None,
) -> list[Run]:
    """Train an experiment with consecutive seeds in this process: as replicas where the task has them, else in turn.

    ExperimentError; SeqcoreError where a run failed.
    """
    store = store or open_store()
    experiments = seed_experiments(experiment, seeds)
    group = group or new_group("seeds")
    return [train(one, store=store, recipe=recipe, group=group) for one in experiments]
