"""Titles of metrics, and how each is read."""

from __future__ import annotations

import math
from typing import NamedTuple

from seqcore.results.formatting import format_number

__all__ = ["METRICS", "Metric", "metric_named"]


class Metric(NamedTuple):
    """How a metric is called, and how it is read. A `share` goes from 0 to 1 and is shown in percent."""

    title: str
    short: str
    higher_is_better: bool = False
    share: bool = False
    best: float = 0.0

    @property
    def scale(self) -> float:
        """What a value is multiplied by where it is shown."""
        return 100.0 if self.share else 1.0

    def format(self, value: float | None) -> str:
        """A score in four digits, a share in percent with one decimal; a dash where there is none."""
        if self.share and value is not None and math.isfinite(value):
            return f"{100 * value:.1f}%"
        return format_number(value)


METRICS: dict[str, Metric] = {
    "loss": Metric("loss", "loss"),
    "mse": Metric("mean squared error", "MSE"),
    "mae": Metric("mean absolute error", "MAE"),
    "rmse": Metric("root mean squared error", "RMSE"),
    "mape": Metric("mean absolute percentage error", "MAPE"),
    "mase": Metric("mean absolute scaled error", "MASE"),
    "coverage": Metric("coverage of the intervals", "coverage", higher_is_better=True, share=True, best=1.0),
    "accuracy": Metric("accuracy", "accuracy", higher_is_better=True, share=True, best=1.0),
    "macro_f1": Metric("macro F1", "macro F1", higher_is_better=True, share=True, best=1.0),
    "perplexity": Metric("perplexity", "perplexity", best=1.0),
    "bits_per_character": Metric("bits per character", "bits/character"),
    "bits_per_word": Metric("bits per word", "bits/word"),
    "bleu": Metric("BLEU", "BLEU", higher_is_better=True, best=100.0),
    "chrf": Metric("chrF", "chrF", higher_is_better=True, best=100.0),
    "exact": Metric("exact matches", "exact", higher_is_better=True, share=True, best=1.0),
}
"""The words for every metric. A new one is a line here."""


def metric_named(name: str) -> Metric:
    """A metric's words; its own name where it has none."""
    plain = name.replace("_", " ")
    return METRICS.get(name, Metric(plain, plain))
