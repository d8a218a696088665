"""Predictions from every origin of a split as a table, from which its scores can be computed again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.numeric_dataset import NumericDataset
from seqcore.results.base import exact, exact_column
from seqcore.results.series import positions
from seqcore.results.table import TableView
from seqcore.tasks.series_results import MOST_SERIES

__all__ = ["needs_origins", "origins_table"]

Values = NDArray[np.float64]


def needs_origins(data: NumericDataset, part: str) -> bool:
    """Whether a series of predictions leaves out what is scored: each step is predicted from several origins.

    Or because there are more series than are drawn.
    """
    span = data.config.window if data.at_each_step else data.horizon
    several = data.fit.by_series and len(data.windows[part].count) > MOST_SERIES
    return data.table.frame is None and (span > data.windows[part].stride or data.horizon > 1 or several)


def origins_table(
    data: NumericDataset, part: str, indices: NDArray[np.int64], values: dict[str, Values], columns: tuple[str, ...]
) -> TableView:
    """A row for each predicted step of each window: its place, the origin (the last known row), and the steps between.

    `values` (prediction, truth, low, high) are [n, S, H, K], those of `replicas` [R, n, S, H, K]. Steps beyond the end
    of a series are left out; a truth that was missing in the data is empty, and is not scored.
    """
    sequence = data.windows[part].locate(indices)[2]
    origin = np.broadcast_to(data.origin_rows(part, indices)[..., None], values["prediction"].shape[:-1])
    ahead = np.broadcast_to(data.lead + np.arange(data.horizon), origin.shape)
    ends = np.broadcast_to(data.table.offsets[sequence + 1][:, None, None], origin.shape)
    inside = origin + ahead < ends
    own, rows, steps = np.broadcast_to(sequence[:, None, None], origin.shape)[inside], origin[inside], ahead[inside]
    zero = data.table.offsets[own] if data.fit.by_series else np.zeros_like(own)
    x, from_x = (_places(data, row, zero) for row in (rows + steps, rows))
    cells: list[list[Any]] = [x, from_x, steps.tolist()]
    header = [data.table.x_title, "origin", "steps ahead"]
    if data.fit.by_series:
        cells.insert(0, [data.fit.names[s] for s in own.tolist()])
        header.insert(0, data.table.report.series_title)
    for k, column in enumerate(columns):
        header += [column, f"{column} predicted"]
        cells += [exact_column(values["truth"][inside][:, k]), [exact(v) for v in values["prediction"][inside][:, k]]]
        for name in ("low", "high"):
            if name in values:
                header.append(f"{column} {name}")
                cells.append([exact(v) for v in values[name][inside][:, k]])
        for number, each in enumerate(values.get("replicas", ()), 1):
            header.append(f"{column} replica {number}")
            cells.append([exact(v) for v in each[inside][:, k]])
    return TableView(tuple(header), tuple(zip(*cells, strict=True)), title="Predictions from every origin")


def _places(data: NumericDataset, rows: NDArray[np.int64], zero: NDArray[np.int64]) -> list[str]:
    """Dates, or row numbers from the start of a series, as text."""
    times = data.table.times
    return positions((rows - zero).astype(np.float64) if times is None else times[rows].astype("datetime64[ns]"))
