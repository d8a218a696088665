"""`fit`: the training loop, as a generator of events."""

from __future__ import annotations

import platform
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcore.data.dataset import Batch
from seqcore.data.sources import SOURCES
from seqcore.data.table import Table, describe_table
from seqcore.errors import DataError, ExperimentError
from seqcore.evaluation.interruption import EvaluationInterrupted
from seqcore.evaluation.leakage.detection import find_leaks
from seqcore.events import (
    Changed,
    CheckpointReady,
    Epoch,
    Event,
    Finding,
    Finished,
    Preparing,
    SnapshotReason,
    Started,
)
from seqcore.experiment.experiment import OPTIONS, Experiment
from seqcore.tasks import TASKS
from seqcore.tasks.model_summary import summarize
from seqcore.training.calibration import calibrate
from seqcore.training.captured import CapturedStep
from seqcore.training.checkpoint import Checkpoint, unpack
from seqcore.training.control import LIVE_CHANGES, Control
from seqcore.training.devices import check_memory, resolve
from seqcore.training.isolated_rng import IsolatedRng
from seqcore.training.memory import explained
from seqcore.training.precision import check_precision
from seqcore.training.replicas import state_type
from seqcore.training.requests import Requests
from seqcore.training.scoring import Scoring
from seqcore.training.snapshots import Snapshots
from seqcore.training.state import TrainingState
from seqcore.training.step_buffer import StepBuffer
from seqcore.training.stored_state import restored_experiment
from seqcore.training.threads import choose_threads

__all__ = ["check", "fit", "load_table", "train_step"]

_CHECKPOINT_SECONDS = 2.0
_FREE_TO_CHANGE = {"training.device", "training.threads"}  # they say where a run computes, not what


def fit(
    experiment: Experiment,
    *,
    data: Any = None,
    resume: bytes | None = None,
    changes: Iterable[Changed] = (),
    control: Control | None = None,
) -> Iterator[Event]:
    """Train, and yield what happens. Not calling `next` pauses; closing the generator ends it.

    `data` (DataFrame, array [N] or [N, F], or Table) takes the place of the experiment's source. `resume` is the
    content of a checkpoint: the run continues from it bit for bit, replaying `changes`. Where `experiment` differs from
    the checkpoint's, live fields are changed and recorded, device and threads are taken, and anything else is refused
    (ExperimentError). `control` carries requests from other threads. torch's global random state and number of threads
    are the caller's own between two events. Raises DataError, DeviceError or CorruptError before the first step.
    """
    device, reason = resolve(experiment.training.device)
    check_precision(experiment.training.precision, device)
    rng = IsolatedRng(experiment.training.seed, experiment.training.threads or 1, device)
    checkpoint = None if resume is None else unpack(resume)
    replay, control = list(changes), control or Control()
    if checkpoint is not None and (wanted := _changes_on_resume(experiment, checkpoint, replay)):
        control.change(wanted)
    events = rng.isolate(_train(experiment, data, checkpoint, replay, control, rng, (device, reason)))
    return explained(events, experiment, device)


def _train(
    experiment: Experiment,
    data: Any,
    checkpoint: Checkpoint | None,
    replay: list[Changed],
    control: Control,
    rng: IsolatedRng,
    device: tuple[torch.device, str],
) -> Generator[Event, None, None]:
    """The whole run in the order in which things happen."""
    prepared = yield from _prepare(experiment, data, checkpoint, control, device[0])
    if prepared is None:  # asked to end before there was anything to train
        if control.ending == "stop":
            reason = "stopped on request before the first step"
            yield Finished("stopped", reason, epochs=0, step=0, seconds=rng.seconds, metrics={}, last_metrics={})
        return
    state, table = prepared
    p, steps, scoring = state.progress, StepBuffer(), Scoring(state, control)
    captured = CapturedStep(state) if state.device.type == "cuda" else None
    rng.start_at(p.seconds)
    state.use_threads(experiment.training.threads or _threads(state, resumed=checkpoint is not None))
    rng.use_threads(state.operation_threads)
    epoch_began = rng.seconds - p.epoch_seconds

    def checkpoint_now() -> CheckpointReady:
        return state.checkpoint(seconds=rng.seconds, epoch_seconds=rng.seconds - epoch_began)

    def snapshot_now(reason: SnapshotReason) -> Iterator[Event]:
        yield from snapshots.take(reason, seconds=rng.seconds, epoch_seconds=rng.seconds - epoch_began)

    def between_steps() -> Iterator[Event]:
        yield from _flush(state, steps, requests)
        if captured is not None and (finding := captured.take_finding()) is not None:
            yield finding
        if not requests.should_stop() and snapshots.due:
            yield from snapshot_now("schedule")
        if not requests.should_stop() and scoring.previews.due:
            scoring.previews.plan_next()
            yield scoring.preview()
        if not requests.should_stop() and time.perf_counter() - state.saved_at > _CHECKPOINT_SECONDS:
            yield checkpoint_now()
        yield from apply_requests()

    def apply_requests() -> Iterator[Event]:
        yield from requests.apply()
        rng.use_threads(state.operation_threads)

    snapshots = Snapshots(state)
    requests = Requests(state, control, replay, checkpoint_now, snapshot_now, rng.waiting)
    yield from scoring.score_baselines()
    yield _started(state, scoring, device)
    yield from (Finding(step=p.step, code="note", message=note, severity="info") for note in state.dataset.table.notes)
    yield from (replace(leak, step=p.step) for leak in find_leaks(table, state.experiment.data))
    if p.step == 0:
        yield scoring.preview()
        yield from snapshot_now("schedule")
    yield from apply_requests()
    while True:
        while state.has_epochs_left and not requests.should_stop():
            for batch, continues in state.remaining_batches():
                steps.record(*train_step(state, batch, continues, captured), state.windows_in(batch))
                if steps.due or requests.pending or scoring.previews.due or snapshots.due:
                    yield from between_steps()
                    if requests.should_stop():
                        break
            else:  # the end of an epoch: evaluate, keep the best weights, count epochs without improvement
                yield from _flush(state, steps, requests)
                if not requests.should_stop():
                    try:
                        scores = state.epoch_scores(scoring.validation())
                    except EvaluationInterrupted:  # the resumed run evaluates this epoch
                        yield from requests.apply()
                        continue
                    step, seconds, epoch_began = p.step, rng.seconds - epoch_began, rng.seconds
                    best = state.end_epoch(scores)
                    yield Epoch(p.epoch, step, scores.metrics, seconds, best, scores.replicas)
                    yield from between_steps()
        yield from calibrate(state, requests, train_step)
        if requests.should_stop() or not state.has_epochs_left:
            break  # else more epochs were asked for meanwhile
    yield from _flush(state, steps, requests)
    if p.step > 0 and requests.stop_reason != "leave":
        yield scoring.preview()
    yield checkpoint_now()
    if requests.stop_reason != "leave":
        yield from scoring.final_report(requests.stop_reason, seconds=lambda: rng.seconds)


def train_step(
    state: TrainingState,
    batch: Batch,
    continues: NDArray[np.bool_] | None,
    captured: CapturedStep | None = None,
) -> tuple[Tensor, Tensor, float | NDArray[np.float64]]:
    """One step of the optimizer -> (loss, gradient norm before clipping, learning rate); of replicas [K] each."""
    learning_rate = state.update_learning_rate()
    if captured is not None and (found := captured(batch)) is not None:
        state.count_step(None)
        return *found, learning_rate
    loss, recurrent_state = state.gradients(batch, continues)
    norm = state.descend()
    state.count_step(recurrent_state if continues is not None else None)
    return loss, norm, learning_rate


def check(experiment: Experiment, data: Any = None) -> None:
    """Raise what `fit` would raise before its first step, one line each fault: DataError or DeviceError."""
    device, _ = resolve(experiment.training.device)
    check_precision(experiment.training.precision, device)
    table = load_table(experiment, data)
    TASKS[experiment.data.task].load()(experiment).check(table)
    check_memory(summarize(experiment, table).parameters, experiment.model, device)


def load_table(experiment: Experiment, data: Any = None) -> Table:
    """The experiment's values: `data` if given (DataFrame, array or Table), else its source's. DataError."""
    if isinstance(data, Table):
        return data
    if data is not None:
        from seqcore.data.dataframes import table_from_frame  # imports pandas: only for data of the caller

        return table_from_frame(data, experiment.data)
    source = SOURCES[experiment.data.source]
    if source.stored:
        raise DataError(f"data.source: the values of {source.title!r} are in a store; give them to fit as data=...")
    table: Table = source.load()(**experiment.data.options).table()
    return table


def _prepare(
    experiment: Experiment, data: Any, checkpoint: Checkpoint | None, control: Control, device: torch.device
) -> Generator[Event, None, tuple[TrainingState, Table] | None]:
    """The state to train and its data; None where the run was asked to end during the search for preprocessing."""
    if data is None:
        yield Preparing(0, "Loading the data")
    table = load_table(experiment, data)
    if checkpoint is not None:
        kind = state_type(restored_experiment(checkpoint))
        return kind.resumed(checkpoint, table, device, device_name=experiment.training.device), table
    task = TASKS[experiment.data.task].load()(experiment)
    for preparing in task.search_preprocessing(table, device):
        yield preparing
        if control.ending is not None:
            return None
    yield Preparing(0, "Preparing the dataset")
    return state_type(experiment).fresh(experiment, task, task.make_dataset(table, device), device), table


def _threads(state: TrainingState, *, resumed: bool) -> int:
    """The number of threads of the run so far, else what fits the model."""
    if state.progress.threads:
        return state.progress.threads
    if resumed or state.device.type != "cpu":  # checkpoints of earlier versions are of one thread
        return 1
    return choose_threads(state.model, state.experiment.training.batch_size, divided=state.divided)


def _flush(state: TrainingState, steps: StepBuffer, requests: Requests) -> Iterator[Event]:
    """The steps so far; where the weights are no longer finite, the end of the run and why."""
    block = steps.flush(state)
    if block is None:
        return
    yield block
    for finding in state.diverged(block):
        if state.is_lost:
            requests.stop_reason = "diverged"
        yield finding


def _started(state: TrainingState, scoring: Scoring, device: tuple[torch.device, str]) -> Started:
    p, baselines = state.progress, scoring.baselines
    return Started(
        device=str(device[0]),
        device_reason=device[1],
        threads=p.threads,
        versions={"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        parameters=state.summary.parameters,
        split_sizes=state.dataset.sizes(),
        baselines={name: dict(metrics) for name, metrics in baselines.items()},
        reference_baseline=next(name for name in (*state.task.reference, *baselines) if name in baselines),
        metric=state.task.metric,
        summary=state.summary.layers,
        data=describe_table(state.dataset.table),
        steps_per_epoch=state.steps_per_epoch,
        epochs=state.experiment.training.epochs,
        step=p.step,
        epoch=p.epoch,
        unit=state.task.unit,
        replicas=state.experiment.training.replicas,
    )


def _changes_on_resume(experiment: Experiment, checkpoint: Checkpoint, replay: Sequence[Changed]) -> dict[str, Any]:
    """The live fields in which `experiment` differs from the checkpoint's; ExperimentError where others do.

    Values that a change in `replay` had before or after it are left to it.
    """
    kept = restored_experiment(checkpoint)
    wanted = {
        path: value
        for path, value in experiment.differences(kept).items()
        if path not in _FREE_TO_CHANGE and not any(_is_of(change, path, value) for change in replay)
    }
    # options of another source or architecture: that it is another one says all
    other = tuple(f"{options}." for choice, options in OPTIONS.items() if experiment.get(choice) != kept.get(choice))
    refused = [
        f"{path}: {value!r} differs from the checkpoint's {kept.get(path)!r}, kept by a resumed run; start a new run"
        for path, value in wanted.items()
        if path not in LIVE_CHANGES and not path.startswith(other)
    ]
    if refused:
        raise ExperimentError(*refused)
    return wanted


def _is_of(change: Changed, path: str, value: Any) -> bool:
    """Whether a field had this value before or after a change; runs of earlier versions kept only the latter."""
    return path in change.changes and (not change.before or value in (change.before.get(path), change.changes[path]))
