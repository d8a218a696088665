"""The parity source: a target at each step that no shorter window tells."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqcore.data.sources.parity import Parity
from seqcore.experiment.experiment import Experiment
from seqcore.tasks import TASKS


def test_the_target_flips_with_each_one() -> None:
    table = Parity(length=12, samples=50).table()
    bit, parity = np.moveaxis(table.values.reshape(50, 12, 2), 2, 0)
    assert set(np.unique(bit)) == {0.0, 1.0}
    assert np.array_equal(parity[:, 0], bit[:, 0])
    assert np.array_equal(parity[:, 1:], np.abs(parity[:, :-1] - bit[:, 1:]))
    assert table.independent
    assert not np.array_equal(Parity(length=12, samples=50, seed=1).table().values, table.values)


@pytest.mark.parametrize("length", [2, 37])
def test_every_step_of_the_whole_sequence_is_predicted_from_the_bits_alone(length: int) -> None:
    options = {"length": length, "samples": 50}
    experiment = Experiment.make({"data": {"source": "parity", "options": options, "window": 7, "lead": 1}})
    task = TASKS["regression"].load()(experiment)
    batch = task.make_dataset(Parity(**options).table(), torch.device("cpu")).batch("train", np.arange(3))
    assert batch.inputs.shape == (3, length, 1)
    assert batch.targets.shape[:2] == (3, length)


def test_no_baseline_is_much_better_than_guessing() -> None:
    experiment = Experiment.make({"data": {"source": "parity", "scaling": "none"}})
    task = TASKS["regression"].load()(experiment)
    naive = task.baseline_metrics(task.make_dataset(Parity().table(), torch.device("cpu")), "val")
    assert naive["mean"]["mse"] == pytest.approx(0.25, abs=0.005)
    assert all(scores["mse"] > 0.23 for scores in naive.values())
