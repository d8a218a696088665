"""Constraints between fields, with the reason of each: checked in `Experiment`, disabled in forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from seqcore.experiment.config import DataConfig, ModelConfig, TrainingConfig
from seqcore.experiment.fields import Section, describe
from seqcore.registry import architectures, task_trait, tasks

__all__ = ["ANCHORED", "RULES", "Rule", "broken_rules"]


@dataclass(frozen=True)
class Rule:
    """An invalid combination of fields and the reason. `path` is the field that a form disables.

    `{architecture}` and `{task}` in a reason stand for their titles. `broken` sees fields that don't apply at their
    defaults.
    """

    path: str
    reason: str
    broken: Callable[[DataConfig, ModelConfig, TrainingConfig], bool]


# relative to a value of the window, so that the offset differs between windows
ANCHORED = ("last-value", "log-last-value", "window-mean", "seasonal")


def _can(model: ModelConfig) -> Any:
    """The capabilities that the architecture declares."""
    return architectures()[model.architecture].traits["capabilities"]


RULES: tuple[Rule, ...] = (
    Rule(
        "model.bidirectional",
        "{architecture} has no backward direction; set model.bidirectional = false",
        lambda d, m, t: m.bidirectional and not _can(m).bidirectional,
    ),
    Rule(
        "model.recurrent_dropout",
        "{architecture} has no recurrent weights to drop; set model.recurrent_dropout = 0",
        lambda d, m, t: m.recurrent_dropout > 0 and not _can(m).recurrent_dropout,
    ),
    Rule(
        "training.stateful",
        "{architecture} has no recurrent state to carry between windows; set training.stateful = false",
        lambda d, m, t: t.stateful and not _can(m).stateful,
    ),
    Rule(
        "data.predict",
        "{architecture} reads the whole window before its output; use data.predict = last",
        lambda d, m, t: d.predict == "every" and d.lead > 0 and not _can(m).causal,
    ),
    Rule(
        "data.predict",
        "{architecture} needs the whole window for each output; use data.predict = last",
        lambda d, m, t: d.predict == "every" and _can(m).fixed_window,
    ),
    Rule(
        "data.min_window",
        "{architecture} can't read windows of different lengths; leave data.min_window empty",
        lambda d, m, t: d.min_window is not None and (not _can(m).packed or _can(m).fixed_window),
    ),
    Rule(
        "model.architecture",
        "{architecture} can't read sequences of different lengths, as in {task}; use another architecture",
        lambda d, m, t: bool(task_trait(d.task, "variable_length")) and (not _can(m).packed or _can(m).fixed_window),
    ),
    Rule(
        "model.attention",
        "a decoder of {architecture} can't start from the encoder's final state; use additive or multiplicative",
        lambda d, m, t: m.attention == "none" and not _can(m).state_transfer,
    ),
    Rule(
        "data.min_window",
        "the minimum window exceeds the window; set data.min_window to at most data.window",
        lambda d, m, t: d.min_window is not None and d.min_window > d.window,
    ),
    Rule(
        "data.scaling",
        "this scaling is relative to past target values, which are not inputs at lead 0; use standard or minmax",
        lambda d, m, t: d.scaling in ANCHORED and d.lead == 0,
    ),
    Rule(
        "data.scaling",
        "this scaling is relative to past target values, but the target is not an input; add it to data.inputs",
        lambda d, m, t: (
            d.scaling in ANCHORED and bool(d.inputs) and bool(d.target) and not set(d.target) <= set(d.inputs)
        ),
    ),
    Rule(
        "data.scaling",
        "this scaling is for forecasts and removes the level of a sequence; use standard, minmax or none",
        lambda d, m, t: d.scaling not in (task_trait(d.task, "scalings") or (d.scaling,)),
    ),
    Rule(
        "data.burn_in",
        "the burn-in covers the shortest window, so no step remains for the loss; make data.burn_in smaller",
        lambda d, m, t: d.burn_in >= (d.min_window or d.window),
    ),
    Rule(
        "training.stateful",
        "stateful training continues from the previous hidden state and needs no burn-in; set data.burn_in = 0",
        lambda d, m, t: t.stateful and d.burn_in > 0,
    ),
    Rule(
        "data.horizon",
        "lead 0 predicts the current step only; set data.horizon to 1",
        lambda d, m, t: d.lead == 0 and d.horizon > 1,
    ),
    Rule(
        "data.test_fraction",
        "the validation and test splits leave no training data; make data.validation_fraction and "
        "data.test_fraction add up to less than 1",
        lambda d, m, t: d.validation_fraction + d.test_fraction >= 1.0,
    ),
    Rule(
        "model.bidirectional",
        "the backward direction would see the targets of every step; use data.predict = last",
        lambda d, m, t: m.bidirectional and d.predict != "last" and d.lead > 0,
    ),
    Rule(
        "training.stateful",
        "shuffled windows are not consecutive; set training.shuffle = false",
        lambda d, m, t: t.stateful and t.shuffle,
    ),
    Rule(
        "training.stateful",
        "this scaling has another offset in each window, so no state can be carried; use standard or minmax",
        lambda d, m, t: t.stateful and d.scaling in ANCHORED,
    ),
    Rule(
        "training.stateful",
        "a bidirectional model has no state to carry between windows; set model.bidirectional = false",
        lambda d, m, t: t.stateful and m.bidirectional,
    ),
    Rule(
        "training.stateful",
        "shorter windows start from the initial state; leave data.min_window empty",
        lambda d, m, t: t.stateful and d.min_window is not None,
    ),
    Rule(
        "training.stateful",
        "each sequence is processed as a whole, from the initial state; set training.stateful = false",
        lambda d, m, t: t.stateful and bool(task_trait(d.task, "whole")),
    ),
    Rule(
        "data.multi_step",
        "a recursive forecast carries no state between windows; use direct, or set training.stateful = false",
        lambda d, m, t: t.stateful and d.multi_step == "recursive" and d.horizon > 1,
    ),
    Rule(
        "data.multi_step",
        "a recursive forecast continues at the next step; set data.lead to 1",
        lambda d, m, t: d.multi_step == "recursive" and d.horizon > 1 and d.lead > 1,
    ),
    Rule(
        "data.multi_step",
        "a recursive forecast needs future values of all inputs; use direct, or add the inputs to data.target",
        lambda d, m, t: (
            d.multi_step == "recursive"
            and d.horizon > 1
            and bool(d.inputs)
            and bool(d.target)
            and not set(d.inputs) <= set(d.target)
        ),
    ),
    Rule(
        "training.nesterov",
        "Nesterov momentum needs momentum; set training.momentum above 0",
        lambda d, m, t: t.nesterov and t.optimizer == "sgd" and t.momentum == 0.0,
    ),
    Rule(
        "training.loss",
        "this loss is not available for this task; use auto",
        lambda d, m, t: t.loss != "auto" and t.loss not in task_trait(d.task, "losses"),
    ),
)


def broken_rules(data: DataConfig, model: ModelConfig, training: TrainingConfig) -> list[str]:
    """One line for each constraint that the three sections violate together."""
    sections = {"data": data, "model": model, "training": training}
    d, m, t = (_applicable(name, sections) for name in sections)
    titles = {"architecture": architectures()[model.architecture].title, "task": tasks()[data.task].title.lower()}
    return [
        f"{rule.path}: {rule.reason.format_map(titles)}"
        for rule in RULES
        if rule.broken(cast(DataConfig, d), cast(ModelConfig, m), cast(TrainingConfig, t))
    ]


def _applicable(name: str, sections: dict[str, Section]) -> Section:
    """A section with fields that don't apply at their defaults: ignored values violate no constraint."""

    def value(path: str) -> Any:
        section, _, field = path.partition(".")
        return getattr(sections[section], field)

    ignored = {
        setting.path.partition(".")[2]: setting.default
        for setting in describe(type(sections[name]), name)
        if not all(value(path) in values for path, values in (setting.applies_to or {}).items())
    }
    return sections[name].model_copy(update=ignored)
