"""The sign-flip permutation test against all assignments of signs, hand-worked cases, and what it says."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from seqcore.insight.paired_test import FEWEST, paired_test, sign_flip_p


@pytest.mark.parametrize("count", [1, 2, 5, 6, 9, 12])
def test_it_counts_all_assignments_of_signs(count: int) -> None:
    differences = np.random.default_rng(count).normal(0.3, 1.0, count)
    total = abs(differences.sum())
    sums = [abs(np.dot(signs, differences)) for signs in product((1, -1), repeat=count)]
    expected = sum(value >= total - 1e-9 for value in sums) / 2**count
    assert sign_flip_p(differences) == pytest.approx(expected, abs=1e-15)


def test_hand_worked_cases() -> None:
    assert sign_flip_p(np.ones(6)) == 2 / 64  # only all signs or none reach the total
    assert sign_flip_p(np.ones(5)) == 2 / 32
    assert sign_flip_p(np.array([1.0, 2.0, 3.0, -1.0])) == 6 / 16  # |sum| >= 5: 7, 5 twice, and their opposites
    assert sign_flip_p(np.zeros(6)) == 1.0
    assert sign_flip_p(np.array([1.0, -1.0])) == 1.0


def test_equal_sums_that_differ_by_rounding_count() -> None:
    """0.1 + 0.2 is not 0.3 in floating point, but the assignment that gives it reaches the total."""
    assert sign_flip_p(np.array([0.1, 0.2, 0.3])) == 2 / 8
    assert sign_flip_p(np.array([0.1, 0.2, -0.3])) == 1.0


def test_forty_seeds_are_tested_exactly() -> None:
    assert sign_flip_p(np.ones(40)) == 2 / 2**40


def of(values: list[float], first: int = 0) -> dict[int, float]:
    return {first + place: value for place, value in enumerate(values)}


def test_two_experiments_are_different_only_below_the_level_and_with_enough_seeds() -> None:
    low, high = of([0.1, 0.11, 0.1, 0.12, 0.1, 0.11]), of([0.2, 0.21, 0.22, 0.2, 0.23, 0.2])
    six = paired_test(("GRU", low), ("RNN", high), metric="mae", split="test")
    assert (six.p, six.different, six.better) == (2 / 64, True, "GRU")
    assert "GRU is better" in six.sentence
    assert "p = 0.0312" in six.sentence
    five = paired_test(("GRU", {k: low[k] for k in range(5)}), ("RNN", high), metric="mae", split="test")
    assert (five.different, five.better) == (None, None)
    assert f"at least {FEWEST}" in five.sentence
    one = paired_test(("GRU", of([0.1])), ("RNN", high), metric="mae", split="test")
    assert "1 paired seed is too few" in one.sentence
    same = paired_test(("GRU", low), ("RNN", of([0.1, 0.12, 0.09, 0.12, 0.11, 0.1])), metric="mae", split="test")
    assert same.different is False
    assert "not shown to be different" in same.sentence


def test_the_higher_score_is_better_where_the_metric_says_so() -> None:
    test = paired_test(("A", of([0.9] * 6)), ("B", of([0.8] * 6)), metric="accuracy", split="test")
    assert test.better == "A"
    assert "10 percentage points" in test.sentence


def test_only_common_seeds_with_finite_scores_are_paired() -> None:
    a, b = of([1.0, 2.0, math.nan, 4.0]), of([1.5, 2.5, 3.5, 4.5], first=1)
    test = paired_test(("A", a), ("B", b), metric="mae", split="test")
    assert test.seeds == (1, 3)
    assert test.differences == (0.5, 0.5)
    assert "Left out: 1" in test.sentence
    nothing = paired_test(("A", of([1.0])), ("B", of([1.0], first=5)), metric="mae", split="test")
    assert nothing.p is None
    assert "no seed" in nothing.sentence
