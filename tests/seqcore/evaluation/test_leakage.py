"""Leakage is found before training; the past of a series, or regular data, is no leakage."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqcore.data.sources import SOURCES
from seqcore.data.table import Table
from seqcore.evaluation.leakage.detection import find_leaks
from seqcore.events import Finding, Steps
from seqcore.experiment.config import DataConfig
from seqcore.experiment.experiment import Experiment
from seqcore.training.fit import fit
from tests.tables import small_table

Values = NDArray[np.float64]
QUICK = ("regression", "language-modeling")  # the others' tables take long to make, and have no columns to compare
MADE = {name: source for name, source in SOURCES.items() if not source.stored and source.tasks[0] in QUICK}


def series(kind: str, n: int = 600, seed: int = 0) -> Values:
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=n)
    made: dict[str, Callable[[], Values]] = {
        "noise": lambda: noise,
        "random walk": lambda: noise.cumsum(),
        "season": lambda: np.sin(np.arange(n) / 7) + 0.1 * noise,
        "trend": lambda: 0.1 * np.arange(n) + noise,
        "smooth": lambda: np.convolve(rng.normal(size=n + 40), np.hanning(41), "valid"),
        "counts": lambda: rng.poisson(3, n).astype(np.float64),
        "prices": lambda: np.round(np.exp(0.02 * noise.cumsum()), 2),
    }
    return made[kind]()


KINDS = ["noise", "random walk", "season", "trend", "smooth", "counts", "prices"]


def codes(leaks: list[dict[str, str]]) -> list[str]:
    return [leak.code for leak in leaks]


def of_columns(x: Values, y: Values, **config: object) -> list[dict[str, str]]:
    table = Table(values=np.stack([x, y], axis=1), columns=("other", "target"))
    return find_leaks(table, DataConfig(inputs=("other", "target"), target=("target",), **config))


def of_series(y: Values) -> list[dict[str, str]]:
    return find_leaks(Table(values=y[:, None], columns=("value",)), DataConfig())


def of_sequences(rows: Values) -> list[dict[str, str]]:
    count, length = rows.shape
    offsets = np.arange(count + 1, dtype=np.int64) * length
    table = Table(values=rows.reshape(-1, 1).copy(), columns=("value",), offsets=offsets, independent=True)
    return find_leaks(table, DataConfig(window=length - 1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("later", [1, 3, 30])
def test_a_scaled_noisy_copy_of_the_later_target_is_found(kind: str, later: int) -> None:
    y = series(kind)
    x = -3.0 * y[later:] + 7.0 + 1e-3 * y.std() * np.random.default_rng(1).normal(size=len(y) - later)
    leaks = of_columns(x, y[:-later])
    assert codes(leaks) == ["leak-column"]
    assert "'other'" in leaks[0].message
    assert f"{later} row" in leaks[0].message


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_at_the_same_time_is_leakage_at_lead_0_and_else_information(kind: str) -> None:
    y = series(kind)
    without_target = {"inputs": ("other",), "target": ("target",), "lead": 0}
    table = Table(values=np.stack([1.8 * y + 32, y], axis=1), columns=("other", "target"))
    assert codes(find_leaks(table, DataConfig(**without_target))) == ["leak-column"]
    ahead = of_columns(1.8 * y + 32, y)
    assert codes(ahead) == ["copy-of-target"]
    assert ahead[0].severity == "info"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("earlier", [1, 2, 12])
def test_the_past_of_the_target_is_no_leakage(kind: str, earlier: int) -> None:
    y = series(kind)
    assert of_columns(2.0 * y[:-earlier], y[earlier:]) == []
    assert of_series(y) == []


def test_periodic_and_linear_columns_are_no_leakage() -> None:
    angle = np.arange(400) * np.pi / 10
    assert of_columns(np.cos(angle), np.sin(angle)) == []
    assert of_columns(3.0 * np.arange(400.0), np.arange(400.0)) == []


@settings(max_examples=60, deadline=None)
@given(st.integers(40, 1_500), st.integers(0, 2**31), st.sampled_from(KINDS), st.sampled_from(KINDS))
def test_unrelated_columns_are_no_leakage(n: int, seed: int, one: str, other: str) -> None:
    if {one, other} != {"season"}:  # two seasons of one period are each other's future
        assert of_columns(series(one, n, seed), series(other, n, seed + 1)) == []


@pytest.mark.parametrize("name", MADE)
def test_packaged_sources_have_no_leakage(name: str) -> None:
    table = small_table(name)
    config = {} if table.symbolic else {"inputs": table.columns, "target": table.columns[:1]}
    leaks = find_leaks(table, DataConfig(task=MADE[name].tasks[0], **config))
    assert [leak for leak in leaks if leak.severity != "info"] == []


def test_long_data_are_sampled() -> None:
    walk = np.random.default_rng(0).normal(size=6_000_000).cumsum()
    took = []
    for rows in (1_000, 200_000, 6_000_000):  # the first loads what is imported once; the last is 30 times the second
        begin = time.process_time()
        assert codes(of_columns(walk[5:rows], walk[: rows - 5])) == ["leak-column"]
        took.append(time.process_time() - begin)
    assert took[2] < 15 * took[1]


def test_shuffled_rows_are_found_by_a_counter_or_time_stamps() -> None:
    order = np.random.default_rng(0).permutation(300)
    y = series("random walk", 300)
    table = Table(values=np.stack([order, y], axis=1).astype(np.float64), columns=("row", "value"))
    assert codes(find_leaks(table, DataConfig(target=("value",)))) == ["leak-order"]
    days = np.datetime64("2024-01-01", "ns") + order * np.timedelta64(1, "D")
    dated = Table(values=y[:, None], columns=("value",), times=days)
    assert codes(find_leaks(dated, DataConfig())) == ["leak-order"]
    assert find_leaks(Table(values=y[:, None], columns=("value",), times=np.sort(days)), DataConfig()) == []


def test_shuffled_overlapping_segments_are_leakage_and_independent_sequences_are_not() -> None:
    pieces = np.lib.stride_tricks.sliding_window_view(series("random walk", 900), 20)[::3]
    rng = np.random.default_rng(0)
    assert codes(of_sequences(pieces[rng.permutation(len(pieces))])) == ["leak-overlap"]
    assert of_sequences(rng.normal(size=(300, 20)).cumsum(axis=1)) == []
    ramps = rng.integers(0, 10_000, 300)[:, None] + np.arange(20.0)
    assert "leak-overlap" not in codes(of_sequences(ramps))


def test_splits_that_overlap_in_time_are_found() -> None:
    starts = np.arange(0, 2_000, 20)
    order = np.random.default_rng(0).permutation(len(starts))

    def dated(starts: NDArray[np.int64]) -> Table:
        rows = (starts[:, None] + np.arange(20)).ravel()
        return Table(
            values=np.random.default_rng(1).normal(size=(len(rows), 1)),
            columns=("value",),
            offsets=np.arange(len(starts) + 1) * 20,
            independent=True,
            times=np.datetime64("2020-01-01", "ns") + rows * np.timedelta64(1, "h"),
        )

    assert codes(find_leaks(dated(starts[order]), DataConfig(window=10))) == ["leak-order"]
    assert find_leaks(dated(starts), DataConfig(window=10)) == []


def test_duplicate_sequences_in_two_splits_are_counted() -> None:
    rows = np.random.default_rng(0).normal(size=(100, 12))
    assert of_sequences(rows) == []
    rows[90] = rows[3]
    (leak,) = of_sequences(rows)
    assert leak.code == "leak-duplicates"
    assert leak.message == "1 of 15 sequences of the test split is also in the training split."


def test_duplicate_rows_are_found_and_seasons_are_not() -> None:
    y = series("random walk")
    (leak,) = of_series(np.concatenate([y, y[:60]]))
    assert leak.code == "leak-duplicates"
    assert of_series(np.tile(series("random walk", 12), 50)) == []


@pytest.mark.parametrize("kind", ["random walk", "trend", "smooth"])
def test_scaling_by_the_whole_file_is_found_by_its_mean_or_range(kind: str) -> None:
    y = series(kind) + 0.05 * np.arange(600)  # so that the training part doesn't go as far up
    train = y[: round(0.7 * len(y))]
    assert codes(of_series((y - y.mean()) / y.std())) == ["leak-prepared"]
    assert codes(of_series((y - y.min()) / np.ptp(y))) == ["leak-prepared"]
    assert of_series((y - train.mean()) / train.std()) == []
    assert of_series((y - train.min()) / np.ptp(train)) == []


def test_a_constant_column_is_not_preprocessed() -> None:
    assert of_series(np.full(600, 3.0)) == []


def test_imputation_by_the_mean_or_across_splits_is_found() -> None:
    y = series("random walk")
    gone = np.random.default_rng(2).random(len(y)) < 0.05
    filled, fair, bridged = y.copy(), y.copy(), y.copy()
    filled[gone] = y[~gone].mean()
    assert codes(of_series(filled)) == ["leak-prepared"]
    train = round(0.7 * len(y))
    fair[gone] = y[:train][~gone[:train]].mean()
    assert of_series(fair) == []
    bridged[train - 5 : train + 5] = np.interp(np.arange(10), [0, 9], [y[train - 5], y[train + 4]])
    assert codes(of_series(bridged)) == ["leak-prepared"]


def test_a_run_reports_leakage_before_its_first_step() -> None:
    y = series("random walk", 200)
    table = Table(values=np.stack([y[1:], y[:-1]], axis=1), columns=("tomorrow", "today"))
    data = {"inputs": ["tomorrow", "today"], "target": ["today"], "window": 5}
    experiment = Experiment.make({"data": data, "training": {"epochs": 1}, "model": {"hidden_size": 4}})
    for event in fit(experiment, data=table):
        if isinstance(event, Finding) and event.code == "leak-column":
            break
        assert not isinstance(event, Steps), "a step was taken before the leak was named"
    assert "tomorrow" in event.message
