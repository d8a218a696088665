"""The nearest neighbor: fair to lengths, never its own, and small enough for a checkpoint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from seqcore.data.labeled_dataset import LabeledDataset
from seqcore.data.table import Table, symbol_table
from seqcore.evaluation.baselines import nearest_neighbor
from seqcore.evaluation.baselines.nearest_neighbor import fit_nearest_neighbor, nearest_classes
from seqcore.experiment.experiment import Experiment

CPU = torch.device("cpu")


def dataset(table: Table, *, test: float = 0.3) -> LabeledDataset:
    return LabeledDataset(
        table,
        Experiment()
        .with_changes({"data.task": "classification", "data.validation_fraction": 0.0, "data.test_fraction": test})
        .data,
        CPU,
    )


def shapes(count: int, *, features: int = 1, seed: int = 0) -> Table:
    """One, two or three waves, played at any speed."""
    random = np.random.default_rng(seed)
    kinds, lengths = np.arange(count) % 3, random.integers(30, 90, count)
    rows = [
        np.sin(2 * np.pi * (k + 1) * (np.arange(n)[:, None] + 0.5) / n) * np.ones(features)
        + 0.1 * random.normal(size=(n, features))
        for k, n in zip(kinds, lengths, strict=True)
    ]
    return Table(
        values=np.concatenate(rows),
        columns=tuple(f"x{i}" for i in range(features)),
        offsets=np.cumsum([0, *lengths], dtype=np.int64),
        independent=True,
        labels=np.array([str(k) for k in kinds]),
    )


def right(data: LabeledDataset, part: str) -> float:
    indices = np.arange(len(data.windows[part]))
    data.codec = replace(data.codec, fitted=fit_nearest_neighbor(data))
    return float(np.mean(nearest_classes(data, part, indices) == data.truth(part, indices)))


@pytest.mark.parametrize("features", [1, 40])
def test_the_same_shape_at_another_speed_is_near(features: int) -> None:
    assert right(dataset(shapes(120, features=features)), "test") == 1.0


def test_a_description_is_the_mean_over_equal_stretches_of_time() -> None:
    data = dataset(shapes(30))
    data.coded = torch.arange(len(data.table.values), dtype=torch.float32)[:, None]
    first, lengths = np.array([0, 10]), np.array([6, 5])
    found = nearest_neighbor._described(data, first, lengths, 4)
    # six steps in four stretches of one and a half: 0 0 1 | 1 2 2 | 3 3 4 | 4 5 5, by halves
    np.testing.assert_allclose(found[0], [1 / 3, 5 / 3, 10 / 3, 14 / 3])
    np.testing.assert_allclose(found[1].mean(), 12.0)


def test_projecting_wide_descriptions_keeps_who_is_near(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dataset(shapes(90, features=30, seed=1))
    narrow = right(data, "test")
    facts = fit_nearest_neighbor(data)
    assert facts["nearest.described"].shape[1] == facts["nearest.directions"].shape[1] <= 96
    monkeypatch.setattr(nearest_neighbor, "_DIRECTIONS", 10_000)
    assert "nearest.directions" not in fit_nearest_neighbor(data)
    assert right(data, "test") == narrow


def test_a_training_sequence_is_not_its_own_neighbor() -> None:
    random = np.random.default_rng(0)
    lengths = np.full(200, 5)
    table = Table(
        values=random.normal(size=(1000, 2)),
        columns=("a", "b"),
        offsets=np.cumsum([0, *lengths], dtype=np.int64),
        independent=True,
        labels=random.choice(["a", "b"], 200),
    )
    assert 0.3 < right(dataset(table), "train") < 0.7  # pure noise: were each its own, all would be right


def test_texts_with_the_same_rare_words_are_near() -> None:
    random = np.random.default_rng(0)
    words = {"sport": ["goal", "match", "team"], "food": ["soup", "bread", "salt"]}
    labels = random.choice(list(words), 100)
    texts = [[*random.choice(["the", "a", "of", "and"], 6), *random.choice(words[label], 2)] for label in labels]
    data = dataset(symbol_table(texts, separator=" ", independent=True, labels=labels))
    assert right(data, "test") > 0.95


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest_neighbor, "MOST_NEIGHBORS", 20)
    monkeypatch.setattr(nearest_neighbor, "_MOST_KEPT", 100)
    facts = fit_nearest_neighbor(dataset(shapes(120, features=40)))
    assert len(facts["nearest.classes"]) == 20
    assert set(facts["nearest.classes"].tolist()) == {0.0, 1.0, 2.0}
    texts = symbol_table([list("abcabcabcabc")] * 60, independent=True, labels=np.array(["x", "y"] * 30))
    assert len(fit_nearest_neighbor(dataset(texts))["nearest.codes"]) <= 100
