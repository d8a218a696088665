"""The thinned validation loss: that of all epochs thinned at once, after resumes, changes, damage, in old stores."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing

import numpy as np
import pytest
from sqlalchemy import delete, update

from benchmarks.large_store import one_commit
from seqcore.events import Changed, Epoch, Event, Finding, Finished, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.runs import schema
from seqcore.runs.curves import LIMIT, thin, thin_to
from seqcore.runs.store import Lease, Store

PER_EPOCH = 3


def train(store: Store, lease: Lease, first: int, last: int, rng: random.Random, known: dict[int, float]) -> None:
    """Epochs `first` to `last`, several in a write; `known` holds the losses by step."""
    with one_commit(store):
        events: list[Event] = []
        for n in range(first, last + 1):
            loss = rng.choice([rng.random(), rng.random(), float("nan"), 100.0])
            known[n * PER_EPOCH] = loss
            events.append(Epoch(n, n * PER_EPOCH, {"val_loss": loss}, 0.1, best=loss < 0.1))
            if len(events) == 50 or n == last:
                store.append(lease, events)
                events = []


def assert_curve(store: Store, run: str, known: dict[int, float], *, reach: int = 0, ends: Sequence[int] = ()) -> None:
    """The stored curve is that of all known losses.

    `reach` is the last step that the run ever had. The buckets where attempts that stopped at the steps `ends`
    meet an earlier one are left out: they have the extremes of both.
    """
    steps = np.array(sorted(known), dtype=np.int64)
    losses = np.array([known[step] for step in steps.tolist()])
    whole = store.curve(run, "val_loss", None)
    assert whole.steps.tolist() == steps.tolist()
    assert np.array_equal(whole.values, losses, equal_nan=True)
    kept = store.curve(run, "val_loss", 10**6)
    if len(steps) <= LIMIT and not reach:
        assert np.array_equal(kept.values, losses, equal_nan=True)
        return
    width = 2
    while 2 * -(-max(int(steps[-1]), reach) // width) > LIMIT:
        width *= 2
    one, other = (
        [points[~np.isin((thinned[0] - 1) // width, (np.array([*ends, 0]) - 1) // width)] for points in thinned]
        for thinned in (thin(kept.steps, kept.values, width), thin(steps, losses, width))
    )
    assert one[0].tolist() == other[0].tolist()
    assert np.array_equal(one[1], other[1], equal_nan=True)
    thinned = store.curve(run, "val_loss", 200)
    assert np.array_equal(thinned.values, thin_to(kept.steps, kept.values, 200)[1], equal_nan=True)


@pytest.mark.parametrize("epochs", [1, 40, 1500, 6000])
def test_a_curve_of_epochs_is_that_of_all_of_them_after_resumes_and_changes(store: Store, epochs: int) -> None:
    rng, known = random.Random(epochs), dict[int, float]()
    lease = store.start(Experiment())
    train(store, lease, 1, epochs, rng, known)
    assert_curve(store, lease.run, known)
    lease.release()
    reach, ends = epochs * PER_EPOCH, list[int]()
    for _ in range(3):
        back = rng.randrange(max(known) // PER_EPOCH)  # a checkpoint of what is there
        again = store.restart(lease.run)
        assert again is not None
        last = min(epochs, back + 20)
        with closing(Store(store.url)) as other:  # another process than the one that wrote before
            train(other, again, back + 1, last, rng, known)
            ends.append(last * PER_EPOCH)
            assert_curve(store, lease.run, known, reach=reach, ends=ends)
            if rng.random() < 0.7:
                other.append(again, [Changed(last * PER_EPOCH, {"training.learning_rate": 0.1})])
                known = {step: loss for step, loss in known.items() if step <= last * PER_EPOCH}
                assert_curve(other, lease.run, known, reach=reach, ends=ends)
        again.release()
        assert_curve(store, lease.run, known, reach=reach, ends=ends)
    best = store.best_epoch(lease.run)
    stored = [e for e in store.events(lease.run, kinds=("epoch",)) if isinstance(e.event, Epoch) and e.event.best]
    assert best == (stored[-1] if stored else None)


def test_epochs_after_a_change_in_the_same_write_stay(store: Store) -> None:
    lease = store.start(Experiment())
    change = Changed(3, {"training.learning_rate": 0.1})
    store.append(lease, [Epoch(1, 3, {"val_loss": 1.0}, 0.1), change, Epoch(2, 6, {"val_loss": 2.0}, 0.1)])
    assert_curve(store, lease.run, {3: 1.0, 6: 2.0})
    lease.release()


def test_a_run_that_ends_early_ends_its_curve_there(store: Store) -> None:
    lease, known = store.start(Experiment()), dict[int, float]()
    train(store, lease, 1, 10, random.Random(1), known)
    lease.release()
    again = store.restart(lease.run)
    assert again is not None
    train(store, again, 4, 6, random.Random(2), known)
    store.append(again, [Finished("stopped", "asked to", 6, 18, 1.0, {}, {}, {})])
    again.release()
    assert_curve(store, lease.run, {step: loss for step, loss in known.items() if step <= 18})


@pytest.mark.parametrize("damage", ["lost", "damaged"])
def test_a_curve_that_is_not_there_is_made_from_the_events(store: Store, damage: str) -> None:
    lease, known = store.start(Experiment()), dict[int, float]()
    values = np.ones(3 * 3000)
    store.append(lease, [Steps(1, values, values, values)])
    train(store, lease, 1, 3000, random.Random(1), known)
    store.append(lease, [Finished("completed", "", 3000, 9000, 1.0, {}, {}, {})])
    lease.release()
    table = schema.curves
    with store.database.writing() as connection:
        own = (table.c.run == lease.run, table.c.name == "val_loss")
        assert connection.execute(table.select().where(*own)).first() is not None
        change = delete(table) if damage == "lost" else update(table).values(content=b"\1" * 100)
        connection.execute(change.where(*own))
    assert_curve(store, lease.run, known)


def test_an_old_store_gets_the_curves_of_long_runs_and_the_tags(store: Store) -> None:
    runs = {}
    for epochs in (20, 2500):
        lease, known = store.start(Experiment()), dict[int, float]()
        store.append(lease, [Finding("early", "A finding.", step=0)])
        train(store, lease, 1, epochs, random.Random(epochs), known)
        lease.release()
        runs[lease.run] = known
    expected = {run: (store.best_epoch(run), store.findings(run)) for run in runs}
    with store.database.writing() as connection:
        connection.execute(update(schema.events).values(tag=None))
        connection.execute(delete(schema.curves))
        connection.exec_driver_sql("DROP INDEX events_by_kind")
        connection.exec_driver_sql("DROP INDEX events_by_tag")
        connection.exec_driver_sql("ALTER TABLE events DROP COLUMN tag")
        connection.execute(delete(schema.migrations).where(schema.migrations.c.version > 4))
    with closing(Store(store.url)) as migrated:
        for run, known in runs.items():
            assert_curve(migrated, run, known)
            assert (migrated.best_epoch(run), migrated.findings(run)) == expected[run]
        with migrated.database.reading() as connection:
            saved = set(connection.execute(schema.curves.select()).scalars())
        assert saved == {list(runs)[1]}


def test_a_migration_leaves_damaged_events_alone(store: Store) -> None:
    runs = []
    for _ in range(3):
        lease, known = store.start(Experiment()), dict[int, float]()
        train(store, lease, 1, 5, random.Random(1), known)
        store.append(lease, [Finding("early", "A finding.", step=0)])
        lease.release()
        runs.append(lease.run)
    with store.database.writing() as connection:
        connection.execute(update(schema.events).where(schema.events.c.run == runs[1]).values(content="{", tag=None))
        connection.execute(delete(schema.migrations).where(schema.migrations.c.version > 4))
    with closing(Store(store.url)) as migrated:
        assert [len(migrated.findings(run)) for run in runs] == [1, 0, 1]
