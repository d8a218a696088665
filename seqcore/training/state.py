"""Everything that changes while a model is trained, and how it goes into a checkpoint and comes back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.dataset import Batch, Dataset
from seqcore.errors import CorruptError, DeviceError, SeqcoreError
from seqcore.events import CheckpointReady
from seqcore.experiment.experiment import Experiment
from seqcore.models.recurrent import State
from seqcore.tasks import TASKS
from seqcore.tasks.model_summary import check_memory, summarize
from seqcore.tasks.task import Task, carried
from seqcore.training.checkpoint import Checkpoint, load_weights, pack, unpack
from seqcore.training.optimizers import make_optimizer
from seqcore.training.random_state import random_state, set_random_state
from seqcore.training.schedules import rate

__all__ = ["Progress", "TrainingState"]

_TOGETHER = 16  # batches that are gathered at once, as long as they are small
_NUMBERS_TOGETHER = 500_000


@dataclass
class Progress:
    """Where a run is: plain numbers, kept in every checkpoint."""

    step: int = 0
    epoch: int = 0  # whole epochs done
    step_in_epoch: int = 0
    planned: int = 0  # steps that the schedule was made for
    loss_sum: float = 0.0  # over the epoch in hand, by window
    windows: int = 0
    last_losses: list[float] = field(default_factory=list)  # of the last 20 steps
    best_loss: float = math.inf
    best_epoch: int | None = None
    best_step: int | None = None
    best_metrics: dict[str, float] = field(default_factory=dict)  # as the best epoch's end said them
    waited: int = 0  # epochs since the best
    drops: int = 0  # of a plateau schedule
    plateau_best: float = math.inf
    plateau_waited: int = 0
    next_preview: int = 1
    epoch_seconds: float = 0.0
    seconds: float = 0.0


@dataclass
class TrainingState:
    """A model on its way: fresh from an experiment, or as a checkpoint left it."""

    experiment: Experiment
    task: Task
    dataset: Dataset
    device: torch.device
    model: nn.Module
    optimizer: torch.optim.Optimizer
    progress: Progress
    best: dict[str, Tensor]
    carried: State = None

    @classmethod
    def fresh(cls, experiment: Experiment, dataset: Any, device: torch.device) -> TrainingState:
        """First weights from the experiment's seed. DeviceError where the model doesn't fit into memory."""
        task: Task = TASKS[experiment.data.task].load()(experiment)
        check_memory(summarize(experiment, dataset.table), experiment, device)
        try:
            model = task.build_model(dataset.codec).to(device)
        except (RuntimeError, MemoryError) as error:
            raise DeviceError(f"model.hidden_size: the model doesn't fit into memory ({str(error)[:120]})") from None
        steps = dataset.steps_per_epoch(experiment.training)
        progress = Progress(planned=experiment.training.epochs * steps)
        optimizer = make_optimizer(model.parameters(), experiment.training)
        return cls(experiment, task, dataset, device, model, optimizer, progress, {})

    @cached_property
    def parameters(self) -> list[nn.Parameter]:
        """The model's weights."""
        return list(self.model.parameters())

    @cached_property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in one epoch."""
        return self.dataset.steps_per_epoch(self.experiment.training)

    @property
    def has_epochs_left(self) -> bool:
        """Whether there are epochs left, and patience."""
        training = self.experiment.training
        return self.progress.epoch < training.epochs and not self.out_of_patience

    @property
    def out_of_patience(self) -> bool:
        """Whether early stopping ends the run."""
        patience = self.experiment.training.patience
        return patience > 0 and self.progress.waited >= patience

    def remaining_batches(self) -> Iterator[tuple[Batch, NDArray[np.bool_] | None]]:
        """What is left of the epoch in hand: batches, and where state is carried whether each window follows on.

        They are gathered several at a time, which costs hardly more than one.
        """
        p, training = self.progress, self.experiment.training
        left = islice(self.dataset.batches("train", training, p.epoch), p.step_in_epoch, None)
        together = max(1, min(_TOGETHER, _NUMBERS_TOGETHER // (training.batch_size * max(1, self.dataset.longest))))
        while group := list(islice(left, together)):
            batches = self.dataset.gather("train", [numbers for numbers, _ in group])
            yield from zip(batches, (follows for _, follows in group), strict=True)

    @property
    def done(self) -> float:
        """How much of the planned run is done, from 0 to 1."""
        return min(1.0, self.progress.step / max(1, self.progress.planned))

    def update_learning_rate(self) -> float:
        """Give the optimizer the learning rate of the step to come, and say it."""
        p = self.progress
        value = rate(
            self.experiment.training,
            step=p.step + 1,
            planned=p.planned,
            steps_per_epoch=self.steps_per_epoch,
            drops=p.drops,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = value
        return value

    def clear_gradients(self) -> None:
        """The optimizer's `zero_grad`, without the profiler's hooks that it takes along each time."""
        for parameter in self.parameters:
            parameter.grad = None

    def carried_to(self, follows: NDArray[np.bool_] | None) -> State:
        """The hidden state that the next batch starts from, or None."""
        return carried(self.carried, follows)

    def count_step(self, hidden: State) -> None:
        """A step was taken; `hidden` is the state to hand on, or None."""
        self.carried = hidden
        self.progress.step += 1
        self.progress.step_in_epoch += 1

    def change(self, changes: dict[str, Any]) -> None:
        """Live changes: a new learning rate, more epochs. ExperimentError where they can't be."""
        self.experiment = self.experiment.with_changes(changes)
        for group in self.optimizer.param_groups:
            group["weight_decay"] = self.experiment.training.weight_decay

    def end_epoch(self, val_loss: float | None) -> bool:
        """Count an epoch; whether it was the best so far. Keeps the best weights.

        Without a validation part (`val_loss` None) nothing can choose, and the last weights stand.
        """
        p, training = self.progress, self.experiment.training
        p.epoch, p.step_in_epoch, p.loss_sum, p.windows, p.epoch_seconds = p.epoch + 1, 0, 0.0, 0, 0.0
        if val_loss is None:
            return False
        best = val_loss < p.best_loss
        p.waited = 0 if best else p.waited + 1
        if best:
            p.best_loss, p.best_epoch, p.best_step = val_loss, p.epoch, p.step
            self.best = {name: t.detach().clone() for name, t in self.model.state_dict().items()}
        if val_loss < p.plateau_best:
            p.plateau_best, p.plateau_waited = val_loss, 0
        else:
            p.plateau_waited += 1
            if p.plateau_waited >= training.schedule_epochs:
                p.drops, p.plateau_waited = p.drops + 1, 0
        return best

    def finite(self) -> bool:
        """Whether every weight is a number."""
        return all(bool(torch.isfinite(p).all()) for p in self.parameters)

    def checkpoint(self) -> CheckpointReady:
        """All of it as bytes."""
        codec = self.dataset.codec  # type: ignore[attr-defined]
        tensors, plain = _packed_optimizer(self.optimizer)
        carried = self.carried if isinstance(self.carried, tuple) else () if self.carried is None else (self.carried,)
        meta = {
            "experiment": self.experiment.to_dict(),
            "codec": codec.to_dict(),
            "progress": asdict(self.progress),
            "optimizer": plain,
            "carried": None if self.carried is None else isinstance(self.carried, tuple),
        }
        groups = {
            "model": self.model.state_dict(),
            "best": self.best,
            "optimizer": tensors,
            "carried": {str(i): part for i, part in enumerate(carried)},
            "random": random_state(self.device),
            "codec": {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in codec.arrays().items()},
        }
        p = self.progress
        return CheckpointReady(step=p.step, epoch=p.epoch, content=pack(meta, groups), best_step=p.best_step)

    @classmethod
    def resumed(cls, experiment: Experiment, content: bytes, table: Any, device: torch.device) -> TrainingState:
        """As a checkpoint left it, random state included. CorruptError where it doesn't fit.

        `experiment` says where to run; everything else is the checkpoint's own.
        """
        checkpoint = unpack(content)
        kept = restored_experiment(checkpoint).with_changes({"training.device": experiment.training.device})
        task: Task = TASKS[kept.data.task].load()(kept)
        codec = task.codec_from_dict(checkpoint.meta["codec"], checkpoint.arrays("codec"))
        state = cls.fresh(kept, task.make_dataset(table, device, task.frozen_codec(codec)), device)
        load_weights(state.model, checkpoint.group("model"))
        try:
            _restore_optimizer(state.optimizer, checkpoint)
            state.progress = Progress(**checkpoint.meta["progress"])
            state.best = {name: t.to(device) for name, t in checkpoint.group("best").items()}
            parts = checkpoint.group("carried")
            kept_parts = tuple(parts[str(i)].to(device) for i in range(len(parts)))
            state.carried = kept_parts if checkpoint.meta["carried"] else kept_parts[0] if kept_parts else None
            set_random_state(checkpoint.group("random"), device)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CorruptError(f"the checkpoint is damaged: {error}") from None
        return state


def restored_experiment(checkpoint: Checkpoint) -> Experiment:
    """The experiment that a checkpoint holds, live changes included."""
    try:
        return Experiment.make(checkpoint.meta["experiment"])
    except (KeyError, SeqcoreError) as error:
        raise CorruptError(f"the checkpoint's experiment can't be read: {error}") from None


def _packed_optimizer(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors: dict[str, Tensor] = {}
    plain: dict[str, Any] = {}
    for index, entries in optimizer.state_dict()["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{name}"] = value
            else:
                plain[f"{index}.{name}"] = value
    return tensors, plain


def _restore_optimizer(optimizer: torch.optim.Optimizer, checkpoint: Checkpoint) -> None:
    entries: dict[int, dict[str, Any]] = {}
    for key, value in [*checkpoint.group("optimizer").items(), *checkpoint.meta["optimizer"].items()]:
        index, _, name = key.partition(".")
        entries.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": entries, "param_groups": optimizer.state_dict()["param_groups"]})
