"""Fields that may change during a run: which these are, and why a field or a value is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seqcore.errors import ExperimentError, did_you_mean
from seqcore.experiment.config import DataConfig, ModelConfig, TrainingConfig
from seqcore.experiment.constraints import RULES
from seqcore.experiment.experiment import Experiment, settings_of
from seqcore.experiment.fields import Setting, describe, shown
from seqcore.experiment.migration import migrate_paths
from seqcore.results.formatting import counted

__all__ = ["LIVE_CHANGES", "Reached", "checked_changes", "checked_rate", "live_settings", "why_not_live"]

_SECTIONS = {"data": DataConfig, "model": ModelConfig, "training": TrainingConfig}
_LIVE = tuple(s for name, section in _SECTIONS.items() for s in describe(section, name) if s.live)
_CONSTRAINED = frozenset(rule.path for rule in RULES)

LIVE_CHANGES = tuple(s.path for s in _LIVE)
"""The fields that may change during a run: those that are declared with `live=True`."""

SLOWEST, FASTEST = 0.01, 1000.0  # steps per second in slow motion


@dataclass(frozen=True)
class Reached:
    """Where a run is, as far as the values of its fields must not contradict it."""

    epochs: int = 0  # that have begun
    waited: int = 0  # epochs since the one with the lowest validation loss


def live_settings(experiment: Experiment) -> tuple[tuple[Setting, str | None], ...]:
    """The live fields, each with the reason why a run of this experiment can't use it, or None if it can."""
    return tuple((setting, why_not_live(experiment, setting)) for setting in _LIVE)


def why_not_live(experiment: Experiment, setting: Setting, *, numeric: bool = True) -> str | None:
    """Why a live field has no effect on a run of this experiment, or None if it has.

    `numeric`: whether the run's inputs are numbers and not symbols, which only its data say.
    """
    if setting.numbers and not numeric:
        return "its inputs are symbols"
    for path, values in (setting.applies_to or {}).items():
        now = experiment.get(path)
        if now not in values:
            titles = _titles(path)
            allowed = " or ".join(titles.get(value, value) for value in values)
            return f"it is for {allowed}, and this run has {path} = {now}"
    if setting.path not in _CONSTRAINED or experiment.get(setting.path) != setting.minimum:
        return None
    reason = experiment.why_not(setting.path, setting.maximum)
    return None if reason is None else reason.partition("; ")[0]


def checked_changes(
    experiment: Experiment, changes: Mapping[str, Any], *, numeric: bool = True, reached: Reached | None = None
) -> dict[str, Any]:
    """Live changes of a run, with their values as the experiment holds them. `numeric` as in `why_not_live`.

    ExperimentError has one line for each field that can't change or does not apply, or whose value is not allowed or
    contradicts what the run has `reached`.
    """
    if not changes:
        raise ExperimentError(f"a change needs a field and its value; use one of {', '.join(LIVE_CHANGES)}")
    by_path = {setting.path: setting for setting in _LIVE}
    changes = migrate_paths(changes, experiment.model.architecture)
    lines = []
    known = [setting.path for setting in settings_of(experiment)]
    for path in changes:
        if path not in by_path and path not in known:
            lines.append(f"{path}: unknown field{did_you_mean(path, known)}")
        elif path not in by_path:
            lines.append(f"{path}: can't change after the start of a run{did_you_mean(path, LIVE_CHANGES)}")
        elif (reason := why_not_live(experiment, by_path[path], numeric=numeric)) is not None:
            lines.append(f"{path}: has no effect on this run: {reason}")
    if lines:
        raise ExperimentError(*lines)
    changed = experiment.with_changes(changes)
    values = {path: changed.get(path) for path in changes}
    if reached is not None and (lines := list(_contradictions(experiment, values, reached))):
        raise ExperimentError(*lines)
    return values


def _contradictions(experiment: Experiment, values: Mapping[str, Any], reached: Reached) -> Iterator[str]:
    """A line for each new value that a run is already beyond."""
    epochs, patience = values.get("training.epochs"), values.get("training.patience", 0)
    if epochs is not None and epochs < reached.epochs:
        yield (
            f"training.epochs: {epochs:,} is not allowed; epoch {reached.epochs:,} has begun: use {reached.epochs:,} "
            "or more, or stop the run"
        )
    if 0 < patience <= reached.waited and patience != experiment.training.patience:
        passed = counted(reached.waited, "epoch")
        yield (
            f"training.patience: {patience:,} is not allowed; {passed} without a lower validation loss have passed: "
            f"use {reached.waited + 1:,} or more, 0 to disable early stopping, or stop the run"
        )


def checked_rate(steps_per_second: Any) -> float | None:
    """A rate of slow motion, or None for full speed. ExperimentError."""
    if steps_per_second is None or steps_per_second == "off":
        return None
    try:
        rate = float(steps_per_second)
    except (TypeError, ValueError):
        rate = 0.0
    if not SLOWEST <= rate <= FASTEST:
        raise ExperimentError(
            f"slow motion: {shown(steps_per_second)} steps per second are not allowed; use a number from "
            f"{SLOWEST:g} to {FASTEST:g}, or off"
        )
    return rate


def _titles(path: str) -> dict[str, str]:
    """The titles of a field's choices in a sentence."""
    section, _, _ = path.partition(".")
    setting = next(s for s in describe(_SECTIONS[section], section) if s.path == path)
    return {choice.value: choice.title.lower() for choice in setting.choices}
