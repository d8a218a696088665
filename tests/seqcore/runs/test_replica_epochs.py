"""Scores of replicas by epoch, read from a store."""

from __future__ import annotations

import numpy as np

from seqcore.events import Epoch
from seqcore.experiment.experiment import Experiment
from seqcore.runs.records import Lease
from seqcore.runs.store import Store

NAN = float("nan")
NAMES = ("val_loss", "val_mae")


def epoch(number: int, *losses: float) -> Epoch:
    each = {"val_loss": list(losses), "val_mae": [10.0 * loss for loss in losses]}
    return Epoch(number, 5 * number, {name: float(np.median(v)) for name, v in each.items()}, 0.1, replicas=each)


def begun(store: Store, experiment: Experiment) -> tuple[str, Lease]:
    lease = store.start(experiment)
    return lease.run, lease


def test_the_values_of_each_replica_come_back(store: Store, experiment: Experiment) -> None:
    run, lease = begun(store, experiment)
    store.append(lease, [epoch(1, 3.0, 1.0, NAN), epoch(2, 2.0, 0.5, 4.0)])
    found = store.replica_epochs(run, NAMES)
    assert found.steps.tolist() == [5, 10]
    np.testing.assert_array_equal(found.values["val_loss"], [[3.0, 1.0, NAN], [2.0, 0.5, 4.0]])
    np.testing.assert_array_equal(found.values["val_mae"][1], [20.0, 5.0, 40.0])


def test_what_is_read_later_replaces_a_repeated_epoch(store: Store, experiment: Experiment) -> None:
    run, lease = begun(store, experiment)
    store.append(lease, [epoch(1, 3.0, 1.0), epoch(2, 2.0, 0.5)])
    first = store.replica_epochs(run, NAMES)
    store.append(lease, [epoch(2, 9.0, 8.0), epoch(3, 7.0, 6.0)])
    joined = first.joined(store.replica_epochs(run, NAMES, after=first.seq))
    whole = store.replica_epochs(run, NAMES)
    for found in (joined, whole):
        assert found.steps.tolist() == [5, 10, 15]
        np.testing.assert_array_equal(found.values["val_loss"], [[3.0, 1.0], [9.0, 8.0], [7.0, 6.0]])
    assert joined.until(10).steps.tolist() == [5, 10]
    assert len(first.joined(store.replica_epochs(run, NAMES, after=whole.seq))) == 2


def test_every_nth_epoch_of_a_long_run(store: Store, experiment: Experiment) -> None:
    run, lease = begun(store, experiment)
    store.append(lease, [epoch(n, 1.0 / n, 2.0 / n) for n in range(1, 11)])
    assert store.replica_epochs(run, NAMES, every=4).steps.tolist() == [20, 40]


def test_a_run_of_one_model_has_none(store: Store, experiment: Experiment) -> None:
    run, lease = begun(store, experiment)
    store.append(lease, [Epoch(1, 5, {"val_loss": 1.0}, 0.1)])
    assert store.replica_epochs(run, NAMES).values == {}
