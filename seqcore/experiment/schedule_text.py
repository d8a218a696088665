"""What is said of a learning rate with a schedule: `training.learning_rate` alone is not the rate in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqcore.experiment.experiment import Experiment
from seqcore.experiment.fields import describe
from seqcore.experiment.training_config import TrainingConfig

__all__ = ["RATE", "base_rate_note", "named_schedule", "rate_text", "schedule_name", "schedules_differ"]

RATE = "training.learning_rate"
WHOLE = ("cosine", "one-cycle")
"""Schedules whose rate depends on the planned steps of the whole run."""


def schedule_name(training: TrainingConfig) -> str:
    """The schedule of the learning rate in a sentence, "cosine schedule"; empty where the rate is constant."""
    return named_schedule(training.schedule)


def named_schedule(value: str) -> str:
    """The same for a value of `training.schedule`."""
    setting = next(s for s in describe(TrainingConfig, "training") if s.path == "training.schedule")
    title = next((choice.title for choice in setting.choices if choice.value == value), value)
    return "" if value == setting.default else f"{title.lower()} schedule"


def rate_text(experiment: Experiment, now: float | None) -> str:
    """The rate in force, and what it follows from: "0.00412 (base 0.02, cosine schedule)". None: no step yet."""
    base, schedule = experiment.training.learning_rate, schedule_name(experiment.training)
    if not schedule:
        return f"{base:g}"
    return f"{base:g} with the {schedule}" if now is None else f"{now:.3g} (base {base:g}, {schedule})"


def base_rate_note(experiment: Experiment, changes: Mapping[str, Any]) -> str:
    """A sentence for a change of a rate that has a schedule, or of the epochs that it was planned for; else empty."""
    schedule = schedule_name(experiment.training)
    if schedule and RATE in changes:
        return f"The {schedule} multiplies this rate."
    if experiment.training.schedule in WHOLE and "training.epochs" in changes:
        return f"The {schedule} of the learning rate keeps its length."
    return ""


def schedules_differ(experiments: Sequence[Experiment]) -> str:
    """Why learning rates differ where a schedule depends on the length of a run; empty where they do not."""
    spread = [one for one in experiments if one.training.schedule in WHOLE]
    lengths = {(one.training.epochs, one.training.batch_size) for one in spread}
    if len(lengths) < 2:
        return ""
    names = " and ".join(sorted({schedule_name(one.training) for one in spread}))
    return (
        f"The {names} of the learning rate runs over all epochs of a run: with other epochs or batch sizes the rates "
        "differ at the same step, although the base rate may be the same."
    )
