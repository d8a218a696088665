"""Which scaling: every kind is tried for a moment on the same windows, and what predicts best is taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.dataset import Batch
from seqcore.data.numeric_dataset import NumericDataset
from seqcore.data.table import Table
from seqcore.errors import DataError, ExperimentError, SeqcoreError
from seqcore.evaluation.baselines.naive import fit_naive
from seqcore.events import Preparing
from seqcore.experiment.experiment import Experiment
from seqcore.results import TableView

__all__ = ["KINDS", "Choice", "choice_view", "choose_scaling", "scaling_trials"]

KINDS = ("standard", "minmax", "last-value", "log-last-value", "window-mean", "seasonal")
_MOST_STEPS, _LEAST_STEPS = 250, 60
_NUMBERS = 300_000  # numbers that all steps of one trial may see: what bounds a trial, whatever the clock says
_LARGEST = 32  # hidden units of a trial: which scaling is best hardly depends on the model's size
_BATCH, _RATE = 32, 0.01
_SCORED = 1_000  # validation windows
_HELD_BACK = 0.2  # of the training part, where there is no validation part


class TrialTask(Protocol):
    """What a trial needs of a task."""

    experiment: Experiment

    def build_model(self, codec: Any) -> nn.Module: ...

    def forward(self, model: nn.Module, batch: Batch, state: Any, progress: float) -> tuple[Tensor, Any]: ...

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor: ...

    def predicted(
        self, model: nn.Module, dataset: Any, part: str, indices: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], float]: ...


@dataclass(frozen=True)
class Choice:
    """The kind that was chosen, and what from: rows of (kind, validation error or None, remark)."""

    kind: str
    rows: tuple[tuple[Any, ...], ...]


def choose_scaling(
    make_task: Callable[[Experiment], TrialTask], experiment: Experiment, table: Table, device: torch.device
) -> Choice:
    """Train a small model for the same few steps with every kind; the least error on the validation part wins.

    The error is the mean absolute error in original units; where there are several series or targets, each counts in
    its own mean step. The same data and seed give the same choice: steps are counted, not timed. Without a validation
    part the end of the training part serves. DataError where no kind can be had.
    """
    trials = scaling_trials(make_task, experiment, table, device)
    while True:
        try:
            next(trials)
        except StopIteration as end:
            choice: Choice = end.value
            return choice


def scaling_trials(
    make_task: Callable[[Experiment], TrialTask], experiment: Experiment, table: Table, device: torch.device
) -> Generator[Preparing, None, Choice]:
    """`choose_scaling`, saying before each trial which it is."""
    tried: list[tuple[str, float, str]] = []
    faults: list[str] = []
    for number, kind in enumerate(KINDS, 1):
        yield Preparing(0, "Trying scalings", number, len(KINDS))
        try:
            error = _trial(make_task(_small(experiment, kind)), table, device)
            tried.append((kind, error, ""))
        except SeqcoreError as fault:
            faults.append(fault.lines[0])
            tried.append((kind, math.nan, _reason(fault.lines[0])))
    known = [(error, i) for i, (_, error, _) in enumerate(tried) if math.isfinite(error)]
    if not known:
        raise DataError(faults[0] if faults else "data.scaling: no scaling gives finite predictions; choose one")
    best = min(known)[1]
    rows = [
        (kind, error if math.isfinite(error) else None, "chosen" if i == best else why)
        for i, (kind, error, why) in enumerate(tried)
    ]
    rows.sort(key=lambda row: math.inf if row[1] is None else row[1])
    return Choice(tried[best][0], tuple(rows))


def choice_view(rows: tuple[tuple[Any, ...], ...], *, several: bool) -> TableView:
    """The table that a choice was made from."""
    error = "validation error in mean steps" if several else "validation MAE"
    return TableView(("scaling", error, "remark"), rows, title="How the scaling was chosen")


def _reason(fault: str) -> str:
    """A fault without the field it names, which was only tried, and without the advice: all others were tried, too."""
    field, _, rest = fault.partition(": ")
    return (rest if rest and field.startswith(("data.", "model.")) else fault).partition("; ")[0]


def _small(experiment: Experiment, kind: str) -> Experiment:
    """The experiment of one trial. ExperimentError where the kind doesn't go with the other settings."""
    data, model = experiment.data, experiment.model
    held_back = data.validation_fraction or _HELD_BACK * (1.0 - data.test_fraction)
    try:
        return experiment.with_changes(
            {
                "data.scaling": kind,
                "data.validation_fraction": held_back,
                "model.hidden_size": min(model.hidden_size, _LARGEST),
                "model.num_layers": 1,
                "model.dropout": 0.0,
                "model.recurrent_dropout": 0.0,
            }
        )
    except ExperimentError as error:
        raise DataError(*error.lines) from None


def _trial(task: TrialTask, table: Table, device: torch.device) -> float:
    """The validation error after a few steps. torch's random state is left as it was."""
    training = task.experiment.training.model_copy(update={"batch_size": _BATCH, "shuffle": True, "stateful": False})
    data = NumericDataset(table, task.experiment.data, device)
    steps = min(_MOST_STEPS, max(_LEAST_STEPS, _NUMBERS // (_BATCH * data.config.window)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        model = task.build_model(data.codec).to(device)
        optimizer = torch.optim.Adam(model.parameters(), lr=_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        done, epoch = 0, 0
        while done < steps:
            for numbers, _ in data.batches("train", training, epoch):
                batch = data.batch("train", numbers)
                loss = task.loss(task.forward(model, batch, None, done / steps)[0], batch)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                done += 1
                if done == steps:
                    break
            epoch += 1
    return _error(task, model, data)


def _error(task: TrialTask, model: nn.Module, data: NumericDataset) -> float:
    chosen = data.spread("val", _SCORED)
    prediction, _ = task.predicted(model, data, "val", chosen)
    size = np.abs(prediction - data.truth("val", chosen))  # [n, S, H, K]
    if several_sizes(data):
        series = data.series_of(data.windows["val"].locate(chosen)[2])
        unit = fit_naive(data)["naive_step"][series][:, None, None, :]
        size = size / np.where(unit > 0.0, unit, 1.0)
    return float(np.nanmean(size))


def several_sizes(data: NumericDataset) -> bool:
    """Whether errors come in several units: of series or targets of their own size."""
    return data.fit.by_series or len(data.targets) > 1
