"""Seasonal periods are found; random walks have none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from seqcore.data.profile.seasonality import find_period
from seqcore.data.sources import SOURCES

Values = NDArray[np.float64]
SEEDS = range(6)


def remembering(random: np.random.Generator, n: int, share: float, size: float = 1.0) -> Values:
    """Noise of which each value keeps a share of the one before: a random walk where that is 1."""
    values = np.zeros(n)
    for i in range(1, n):
        values[i] = share * values[i - 1] + size * random.normal()
    return values


def sine(random: np.random.Generator) -> Values:
    return np.sin(2 * np.pi * np.arange(400) / 25) + 0.2 * random.normal(size=400)


def passengers(random: np.random.Generator) -> Values:
    """Twelve years of months that grow, and with them their season."""
    t = np.arange(144)
    season = 0.15 * np.sin(2 * np.pi * t / 12) + 0.05 * np.cos(4 * np.pi * t / 12)
    return np.exp(4.8 + 0.01 * t + season + 0.03 * random.normal(size=144))


def week(random: np.random.Generator) -> Values:
    days = np.array([5.0, 5, 5, 5, 6, 8, 7])[np.arange(730) % 7]
    return days + 0.7 * random.normal(size=730) + remembering(random, 730, 1.0, 0.1)


def year(random: np.random.Generator) -> Values:
    return 10 * np.sin(2 * np.pi * np.arange(3650) / 365) + remembering(random, 3650, 0.7, 2.5)


def sunspots(random: np.random.Generator) -> Values:
    """A cycle of about eleven years that keeps no exact time."""
    values = np.zeros(400)
    for i in range(2, 400):
        values[i] = 1.94 * math.cos(2 * math.pi / 10.8) * values[i - 1] - 0.97**2 * values[i - 2] + random.normal()
    return values[100:]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("make", "period", "off"), [(sine, 25, 1), (passengers, 12, 0), (week, 7, 0), (year, 365, 20), (sunspots, 11, 1)]
)
def test_a_season_is_found_in_noise(make, period: int, off: int, seed: int) -> None:  # type: ignore[no-untyped-def]
    found = find_period(make(np.random.default_rng(seed)))
    assert found is not None
    assert abs(found - period) <= off


@pytest.mark.parametrize("n", [60, 105, 300, 1000, 5000])
@pytest.mark.parametrize("share", [0.0, 0.7, 0.9, 1.0], ids=lambda share: f"keeps {share}")
def test_random_walks_and_autoregressions_rarely_have_a_period(share: float, n: int) -> None:
    found = [find_period(remembering(np.random.default_rng(seed), n, share)) for seed in range(30)]
    assert sum(period is not None for period in found) <= 1


def test_a_price_has_no_season_and_the_weather_has_a_year() -> None:
    prices = SOURCES["stocks"].load()(company="series").table()
    for low, high in zip(prices.offsets[:-1], prices.offsets[1:], strict=True):
        assert find_period(prices.values[low:high, 0].astype(np.float64)) is None
    temperatures = SOURCES["weather"].load()().table().values[:, 0].astype(np.float64)
    for known in (temperatures, temperatures[:863]):  # the second is what a recipe trains on: two years and a third
        weather = find_period(known)
        assert weather is not None
        assert abs(weather - 365) < 20


@pytest.mark.parametrize("period", [2, 3, 7, 24])
def test_exact_periods_are_found(period: int) -> None:
    shape = np.random.default_rng(period).normal(size=period)
    assert find_period(np.tile(shape, 12)) == period
