"""Regression and forecasting: one step, a horizon, or a prediction at every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.columns import target_names
from seqcore.data.dataset import Batch
from seqcore.data.numeric_dataset import NumericCodec, NumericDataset, is_recursive
from seqcore.data.stored_codec import decoding
from seqcore.data.table import Table
from seqcore.evaluation.backtest import by_series_view, error_by_horizon, error_by_series, horizon_view
from seqcore.evaluation.baselines import facts_for, fit_baselines, predict_baselines
from seqcore.evaluation.baselines.linear import MOST_STORED
from seqcore.evaluation.baselines.naive import baseline_inputs
from seqcore.evaluation.intervals import empirical_coverage, nominal_coverage
from seqcore.evaluation.metrics import BaselineScore, Evaluation, Scores, over_replicas, regression_metrics
from seqcore.events import Finding, Preparing
from seqcore.experiment.config import DataConfig
from seqcore.experiment.experiment import Experiment
from seqcore.models.architecture import ModelContext, inside
from seqcore.models.replicated import ensemble_mean, replica_count
from seqcore.models.sequence_model import SequenceModel
from seqcore.results import FramesView, SeriesView, View
from seqcore.results.thinning import evenly
from seqcore.tasks.explained_forecast import explained_forecast, forecast_names
from seqcore.tasks.forecasting import (
    as_rows,
    dates_of,
    direct_steps,
    encoded_rows,
    forecast_on,
    parse_numbers,
    predict_after,
    typed_rows,
    unknown_input,
)
from seqcore.tasks.frame_prediction import predicts_frames, recursive_frames_view
from seqcore.tasks.frames import frames_view
from seqcore.tasks.inspection import ExplainedForecast, StepInput, carried_windows, numbered, numeric_input
from seqcore.tasks.origins_table import needs_origins, origins_table
from seqcore.tasks.prediction_intervals import band_of, errors_ahead, errors_of
from seqcore.tasks.regression_findings import regression_findings
from seqcore.tasks.rollout import recursive_forecast
from seqcore.tasks.scaling_search import Row, scaling_trials
from seqcore.tasks.series_results import joined, shown_windows, side_by_side
from seqcore.tasks.task import Task, check_length, predict_windows, scored_windows, whole_window

__all__ = ["Regression"]

_LOSSES: dict[str, Callable[..., Tensor]] = {
    "mse": nn.functional.mse_loss,
    "mae": nn.functional.l1_loss,
    "huber": nn.functional.huber_loss,
}
_FEWEST_SAMPLED, _MOST_SAMPLED = 50, 200_000  # windows and model steps of a recursive evaluation between epochs
_PREVIEWED = 160  # time steps in a preview


class Regression(Task):
    """See `Task`."""

    metric = "mae"
    codec_type = NumericCodec
    reference = ("last_value",)
    intervals = True
    continuation = "forecast"

    def __init__(self, experiment: Experiment) -> None:
        super().__init__(experiment)
        name = experiment.training.loss
        self._loss_name = "mse" if name == "auto" else name
        self._loss = _LOSSES[self._loss_name]
        self._tried: tuple[Table, tuple[Row, ...]] | None = None

    def search_preprocessing(self, table: Table, device: torch.device) -> Iterator[Preparing]:
        """Compare the scalings if `data.scaling` is "auto"."""
        if self.experiment.data.scaling == "auto":
            self._tried = table, (yield from scaling_trials(type(self), self.experiment, table, device))

    def make_dataset(self, table: Table, device: torch.device, codec: Any = None) -> NumericDataset:
        """Windows of the table; without a codec, scaler and baselines are fitted on the training split."""
        if codec is not None:
            data = NumericDataset(table, self.experiment.data, device, codec)
            data.baseline_facts = facts_for(data, codec)
            return data
        if self._tried is None or self._tried[0] is not table:
            for _ in self.search_preprocessing(table, device):
                pass
        choice = self._tried[1] if self._tried else ()
        data = NumericDataset(table, self._scaled_by(choice[0][0] if choice else ""), device)
        data.baseline_facts = fit_baselines("regression", data)
        small = {k: v for k, v in data.baseline_facts.items() if v.size <= MOST_STORED}
        data.codec = replace(data.codec, fitted=small, choice=choice)
        return data

    def make_windows(self, table: Table, device: torch.device) -> NumericDataset:
        """Windows of the table, without baselines. DataError where columns, values or windows do not fit."""
        return NumericDataset(table, self._scaled_by("standard"), device)

    def _scaled_by(self, kind: str) -> DataConfig:
        """The data section, with `kind` in place of the scaling "auto"."""
        data = self.experiment.data
        return data.model_copy(update={"scaling": kind}) if data.scaling == "auto" else data

    def frozen_codec(self, codec: NumericCodec) -> NumericCodec | None:
        """The codec if its scaling was selected by `search_preprocessing`, so that a resumed run keeps it."""
        return codec if codec.choice else None

    def build_meta_model(self, table: Table) -> SequenceModel:
        """The model for a table; its sizes follow from the column names."""
        data = self.experiment.data
        targets = len(target_names(table, data))
        return self._model(len(data.inputs) or targets, targets, data.calendar)

    def build_model(self, codec: NumericCodec) -> SequenceModel:
        """Inputs [B, T, F] -> outputs [B, 1 or T, H * K]; H is 1 for a recursive forecast."""
        return self._model(len(codec.inputs), len(codec.targets), codec.calendar)

    def _model(self, inputs: int, targets: int, calendar: tuple[str, ...]) -> SequenceModel:
        data = self.experiment.data
        steps = 1 if is_recursive(data) else data.horizon
        features = inputs + 2 * len(calendar)  # a sine and a cosine for each cycle
        context = ModelContext(features, data.window, steps, targets)
        return SequenceModel(context, steps * targets, self.experiment.model, predict=data.predict, symbolic=False)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean over all targets; padded steps are excluded."""
        if batch.lengths is None or outputs.shape[1] == 1:
            return self._loss(outputs, batch.targets)
        scored = inside(batch.lengths, outputs.shape[1], outputs.device)[..., None]
        each = self._loss(outputs, batch.targets, reduction="none")
        return torch.where(scored, each, 0.0).sum() / (scored.sum() * outputs.shape[2])

    @property
    def plain_loss(self) -> str | None:
        """See `Task`."""
        return self._loss_name

    def evaluate(
        self, model: nn.Module, dataset: NumericDataset, part: str, *, points: int = 300, full: bool = True
    ) -> Evaluation:
        """Metrics of model and baselines in original units; truth and prediction over `points` steps."""
        indices, of = self._scored(dataset, part), len(dataset.windows[part])
        if dataset.recursive and not full:  # between epochs: a recursive forecast takes one pass a step
            return self._quick_evaluation(model, dataset, part, indices)
        found, loss = self.predicted(model, dataset, part, indices)
        truth, unit = self._expected(dataset, part)
        scores = _scores(found, loss, truth, unit)
        if not full:
            return Evaluation(scores.metrics, _NOTHING, len(indices), of, replicas=scores.replicas)
        metrics, prediction = scores.metrics, ensemble_mean(model, found)
        naive = self.score_baselines(dataset, part)
        errors = {name: score.by_horizon for name, score in naive.items() if score.by_horizon is not None}
        ahead = horizon_view(truth, prediction, errors)
        view = self._view(model, dataset, part, points)
        band = band_of(dataset, part, indices, prediction) if isinstance(view, SeriesView) else None
        if band is not None and isinstance(view, SeriesView):
            metrics["coverage"] = empirical_coverage(truth, *band)
            view = replace(view, coverage=nominal_coverage(dataset.codec.fitted), covered=metrics["coverage"])
        each = None
        if dataset.table.frame is None:
            own = dataset.series_of(dataset.windows[part].locate(indices)[2])
            named = (own, dataset.fit.names if dataset.fit.by_series else ())
            columns = [dataset.table.columns[i] for i in dataset.targets]
            errors = {name: score.by_series for name, score in naive.items() if score.by_series is not None}
            each = by_series_view(truth, prediction, errors, series=named, targets=columns, band=band)
        more: tuple[View, ...] = tuple(view for view in (ahead, each) if view is not None)
        baselines = self.baseline_metrics(dataset, part)
        return Evaluation(metrics, view, len(indices), of, baselines, more, replicas=scores.replicas)

    def predictions(self, model: nn.Module, dataset: NumericDataset, part: str) -> View:
        """See `Task`. From every origin, if the series of the evaluation leaves some out."""
        if not needs_origins(dataset, part):
            return super().predictions(model, dataset, part)
        indices = self._scored(dataset, part)
        values = self._shown_values(model, dataset, part, indices)
        return origins_table(dataset, part, indices, values, dataset.codec.target_names)

    def _quick_evaluation(
        self, model: nn.Module, dataset: NumericDataset, part: str, indices: NDArray[np.int64]
    ) -> Evaluation:
        """One-step loss over all these windows; metrics of the recursive forecast from an evenly spaced sample."""
        _, loss = predict_windows(model, self, dataset, part, indices, stateful=False)
        most = max(_FEWEST_SAMPLED, _MOST_SAMPLED // (dataset.config.window * dataset.horizon))
        some = indices[evenly(len(indices), most)]
        with np.errstate(over="ignore", invalid="ignore"):
            prediction = recursive_forecast(model, dataset, part, some)
        scores = _scores(prediction, loss, dataset.truth(part, some), _unit(dataset, part, some))
        of = len(dataset.windows[part])
        return Evaluation(scores.metrics, _NOTHING, len(some), of, replicas=scores.replicas)

    def predicted(
        self, model: nn.Module, dataset: NumericDataset, part: str, indices: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predictions for windows of a split, [n, 1 or T, H, K] in original units, and their mean loss.

        Of R replicas, [R, n, 1 or T, H, K] and [R]. A recursive forecast starts at the end of each window; its loss is
        the one-step loss.
        """
        outputs, loss = predict_windows(model, self, dataset, part, indices, stateful=self.experiment.training.stateful)
        with np.errstate(over="ignore", invalid="ignore"):
            if dataset.recursive:
                return recursive_forecast(model, dataset, part, indices), loss
            if loss.ndim:
                return np.stack([dataset.original(part, indices, own) for own in outputs]), loss
            return dataset.original(part, indices, outputs), loss

    def _score_baselines(self, dataset: NumericDataset, part: str) -> dict[str, BaselineScore]:
        indices = self._scored(dataset, part)
        truth, unit = self._expected(dataset, part)
        own = dataset.series_of(dataset.windows[part].locate(indices)[2])
        series = len(dataset.fit.names) if dataset.fit.by_series else 1
        return {
            name: BaselineScore(
                regression_metrics(prediction, truth, unit),
                error_by_horizon(truth, prediction),
                error_by_series(truth, prediction, own, series),
            )
            for name, prediction in predict_baselines("regression", baseline_inputs(dataset, part, indices)).items()
        }

    def errors(self, model: nn.Module, dataset: NumericDataset, part: str) -> dict[str, NDArray[np.float64]]:
        """Errors of the windows of a split, [n, S, H, K], and of recursive forecasts from them, [n, R, K]."""
        indices = self._scored(dataset, part)
        prediction = ensemble_mean(model, self.predicted(model, dataset, part, indices)[0])
        return errors_of(dataset, part, indices, prediction) | errors_ahead(model, dataset, part)

    def _expected(self, dataset: NumericDataset, part: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Truth and unit of MASE of the scored windows."""
        indices = self._scored(dataset, part)
        return dataset.once(part, "expected", lambda: (dataset.truth(part, indices), _unit(dataset, part, indices)))

    def _scored(self, dataset: NumericDataset, part: str) -> NDArray[np.int64]:
        """See `scored_windows`."""
        per_window = (dataset.config.window if dataset.at_each_step else 1) * dataset.horizon * len(dataset.targets)
        return scored_windows(dataset, part, numbers=per_window, stateful=self.experiment.training.stateful)

    def preview(self, model: nn.Module, dataset: NumericDataset) -> SeriesView | FramesView:
        """Truth and prediction on the validation split."""
        return self._view(model, dataset, dataset.preview_split(), _PREVIEWED)

    def parse_input(self, text: str, codec: NumericCodec) -> NDArray[np.float64]:
        """See `seqcore.tasks.forecasting`."""
        return parse_numbers(text, codec)

    def example(self, codec: NumericCodec) -> str:
        """The last window of the data."""
        rows = codec.tail[-self.experiment.data.window - codec.before :, codec.inputs]
        negligible = np.abs(rows) < 1e-12 * np.nanmax(np.abs(rows), axis=0, initial=0.0)
        rows = np.where(negligible, 0.0, rows)  # 4.0e-14 for the zero of a sine
        return typed_rows(rows, codec)

    def check_input(self, codec: Any, given: Any) -> Iterator[Finding]:
        """Findings: length unlike the training windows, assumed series, assumed dates."""
        yield from check_length(self.experiment, len(given) - codec.before)
        if len(codec.series) > 1:
            message = f"The input is scaled as {codec.series[0]!r}, the first of {len(codec.series):,} series."
            yield Finding("series-assumed", message, severity="info")
        if codec.calendar and dates_of(given) is None:
            message = "The input has no dates; it gets the last dates of the data."
            yield Finding("dates-assumed", message, severity="info")

    def predict(self, model: nn.Module, codec: NumericCodec, given: Any) -> SeriesView | FramesView:
        """Predictions for an input [T] or [T, F] in the units of the codec's first series."""
        rows, times = whole_window(self.experiment, as_rows(given, codec), before=codec.before), dates_of(given)
        times = None if times is None else times[-len(rows) :]
        view = predict_after(model, self.experiment.data, codec, rows, times=times)
        return view if codec.frame is None else frames_view(view, codec.frame)

    def encode(self, codec: NumericCodec, given: Any) -> Tensor:
        """See `Task`. Numbers [before + T, F] of the codec's first series -> [1, T, F + E], scaled."""
        rows, times = whole_window(self.experiment, as_rows(given, codec), before=codec.before), dates_of(given)
        return encoded_rows(self.experiment.data, codec, rows, times=None if times is None else times[-len(rows) :])

    def split_data(self, table: Table, codec: NumericCodec) -> NumericDataset:
        """See `Task`."""
        return NumericDataset(table, self.experiment.data, torch.device("cpu"), codec)

    def step_input(self, data: NumericDataset, part: str, index: int) -> StepInput:
        """See `Task`."""
        return numeric_input(data, part, carried_windows(data, part, index, stateful=self.experiment.training.stateful))

    def typed_input(self, codec: NumericCodec, given: Any) -> StepInput:
        """See `Task`."""
        values = whole_window(self.experiment, as_rows(given, codec), before=codec.before)
        steps = numbered(codec.unit, len(values) - codec.before)
        return StepInput(given, "your input", steps, values[codec.before :], codec.input_names)

    def output_names(self, codec: NumericCodec) -> tuple[str, ...]:
        """See `Task`."""
        steps = 1 if is_recursive(self.experiment.data) else self.experiment.data.horizon
        return forecast_names(self.experiment.data, codec.target_names, steps=steps)

    def explained_names(self, codec: NumericCodec) -> tuple[str, ...]:
        """Every target at every step of the horizon."""
        return forecast_names(self.experiment.data, codec.target_names)

    def explained_forecast(self, model: nn.Module, codec: NumericCodec, given: Any) -> ExplainedForecast:
        """See `Task`."""
        rows, times = whole_window(self.experiment, as_rows(given, codec), before=codec.before), dates_of(given)
        times = None if times is None else times[-len(rows) :]
        return explained_forecast(model, self.experiment.data, codec, rows, times=times)

    def forecast(self, model: nn.Module, codec: NumericCodec, steps: int) -> SeriesView:
        """Forecast from the end of the codec's first series; recursive beyond the horizon."""
        return forecast_on(model, self.experiment.data, codec, steps)

    def forecast_limit(self, codec: NumericCodec) -> tuple[int, str] | None:
        """The steps that are predicted directly, where an input is not a target."""
        data, unknown = self.experiment.data, unknown_input(codec)
        return None if unknown is None or data.lead == 0 else (direct_steps(data), unknown)

    def diagnose(self, evaluation: Evaluation, dataset: NumericDataset, part: str) -> Iterator[Finding]:
        """Findings: predictions of the mean only, broadcast targets, selected scaling, exact baselines."""
        return regression_findings(self.experiment, evaluation, dataset, part)

    def _view(self, model: nn.Module, data: NumericDataset, part: str, points: int) -> SeriesView | FramesView:
        if predicts_frames(data):
            return recursive_frames_view(model, data, part)
        views = []
        for indices in shown_windows(data, part, points, apart=1 if self.experiment.training.stateful else None):
            values = self._shown_values(model, data, part, indices)
            rows = data.origin_rows(part, indices) + data.lead
            if data.at_each_step:  # one prediction at each step: the first of its horizon
                values = {name: v[..., 0, :] for name, v in values.items()}
            else:
                values, rows = {name: v[..., 0, :, :] for name, v in values.items()}, rows + np.arange(data.horizon)
            views.append(joined(data, rows, values))
        return side_by_side(views)

    def _shown_values(
        self, model: nn.Module, data: NumericDataset, part: str, indices: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float64]]:
        """Prediction and truth of windows, [n, S, H, K]; with intervals low and high, and those of the replicas."""
        each, _ = self.predicted(model, data, part, indices)
        prediction = ensemble_mean(model, each)
        values = {"prediction": prediction, "truth": data.truth(part, indices)}
        values |= {"replicas": each} if replica_count(model) > 1 else {}
        if (band := band_of(data, part, indices, prediction)) is not None:
            values |= dict(zip(("low", "high"), band, strict=True))
        return values


_NOTHING = SeriesView(np.zeros(0), np.zeros((0, 1)))


def _scores(
    prediction: NDArray[np.float64], loss: NDArray[np.float64], truth: NDArray[np.float64], unit: NDArray[np.float64]
) -> Scores:
    """Loss and metrics of predictions [n, S, H, K], or of replicas [R, n, S, H, K] and their losses [R]."""
    with np.errstate(over="ignore", invalid="ignore"):  # diverged models are evaluated too
        if not loss.ndim:
            return Scores({"loss": float(loss), **regression_metrics(prediction, truth, unit)})
        each = zip(loss.tolist(), prediction, strict=True)
        return over_replicas([{"loss": own, **regression_metrics(found, truth, unit)} for own, found in each])


@decoding("the fitted state of the baselines")
def _unit(data: NumericDataset, part: str, indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """MASE denominator of each window, [n, 1, 1, K]: mean absolute one-step difference in the training split."""
    series = data.series_of(data.windows[part].locate(indices)[2])
    steps: NDArray[np.float64] = data.baseline_facts["naive_step"][series]
    return steps.reshape(len(series), 1, 1, len(data.targets))
