"""Export of a run as weights, experiment, predictions or history. A new format is a line in `FORMATS`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from seqcore.errors import NotFoundError, did_you_mean
from seqcore.events import Epoch
from seqcore.experiment.experiment import Experiment
from seqcore.results.base import exact, write_csv

if TYPE_CHECKING:
    from seqcore.data.table import Table
    from seqcore.inference.predictor import Predictor

At = Literal["best", "last"] | int

__all__ = ["FORMATS", "Format", "Runs", "export", "history_to_csv", "scored_split", "weights_of"]


class Runs(Protocol):
    """The methods of a store that an export uses."""

    def run(self, run: str) -> Any:
        """A run with its `experiment`."""

    def predictor(self, run: str, at: At = "best") -> Predictor:
        """Its model with the best or last weights, or those of a step that is kept."""

    def checkpoint(self, run: str) -> bytes | None:
        """Its newest checkpoint."""

    def snapshot(self, run: str, step: int) -> bytes:
        """Its state at a step that is kept."""

    def table(self, run: Any) -> Table:
        """Its data."""

    def events(self, run: str, *, kinds: Any = None) -> Iterable[Any]:
        """Its stored events, each with an `event`."""


@dataclass(frozen=True)
class Format:
    """An export format, called with a store and the id of a run."""

    title: str
    help: str
    suffix: str
    media_type: str
    make: Callable[[Runs, str, At], bytes]
    of_weights: bool = False  # whether it differs between the best weights and those of a step

    def __call__(self, runs: Runs, run: str, at: At = "best") -> bytes:
        """Content of the file. SeqcoreError if the run has nothing to export, or nothing `at` a step."""
        if at != "best" and not self.of_weights:
            raise NotFoundError(f"at: {self.title.lower()} is the same for all weights of a run; leave it out")
        return self.make(runs, run, at)


def export(runs: Runs, run: str, format: str, at: At = "best") -> bytes:
    """Export a run in one of `FORMATS`: its best or last weights, or those of a step that is kept.

    NotFoundError if there is no such format.
    """
    if format not in FORMATS:
        raise NotFoundError(f"format: {format!r} is not allowed{did_you_mean(format, FORMATS)}")
    return FORMATS[format](runs, run, at)


def weights_of(checkpoint: bytes, experiment: Experiment, *, best: bool = True) -> bytes:
    """The best weights (not `best`: the last) as safetensors, with the names of the `state_dict` and the experiment.

    Those of K replicas are stacked, [K, ...]: `{name: weights[k] for name, weights in file.items()}` is the
    `state_dict` of replica k.
    """
    from safetensors.torch import save

    from seqcore.training.checkpoint import unpack

    unpacked = unpack(checkpoint)
    tensors = (unpacked.group("best") if best else {}) or unpacked.group("model")
    content: bytes = save(tensors, {"format": "pt", "experiment": experiment.to_json()})
    return content


def history_to_csv(epochs: Iterable[Epoch]) -> str:
    """A row for each epoch: its number, last step, seconds and every metric. One that came twice is as it was last.

    Of replicas the metrics are medians; the values of each follow, as "val_loss 1", "val_loss 2", ...
    """
    last = {event.epoch: event for event in epochs}
    rows = [last[number] for number in sorted(last)]
    values = [event.metrics | _numbered(event.replicas) for event in rows]
    names = list(dict.fromkeys(name for own in values for name in own))
    lines = [
        [e.epoch, e.step, exact(e.seconds), *(exact(own.get(n, math.nan)) for n in names)]
        for e, own in zip(rows, values, strict=True)
    ]
    return write_csv(["epoch", "step", "seconds", *names], lines)


def _numbered(replicas: Mapping[str, list[float]]) -> dict[str, float]:
    """The metrics of each replica by name and number."""
    return {f"{name} {number}": value for name, each in replicas.items() for number, value in enumerate(each, 1)}


def scored_split(experiment: Experiment) -> str:
    """The split to report: test, else validation, else training."""
    data = experiment.data
    return "test" if data.test_fraction else "val" if data.validation_fraction else "train"


def _weights(runs: Runs, run: str, at: At) -> bytes:
    checkpoint = runs.checkpoint(run) if at in ("best", "last") else runs.snapshot(run, int(at))
    if checkpoint is None:
        raise NotFoundError(f"run {run} has no weights yet; wait for its first checkpoint")
    return weights_of(checkpoint, runs.run(run).experiment, best=at == "best")


def _experiment(runs: Runs, run: str, at: At) -> bytes:
    experiment: Experiment = runs.run(run).experiment
    return experiment.to_toml().encode()


def _predictions(runs: Runs, run: str, at: At) -> bytes:
    predictor = runs.predictor(run, at=at)
    split = scored_split(predictor.experiment)
    return predictor.predictions(runs.table(run), split=split).to_csv().encode()


def _history(runs: Runs, run: str, at: At) -> bytes:
    events = (stored.event for stored in runs.events(run, kinds=("epoch",)))
    return history_to_csv(event for event in events if isinstance(event, Epoch)).encode()


FORMATS: dict[str, Format] = {
    "weights": Format(
        "Weights", "Best weights, for safetensors.torch.load_file.", ".safetensors", "application/octet-stream",
        _weights, of_weights=True,
    ),
    "experiment": Format(
        "Configuration", "Experiment as TOML, for python -m seqcore train FILE.", ".toml",
        "application/toml", _experiment,
    ),
    "predictions": Format(
        "Predictions", "Targets and predictions on the test split (else validation) from every origin, as CSV.", ".csv",
        "text/csv", _predictions, of_weights=True,
    ),
    "history": Format(
        "History", "Metrics of every epoch, as CSV.", ".csv", "text/csv", _history,
    ),
}  # fmt: skip
