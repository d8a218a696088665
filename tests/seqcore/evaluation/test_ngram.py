"""Interpolated Witten-Bell n-grams against the formula written down slowly."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import numpy as np
import pytest

from seqcore.evaluation.baselines.ngram import NGrams


def slow(stretches: list[list[int]], size: int, context: tuple[int, ...]) -> list[float]:
    """P of each symbol after a context, straight from the definition."""
    if not context:
        lower = [1.0 / size] * size
    else:
        lower = slow(stretches, size, context[1:])
    n = len(context)
    after = Counter(s[i] for s in stretches for i in range(n, len(s)) if tuple(s[i - n : i]) == context)
    total, kinds = sum(after.values()), len(after)
    if not total:
        return lower
    return [(after[w] + kinds * lower[w]) / (total + kinds) for w in range(size)]


def distribution(grams: NGrams, context: tuple[int, ...], order: int) -> np.ndarray:
    """P of each symbol after a context."""
    codes = np.array([[*context, symbol] for symbol in range(grams.size)])
    rows = np.arange(1, grams.size + 1) * codes.shape[1] - 1
    return np.exp(grams.log_prob(codes.ravel(), rows, np.full(grams.size, len(context)), order)[0])


def stretches(seed: int, size: int) -> list[list[int]]:
    """A few stretches with much repetition, of unequal length, one of them empty and one a single symbol."""
    random = np.random.default_rng(seed)
    return [(random.integers(0, size, n) // (1 + random.integers(0, 3))).tolist() for n in (60, 0, 1, 7, 35)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_are_witten_bells(seed: int, order: int) -> None:
    data = stretches(seed, 6)
    grams = NGrams.fit([np.array(s) for s in data], 6, 5)
    random = np.random.default_rng(seed + 100)
    for length in range(order):
        for _ in range(10):
            context = tuple(random.integers(0, 6, length).tolist())
            assert np.allclose(distribution(grams, context, order), slow(data, 6, context))


@pytest.mark.parametrize("order", [0, 1, 3, 5])
def test_probabilities_after_any_context_sum_to_1(order: int) -> None:
    grams = NGrams.fit([np.array(s) for s in stretches(7, 9)], 9, 5)
    for context in ((), (0,), (8, 8, 8, 8), (1, 0, 2, 1), (0, 0, 0, 0, 0, 0)):
        assert distribution(grams, context, order).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(3))
def test_the_most_probable_symbol_is_found_without_looking_at_all(seed: int) -> None:
    data = np.array(stretches(seed, 8)[0])
    grams = NGrams.fit([data[:40]], 8, 5)
    rows = np.arange(len(data))
    _, right = grams.log_prob(data, rows, rows, 5)
    for row in rows:
        after = np.array(slow([data[:40].tolist()], 8, tuple(data[max(0, row - 4) : row].tolist())))
        assert right[row] == (after[data[row]] == pytest.approx(after.max(), abs=1e-12)) or (
            np.isclose(np.sort(after)[-2], after.max())  # of equals either may be meant
        )


def test_a_symbol_sees_no_further_back_than_it_is_told() -> None:
    data = np.array(stretches(1, 5)[0])
    grams = NGrams.fit([data], 5, 5)
    rows = np.arange(10, 40)
    none, _ = grams.log_prob(data, rows, np.zeros(30, dtype=int), 5)
    single, _ = grams.log_prob(data, rows, rows, 1)
    assert np.array_equal(none, single)


def test_what_is_counted_makes_the_same_n_grams() -> None:
    data = np.array(stretches(3, 5)[0])
    grams = NGrams.fit([data], 5, 4)
    again = NGrams(grams.counted, 5)
    rows = np.arange(len(data))
    assert np.array_equal(grams.log_prob(data, rows, rows, 4)[0], again.log_prob(data, rows, rows, 4)[0])
    assert len(again) == len(grams)


def test_a_vocabulary_of_50000_words_needs_no_table_of_pairs() -> None:
    random = np.random.default_rng(0)
    words = (random.pareto(1.0, 200_000) * 10).astype(int) % 50_000
    tracemalloc.start()
    grams = NGrams.fit([words], 50_000, 5)
    rows = np.arange(150_000, 200_000)
    logs, _ = grams.log_prob(words, rows, rows, 5)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 500 * len(words)  # bytes; a table of pairs has a hundred times as many
    assert np.isfinite(logs).all()
    assert len(grams) < 5 * len(words)


def test_without_any_data_all_is_chance() -> None:
    grams = NGrams.fit([], 4, 5)
    logs, _ = grams.log_prob(np.array([0, 1, 2]), np.array([2]), np.array([2]), 5)
    assert logs == pytest.approx([-np.log(4)])
