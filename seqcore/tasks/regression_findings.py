"""Findings about a trained regression: the mean is predicted, broadcast targets, selected scaling, exact baselines."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from seqcore.data.numeric_dataset import NumericDataset
from seqcore.data.splits import SPLIT_TITLES
from seqcore.evaluation.baselines import exact_baseline
from seqcore.evaluation.metrics import Evaluation
from seqcore.events import Finding
from seqcore.experiment.experiment import Experiment
from seqcore.results import FramesView, SeriesView
from seqcore.tasks.scaling_search import Row

__all__ = ["regression_findings"]


def regression_findings(
    experiment: Experiment, evaluation: Evaluation, dataset: NumericDataset, part: str
) -> Iterator[Finding]:
    """See `Task.diagnose`."""
    view, baselines = evaluation.view, evaluation.baselines
    assert isinstance(view, SeriesView | FramesView)
    assert view.truth is not None
    if _predicts_the_mean(view.prediction, view.truth, evaluation.metrics["rmse"], baselines["mean"]["rmse"]):
        yield Finding(
            "learned-the-mean",
            "The model predicts the mean: its predictions hardly depend on the input.",
            evidence=f"Its {SPLIT_TITLES[part]} RMSE, {evaluation.metrics['rmse']:.4g}, is close to that of the "
            f"mean baseline, {baselines['mean']['rmse']:.4g}.",
            remedy="Scale the data (last-value scaling extrapolates trends), train longer, or check that the model "
            "has one output for each target.",
        )
    if experiment.data.predict == "broadcast":
        yield Finding(
            "broadcast-targets",
            f"One prediction is compared with {experiment.data.window} targets: the lowest loss is reached "
            "at their mean.",
            evidence="The head has one output for each window, and broadcasting repeats it over all targets.",
            remedy="Predict at every step (data.predict = every).",
        )
    if dataset.codec.choice:
        kind, error, _ = dataset.codec.choice[0]
        where = "validation split" if experiment.data.validation_fraction else "end of the training split"
        others = "; ".join(_tried(row) for row in dataset.codec.choice[1:])
        yield Finding(
            "scaling-chosen",
            f"Automatic scaling selected {kind!r}.",
            evidence=f"It had the lowest error on the {where} after a short training run, {error:.4g}; others: "
            f"{others}.",
            severity="info",
        )
    spread = float(np.nanstd(view.truth)) or 1.0
    exact = [n for n, m in baselines.items() if m["rmse"] <= 1e-5 * spread]
    if exact:
        yield exact_baseline("linear" if "linear" in exact else exact[0])


def _predicts_the_mean(prediction: NDArray[np.float64], truth: NDArray[np.float64], rmse: float, naive: float) -> bool:
    if not naive > 0.0 or np.all(np.isnan(truth)):
        return False
    flat = np.nanstd(prediction, axis=0).max() < 0.35 * np.nanstd(truth, axis=0).max()
    return bool(rmse > 0.8 * naive and flat)


def _tried(row: Row) -> str:
    kind, error, remark = row
    return f"{kind} {error:.4g}" if error is not None else f"{kind} not available ({remark})"
