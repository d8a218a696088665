"""The time of a file's rows for callers that take columns one after another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seqcore.data.readers.column_parsing import Columns, Origin
from seqcore.data.readers.time_axis import find_time

__all__ = ["date_column", "take_times"]


def take_times(columns: Columns, origin: Origin) -> tuple[str, NDArray[np.datetime64] | None]:
    """The name of the time and the times; their columns are removed from `columns`."""
    axis = find_time(columns, origin)
    if axis is None or axis.times is None:
        return "", None
    for name in axis.columns:
        del columns[name]
    origin.notes += axis.notes
    origin.questions += axis.questions
    return axis.name, axis.times


def date_column(columns: Columns, origin: Origin) -> str | None:
    """The column that `take_times` would choose, judged by the first cells; None if there is none."""
    if origin.options.date_column != "auto":
        return None if origin.options.date_column == "none" else origin.options.date_column
    first = {name: column.slice(0, 2_000) for name, column in columns.items()}
    axis = find_time(first, replace(origin, notes=[], questions=[]))
    return None if axis is None or axis.times is None else axis.columns[0]
