"""Predictor: a trained model with its codec, in original units and symbols."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from seqcore.data.codec import Codec
from seqcore.data.sources import SOURCES
from seqcore.data.sources.stored_file import FileOptions, Trained
from seqcore.data.step_units import StepUnit
from seqcore.data.stored_codec import decoding
from seqcore.data.table import Table
from seqcore.errors import PredictionError, no_number
from seqcore.evaluation.interruption import interruptible
from seqcore.evaluation.metrics import Evaluation
from seqcore.events import Finding
from seqcore.experiment.experiment import Experiment, settings_of
from seqcore.inference.input_schema import InputSchema
from seqcore.inference.overlap import overlap_finding
from seqcore.models.replicated import Replicated, replica_count
from seqcore.results import SeriesView, View
from seqcore.results.table import TableView
from seqcore.tasks import TASKS
from seqcore.tasks.model_summary import Summary, summarize
from seqcore.tasks.scaling_search import choice_view
from seqcore.tasks.task import Example, Task
from seqcore.training.checkpoint import loaded_model, unpack
from seqcore.training.isolated_rng import on_one_thread
from seqcore.training.progress import restored_progress
from seqcore.training.stored_state import restored_experiment

__all__ = ["At", "Evaluation", "Predictor", "Summary", "summarize"]

At = Literal["best", "last"]
MOST_STEPS = 100_000  # of one forecast or one generated text
_CPU = torch.device("cpu")


class Predictor:
    """A trained model, made by `from_checkpoint`. Its weights are from `step`, after `epoch` epochs.

    Of replicas, predictions are the ensemble's: the mean of their numbers or probabilities, with those of each in
    `replicas` of the view. Metrics are medians over replicas, with the values of each.
    """

    def __init__(
        self, experiment: Experiment, task: Task, codec: Codec, model: nn.Module, step: int, epoch: int
    ) -> None:
        self.experiment, self.step, self.epoch = experiment, step, epoch
        self._task, self._codec, self._model = task, codec, model.eval()
        names = tuple(dict.fromkeys((*self.columns, *self.targets)))
        self._input_schema = InputSchema(self.input_kind, names, codec.classes)

    @classmethod
    def from_checkpoint(cls, content: bytes, *, at: At = "best") -> Predictor:
        """Load the best weights by validation loss, or the last ones. CorruptError if the content is damaged."""
        checkpoint = unpack(content)
        experiment = restored_experiment(checkpoint)
        task: Task = TASKS[experiment.data.task].load()(experiment)
        codec = task.codec_type.from_dict(checkpoint.part("codec"), checkpoint.arrays("codec"))
        progress = restored_progress(checkpoint)
        best = checkpoint.group("best") if at == "best" else {}
        with decoding("the checkpoint"):
            count = experiment.training.replicas

            def build() -> nn.Module:
                one = task.build_model(codec)
                return one if count == 1 else Replicated.untrained(one, count)

            model = loaded_model(build, best or checkpoint.group("model"))
            step, epoch = progress.step, progress.epoch
            if best and progress.best_step is not None and progress.best_epoch is not None:
                step, epoch = progress.best_step, progress.best_epoch
            return cls(experiment, task, codec, model, step, epoch)

    @property
    def input_kind(self) -> str:
        """Kind of input of `predict`: "numbers", "symbols", "sequence", "sentence", "sound" or "frames"."""
        return self._codec.input_kind

    @property
    def task(self) -> Task:
        """What the model was trained for."""
        return self._task

    @property
    def model(self) -> nn.Module:
        """The network with its weights, in evaluation mode; of replicas all of them, see `replica`."""
        return self._model

    def codec(self, series: str | None = None) -> Codec:
        """The conversion to the model's inputs, or that of one of several series. PredictionError for another name."""
        return self._codec if series is None else self._codec.of(series)

    @property
    def replicas(self) -> int:
        """How many models were trained together, with consecutive seeds."""
        return replica_count(self._model)

    def replica(self, number: int) -> Predictor:
        """One of the replicas as a model of its own, numbered from 0. PredictionError where there is none."""
        if not isinstance(self._model, Replicated) or not 0 <= number < self.replicas:
            raise no_number("replica", number, self.replicas)
        training = self.experiment.training
        changes = {"training.replicas": 1, "training.seed": training.seed + number}
        experiment = self.experiment.with_changes(changes)
        model = self._model.alone(number)
        return Predictor(experiment, type(self._task)(experiment), self._codec, model, self.step, self.epoch)

    @property
    def continuation(self) -> str | None:
        """How the model continues beyond its data: "forecast" (numbers), "generate" (text) or None."""
        return self._task.continuation

    @property
    def columns(self) -> tuple[str, ...]:
        """Input columns; empty for symbols."""
        return self._codec.input_names

    @property
    def targets(self) -> tuple[str, ...]:
        """Target columns; empty for symbols and classes."""
        return self._codec.target_names

    @property
    def resolved_experiment(self) -> Experiment:
        """The experiment with `data.scaling = "auto"` replaced by the scaling that was chosen."""
        choice = self._codec.choice
        return self.experiment.with_changes({"data.scaling": choice[0][0]}) if choice else self.experiment

    @property
    def scaling_search(self) -> TableView | None:
        """The validation errors by which `data.scaling = "auto"` was decided; None where it was not."""
        return choice_view(self._codec)

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the series of the training data, each with its own scale; empty if there is only one."""
        return self._codec.series

    @property
    def series_title(self) -> str:
        """The name of the column of the training data that names the series; "series" where none is known."""
        return self._codec.series_title

    @property
    def forecast_series(self) -> tuple[str, ...]:
        """The series that can be forecast: of very many, a model keeps the ends of the first ones only."""
        return self._codec.with_ends

    @property
    def frame(self) -> tuple[int, int] | None:
        """(height, width) of the frames that the model predicts, else None."""
        return self._codec.frame if self.input_kind == "frames" else None

    @property
    def unit(self) -> StepUnit:
        """Unit of an input step, such as "day" or "word"."""
        return self._codec.unit

    @property
    def symbols(self) -> tuple[str, ...]:
        """Vocabulary without the unknown symbol; empty for numbers."""
        vocabulary = self._codec.symbols_known
        return vocabulary.symbols[1:] if vocabulary is not None else ()

    @property
    def file_options(self) -> FileOptions:
        """Options for reading a file of new data: those of the training data's file, if it came from one."""
        data = self.experiment.data
        own = SOURCES[data.source].load()
        options = own(**data.options) if issubclass(own, FileOptions) else FileOptions()
        known = {"kind": self._task.file_kind(self._codec)}
        vocabulary = self._codec.symbols_known
        if vocabulary is not None:
            known["level"] = "words" if vocabulary.separator else "characters"
        options = options.for_missing(data.missing)
        options = options.model_copy(update={name: v for name, v in known.items() if getattr(options, name) == "auto"})
        return options.for_model(Trained(self._input_schema.columns, self._input_schema.labels))

    def read_file(
        self,
        content: str | os.PathLike[str] | bytes,
        *,
        name: str,
        on_progress: Callable[[float], None] | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Table:
        """Read new data from a path or bytes, for `evaluate` and `predict`.

        `changes` are import options that differ from those of the training data: {"data.options.header": "no"}.
        DataError with a line for each fault, or with the input that the model needs if the file has another kind.
        ExperimentError for an invalid option.
        """
        from seqcore.data.readers.read_table import read_table

        return self._input_schema.read(
            lambda options: read_table(content, name=name, options=options, on_progress=on_progress),
            self._changed_options(changes or {}),
            name=name,
        )

    def labels_note(self, table: Table) -> str:
        """A sentence about labels of new data that the model does not know; "" if there are none."""
        return self._input_schema.labels_note(table)

    def _changed_options(self, changes: Mapping[str, Any]) -> FileOptions:
        options = self.file_options
        values = {name: getattr(options, name) for name in FileOptions.model_fields}
        checked = Experiment.make({"data": {"source": "file", "options": values}}).with_changes(changes)
        return options.model_copy(update={name: checked.data.options[name] for name in values})

    def parse_input(self, text: str) -> Any:
        """Parse typed input such as "70, 80, 90" or "abcd" for `predict`. PredictionError."""
        return self._task.parse_input(text, self._codec)

    def example(self) -> str:
        """An example of typed input: the end of the training data."""
        return self._task.example(self._codec)

    def predict(self, given: Any, *, series: str | None = None, beam: int | None = None) -> View:
        """Predict for one input of any length from 1 up: text, numbers [T] or [T, F], or a Table of new data.

        Numbers are in original units. `series` names the series they belong to, if the model was trained on several
        (default: the first). `beam` overrides the beam width of a translation model (1: greedy). PredictionError for an
        input that can't be used, and for weights that are not finite; ExperimentError for a beam width out of range.
        """
        self.check_weights()
        task = self._task_with(beam)
        if isinstance(given, str):
            given = self.parse_input(given)
        if isinstance(given, Table):
            given = self._input_schema.match(given)
        with on_one_thread():
            return task.predict(self._model, self.codec(series), given)

    def check_weights(self) -> None:
        """PredictionError where training had diverged by the step of the weights: of several seeds, that of each."""
        finite = torch.stack([_finite(weight, self.replicas) for weight in self._model.parameters()])
        if not bool(finite.all(dim=0).any()):
            raise PredictionError(
                f"input: the weights of step {self.step:,} are not finite, because training diverged; choose an "
                "earlier step, or train with a lower learning rate"
            )

    def _task_with(self, beam: int | None, **changes: Any) -> Task:
        """The task with another beam width and other `data` fields. PredictionError, ExperimentError."""
        changes = {f"data.{name}": value for name, value in changes.items()}
        if beam is not None:
            if not self.experiment.applies(next(s for s in settings_of(self.experiment) if s.path == "model.beam")):
                raise PredictionError("beam: this model does not translate; leave beam out")
            changes["model.beam"] = beam
        return type(self._task)(self.experiment.with_changes(changes)) if changes else self._task

    def can_score(self, table: Table) -> bool:
        """Whether new data have targets, as `evaluate` needs; without them, `predict` takes the table."""
        return self._task.can_score(table)

    def is_partly_labeled(self, table: Table) -> bool:
        """Whether some sequences of new data have no label; `evaluate` takes the others."""
        return self.can_score(table) and table.labels is not None and bool(np.any(table.labels == ""))

    def examples(self, table: Table, split: str) -> list[Example]:
        """Examples from a split of the training data to predict; empty if input is typed."""
        return self._task.examples(self._codec, table, split)

    def check_input(self, given: Any, *, series: str | None = None) -> list[Finding]:
        """Findings about an input, such as a length that differs from the training windows."""
        given = self.parse_input(given) if isinstance(given, str) else given
        return list(self._task.check_input(self.codec(series), given))

    def forecast(self, steps: int, *, series: str | None = None) -> SeriesView:
        """Forecast beyond the end of the training data: [steps, K] in original units, with dates. PredictionError.

        `series` names one of several series (default: the first).
        """
        _check_steps(steps)
        self.check_weights()
        with on_one_thread():
            return self._task.forecast(self._model, self.codec(series), steps)

    @property
    def forecast_limit(self) -> tuple[int, str] | None:
        """The most steps of a forecast, and the input whose future values more steps would need; None without one."""
        return self._task.forecast_limit(self._codec)

    def generate(self, prompt: str, steps: int, *, temperature: float = 1.0, seed: int = 0, top_k: int = 0) -> str:
        """Sample `steps` symbols after a prompt. PredictionError.

        Temperature 1 samples from the predicted probabilities, 0 takes the most probable symbol; `top_k` samples from
        the k most probable symbols (0: all).
        """
        _check_steps(steps)
        if not (np.isfinite(temperature) and 0.0 <= temperature <= 100.0):
            raise PredictionError(f"temperature: {temperature} is not allowed; use a number from 0 to 100")
        if seed < 0:
            raise PredictionError(f"seed: {seed} is not allowed; use a whole number from 0 up")
        self.check_weights()
        with on_one_thread():
            return self._task.generate(
                self._model, self._codec, prompt, steps, temperature=temperature, seed=seed, top_k=top_k
            )

    def of(self, series: str) -> Predictor:
        """The same model for one of several series, in its scale and from its end. PredictionError."""
        return Predictor(self.experiment, self._task, self.codec(series), self._model, self.step, self.epoch)

    def interruptible(self, wanted: Callable[[], bool]) -> AbstractContextManager[None]:
        """Within this context, `evaluate` raises EvaluationInterrupted once `wanted()` is true."""
        return interruptible(wanted)

    def evaluate(
        self, table: Table, *, split: str | None = None, points: int = 2_000, beam: int | None = None
    ) -> Evaluation:
        """Metrics of the model and of every baseline, and predictions of up to `points` steps.

        With a `split` ("train", "val", "test"), `table` is the run's own data; without, all of it is new data.
        `beam` as in `predict`. DataError, PredictionError.
        """
        with on_one_thread():
            task, dataset = self._scored_data(table, split, beam)
            return task.evaluate(self._model, dataset, split or "train", points=points)

    def predictions(self, table: Table, *, split: str | None = None, beam: int | None = None) -> View:
        """All predictions that `evaluate` scores, for export; of a forecast of several steps those from every origin.

        Arguments and errors as in `evaluate`.
        """
        with on_one_thread():
            task, dataset = self._scored_data(table, split, beam)
            return task.predictions(self._model, dataset, split or "train")

    def check_new(self, trained: Table, new: Table) -> list[Finding]:
        """Findings about new data beside `trained`, the run's own: rows that lie in the training period."""
        found = overlap_finding(self.experiment.data, trained, new)
        return [] if found is None else [found]

    def _scored_data(self, table: Table, split: str | None, beam: int | None) -> tuple[Task, Any]:
        """The dataset of a split, or of new data, and the task that scores it."""
        task = self._task_with(beam)
        if split is None:
            table = self._input_schema.match(table)
            if self.is_partly_labeled(table) and table.labels is not None:
                table = table.select(np.flatnonzero(table.labels != ""))
            task = self._task_with(beam, validation_fraction=0.0, test_fraction=0.0, stride=1)
        dataset = task.make_dataset(table, _CPU, self._codec)
        if split is not None and len(dataset.windows[split]) == 0:
            there = ", ".join(name for name, size in dataset.sizes().items() if size)
            raise PredictionError(f"split: this run has no {split} split; use one of {there}")
        return task, dataset


def _finite(weight: Tensor, replicas: int) -> Tensor:
    """Whether a weight of each replica is finite, [replicas]."""
    return torch.isfinite(weight.detach().reshape(replicas, -1)).all(dim=1)


def _check_steps(steps: int) -> None:
    if not 1 <= steps <= MOST_STEPS:
        raise PredictionError(f"steps: {steps} is not allowed; use a whole number from 1 to {MOST_STEPS}")
