"""What can be taken away from a run. A new form is a function and a line in `FORMATS`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from seqcore.errors import NotFoundError, did_you_mean
from seqcore.events import Epoch
from seqcore.experiment.experiment import Experiment
from seqcore.export.tables import history_to_csv

if TYPE_CHECKING:
    from seqcore.data.table import Table
    from seqcore.inference.predictor import Predictor

ALL_POINTS = 1_000_000  # steps of one file of predictions

__all__ = ["FORMATS", "Format", "Runs", "export", "history_to_csv", "scored_part", "weights_of"]


class Runs(Protocol):
    """What an export asks of a store of runs."""

    def run(self, run: str) -> Any:
        """A run, whose `experiment` is looked at."""

    def predictor(self, run: str) -> Predictor:
        """Its trained model, with the best weights."""

    def checkpoint(self, run: str) -> bytes | None:
        """Its newest checkpoint."""

    def table(self, run: Any) -> Table:
        """Its data."""

    def events(self, run: str, *, kinds: Any = None) -> Iterable[Any]:
        """What was stored of it, each with its `event`."""


@dataclass(frozen=True)
class Format:
    """One form, called with a store and a run's id: how it is named, and the function that makes it."""

    title: str
    help: str
    suffix: str
    media_type: str
    make: Callable[[Runs, str], bytes]

    def __call__(self, runs: Runs, run: str) -> bytes:
        """The file's content. SeqcoreError where the run has nothing to give."""
        return self.make(runs, run)


def export(runs: Runs, run: str, format: str) -> bytes:
    """A run in one of `FORMATS`. NotFoundError where there is no such form."""
    if format not in FORMATS:
        raise NotFoundError(f"format: {format!r} is not known{did_you_mean(format, FORMATS)}")
    return FORMATS[format](runs, run)


def weights_of(checkpoint: bytes, experiment: Experiment) -> bytes:
    """The best weights as safetensors, named as in the `state_dict`; the experiment stands in the file's metadata."""
    from safetensors.torch import save

    from seqcore.training.checkpoint import unpack

    unpacked = unpack(checkpoint)
    tensors = unpacked.group("best") or unpacked.group("model")
    content: bytes = save(tensors, {"format": "pt", "experiment": experiment.to_json()})
    return content


def scored_part(experiment: Experiment) -> str:
    """The part whose scores count most: the test part, else the validation part, else what it was trained on."""
    data = experiment.data
    return "test" if data.test_fraction else "val" if data.validation_fraction else "train"


def _weights(runs: Runs, run: str) -> bytes:
    checkpoint = runs.checkpoint(run)
    if checkpoint is None:
        raise NotFoundError(f"run {run} has no weights yet: they come with its first checkpoint")
    return weights_of(checkpoint, runs.run(run).experiment)


def _experiment(runs: Runs, run: str) -> bytes:
    experiment: Experiment = runs.run(run).experiment
    return experiment.to_toml().encode()


def _predictions(runs: Runs, run: str) -> bytes:
    predictor = runs.predictor(run)
    part = scored_part(predictor.experiment)
    return predictor.evaluate(runs.table(run), split=part, points=ALL_POINTS).view.to_csv().encode()


def _history(runs: Runs, run: str) -> bytes:
    events = (stored.event for stored in runs.events(run, kinds=("epoch",)))
    return history_to_csv(event for event in events if isinstance(event, Epoch)).encode()


FORMATS: dict[str, Format] = {
    "weights": Format(
        "Weights", "The best weights, for safetensors.torch.load_file.", ".safetensors", "application/octet-stream",
        _weights,
    ),
    "experiment": Format(
        "Configuration", "The experiment as TOML: train it again with python -m seqcore train FILE.", ".toml",
        "application/toml", _experiment,
    ),
    "predictions": Format(
        "Predictions", "Truth and prediction on the test part (or the validation part), as CSV.", ".csv", "text/csv",
        _predictions,
    ),
    "history": Format(
        "History", "Every epoch's metrics, as CSV.", ".csv", "text/csv", _history,
    ),
}  # fmt: skip
