"""The cost of several seeds is measured in a process of its own, which can be ended."""

from __future__ import annotations

import threading

import seqcore
from seqcore.experiment.experiment import Experiment
from seqcore.runs import replica_measurement
from seqcore.runs.replica_measurement import Measurement, Offer
from seqcore.runs.store import Store
from seqcore.training.replica_cost import CHEAP
from ui.replica_offers import Offers

RAMP = seqcore.recipe("ramp-next-value")
MEASURED = RAMP.with_changes({"model.architecture": "slstm", "model.hidden_size": 4})


def test_what_is_offered_costs_less_than_the_limit(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(replica_measurement, "LONGEST", 300.0)
    store = Store(tmp_path / "runs")
    found = Measurement(store, MEASURED).result()
    assert found is None or (found.replicas in (4, 8, 16) and 0 < found.ratio < CHEAP)
    store.close()


def test_a_process_that_is_ended_has_no_offer(tmp_path) -> None:
    store = Store(tmp_path / "runs")
    measurement = Measurement(store, MEASURED)
    threading.Timer(0.2, measurement.cancel).start()
    assert measurement.result() is None
    store.close()


def test_the_cost_does_not_depend_on_seed_and_epochs() -> None:
    offers = Offers()
    offers.remember(RAMP, Offer(8, 1.2))
    assert offers.get(RAMP.with_changes({"training.seed": 5, "training.epochs": 3})) == Offer(8, 1.2)
    assert not offers.known(RAMP.with_changes({"model.hidden_size": 64}))
    assert offers.get(Experiment()) is None


def test_the_last_experiment_that_was_asked_for_is_measured(tmp_path, monkeypatch) -> None:
    measured = []

    class Quick:
        """A measurement whose result is there at once."""

        def __init__(self, store: Store, experiment: Experiment) -> None:
            measured.append(experiment.model.hidden_size)

        def result(self) -> Offer | None:
            return Offer(4, 1.1)

        def cancel(self) -> None:
            """Nothing to end."""

    monkeypatch.setattr("ui.replica_offers.Measurement", Quick)
    monkeypatch.setattr("ui.replica_offers.SETTLED", 0.05)
    store, offers = Store(tmp_path / "runs"), Offers()
    sizes = [RAMP.with_changes({"model.hidden_size": size}) for size in (3, 4, 5)]
    for experiment in sizes:
        offers.ask(store, experiment)
    assert offers.wait(30.0)
    assert offers.get(sizes[-1]) == Offer(4, 1.1)
    assert measured[-1] == 5
    offers.ask(store, sizes[0].with_changes({"model.hidden_size": 6}))
    offers.cancel()
    assert offers.wait(30.0)
    store.close()
