"""Every row before the test split is held out once, and no window that trains for it touches it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcore.data.folds import folds
from seqcore.data.numeric_dataset import NumericDataset
from seqcore.data.table import Table
from seqcore.experiment.config import DataConfig

CPU = torch.device("cpu")


def dataset(table: Table, **config: Any) -> NumericDataset:
    return NumericDataset(table, DataConfig(**config), CPU)


def rows_of(data: NumericDataset, part: str, *, back: int = 0) -> list[set[int]]:
    """The rows of each window of a part, its targets and what it is measured from included."""
    windows = data.windows[part]
    if not len(windows):
        return []
    first, lengths, _ = windows.locate(np.arange(len(windows)))
    ahead = data.lead + data.horizon - 1
    return [set(range(f - back, f + n + ahead)) for f, n in zip(first.tolist(), lengths.tolist(), strict=True)]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(140, 240), st.integers(1, 10), st.integers(1, 5), st.integers(1, 3), st.integers(1, 4), st.booleans()
)
def test_no_window_of_a_fold_touches_its_block_and_every_target_is_held_out_once(
    rows: int, window: int, horizon: int, lead: int, stride: int, every_step: bool
) -> None:
    table = Table(values=np.arange(float(rows))[:, None], columns=("value",))
    predict = "every" if every_step else "last"
    data = dataset(table, window=window, horizon=horizon, lead=lead, stride=stride, predict=predict, scaling="none")
    before_test = rows - round(rows * 0.15)
    held_targets: list[int] = []
    for fold in folds(data, 6):
        (_, low, high) = fold.bounds["val"][0]
        assert not any(r & set(range(low, high)) for r in rows_of(fold, "train"))
        assert all(max(r) < before_test for r in rows_of(fold, "train"))
        indices = np.arange(len(fold.windows["val"]))
        if len(indices):
            targets = fold.truth("val", indices)
            assert targets.min() >= low
            assert targets.max() < high
            held_targets += targets[:, 0, 0, 0].astype(int).tolist()
        assert len(fold.windows["test"]) == 0
    assert every_step or len(held_targets) == len(set(held_targets))  # at every step, windows share targets
    assert held_targets


def test_blocks_lie_over_all_of_the_time_before_the_test_part_in_each_series() -> None:
    table = Table(values=np.arange(300.0)[:, None], columns=("value",), offsets=np.array([0, 100, 300]))
    bounds = [fold.bounds["val"] for fold in folds(dataset(table, window=5), 6)]
    for s, (start, end) in enumerate([(0, 85), (100, 270)]):
        own = [(low, high) for held in bounds for t, low, high in held if t == s]
        assert own[0][0] == start
        assert own[-1][1] == end
        assert all(a[1] == b[0] for a, b in pairwise(own))


def test_independent_sequences_are_held_out_whole_and_groups_together() -> None:
    groups = np.repeat(np.arange(30), 4)
    table = Table(
        values=np.arange(120.0 * 8)[:, None],
        columns=("value",),
        offsets=np.arange(121) * 8,
        independent=True,
        groups=groups,
    )
    held = [{s for s, _, _ in fold.bounds["val"]} for fold in folds(dataset(table, window=6), 6)]
    assert len(set.union(*held)) == sum(map(len, held)) > 0
    kinds = [{int(groups[s]) for s in block} for block in held]
    assert sum(map(len, kinds)) == len(set.union(*kinds))


def test_a_window_measured_from_a_held_season_does_not_train() -> None:
    values = np.sin(np.arange(240) * np.pi / 6) + 0.01 * np.random.default_rng(0).normal(size=240)
    data = dataset(Table(values=values[:, None], columns=("value",)), window=6, scaling="seasonal")
    period = data.codec.before
    assert period == 12
    for fold in folds(data, 6):
        ((_, low, high),) = fold.bounds["val"]
        assert not any(r & set(range(low, high)) for r in rows_of(fold, "train", back=period))


@pytest.mark.parametrize("count", [2, 6])
def test_the_dataset_itself_stays_as_it_was(count: int) -> None:
    data = dataset(Table(values=np.arange(100.0)[:, None], columns=("value",)), window=5)
    before = data.sizes()
    assert len(list(folds(data, count))) == count
    assert data.sizes() == before
