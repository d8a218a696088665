"""Prediction intervals with a nominal coverage, by split conformal prediction.

Papadopoulos et al. 2002; Lei et al. 2018: the errors of models on data that they were not fitted on bound the next
error, whatever the model and the distribution of its errors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AHEAD",
    "BY_LEVEL",
    "COVERAGE",
    "IN_WINDOW",
    "NOT_NEGATIVE",
    "empirical_coverage",
    "half_widths",
    "interval",
    "min_errors",
    "nominal_coverage",
    "scaled_errors",
]

Values = NDArray[np.float64]
_FEWEST_RANKED = 40
_CLEAR = 0.25  # a rank correlation that isn't chance
# What a codec keeps, half-widths in units of the scale: at each place of a window [S, H, K], of forecasts [R, K], and
# the nominal coverage [1].
IN_WINDOW, AHEAD, COVERAGE = "interval.in_window", "interval.ahead", "interval.coverage"
BY_LEVEL = "interval.by_level"  # present where half-widths are shares of the prediction
# [K], 1 for targets of counts, prices, rain; absent in older checkpoints, where no target is known to be one
NOT_NEGATIVE = "interval.not_negative"


def half_widths(errors: Values, coverage: float) -> Values:
    """Absolute errors [n, ...], NaN where there is none -> half-widths [...] that cover a new one with `coverage`.

    The ceil((n + 1) * coverage)-th smallest of n errors, which holds at the least for exchangeable errors, however
    many there are; the largest where they are too few (see `min_errors`). NaN where there are none.
    """
    ordered = np.sort(np.abs(errors), axis=0)  # NaN last
    count = (~np.isnan(ordered)).sum(axis=0)
    rank = np.ceil((count + 1) * coverage - 1e-9).astype(np.int64)
    place = np.clip(np.minimum(rank, count) - 1, 0, None)
    widths: Values = np.take_along_axis(ordered, place[None], axis=0)[0]
    return widths


def min_errors(coverage: float) -> int:
    """The smallest number of errors with which intervals of this coverage can be valid."""
    return math.ceil(coverage / (1.0 - coverage) - 1e-9)


def interval(
    prediction: Values, half_width: Values, scale: Values, *, logarithmic: bool = False
) -> tuple[Values, Values]:
    """(low, high) around predictions in original units, `half_width` being in units of `scale`.

    All broadcast to the prediction's shape. `logarithmic`: the scale is that of logarithms, so an interval is a factor.
    """
    off = half_width * scale
    if logarithmic:
        with np.errstate(over="ignore"):
            return prediction * np.exp(-off), prediction * np.exp(off)
    return prediction - off, prediction + off


def scaled_errors(truth: Values, prediction: Values, scale: Values, *, logarithmic: bool = False) -> Values:
    """Absolute errors in units of `scale`: what `half_widths` takes."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        off = np.log(truth) - np.log(prediction) if logarithmic else truth - prediction
        return np.abs(off) / scale


def grows_with_level(errors: Values, shares: Values) -> bool:
    """Whether errors grow with the prediction, by rank correlation: then relative errors are the more constant ones.

    `errors[n, ...]` are in units of a scale, `shares[n, ...]` the same errors as shares of the predictions.
    """
    error, share = errors.ravel(), shares.ravel()
    known = np.isfinite(error) & np.isfinite(share) & (share > 0.0)
    if known.sum() < _FEWEST_RANKED:
        return False
    error, share = error[known], share[known]
    level = _ranks(error / share)
    by_error, by_share = (abs(float(np.corrcoef(level, _ranks(e))[0, 1])) for e in (error, share))
    return by_error > _CLEAR and by_share < by_error and float(np.corrcoef(level, _ranks(error))[0, 1]) > 0.0


def _ranks(values: Values) -> Values:
    return np.argsort(np.argsort(values)).astype(np.float64)


def empirical_coverage(truth: Values, low: Values, high: Values) -> float:
    """The share of true values within their interval, leaving out what isn't known; NaN where nothing is."""
    known = ~np.isnan(truth) & ~np.isnan(low)
    return float(np.mean((truth >= low)[known] & (truth <= high)[known])) if known.any() else math.nan


def nominal_coverage(fitted: Mapping[str, Any]) -> float | None:
    """The nominal coverage of a codec's intervals; None where it has none."""
    return float(fitted[COVERAGE][0]) if COVERAGE in fitted else None
