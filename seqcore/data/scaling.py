"""Scalers: a center and a scale for each column of each series, fitted on the training split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.stored_codec import array, indices
from seqcore.experiment.constraints import ANCHORED
from seqcore.experiment.migration import RENAMED_VALUES

__all__ = ["CHUNK", "Scaler", "Scalers", "current_scaling", "fit_scaler"]

CHUNK = 1_000_000  # rows processed at a time, to limit memory
_KINDS = ("standard", "minmax", "none", "window-mean", "seasonal", "last-value", "log-last-value")
_FINEST = 1e-5  # of the standard deviation: a smaller scale would amplify rounding errors of single precision

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Scaler:
    """`(values - center[C]) / scale[C]` of one series, of logarithms for the kind "log-last-value".

    Kinds in `ANCHORED` also subtract an anchor from the scaled values. `period` is the seasonal period in rows for the
    kind "seasonal", else 0.
    """

    kind: str
    center: Values
    scale: Values
    period: int = 0

    @property
    def relative(self) -> bool:
        """Whether an anchor is subtracted from each window."""
        return self.kind in ANCHORED

    @property
    def logarithmic(self) -> bool:
        """Whether logarithms are scaled, so that values must be positive."""
        return self.kind == "log-last-value"

    def transform(self, values: Values) -> NDArray[np.float32]:
        """[N, C] in original units -> [N, C] scaled, float32."""
        scaled = np.empty(values.shape, dtype=np.float32)
        for start in range(0, len(values), CHUNK):
            rows = slice(start, start + CHUNK)
            some = np.log(values[rows]) if self.logarithmic else values[rows]
            scaled[rows] = (some - self.center) / self.scale
        return scaled

    def inverse(self, scaled: NDArray[Any], columns: NDArray[np.int64] | list[int]) -> Values:
        """[..., K] scaled values of these columns -> original units."""
        values: Values = np.asarray(scaled, dtype=np.float64) * self.scale[columns] + self.center[columns]
        return np.exp(values) if self.logarithmic else values

    def to_dict(self) -> dict[str, Any]:
        """JSON values for a checkpoint."""
        return {"kind": self.kind, "center": self.center.tolist(), "scale": self.scale.tolist(), "period": self.period}

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Scaler:
        """The inverse of `to_dict`. KeyError or ValueError where the values are not possible."""
        arrays = {name: np.array(d[name], dtype=np.float64) for name in ("center", "scale")}
        arrays["period"] = np.array(d.get("period", 0))
        return Scalers.from_arrays(d["kind"], arrays, 1, len(d["center"])).of(0)


@dataclass(frozen=True)
class Scalers:
    """The scalers of G series: `center[G, C]`, `scale[G, C]`, `period[G]`."""

    kind: str
    center: Values
    scale: Values
    period: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))

    @classmethod
    def join(cls, each: Sequence[Scaler]) -> Scalers:
        """From one scaler for each series, all of one kind."""
        return cls(
            each[0].kind,
            np.stack([s.center for s in each]),
            np.stack([s.scale for s in each]),
            np.array([s.period for s in each], dtype=np.int64),
        )

    @classmethod
    def from_arrays(cls, kind: str, arrays: Mapping[str, NDArray[Any]], series: int, columns: int) -> Scalers:
        """From the arrays `center`, `scale` and `period` of a checkpoint. KeyError or ValueError."""
        kind = current_scaling(kind)
        if kind not in _KINDS:
            raise ValueError(f"there is no scaling {kind!r}")
        center, scale = array(arrays, "center", (series, columns)), array(arrays, "scale", (series, columns), least=0)
        if not (scale > 0).all():
            raise ValueError("scale has values that are not possible")
        return cls(kind, center, scale, indices(arrays, "period", (series,), below=2**31).astype(np.int64))

    def __len__(self) -> int:
        return len(self.center)

    def of(self, series: int) -> Scaler:
        """The scaler of one series."""
        return Scaler(self.kind, self.center[series], self.scale[series], int(self.period[series]))

    def inverse(self, scaled: NDArray[Any], columns: list[int], series: NDArray[np.int64]) -> Values:
        """[n, ..., K] scaled values, the i-th of series `series[i]` -> original units."""
        shape = (len(series), *(1 for _ in scaled.shape[2:]), len(columns))
        scale, center = (a[series][:, columns].reshape(shape) for a in (self.scale, self.center))
        values: Values = np.asarray(scaled, dtype=np.float64) * scale + center
        return np.exp(values) if self.kind == "log-last-value" else values


def current_scaling(kind: str) -> str:
    """The current name of a scaling from an older checkpoint."""
    return RENAMED_VALUES["data.scaling"].get(kind, kind)


def fit_scaler(kind: str, segments: Iterable[Values], *, window: int = 1, period: int = 0) -> Scaler:
    """Fit on segments of the training split, each [n, C]. The scale of a constant column is 1.

    The scale of relative kinds is the root mean square of what remains: of differences ("last-value", of logarithms
    "log-last-value"), of deviations from the mean of the last `window` rows, of differences over a `period`.
    """
    segments = [s for s in segments if len(s)]
    if kind == "log-last-value":
        segments = [_Logarithms(s) for s in segments]  # type: ignore[misc]
    count = sum(len(s) for s in segments)
    center: Values = np.sum([_blocks_sum(s) for s in segments], axis=0) / count
    width = len(center)
    if kind == "none":
        return Scaler(kind, np.zeros(width), np.ones(width))
    if kind == "minmax":
        low = np.min([s.min(axis=0) for s in segments], axis=0)
        high = np.max([s.max(axis=0) for s in segments], axis=0)
        return Scaler(kind, low, _divisor(high - low, center))
    if kind in ("last-value", "log-last-value"):
        steps = max(sum(len(s) - 1 for s in segments), 1)
        mean = sum((s[-1] - s[0] for s in segments), np.zeros(width)) / steps
        moved = np.sqrt(_sum_of_squares([s for s in segments if len(s) > 1], mean, apart=1) / steps)
        return Scaler(kind, center, _divisor(moved, center))
    spread: Values = np.sqrt(_sum_of_squares(segments, center) / count)
    if kind == "standard":
        return Scaler(kind, center, _divisor(spread, center))
    if kind == "window-mean":
        left = _around_window_mean(segments, window)
    else:
        steps = max(sum(max(len(s) - period, 0) for s in segments), 1)
        left = np.sqrt(_sum_of_squares([s for s in segments if len(s) > period], 0 * center, apart=period) / steps)
    left = np.where(left > _FINEST * spread, left, _FINEST * spread)
    return Scaler(kind, center, _divisor(left, center), period if kind == "seasonal" else 0)


class _Logarithms:
    """The logarithms of values [n, C], computed by slice."""

    def __init__(self, values: Values) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: int | slice) -> Values:
        return np.asarray(np.log(self.values[rows]))


def _blocks_sum(values: Any) -> Values:
    if not isinstance(values, _Logarithms):
        return np.asarray(values.sum(axis=0, dtype=np.float64))  # frames of sound are float32
    blocks = [values[start : start + CHUNK].sum(axis=0) for start in range(0, len(values), CHUNK)]
    return np.asarray(np.sum(blocks, axis=0))


def _divisor(spread: Values, center: Values) -> Values:
    """`spread`, or 1 where it is only rounding error."""
    return np.where(spread > 1e-12 * np.maximum(np.abs(center), 1e-300), spread, 1.0)


def _sum_of_squares(segments: Iterable[Values], mean: Values, *, apart: int = 0) -> Values:
    """Sum of squares of values minus `mean`, or of differences over `apart` rows."""
    total = np.zeros_like(mean)
    for s in segments:
        for start in range(0, len(s) - apart, CHUNK):
            stop = min(start + CHUNK, len(s) - apart)
            deviation = (s[start + apart : stop + apart] - s[start:stop] if apart else s[start:stop]) - mean
            total += np.einsum("nc,nc->c", deviation, deviation)
    return total


def _around_window_mean(segments: Iterable[Values], window: int) -> Values:
    """The root mean square of values minus the mean of the `window` rows up to them."""
    total, count, block = np.float64(0.0), 0, CHUNK // 4
    for s in segments:
        rows = max(1, min(window, len(s)))
        for start in range(0, len(s) - rows + 1, block):
            some = s[start : start + block + rows - 1]
            sums = np.cumsum(np.concatenate([np.zeros((1, some.shape[1])), some - some[0]]), axis=0)
            left = some[rows - 1 :] - some[0] - (sums[rows:] - sums[:-rows]) / rows
            total, count = total + np.einsum("nc,nc->c", left, left), count + len(left)
    return np.asarray(np.sqrt(total / max(count, 1)))
