"""Learning rates by step, by hand: each schedule over 10 steps of 2 epochs, and after its end."""

from __future__ import annotations

import math

import pytest

from seqcore.experiment.config import TrainingConfig
from seqcore.training.schedules import rate


def rates(schedule: str, *, drops: int = 0, planned: int = 10, **fields: float) -> list[float]:
    config = TrainingConfig(schedule=schedule, learning_rate=0.1, **fields)
    return [rate(config, step=s, planned=planned, steps_per_epoch=5, drops=drops) for s in range(1, planned + 3)]


def test_a_constant_rate_stays() -> None:
    assert rates("constant") == [0.1] * 12


def test_cosine_ends_at_a_hundredth_and_is_half_way_in_the_middle() -> None:
    found = rates("cosine", planned=11)
    assert found[0] == pytest.approx(0.1)
    assert found[5] == pytest.approx(0.1 * (1 + 0.01) / 2)
    assert found[2] == pytest.approx(0.1 * (0.01 + 0.99 * (1 + math.cos(0.2 * math.pi)) / 2))
    assert found[10:] == pytest.approx([0.001] * 3)


def test_steps_multiply_by_the_factor_every_few_epochs() -> None:
    found = rates("step", schedule_factor=0.3, schedule_epochs=1)
    assert found == pytest.approx([0.1] * 5 + [0.03] * 7)
    assert rates("step", schedule_factor=0.3, schedule_epochs=2) == pytest.approx([0.1] * 12)


@pytest.mark.parametrize("drops", [0, 1, 3])
def test_a_plateau_schedule_multiplies_by_the_factor_at_each_plateau(drops: int) -> None:
    assert rates("plateau", drops=drops, schedule_factor=0.5) == pytest.approx([0.1 * 0.5**drops] * 12)


def test_one_cycle_rises_to_the_rate_in_three_tenths_of_the_run_and_ends_at_a_hundredth() -> None:
    found = rates("one-cycle", planned=11)
    assert found[0] == pytest.approx(0.1 * 0.04)
    assert found[3] == pytest.approx(0.1)
    assert found[:4] == sorted(found[:4])
    assert found[3:] == sorted(found[3:], reverse=True)
    assert found[10:] == pytest.approx([0.001] * 3)
