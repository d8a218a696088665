"""Tests of long memory are what their papers say, and the window fits them whatever their length."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqcore.data.sources.memory_tests import AddingProblem, CopyMemory
from seqcore.data.token_dataset import NOT_SCORED
from seqcore.errors import ExperimentError
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import load_recipe
from seqcore.tasks import TASKS

CPU = torch.device("cpu")


def test_the_sum_is_that_of_the_two_marked_values_one_in_each_half() -> None:
    table = AddingProblem(length=30, samples=200).table()
    value, marker, total = np.moveaxis(table.values.reshape(200, 30, 3), 2, 0)
    assert (marker.sum(axis=1) == 2).all()
    assert (marker[:, :15].sum(axis=1) == 1).all()
    assert np.allclose((value * marker).sum(axis=1), total[:, -1])
    assert (total == total[:, :1]).all()
    assert table.independent


def test_without_memory_the_adding_problem_has_a_squared_error_of_a_sixth() -> None:
    experiment = Experiment.make({"data": {"source": "adding-problem", "options": {"length": 20, "samples": 6_000}}})
    task = TASKS["regression"].load()(experiment)
    data = task.make_dataset(AddingProblem(length=20, samples=6_000).table(), CPU)
    naive = task.baseline_metrics(data, "val")
    assert naive["mean"]["mse"] == pytest.approx(1 / 6, abs=0.02)
    assert set(naive) <= {"mean", "linear", "linear_scaled"}  # nothing that a value's own past would tell
    assert naive["linear"]["mse"] > 0.15


@pytest.mark.parametrize("length", [4, 37, 200])
def test_the_window_is_the_sequence_at_any_length(length: int) -> None:
    changed = load_recipe("adding-problem").experiment.with_changes({"data.options.length": length})
    assert (changed.data.window, changed.data.lead, changed.data.predict) == (length, 0, "last")
    assert changed.data.target == ("sum",)
    table = AddingProblem(length=length, samples=50).table()
    data = TASKS["regression"].load()(changed).make_dataset(table, CPU)
    assert sum(data.sizes().values()) == 50
    batch = data.batch("train", np.arange(3))
    assert batch.inputs.shape == (3, length, 2)
    assert batch.targets.shape == (3, 1, 1)


def test_what_a_source_settles_stands_whatever_else_is_asked_and_survives_a_round_trip() -> None:
    asked = {"source": "adding-problem", "options": {"length": 50}, "window": 7, "lead": 1}
    experiment = Experiment.make({"data": asked})
    assert experiment.data.window == 50
    assert Experiment.from_toml(experiment.to_toml()) == experiment
    assert experiment.with_changes({"data.source": "sine", "data.lead": 1, "data.target": ()}).data.window == 50


@pytest.mark.parametrize(("delay", "remembered"), [(1, 1), (30, 5), (60, 10)])
def test_only_what_is_said_after_the_sign_is_learned_and_scored(delay: int, remembered: int) -> None:
    options = {"delay": delay, "remembered": remembered, "samples": 200}
    experiment = Experiment.make({"data": {"source": "copy-memory", "task": "language-modeling", "options": options}})
    table = CopyMemory(**options).table()
    task = TASKS["language-modeling"].load()(experiment)
    data = task.make_dataset(table, CPU)
    assert sum(data.sizes().values()) == 200
    batch = data.batch("train", np.arange(8))
    scored = batch.targets != NOT_SCORED
    assert scored.sum(dim=1).tolist() == [remembered] * 8
    assert torch.equal(batch.targets[:, -remembered:], batch.inputs[:, :remembered])
    rows, _ = data.places("train", np.arange(8), carried=False)
    assert data.codes[rows].tolist() == batch.targets[scored].tolist()


def test_without_memory_one_letter_in_as_many_as_there_are_is_right() -> None:
    experiment = load_recipe("copy-memory").experiment
    task = TASKS["language-modeling"].load()(experiment)
    naive = task.baseline_metrics(task.make_dataset(CopyMemory().table(), CPU), "val")
    for name in ("most_frequent", "bigram"):
        assert naive[name]["accuracy"] == pytest.approx(1 / 8, abs=0.03)


def test_no_word_comes_twice_as_long_as_there_are_enough() -> None:
    words = {"".join(CopyMemory(samples=300).table().words(i * 41, i * 41 + 5)) for i in range(300)}
    assert len(words) == 300


def test_a_warm_up_as_long_as_the_window_is_refused() -> None:
    with pytest.raises(ExperimentError, match=r"data\.burn_in"):
        Experiment.make(
            {"data": {"source": "alphabet", "task": "language-modeling", "predict": "every", "window": 5, "burn_in": 5}}
        )


def test_the_declared_distance_of_the_adding_problem_is_that_of_its_first_marked_number() -> None:
    source = AddingProblem(length=11, samples=300)
    marker = source.table().values[:, 1].reshape(300, 11)
    distance = 10 - marker.argmax(axis=1)
    assert source.memory_distance()[:2] == (distance.min(), distance.max())


def test_the_declared_distance_of_copy_memory_is_that_of_each_letter() -> None:
    source = CopyMemory(delay=4, remembered=3, samples=20)
    words = source.table().values[:, 0].reshape(20, -1)
    shortest, longest, _ = source.memory_distance()
    assert shortest == longest
    predicted = words[:, -3:]  # at the step before each of these
    assert np.array_equal(predicted, words[:, -4 - shortest : -1 - shortest])
