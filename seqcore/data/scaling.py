"""Values to the model's scale and back. Fitted on the training part alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHUNK", "Scaler", "fit_scaler"]

CHUNK = 1_000_000  # rows worked on at a time, so that long series need little memory beside themselves


@dataclass(frozen=True)
class Scaler:
    """`(values - center[C]) / scale[C]`; `relative` models also subtract the window's anchor, in the scaled values."""

    kind: str
    center: NDArray[np.float64]
    scale: NDArray[np.float64]

    @property
    def relative(self) -> bool:
        """Whether each window is measured from its own anchor."""
        return self.kind == "relative"

    def transform(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """[N, C] in original units -> [N, C] scaled, in single precision."""
        scaled = np.empty(values.shape, dtype=np.float32)
        for start in range(0, len(values), CHUNK):
            part = slice(start, start + CHUNK)
            scaled[part] = (values[part] - self.center) / self.scale
        return scaled

    def inverse(self, scaled: NDArray[Any], columns: NDArray[np.int64] | list[int]) -> NDArray[np.float64]:
        """[..., K] scaled values of the named columns -> original units."""
        return np.asarray(scaled, dtype=np.float64) * self.scale[columns] + self.center[columns]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {"kind": self.kind, "center": self.center.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Scaler:
        """The inverse of `to_dict`."""
        return cls(d["kind"], np.array(d["center"], dtype=np.float64), np.array(d["scale"], dtype=np.float64))


def fit_scaler(kind: str, stretches: Iterable[NDArray[np.float64]]) -> Scaler:
    """Fit on the training part's stretches, each [n, C]. A column that doesn't vary is divided by 1."""
    stretches = [s for s in stretches if len(s)]
    count = sum(len(s) for s in stretches)
    center = sum(s.sum(axis=0) for s in stretches) / count
    width = len(center)
    if kind == "none":
        return Scaler(kind, np.zeros(width), np.ones(width))
    if kind == "minmax":
        low = np.min([s.min(axis=0) for s in stretches], axis=0)
        high = np.max([s.max(axis=0) for s in stretches], axis=0)
        return Scaler(kind, low, _divisor(high - low, center))
    if kind == "relative":
        steps = max(sum(len(s) - 1 for s in stretches), 1)
        mean = sum((s[-1] - s[0] for s in stretches), np.zeros(width)) / steps
        spread = np.sqrt(_sum_of_squares([s for s in stretches if len(s) > 1], mean, differences=True) / steps)
        return Scaler(kind, center, _divisor(spread, center))
    return Scaler(kind, center, _divisor(np.sqrt(_sum_of_squares(stretches, center) / count), center))


def _divisor(spread: NDArray[np.float64], center: NDArray[np.float64]) -> NDArray[np.float64]:
    """`spread`, with 1 where it is nothing but rounding."""
    return np.where(spread > 1e-12 * np.maximum(np.abs(center), 1e-300), spread, 1.0)


def _sum_of_squares(
    stretches: list[NDArray[np.float64]], mean: NDArray[np.float64], *, differences: bool = False
) -> NDArray[np.float64]:
    total = np.zeros_like(mean)
    for s in stretches:
        for start in range(0, len(s), CHUNK):
            part = s[start : start + CHUNK + (1 if differences else 0)]
            deviation = (np.diff(part, axis=0) if differences else part) - mean
            total += np.einsum("nc,nc->c", deviation, deviation)
    return total
