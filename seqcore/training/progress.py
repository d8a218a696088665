"""Progress: where a run is, as plain numbers that every checkpoint keeps."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from seqcore.data.stored_codec import MOST, decoding
from seqcore.training.checkpoint import Checkpoint

__all__ = ["LAST_LOSSES", "Progress", "restored_progress"]

LAST_LOSSES = 20  # steps whose mean loss is reported


@dataclass
class Progress:
    """Where a run is: plain numbers, kept in every checkpoint."""

    step: int = 0
    epoch: int = 0  # whole epochs done
    step_in_epoch: int = 0
    batch_size: int = 0  # of the batches of this epoch from now on; 0 in checkpoints of earlier versions
    cut_step: int = 0  # steps of this epoch before its batch size changed, and the windows in them
    cut_window: int = 0
    planned: int = 0  # steps that the schedule was made for, of today's batch size
    schedule_step: int = 0  # the step at which the batch size changed last, and the epochs of the schedule before it
    schedule_epochs: float = 0.0
    loss_sum: float = 0.0  # over the current epoch, each window counted once
    windows: int = 0
    last_losses: list[float] = field(default_factory=list)  # of the last 20 steps
    best_loss: float = math.inf
    best_epoch: int | None = None
    best_step: int | None = None
    best_metrics: dict[str, float] = field(default_factory=dict)  # at the end of the best epoch
    waited: int = 0  # epochs since the best one
    drops: int = 0  # times that a plateau schedule has lowered the learning rate
    plateau_best: float = math.inf
    plateau_waited: int = 0
    next_preview: int = 1
    epoch_seconds: float = 0.0
    seconds: float = 0.0
    threads: int = 0  # of the CPU; 0 in checkpoints of earlier versions

    def change_batch_size(self, size: int, *, steps_per_epoch: int) -> None:
        """Divide what is left of the epoch anew from here on; `steps_per_epoch` is that of the size so far."""
        # beyond the last window after the last batch
        self.cut_window += (self.step_in_epoch - self.cut_step) * self.batch_size
        self.schedule_epochs += (self.step - self.schedule_step) / steps_per_epoch
        self.cut_step, self.schedule_step, self.batch_size = self.step_in_epoch, self.step, size

    def begin_epoch(self) -> None:
        """Count an epoch; none of the next one's windows are used."""
        self.epoch += 1
        self.step_in_epoch = self.cut_step = self.cut_window = 0
        self.epoch_seconds = 0.0

    def count_losses(self, losses: Sequence[float], windows: Sequence[int]) -> None:
        """Count the losses of steps over so many windows each."""
        for value, count in zip(losses, windows, strict=True):
            self.loss_sum += value * count
            self.windows += count
        self.last_losses = [*self.last_losses, *losses][-LAST_LOSSES:]

    def is_best(self, metrics: dict[str, float]) -> bool:
        """Count the scores of the epoch that has ended: whether its validation loss is the lowest so far."""
        best = metrics["val_loss"] < self.best_loss
        self.waited = 0 if best else self.waited + 1
        if best:
            self.best_loss, self.best_metrics = metrics["val_loss"], metrics
            self.best_epoch, self.best_step = self.epoch, self.step
        return best

    def count_plateau(self, val_loss: float, schedule_epochs: int) -> None:
        """Count an epoch for a plateau schedule, which waits for a lower loss for `schedule_epochs`."""
        if val_loss < self.plateau_best:
            self.plateau_best, self.plateau_waited = val_loss, 0
            return
        self.plateau_waited += 1
        if self.plateau_waited >= schedule_epochs:
            self.drops, self.plateau_waited = self.drops + 1, 0


def restored_progress(checkpoint: Checkpoint) -> Progress:
    """Where the run was at a checkpoint. CorruptError where its numbers are not possible."""
    stored = checkpoint.part("progress")
    with decoding("the checkpoint's progress"):
        progress = TypeAdapter(Progress).validate_json(json.dumps(stored), strict=True)
        numbers = [value for value in vars(progress).values() if isinstance(value, int)]
        if min(numbers) < 0 or max(numbers) > MOST:
            raise ValueError("a number is not possible")
        if not all(map(math.isfinite, (progress.seconds, progress.epoch_seconds, progress.schedule_epochs))):
            raise ValueError("a time is not finite")
        if progress.cut_step > progress.step_in_epoch:
            raise ValueError("the batch size changed later than now")
        return progress
