"""Training state: everything that changes while a model is trained, to and from a checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.dataset import Batch, Dataset
from seqcore.data.stored_codec import decoding
from seqcore.errors import DeviceError
from seqcore.evaluation.metrics import Scores
from seqcore.events import CheckpointReady, Finding, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.live import Reached, checked_changes
from seqcore.experiment.training_config import TrainingConfig
from seqcore.models.dropout import set_dropout
from seqcore.models.state import State, leaves, map_state
from seqcore.tasks import TASKS
from seqcore.tasks.model_summary import Summary, summarize_model
from seqcore.tasks.task import Task
from seqcore.training.checkpoint import Checkpoint, load_weights, pack
from seqcore.training.devices import check_memory
from seqcore.training.isolated_rng import random_state, set_random_state
from seqcore.training.optimizers import make_optimizer
from seqcore.training.progress import Progress, restored_progress
from seqcore.training.schedules import rate
from seqcore.training.stored_state import (
    packed_optimizer,
    restore_optimizer,
    restored_experiment,
    restored_recurrent_state,
)
from seqcore.training.training_step import TrainingStep

__all__ = ["TrainingState", "not_finite"]

TOGETHER = 64  # batches that are gathered at once, as long as they are small
NUMBERS_TOGETHER = 500_000


@dataclass
class TrainingState(TrainingStep):
    """A model in training: fresh from an experiment, or as a checkpoint left it."""

    experiment: Experiment
    task: Task
    dataset: Dataset
    device: torch.device
    model: nn.Module
    summary: Summary
    optimizer: torch.optim.Optimizer
    progress: Progress
    best: dict[str, Tensor]
    recurrent_state: State = None
    saved_at: float = field(default_factory=time.perf_counter)  # of the last checkpoint
    divisions: int = field(default=0, init=False)  # times that the windows left in an epoch were divided anew

    @classmethod
    def fresh(
        cls, experiment: Experiment, task: Task, dataset: Any, device: torch.device, *, seed: int | None = None
    ) -> Self:
        """First weights, from `seed` if given, else torch's random state. DeviceError where memory is too small."""
        with torch.device("meta"):
            summary = summarize_model(task.build_model(dataset.codec))
        check_memory(summary.parameters * experiment.training.replicas, experiment.model, device)
        try:
            model = cls._built(experiment, task, dataset, device, seed)
        except (RuntimeError, MemoryError) as error:
            raise DeviceError(f"model.hidden_size: the model doesn't fit into memory ({str(error)[:120]})") from None
        training = experiment.training
        planned = training.epochs * dataset.steps_per_epoch(training)
        progress = Progress(planned=planned, batch_size=training.batch_size)
        optimizer = make_optimizer(cls._trained(model), experiment.training)
        return cls(experiment, task, dataset, device, model, summary, optimizer, progress, {})

    @classmethod
    def _built(
        cls, experiment: Experiment, task: Task, dataset: Any, device: torch.device, seed: int | None
    ) -> nn.Module:
        if seed is not None:
            torch.manual_seed(seed)
        return task.build_model(dataset.codec).to(device)

    @classmethod
    def _trained(cls, model: nn.Module) -> list[nn.Parameter]:
        """What the optimizer changes: frozen weights are not among it."""
        return [parameter for parameter in model.parameters() if parameter.requires_grad]

    @cached_property
    def steps_per_epoch(self) -> int:
        """Training steps in one epoch, of today's batch size."""
        return self.dataset.steps_per_epoch(self.batching)

    @property
    def batching(self) -> TrainingConfig:
        """The training section with the size of today's batches; a change of it may wait for the next epoch."""
        training, size = self.experiment.training, self.progress.batch_size
        return training if training.batch_size == size else training.model_copy(update={"batch_size": size})

    @property
    def has_epochs_left(self) -> bool:
        """Whether epochs are left and early stopping has not ended the run."""
        return self.progress.epoch < self.experiment.training.epochs and not self.out_of_patience

    @property
    def out_of_patience(self) -> bool:
        """Whether early stopping ends the run."""
        patience = self.experiment.training.patience
        return patience > 0 and self.progress.waited >= patience

    @property
    def epochs_waited(self) -> int:
        """Epochs since the one with the lowest validation loss, as early stopping counts them."""
        return self.progress.waited

    def remaining_batches(self) -> Iterator[tuple[Batch, NDArray[np.bool_] | None]]:
        """What is left of the current epoch: batches, and in stateful training which rows continue the batch before.

        A change of the batch size divides it anew.
        """
        divisions = None
        while divisions != self.divisions:
            divisions = self.divisions
            for step in self._batches_left():
                yield step
                if divisions != self.divisions:
                    break

    def _batches_left(self) -> Iterator[tuple[Batch, NDArray[np.bool_] | None]]:
        """The same for one batch size. Several batches are gathered at a time, which costs hardly more than one."""
        p, training = self.progress, self.batching
        numbered = self.dataset.batches("train", training, p.epoch, start=p.cut_window)
        left = islice(numbered, p.step_in_epoch - p.cut_step, None)
        together = max(1, min(TOGETHER, NUMBERS_TOGETHER // (training.batch_size * max(1, self.dataset.longest))))
        while group := list(islice(left, together)):
            batches = self.dataset.gather("train", [numbers for numbers, _ in group])
            yield from zip(batches, (continues for _, continues in group), strict=True)

    def windows_in(self, batch: Batch) -> int:
        """How many windows a batch has."""
        return len(batch.inputs)

    def update_learning_rate(self) -> float | NDArray[np.float64]:
        """Set the optimizer's learning rate for the next step, and return it."""
        p, training, each = self.progress, self.experiment.training, self.steps_per_epoch
        step = p.step + self.schedule_shift + 1
        value = rate(training, step=step, planned=p.planned, steps_per_epoch=each, drops=p.drops)
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(value)
            else:
                group["lr"] = value
        return value

    @cached_property
    def schedule_shift(self) -> int:
        """What is added to the number of a step for the schedules: the same share of the run at any batch size."""
        p = self.progress
        return round(p.schedule_epochs * self.steps_per_epoch) - p.schedule_step

    @property
    def fraction(self) -> float:
        """How much of the planned run is done, from 0 to 1."""
        p = self.progress
        return min(1.0, (p.step + self.schedule_shift) / max(1, p.planned))

    def count_step(self, recurrent_state: State) -> None:
        """Count a training step; `recurrent_state` is what the next batch continues from, or None."""
        self.recurrent_state = recurrent_state
        self.progress.step += 1
        self.progress.step_in_epoch += 1

    def checked_changes(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Live changes with their values as the experiment holds them. ExperimentError where one is not allowed."""
        reached = Reached(self.progress.epoch + (self.progress.step_in_epoch > 0), self.epochs_waited)
        return checked_changes(self.experiment, changes, numeric=self.dataset.numeric_inputs > 0, reached=reached)

    def has_effect(self, path: str, value: Any) -> bool:
        """Whether a live change is one: a run that early stopping has ended goes on even with the same epochs."""
        return value != self.experiment.get(path) or (path == "training.epochs" and self.out_of_patience)

    def apply_changes(self, changes: Mapping[str, Any]) -> None:
        """Apply live changes from the next step on. ExperimentError where they are not allowed.

        Applying a change again at the same step changes nothing, so that a change that a checkpoint contains may be
        replayed. More epochs of a run that early stopping has ended begin to wait for a better one anew.
        """
        if "training.epochs" in changes and self.out_of_patience:
            self.progress.waited = 0
        self.experiment = self.task.experiment = self.experiment.with_changes(changes)
        model, training = self.experiment.model, self.experiment.training
        for group in self.optimizer.param_groups:
            group["weight_decay"] = training.weight_decay
        set_dropout(self.model, dropout=model.dropout, recurrent_dropout=model.recurrent_dropout)
        if self.progress.step_in_epoch == 0 or self.dataset.divides_anew("train", training):
            self._use_batch_size()
        self._forget("direct", "noise")

    def _use_batch_size(self) -> None:
        """Divide the windows that are left in the epoch into batches of the experiment's size."""
        p, size, before = self.progress, self.experiment.training.batch_size, self.steps_per_epoch
        if size == p.batch_size:
            return
        p.change_batch_size(size, steps_per_epoch=before)
        self._forget("steps_per_epoch", "schedule_shift")
        p.planned = p.planned // before * self.steps_per_epoch
        self.divisions += 1

    def begin_epoch(self) -> None:
        """After an epoch: none of the next one's windows are used, and a batch size that waited for it counts."""
        self.progress.begin_epoch()
        self._use_batch_size()

    def count_losses(self, losses: NDArray[np.float64], windows: Sequence[int]) -> None:
        """Count the losses [n] of steps over so many windows each."""
        self.progress.count_losses(losses.tolist(), windows)

    def epoch_scores(self, validation: Scores) -> Scores:
        """The training loss of the current epoch, each window counted once, and the scores on the validation split."""
        return Scores({"train_loss": self.progress.loss_sum / max(self.progress.windows, 1)}) | validation

    def of_active(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Numbers of steps without those that do not count."""
        return values

    @property
    def last_loss(self) -> Scores:
        """The mean loss of the last steps; nothing before the first."""
        last = self.progress.last_losses
        return Scores({"train_loss_last_20": math.fsum(last) / len(last)} if last else {})

    def end_epoch(self, scores: Scores) -> bool:
        """Count an epoch, keep the best weights by validation loss, and return whether this epoch was the best.

        Without a validation split the last weights count.
        """
        p, metrics = self.progress, scores.metrics
        p.loss_sum, p.windows = 0.0, 0
        self.begin_epoch()
        if "val_loss" not in metrics:
            return False
        best = p.is_best(metrics)
        if best:
            self.best = {name: t.detach().clone() for name, t in self.model.state_dict().items()}
        p.count_plateau(metrics["val_loss"], self.experiment.training.schedule_epochs)
        return best

    def diverged(self, block: Steps) -> Iterator[Finding]:
        """A finding where the loss and the weights are no longer finite after these steps."""
        if not np.isfinite(block.loss).all() and not all(bool(torch.isfinite(p).all()) for p in self.parameters):
            yield not_finite(self.progress.step, block.first_step + int(np.argmin(np.isfinite(block.loss))))

    @property
    def is_lost(self) -> bool:
        """Whether a model that has diverged leaves nothing to train."""
        return True

    @property
    def best_scores(self) -> Scores:
        """The scores on the validation split at the end of the best epoch."""
        return Scores({n: v for n, v in self.progress.best_metrics.items() if n.startswith("val_")})

    @property
    def best_epochs(self) -> dict[str, list[float]]:
        """The best epoch of each replica, as `best_epoch`; nothing for a single model."""
        return {}

    @property
    def has_earlier_best(self) -> bool:
        """Whether the best weights are not the last ones."""
        return bool(self.best) and self.progress.best_step != self.progress.step

    def checkpoint(self, *, seconds: float, epoch_seconds: float) -> CheckpointReady:
        """All of it as bytes, with the time that the run and its current epoch have taken so far."""
        p = self.progress
        p.seconds, p.epoch_seconds, self.saved_at = seconds, epoch_seconds, time.perf_counter()
        (meta, groups), (codec, arrays) = self.contents(), self.codec_contents()
        plain = {"experiment": self.experiment.to_dict(), **meta, **codec}
        return CheckpointReady(p.step, p.epoch, pack(plain, groups | arrays), p.best_step)

    def contents(self) -> tuple[dict[str, Any], dict[str, dict[str, Tensor]]]:
        """What a checkpoint holds beside experiment and codec: plain values, and tensors by kind, which change."""
        tensors, plain = packed_optimizer(self.optimizer)
        numbers = iter(range(1_000_000))
        meta = {
            "progress": dict(vars(self.progress)),
            "optimizer": plain,
            "recurrent_state": map_state(lambda _: next(numbers), self.recurrent_state),  # type: ignore[arg-type,return-value]
            **({"scaler": self.precision.to_dict()} if self.precision.scaler is not None else {}),
            **self._more_meta(),
        }
        groups = {
            "model": self.model.state_dict(),
            "best": self.best,
            "optimizer": tensors,
            "recurrent_state": {str(i): part for i, part in enumerate(leaves(self.recurrent_state))},
            "random": random_state(self.device) | self._more_random_states(),
        }
        return meta, groups

    def codec_contents(self) -> tuple[dict[str, Any], dict[str, dict[str, Tensor]]]:
        """The fitted codec as a checkpoint holds it."""
        codec = self.dataset.codec
        arrays = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in codec.arrays().items()}
        return {"codec": codec.to_dict()}, {"codec": arrays}

    @classmethod
    def resumed(
        cls, checkpoint: Checkpoint, table: Any, device: torch.device, *, device_name: str, dataset: Any = None
    ) -> Self:
        """As a checkpoint left it, random state included. CorruptError where it does not fit.

        `dataset` is that of another checkpoint of the same run, so that it need not be made again.
        """
        kept = restored_experiment(checkpoint).with_changes({"training.device": device_name})
        task: Task = TASKS[kept.data.task].load()(kept)
        codec = task.codec_type.from_dict(checkpoint.part("codec"), checkpoint.arrays("codec"))
        dataset = task.make_dataset(table, device, task.frozen_codec(codec)) if dataset is None else dataset
        state = cls.fresh(kept, task, dataset, device)
        load_weights(state.model, checkpoint.group("model"))
        state.progress = restored_progress(checkpoint)
        state.progress.batch_size = state.progress.batch_size or kept.training.batch_size
        with decoding("the checkpoint"):
            restore_optimizer(state.optimizer, checkpoint)
            state.precision.restore(checkpoint.meta.get("scaler", {}))
            state.best = {name: t.to(device) for name, t in checkpoint.group("best").items()}
            state.recurrent_state = restored_recurrent_state(checkpoint, device)
            set_random_state(checkpoint.group("random"), device)
            state._restore_more(checkpoint)
        return state

    def _more_meta(self) -> dict[str, Any]:
        """What else a checkpoint keeps as plain values."""
        return {}

    def _more_random_states(self) -> dict[str, Tensor]:
        return {}

    def _restore_more(self, checkpoint: Checkpoint) -> None:
        """Restore what `_more_meta` and `_more_random_states` gave. ValueError and the like where it does not fit."""


def not_finite(step: int, first: int, *, what: str = "The loss and the weights") -> Finding:
    """The finding at `step` that training diverged, from the step `first` on."""
    return Finding(
        step=step,
        code="loss-not-finite",
        severity="error",
        message=f"{what} are not finite from step {first} on.",
        evidence="An update was so large that the numbers overflowed.",
        remedy="Lower the learning rate, or clip the gradient norm (training.clip_norm = 1).",
    )
