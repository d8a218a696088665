"""Build a store with many runs, or with one long run, as training writes it.

    python benchmarks/large_store.py FOLDER [--runs 5000] [--epochs 30]
    python benchmarks/large_store.py FOLDER --long [--steps 1000000] [--epochs 100000] [--others 10000]

Every row is written by the store's own methods (`start`, `append`); only the commits are merged. The runs have the
experiments of all recipes, each with its own seed, epochs with metrics, and a loss curve. The long run has steps,
epochs, previews, findings and changes as many as are asked for.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from sqlalchemy import Connection

from seqcore.events import Changed, Epoch, Event, Finding, Finished, Preview, Started, Steps
from seqcore.experiment.recipes import Recipe, recipes
from seqcore.results.series import SeriesView
from seqcore.runs.store import Store

RUNS_PER_COMMIT = 200
STEPS_PER_EPOCH = 20
BASELINES = {"last_value": {"val_mae": 0.06, "test_mae": 0.07}, "linear": {"val_mae": 0.03, "test_mae": 0.04}}


@contextmanager
def one_commit(store: Store) -> Iterator[None]:
    """Run all writes of the block in one transaction: a commit for each of them would take hours."""
    database = store.database
    with database.writing() as connection:

        @contextmanager
        def same() -> Iterator[Connection]:
            yield connection

        database.writing = database.reading = same  # type: ignore[method-assign]
        try:
            yield
        finally:
            del database.writing, database.reading


def started(recipe: Recipe, steps_per_epoch: int, epochs: int) -> Started:
    """The first event of a run."""
    return Started(
        device="cpu", device_reason="chosen", threads=1, versions={"torch": "2"}, parameters=4513,
        split_sizes={"train": 700, "val": 150, "test": 150}, baselines=BASELINES, reference_baseline="last_value",
        metric="mae", summary=[], data={}, steps_per_epoch=steps_per_epoch, epochs=epochs,
    )  # fmt: skip


def metrics(loss: float) -> dict[str, float]:
    """The metrics of an epoch."""
    values = {"train_loss": loss, "val_loss": 1.1 * loss}
    return values | {f"val_{name}": 0.05 * loss for name in ("mae", "rmse", "mse", "mape", "smape", "mase", "r2")}


def add_runs(store: Store, count: int, epochs: int) -> None:
    """`count` runs of all recipes in turn; each 20th is stopped, each 50th failed, each 100th interrupted."""
    rng = np.random.default_rng(0)
    numbered = enumerate(islice(cycle(recipes()), count))
    while group := list(islice(numbered, RUNS_PER_COMMIT)):
        with one_commit(store):
            for number, recipe in group:
                _add_run(store, number, recipe, epochs, rng)


def _add_run(store: Store, number: int, recipe: Recipe, epochs: int, rng: np.random.Generator) -> None:
    lease = store.start(recipe.experiment.with_changes({"training.seed": number}), recipe=recipe.name)
    store.append(lease, [started(recipe, STEPS_PER_EPOCH, epochs)])
    losses = np.exp(-np.linspace(0, 3, STEPS_PER_EPOCH * epochs)) * rng.uniform(0.5, 2) * rng.uniform(0.8, 1.2)
    for epoch in range(epochs):
        part = losses[epoch * STEPS_PER_EPOCH : (epoch + 1) * STEPS_PER_EPOCH]
        steps = Steps(epoch * STEPS_PER_EPOCH + 1, part, 2 * part, np.full(len(part), 0.01))
        end = Epoch(epoch + 1, (epoch + 1) * STEPS_PER_EPOCH, metrics(float(part[-1])), 0.1, best=True)
        store.append(lease, [steps, end], seconds=0.1 * epoch)
    if number % 100 == 99:
        store.interrupt(lease, "the worker process ended before the run did")
    elif number % 50 == 49:
        store.fail(lease, ["the loss became not a number at step 600"])
    else:
        final = metrics(float(losses[-1])) | {"test_mae": 0.05 * float(losses[-1])}
        status = "stopped" if number % 20 == 19 else "completed"
        store.append(lease, [Finished(status, "", epochs, len(losses), 3.0, final, final, BASELINES, epochs)])
    lease.release()


def add_long_run(store: Store, steps: int, epochs: int, others: int, block: int = 100) -> str:
    """A run of `steps` steps in blocks of `block`, with epochs and `others` previews, findings and changes."""
    recipe = recipes()[0]
    lease = store.start(recipe.experiment.with_changes({"training.epochs": epochs}), recipe=recipe.name)
    rng = np.random.default_rng(0)
    store.append(lease, [started(recipe, max(1, steps // epochs), epochs)])
    for first in range(0, steps, 100 * block):
        with one_commit(store):
            for begin in range(first, min(steps, first + 100 * block), block):
                last = min(steps, begin + block)
                loss = np.exp(-3 * np.arange(begin, last) / steps) * rng.lognormal(0, 0.1, last - begin)
                events: list[Event] = [Steps(begin + 1, loss, 2 * loss, np.full(len(loss), 0.01))]
                events += _epochs(begin, last, steps, epochs, float(loss[-1]))
                events += _others(begin, last, steps, others)
                store.append(lease, events, seconds=begin / 1000)
    final = metrics(0.05)
    store.append(lease, [Finished("completed", "", epochs, steps, steps / 1000, final, final, BASELINES, epochs)])
    lease.release()
    return lease.run


def _epochs(begin: int, last: int, steps: int, epochs: int, loss: float) -> list[Event]:
    every = max(1, steps // epochs)
    return [
        Epoch(step // every, step, metrics(loss), 0.1, best=step // every % 10 == 0)
        for step in range(begin + 1, last + 1)
        if step % every == 0
    ]


def _others(begin: int, last: int, steps: int, others: int) -> list[Event]:
    """A preview, a note, a warning of one of three codes and a change of the learning rate, `others` times."""
    every = max(1, steps // others) if others else steps + 1
    x = np.arange(150.0)
    found: list[Event] = []
    for step in range(begin + 1, last + 1):
        if step % every == 0:  # `fit` ends a block of steps at a change
            truth = np.sin(x / 9)[:, None]
            code = f"warning-{step // every % 3}"
            found += [
                Preview(step, "val", SeriesView(x, truth + 1 / step, truth)),
                Finding("note", f"Note at step {step}.", step=step, severity="info"),
                Finding(code, f"Warning at step {step}.", "Loss 0.5.", "Use a smaller learning rate.", step=step),
                Changed(step, {"training.learning_rate": 0.01 + step / 1e9}),
            ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--long", action="store_true", help="one long run instead of many")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--others", type=int, default=10_000, help="previews, notes, warnings and changes, each")
    args = parser.parse_args()
    begin = time.perf_counter()
    store = Store(args.folder)
    if args.long:
        print(add_long_run(store, args.steps, args.epochs or 100_000, args.others))
    else:
        add_runs(store, args.runs, args.epochs or 30)
    store.close()
    print(f"{args.folder}: {time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main()
