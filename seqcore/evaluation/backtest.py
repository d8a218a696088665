"""Walk-forward backtest: the error by horizon from every origin of a split, and the error of each series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.registry import baseline_title
from seqcore.results import HorizonView, TableView
from seqcore.results.horizon import MODEL

__all__ = ["by_series_view", "error_by_horizon", "error_by_series", "horizon_view"]

Values = NDArray[np.float64]
MOST_LISTED = 20  # series and targets


def error_by_horizon(truth: Values, prediction: Values) -> Values:
    """The mean absolute error 1 to H steps ahead, [H], of `truth` and `prediction` [n, S, H, K]; unknown left out."""
    known = ~np.isnan(truth)
    with np.errstate(over="ignore", invalid="ignore"):
        sizes = np.where(known, np.abs(prediction - truth), 0.0)
        error: Values = sizes.sum(axis=(0, 1, 3)) / np.maximum(known.sum(axis=(0, 1, 3)), 1)
    return error


def error_by_series(truth: Values, prediction: Values, series: NDArray[np.int64], count: int) -> Values:
    """The mean absolute error of each of `count` series and each target, [G, K]; `series[n]` says whose a window is."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _mean_by_series(np.abs(prediction - truth), ~np.isnan(truth), series, count)


def horizon_view(truth: Values, prediction: Values, baselines: Mapping[str, Values]) -> HorizonView | None:
    """The mean absolute error 1 to H steps ahead, of the model and of each baseline on the same targets.

    `truth` and `prediction` are [n, S, H, K] in original units: n * S origins, walked through in the order of time;
    `baselines` hold what `error_by_horizon` says of each. None where nothing lies more than one step ahead.
    """
    if truth.shape[2] < 2 or not len(truth):
        return None
    origins = int((~np.isnan(truth)).any(axis=(2, 3)).sum())
    errors = {MODEL: error_by_horizon(truth, prediction)}
    errors |= {baseline_title(name): error for name, error in baselines.items()}
    return HorizonView(errors=errors, metric="mae", title=f"Error by horizon, from {origins:,} origins")


def by_series_view(
    truth: Values,
    prediction: Values,
    baselines: Mapping[str, Values],
    *,
    series: tuple[NDArray[np.int64], Sequence[str]],
    targets: Sequence[str],
    band: tuple[Values, Values] | None = None,
) -> TableView | None:
    """The mean absolute error of each series and target beside the best baseline's there, and the coverage.

    `truth` and `prediction` are [n, S, H, K] in original units; `baselines` hold what `error_by_series` says of each;
    `series` says whose each window is, [n], and their names. Of very many those are listed that compare worst. None
    where there is but one to tell.
    """
    own, names = series
    if len(names) < 2 and len(targets) < 2:
        return None
    known, groups = ~np.isnan(truth), max(1, len(names))
    errors = error_by_series(truth, prediction, own, groups)
    held = None
    if band is not None:
        with np.errstate(invalid="ignore"):
            inside = ((truth >= band[0]) & (truth <= band[1])).astype(np.float64)
        held = _mean_by_series(inside, known & ~np.isnan(band[0]), own, groups)
    there = np.bincount(own, known.any(axis=(1, 2, 3)), groups) > 0
    rows: list[tuple[float, tuple[Any, ...]]] = []
    for s, k in np.ndindex(errors.shape):
        if not there[s]:
            continue
        error, best = float(errors[s, k]), min(baselines, key=lambda name: baselines[name][s, k], default="")
        least = float(baselines[best][s, k]) if best else np.nan
        named = [names[s]] if len(names) > 1 else []
        named += [targets[k]] if len(targets) > 1 else []
        row = (*named, error, least, baseline_title(best) if best else "")
        rows.append((error / least if least > 0.0 else np.inf, row if held is None else (*row, float(held[s, k]))))
    what = "series" if len(targets) < 2 else "target" if len(names) < 2 else "series and target"
    title = f"Error of each {what}"
    if len(rows) > MOST_LISTED:
        title = f"Error of each {what}: the {MOST_LISTED} of {len(rows):,} that compare worst"
        rows = sorted(rows, key=lambda row: -row[0])[:MOST_LISTED]
    columns = ("series",) * (len(names) > 1) + ("target",) * (len(targets) > 1)
    figures = ("MAE", "MAE of the best baseline", "best baseline")
    more = () if held is None else ("coverage",)
    return TableView((*columns, *figures, *more), tuple(row for _, row in rows), title=title)


def _mean_by_series(values: Values, counted: NDArray[np.bool_], own: NDArray[np.int64], groups: int) -> Values:
    """The mean of `values[n, S, H, K]` where `counted`, for each group and target, [groups, K]."""
    total, count = np.where(counted, values, 0.0).sum(axis=(1, 2)), counted.sum(axis=(1, 2)).astype(np.float64)
    means = [
        np.bincount(own, total[:, k], groups) / np.maximum(np.bincount(own, count[:, k], groups), 1)
        for k in range(values.shape[3])
    ]
    return np.stack(means, axis=1)
