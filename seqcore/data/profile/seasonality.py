"""Seasonality: the autocorrelation of a series and its seasonal period."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["LONGEST_LOOK", "autocorrelation", "find_period"]

_RISE = 0.1  # of a peak over the lowest value before it
_CHANCE = 0.01  # probability that noise has so strong a spectral line
_HARMONICS = 6  # of a period's frequency that are tested
_STRONG, _STRONG_AGAIN = 0.4, 0.25  # autocorrelations at one and two periods
_MIRRORED, _REVERSED = 0.7, 0.5  # autocorrelations at one period, and (negative) at half a period
_NEAR = 1.25  # lag relative to the first peak: noise splits the peak of a long season

LONGEST_LOOK = 100_000  # rows from the end of a series that are used


def autocorrelation(values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The autocorrelation of a series [n], linear trend removed, at lags 0 to n // 2: [n // 2 + 1].

    None for a series that is too short, a constant or a straight line.
    """
    n = len(values)
    if n < 8 or np.ptp(values) == 0.0:
        return None
    centered = _detrended(values)
    if np.std(centered) <= 1e-9 * np.ptp(values):
        return None
    size = 1 << (2 * n - 1).bit_length()
    power = np.abs(np.fft.rfft(centered, size)) ** 2
    correlation = np.fft.irfft(power, size)[: n // 2 + 1]
    scaled: NDArray[np.float64] = correlation / correlation[0] * (n / (n - np.arange(len(correlation))))
    return scaled


def _detrended(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A series [n] without its mean and linear trend."""
    rows = np.arange(len(values)) - (len(values) - 1) / 2
    centered = values - values.mean()
    without: NDArray[np.float64] = centered - rows * (rows @ centered) / (rows @ rows)
    return without


def find_period(values: NDArray[np.float64]) -> int | None:
    """The seasonal period of a series [n] by its autocorrelation, linear trend removed; None where there is none.

    The first peak of the autocorrelation that is nearly as high as the highest one, or a higher one just after it. A
    peak is significant against noise and rises from the minimum before it. Random walks have peaks by chance, so a
    period must also repeat or be a spectral line: see `_repeats` and `_has_spectral_line`.
    """
    correlation = autocorrelation(values)
    if correlation is None:
        return None
    inner = correlation[1:-1]
    peaks = np.flatnonzero((inner >= correlation[:-2]) & (inner > correlation[2:])) + 1
    rise = correlation[peaks] - np.minimum.accumulate(correlation)[peaks]
    peaks = peaks[(peaks >= 2) & (correlation[peaks] > max(0.2, 3.0 / math.sqrt(len(values)))) & (rise > _RISE)]
    if len(peaks) == 0:
        return None
    sure = correlation[peaks] * (1.0 - peaks / len(values))  # peaks at long lags rest on few rows
    first = int(peaks[np.argmax(sure >= 0.9 * sure.max())])
    near = peaks[(peaks >= first) & (peaks < _NEAR * first)]
    period = int(near[np.argmax(correlation[near])])
    return period if _repeats(correlation, period) or _has_spectral_line(values, period) else None


def _repeats(correlation: NDArray[np.float64], period: int) -> bool:
    """Whether the autocorrelation is high at one and two periods, or very high at one and negative at half a period.

    At most 4 of 300 random walks and autoregressions of 60 to 1,000 rows have either. The second condition serves two
    years of daily values, which are too short for a correlation at two periods.
    """
    first, twice = correlation[period], 2 * period
    again = twice < len(correlation) and first > _STRONG and correlation[twice] > _STRONG_AGAIN
    return bool(again or (first > _MIRRORED and correlation[period // 2] < -_REVERSED))


def _has_spectral_line(values: NDArray[np.float64], period: int) -> bool:
    """Whether the spectrum of a series [n] has a line at this period, or a harmonic, that no random walk has.

    Fisher's test (1929) on the residuals of an autoregression of order 1, which models random walks and correlated
    noise; the background is also estimated from neighboring frequencies, since residuals may be correlated.
    """
    centered = _detrended(values)
    previous, current = centered[:-1], centered[1:]
    coefficient = min(1.0, max(0.0, float(current @ previous) / float(previous @ previous)))
    residuals = current - coefficient * previous
    power = np.abs(np.fft.rfft(residuals - residuals.mean()))[1:] ** 2  # at 1, 2, ... cycles
    mean_power, rows = float(power.mean()), len(residuals)
    needed = math.log(len(power) / _CHANCE)
    for harmonic in range(1, min(period // 2, _HARMONICS) + 1):
        # The period is known to about a row, and a line lies between two frequencies.
        low = max(1, math.floor(rows * harmonic / (period + 0.75)) - 1)
        high = min(len(power), math.ceil(rows * harmonic / (period - 0.75)) + 1)
        if low > high:
            break
        around = np.append(power[max(1, low // 2) - 1 : low - 1], power[high : 2 * high + 2])
        background = max(mean_power, float(around.mean())) if len(around) > 3 else mean_power
        if background > 0.0 and power[low - 1 : high].max() > needed * background:
            return True
    return False
