"""Combinations of settings that can't be, with a reason each: checked in `Experiment`, greyed out in forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seqcore.experiment.config import DataConfig, ModelConfig, TrainingConfig
from seqcore.tasks import TASKS

__all__ = ["ANCHORED", "RULES", "Rule", "broken_rules"]


@dataclass(frozen=True)
class Rule:
    """A combination that can't be, and why. `path` is the field that a form greys out."""

    path: str
    reason: str
    broken: Callable[[DataConfig, ModelConfig, TrainingConfig], bool]


# scaled to a point of the window, so that zero is another value in each
ANCHORED = ("last-value", "log-last-value", "window-mean", "seasonal")


def _windows(data: DataConfig) -> bool:
    """Whether the task works on windows, so that what is said of windows applies."""
    return not TASKS[data.task].traits.get("whole", False)


RULES: tuple[Rule, ...] = (
    Rule(
        "data.min_window",
        "the shortest window can't be longer than the window; make it at most data.window",
        lambda d, m, t: _windows(d) and d.min_window is not None and d.min_window > d.window,
    ),
    Rule(
        "data.scaling",
        "such a scaling goes by the target's own past, which a model of the same step (lead 0) is not shown; use "
        "standard or minmax",
        lambda d, m, t: d.scaling in ANCHORED and d.lead == 0,
    ),
    Rule(
        "data.scaling",
        "such a scaling goes by the target's own past, which is not among the inputs; add the target to data.inputs",
        lambda d, m, t: (
            d.scaling in ANCHORED and bool(d.inputs) and bool(d.target) and not set(d.target) <= set(d.inputs)
        ),
    ),
    Rule(
        "data.scaling",
        "a class is told by the values themselves, and such a scaling is for forecasts; use standard, minmax or none",
        lambda d, m, t: d.task == "classification" and d.scaling not in ("standard", "minmax", "none"),
    ),
    Rule(
        "data.burn_in",
        "no step of the shortest window would be left to learn from; make data.burn_in smaller than the window",
        lambda d, m, t: (
            d.task == "language-modeling" and d.predict == "every" and d.burn_in >= (d.min_window or d.window)
        ),
    ),
    Rule(
        "training.stateful",
        "a state that is handed on is warm already; set data.burn_in = 0",
        lambda d, m, t: t.stateful and d.task == "language-modeling" and d.predict == "every" and d.burn_in > 0,
    ),
    Rule(
        "data.horizon",
        "lead 0 predicts the same step, so there is one step to predict; set data.horizon to 1",
        lambda d, m, t: _windows(d) and d.lead == 0 and d.horizon > 1,
    ),
    Rule(
        "data.test_fraction",
        "validation and test part leave nothing to train on; make data.validation_fraction and data.test_fraction "
        "add up to less than 1",
        lambda d, m, t: d.validation_fraction + d.test_fraction >= 1.0,
    ),
    Rule(
        "model.bidirectional",
        "a model that reads backwards would see what it must predict at every step; use data.predict = last",
        lambda d, m, t: _windows(d) and m.bidirectional and d.predict != "last" and d.lead > 0,
    ),
    Rule(
        "training.stateful",
        "windows in random order don't follow each other; set training.shuffle = false",
        lambda d, m, t: t.stateful and t.shuffle,
    ),
    Rule(
        "training.stateful",
        "relative scaling moves the zero with each window, so a carried state would not fit; use standard or minmax",
        lambda d, m, t: t.stateful and d.scaling in ANCHORED,
    ),
    Rule(
        "training.stateful",
        "a model that reads backwards has no state to hand on; set model.bidirectional = false",
        lambda d, m, t: t.stateful and m.bidirectional,
    ),
    Rule(
        "training.stateful",
        "shorter windows start anew and have no state to take over; leave data.min_window empty",
        lambda d, m, t: t.stateful and d.min_window is not None,
    ),
    Rule(
        "training.stateful",
        "each sequence is whole and starts anew, so there is no state to hand on; set training.stateful = false",
        lambda d, m, t: t.stateful and bool(TASKS[d.task].traits.get("whole")),
    ),
    Rule(
        "data.multi_step",
        "a model that runs free starts anew at each window's end, so no state is carried; use direct, or set "
        "training.stateful = false",
        lambda d, m, t: t.stateful and d.task == "regression" and d.multi_step == "recursive" and d.horizon > 1,
    ),
    Rule(
        "data.multi_step",
        "a model that runs free goes on from the next step; set data.lead to 1",
        lambda d, m, t: d.task == "regression" and d.multi_step == "recursive" and d.horizon > 1 and d.lead > 1,
    ),
    Rule(
        "data.multi_step",
        "a model that runs free can't know what it sees and doesn't predict; use direct, or add the inputs to "
        "data.target",
        lambda d, m, t: (
            d.task == "regression"
            and d.multi_step == "recursive"
            and d.horizon > 1
            and bool(d.inputs)
            and bool(d.target)
            and not set(d.inputs) <= set(d.target)
        ),
    ),
    Rule(
        "training.nesterov",
        "Nesterov's look-ahead needs momentum; set training.momentum above 0",
        lambda d, m, t: t.nesterov and t.optimizer == "sgd" and t.momentum == 0.0,
    ),
    Rule(
        "training.loss",
        "this loss is not for this task; use auto",
        lambda d, m, t: t.loss != "auto" and t.loss not in TASKS[d.task].traits["losses"],
    ),
)


def broken_rules(data: DataConfig, model: ModelConfig, training: TrainingConfig) -> list[str]:
    """A line for each rule that the three sections break together."""
    return [f"{rule.path}: {rule.reason}" for rule in RULES if rule.broken(data, model, training)]
