"""NumericCodec: columns, scalers, the end of each series and baseline parameters, saved with a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.codec import Codec, fitted_in
from seqcore.data.scaling import Scaler, Scalers, current_scaling
from seqcore.errors import PredictionError, did_you_mean

__all__ = ["NumericCodec", "tails_of"]

TAIL = 1_000  # rows kept of the end of a series, at least a window
MOST_TAIL = 200_000  # rows kept in total

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Tail:
    """The end of a series: last rows `values[n, C]` in original units, their times, and the index of the first."""

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
        names = ("columns", "inputs", "targets", "series", "calendar", "x_title", "choice", "frame")
        return {"scaling": self.scalers.kind, **{name: getattr(self, name) for name in names}}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays that are saved with `to_dict`."""
        times = [t.times for t in self.tails if t.times is not None]
        dated = {"tail_times": np.concatenate(times).astype("datetime64[ns]").astype(np.int64)} if times else {}
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
        if "scaler" in d:
            return cls._of_one_series(d, arrays)
        ends = np.cumsum(arrays["tail_lengths"])[:-1]
        rows = np.split(arrays["tail"].reshape(-1, len(d["columns"])), ends)
        times: list[Any] = [None] * len(rows)
        if "tail_times" in arrays:
            times = np.split(arrays["tail_times"].astype("datetime64[ns]"), ends)
        starts = arrays["tail_starts"].tolist()
        return cls(
            columns=tuple(d["columns"]),
            inputs=list(d["inputs"]),
            targets=list(d["targets"]),
            scalers=Scalers(current_scaling(d["scaling"]), arrays["center"], arrays["scale"], arrays["period"]),
            tails=tuple(Tail(*tail) for tail in zip(rows, times, starts, strict=True)),
            series=tuple(d["series"]),
            calendar=tuple(d["calendar"]),
            x_title=d["x_title"],
            choice=tuple((current_scaling(row[0]), *row[1:]) for row in d["choice"]),
            frame=None if d.get("frame") is None else (d["frame"][0], d["frame"][1]),
            fitted=fitted_in(arrays),
        )

    @classmethod
    def _of_one_series(cls, d: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> NumericCodec:
        times = None if d["tail_times"] is None else np.array(d["tail_times"], dtype=np.int64).astype("datetime64[ns]")
        fitted = fitted_in(arrays)
        by_series: dict[str, Values] = {
            name: fitted[name].reshape(1, -1) for name in ("mean", "naive_step") if name in fitted
        }
        return cls(
            columns=tuple(d["columns"]),
            inputs=list(d["inputs"]),
            targets=list(d["targets"]),
            scalers=Scalers.join([Scaler.from_dict(d["scaler"])]),
            tails=(Tail(arrays["tail"].reshape(-1, len(d["columns"])), times, d["tail_start"]),),
            x_title=d["x_title"],
            fitted={**fitted, **by_series},
        )


def tails_of(
    values: Values, offsets: NDArray[np.int64], times: NDArray[np.datetime64] | None, *, series: int, need: int
) -> tuple[Tail, ...]:
    """The ends of the first `series` sequences, at least `need` rows each, within `MOST_TAIL` rows."""
    keep = max(need, min(TAIL, MOST_TAIL // series))
    tails = []
    for s in range(max(1, min(series, MOST_TAIL // keep))):
        start, end = max(int(offsets[s]), int(offsets[s + 1]) - keep), int(offsets[s + 1])
        its_times = None if times is None else times[start:end].astype("datetime64[ns]")
        tails.append(Tail(values[start:end].copy(), its_times, start - (int(offsets[s]) if series > 1 else 0)))
    return tuple(tails)
