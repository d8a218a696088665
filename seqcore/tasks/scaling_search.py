"""Scaling search: a short training run for each scaling; the lowest validation error is selected."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from itertools import count, islice
from typing import Any

import numpy as np
import torch
from torch import nn

from seqcore.data.codec import Codec
from seqcore.data.numeric_dataset import NumericDataset
from seqcore.data.table import Table
from seqcore.errors import DataError, ExperimentError, SeqcoreError
from seqcore.evaluation.baselines.naive import fit_naive
from seqcore.events import Preparing
from seqcore.experiment.config import DataConfig
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.fields import describe
from seqcore.models.without_compiler import leave_compiler_out, step_of
from seqcore.results import TableView

__all__ = ["KINDS", "choice_view", "scaling_trials"]

Row = tuple[Any, ...]

KINDS = ("standard", "minmax", "last-value", "log-last-value", "window-mean", "seasonal")
_MOST_STEPS, _LEAST_STEPS = 250, 60
_NUMBERS = 300_000  # input values in all steps of one trial: a bound independent of wall time
_LARGEST = 32  # largest hidden size of a trial: the best scaling hardly depends on the model size
_BATCH, _RATE = 32, 0.01
_SCORED = 1_000  # validation windows
_HELD_OUT = 0.2  # of the training split, if there is no validation split


def scaling_trials(
    make_task: Callable[[Experiment], Any], experiment: Experiment, table: Table, device: torch.device
) -> Generator[Preparing, None, tuple[Row, ...]]:
    """Train a small model for the same number of steps with every scaling; select the lowest validation error.

    Yields a progress event before each trial; returns rows of (kind, validation error or None, remark), the selected
    scaling first. The error is the mean absolute error in original units; with several series or targets, each is
    divided by its mean absolute one-step difference. The result depends on data and seed only, not on time. Without a
    validation split the end of the training split is used. DataError if no scaling is possible.
    """
    tried: list[Row] = []
    faults: list[str] = []
    titles = _titles()
    for number, kind in enumerate(KINDS, 1):
        yield Preparing(0, "Scaling search", number, len(KINDS), titles[kind])
        try:
            error = _trial(make_task(_small(experiment, kind)), table, device)
            tried.append((kind, error if math.isfinite(error) else None, ""))
        except SeqcoreError as fault:
            faults.append(fault.lines[0])
            tried.append((kind, None, _reason(fault.lines[0])))
    tried.sort(key=lambda row: math.inf if row[1] is None else row[1])
    kind, error, _ = tried[0]
    if error is None:
        raise DataError(faults[0] if faults else "data.scaling: no scaling gives finite predictions; set data.scaling")
    return (kind, error, "selected"), *tried[1:]


def _titles() -> dict[str, str]:
    """The names of scalings in a sentence."""
    setting = next(s for s in describe(DataConfig, "data") if s.path == "data.scaling")
    return {choice.value: choice.title.lower() for choice in setting.choices}


def choice_view(codec: Codec) -> TableView | None:
    """The results of all trials as a table; None where there were none."""
    several = bool(codec.series) or len(codec.target_names) > 1
    error, rows = "validation MAE / mean absolute step" if several else "validation MAE", codec.choice
    return TableView(("scaling", error, "remark"), rows, title="Scaling search") if rows else None


def _reason(fault: str) -> str:
    """An error message without its field and without its advice."""
    field, _, rest = fault.partition(": ")
    return (rest if rest and field.startswith(("data.", "model.")) else fault).partition("; ")[0]


def _small(experiment: Experiment, kind: str) -> Experiment:
    """The experiment of one trial. DataError if the scaling conflicts with other fields."""
    data, model = experiment.data, experiment.model
    held_out = data.validation_fraction or _HELD_OUT * (1.0 - data.test_fraction)
    try:
        return experiment.with_changes(
            {
                "data.scaling": kind,
                "data.validation_fraction": held_out,
                "model.hidden_size": min(model.hidden_size, _LARGEST),
                "model.num_layers": 1,
                "model.dropout": 0.0,
                "model.recurrent_dropout": 0.0,
            }
        )
    except ExperimentError as error:
        raise DataError(*error.lines) from None


def _trial(task: Any, table: Table, device: torch.device) -> float:
    """The validation error after a few steps. The random state of torch is preserved."""
    training = task.experiment.training.model_copy(update={"batch_size": _BATCH, "shuffle": True, "stateful": False})
    data = NumericDataset(table, task.experiment.data, device)
    steps = min(_MOST_STEPS, max(_LEAST_STEPS, _NUMBERS // (_BATCH * data.config.window)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        model = task.build_model(data.codec).to(device)
        leave_compiler_out()
        optimizer = torch.optim.Adam(model.parameters(), lr=_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        batches = (numbers for epoch in count() for numbers, _ in data.batches("train", training, epoch))
        for done, numbers in enumerate(islice(batches, steps)):
            batch = data.batch("train", numbers)
            loss = task.loss(task.forward(model, batch, None, done / steps)[0], batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            step_of(optimizer)
            schedule.step()
    return _error(task, model, data)


def _error(task: Any, model: nn.Module, data: NumericDataset) -> float:
    chosen = data.spread("val", _SCORED)
    prediction, _ = task.predicted(model, data, "val", chosen)
    size = np.abs(prediction - data.truth("val", chosen))  # [n, S, H, K]
    if _several_sizes(data):
        series = data.series_of(data.windows["val"].locate(chosen)[2])
        unit = fit_naive(data)["naive_step"][series][:, None, None, :]
        size = size / np.where(unit > 0.0, unit, 1.0)
    return float(np.nanmean(size))


def _several_sizes(data: NumericDataset) -> bool:
    """Whether errors of several series or targets have different units."""
    return data.fit.by_series or len(data.targets) > 1
