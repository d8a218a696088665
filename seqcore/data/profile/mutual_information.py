"""The mutual information of two symbols by their distance: how far back a text depends on itself.

The measure of Li 1990, "Mutual information functions versus correlation functions"; Lin and Tegmark 2017, "Critical
Behavior in Physics and Probabilistic Formal Languages", have it for texts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["MutualInformation", "mutual_information"]

Values = NDArray[np.float64]
_LONGEST_LOOK = 50_000  # symbols from the beginning that are used
_SHUFFLES = 10
_SIGMAS = 4.5  # of a normal distribution: of some hundred lags of random symbols none is above by chance
_MOST_CELLS = 2_000_000  # of a table of counts


class MutualInformation(NamedTuple):
    """By lag from 0 on, in bits: `values[n]`, and the `chance[n]` above which symbols depend on each other."""

    values: Values
    chance: Values

    @property
    def longest(self) -> int:
        """The longest lag at which symbols depend on each other, 0 if there is none."""
        above = np.flatnonzero(self.values[1:] > self.chance[1:])
        return int(above[-1]) + 1 if len(above) else 0


def mutual_information(codes: NDArray[np.unsignedinteger], lengths: NDArray[np.int64], lags: int) -> MutualInformation:
    """Of `codes[N]` in sequences of these lengths, at lags 0 to `lags` or to the last one that two symbols have.

    Estimates from counts are above 0 for symbols that do not depend on each other, too: by about as much as for the
    same symbols shuffled, and inversely proportional to the number of pairs (Miller 1955), which falls with the lag.
    """
    sequence = np.repeat(np.arange(len(lengths)), lengths)[:_LONGEST_LOOK]
    known, numbers = np.unique(codes[:_LONGEST_LOOK], return_inverse=True)
    size = len(known)
    found, pairs = [], []
    for lag in range(min(lags, max(0, len(numbers) - 1)) + 1):
        one, other = _pairs(numbers, sequence, lag)
        if not len(one):
            break
        found.append(_bits(one, other, size))
        pairs.append(len(one))
    return MutualInformation(np.array(found), _chance(numbers, sequence, size, np.array(pairs)))


def _chance(codes: NDArray[np.int64], sequence: NDArray[np.int64], size: int, pairs: NDArray[np.int64]) -> Values:
    """What the estimate of symbols that do not depend on each other stays below, for each number of pairs.

    2 ln 2 pairs times the bits has a chi-squared distribution. Its degrees of freedom are its mean over shuffled
    symbols: of rare ones there are fewer than cells in the table of counts.
    """
    if len(pairs) < 2:
        return np.zeros(len(pairs))
    random = np.random.default_rng(0)
    shuffled = [_bits(*_pairs(random.permutation(codes), sequence, 1), size) for _ in range(_SHUFFLES)]
    unit = 2.0 * np.log(2.0) * pairs
    degrees = max(1.0, float(unit[1] * np.mean(shuffled)))
    spread = 2.0 / (9.0 * degrees)
    largest = degrees * (1.0 - spread + _SIGMAS * np.sqrt(spread)) ** 3  # Wilson and Hilferty 1931
    chance: Values = largest / unit
    return chance


def _pairs(
    codes: NDArray[np.int64], sequence: NDArray[np.int64], lag: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The symbols of each sequence that have another one `lag` places before them, and those."""
    if not lag:
        return codes, codes
    inside = sequence[lag:] == sequence[:-lag]
    return codes[lag:][inside], codes[:-lag][inside]


def _bits(one: NDArray[np.int64], other: NDArray[np.int64], size: int) -> float:
    """The mutual information of two symbols, estimated from how often each pair occurs: H(one) + H(other) - H(both)."""
    both = one * size + other
    counts = np.bincount(both) if size * size <= _MOST_CELLS else np.unique(both, return_counts=True)[1]
    return _entropy(np.bincount(one)) + _entropy(np.bincount(other)) - _entropy(counts)


def _entropy(counts: NDArray[np.int64]) -> float:
    """In bits, of how often each value occurs."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())
