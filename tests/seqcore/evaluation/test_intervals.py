"""Half-widths are the finite-sample quantile, and an interval undoes how its errors were scaled."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcore.evaluation.intervals import (
    empirical_coverage,
    grows_with_level,
    half_widths,
    interval,
    min_errors,
    scaled_errors,
)


def test_a_half_width_is_the_error_at_the_rank_that_n_plus_1_asks_for() -> None:
    errors = np.arange(1.0, 20.0)[:, None]  # 19 of them: the rank is ceil(20 * 0.9) = 18
    assert half_widths(errors, 0.9)[0] == 18.0
    assert half_widths(-errors, 0.9)[0] == 18.0
    assert half_widths(errors[:9], 0.9)[0] == 9.0
    assert half_widths(errors[:5], 0.9)[0] == 5.0  # too few: the largest there is
    assert min_errors(0.9) == 9
    assert min_errors(0.95) == 19


def test_each_horizon_and_target_has_its_own_width_and_gaps_are_left_out() -> None:
    errors = np.ones((50, 3, 2)) * np.array([1.0, 2.0, 3.0])[:, None] * np.array([1.0, 10.0])
    errors[::2] = np.nan
    assert half_widths(errors, 0.8).tolist() == [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]
    assert np.isnan(half_widths(np.full((5, 1), np.nan), 0.8)).all()


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 0.99), st.integers(20, 300))
def test_the_promise_is_kept_on_the_average_over_exchangeable_errors(coverage: float, n: int) -> None:
    rng = np.random.default_rng(n)
    errors = np.abs(rng.standard_t(3, size=(n, 400)))  # 400 calibrations of n errors each
    new = np.abs(rng.standard_t(3, size=(200, 400)))
    held = (new <= half_widths(errors, coverage)).mean()
    exact = min(math.ceil((n + 1) * coverage - 1e-9), n) / (n + 1)
    assert held == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("logarithmic", [False, True])
def test_an_interval_undoes_how_errors_were_scaled(logarithmic: bool) -> None:
    truth, prediction, scale = np.array([2.0, 5.0, 9.0]), np.array([4.0, 4.0, 4.0]), np.array([0.5, 2.0, 3.0])
    off = scaled_errors(truth, prediction, scale, logarithmic=logarithmic)
    low, high = interval(prediction, off, scale, logarithmic=logarithmic)
    assert np.isclose(np.where(truth < prediction, low, high), truth).all()


def test_the_share_that_is_covered_leaves_out_what_is_not_known() -> None:
    truth = np.array([1.0, 2.0, np.nan, 4.0])
    assert empirical_coverage(truth, np.array([0.0, 3.0, 0.0, np.nan]), np.array([2.0, 4.0, 1.0, 5.0])) == 0.5
    assert math.isnan(empirical_coverage(truth[2:3], np.zeros(1), np.ones(1)))


def test_errors_that_grow_with_the_prediction_are_told_from_those_that_do_not() -> None:
    rng = np.random.default_rng(0)
    level, noise = np.exp(rng.uniform(0, 3, 500)), np.abs(rng.normal(size=500))
    assert grows_with_level(noise * level, noise)
    assert not grows_with_level(noise, noise / level)
    assert not grows_with_level(noise[:20] * level[:20], noise[:20])
