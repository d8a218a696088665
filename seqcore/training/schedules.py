"""Learning rate schedules: pure functions of the step, so that a resumed run repeats them exactly."""

from __future__ import annotations

import math
from collections.abc import Callable

from seqcore.experiment.config import TrainingConfig

__all__ = ["SCHEDULES", "rate"]

_FLOOR = 0.01  # final share of the learning rate for cosine and one-cycle, so that further epochs still learn
_RISE = 0.3  # share of a one-cycle schedule before its peak
_START = 0.04  # initial share of the learning rate of a one-cycle schedule


def _constant(config: TrainingConfig, progress: float, epoch: int) -> float:
    return 1.0


def _cosine(config: TrainingConfig, progress: float, epoch: int) -> float:
    """Loshchilov and Hutter 2017, without restarts."""
    return _FLOOR + (1.0 - _FLOOR) * 0.5 * (1.0 + math.cos(math.pi * progress))


def _step(config: TrainingConfig, progress: float, epoch: int) -> float:
    return float(config.schedule_factor ** (epoch // config.schedule_epochs))


def _one_cycle(config: TrainingConfig, progress: float, epoch: int) -> float:
    """Smith and Topin 2018, with cosine flanks."""
    if progress < _RISE:
        return _START + (1.0 - _START) * 0.5 * (1.0 - math.cos(math.pi * progress / _RISE))
    return _cosine(config, (progress - _RISE) / (1.0 - _RISE), epoch)


SCHEDULES: dict[str, Callable[[TrainingConfig, float, int], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "step": _step,
    "plateau": _constant,  # depends on the validation loss: see `drops` in `rate`
    "one-cycle": _one_cycle,
}


def rate(config: TrainingConfig, *, step: int, planned: int, steps_per_epoch: int, drops: int) -> float:
    """The learning rate of a step (from 1) of a schedule of `planned` steps; constant after its end.

    `drops` is the number of plateaus so far.
    """
    within = min(step, planned) - 1
    factor = SCHEDULES[config.schedule](config, within / max(planned - 1, 1), within // steps_per_epoch)
    if config.schedule == "plateau":
        factor = config.schedule_factor**drops
    return config.learning_rate * factor
