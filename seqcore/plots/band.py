"""The band over replicas: from the lowest to the highest value at each step, beside the line of their median."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import BAND_OPACITY, color

__all__ = ["Band", "add_band", "band_trace", "extremes"]

Values = NDArray[np.float64]
Band = tuple[Values, Values]  # lowest and highest value, [n] each


def extremes(each: Sequence[Sequence[float]] | Values) -> Band:
    """The lowest and the highest finite value over replicas, each [n], from their values [n][K]; NaN without one."""
    values = np.array(each, dtype=np.float64)
    known = np.isfinite(values)
    some = known.any(axis=1)
    low = np.where(some, np.where(known, values, np.inf).min(axis=1, initial=np.inf), np.nan)
    high = np.where(some, np.where(known, values, -np.inf).max(axis=1, initial=-np.inf), np.nan)
    return low, high


def add_band(figure: go.Figure, x: NDArray[Any], band: Band, *, role: str, dark: bool, **options: Any) -> None:
    """Add `band_trace` to a figure; `options` replace its settings."""
    figure.add_trace(band_trace(x, band, role=role, dark=dark) | options)


def band_trace(x: NDArray[Any], band: Band, *, role: str, dark: bool) -> dict[str, Any]:
    """An area in the color of `role` for each stretch without missing values; a single point has none."""
    low, high = band
    known = np.isfinite(low) & np.isfinite(high)
    ends = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(np.int8), [0]])))
    xs: list[Any] = []
    ys: list[Any] = []
    for start, stop in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True):
        gap: list[Any] = [None] if xs else []
        there = x[start:stop]
        xs += [*gap, *there, *there[::-1]]
        ys += [*gap, *low[start:stop].tolist(), *high[start:stop][::-1].tolist()]
    return {
        "type": "scatter", "x": xs, "y": ys, "name": f"{role}, lowest to highest seed", "legendgroup": role,
        "showlegend": False, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "fill": "toself",
        "fillcolor": color(role, dark=dark, opacity=BAND_OPACITY[dark]),
    }  # fmt: skip
