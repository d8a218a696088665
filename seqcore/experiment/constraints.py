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
    broken: Callable[[DataConfig, ModelConfig, TrainingConfig], bool]
    reason: str


# relative to a value of the window, so that the offset differs between windows
ANCHORED = ("last-value", "log-last-value", "window-mean", "seasonal")


def _can(model: ModelConfig) -> Any:
    """The capabilities that the architecture declares."""
    return architectures()[model.architecture].traits["capabilities"]


def _not_within(columns: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Whether a column is missing among the others, where both are named."""
    return bool(columns) and bool(others) and not set(columns) <= set(others)


RULES: tuple[Rule, ...] = (
    Rule("model.bidirectional", lambda d, m, t: m.bidirectional and not _can(m).bidirectional,
         "{architecture} has no backward direction; set model.bidirectional = false"),
    Rule("model.recurrent_dropout", lambda d, m, t: m.recurrent_dropout > 0 and not _can(m).recurrent_dropout,
         "{architecture} has no recurrent weights to drop; set model.recurrent_dropout = 0"),
    Rule("training.stateful", lambda d, m, t: t.stateful and not _can(m).stateful,
         "{architecture} has no recurrent state to carry between windows; set training.stateful = false"),
    Rule("data.predict", lambda d, m, t: d.predict == "every" and d.lead > 0 and not _can(m).causal,
         "{architecture} reads the whole window before its output; use data.predict = last"),
    Rule("data.predict", lambda d, m, t: d.predict == "every" and _can(m).fixed_window,
         "{architecture} needs the whole window for each output; use data.predict = last"),
    Rule("data.min_window", lambda d, m, t: d.min_window is not None and (not _can(m).packed or _can(m).fixed_window),
         "{architecture} can't read windows of different lengths; leave data.min_window empty"),
    Rule("model.architecture",
         lambda d, m, t: bool(task_trait(d.task, "variable_length")) and (not _can(m).packed or _can(m).fixed_window),
         "{architecture} can't read sequences of different lengths, as in {task}; use another architecture"),
    Rule("model.attention", lambda d, m, t: m.attention == "none" and not _can(m).state_transfer,
         "a decoder of {architecture} can't start from the encoder's final state; use additive or multiplicative"),
    Rule("data.min_window", lambda d, m, t: d.min_window is not None and d.min_window > d.window,
         "the minimum window exceeds the window; set data.min_window to at most data.window"),
    Rule("data.scaling", lambda d, m, t: d.scaling in ANCHORED and d.lead == 0,
         "this scaling is relative to past target values, which are not inputs at lead 0; use standard or minmax"),
    Rule("data.scaling", lambda d, m, t: d.scaling in ANCHORED and _not_within(d.target, d.inputs),
         "this scaling is relative to past target values, but the target is not an input; add it to data.inputs"),
    Rule("data.scaling", lambda d, m, t: d.scaling not in (task_trait(d.task, "scalings") or (d.scaling,)),
         "this scaling is for forecasts and removes the level of a sequence; use standard, minmax or none"),
    Rule("data.burn_in", lambda d, m, t: d.burn_in >= (d.min_window or d.window),
         "the burn-in covers the shortest window, so no step remains for the loss; make data.burn_in smaller"),
    Rule("training.stateful", lambda d, m, t: t.stateful and d.burn_in > 0,
         "stateful training continues from the previous hidden state and needs no burn-in; set data.burn_in = 0"),
    Rule("data.horizon", lambda d, m, t: d.lead == 0 and d.horizon > 1,
         "lead 0 predicts the current step only; set data.horizon to 1"),
    Rule("data.test_fraction", lambda d, m, t: d.validation_fraction + d.test_fraction >= 1.0,
         "the validation and test splits leave no training data; make data.validation_fraction and "
         "data.test_fraction add up to less than 1"),
    Rule("model.bidirectional", lambda d, m, t: m.bidirectional and d.predict != "last" and d.lead > 0,
         "the backward direction would see the targets of every step; use data.predict = last"),
    Rule("training.stateful", lambda d, m, t: t.stateful and t.shuffle,
         "shuffled windows are not consecutive; set training.shuffle = false"),
    Rule("training.stateful", lambda d, m, t: t.stateful and d.scaling in ANCHORED,
         "this scaling has another offset in each window, so no state can be carried; use standard or minmax"),
    Rule("training.stateful", lambda d, m, t: t.stateful and m.bidirectional,
         "a bidirectional model has no state to carry between windows; set model.bidirectional = false"),
    Rule("training.stateful", lambda d, m, t: t.stateful and d.min_window is not None,
         "shorter windows start from the initial state; leave data.min_window empty"),
    Rule("training.stateful", lambda d, m, t: t.stateful and bool(task_trait(d.task, "whole")),
         "each sequence is processed as a whole, from the initial state; set training.stateful = false"),
    Rule("data.multi_step", lambda d, m, t: t.stateful and d.multi_step == "recursive" and d.horizon > 1,
         "a recursive forecast carries no state between windows; use direct, or set training.stateful = false"),
    Rule("data.multi_step", lambda d, m, t: d.multi_step == "recursive" and d.horizon > 1 and d.lead > 1,
         "a recursive forecast continues at the next step; set data.lead to 1"),
    Rule("data.multi_step",
         lambda d, m, t: d.multi_step == "recursive" and d.horizon > 1 and _not_within(d.inputs, d.target),
         "a recursive forecast needs future values of all inputs; use direct, or add the inputs to data.target"),
    Rule("training.nesterov", lambda d, m, t: t.nesterov and t.optimizer == "sgd" and t.momentum == 0.0,
         "Nesterov momentum needs momentum; set training.momentum above 0"),
    Rule("training.loss", lambda d, m, t: t.loss != "auto" and t.loss not in task_trait(d.task, "losses"),
         "this loss is not available for this task; use auto"),
    Rule("training.replicas", lambda d, m, t: t.replicas > 1 and not task_trait(d.task, "replicas"),
         "{task} trains one model at a time: its decoder chooses words step by step, differently in each replica; set "
         "training.replicas = 1"),
    Rule("training.replicas", lambda d, m, t: t.seed + t.replicas > 2**31,
         "the seeds of the replicas follow training.seed and exceed the largest one; set a smaller training.seed"),
    Rule("training.precision", lambda d, m, t: t.precision == "fp16" and t.device in ("cpu", "mps"),
         "fp16 needs an NVIDIA GPU; use bf16 or float32"),
    Rule("training.precision", lambda d, m, t: t.precision != "float32" and t.replicas > 1,
         "replicas are trained in float32; set training.precision = float32, or training.replicas = 1"),
)  # fmt: skip


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
