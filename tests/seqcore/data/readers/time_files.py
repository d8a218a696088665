"""Text of a file as columns, and its time, for the tests of `find_time`."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.csv as arrow_csv

from seqcore.data.readers.column_parsing import Columns, Origin
from seqcore.data.readers.time_axis import TimeAxis, find_time
from seqcore.data.sources.stored_file import FileOptions


def columns_of(text: str, delimiter: str = ",") -> Columns:
    """The columns of a file, with the types that Arrow infers; times with a zone stay text."""
    table = arrow_csv.read_csv(
        io.BytesIO(text.encode()),
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter),
        convert_options=arrow_csv.ConvertOptions(timestamp_parsers=["%Y-%m-%d", "%Y-%m-%d %H:%M"]),
    )
    return {name: table[name] for name in table.column_names}


def origin(**options: Any) -> Origin:
    """The origin of a file x.csv, whose first row of values is row 2."""
    return Origin("x.csv", lambda rows: [row + 2 for row in rows], FileOptions(**options))


def time_of(text: str, overrides: Mapping[str, str] | None = None, delimiter: str = ",", **options: Any) -> TimeAxis:
    """The time of a file, which must have one."""
    axis = find_time(columns_of(text, delimiter), origin(**options), overrides)
    assert axis is not None
    return axis


def has_time(text: str, **options: Any) -> bool:
    """Whether any column of a file is time."""
    return find_time(columns_of(text), origin(**options)) is not None


def shown(axis: TimeAxis, unit: str = "m") -> list[str]:
    """The times as text."""
    assert axis.times is not None
    return [str(time) for time in axis.times.astype(f"datetime64[{unit}]")]


def is_hourly(axis: TimeAxis, hours: float = 1.0) -> bool:
    """Whether the times rise in equal steps."""
    assert axis.times is not None
    return bool(np.all(np.diff(axis.times) == np.timedelta64(round(hours * 3600), "s")))


def rows(head: str, *lines: str) -> str:
    """A file of these lines."""
    return "\n".join([head, *lines]) + "\n"
