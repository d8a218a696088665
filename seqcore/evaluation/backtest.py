"""Walk-forward backtest: from each origin of a part the model looks ahead, and errors are told apart by how far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.results import HorizonView, TableView

__all__ = ["by_series_view", "horizon_view"]

Values = NDArray[np.float64]
MOST_LISTED = 20  # series and targets


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


def by_series_view(
    truth: Values,
    prediction: Values,
    naive: Mapping[str, Values],
    *,
    series: tuple[NDArray[np.int64], Sequence[str]],
    targets: Sequence[str],
    band: tuple[Values, Values] | None = None,
) -> TableView | None:
    """The mean absolute error of each series and target beside the naive method that is best there, and the coverage.

    `truth`, `prediction` and each of `naive` are [n, S, H, K] in original units; `series` says whose each window is,
    [n], and their names. Of very many those are listed that compare worst. None where there is but one to tell.
    """
    own, names = series
    if len(names) < 2 and len(targets) < 2:
        return None
    known = ~np.isnan(truth)
    groups = max(1, len(names))

    def by_group(values: Values, among: NDArray[np.bool_] = known) -> Values:
        each, count = (np.where(among, v, 0.0).sum(axis=(1, 2)) for v in (values, np.ones_like(truth)))
        return np.stack(
            [
                np.bincount(own, each[:, k], groups) / np.maximum(np.bincount(own, count[:, k], groups), 1)
                for k in range(truth.shape[3])
            ],
            axis=1,
        )  # [groups, K]

    with np.errstate(over="ignore", invalid="ignore"):
        errors = by_group(np.abs(prediction - truth))
        others = {name: by_group(np.abs(values - truth)) for name, values in naive.items()}
        held = None
        if band is not None:
            inside = ((truth >= band[0]) & (truth <= band[1])).astype(np.float64)
            held = by_group(inside, known & ~np.isnan(band[0]))
    there = np.bincount(own, known.any(axis=(1, 2, 3)), groups) > 0
    rows: list[tuple[float, tuple[Any, ...]]] = []
    for s, k in np.ndindex(errors.shape):
        if not there[s]:
            continue
        error, best = float(errors[s, k]), min(others, key=lambda name: others[name][s, k], default="")
        least = float(others[best][s, k]) if best else np.nan
        named = [names[s]] if len(names) > 1 else []
        named += [targets[k]] if len(targets) > 1 else []
        row = (*named, error, least, best.replace("_", " "))
        rows.append((error / least if least > 0.0 else np.inf, row if held is None else (*row, float(held[s, k]))))
    what = "series" if len(targets) < 2 else "target" if len(names) < 2 else "series and target"
    title = f"Error of each {what}"
    if len(rows) > MOST_LISTED:
        title = f"Error of each {what}: the {MOST_LISTED} of {len(rows):,} that compare worst"
        rows = sorted(rows, key=lambda row: -row[0])[:MOST_LISTED]
    columns = ("series",) * (len(names) > 1) + ("target",) * (len(targets) > 1)
    figures = ("MAE", "best baseline's", "which is")
    more = () if held is None else ("coverage",)
    return TableView((*columns, *figures, *more), tuple(row for _, row in rows), title=title)
