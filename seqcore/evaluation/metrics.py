"""Metrics of predictions in original units, and the evaluation of a split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcore.results import View

__all__ = [
    "BaselineScore",
    "Evaluation",
    "Scores",
    "class_metrics",
    "confusion",
    "median",
    "over_replicas",
    "regression_metrics",
    "symbol_metrics",
]


class BaselineScore(NamedTuple):
    """A baseline on one split: metrics and, of numbers, mean absolute errors by horizon [H] and by series [G, K]."""

    metrics: dict[str, float]
    by_horizon: NDArray[np.float64] | None = None
    by_series: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Scores:
    """Metrics by name. Of replicas, `metrics` are medians and `replicas` the values of each, [K] by name."""

    metrics: dict[str, float] = field(default_factory=dict)
    replicas: dict[str, list[float]] = field(default_factory=dict)

    def __or__(self, other: Scores) -> Scores:
        return Scores(self.metrics | other.metrics, self.replicas | other.replicas)


def over_replicas(each: Sequence[Mapping[str, float]]) -> Scores:
    """The metrics of each replica as medians and lists. A value that is not a number does not count in the median."""
    replicas = {name: [float(metrics[name]) for metrics in each] for name in each[0]}
    return Scores({name: median(values) for name, values in replicas.items()}, replicas)


def median(values: Sequence[float]) -> float:
    """The median of the numbers among these; NaN where there are none."""
    known = sorted(value for value in values if value == value)
    if not known:
        return math.nan
    low, high = known[(len(known) - 1) // 2], known[len(known) // 2]
    return low if low == high else (low + high) / 2


@dataclass(frozen=True)
class Evaluation:
    """Scores on one split, the baselines' scores on the same windows, and results to show.

    Metrics carry no split in their names: "mse", "mae", ... in original units; "loss" in the model's scale.
    `windows` of `of` were scored: all of them, or an evenly spaced sample of a very long split.
    """

    metrics: dict[str, float]
    view: View
    windows: int
    of: int
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    more: tuple[View, ...] = ()  # further results: a confusion matrix, the error by horizon
    unit: str = "window"  # what `windows` counts
    replicas: dict[str, list[float]] = field(default_factory=dict)  # as in `Scores`

    @property
    def scored(self) -> str:
        """How many windows the scores are from, for people."""
        units = f"{self.unit}s" if self.of != 1 else self.unit
        if self.windows == self.of:
            return f"{self.of:,} {units}"
        return f"{self.windows:,} of {self.of:,} {units}, evenly spread"


def regression_metrics(
    prediction: NDArray[np.float64], truth: NDArray[np.float64], naive_step: NDArray[np.float64]
) -> dict[str, float]:
    """MSE, MAE, RMSE, MAPE and MASE over [..., K], leaving out where the truth is NaN.

    `naive_step[K]` is the training split's mean absolute step, MASE's unit (Hyndman and Koehler 2006). MAPE is NaN
    where a true value is 0, MASE where the training split is constant.
    """
    known = ~np.isnan(truth)
    if not known.any():
        return dict.fromkeys(("mse", "mae", "rmse", "mape", "mase"), math.nan)
    size, true_size = np.abs((prediction - truth)[known]), np.abs(truth[known])
    columns = np.broadcast_to(naive_step, truth.shape)[known]
    with np.errstate(over="ignore"):
        mse = float(np.mean(size**2))
    return {
        "mse": mse,
        "mae": float(np.mean(size)),
        "rmse": math.sqrt(mse) if mse >= 0 else math.nan,
        "mape": float(100.0 * np.mean(size / true_size)) if true_size.min() > 0.0 else math.nan,
        "mase": float(np.mean(size / columns)) if columns.min() > 0.0 else math.nan,
    }


def symbol_metrics(log_probability: NDArray[np.float64], correct: NDArray[np.bool_]) -> dict[str, float]:
    """Loss (mean of minus ln p), accuracy and perplexity (e to the loss), over [n] symbols."""
    if correct.size == 0:
        return {"loss": math.nan, "accuracy": math.nan, "perplexity": math.nan}
    loss = float(-np.mean(log_probability))
    return {
        "loss": loss,
        "accuracy": float(np.mean(correct)),
        "perplexity": math.exp(min(loss, 700.0)) if loss == loss else math.nan,
    }


def confusion(predicted: NDArray[np.int64], truth: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Confusion matrix [C + 1, C]: true class (row) against predicted class (column); the last row is for -1."""
    rows = np.where(truth < 0, classes, truth)
    counts = np.bincount(rows * classes + predicted, minlength=(classes + 1) * classes)
    return counts.reshape(classes + 1, classes).astype(np.float64)


def class_metrics(predicted: NDArray[np.int64], truth: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy and macro F1 over [n] codes of classes; a true class of -1 is unknown: always an error.

    Macro F1 is the mean of 2 tp / (2 tp + fp + fn) over the classes that occur in the truth or in the predictions.
    """
    if truth.size == 0:
        return {"accuracy": math.nan, "macro_f1": math.nan}
    classes = int(max(predicted.max(), truth.max())) + 1
    counts = confusion(predicted, truth, classes)
    hits = np.append(np.diagonal(counts), 0.0)
    named, true = np.append(counts.sum(axis=0), 0.0), counts.sum(axis=1)
    occurs = named + true > 0
    return {
        "accuracy": float(hits.sum() / truth.size),
        "macro_f1": float(np.mean(2 * hits[occurs] / (named + true)[occurs])),
    }
