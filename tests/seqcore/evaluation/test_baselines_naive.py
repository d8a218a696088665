"""Naive methods on data where their answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from seqcore.data.numeric_dataset import NumericDataset
from seqcore.data.profile.seasonality import find_period
from seqcore.data.table import Table
from seqcore.evaluation.baselines import fit_baselines, predict_baselines
from seqcore.evaluation.baselines.naive import baseline_inputs
from seqcore.evaluation.metrics import regression_metrics, symbol_metrics
from seqcore.experiment.experiment import Experiment


def predictions(values: np.ndarray, **changes: Any) -> tuple[dict[str, np.ndarray], np.ndarray]:
    config = Experiment.make({"data": changes}).data
    data = NumericDataset(Table(values[:, None], ("v",)), config, torch.device("cpu"))
    windows = np.arange(len(data.windows["test"]))
    data.baseline_facts = fit_baselines("regression", data)
    found = predict_baselines("regression", baseline_inputs(data, "test", windows))
    return found, data.truth("test", windows)


@pytest.mark.parametrize("predict", ["last", "every"])
@pytest.mark.parametrize("horizon", [1, 3])
def test_a_ramp_is_exact_for_a_straight_line_and_for_drift(predict: str, horizon: int) -> None:
    naive, truth = predictions(np.arange(200.0) * 10, window=5, predict=predict, horizon=horizon)
    assert np.allclose(naive["linear"][:, -1], truth[:, -1], atol=1e-4)
    assert np.allclose(naive["drift"][:, -1], truth[:, -1])
    ahead = 10 * (1 + np.arange(horizon))
    assert np.allclose(truth - naive["last_value"], ahead[:, None])


def test_a_season_is_found_in_the_training_part_and_exact() -> None:
    season = np.random.default_rng(0).normal(size=12)
    naive, truth = predictions(np.tile(season, 20), window=3, horizon=5)
    assert np.allclose(naive["seasonal"], truth)


def test_the_mean_is_that_of_the_training_parts_targets() -> None:
    values = np.concatenate([np.zeros(5), np.full(65, 4.0), np.full(30, 100.0)])
    naive, _ = predictions(values, window=5)
    assert np.all(naive["mean"] == 4.0)


def test_a_linear_recurrence_is_exact_for_a_straight_line_on_the_window() -> None:
    naive, truth = predictions(np.sin(np.arange(300) * 0.3), window=6)
    assert np.abs(naive["linear"] - truth).max() < 1e-4


@pytest.mark.parametrize("period", [4, 7, 12, 52])
@pytest.mark.parametrize("trend", [0.0, 0.5])
def test_a_period_is_found_beside_trend_and_noise(period: int, trend: float) -> None:
    t = np.arange(period * 12)
    noise = np.random.default_rng(0).normal(0, 0.1, len(t))
    assert find_period(np.sin(2 * np.pi * t / period) * 2 + trend * t + noise) == period


def test_noise_and_straight_lines_have_no_period() -> None:
    assert find_period(np.random.default_rng(1).normal(size=600)) is None
    assert find_period(np.arange(50.0)) is None
    assert find_period(np.ones(50)) is None


def test_metrics_are_in_original_units_and_undefined_ones_are_missing() -> None:
    truth = np.array([[1.0], [2.0], [4.0], [np.nan]])
    metrics = regression_metrics(truth + np.array([[1.0], [-1.0], [2.0], [7.0]]), truth, np.array([2.0]))
    assert metrics["mse"] == pytest.approx(2.0)
    assert metrics["rmse"] == pytest.approx(2.0**0.5)
    assert metrics["mae"] == pytest.approx(4 / 3)
    assert metrics["mape"] == pytest.approx(100 * (1 + 0.5 + 0.5) / 3)
    assert metrics["mase"] == pytest.approx(2 / 3)
    undefined = regression_metrics(np.ones((2, 1)), np.zeros((2, 1)), np.zeros(1))
    assert np.isnan(undefined["mape"])
    assert np.isnan(undefined["mase"])


def test_mase_measures_each_column_by_its_own_naive_step() -> None:
    truth = np.array([[10.0, 100.0], [20.0, 200.0]])
    prediction = truth + np.array([[1.0, 10.0], [3.0, 30.0]])
    assert regression_metrics(prediction, truth, np.array([1.0, 10.0]))["mase"] == pytest.approx(2.0)
    assert regression_metrics(prediction, truth, np.array([1.0, 100.0]))["mase"] == pytest.approx(1.1)


def test_symbol_metrics_are_those_of_the_definition() -> None:
    metrics = symbol_metrics(np.log([0.5, 0.25]), np.array([True, False]))
    assert metrics["accuracy"] == 0.5
    assert metrics["loss"] == pytest.approx(1.5 * np.log(2))
    assert metrics["perplexity"] == pytest.approx(2**1.5)
