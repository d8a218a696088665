"""Columns that copy a target, shifted and scaled: cross-correlation at every shift by FFT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcore.results.thinning import evenly

__all__ = ["Copy", "find_copies"]

Values = NDArray[np.float64]
LEFT = 1e-3  # unexplained variance of a copy, at most
LEFT_OF_FEW = 2e-5  # the same for columns that vary so slowly that a correlation may be spurious
FEW = 30  # independent values
CLEARER = 0.1  # unexplained variance relative to that of any earlier target value, at most
FLOOR = 1e-9  # rounding
FEWEST = 24  # rows in which both columns are known
LONGEST_SHIFT = 1_000
_ROWS = 60_000  # sampled, in `_PIECES` segments
_PIECES = 6
_PIECE = _ROWS // _PIECES
_MOST_SEQUENCES = 400
_MOST_PAIRS = 4_000


class Copy(NamedTuple):
    """`column[t] = slope * target[t + shift] + offset`; `left` is the unexplained share of its variance."""

    column: int
    target: int
    shift: int
    slope: float
    offset: float
    left: float


@dataclass(frozen=True)
class _Spectra:
    """Spectra of one column in P segments: of its mask of known values, its values and their squares, [P, W] each."""

    known: NDArray[np.complex128]
    values: NDArray[np.complex128]
    squares: NDArray[np.complex128]
    center: float
    size: float
    persistence: float  # lag-1 autocorrelation


def find_copies(
    values: Values, spans: Sequence[tuple[int, int]], columns: Sequence[int], targets: Sequence[int]
) -> list[Copy]:
    """Columns that equal a target at the same or a later row, up to slope, offset and little noise.

    `values[N, C]` may have missing values (NaN); `spans` are the rows of each sequence; very long data are sampled. A
    column that an earlier target value explains about as well (a lagged copy, a periodic or linear series) is no
    copy: the past of a series is no leakage.
    """
    pieces = _pieces(values, spans)
    if not pieces:
        return []
    longest = max(len(piece) for piece in pieces)
    reach = max(1, min(LONGEST_SHIFT, longest - FEWEST, longest // 3))
    size = 1 << (longest + reach - 1).bit_length()
    known: dict[int, _Spectra | None] = {}

    def spectra(column: int) -> _Spectra | None:
        if column not in known:
            known[column] = _spectra([piece[:, column] for piece in pieces], size)
        return known[column]

    found = []
    pairs = [(c, k) for c in columns for k in targets if c != k]
    for c, k in pairs[:_MOST_PAIRS]:
        x, y = spectra(c), spectra(k)
        if x is not None and y is not None and (copy := _copy(x, y, reach, size)) is not None:
            shift, slope, left = copy
            slope = slope * x.size / y.size
            found.append(Copy(c, k, shift, slope, x.center - slope * y.center, left))
    return found


def _pieces(values: Values, spans: Sequence[tuple[int, int]]) -> list[Values]:
    """Segments of rows to compare: all of a short table, else some spread over it."""
    usable = [(low, high) for low, high in spans if high - low > 2]
    usable = [usable[i] for i in evenly(len(usable), _MOST_SEQUENCES)]
    rows = sum(high - low for low, high in usable)
    if rows <= _ROWS:
        return [values[low:high] for low, high in usable]
    each = max(1, _PIECES // len(usable))
    length = min(_PIECE, max(64, _ROWS // len(usable)))
    pieces = []
    for low, high in usable:
        starts = np.linspace(low, max(low, high - length), each).astype(int).tolist()
        pieces += [values[start : min(start + length, high)] for start in starts]
    return pieces


def _spectra(pieces: list[Values], size: int) -> _Spectra | None:
    """None where there are too few values, or all are equal."""
    whole = np.concatenate(pieces)
    there = whole[np.isfinite(whole)]
    if len(there) < FEWEST:
        return None
    center, spread = float(np.median(there)), float(there.std())
    if not spread > 1e-12 * max(abs(center), 1e-300):
        return None
    known = np.zeros((len(pieces), size))
    scaled = np.zeros((len(pieces), size))
    for i, piece in enumerate(pieces):
        known[i, : len(piece)] = np.isfinite(piece)
        scaled[i, : len(piece)] = np.where(np.isfinite(piece), (piece - center) / spread, 0.0)
    of_known, of_scaled, of_squares = (np.fft.rfft(a, axis=1) for a in (known, scaled, scaled**2))
    stays = max(pieces, key=len)
    stays = stays[np.isfinite(stays)]
    together = float(np.corrcoef(stays[:-1], stays[1:])[0, 1]) if len(stays) > 3 and np.ptp(stays) > 0 else 0.0
    return _Spectra(of_known, of_scaled, of_squares, center, spread, together if np.isfinite(together) else 0.0)


def _copy(x: _Spectra, y: _Spectra, reach: int, size: int) -> tuple[int, float, float] | None:
    """(shift, slope, unexplained variance) where x copies y at the same row or later, else None."""

    def at_shifts(a: NDArray[np.complex128], b: NDArray[np.complex128]) -> Values:
        """The sum over t of a[t] * b[t + s], for s from -reach to reach."""
        together: Values = np.fft.irfft((a.conj() * b).sum(axis=0), size)
        return np.concatenate([together[-reach:], together[: reach + 1]])

    count = at_shifts(x.known, y.known)
    enough = count > max(FEWEST, 0.3 * count.max()) - 0.5
    count = np.maximum(count, 1.0)
    x_mean, y_mean = at_shifts(x.values, y.known) / count, at_shifts(x.known, y.values) / count
    x_var = at_shifts(x.squares, y.known) / count - x_mean**2
    y_var = at_shifts(x.known, y.squares) / count - y_mean**2
    both = at_shifts(x.values, y.values) / count - x_mean * y_mean
    usable = enough & (x_var > 1e-6) & (y_var > 1e-6)
    left = np.ones(len(count))
    left[usable] = np.clip(1.0 - both[usable] ** 2 / (x_var[usable] * y_var[usable]), FLOOR, 1.0)
    place = reach + int(np.argmin(left[reach:]))
    of_now, of_past = float(left[place]), float(left[:reach].min())
    slow = min(max(x.persistence * y.persistence, 0.0), 0.999999)
    independent = float(count[place]) * (1.0 - slow) / (1.0 + slow)  # Bartlett 1935
    if of_now > (LEFT if independent > FEW else LEFT_OF_FEW) or of_now > CLEARER * of_past:
        return None
    return place - reach, float(both[place] / y_var[place]), of_now
