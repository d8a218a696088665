"""Labeled sequences: whole groups in one part, labels that can't be learned, gaps and lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from seqcore.data.labeled_dataset import UNKNOWN_CLASS, LabeledDataset
from seqcore.data.splits import SPLITS
from seqcore.errors import DataError
from seqcore.events import Started
from seqcore.experiment.config import DataConfig
from seqcore.experiment.experiment import Experiment
from seqcore.training.fit import check, fit
from tests.tables import labeled_table

CPU = torch.device("cpu")


def experiment(**changes: Any) -> Experiment:
    return Experiment().with_changes({"data.task": "classification", **changes})


def config(**changes: Any) -> DataConfig:
    return experiment(**changes).data


# Parts


def test_speakers_stay_in_one_part_and_every_class_is_in_each() -> None:
    random = np.random.default_rng(0)
    speakers = np.repeat(np.arange(20), 6)
    table = labeled_table([[0.0, 1.0]] * 120, ["a", "b", "c"] * 40, groups=random.permutation(speakers))
    data = LabeledDataset(table, config(), CPU)
    assert data.table.groups is not None
    assert data.table.labels is not None
    where = {p: {int(data.table.groups[s]) for s, _, _ in data.bounds[p]} for p in SPLITS}
    assert not where["train"] & where["test"]
    assert not where["train"] & where["val"]
    assert not where["val"] & where["test"]
    for part in SPLITS:
        sequences = [s for s, _, _ in data.bounds[part]]
        assert set(data.table.labels[sequences].tolist()) == {"a", "b", "c"}


def test_large_groups_leave_no_part_empty() -> None:
    groups = np.repeat(np.arange(4), [60, 60, 60, 20])
    table = labeled_table([[0.0, 1.0]] * 200, ["a", "b"] * 100, groups=groups)
    bounds = LabeledDataset(table, config(), CPU).bounds
    where = {part: {int(groups[s]) for s, _, _ in bounds[part]} for part in SPLITS}
    assert all(where.values())
    assert sum(map(len, where.values())) == 4


def test_labels_that_are_numbers_are_words_in_the_order_that_people_count() -> None:
    labels = ["10", "9", "2", "1"] * 10
    codec = LabeledDataset(labeled_table([[0.0, 1.0]] * 40, labels), config(), CPU).codec
    assert codec.labels == ("1", "2", "9", "10")
    assert codec.encode(np.array(["10", "1", "3"])).tolist() == [3, 0, UNKNOWN_CLASS]


# Labels that can't be learned


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "classification needs the class of each sequence"),
        (["a"] * 20, "only the class 'a'"),
        (["a", ""] * 10, "10 of 20 sequences have no label, the first is number 2"),
        ([str(i) for i in range(20)], "a different label"),
    ],
)
def test_labels_that_can_not_be_learned_are_said_before_training(labels: list[str] | None, message: str) -> None:
    table = labeled_table([[0.0, 1.0]] * 20, labels)
    with pytest.raises(DataError, match=message) as caught:
        check(experiment(), table)
    assert len(caught.value.lines) == 1
    with pytest.raises(DataError, match=message):
        next(event for event in fit(experiment(), data=table) if isinstance(event, Started))


def test_a_training_part_of_one_class_is_said() -> None:
    table = labeled_table([[0.0, 1.0]] * 12, ["a"] * 10 + ["b"] * 2, groups=np.array([0] * 5 + [1] * 5 + [2] * 2))
    with pytest.raises(DataError, match="training split"):
        LabeledDataset(table, config(**{"data.validation_fraction": 0.45, "data.test_fraction": 0.45}), CPU)


def test_what_is_odd_about_classes_is_noted() -> None:
    table = labeled_table([[0.0, 1.0]] * 100, ["a"] * 90 + ["b"] * 8 + ["c"] * 2)
    notes = " ".join(LabeledDataset(table, config(), CPU).table.notes)
    assert "90% of the sequences are of class a" in notes
    assert "Class c: fewer than 5 sequences" in notes


# Gaps and lengths


def test_rows_that_are_wholly_missing_at_a_sequences_end_are_padding() -> None:
    nan = float("nan")
    rows = [[[1.0, 2.0], [3.0, 4.0], [nan, nan], [nan, nan]], [[1.0, 1.0], [2.0, 2.0]], [[nan, nan]]] * 10
    data = LabeledDataset(labeled_table(rows, ["a", "b", "a"] * 10), config(), CPU)
    assert set(data.table.lengths.tolist()) == {2}
    assert any("10 sequences without values" in note for note in data.table.notes)
    assert not np.isnan(data.table.values).any()


def test_gaps_inside_a_sequence_are_refused_or_filled_from_that_sequence_alone() -> None:
    nan = float("nan")
    rows = [[5.0, 5.0], [nan, 1.0, nan, 3.0], [9.0, 9.0]] * 10
    table = labeled_table(rows, ["a", "b", "a"] * 10)
    with pytest.raises(DataError, match=r"data.missing"):
        check(experiment(), table)
    data = LabeledDataset(table, config(**{"data.missing": "interpolate"}), CPU)
    assert data.table.values[2:6, 0].tolist() == [1.0, 1.0, 2.0, 3.0]
    dropped = LabeledDataset(table, config(**{"data.missing": "drop"}), CPU)
    assert set(dropped.table.lengths.tolist()) == {2}
