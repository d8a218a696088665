"""Snapshots: when they are made, what they hold, and that a run goes on from each of them bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest
import torch

from seqcore.errors import CorruptError
from seqcore.events import Changed, CheckpointReady, Event, Finished, SnapshotReady, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.training import snapshots as module
from seqcore.training.checkpoint import joined, unpack
from seqcore.training.control import Control
from seqcore.training.fit import fit
from seqcore.training.snapshot_schedule import next_scheduled, place_of

SMALL: dict[str, Any] = {
    "data": {"options": {"samples": 120}, "window": 10},
    "model": {"hidden_size": 4},
    "training": {"epochs": 8, "batch_size": 16, "device": "cpu"},
}


def experiment(**changes: Any) -> Experiment:
    """Eight epochs of a tiny model; `training_seed=1` and the like change fields."""
    return Experiment.make(SMALL).with_changes({k.replace("_", ".", 1): v for k, v in changes.items()})


def snapshots(events: Sequence[Event]) -> list[SnapshotReady]:
    """Those among some events."""
    return [event for event in events if isinstance(event, SnapshotReady)]


def end(events: Sequence[Event]) -> bytes:
    """The last checkpoint."""
    return next(event.content for event in reversed(events) if isinstance(event, CheckpointReady))


def assert_same_state(one: bytes, other: bytes) -> None:
    """Equal to the bit: weights, best weights, optimizer, random state, codec."""
    first, second = unpack(one), unpack(other)
    assert first.tensors.keys() == second.tensors.keys()
    assert all(torch.equal(first.tensors[name], second.tensors[name]) for name in first.tensors)


def losses(events: Sequence[Event]) -> dict[int, Any]:
    """The loss at each step."""
    blocks = [event for event in events if isinstance(event, Steps)]
    return {block.first_step + i: value for block in blocks for i, value in enumerate(block.loss.tolist())}


def test_the_schedule_has_ten_steps_per_decade_and_every_power_of_ten() -> None:
    steps = [0]
    while steps[-1] < 10**6:
        steps.append(next_scheduled(steps[-1]))
    assert steps[:20] == [0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 63, 79, 100, 126]
    assert [place_of(10**n) for n in range(7)] == [0, 10, 20, 30, 40, 50, 60]
    assert all(b / a <= 1.3 for a, b in pairwise(steps) if a >= 10)
    assert [place_of(step) for step in (7, 99, 101)] == [None] * 3
    assert [next_scheduled(step, every=2) for step in (0, 10, 99)] == [1, 16, 100]


def test_a_run_makes_snapshots_on_the_schedule_and_goes_on_from_each_bit_for_bit() -> None:
    plan = experiment(model_dropout=0.2)
    events = list(fit(plan))
    taken = snapshots(events)
    last = next(event for event in events if isinstance(event, Finished)).step
    expected = [0]
    while (step := next_scheduled(expected[-1])) <= last:
        expected.append(step)
    assert [one.step for one in taken] == expected
    assert {one.reason for one in taken} == {"schedule"}
    assert len({id(one.shared) for one in taken}) == 1
    assert [one.seconds for one in taken] == sorted(one.seconds for one in taken)
    for one in (taken[0], taken[3], taken[-1]):
        rest = list(fit(plan, resume=joined(one.shared, one.content)))
        assert_same_state(end(events), end(rest))
        assert [s.step for s in snapshots(rest)] == [
            step for step in expected if step > one.step or step == 0 == one.step
        ]


def test_snapshots_change_nothing_in_a_run_and_can_be_turned_off() -> None:
    with_them, without = (list(fit(experiment(training_snapshots=on))) for on in (True, False))
    assert snapshots(with_them)
    assert not snapshots(without)
    assert losses(with_them) == losses(without)
    assert_same_state(end(with_them), end(without))


@pytest.mark.parametrize(
    "changes",
    [
        {"training_replicas": 2},
        {"training_stateful": True, "training_shuffle": False, "data_stride": 10},
        {"training_patience": 2, "training_learning_rate": 0.3},
    ],
)
def test_replicas_carried_states_and_early_stopping_go_on_from_a_snapshot(changes: dict[str, Any]) -> None:
    plan = experiment(**changes)
    events = list(fit(plan))
    taken = snapshots(events)
    one = taken[-2]
    rest = list(fit(plan, resume=joined(one.shared, one.content)))
    assert_same_state(end(events), end(rest))
    later = {step: loss for step, loss in losses(events).items() if step > one.step}
    np.testing.assert_equal(losses(rest), later)
    ends = [next(event for event in reversed(e) if isinstance(event, Finished)) for e in (events, rest)]
    assert ends[0].status == ends[1].status
    assert ends[0].reason == ends[1].reason
    assert ends[0].metrics.keys() == ends[1].metrics.keys()
    assert ends[0].step == ends[1].step


def test_a_change_has_a_snapshot_before_it_and_a_request_makes_one() -> None:
    control, seen = Control(), []
    for event in fit(experiment(), control=control):
        seen.append(event)
        if isinstance(event, SnapshotReady) and event.step == 8:
            control.change({"training.learning_rate": 0.05})
        elif isinstance(event, SnapshotReady) and event.step == 20:
            control.snapshot()
            control.change({"training.learning_rate": -1.0})
        elif isinstance(event, Steps) and len(seen) and event.first_step > 21:
            control.snapshot()
    change = next(event for event in seen if isinstance(event, Changed))
    before = next(one for one in snapshots(seen) if one.step == change.step)
    assert seen.index(before) < seen.index(change)
    kept = unpack(joined(before.shared, before.content)).meta["experiment"]["training"]["learning_rate"]
    assert kept == 0.01  # the state before the change
    assert "request" in {one.reason for one in snapshots(seen)}
    steps = [one.step for one in snapshots(seen)]
    assert len(steps) == len(set(steps))


def test_a_snapshot_predicts_with_the_weights_of_its_step() -> None:
    events = list(fit(experiment()))
    first, last = snapshots(events)[0], snapshots(events)[-1]
    early, late = (Predictor.from_checkpoint(joined(s.shared, s.content), at="last") for s in (first, last))
    assert (early.step, late.step) == (0, last.step)
    given = early.example()
    assert early.predict(given).to_csv() != late.predict(given).to_csv()


def test_a_large_model_has_fewer_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = snapshots(list(fit(experiment(model_hidden_size=32))))
    monkeypatch.setattr(module, "MOST_BYTES", len(usual[-1].content) * 12)
    fewer = snapshots(list(fit(experiment(model_hidden_size=32))))
    assert sum(len(one.content) for one in fewer) <= 12 * len(usual[-1].content)
    assert {0, 1, 10} <= {one.step for one in fewer} < {one.step for one in usual}


def test_parts_that_are_damaged_are_refused_with_one_line() -> None:
    first = next(event for event in fit(experiment()) if isinstance(event, SnapshotReady))
    whole = joined(first.shared, first.content)
    assert unpack(whole).part("codec")
    wrong = [whole[:-1], whole + b"x", whole[:8], whole[:60], joined(), joined(first.content[:-1], first.shared)]
    wrong += [whole[:30] + bytes([whole[30] ^ 1]) + whole[31:], joined(*[first.shared] * 9), joined(whole)]
    for content in wrong:
        with pytest.raises(CorruptError) as error:
            unpack(content)
        assert len(error.value.lines) == 1
    with pytest.raises(CorruptError, match="experiment is missing"):
        list(islice(fit(experiment(), resume=first.content), 9))
