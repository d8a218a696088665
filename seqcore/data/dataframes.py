"""Converts a DataFrame, Series or array into a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from seqcore.data.readers.build_table import Origin, make_table
from seqcore.data.sources.stored_file import FileOptions
from seqcore.data.table import Table, equal_sequences, symbol_table
from seqcore.errors import DataError
from seqcore.experiment.config import DataConfig

__all__ = ["table_from_frame"]

# options of a file that hold for frames, too
_USED = ("kind", "columns", "date_column", "series_column", "label_column", "group_column", "level", "missing_times",
         "missing_codes")  # fmt: skip


def table_from_frame(frame: pd.DataFrame | pd.Series[Any] | NDArray[Any], config: DataConfig) -> Table:
    """A table of all columns; a DatetimeIndex or a column of dates gives the times.

    Arrays are [n], [n, F] or [S, T, F] (S independent sequences), or strings [n] as symbols. Import options such as
    `options["date_column"]` of `config` apply. DataError as in `read_table`; rows are counted from 0.
    """
    if isinstance(frame, pd.Series):
        frame = frame.to_frame(name=frame.name if frame.name is not None else "value")
    if isinstance(frame, pd.DataFrame):
        return _from_frame(frame, config)
    return _from_array(np.asarray(frame))


def _from_frame(frame: pd.DataFrame, config: DataConfig) -> Table:
    if len(frame) == 0 or len(frame.columns) == 0:
        raise DataError("the data: there are no rows of values; give one row per time step")
    index = frame.index
    if isinstance(index, pd.MultiIndex) or isinstance(frame.columns, pd.MultiIndex):
        raise DataError("the data: rows or columns have a MultiIndex; call reset_index(), or flatten the column names")
    columns: dict[str, pa.ChunkedArray] = {}
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.DatetimeIndex) or (index.name is not None and index.dtype.kind in "iuOUM"):
        columns[_free(str(index.name or "date"), frame)] = _column(index.to_series())
    dates = next(iter(columns), None)
    for position, name in enumerate(frame.columns):
        text = str(name)
        if text in columns:
            raise DataError(f"the data: two columns are named {text!r}; give each a unique name")
        columns[text] = _column(frame.iloc[:, position])
    notes = [
        f"Time zone of {name}: {column.dt.tz}."
        for name, column in [(dates, index.to_series()), *frame.items()]
        if isinstance(column.dtype, pd.DatetimeTZDtype)
    ]
    options = FileOptions(**{k: v for k, v in config.options.items() if k in _USED}).for_missing(config.missing)
    if options.date_column == "auto" and isinstance(index, pd.DatetimeIndex) and dates is not None:
        options = options.model_copy(update={"date_column": dates})
    return make_table(columns, Origin(name="the data", rows=list, options=options, notes=notes))


def _free(name: str, frame: pd.DataFrame) -> str:
    taken = {str(column) for column in frame.columns}
    while name in taken:
        name += " (index)"
    return name


def _column(series: pd.Series[Any]) -> pa.ChunkedArray:
    """An Arrow column; types other than numbers and times become text."""
    if isinstance(series.dtype, pd.PeriodDtype):
        series = series.dt.to_timestamp()
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_localize(None)  # local time, which days and seasons follow
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        missing = series.isna().to_numpy()
        array = pa.array([None if gone else str(item) for item, gone in zip(series, missing, strict=True)], pa.string())
    if pa.types.is_nested(array.type):
        array = pa.array([None if item is None else str(item) for item in array.to_pylist()], pa.string())
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _from_array(array: NDArray[Any]) -> Table:
    if array.dtype.kind == "U":
        if array.size == 0:
            raise DataError("the data: there are no symbols; give at least two")
        return symbol_table([array.reshape(-1)], x_title="symbol")
    if array.dtype.kind not in "biuf":
        raise DataError(f"the data: an array of {array.dtype} is not numeric; give integers or floats")
    if array.ndim not in (1, 2, 3) or array.size == 0:
        raise DataError(f"the data: an array of shape {array.shape} can't be used; give [n], [n, F] or [S, T, F]")
    values = np.array(array, dtype=np.float64)
    count = 1 if values.ndim == 1 else values.shape[-1]
    names = ("value",) if count == 1 else tuple(f"column {i}" for i in range(1, count + 1))
    infinite = np.isinf(values.reshape(-1, count))
    if infinite.any():
        row, column = (int(i[0]) for i in np.nonzero(infinite))
        raise DataError(
            f"the data, {names[column]}, row {row}: the value is infinite; use numbers up to 1e308, or NaN if missing"
        )
    if values.ndim < 3:
        return Table(values=values.reshape(-1, count), columns=names, x_title="row")
    return equal_sequences(values, names, x_title="step")
