"""Downsampled curves: bounded size, exact extremes and NaN, independent of how the blocks were cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcore.errors import CorruptError
from seqcore.runs.curves import (
    LIMIT,
    GrowingCurve,
    block_from_bytes,
    block_to_bytes,
    finished_curve,
    over_replicas,
    overlay,
    thin,
    thin_to,
)

VALUES = st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=300)


@given(VALUES, st.integers(1, 50))
def test_thinning_keeps_minimum_maximum_and_nan_of_each_bucket(values: list[float], width: int) -> None:
    given_values = np.array(values)
    steps, kept = thin(np.arange(1, len(values) + 1), given_values, width)
    assert np.array_equal(kept, given_values[steps - 1], equal_nan=True)
    assert np.all(np.diff(steps) > 0)
    for start in range(0, len(values), width):
        stretch = given_values[start : start + width]
        shown = kept[(steps > start) & (steps <= start + width)]
        finite = stretch[np.isfinite(stretch)]
        assert len(shown) <= 4
        assert np.isfinite(shown).all() or not np.isfinite(stretch).all()
        assert not np.isfinite(shown).all() or np.isfinite(stretch).all()
        if len(finite):
            assert shown[np.isfinite(shown)].min() == finite.min()
            assert shown[np.isfinite(shown)].max() == finite.max()


@given(VALUES, st.integers(1, 8), st.integers(1, 8))
def test_thinning_twice_is_thinning_once(values: list[float], width: int, times: int) -> None:
    steps = np.arange(1, len(values) + 1)
    once = thin(steps, np.array(values), width * times)
    twice = thin(*thin(steps, np.array(values), width), width * times)
    assert np.array_equal(once[0], twice[0])


@given(VALUES, st.integers(4, 100))
def test_a_curve_never_has_more_points_than_asked_for(values: list[float], most: int) -> None:
    steps, kept = thin_to(np.arange(1, len(values) + 1), np.array(values), most)
    assert len(steps) == len(kept) <= max(most, 4)
    assert steps[-1] == len(values)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 2000), min_size=1, max_size=40))
def test_a_growing_curve_is_bounded_and_keeps_the_extremes(seed: int, sizes: list[int]) -> None:
    values = np.random.default_rng(seed).normal(size=sum(sizes))
    values[:: max(7, len(values) // 3)] = np.nan
    curve, first = GrowingCurve(), 1
    for size in sizes:
        curve.add(first, values[first - 1 : first - 1 + size])
        first += size
    steps, kept = curve.points()
    assert len(steps) <= 2 * LIMIT
    assert np.array_equal(kept, values[steps - 1], equal_nan=True)
    assert np.isnan(kept).any() == np.isnan(values).any()
    if np.isfinite(values).any():
        assert np.nanmin(kept) == np.nanmin(values)
        assert np.nanmax(kept) == np.nanmax(values)
    assert curve.reach == len(values) == steps[-1]


def test_a_curve_comes_back_from_its_bytes_with_all_its_layers() -> None:
    curve = GrowingCurve()
    curve.add(1, np.arange(100.0))
    curve.begin(np.arange(1, 51), np.arange(50.0))
    curve.add(51, np.full(10, -1.0))
    again = GrowingCurve.from_bytes(curve.to_bytes())
    for known, read in zip(curve.points(), again.points(), strict=True):
        assert np.array_equal(known, read)
    assert again.newest == 60
    assert again.reach == 100


@pytest.mark.parametrize("content", [b"", b"\x01", b"\xff" * 8, GrowingCurve().to_bytes()[:-1]])
def test_bytes_that_are_no_curve_are_refused(content: bytes) -> None:
    with pytest.raises(CorruptError, match="damaged"):
        GrowingCurve.from_bytes(content)


def test_a_new_attempt_wins_up_to_its_reach_and_the_old_one_shows_beyond_it() -> None:
    curve = GrowingCurve()
    curve.add(1, np.full(100, 1.0))
    curve.begin(np.arange(1, 51), np.full(50, 1.0))
    curve.add(51, np.full(25, 2.0))
    steps, values = curve.points()
    assert steps.tolist() == list(range(1, 101))
    assert values.tolist() == [1.0] * 50 + [2.0] * 25 + [1.0] * 25
    curve.cut()
    assert curve.points()[0].tolist() == list(range(1, 76))


def test_an_attempt_that_was_overtaken_is_forgotten() -> None:
    curve = GrowingCurve()
    curve.add(1, np.full(100, 1.0))
    curve.begin(np.arange(1, 51), np.full(50, 1.0))
    curve.add(51, np.full(50, 2.0))
    curve.cut()
    assert curve.points()[1].tolist() == [1.0] * 50 + [2.0] * 50


@given(VALUES)
def test_blocks_come_back_to_the_bit(values: list[float]) -> None:
    given_values = np.array(values)
    again = block_from_bytes(block_to_bytes(given_values), len(values))
    assert again.tobytes() == given_values.astype("<f8").tobytes()
    again = block_from_bytes(block_to_bytes(np.stack([given_values, -given_values], axis=1)), len(values))
    assert np.array_equal(again, np.stack([given_values, -given_values], axis=1), equal_nan=True)


def test_later_blocks_overlay_earlier_ones() -> None:
    steps, values = overlay([(1, np.array([1.0, 2.0, 3.0])), (2, np.array([5.0]))])
    assert steps.tolist() == [1, 2, 3]
    assert values.tolist() == [1.0, 5.0, 3.0]
    assert overlay([(1, np.array([1.0, 2.0, 3.0]))], 2)[0].tolist() == [1, 2]


def random_values(rng: np.random.Generator, steps: int, replicas: int) -> np.ndarray:
    """A series [n] or [n, K] with spikes, ties, and values that are not finite."""
    values = np.round(rng.normal(size=(steps, replicas)), 1)
    values[rng.random(values.shape) < 0.01] = np.inf
    values[rng.random(steps) < 0.005] = np.nan
    values[rng.random(values.shape) < 0.002] = 1e6
    return values[:, 0] if replicas == 1 else values


def assert_thinned(curve: GrowingCurve, values: np.ndarray) -> None:
    """The newest layer holds what thinning all values at once gives, at its own width and at every larger one."""
    steps, known = curve.points()
    every = np.arange(1, len(values) + 1)
    assert curve.newest == len(values)
    assert np.array_equal(known, over_replicas(values)[steps - 1], equal_nan=True)
    width = 1
    while len(steps) < len(values) and width < len(values):
        width *= 2
        if (2 if values.ndim == 1 else 4) * -(-len(values) // width) <= LIMIT:
            break
    while width <= 2 * len(values):
        scratch = thin(every, over_replicas(values), width)
        for one, other in zip(thin(steps, known, width), scratch, strict=True):
            assert np.array_equal(one, other, equal_nan=True)
        width *= 2


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 5]), st.lists(st.integers(1, 3000), min_size=1, max_size=12))
def test_a_growing_curve_is_that_of_thinning_all_values_at_once(seed: int, replicas: int, sizes: list[int]) -> None:
    values = random_values(np.random.default_rng(seed), sum(sizes), replicas)
    curve, first = GrowingCurve(), 1
    for size in sizes:
        curve.add(first, values[first - 1 : first - 1 + size])
        first += size
        if first % 2:
            curve = GrowingCurve.from_bytes(curve.to_bytes())
        assert_thinned(curve, values[: first - 1])


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3]), st.integers(1, 9000), st.integers(1, 9000))
def test_a_rewound_curve_is_that_of_thinning_what_is_left(seed: int, replicas: int, steps: int, more: int) -> None:
    rng = np.random.default_rng(seed)
    values = random_values(rng, steps, replicas)
    curve = GrowingCurve()
    curve.add(1, values)
    back = int(rng.integers(0, steps))
    again = random_values(rng, more, replicas)
    if back:
        curve.begin(np.arange(1, back + 1), values[:back])
    else:
        curve.begin(np.zeros(0, dtype=np.int64), np.zeros(0))
    curve.add(back + 1, again)
    curve = GrowingCurve.from_bytes(curve.to_bytes())
    curve.cut()
    assert_thinned(curve, np.concatenate([values[:back], again]))


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 300), st.integers(6, 100))
def test_median_and_extremes_are_those_of_the_finite_replicas(seed: int, replicas: int, steps: int, most: int) -> None:
    values = random_values(np.random.default_rng(seed), steps, replicas)
    known = over_replicas(values)
    for row, summary in zip(values, known, strict=True):
        finite = row[np.isfinite(row)]
        expected = [np.median(finite), finite.min(), finite.max()] if len(finite) else [np.nan] * 3
        np.testing.assert_allclose(summary, expected, rtol=1e-15)
    kept_steps, kept = thin_to(np.arange(1, steps + 1), known, most)
    assert len(kept_steps) <= most
    curve = finished_curve(kept_steps, kept)
    assert curve.low is not None
    assert curve.high is not None
    if np.isfinite(values).any():
        assert np.nanmin(curve.low) == values[np.isfinite(values)].min()
        assert np.nanmax(curve.high) == values[np.isfinite(values)].max()
