"""What the heat maps of the Inspect page are sent: numbers in 16 bits, scales that stay, and long inputs thinned."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.inspect_heat_maps import MISSING, encoded, rounded_up


def decoded(text: str, scale: float) -> np.ndarray:
    whole = np.frombuffer(base64.b64decode(text), dtype="<i2")
    return np.where(whole == MISSING, np.nan, whole / 32767 * scale)


@given(st.lists(st.floats(-5.0, 5.0), min_size=1, max_size=50))
def test_numbers_survive_to_a_part_in_sixty_thousand_of_the_scale(values: list[float]) -> None:
    found = decoded(encoded(np.array(values), 5.0), 5.0)
    assert np.abs(found - values).max() <= 5.0 / 65534 + 1e-12


def test_what_is_no_number_stays_apart_from_the_lowest_value() -> None:
    values = np.array([-1.0, np.nan, np.inf, -np.inf, 1.0])
    found = decoded(encoded(values, 1.0), 1.0)
    assert np.isnan(found).tolist() == [False, True, True, True, False]
    assert found[[0, 4]].tolist() == [-1.0, 1.0]


@pytest.mark.parametrize(
    ("value", "scale"), [(0.97, 1.0), (1.0, 1.0), (1.01, 2.0), (3.3, 5.0), (7.0, 10.0), (0.013, 0.02), (0.0, 1.0)]
)
def test_a_scale_is_the_next_round_number(value: float, scale: float) -> None:
    assert rounded_up(value) == scale
    assert rounded_up(float("nan")) == 1.0
