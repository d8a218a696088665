"""What a trained model must keep to speak the user's units: columns, scales, the end of each series, baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.codec import Codec
from seqcore.data.scaling import Scaler, Scalers, current_scaling
from seqcore.errors import PredictionError, did_you_mean

__all__ = ["NumericCodec", "Tail", "tails_of"]

TAIL = 1_000  # rows of the end of a series that a forecast may need, at the least a window
MOST_TAIL = 200_000  # rows of all of them

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Tail:
    """The end of a series: its last rows `values[n, C]` in original units, their times, the number of the first."""

    values: Values
    times: NDArray[np.datetime64] | None = None
    start: int = 0


@dataclass(frozen=True)
class NumericCodec(Codec):
    """The user's units <-> tensors.

    `columns` are the C that are in use, `inputs` and `targets` their places; `calendar` the cycles that dates add to
    the inputs. `series` names the G series that have a scale of their own, or is empty where one scale is for all;
    `tails` are the ends of the first of them, as many as are worth keeping. `choice` is how "auto" chose the scaling:
    rows of (scaling, validation error, remark). `frame` is (height, width) where the targets are whole pictures.
    `fitted` is what baselines and intervals learned from the training split.
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
        """What a person gives to the model."""
        return "numbers" if self.frame is None else "frames"

    @property
    def target_names(self) -> tuple[str, ...]:
        """The K columns that are predicted."""
        return tuple(self.columns[i] for i in self.targets)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The columns that the model sees."""
        return tuple(self.columns[i] for i in self.inputs)

    @property
    def scaler(self) -> Scaler:
        """The scale of the only series, or of the first."""
        return self.scalers.of(0)

    @property
    def tail(self) -> Values:
        """The end of the only series, or of the first."""
        return self.tails[0].values

    @property
    def before(self) -> int:
        """Rows that must come before an input, to measure it from: a period, where scaling is seasonal."""
        return int(self.scalers.period.max())

    def of(self, series: str) -> NumericCodec:
        """The same for one series, by its name. PredictionError where there is none of this name."""
        if series not in self.series:
            known = did_you_mean(series, self.series) if self.series else "; this model knows one series: name none"
            raise PredictionError(f"series: there is no series {series[:60]!r}{known}")
        place = self.series.index(series)
        scalers = Scalers.join([self.scalers.of(place)])
        return replace(self, scalers=scalers, tails=self.tails[place : place + 1], series=(series,))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the arrays that `arrays` gives."""
        return {
            "columns": list(self.columns),
            "inputs": self.inputs,
            "targets": self.targets,
            "scaling": self.scalers.kind,
            "series": list(self.series),
            "calendar": list(self.calendar),
            "x_title": self.x_title,
            "choice": [list(row) for row in self.choice],
            "frame": self.frame,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is kept as arrays beside `to_dict`."""
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
        """The inverse of `to_dict` and `arrays`; also of those of version 0.2, which knew one series."""
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
            fitted=_fitted(arrays),
        )

    @classmethod
    def _of_one_series(cls, d: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> NumericCodec:
        times = None if d["tail_times"] is None else np.array(d["tail_times"], dtype=np.int64).astype("datetime64[ns]")
        fitted = _fitted(arrays)
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


def _fitted(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Values]:
    return {k.removeprefix("fitted."): v for k, v in arrays.items() if k.startswith("fitted.")}


def tails_of(
    values: Values, offsets: NDArray[np.int64], times: NDArray[np.datetime64] | None, *, series: int, need: int
) -> tuple[Tail, ...]:
    """The ends of the first `series` sequences, at least `need` rows each, as far as there is room for them."""
    keep = max(need, min(TAIL, MOST_TAIL // series))
    tails = []
    for s in range(max(1, min(series, MOST_TAIL // keep))):
        start, end = max(int(offsets[s]), int(offsets[s + 1]) - keep), int(offsets[s + 1])
        its_times = None if times is None else times[start:end].astype("datetime64[ns]")
        tails.append(Tail(values[start:end].copy(), its_times, start - (int(offsets[s]) if series > 1 else 0)))
    return tuple(tails)
