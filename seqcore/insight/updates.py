"""Update-to-weight ratio: how much the next update from a snapshot changes each weight matrix.

CS231n course notes, "Neural Networks Part 3: Learning and Evaluation", section "Ratio of weights:updates": the norm of
the update over the norm of the weights should be about 1e-3.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from seqcore.data.dataset import Dataset
from seqcore.data.table import Table
from seqcore.errors import PredictionError
from seqcore.experiment.experiment import Experiment
from seqcore.results.updates import UpdatesView
from seqcore.tasks import TASKS
from seqcore.tasks.task import Task
from seqcore.training.checkpoint import Checkpoint, unpack
from seqcore.training.fit import train_step
from seqcore.training.isolated_rng import on_one_thread, random_state, set_random_state
from seqcore.training.replicas import state_type
from seqcore.training.state import TrainingState
from seqcore.training.stored_state import restored_experiment

__all__ = ["update_ratios"]

_CPU = torch.device("cpu")


def update_ratios(snapshots: Iterable[bytes], table: Table) -> UpdatesView:
    """Of the contents of a run's snapshots, in order: one real step of training from each, on the run's own data.

    The step is that which the run took or would take next: the next batch, the optimizer with its state, the learning
    rate of the schedule, clipping and dropout. Weights with one axis (biases, scales) are left out. PredictionError
    where there is no snapshot, CorruptError for a damaged one.
    """
    steps: list[int] = []
    rows: list[dict[str, float]] = []
    dataset: Dataset | None = None
    generator = random_state(_CPU)
    try:
        with on_one_thread():
            for content in snapshots:
                checkpoint = unpack(content)
                experiment = restored_experiment(checkpoint)
                if dataset is None:
                    dataset = _dataset(experiment, checkpoint, table)
                kind = state_type(experiment)
                state = kind.resumed(checkpoint, table, _CPU, device_name="cpu", dataset=dataset)
                steps.append(state.progress.step)
                rows.append(_ratios(state))
    finally:
        set_random_state(generator, _CPU)
    if not rows:
        raise PredictionError("updates: this run has no snapshots")
    names = tuple(rows[0])
    return UpdatesView(tuple(steps), names, np.array([[row[name] for name in names] for row in rows]))


def _dataset(experiment: Experiment, checkpoint: Checkpoint, table: Table) -> Dataset:
    """The run's data as the snapshots know them: their baselines are not fitted again."""
    task: Task = TASKS[experiment.data.task].load()(experiment)
    codec = task.codec_type.from_dict(checkpoint.part("codec"), checkpoint.arrays("codec"))
    dataset: Dataset = task.make_dataset(table, _CPU, codec)
    return dataset


def _ratios(state: TrainingState) -> dict[str, float]:
    """Of the next step from this state; the median over replicas."""
    before = {name: weight.detach().clone() for name, weight in state.model.state_dict().items()}
    batch, continues = next(state.remaining_batches(), (None, None))
    if batch is None:  # at the end of an epoch
        state.begin_epoch()
        batch, continues = next(state.remaining_batches())
    state.model.train()
    train_step(state, batch, continues)
    replicas = state.experiment.training.replicas
    found = {}
    frozen = {name for name, weight in state.model.state_dict(keep_vars=True).items() if not weight.requires_grad}
    for name, weight in state.model.state_dict().items():
        if name not in frozen and weight.is_floating_point() and weight.dim() >= (2 if replicas == 1 else 3):
            found[_readable(name)] = _ratio(weight - before[name], before[name], replicas)
    return found


def _ratio(update: Tensor, weight: Tensor, replicas: int) -> float:
    shape = (replicas, -1)
    sizes = (part.reshape(shape).double().norm(dim=1) for part in (update, weight))
    ratios = np.array([u / w if w > 0 else np.nan for u, w in zip(*(s.tolist() for s in sizes), strict=True)])
    known = ratios[np.isfinite(ratios)]
    return float(np.median(known)) if len(known) else float("nan")


def _readable(name: str) -> str:
    """The name of a weight without the parts that all names share; normalized weights have a length and a direction."""
    name = name.removeprefix("backbone.").removeprefix("network.")
    for place, part in enumerate(("length", "direction")):
        name = name.replace(f".parametrizations.weight.original{place}", f" ({part})")
    return name
