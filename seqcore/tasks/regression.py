"""Numbers from numbers: the next value, several at once, or one at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.baselines import MOST_STORED, TITLES, learn, numeric_baselines
from seqcore.data.dataset import Batch
from seqcore.data.numeric import NumericCodec, NumericDataset
from seqcore.data.table import Table
from seqcore.experiment import Experiment
from seqcore.metrics import Evaluation, regression_metrics
from seqcore.models.sequence_model import SequenceModel
from seqcore.tasks.forecasting import as_rows, forecast_on, parse_numbers, predict_after
from seqcore.tasks.task import Task, run_windows, scored_windows, window_note
from seqcore.views import SeriesView

__all__ = ["Regression"]

_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": nn.functional.mse_loss,
    "mae": nn.functional.l1_loss,
    "huber": nn.functional.huber_loss,
}
_PREVIEWED = 160  # steps in a preview: enough to see, and cheap beside the steps between two of them


class Regression(Task):
    """See `Task`."""

    metric = "mae"
    metric_is_error = True
    onward = "forecast"

    def __init__(self, experiment: Experiment) -> None:
        super().__init__(experiment)
        name = experiment.training.loss
        self._loss = _LOSSES["mse" if name == "auto" else name]

    def check(self, table: Table) -> None:
        """DataError where the table doesn't fit: columns, gaps, windows."""
        NumericDataset(table, self.experiment.data, torch.device("cpu"))

    def make_dataset(self, table: Table, device: torch.device, codec: Any = None) -> NumericDataset:
        """Windows of the table; without a codec, scaler and baselines are learned from its training part."""
        data = NumericDataset(table, self.experiment.data, device, codec)
        if codec is None:
            learned = learn(data)
            data.baseline_facts = learned
            small = {k: v for k, v in learned.items() if v.size <= MOST_STORED}
            data.codec = replace(data.codec, fitted=small)
        else:
            data.baseline_facts = codec.fitted
        return data

    def codec_from_dict(self, d: dict[str, Any], arrays: dict[str, NDArray[np.float64]]) -> NumericCodec:
        """The codec that a checkpoint holds."""
        return NumericCodec.from_dict(d, arrays)

    def sketch(self, table: Table) -> SequenceModel:
        """The model for a table, its sizes from column names alone."""
        data = self.experiment.data
        targets = len(data.target) or 1
        return self._model(len(data.inputs) or targets, targets)

    def build_model(self, codec: NumericCodec) -> SequenceModel:
        """Inputs [B, T, F] -> outputs [B, 1 or T, H * K]."""
        return self._model(len(codec.inputs), len(codec.targets))

    def _model(self, inputs: int, targets: int) -> SequenceModel:
        data = self.experiment.data
        return SequenceModel(
            inputs, data.horizon * targets, self.experiment.model, predict=data.predict, symbolic=False
        )

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean over all targets; steps beyond a short window's end don't count."""
        if batch.lengths is None or outputs.shape[1] == 1:
            return self._loss(outputs, batch.targets)
        inside = torch.arange(outputs.shape[1], device=outputs.device) < batch.lengths.to(outputs.device)[:, None]
        return self._loss(outputs[inside], batch.targets[inside])

    def evaluate(
        self, model: nn.Module, dataset: NumericDataset, part: str, *, points: int = 300, full: bool = True
    ) -> Evaluation:
        """Scores in original units beside the baselines', and truth against prediction over `points` steps."""
        carry = self.experiment.training.carry_state
        indices, of = self._scored(dataset, part), len(dataset.windows[part])
        outputs, loss = run_windows(model, self, dataset, part, indices, carry_state=carry)
        truth = dataset.truth(part, indices)
        unit = dataset.baseline_facts["naive_step"]
        with np.errstate(over="ignore", invalid="ignore"):  # a model that ran away is scored too
            metrics = {"loss": loss, **regression_metrics(dataset.original(part, indices, outputs), truth, unit)}
        if not full:
            return Evaluation(metrics, _NOTHING, len(indices), of)
        baselines = self.baselines(dataset, part)
        return Evaluation(metrics, self._view(model, dataset, part, points), len(indices), of, baselines)

    def baselines(self, dataset: NumericDataset, part: str) -> dict[str, dict[str, float]]:
        """The naive methods' scores on the windows that `evaluate` scores."""
        indices = self._scored(dataset, part)
        truth, unit = dataset.truth(part, indices), dataset.baseline_facts["naive_step"]
        naive = numeric_baselines(dataset, part, indices, dataset.baseline_facts)
        return {name: regression_metrics(prediction, truth, unit) for name, prediction in naive.items()}

    def _scored(self, dataset: NumericDataset, part: str) -> NDArray[np.int64]:
        """See `scored_windows`."""
        per_window = (dataset.config.window if dataset.every_step else 1) * dataset.horizon * len(dataset.targets)
        carry = self.experiment.training.carry_state
        return scored_windows(dataset, part, numbers=per_window, carry_state=carry)

    def preview(self, model: nn.Module, dataset: NumericDataset) -> SeriesView:
        """Truth against prediction on the validation part."""
        return self._view(model, dataset, dataset.shown_part(), _PREVIEWED)

    def parse(self, text: str, codec: NumericCodec) -> NDArray[np.float64]:
        """See `seqcore.tasks.forecasting`."""
        return parse_numbers(text, codec)

    def example(self, codec: NumericCodec) -> str:
        """The last values of the data, as many as the window holds."""
        rows = codec.tail[-self.experiment.data.window :, codec.inputs]
        return (
            "; ".join(", ".join(f"{value:.6g}" for value in row) for row in rows)
            if rows.shape[1] > 1
            else ", ".join(f"{value:.6g}" for value in rows[:, 0])
        )

    def note(self, codec: Any, given: Any) -> str | None:
        """That an input's length isn't the one that the model was trained on."""
        return window_note(self.experiment, len(given))

    def predict(self, model: nn.Module, codec: NumericCodec, given: Any) -> SeriesView:
        """The steps after an input [T] or [T, F], or at its end where nothing lies ahead."""
        return predict_after(model, self.experiment.data, codec, as_rows(given, codec))

    def forecast(self, model: nn.Module, codec: NumericCodec, steps: int) -> SeriesView:
        """On from the end of the data; beyond the horizon, from its own predictions."""
        return forecast_on(model, self.experiment.data, codec, steps)

    def remarks(self, evaluation: Evaluation, dataset: NumericDataset, part: str) -> list[dict[str, str]]:
        """Whether the model only learned the mean, and whether a naive method is exact."""
        remarks = []
        names = {"train": "training", "val": "validation", "test": "test"}
        if self._only_the_mean(evaluation, dataset, part):
            remarks.append(
                {
                    "code": "learned-the-mean",
                    "message": "The model only learned the mean: it answers about the same whatever it sees.",
                    "why": f"Its {names[part]} error (RMSE {evaluation.metrics['rmse']:.4g}) is that of always "
                    f"answering the mean ({evaluation.baselines['mean']['rmse']:.4g}).",
                    "advice": "Scale the data (relative scaling lets a trend carry on), train longer, or check that "
                    "the model gives one answer for each target.",
                }
            )
        if self.experiment.data.predict == "broadcast":
            remarks.append(
                {
                    "code": "one-answer-for-many",
                    "message": f"One answer stands against {self.experiment.data.window} targets: "
                    "the best it can be is their middle.",
                    "why": "The head gives one number for a window, and broadcasting repeats it over all of them.",
                    "advice": "Predict at every step (data.predict = every-step).",
                }
            )
        view = evaluation.view
        assert isinstance(view, SeriesView)
        assert view.truth is not None
        spread = float(np.nanstd(view.truth)) or 1.0
        exact = [n for n, m in evaluation.baselines.items() if m["rmse"] <= 1e-5 * spread]
        if exact:
            best = "linear" if "linear" in exact else exact[0]
            remarks.append(
                {
                    "code": "exact-baseline",
                    "severity": "note",
                    "message": f"A {TITLES[best]} solves this exactly.".replace("A last value", "The last value"),
                    "why": "The data are that regular; what is to be seen here is how a network gets there.",
                }
            )
        return remarks

    def _only_the_mean(self, evaluation: Evaluation, dataset: NumericDataset, part: str) -> bool:
        naive = evaluation.baselines["mean"]["rmse"]
        view = evaluation.view
        assert isinstance(view, SeriesView)
        if view.truth is None or not naive > 0.0 or np.all(np.isnan(view.truth)):
            return False
        flat = np.nanstd(view.prediction, axis=0).max() < 0.35 * np.nanstd(view.truth, axis=0).max()
        return bool(evaluation.metrics["rmse"] > 0.8 * naive and flat)

    def _view(self, model: nn.Module, data: NumericDataset, part: str, points: int) -> SeriesView:
        carry = self.experiment.training.carry_state
        windows = data.windows[part]
        span = data.config.window if data.every_step else data.horizon
        apart = 1 if carry else max(1, -(-span // windows.stride))
        indices = np.arange(0, len(windows), apart)[: max(1, -(-points // span))]
        outputs, _ = run_windows(model, self, data, part, indices, carry_state=carry)
        prediction = data.original(part, indices, outputs)
        truth = data.truth(part, indices)
        origins = data.origin_rows(part, indices)
        if data.every_step:  # one answer a step: the nearest of its horizon
            prediction, truth, rows = prediction[:, :, 0], truth[:, :, 0], origins + data.lead
        else:
            prediction, truth = prediction[:, 0], truth[:, 0]
            rows = origins + data.lead + np.arange(data.horizon)
        return _joined(data, rows, prediction, truth)


_NOTHING = SeriesView(np.zeros(0), np.zeros((0, 1)))


def _joined(
    data: NumericDataset, rows: NDArray[np.int64], prediction: NDArray[np.float64], truth: NDArray[np.float64]
) -> SeriesView:
    """Windows [n, S, K] one after another, with a row of NaN where one doesn't follow the one before."""
    times, columns = data.table.times, prediction.shape[-1]
    known = ~np.isnan(truth).all(axis=-1)
    kept = rows[known]
    breaks = np.flatnonzero(np.diff(kept) != 1) + 1
    x = times[kept].astype("datetime64[ns]") if times is not None else kept.astype(np.float64)
    nothing = np.datetime64("NaT") if times is not None else np.nan
    first = int(rows[0][0])
    start = int(data.table.offsets[np.searchsorted(data.table.offsets, first, side="right") - 1])
    before = np.arange(max(start, first - data.config.window), first)
    return SeriesView(
        x=np.insert(x, breaks, nothing),
        prediction=np.insert(prediction[known].reshape(-1, columns), breaks, np.nan, axis=0),
        truth=np.insert(truth[known].reshape(-1, columns), breaks, np.nan, axis=0),
        context_x=times[before].astype("datetime64[ns]") if times is not None else before.astype(np.float64),
        context=data.values[before][:, data.targets],
        columns=data.codec.target_names,
        x_title=data.table.x_title,
    )
