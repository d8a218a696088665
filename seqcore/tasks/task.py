"""What a task must offer, and the pass over windows that all of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.dataset import Batch, Dataset
from seqcore.data.table import Table
from seqcore.errors import PredictionError
from seqcore.evaluation.metrics import BaselineScore, Evaluation
from seqcore.events import Finding, Preparing
from seqcore.experiment.experiment import Experiment
from seqcore.models.recurrent import State
from seqcore.models.sequence_model import detached
from seqcore.results import SeriesView, View

__all__ = ["Codec", "Example", "Task", "carried", "predict_windows", "scored_windows", "window_note"]

MOST_CARRIED = 2_000  # windows that are scored one by one, where state is carried
MOST_SCORED = 50_000  # windows of a part that are scored; more are spread evenly over it
_MOST_NUMBERS = 4_000_000  # targets in one scoring
_NUMBERS_AT_ONCE = 400_000


class Codec(Protocol):
    """The user's words <-> tensors, as a checkpoint keeps it. `input_kind` is what a person gives to `predict`."""

    @property
    def input_kind(self) -> str:
        """A name in `ui.inputs.INPUTS`: "numbers", "symbols", "sentence", "sound", "frames"."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        ...

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """What is kept as arrays beside them."""
        ...


class Example(NamedTuple):
    """One input of the data's own: `given` is what `predict` takes, `truth` the answer, where it is known."""

    name: str
    truth: str | None
    given: Any


class Task(ABC):
    """What is learned. Made from an experiment; `metric` is the one that the headline compares by."""

    metric: str
    metric_is_error: bool
    unit: ClassVar[str] = "window"  # what a batch is made of
    reference: ClassVar[tuple[str, ...]] = ()  # baselines that the headline compares with: the first that there is
    intervals: ClassVar[bool] = False  # whether its answers can have intervals; see `errors`
    continuation: ClassVar[Literal["forecast", "generate"] | None] = (
        None  # how it goes on from what it knows, if it does
    )

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment

    @abstractmethod
    def check(self, table: Table) -> None:
        """DataError where the table doesn't fit the experiment: columns, gaps, windows, symbols."""

    def search_preprocessing(self, table: Table, device: torch.device) -> Iterator[Preparing]:
        """Decide what has to be found out by trial before `make_dataset` is called with this table, and say how far
        that is. Who leaves it out waits in `make_dataset`."""
        yield from ()

    @abstractmethod
    def make_dataset(self, table: Table, device: torch.device, codec: Any = None) -> Any:
        """The dataset, which owns the codec. With a `codec`, the table is new data for a finished model."""

    def make_windows(self, table: Table, device: torch.device) -> Any:
        """The dataset without what only training and scoring need: for who wants to look at its windows. DataError."""
        return self.make_dataset(table, device)

    @abstractmethod
    def codec_from_dict(self, d: dict[str, Any], arrays: dict[str, NDArray[np.float64]]) -> Any:
        """The codec that a checkpoint holds."""

    def frozen_codec(self, codec: Any) -> Any:
        """The codec, where it holds a decision that a resumed run must not take again; else None: it is made anew."""
        return None

    @abstractmethod
    def build_meta_model(self, table: Table) -> nn.Module:
        """The model for a table without making the dataset: for a summary on torch's meta device."""

    @abstractmethod
    def build_model(self, codec: Any) -> nn.Module:
        """A backbone and a head with fresh weights: `forward(inputs, state, lengths) -> (outputs, state)`."""

    def forward(self, model: nn.Module, batch: Batch, state: State, progress: float) -> tuple[Tensor, State]:
        """The model's answer to a batch, and its state after it.

        `progress` says how much of the planned run is done, from 0 to 1; while scoring it is 1.
        """
        outputs, state = model(batch.inputs, state, batch.lengths)
        return outputs, state

    @abstractmethod
    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """What training makes small, in the model's scale."""

    @abstractmethod
    def evaluate(
        self, model: nn.Module, dataset: Any, part: str, *, points: int = 300, full: bool = True
    ) -> Evaluation:
        """Scores in original units beside the baselines', and a view. Not `full`: only loss and the task's metrics."""

    def score_baselines(self, dataset: Any, part: str) -> dict[str, BaselineScore]:
        """Every baseline's scores on the windows that `evaluate` scores: found once for a dataset and split."""
        known: dict[str, dict[str, BaselineScore]] = dataset.baseline_scores
        if part not in known:
            known[part] = self._score_baselines(dataset, part)
        return known[part]

    def baseline_metrics(self, dataset: Any, part: str) -> dict[str, dict[str, float]]:
        """The metrics of `score_baselines` alone, by baseline."""
        return {name: score.metrics for name, score in self.score_baselines(dataset, part).items()}

    @abstractmethod
    def _score_baselines(self, dataset: Any, part: str) -> dict[str, BaselineScore]: ...

    def errors(self, model: nn.Module, dataset: Any, part: str) -> dict[str, NDArray[np.float64]]:
        """How far off predictions on a part are, [n, ...] by name; only of a task with `intervals`."""
        return {}

    def intervals_from(self, errors: dict[str, NDArray[np.float64]], coverage: float) -> dict[str, NDArray[np.float64]]:
        """What the codec keeps of errors on data that their models had not seen, to make intervals of a coverage."""
        return {}

    @abstractmethod
    def preview(self, model: nn.Module, dataset: Any) -> View:
        """A small picture of what the model can do now."""

    @abstractmethod
    def parse_input(self, text: str, codec: Any) -> Any:
        """What a person typed as what `predict` takes. PredictionError."""

    @abstractmethod
    def example(self, codec: Any) -> str:
        """An input as a person would type it."""

    @abstractmethod
    def predict(self, model: nn.Module, codec: Any, given: Any) -> View:
        """The answer to one input. PredictionError where the model can't take it."""

    def can_score(self, table: Table) -> bool:
        """Whether new data hold the truth; where they don't, they are answered only."""
        return True

    def file_kind(self, codec: Any) -> str:
        """How a file of new data is read (`FileOptions.kind`): by what it is, unless the task knows better."""
        return "auto"

    def examples(self, codec: Any, table: Table, part: str) -> list[Example]:
        """Inputs of a part that one may choose from to see their answers; none where one types an input."""
        return []

    def input_warning(self, codec: Any, given: Any) -> str | None:
        """What should be known of this input before its answer is believed."""
        return None

    def forecast(self, model: nn.Module, codec: Any, steps: int) -> SeriesView:
        """On from the end of the data. PredictionError where the task or the experiment has no future."""
        raise PredictionError("forecast: this model doesn't predict numbers over time, so it has no forecast")

    def generate(
        self, model: nn.Module, codec: Any, prompt: str, steps: int, *, temperature: float, seed: int, top_k: int = 0
    ) -> str:
        """Text that follows a prompt. PredictionError where the task writes none."""
        raise PredictionError("generate: this model writes no text; it answers an input")

    def diagnose(self, evaluation: Evaluation, dataset: Any, part: str) -> list[Finding]:
        """What the doctor should say of a finished model: findings."""
        return []


def window_note(experiment: Experiment, steps: int) -> str | None:
    """That an input of so many steps isn't as long as what the model was trained on."""
    data = experiment.data
    shortest = data.min_window or data.window
    if shortest <= steps <= data.window:
        return None
    trained = f"{shortest} to {data.window}" if shortest < data.window else str(data.window)
    return f"This input has {steps} step{'s' * (steps != 1)}; the model was trained on windows of {trained}."


def scored_windows(data: Dataset, part: str, *, numbers: int, stateful: bool) -> NDArray[np.int64]:
    """The windows that are scored: all of a part, or so many that are spread evenly over a long one.

    `numbers` are what one window takes. A carried state can't jump, so there a part is scored from its beginning.
    """
    most = min(MOST_SCORED, max(1, _MOST_NUMBERS // numbers))
    if stateful:
        return np.arange(min(len(data.windows[part]), most, MOST_CARRIED))
    return data.spread(part, most)


def carried(state: State, follows: NDArray[np.bool_] | None) -> State:
    """The state for the next batch: cut from its graph, for as many rows as there are, 0 where a window starts anew."""
    if state is None or follows is None or not follows.any():
        return None
    state = detached(state)
    if follows.all() and _rows(state) == len(follows):
        return state
    keep = torch.from_numpy(follows)

    def kept(part: Tensor) -> Tensor:
        mask = keep.to(part.device, part.dtype)[None, :, None]
        return (part[:, : len(follows)] * mask).contiguous()

    return tuple(kept(p) for p in state) if isinstance(state, tuple) else kept(state)


def _rows(state: State) -> int:
    return int((state[0] if isinstance(state, tuple) else state).shape[1])


@torch.inference_mode()
def predict_windows(
    model: nn.Module, task: Task, data: Dataset, part: str, indices: NDArray[np.int64], *, stateful: bool
) -> tuple[NDArray[np.float32], float]:
    """The model's outputs [n, S, outputs] for windows of a part, and the mean loss over them.

    With `stateful` the windows must follow each other; they are run one by one and the state goes along.
    """
    training = model.training
    model.eval()
    size = 1 if stateful else max(1, _NUMBERS_AT_ONCE // max(data.longest, 1) // 8)
    outputs: list[NDArray[np.float32]] = []
    total = 0.0
    state: State = None
    windows = data.windows[part]
    for start in range(0, len(indices), size):
        some = indices[start : start + size]
        batch = data.batch(part, some)
        if stateful:
            state = carried(state, _follows(windows, some, indices[start - 1] if start else None))
        answer, state = task.forward(model, batch, state if stateful else None, 1.0)
        total += float(task.loss(answer, batch)) * len(some)
        outputs.append(answer.float().cpu().numpy())
    model.train(training)
    longest = max(o.shape[1] for o in outputs)
    padded = [o if o.shape[1] == longest else np.pad(o, ((0, 0), (0, longest - o.shape[1]), (0, 0))) for o in outputs]
    return np.concatenate(padded), total / len(indices)


def _follows(windows: Any, some: NDArray[np.int64], before: np.int64 | None) -> NDArray[np.bool_]:
    if before is None:
        return np.zeros(1, dtype=bool)
    first, _, sequence = windows.locate(np.array([before, some[0]]))
    return np.array([first[1] == first[0] + windows.stride and sequence[0] == sequence[1]])
