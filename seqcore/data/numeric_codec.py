"""NumericCodec: columns, scalers, the end of each series and baseline parameters, saved with a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StrictStr

from seqcore.data.codec import Codec, fitted_in
from seqcore.data.scaling import Scaler, Scalers, current_scaling
from seqcore.data.stored_codec import Count, Names, Size, Stored, array, decoding, indices
from seqcore.errors import PredictionError, did_you_mean

__all__ = ["NumericCodec", "tails_of"]

TAIL = 1_000  # rows kept of the end of a series, at least a window
MOST_TAIL = 200_000  # rows kept in total
TAIL_TIMES = 10_000  # times kept of the last ten weeks, which show at which hours and on which days there are rows
TAIL_SPAN = np.timedelta64(70, "D")

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Tail:
    """The end of a series: last rows `values[n, C]` in original units, their times, and the index of the first.

    Times before those of the rows may precede them.
    """

    values: Values
    times: NDArray[np.datetime64] | None = None
    start: int = 0


@dataclass(frozen=True)
class NumericCodec(Codec):
    """The conversion between original units and tensors.

    `columns`: the C columns in use, `inputs` and `targets` their indices; `calendar`: the cycles added to the inputs.
    `series` names the G series with their own scale, or is empty for one scale; `tails` are the ends of the first ones.
    `choice` records how "auto" chose the scaling: rows of (scaling, validation error, remark). `frame` is (height,
    width) if the targets are frames. `fitted`: what baselines and intervals learned from the training split.
    `series_title` is the name of the column that names the series.
    """

    columns: tuple[str, ...]
    inputs: list[int]
    targets: list[int]
    scalers: Scalers
    tails: tuple[Tail, ...]
    series: tuple[str, ...] = ()
    calendar: tuple[str, ...] = ()
    x_title: str = "step"
    choice: tuple[tuple[Any, ...], ...] = ()
    frame: tuple[int, int] | None = None
    fitted: dict[str, Values] = field(default_factory=dict)
    series_title: str = "series"
    decimal_comma: bool = False

    @property
    def input_kind(self) -> str:
        """The kind of input in the user interface."""
        return "numbers" if self.frame is None else "frames"

    @property
    def target_names(self) -> tuple[str, ...]:
        """The K target columns."""
        return tuple(self.columns[i] for i in self.targets)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The input columns."""
        return tuple(self.columns[i] for i in self.inputs)

    @property
    def scaler(self) -> Scaler:
        """The scaler of the first series."""
        return self.scalers.of(0)

    @property
    def tail(self) -> Values:
        """The end of the first series."""
        return self.tails[0].values

    @property
    def with_ends(self) -> tuple[str, ...]:
        """See `Codec`."""
        return self.series[: len(self.tails)]

    @property
    def before(self) -> int:
        """Rows needed before a window: a period for seasonal scaling."""
        return int(self.scalers.period.max())

    def of(self, series: str) -> NumericCodec:
        """The codec of one series. PredictionError if the name is unknown."""
        if series not in self.series:
            known = did_you_mean(series, self.series) if self.series else "; this model has one series: omit the name"
            raise PredictionError(f"series: there is no series {series[:60]!r}{known}")
        place = self.series.index(series)
        scalers = Scalers.join([self.scalers.of(place)])
        return replace(self, scalers=scalers, tails=self.tails[place : place + 1], series=(series,))

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without `arrays`."""
        names = ("columns", "inputs", "targets", "series", "calendar", "x_title", "choice", "frame", "series_title",
                 "decimal_comma")  # fmt: skip
        return {"scaling": self.scalers.kind, **{name: getattr(self, name) for name in names}}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays that are saved with `to_dict`."""
        times = [t.times for t in self.tails if t.times is not None]
        dated = {"tail_times": np.concatenate(times).astype("datetime64[ns]").astype(np.int64)} if times else {}
        if any(len(of) > len(t.values) for of, t in zip(times, self.tails, strict=False)):
            dated["tail_times_lengths"] = np.array([len(of) for of in times], dtype=np.int64)
        return {
            "center": self.scalers.center,
            "scale": self.scalers.scale,
            "period": self.scalers.period,
            "tail": np.concatenate([t.values for t in self.tails]),
            "tail_lengths": np.array([len(t.values) for t in self.tails], dtype=np.int64),
            "tail_starts": np.array([t.start for t in self.tails], dtype=np.int64),
            **dated,
            **{f"fitted.{name}": value for name, value in self.fitted.items()},
        }

    @classmethod
    def from_dict(cls, d: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> NumericCodec:
        """The inverse of `to_dict` and `arrays`, also for checkpoints with a single series."""
        with decoding("the checkpoint's codec"):
            if "scaler" in d:
                d, arrays = _as_many_series(d, arrays)
            stored, number = _StoredCodec(**d), len(d["columns"])
            if max(*stored.inputs, *stored.targets) >= number:
                raise ValueError(f"there is no column {max(*stored.inputs, *stored.targets)}")
            lengths = indices(arrays, "tail_lengths", (-1,))
            rows = array(arrays, "tail", (-1, number))
            if len(lengths) == 0 or lengths.sum() != len(rows):
                raise ValueError("tail_lengths don't fit the tail")
            ends = np.cumsum(lengths)[:-1]
            times: list[Any] = [None] * len(lengths)
            if "tail_times" in arrays:
                longer = "tail_times_lengths" in arrays
                known = indices(arrays, "tail_times_lengths", (len(lengths),)) if longer else lengths
                flat = array(arrays, "tail_times", (-1,)).astype(np.int64)
                if known.sum() != len(flat) or (known < lengths).any():
                    raise ValueError("tail_times_lengths don't fit the times")
                times = np.split(flat.astype("datetime64[ns]"), np.cumsum(known)[:-1])
            starts = indices(arrays, "tail_starts", (len(lengths),)).tolist()
            return cls(
                columns=stored.columns,
                inputs=list(stored.inputs),
                targets=list(stored.targets),
                scalers=Scalers.from_arrays(stored.scaling, arrays, max(1, len(stored.series)), number),
                tails=tuple(Tail(*tail) for tail in zip(np.split(rows, ends), times, starts, strict=True)),
                series=stored.series,
                calendar=stored.calendar,
                x_title=stored.x_title,
                choice=tuple((current_scaling(kind), error, remark) for kind, error, remark in stored.choice),
                frame=stored.frame,
                series_title=stored.series_title,
                decimal_comma=stored.decimal_comma,
                fitted=fitted_in(arrays),
            )


class _StoredCodec(Stored):
    """The JSON values of a codec; the indices are those of `columns`."""

    columns: Names = Field(min_length=1)
    inputs: tuple[Count, ...] = Field(min_length=1)
    targets: tuple[Count, ...] = Field(min_length=1)
    scaling: StrictStr
    series: Names = ()
    calendar: Names = ()
    x_title: StrictStr
    choice: tuple[tuple[StrictStr, float | None, StrictStr], ...] = ()
    frame: tuple[Size, Size] | None = None
    series_title: StrictStr = "series"
    decimal_comma: bool = False


def _as_many_series(
    d: dict[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, Any], Mapping[str, NDArray[Any]]]:
    """A codec as version 0.2 stored it, with one series."""
    scaler = Scaler.from_dict(d["scaler"])
    rows = len(arrays["tail"].reshape(-1, len(d["columns"])))
    more: dict[str, NDArray[Any]] = {
        "center": scaler.center[None],
        "scale": scaler.scale[None],
        "period": np.array([scaler.period]),
        "tail_lengths": np.array([rows]),
        "tail_starts": np.array([d["tail_start"]]),
    }
    if d["tail_times"] is not None:
        more["tail_times"] = np.array(d["tail_times"], dtype=np.int64)
    by_series = (f"fitted.{name}" for name in ("mean", "naive_step"))
    more |= {name: arrays[name].reshape(1, -1) for name in by_series if name in arrays}
    return {**d, "scaling": scaler.kind}, {**arrays, **more}


def tails_of(
    values: Values, offsets: NDArray[np.int64], times: NDArray[np.datetime64] | None, *, series: int, need: int
) -> tuple[Tail, ...]:
    """The ends of the first `series` sequences, at least `need` rows each, within `MOST_TAIL` rows."""
    keep = max(need, min(TAIL, MOST_TAIL // series))
    most = max(keep, min(TAIL_TIMES, MOST_TAIL // series))  # times
    tails = []
    for s in range(max(1, min(series, MOST_TAIL // keep))):
        start, end = max(int(offsets[s]), int(offsets[s + 1]) - keep), int(offsets[s + 1])
        its_times = None if times is None else times[max(int(offsets[s]), end - most) : end].astype("datetime64[ns]")
        if its_times is not None and len(its_times) > end - start:
            recent = int((its_times >= its_times[-1] - TAIL_SPAN).sum())
            its_times = its_times[-max(end - start, recent) :].copy()
        tails.append(Tail(values[start:end].copy(), its_times, start - (int(offsets[s]) if series > 1 else 0)))
    return tuple(tails)
