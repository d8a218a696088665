"""Predicted windows as series: consecutive windows joined, several series on one time axis."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.numeric_dataset import NumericDataset
from seqcore.results import SeriesView

__all__ = ["MOST_SERIES", "joined", "shown_windows", "side_by_side"]

MOST_SERIES = 12  # series in one view

Values = NDArray[np.float64]


def shown_windows(data: NumericDataset, part: str, points: int, *, apart: int | None = None) -> list[NDArray[np.int64]]:
    """Consecutive windows of about `points` steps, for each shown series."""
    windows = data.windows[part]
    span = data.config.window if data.at_each_step else data.horizon
    apart = apart or max(1, -(-span // windows.stride))
    if not data.fit.by_series:
        return [_every(0, len(windows), apart, max(1, -(-points // span)))]
    ends = np.cumsum(windows.count)
    places = np.flatnonzero(windows.length == data.config.window)[:MOST_SERIES]
    places = places if len(places) else np.arange(len(ends))[:MOST_SERIES]
    each = max(1, -(-points // (span * len(places))))
    return [_every(int(ends[g] - windows.count[g]), int(ends[g]), apart, each) for g in places]


def _every(low: int, high: int, apart: int, most: int) -> NDArray[np.int64]:
    """Every `apart`-th window from `low` on, and the last one, without which the last rows would be missing."""
    numbers = np.arange(low, high, apart)
    if len(numbers) <= most and len(numbers) and numbers[-1] < high - 1:
        return np.append(numbers, high - 1)
    return numbers[:most]


def joined(data: NumericDataset, rows: NDArray[np.int64], values: dict[str, Values]) -> SeriesView:
    """Targets of windows at `rows[n, S]` with `values` (prediction, truth, low, high) [n, S, K] as one series.

    `values` may have the predictions of `replicas`, too, [R, n, S, K].
    A row of NaN separates rows that are not consecutive. Of a row in two windows, the earlier one's value is shown.
    """
    times, columns = data.table.times, len(data.targets)
    known = np.asarray(~np.isnan(values["truth"]).all(axis=-1))
    known[1:] &= rows[1:] > np.maximum.accumulate(rows[:-1].max(axis=1))[:, None]
    kept = rows[known]
    breaks = np.flatnonzero(np.diff(kept) != 1) + 1
    first = int(rows[0][0])
    s = int(np.searchsorted(data.table.offsets, first, side="right")) - 1
    start = int(data.table.offsets[s])
    before = np.arange(max(start, first - data.config.window), first)
    zero = start if data.fit.by_series else 0  # rows are counted from the start of each series
    x = (kept - zero).astype(np.float64) if times is None else times[kept].astype("datetime64[ns]")
    drawn: dict[str, Any] = {
        name: np.insert(v[..., known, :].reshape(*v.shape[:-3], -1, columns), breaks, np.nan, axis=-2)
        for name, v in values.items()
    }
    return SeriesView(
        x=np.insert(x, breaks, np.nan if times is None else np.datetime64("NaT")),
        context_x=(before - zero).astype(np.float64) if times is None else times[before].astype("datetime64[ns]"),
        context=data.values[before][:, data.targets],
        columns=data.codec.target_names,
        x_title=data.table.x_title,
        title=data.fit.names[s] if data.fit.by_series else "",
        **drawn,
    )


def side_by_side(views: list[SeriesView]) -> SeriesView:
    """Several series on one time axis, one column each; NaN where a series has no value."""
    if len(views) == 1:
        return views[0]
    several = len(views[0].columns) > 1
    columns = tuple(f"{view.title}: {name}" if several else view.title for view in views for name in view.columns)
    x, context_x = (_union([getattr(view, name) for view in views]) for name in ("x", "context_x"))
    merged: dict[str, Any] = {}
    for field in fields(SeriesView):
        own = [getattr(view, field.name) for view in views]
        if field.name in ("prediction", "truth", "low", "high", "context") and own[0] is not None:
            at: list[Any] = [view.context_x if field.name == "context" else view.x for view in views]
            merged[field.name] = _placed(context_x if field.name == "context" else x, at, own)
    if views[0].replicas is not None:
        each = zip(*(view.replicas for view in views if view.replicas is not None), strict=True)
        merged["replicas"] = np.stack([_placed(x, [view.x for view in views], list(own)) for own in each])
    return replace(views[0], x=x, context_x=context_x, columns=columns, title="", **merged)


def _union(positions: list[NDArray[Any]]) -> NDArray[Any]:
    every = np.unique(np.concatenate(positions))
    union: NDArray[Any] = every[~np.isnan(every)]
    return union


def _placed(x: NDArray[Any], positions: list[NDArray[Any]], values: list[Values]) -> Values:
    """Columns [n_i, K] of each series aligned on the common positions, [n, sum of K]."""
    found = []
    for at, own in zip(positions, values, strict=True):
        column = np.full((len(x), own.shape[1]), np.nan)
        column[np.searchsorted(x, at[~np.isnan(at)])] = own[~np.isnan(at)]
        found.append(column)
    return np.concatenate(found, axis=1)
