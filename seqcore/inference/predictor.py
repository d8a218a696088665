"""A finished model with its codec: takes and gives the user's own units and words."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from seqcore.data.sources import SOURCES
from seqcore.data.sources.stored_file import FileOptions
from seqcore.data.step_units import STEP, StepUnit
from seqcore.data.table import Table
from seqcore.errors import PredictionError
from seqcore.evaluation.interruption import interruptible
from seqcore.evaluation.metrics import Evaluation
from seqcore.experiment.experiment import Experiment
from seqcore.inference.input_schema import Needs
from seqcore.results import SeriesView, View
from seqcore.tasks import TASKS
from seqcore.tasks.model_summary import Summary, summarize
from seqcore.tasks.task import Example, Task
from seqcore.training.checkpoint import load_weights, unpack
from seqcore.training.isolated_rng import on_one_thread
from seqcore.training.state import restored_experiment

__all__ = ["At", "Evaluation", "Predictor", "Summary", "summarize"]

At = Literal["best", "last"]
MOST_STEPS = 100_000  # of one forecast or one generated text
_CPU = torch.device("cpu")


class Predictor:
    """Made by `from_checkpoint`. `experiment` is the run's own; the weights are from `step`, after `epoch` epochs."""

    def __init__(self, experiment: Experiment, task: Task, codec: Any, model: nn.Module, step: int, epoch: int) -> None:
        self.experiment, self.step, self.epoch = experiment, step, epoch
        self._task, self._codec, self._model = task, codec, model.eval()

    @classmethod
    def from_checkpoint(cls, content: bytes, *, at: At = "best") -> Predictor:
        """The best weights by validation loss, or the last ones. CorruptError where the bytes are damaged."""
        checkpoint = unpack(content)
        experiment = restored_experiment(checkpoint)
        task: Task = TASKS[experiment.data.task].load()(experiment)
        codec = task.codec_from_dict(checkpoint.meta["codec"], checkpoint.arrays("codec"))
        model = task.build_model(codec)
        best = checkpoint.group("best") if at == "best" else {}
        load_weights(model, best or checkpoint.group("model"))
        progress = checkpoint.meta["progress"]
        chosen = "best_" if best and progress["best_step"] is not None else ""
        step, epoch = progress[f"{chosen}step"], progress[f"{chosen}epoch"]
        return cls(experiment, task, codec, model, int(step), int(epoch))

    @property
    def input_kind(self) -> str:
        """What `predict` takes: "numbers", "symbols", "sentence", "sound" or "frames"."""
        kind: str = self._codec.input_kind
        return kind

    @property
    def onward(self) -> str | None:
        """How the model goes on from what it knows: "forecast" (numbers), "generate" (text), or not at all."""
        return self._task.continuation

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the model sees; empty for symbols."""
        return getattr(self._codec, "input_names", ())

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns that it predicts; empty for symbols."""
        return getattr(self._codec, "target_names", ())

    @property
    def settled(self) -> Experiment:
        """The experiment with what its training settled by trial: the scaling, where that was left to it."""
        choice = getattr(self._codec, "choice", ())
        return self.experiment.with_changes({"data.scaling": choice[0][0]}) if choice else self.experiment

    @property
    def series(self) -> tuple[str, ...]:
        """The names of the series that it learned from, each with a scale of its own; empty where there is one."""
        return getattr(self._codec, "series", ())

    @property
    def frame(self) -> tuple[int, int] | None:
        """(height, width) where rows of numbers are pictures that it predicts; None otherwise."""
        return self._codec.frame if self.input_kind == "frames" else None

    @property
    def unit(self) -> StepUnit:
        """What a step of an input is, for people."""
        return getattr(self._codec, "unit", STEP)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that it knows; empty for numbers."""
        vocabulary = getattr(self._codec, "vocabulary", None)
        return vocabulary.symbols[1:] if vocabulary is not None else ()

    @property
    def file_options(self) -> FileOptions:
        """How a file of new data is read: as the training data's own file was, where they came from one."""
        data = self.experiment.data
        own = SOURCES[data.source].load()
        options = own(**data.options) if issubclass(own, FileOptions) else FileOptions()
        known = {"kind": self._task.file_kind(self._codec)}
        vocabulary = getattr(self._codec, "vocabulary", None)
        if vocabulary is not None:
            known["level"] = "words" if vocabulary.separator else "characters"
        options = options.for_missing(data.missing)
        return options.model_copy(update={name: v for name, v in known.items() if getattr(options, name) == "auto"})

    def read_file(
        self,
        content: str | os.PathLike[str] | bytes,
        *,
        name: str,
        on_progress: Callable[[float], None] | None = None,
    ) -> Table:
        """New data in a file (a path) or its bytes, as `evaluate` and `predict` take them.

        DataError: a line for each fault, or what the model needs where the file holds something else.
        """
        from seqcore.data.readers.read_table import read_table

        return self._needs.table_in(
            lambda options: read_table(content, name=name, options=options, on_progress=on_progress),
            self.file_options,
            name=name,
        )

    @property
    def _needs(self) -> Needs:
        return Needs(self.input_kind, tuple(dict.fromkeys((*self.columns, *self.targets))))

    def parse_input(self, text: str) -> Any:
        """What a person typed, as `predict` takes it: "70, 80, 90" or "abcd". PredictionError."""
        return self._task.parse_input(text, self._codec)

    def example(self) -> str:
        """An input as a person would type it: the end of the training data."""
        return self._task.example(self._codec)

    def predict(self, given: Any, *, series: str | None = None, beam: int | None = None) -> View:
        """The answer to one input of any length from 1 up: text, numbers [T] or [T, F], or symbols. PredictionError.

        `series` names whose values they are, where a model learned from several; the first one's otherwise. `beam` is
        how many translations a translator keeps in mind (1: greedy), where that isn't the experiment's own number.
        ExperimentError where it isn't from 1 to 50.
        """
        task = self._searching(beam)
        if isinstance(given, str):
            given = self.parse_input(given)
        if isinstance(given, Table):
            given = self._needs.suited(given)
        with on_one_thread():
            return task.predict(self._model, self._codec_of(series), given)

    def _searching(self, beam: int | None, **changes: Any) -> Task:
        """The task with another width of search, and other changes of the data. PredictionError, ExperimentError."""
        changes = {f"data.{name}": value for name, value in changes.items()}
        if beam is not None:
            if self.input_kind != "sentence":
                raise PredictionError("beam: this model doesn't translate, so there is nothing to search for")
            changes["model.beam"] = beam
        return type(self._task)(self.experiment.with_changes(changes)) if changes else self._task

    def can_score(self, table: Table) -> bool:
        """Whether new data hold the truth, for `evaluate`; where they don't, `predict` answers a table."""
        return self._task.can_score(table)

    def examples(self, table: Table, part: str) -> list[Example]:
        """Inputs of a part of the run's own data to choose from; none where one types an input."""
        return self._task.examples(self._codec, table, part)

    def notes(self, given: Any, *, series: str | None = None) -> str | None:
        """What should be known of this input: that its length isn't what the model was trained on, as an example."""
        return self._task.input_warning(
            self._codec_of(series), self.parse_input(given) if isinstance(given, str) else given
        )

    def forecast(self, steps: int, *, series: str | None = None) -> SeriesView:
        """On from the end of the data, in its units, with its dates: [steps, K]. PredictionError.

        `series` names which of several goes on; the first one otherwise.
        """
        _check_steps(steps)
        with on_one_thread():
            return self._task.forecast(self._model, self._codec_of(series), steps)

    def generate(self, prompt: str, steps: int, *, temperature: float = 1.0, seed: int = 0, top_k: int = 0) -> str:
        """`steps` symbols that follow a prompt, drawn by their probabilities. PredictionError.

        A temperature below 1 keeps to what is likely, 0 always takes the likeliest; `top_k` draws from so many of the
        likeliest only (0: from all).
        """
        _check_steps(steps)
        if not (np.isfinite(temperature) and 0.0 <= temperature <= 100.0):
            raise PredictionError(f"temperature: {temperature} is not allowed; use a number from 0 to 100")
        with on_one_thread():
            return self._task.generate(
                self._model, self._codec, prompt, steps, temperature=temperature, seed=seed, top_k=top_k
            )

    def of(self, series: str) -> Predictor:
        """The same model for one of several series, in its scale and from its end. PredictionError."""
        return Predictor(self.experiment, self._task, self._codec_of(series), self._model, self.step, self.epoch)

    def _codec_of(self, series: str | None) -> Any:
        """The codec, or that of one of several series. PredictionError where there is none of this name."""
        if series is None:
            return self._codec
        if not hasattr(self._codec, "of"):
            raise PredictionError("series: this model was not made from series of numbers; name none")
        return self._codec.of(series)

    def interruptible(self, wanted: Callable[[], bool]) -> AbstractContextManager[None]:
        """Within this context, `evaluate` raises EvaluationInterrupted once `wanted()` is true."""
        return interruptible(wanted)

    def evaluate(
        self, table: Table, *, part: str | None = None, points: int = 2_000, beam: int | None = None
    ) -> Evaluation:
        """Scores beside every baseline, and a view of up to `points` steps.

        With a `part` ("train", "val", "test") `table` is the run's own; without, all of it is new data. DataError.
        `beam` as in `predict`.
        """
        task, codec = self._searching(beam), self._codec
        if part is None:
            table = self._needs.suited(table)
            task = self._searching(beam, validation_fraction=0.0, test_fraction=0.0, stride=1)
        with on_one_thread():
            dataset = task.make_dataset(table, _CPU, codec)
            if part is not None and len(dataset.windows[part]) == 0:
                raise PredictionError(f"part: this run has no {part} part; use one of {_parts(dataset.sizes())}")
            return task.evaluate(self._model, dataset, part or "train", points=points)


def _parts(sizes: dict[str, int]) -> str:
    return ", ".join(part for part, size in sizes.items() if size)


def _check_steps(steps: int) -> None:
    if not 1 <= steps <= MOST_STEPS:
        raise PredictionError(f"steps: {steps} is not allowed; use a whole number from 1 to {MOST_STEPS}")
