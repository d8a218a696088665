"""Sixteen replicas of a recipe trained as one model, relative to one: whole runs, in turn.

One model of these recipes has one thread; its replicas have as many as the run chooses on this machine, and one thread
for comparison.
"""

from __future__ import annotations

import time

from benchmarks.measurement import Row, ratios
from benchmarks.options import Options
from seqcore.errors import SeqcoreError
from seqcore.events import Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import recipe
from seqcore.training.fit import fit

__all__ = ["measure"]

REPLICAS = 16
RECIPES = {"ramp-next-value": (500, 1.5), "sine-next-step": (20, 6.0)}  # name -> epochs, limit


def trained(experiment: Experiment) -> tuple[float, float]:
    """Seconds of a run from its start to its last score, and those of its steps alone."""
    began = before = time.perf_counter()
    steps = 0.0
    for event in fit(experiment):
        now = time.perf_counter()
        if isinstance(event, Started):
            began = now
        elif isinstance(event, Steps):
            steps += now - before
            trained_together = event.loss.shape[1] if event.loss.ndim == 2 else 1
            if trained_together != experiment.training.replicas:
                raise RuntimeError(f"{trained_together} trained instead of {experiment.training.replicas}")
        before = time.perf_counter()
    return before - began, steps


def measure(options: Options) -> None:
    """Runs with one and with all replicas."""
    for name, (epochs, limit) in RECIPES.items():
        title = f"{name}: {REPLICAS} replicas / one"
        try:
            found = in_turn(name, epochs // 5 if options.quick else epochs, options.at_most(5))
        except (SeqcoreError, RuntimeError) as error:
            options.add(Row(title, requirement="replicas", limit=limit, skipped=str(error)))
            continue
        whole, steps = zip(*found["one"], strict=True)
        together, their_steps = zip(*found["replicas"], strict=True)
        alone, _ = zip(*found["replicas, one thread"], strict=True)
        options.add(
            Row(f"{title}, whole runs", ratios(together, whole), requirement="replicas", limit=limit),
            Row(f"{title}, whole runs, one thread", ratios(alone, whole)),
            Row(f"{title}, training steps alone", ratios(their_steps, steps)),
            Row(f"{name}: one, whole run", whole, unit="s"),
        )


def in_turn(name: str, epochs: int, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """What `trained` returns for each case, in alternating order after a warm-up."""
    one = recipe(name).with_changes({"training.epochs": epochs, "training.threads": 1, "training.device": "cpu"})
    many = one.with_changes({"training.replicas": REPLICAS})
    cases = {"one": one, "replicas": many.with_changes({"training.threads": None}), "replicas, one thread": many}
    found: dict[str, list[tuple[float, float]]] = {case: [] for case in cases}
    for number in range(rounds + 1):
        for case in reversed(cases) if number % 2 else cases:
            taken = trained(cases[case])
            if number:
                found[case].append(taken)
    return found
