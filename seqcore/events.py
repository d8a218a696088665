"""Events of a run: frozen dataclasses, in the order in which `fit` yields them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqcore.results import View, plain, view_from_dict

__all__ = [
    "Changed",
    "CheckpointReady",
    "Epoch",
    "Event",
    "Finding",
    "Finished",
    "Metrics",
    "Preparing",
    "Preview",
    "Severity",
    "SnapshotReady",
    "SnapshotReason",
    "Started",
    "Steps",
    "event_from_dict",
]

Severity = Literal["info", "warning", "error"]
SnapshotReason = Literal["schedule", "change", "request"]
Metrics = dict[str, float]  # "<part>_<metric>" -> value, e.g. "val_mse"; not-a-number where it isn't defined


class _Event:
    """What all events share: `name`, the class name in lower case, and `to_dict`."""

    name: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.name = cls.__name__.lower()

    def to_dict(self) -> dict[str, Any]:
        """A JSON object with the event's name as `event`; non-finite numbers are null."""
        return {"event": self.name, **plain(self)}


@dataclass(frozen=True)
class Preparing(_Event):
    """What a run is busy with while no step is taken: before the first one, and after the last.

    It is the `number`th of `total` such pieces of work that is in hand. A run's next event says that it is done; a
    store keeps it no longer than that.
    """

    step: int
    what: str  # "Scaling search"
    number: int = 1
    total: int = 1
    detail: str = ""  # which piece is in hand

    @property
    def sentence(self) -> str:
        """For people: "Scaling search: 3 of 7, last value"."""
        text = f"{self.what}: {self.number:,} of {self.total:,}" if self.total > 1 else self.what
        return f"{text}, {self.detail}" if self.detail else text


@dataclass(frozen=True)
class Started(_Event):
    """What was resolved before the first step. `step` and `epoch` say where a continued run goes on (0, 0 if new)."""

    device: str
    device_reason: str
    threads: int
    versions: dict[str, str]
    parameters: int
    split_sizes: dict[str, int]  # windows in "train", "val", "test"
    baselines: dict[str, Metrics]  # baseline -> "<part>_<metric>" -> value
    reference_baseline: str  # the baseline that skill is measured against
    metric: str  # the metric that skill is measured in, without its split ("mae", "accuracy")
    summary: list[dict[str, Any]]  # layers: {"name", "type", "output_shape", "parameters"}
    data: dict[str, Any]  # what the data are: rows, columns, span, filled gaps, period, ...
    steps_per_epoch: int
    epochs: int
    step: int = 0
    epoch: int = 0
    unit: str = "window"  # what a batch is made of: "window", "sequence", "sentence"
    replicas: int = 1  # models trained together; `parameters` are those of one


@dataclass(frozen=True)
class Steps(_Event):
    """A block of consecutive training steps, at most a tenth of a second long. Steps count from 1.

    With K > 1 replicas each array is [n, K]; NaN after the last step of a replica that has ended before the others.
    """

    first_step: int
    loss: NDArray[np.float64]  # [n], in the model's scale
    gradient_norm: NDArray[np.float64]  # [n], before clipping
    learning_rate: NDArray[np.float64]  # [n]


@dataclass(frozen=True)
class Epoch(_Event):
    """The end of an epoch: `epoch` counts from 1, `step` is the last step in it.

    With replicas, `metrics` are medians over those that are still in training, and `best` refers to the median.
    """

    epoch: int
    step: int
    metrics: Metrics
    seconds: float
    best: bool = False  # the best so far, by validation loss
    replicas: dict[str, list[float]] = field(default_factory=dict)  # metric -> K values; empty for one model


@dataclass(frozen=True)
class Preview(_Event):
    """A picture of what the model can do after `step` steps, on validation data (training data where there is none)."""

    step: int
    split: str
    view: View

    def to_dict(self) -> dict[str, Any]:
        """As for every event, with the view's own `to_dict`."""
        return {"event": self.name, "step": self.step, "split": self.split, "view": self.view.to_dict()}


@dataclass(frozen=True)
class CheckpointReady(_Event):
    """All that is needed to go on bit for bit, as bytes. The caller keeps it."""

    step: int
    epoch: int
    content: bytes
    best_step: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As for every event, with `bytes`, the checkpoint's size, in the place of its content."""
        size = len(self.content)
        return {"event": self.name, "step": self.step, "epoch": self.epoch, "bytes": size, "best_step": self.best_step}


@dataclass(frozen=True)
class SnapshotReady(_Event):
    """The state after `step` steps, kept so that the run can be inspected and forked there.

    It has all of a checkpoint, in two parts: `content`, and `shared`, which is the same in all snapshots as long as the
    fitted codec is. `seqcore.training.checkpoint.joined(shared, content)` can be resumed from. `content` is made by
    `pack` when it is first asked for: in a thread that writes it, rather than in the one that trains.
    """

    step: int
    epoch: int
    seconds: float  # of training so far
    pack: Callable[[], bytes] = field(repr=False)
    shared: bytes = field(repr=False)
    reason: SnapshotReason  # "change": before a change during the run

    @cached_property
    def content(self) -> bytes:
        """What changes from one snapshot to the next."""
        return self.pack()

    def to_dict(self) -> dict[str, Any]:
        """As for every event, with `bytes`, the size of `content`, in the place of both parts."""
        numbers = {"step": self.step, "epoch": self.epoch, "seconds": self.seconds, "bytes": len(self.content)}
        return {"event": self.name, **numbers, "reason": self.reason}


@dataclass(frozen=True)
class Changed(_Event):
    """What was changed in mid-run: applied just before `step` + 1. Continuing a run replays it."""

    step: int
    changes: dict[str, Any]  # dotted path -> value
    before: dict[str, Any] = field(default_factory=dict)  # the values before; empty in runs of earlier versions
    by: str | None = None  # who asked for it, where users sign in

    @property
    def sentence(self) -> str:
        """For people: "learning rate 0.01 → 0.1, batch size 32 → 64 (ann)"."""
        texts = []
        for path, value in self.changes.items():
            before = f"{_shown(self.before[path])} → " if path in self.before else ""
            texts.append(f"{path.rpartition('.')[2].replace('_', ' ')} {before}{_shown(value)}")
        return ", ".join(texts) + (f" ({self.by})" if self.by else "")


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Finding(_Event):
    """A diagnosed problem, or a fact worth knowing, of data, a run or an input: what, how it shows, what to do."""

    code: str  # "learned-the-mean", "loss-not-finite", "exact-baseline", ...
    message: str
    evidence: str = ""
    remedy: str = ""
    severity: Severity = "warning"  # "error": training can't go on, or isn't started
    step: int = 0

    @property
    def sentence(self) -> str:
        """The whole finding in one line."""
        return " ".join(text for text in (self.message, self.evidence, self.remedy) if text)


@dataclass(frozen=True)
class Finished(_Event):
    """The outcome: "completed" (all epochs, or early stopping) or "stopped" (asked to)."""

    status: str
    reason: str  # why it ended early; empty after all epochs
    epochs: int
    step: int
    seconds: float
    metrics: Metrics  # of the weights that were chosen (`best_epoch`): train_*, val_*, test_*, train_loss_last_20
    last_metrics: Metrics  # of the last weights
    baselines: dict[str, Metrics] = field(default_factory=dict)
    best_epoch: int | None = None
    replicas: dict[str, list[float]] = field(default_factory=dict)  # as in `Epoch`; of the weights that were chosen


Event = Preparing | Started | Steps | Epoch | Preview | CheckpointReady | SnapshotReady | Changed | Finding | Finished

_TYPES: dict[str, type[Any]] = {
    t.name: t
    for t in (Preparing, Started, Steps, Epoch, Preview, CheckpointReady, SnapshotReady, Changed, Finding, Finished)
}


_OLD_KEYS: dict[tuple[type[Any], str], str] = {
    (Finding, "why"): "evidence",
    (Finding, "advice"): "remedy",
    (Started, "parts"): "split_sizes",
    (Started, "headline"): "reference_baseline",
    (Preview, "part"): "split",
}
"""(Event, its key in version 0.2) -> today's key."""


def event_from_dict(d: dict[str, Any]) -> Event:
    """The inverse of `to_dict`, for all but checkpoints and snapshots. KeyError or TypeError where `d` is no event."""
    fields = dict(d)
    kind = _TYPES[fields.pop("event")]
    if kind is Preview:
        fields["view"] = view_from_dict(fields["view"])
    fields = {_OLD_KEYS.get((kind, name), name): value for name, value in fields.items()}
    if kind is Finding and fields.get("severity") == "note":
        fields["severity"] = "info"
    if "replicas" in fields and isinstance(fields["replicas"], dict):
        fields["replicas"] = {
            name: [math.nan if value is None else value for value in values]
            for name, values in fields["replicas"].items()
        }
    if kind is Steps:
        for name in ("loss", "gradient_norm", "learning_rate"):
            fields[name] = np.array(fields[name], dtype=np.float64)
    event: Event = kind(**fields)
    return event
