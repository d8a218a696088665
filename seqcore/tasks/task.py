"""The task interface, and the evaluation pass over windows that tasks share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.dataset import Batch, Dataset
from seqcore.data.stored_codec import decoding
from seqcore.data.table import Table
from seqcore.errors import PredictionError
from seqcore.evaluation.interruption import check_interrupted
from seqcore.evaluation.metrics import BaselineScore, Evaluation
from seqcore.events import Finding, Preparing
from seqcore.experiment.experiment import Experiment
from seqcore.models import MODELS, capabilities_of
from seqcore.models.architecture import evaluation_mode
from seqcore.models.replicated import carried_state, of_each, replica_count
from seqcore.models.sequence_model import SequenceModel
from seqcore.models.state import State
from seqcore.results import SeriesView, View
from seqcore.results.formatting import counted
from seqcore.tasks.inspection import ExplainedForecast, Stage, StepInput

__all__ = ["Example", "Task", "batches_by_length", "check_length", "predict_windows", "scored_windows", "whole_window"]

MOST_CARRIED = 2_000  # windows scored in a stateful evaluation
ALL_POINTS = 1_000_000  # time steps of an export
MOST_SCORED = 50_000  # windows scored in one split; of more, an evenly spaced sample
_MOST_NUMBERS = 4_000_000  # targets in one evaluation
_NUMBERS_AT_ONCE = 400_000
_SEQUENCES_AT_ONCE = 256


class Example(NamedTuple):
    """One example of the data: `given` is an input of `predict`, `truth` its label if known."""

    name: str
    truth: str | None
    given: Any


class Task(ABC):
    """What is learned, for one experiment. `metric` is the main metric of its summary."""

    metric: str
    codec_type: ClassVar[Any]  # `codec_type.from_dict(d, arrays)` is the codec of a checkpoint
    unit: ClassVar[str] = "window"  # one item of a batch
    reference: ClassVar[tuple[str, ...]] = ()  # reference baselines of the summary, the first available one is used
    intervals: ClassVar[bool] = False  # whether prediction intervals are supported; see `errors`
    continuation: ClassVar[Literal["forecast", "generate"] | None] = None  # kind of continuation beyond the input
    categorical: ClassVar[bool] = False  # whether outputs are logits of symbols or classes
    writes_sequences: ClassVar[bool] = False  # whether a decoder writes an output of its own length
    explained_unit: ClassVar[str] = "log-probability"  # of symbols or classes, in which attributions are given

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment

    @property
    def same_operations(self) -> bool:
        """Whether every training step is the same operations on its batch, without numbers drawn on the CPU."""
        return True

    def check(self, table: Table) -> None:
        """DataError if the table does not fit the experiment: columns, missing values, windows, vocabulary."""
        self.make_windows(table, torch.device("cpu"))

    def search_preprocessing(self, table: Table, device: torch.device) -> Iterator[Preparing]:
        """Search preprocessing choices for this table before `make_dataset`, with progress events; otherwise
        `make_dataset` runs the search itself."""
        yield from ()

    @abstractmethod
    def make_dataset(self, table: Table, device: torch.device, codec: Any = None) -> Any:
        """The dataset with its codec. With a `codec`, the table is new data for a trained model."""

    def make_windows(self, table: Table, device: torch.device) -> Any:
        """The dataset without fitted baselines, for inspecting windows. DataError."""
        return self.make_dataset(table, device)

    def frozen_codec(self, codec: Any) -> Any:
        """The codec if a resumed run must keep its searched choices; None if it is fitted again."""
        return None

    @abstractmethod
    def build_meta_model(self, table: Table) -> nn.Module:
        """The model for a table without the dataset, for a summary on the meta device."""

    @abstractmethod
    def build_model(self, codec: Any) -> nn.Module:
        """An initialized model: `forward(inputs, state, lengths) -> (outputs, state)`."""

    def forward(self, model: nn.Module, batch: Batch, state: State, progress: float) -> tuple[Tensor, State]:
        """Outputs for a batch, and the state after it.

        `progress` is the completed fraction of the run, 0 to 1; it is 1 in evaluation.
        """
        outputs, state = model(batch.inputs, state, batch.lengths)
        return outputs, state

    @abstractmethod
    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The training loss, in scaled units."""

    @property
    def plain_loss(self) -> str | None:
        """The name in `seqcore.models.losses.LOSSES` of the loss where that is its mean over all targets of a batch
        without `lengths` and `extra`, and `forward` is the model's own; None elsewhere."""
        return None

    @abstractmethod
    def evaluate(
        self, model: nn.Module, dataset: Any, part: str, *, points: int = 300, full: bool = True
    ) -> Evaluation:
        """Metrics of model and baselines in original units, and result views; if not `full`, only metrics.

        Of replicas, metrics are medians, with the values of each; results are those of the ensemble.
        """

    def predictions(self, model: nn.Module, dataset: Any, part: str) -> View:
        """Everything that `evaluate` scores, for export: its scores can be computed from it."""
        return self.evaluate(model, dataset, part, points=ALL_POINTS).view

    def score_baselines(self, dataset: Any, part: str) -> dict[str, BaselineScore]:
        """Every baseline's scores on the windows that `evaluate` scores: found once for a dataset and split."""
        known: dict[str, dict[str, BaselineScore]] = dataset.baseline_scores
        if part not in known:
            # A checkpoint may hold anything.
            with decoding("the fitted state of the baselines"), np.errstate(invalid="ignore", over="ignore"):
                known[part] = self._score_baselines(dataset, part)
        return known[part]

    def baseline_metrics(self, dataset: Any, part: str) -> dict[str, dict[str, float]]:
        """The metrics of `score_baselines` alone, by baseline."""
        return {name: score.metrics for name, score in self.score_baselines(dataset, part).items()}

    @abstractmethod
    def _score_baselines(self, dataset: Any, part: str) -> dict[str, BaselineScore]: ...

    def errors(self, model: nn.Module, dataset: Any, part: str) -> dict[str, NDArray[np.float64]]:
        """Prediction errors on a split, [n, ...] by name; only for tasks with `intervals`."""
        return {}

    @abstractmethod
    def preview(self, model: nn.Module, dataset: Any) -> View:
        """A small view of current predictions during training."""

    @abstractmethod
    def parse_input(self, text: str, codec: Any) -> Any:
        """Parse typed text into an input of `predict`. PredictionError."""

    @abstractmethod
    def example(self, codec: Any) -> str:
        """An example input as text."""

    @abstractmethod
    def predict(self, model: nn.Module, codec: Any, given: Any) -> View:
        """The prediction for one input. PredictionError for an invalid input."""

    def can_score(self, table: Table) -> bool:
        """Whether new data contain the targets needed for metrics."""
        return True

    def file_kind(self, codec: Any) -> str:
        """The `FileOptions.kind` used to read a file of new data; detected by default."""
        return "auto"

    def examples(self, codec: Any, table: Table, part: str) -> list[Example]:
        """Examples of a split to choose from; none where inputs are typed."""
        return []

    def encode(self, codec: Any, given: Any) -> Tensor:
        """One input of `predict` as the model takes it: [1, T, F], or codes [1, T]. PredictionError."""
        raise PredictionError("probe: this task does not support probing its models")

    def split_data(self, table: Table, codec: Any) -> Any:
        """The run's own data in windows, scaled as for the model; without baselines."""
        return self.make_dataset(table, torch.device("cpu"), codec)

    def step_input(self, data: Any, part: str, index: int) -> StepInput:
        """One window or sequence of a split of `split_data`, and what its steps are."""
        raise PredictionError("probe: this task does not support probing its models")

    def typed_input(self, codec: Any, given: Any) -> StepInput:
        """What the steps of a parsed input are."""
        raise PredictionError("probe: this task does not support probing its models")

    def first_stage(self, model: nn.Module, inputs: Tensor) -> Stage:
        """The architecture that reads inputs [B, ...] of `encode`, and what of them it reads."""
        assert isinstance(model, SequenceModel)
        return Stage("", model.backbone, model.features(inputs))

    def stages(self, model: nn.Module, codec: Any, inputs: Tensor) -> list[Stage]:
        """All architectures of a model and what each reads for one input of `encode`, the first one first."""
        return [self.first_stage(model, inputs)]

    def single_batch(self, model: nn.Module, codec: Any, inputs: Tensor) -> Batch:
        """An input of `encode` as a batch whose targets are not known; a translator is given its own translation."""
        return Batch(inputs, inputs.new_zeros(1))

    def scores(self, outputs: Tensor) -> Tensor:
        """Outputs [..., O] as what a prediction is: scaled numbers, or log-probabilities of symbols and classes."""
        return torch.log_softmax(outputs, dim=-1) if self.categorical else outputs

    def explained_scores(self, outputs: Tensor) -> Tensor:
        """Outputs [..., O] of symbols or classes as what `explained_unit` names."""
        return self.scores(outputs)

    def output_names(self, codec: Any) -> tuple[str, ...]:
        """What the outputs of a model are called, [O]."""
        return ()

    def explained_names(self, codec: Any) -> tuple[str, ...]:
        """What can be explained of a prediction: by default the outputs."""
        return self.output_names(codec)

    def written(self, codec: Any, batch: Batch) -> tuple[str, ...]:
        """What a decoder writes for a batch of one row, a word an output; empty where outputs belong to inputs."""
        return ()

    def explained_forecast(self, model: nn.Module, codec: Any, given: Any) -> ExplainedForecast | None:
        """The prediction for an input of `predict` as a function of its rows, in original units; `model` in double
        precision. None where predictions are probabilities. PredictionError."""
        return None

    def check_input(self, codec: Any, given: Any) -> Iterator[Finding]:
        """Findings about an input that differs from the training data."""
        yield from ()

    def forecast(self, model: nn.Module, codec: Any, steps: int) -> SeriesView:
        """Forecast beyond the end of the data. PredictionError if not supported."""
        raise PredictionError("forecast: this task does not support forecasting; use predict")

    def forecast_limit(self, codec: Any) -> tuple[int, str] | None:
        """The most steps of a forecast, and the input whose future values more steps would need; None without one."""
        return None

    def generate(
        self, model: nn.Module, codec: Any, prompt: str, steps: int, *, temperature: float, seed: int, top_k: int = 0
    ) -> str:
        """Generated continuation of a prompt. PredictionError if not supported."""
        raise PredictionError("generate: this task does not support text generation; use predict")

    def diagnose(self, evaluation: Evaluation, dataset: Any, part: str) -> Iterator[Finding]:
        """Findings about a trained model."""
        yield from ()


def whole_window(experiment: Experiment, given: Any, *, before: int = 0) -> Any:
    """An input as the architecture can read it: its last window of steps where the window is fixed, else all of it.

    `before` are steps in front of the window that its scaling needs. PredictionError where the input is too short.
    """
    if not capabilities_of(experiment.model.architecture).fixed_window:
        return given
    needed = experiment.data.window + before
    if len(given) < needed:
        title = MODELS[experiment.model.architecture].title
        raise PredictionError(
            f"input: {counted(len(given), 'step')} given; {title} reads whole windows, so give at least {needed}"
        )
    return given[-needed:]


def check_length(experiment: Experiment, steps: int) -> Iterator[Finding]:
    """A finding where the number of steps differs from the training windows."""
    data = experiment.data
    shortest = data.min_window or data.window
    if not shortest <= steps <= data.window:
        trained = f"{shortest} to {data.window}" if shortest < data.window else str(data.window)
        message = f"This input has {counted(steps, 'step')}; the model was trained on windows of {trained}."
        yield Finding("input-length", message, severity="info")


def scored_windows(data: Dataset, part: str, *, numbers: int, stateful: bool) -> NDArray[np.int64]:
    """The windows to evaluate: all of a split, or an evenly spaced sample of a long one.

    `numbers` is the number of targets of one window. Stateful evaluation uses consecutive windows from the start.
    """
    most = min(MOST_SCORED, max(1, _MOST_NUMBERS // numbers))
    if stateful:
        return np.arange(min(len(data.windows[part]), most, MOST_CARRIED))
    return data.spread(part, most)


def batches_by_length(lengths: NDArray[np.int64], size: Callable[[int], int]) -> Iterator[NDArray[np.int64]]:
    """Indices into `lengths[n]` in batches of similar lengths, to reduce padding; interruptible between batches.

    `size` gives the largest batch for a length in steps.
    """
    order, start = np.argsort(lengths, kind="stable"), 0
    while start < len(order):
        check_interrupted()
        longest = int(lengths[order[min(len(order), start + _SEQUENCES_AT_ONCE) - 1]])
        batch = order[start : start + max(1, min(_SEQUENCES_AT_ONCE, size(longest)))]
        yield batch
        start += len(batch)


def predict_windows(
    model: nn.Module, task: Task, data: Dataset, part: str, indices: NDArray[np.int64], *, stateful: bool
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Model outputs [n, S, outputs] for windows of a split, and their mean loss.

    Of replicas, [K, n, S, outputs] and [K]. With `stateful` the windows must be consecutive; they are evaluated one by
    one and the state is carried.
    """
    at_once = _NUMBERS_AT_ONCE // replica_count(model) // max(data.longest, 1) // 8
    size = 1 if stateful else max(1, at_once)
    outputs: list[NDArray[np.float32]] = []
    total = np.zeros(())
    state: State = None
    with evaluation_mode(model):
        for start in range(0, len(indices), size):
            check_interrupted()
            some = indices[start : start + size]
            batch = data.windows_of(part, some)
            if stateful:
                before = indices[start - 1 : start] if start else None
                state = carried_state(model, state, data.windows[part].continues_previous(some, before))
            output, state = task.forward(model, batch, state if stateful else None, 1.0)
            loss = of_each(model, partial(task.loss, batch=batch), output)
            total = total + loss.double().cpu().numpy() * len(some)
            outputs.append(output.float().cpu().numpy())
    longest = max(o.shape[-2] for o in outputs)
    padded = [_padded(o, longest) for o in outputs]
    return np.concatenate(padded, axis=-3), total / len(indices)


def _padded(outputs: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """[..., S, outputs] with zeros up to so many steps."""
    missing = steps - outputs.shape[-2]
    return outputs if not missing else np.pad(outputs, ((0, 0),) * (outputs.ndim - 2) + ((0, missing), (0, 0)))
