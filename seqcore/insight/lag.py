"""Gradient by lag: how far back a model uses its input, over many examples, beside how far the task needs to look."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.dataset import Batch, Dataset
from seqcore.data.profile.mutual_information import mutual_information
from seqcore.data.profile.seasonality import LONGEST_LOOK, autocorrelation, find_period
from seqcore.data.sources import SOURCES
from seqcore.data.table import Table
from seqcore.errors import PredictionError
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.insight.differentiation import differentiable, read_inputs
from seqcore.insight.gradients import predicted_from
from seqcore.models import MODELS
from seqcore.results.base import Values
from seqcore.results.formatting import counted
from seqcore.results.gradients import REACH, GradientByLagView, LagCurve, NeededMemory
from seqcore.tasks.task import Task
from seqcore.training.isolated_rng import on_one_thread

__all__ = ["MOST_EXAMPLES", "gradient_by_lag", "needed_memory", "other_data"]

MOST_EXAMPLES = 32
_EXACT = 4  # numbers of one prediction whose gradients are all found
_PROJECTIONS = 4  # random combinations of more numbers
_SIZE_AT_ONCE = 12_800  # rows times steps of one pass
_NOTHING: Values = np.zeros(0)
_SAME = ("source", "options", "task", "inputs", "target", "lead", "horizon")


def gradient_by_lag(
    predictor: Predictor, table: Table, *, split: str | None = None, examples: int = MOST_EXAMPLES, name: str = ""
) -> GradientByLagView:
    """The gradient of the prediction at the end of each example with respect to each input, by lag, as shares.

    Lag 0 is the last step that the model reads. The gradient of a step is the norm over its inputs as the model reads
    them (scaled numbers, encoded symbols) and over the numbers of the prediction, of symbols and classes the
    log-probability of the most probable one. Of more than 4 numbers it is estimated from 4 random signs each
    (Hutchinson 1990), the same ones at every call. `examples` are evenly spread over the `split` (default: validation).
    The lag of a translation counts back over the words written to those of the sentence. Where a state is carried from
    window to window, each example begins with the initial state all the same. PredictionError where no
    prediction depends on the input, for an empty split, and for replicas.
    """
    if examples < 1:
        raise PredictionError(f"examples: {examples} is not allowed; use a whole number from 1 up")
    with on_one_thread():
        data: Dataset = predictor.task.split_data(table, predictor.codec())
        split = split or data.preview_split()
        if split not in data.windows or not len(data.windows[split]):
            there = ", ".join(part for part, size in data.sizes().items() if size)
            raise PredictionError(f"split: this run has no {split} split; use one of {there}")
        indices = data.spread(split, examples)
        shares = [share for share in _shares(predictor, data, split, indices) if share is not None]
    if not shares:
        raise PredictionError(
            "gradients: every gradient is 0 or not finite: the prediction does not depend on the input, or the model "
            "of this step has diverged; choose another step"
        )
    longest = max(map(len, shares))
    by_lag = np.full((len(shares), longest), np.nan)
    for row, share in zip(by_lag, shares, strict=True):
        row[: len(share)] = share
    low, median, high = np.nanquantile(by_lag, (0.25, 0.5, 0.75), axis=0)
    reaches = np.array([int(np.searchsorted(np.cumsum(share), REACH - 1e-9)) for share in shares])
    reach_low, reach, reach_high = np.quantile(reaches, (0.25, 0.5, 0.75))
    title = MODELS[predictor.experiment.model.architecture].title
    curve = LagCurve(
        name or title, title, predictor.step, median, low, high, float(reach), float(reach_low), float(reach_high),
        len(shares),
    )  # fmt: skip
    return GradientByLagView((curve,), needed_memory(predictor.experiment, table), predictor.unit.one)


def _shares(
    predictor: Predictor, data: Dataset, split: str, indices: NDArray[np.int64]
) -> list[NDArray[np.float64] | None]:
    """The shares of each example by lag; None where the gradient is 0 or not finite."""
    task, model = predictor.task, differentiable(predictor)
    lengths = data.windows[split].locate(indices)[1]
    together = not task.writes_sequences and bool((lengths == lengths[0]).all())
    size = max(1, _SIZE_AT_ONCE // int(lengths.max()) // _EXACT) if together else 1
    found: list[NDArray[np.float64] | None] = []
    for start in range(0, len(indices), size):
        batch = data.batch(split, indices[start : start + size])
        if not together:
            batch = Batch(batch.inputs, batch.targets, None, batch.extra)
        for each in _sizes(task, model, batch):
            total = float(each.sum())
            found.append(each[::-1] / total if 0.0 < total < np.inf else None)
    return found


def _sizes(task: Task, model: nn.Module, batch: Batch) -> Values:
    """The size of the gradient of each row's last prediction with respect to each step, [B, T]."""
    count, directions = len(batch.inputs), 1
    with torch.no_grad():
        width = task.forward(model, batch, None, 1.0)[0].shape[2]
    if not task.categorical:
        directions = width if width <= _EXACT else _PROJECTIONS
    reading = read_inputs(task, model, _repeated(batch, directions))
    lengths = np.full(len(reading.outputs), reading.outputs.shape[1])
    scores = task.scores(predicted_from(reading.outputs, lengths))  # [directions * B, O]
    if task.categorical:
        of = scores.max(dim=1).values.sum()
    else:
        of = (scores.view(directions, count, width) * _directions(directions, width)[:, None]).sum()
    squares = [g.double().square().sum(dim=2) for g in reading.gradients(of)]  # of what each architecture reads
    sizes = torch.cat(squares, dim=1).view(directions, count, -1).sum(dim=0).sqrt()
    return sizes.numpy()


def _directions(count: int, width: int) -> Tensor:
    """Each output alone, or random signs, [count, width]."""
    if count == width:
        return torch.eye(width)
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 2, (count, width), generator=generator).float() * 2 - 1


def _repeated(batch: Batch, times: int) -> Batch:
    if times == 1:
        return batch
    inputs, targets = (part.repeat(times, *[1] * (part.dim() - 1)) for part in (batch.inputs, batch.targets))
    return Batch(inputs, targets, None if batch.lengths is None else batch.lengths.repeat(times))


def needed_memory(experiment: Experiment, table: Table) -> NeededMemory:
    """How far back the task needs to look: as the source declares, else as far as the data depend on themselves.

    Lags count from the last step that a prediction is made from. Numbers depend on each other by their autocorrelation,
    symbols by their mutual information.
    """
    data = experiment.data
    if not SOURCES[data.source].stored:
        declared = SOURCES[data.source].load()(**data.options).memory_distance()
        if declared is not None:
            return NeededMemory(declared.shortest, declared.longest, declared.reason, True, _NOTHING)
    if table.labels is not None:
        return NeededMemory(None, None, "a class may depend on any step", False, _NOTHING)
    if table.paired is not None:
        return NeededMemory(None, None, "a word may depend on any word of the sentence", False, _NOTHING)
    if table.symbolic:
        return _by_mutual_information(table, window=data.window, lead=data.lead)
    if table.frame is not None:
        return NeededMemory(None, None, "the autocorrelation of single pixels says little", False, _NOTHING)
    column = table.columns.index(data.target[0]) if data.target and data.target[0] in table.columns else 0
    return _by_autocorrelation(table, column, window=data.window, lead=data.lead)


def _by_autocorrelation(table: Table, column: int, *, window: int, lead: int) -> NeededMemory:
    """Up to the last lag before the first at which the autocorrelation is within chance, and the seasonal period."""
    name, found, rows, period = table.columns[column], [], 0, None
    for low, high in zip(table.offsets[:-1].tolist(), table.offsets[1:].tolist(), strict=True):
        values = table.values[max(low, high - LONGEST_LOOK) : high, column].astype(np.float64)
        known = autocorrelation(values[np.isfinite(values)])
        if known is not None:
            found.append(known[: window + lead])
            rows += high - low
            period = period or find_period(values[np.isfinite(values)])
        if rows >= LONGEST_LOOK:
            break
    if not found:
        return NeededMemory(None, None, f"{name} is too short or constant for an autocorrelation", False, _NOTHING)
    shortest = min(map(len, found))
    mean = np.mean([each[:shortest] for each in found], axis=0)
    chance = 2.0 / np.sqrt(max(rows, 1))
    within = np.flatnonzero(np.abs(mean[1:]) < chance)
    reach = int(within[0]) if len(within) else shortest - 1
    of_input = f", which is {reach - lead:,} before the last one read" if 0 < lead <= reach else ""
    reason = f"the autocorrelation of {name} is above chance up to {reach:,} steps before the predicted one{of_input}"
    if not len(within):
        reason = f"the autocorrelation of {name} is above chance over the whole window"
    if period is not None and reach < period < shortest:
        reach, reason = period, f"{name} has a period of {period:,} steps"
    return NeededMemory(0, max(0, reach - lead), reason, False, mean[lead:], f"autocorrelation of {name}")


def _by_mutual_information(table: Table, *, window: int, lead: int) -> NeededMemory:
    """Up to the longest lag within a window at which symbols depend on each other."""
    found = mutual_information(table.values[:, 0], table.lengths, window + lead - 1)
    reach, many = found.longest, table.unit.many
    reason = (
        f"two {many} depend on each other, by their mutual information, up to {counted(reach, table.unit.one)} apart"
    )
    if not reach:
        reason = f"{many} do not depend on earlier ones, by their mutual information"
    elif reach >= window + lead - 1:
        reason = f"the mutual information of two {many} is above chance over the whole window"
    return NeededMemory(0, max(0, reach - lead), reason, False, found.values[lead:], "mutual information (bits)")


def other_data(one: Experiment, other: Experiment) -> str:
    """Why the memory of two models can't be compared: which fields of their data differ; "" where none does."""
    different = [name for name in _SAME if getattr(one.data, name) != getattr(other.data, name)]
    if not different:
        return ""
    fields = ", ".join(f"data.{name}" for name in different)
    return f"it was trained on other data ({fields})"
