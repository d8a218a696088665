"""Walk-forward backtest: from each origin of a part the model looks ahead, and errors are told apart by how far."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from seqcore.views import HorizonView

__all__ = ["horizon_view"]

Values = NDArray[np.float64]


def horizon_view(truth: Values, prediction: Values, naive: Mapping[str, Values]) -> HorizonView | None:
    """The mean absolute error 1 to H steps ahead, of the model and of each naive method on the same targets.

    `truth`, `prediction` and each of `naive` are [n, S, H, K] in original units: n * S origins, walked through in the
    order of time. Targets that aren't known are left out. None where nothing lies more than one step ahead.
    """
    if truth.shape[2] < 2 or not len(truth):
        return None
    known = ~np.isnan(truth)
    count = known.sum(axis=(0, 1, 3))
    origins = int(known.any(axis=(2, 3)).sum())

    def by_horizon(values: Values) -> Values:
        with np.errstate(over="ignore", invalid="ignore"):
            sizes = np.where(known, np.abs(values - truth), 0.0)
            error: Values = sizes.sum(axis=(0, 1, 3)) / np.maximum(count, 1)
        return error

    errors = {"model": by_horizon(prediction), **{name: by_horizon(values) for name, values in naive.items()}}
    return HorizonView(errors=errors, metric="mae", title=f"Error by horizon, from {origins:,} origins")
