"""The period of a series: how many rows its season has."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["LONGEST_LOOK", "autocorrelation", "find_period"]

_RISE = 0.1  # from the lowest value before a peak
_CHANCE = 0.01  # that a line so strong comes of noise
_HARMONICS = 6  # of a period's frequency, among which its strongest line is looked for
_STRONG, _STRONG_AGAIN = 0.4, 0.25  # correlations a period and two periods later
_MIRRORED, _REVERSED = 0.7, 0.5  # correlations a period later, and (below zero) half a period later
_NEAR = 1.25  # times the first peak's place: noise splits the peak of a long season in several

LONGEST_LOOK = 100_000  # rows from the end of a series that are looked at


def autocorrelation(values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The correlation of a series [n], its straight trend removed, with itself k rows later: [n // 2 + 1], 1 at 0.

    None for a series that is too short, a constant or a straight line.
    """
    n = len(values)
    if n < 8 or np.ptp(values) == 0.0:
        return None
    centred = _detrended(values)
    if np.std(centred) <= 1e-9 * np.ptp(values):
        return None
    size = 1 << (2 * n - 1).bit_length()
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    correlation = np.fft.irfft(power, size)[: n // 2 + 1]
    scaled: NDArray[np.float64] = correlation / correlation[0] * (n / (n - np.arange(len(correlation))))
    return scaled


def _detrended(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A series [n] without its mean and its straight trend."""
    rows = np.arange(len(values)) - (len(values) - 1) / 2
    centred = values - values.mean()
    without: NDArray[np.float64] = centred - rows * (rows @ centred) / (rows @ rows)
    return without


def find_period(values: NDArray[np.float64]) -> int | None:
    """The period of a series [n] by its autocorrelation, the straight trend removed; None where there is none.

    The first peak of the autocorrelation that comes near the highest one, or a higher one just beyond it. A peak stands
    out of what noise would give, and rises out of the dip before it: a ripple on a slow fall is none. What only
    wanders comes back to itself by chance as well, and has none: see `_comes_again` and `_is_a_line`.
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
    sure = correlation[peaks] * (1.0 - peaks / len(values))  # late peaks rest on few rows: chance lifts some of them
    first = int(peaks[np.argmax(sure >= 0.9 * sure.max())])
    near = peaks[(peaks >= first) & (peaks < _NEAR * first)]
    period = int(near[np.argmax(correlation[near])])
    return period if _comes_again(correlation, period) or _is_a_line(values, period) else None


def _comes_again(correlation: NDArray[np.float64], period: int) -> bool:
    """Whether the series is like itself a period later and again two later, or very much so and the reverse half-way.

    What only wanders has either rarely: at most 4 of 300 walks and noises of any memory, of 60 to 1,000 rows. The
    second is for the two years of a daily series, in which no period stands twice.
    """
    first, twice = correlation[period], 2 * period
    again = twice < len(correlation) and first > _STRONG and correlation[twice] > _STRONG_AGAIN
    return bool(again or (first > _MIRRORED and correlation[period // 2] < -_REVERSED))


def _is_a_line(values: NDArray[np.float64], period: int) -> bool:
    """Whether the spectrum of a series [n] has a line at this period, or at a part of it, that no random walk has.

    What each value says of the next one is taken out first (an autoregression of order 1, which a random walk and
    noise of any memory are); then a line must be higher than the highest of so many that chance makes around it.
    Fisher's test (1929), against the neighbours too, for what is left may still be slow.
    """
    centred = _detrended(values)
    before, after = centred[:-1], centred[1:]
    kept = min(1.0, max(0.0, float(after @ before) / float(before @ before)))
    surprise = after - kept * before
    power = np.abs(np.fft.rfft(surprise - surprise.mean()))[1:] ** 2  # at 1, 2, ... cycles
    usual, rows_known = float(power.mean()), len(surprise)
    needed = math.log(len(power) / _CHANCE)
    for harmonic in range(1, min(period // 2, _HARMONICS) + 1):
        # A period is known to a row or so, and a line lies between two frequencies.
        low = max(1, math.floor(rows_known * harmonic / (period + 0.75)) - 1)
        high = min(len(power), math.ceil(rows_known * harmonic / (period - 0.75)) + 1)
        if low > high:
            break
        around = np.append(power[max(1, low // 2) - 1 : low - 1], power[high : 2 * high + 2])
        background = max(usual, float(around.mean())) if len(around) > 3 else usual
        if background > 0.0 and power[low - 1 : high].max() > needed * background:
            return True
    return False
