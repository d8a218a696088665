"""The mutual information of symbols, against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from seqcore.data.profile.mutual_information import mutual_information


def test_three_pairs_by_hand() -> None:
    found = mutual_information(np.array([0, 1, 0, 1], dtype=np.uint8), np.array([4]), 2)
    two_thirds = -(2 / 3 * np.log2(2 / 3) + 1 / 3 * np.log2(1 / 3))  # the pairs ba, ab, ba
    np.testing.assert_allclose(found.values, [1.0, two_thirds, 1.0])  # at lag 2 aa, bb


def test_two_sequences_share_no_pair() -> None:
    codes = np.array([0, 1, 2, 3, 4, 5], dtype=np.uint8)
    found = mutual_information(codes, np.array([3, 3]), 5)
    assert len(found.values) == 3
    assert found.values[1] == pytest.approx(2.0)  # four different pairs


@pytest.mark.parametrize("size", [2, 30, 2000])
def test_random_symbols_do_not_depend_on_each_other(size: int) -> None:
    codes = np.random.default_rng(size).integers(0, size, 5_000)
    found = mutual_information(codes, np.array([5_000]), 40)
    assert found.longest == 0
    assert found.values[1] > 0  # counts alone


@pytest.mark.parametrize("length", [0, 1])
def test_without_pairs_nothing_depends(length: int) -> None:
    assert mutual_information(np.zeros(length, dtype=np.uint8), np.array([length]), 9).longest == 0
