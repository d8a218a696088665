"""Frozen result types of the store: runs, events, curves, commands, files."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seqcore.events import Event, Metrics, event_from_dict
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.outline import Outline
from seqcore.runs.integrity import damaged, text_crc

__all__ = ["ENDED", "LIVE", "Command", "Curve", "Lease", "Run", "Snapshot", "Status", "StoredEvent", "StoredFile"]

Status = Literal["queued", "running", "paused", "completed", "stopped", "failed", "interrupted", "damaged"]
LIVE: tuple[Status, ...] = ("running", "paused")
ENDED: tuple[Status, ...] = ("completed", "stopped", "failed", "interrupted", "damaged")
GONE = "the worker process ended before the run did; resume continues from the last checkpoint"
_AS_STORED = (  # columns that are fields of `Run` under the same name
    "id", "recipe", "group", "attempt", "step", "epoch", "seconds", "metric", "parameters", "best_epoch",
    "error", "owner", "parent", "parent_step",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A run as it is stored now. Times are UTC."""

    id: str
    status: Status
    experiment_json: str
    outline: Outline  # of the experiment, for lists
    recipe: str | None
    group: str | None
    created: datetime
    started: datetime | None
    finished: datetime | None
    attempt: int
    step: int  # last stored step
    epoch: int  # completed epochs
    epochs: int  # planned, added epochs included
    seconds: float  # of training, over all attempts
    metrics: Metrics  # of the best weights
    last_metrics: Metrics
    baselines: dict[str, Metrics]
    reference_baseline: str
    metric: str
    parameters: int | None
    best_epoch: int | None
    error: str | None  # of a failed run, a line for each error
    reason: str  # one line: why the run ended, or what to do next; empty after all epochs
    queue_position: int | None  # 1 is next
    stopping: bool = False  # live, and asked to stop
    owner: str | None = None  # the user who started it; None where nobody signs in
    parent: str | None = None  # the id of the run that this one is a fork of, which may be deleted
    parent_step: int | None = None  # the last step that both share
    pending: dict[str, Any] = field(default_factory=dict)  # changes that wait for its next attempt
    steps_per_second: float | None = None  # of slow motion, of a run that was read alone and has not ended

    @cached_property
    def experiment(self) -> Experiment:
        """The experiment, validated when it is first asked for: a list of runs needs its outline alone."""
        return _experiment(self.experiment_json)

    @property
    def ended(self) -> bool:
        """Whether it is neither live nor queued."""
        return self.status in ENDED


@dataclass(frozen=True)
class Lease:
    """The right to write one attempt of a run. Holds the run's lock until `release`."""

    run: str
    attempt: int
    on_release: Callable[[], None] = field(compare=False, repr=False)

    def release(self) -> None:
        """Release the lock. A run without a final status is interrupted then. A second call does nothing."""
        self.on_release()


@dataclass(frozen=True)
class StoredEvent:
    """An event with its position in the run's history. `seq` only grows."""

    seq: int
    attempt: int
    time: datetime
    event: Event


@dataclass(frozen=True)
class Curve:
    """A series by step, [n] each. NaN stands for every non-finite value.

    Of K replicas `values` is the median, `low` and `high` are the extremes, over those with a finite value.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    low: NDArray[np.float64] | None = None  # None without replicas
    high: NDArray[np.float64] | None = None
    replicas: NDArray[np.float64] | None = None  # [n, K], where every stored point was asked for

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True)
class Snapshot:
    """The kept state of a run after `step` steps. The time is UTC."""

    step: int
    epoch: int  # completed epochs
    time: datetime
    seconds: float  # of training until then
    reason: str  # "schedule", "change" (the state before it), "request"; the last checkpoint: "pause" or "end"
    size: int  # bytes, without what snapshots share


@dataclass(frozen=True)
class Command:
    """A request to the worker of a run: see `Store.command`. `by` is who asked, where users sign in."""

    seq: int
    kind: str
    arguments: dict[str, Any]
    by: str | None = None


@dataclass(frozen=True)
class StoredFile:
    """A user's file, stored once by the SHA-256 of its content."""

    hash: str
    name: str
    size: int


@lru_cache(maxsize=64)
def _experiment(text: str) -> Experiment:
    """A live run is read several times a second, always with the same experiment, which is frozen."""
    return Experiment.from_json(text)


def ending(noted: Sequence[str]) -> dict[str, Any]:
    """Columns of a live run whose worker is gone: failed for a reason that it `noted`, else interrupted."""
    if noted:
        return {"status": "failed", "error": "\n".join(noted), "reason": noted[0]}
    return {"status": "interrupted", "reason": GONE}


def run_from_row(
    row: Mapping[str, Any], *, alive: bool, noted: Sequence[str], queue_position: int | None, stopping: bool
) -> Run:
    """A run from its row, with the status of `ending` if its worker is gone."""
    if row["status"] in LIVE and not alive:
        row = {**row, **ending(noted)}
    status: Status = row["status"]
    times: dict[str, Any] = {
        name: None if row[name] is None else datetime.fromtimestamp(row[name], UTC)
        for name in ("created", "started", "finished")
    }
    return Run(
        status=status,
        experiment_json=row["experiment"],
        outline=Outline.of_json(row["experiment"]),
        reference_baseline=row["headline"],
        reason=row["reason"],
        **{name: row[name] for name in _AS_STORED},
        **{name: json.loads(row[name]) for name in ("metrics", "last_metrics", "baselines")},
        **times,
        queue_position=queue_position,
        stopping=stopping and status in LIVE,
        pending=json.loads(row["pending"]),
        epochs=max(row["epochs"], row["epoch"]),  # earlier versions let them be fewer than those that were done
    )


def damaged_run(run: str, why: str, created: object = None) -> Run:
    """The place of a damaged run in a list. Its experiment is not known."""
    experiment = Experiment.make().to_json()
    time = datetime.fromtimestamp(0, UTC)
    with contextlib.suppress(ValueError, TypeError, OverflowError, OSError):
        time = datetime.fromtimestamp(created, UTC)  # type: ignore[arg-type]
    counts = dict.fromkeys(("attempt", "step", "epoch", "epochs"), 0)
    texts = dict.fromkeys(("reference_baseline", "metric"), "")
    unknown = dict.fromkeys(("recipe", "group", "started", "finished", "parameters", "best_epoch", "queue_position"))
    values: dict[str, Any] = {**counts, **texts, **unknown, "metrics": {}, "last_metrics": {}, "baselines": {}}
    outline = Outline.of_json(experiment)
    return Run(
        id=run, status="damaged", experiment_json=experiment, outline=outline, created=time, seconds=0.0, error=why,
        reason=why, **values,
    )  # fmt: skip


def stored_event(row: Mapping[str, Any]) -> StoredEvent:
    """An event from its row; null metrics are NaN."""
    if row["crc"] is not None and row["crc"] != text_crc(row["content"]):
        raise damaged(row["run"], f"its {str(row['kind'])[:20]} event at step {row['step']} has another checksum")
    content = json.loads(row["content"])
    for name in ("metrics", "last_metrics"):
        if name in content:
            content[name] = _numbers(content[name])
    if "baselines" in content:
        content["baselines"] = {name: _numbers(metrics) for name, metrics in content["baselines"].items()}
    return StoredEvent(row["seq"], row["attempt"], datetime.fromtimestamp(row["time"], UTC), event_from_dict(content))


def _numbers(metrics: Mapping[str, float | None]) -> Metrics:
    return {name: math.nan if value is None else value for name, value in metrics.items()}
