"""The run that a model trained on all data was retrained from: its held-out score counts."""

from __future__ import annotations

from typing import Protocol

from seqcore.data.splits import SPLIT_TITLES
from seqcore.experiment.experiment import Experiment
from seqcore.results.metrics import metric_named
from seqcore.results.scores import scores_info
from seqcore.runs.labels import scored_split
from seqcore.runs.records import Run
from seqcore.tasks.auto_config import refit_experiment

__all__ = ["held_out_sentence", "refit_parent"]

MOST = 500  # newest runs that are looked through


class Runs(Protocol):
    """What is used of a store."""

    def runs(self, limit: int | None = None) -> list[Run]:
        """The newest runs first."""


def refit_parent(runs: Runs, run: Run) -> Run | None:
    """The newest run whose experiment, without held-out splits, is that of `run`; None where there is none.

    It was trained before, and had its best weights after as many epochs as `run` was planned for.
    """
    if not run.outline.on_all_data:
        return None
    own, outline = run.experiment, run.outline
    for known in runs.runs(MOST):
        alike = (known.outline.source, known.outline.name, known.outline.architecture) == (
            outline.source, outline.name, outline.architecture
        )  # fmt: skip
        epochs = known.best_epoch or known.epoch
        if not alike or known.outline.on_all_data or known.created > run.created or epochs != own.training.epochs:
            continue
        if _identity(_resolved(known.experiment, own), epochs) == _identity(own, epochs):
            return known
    return None


def held_out_sentence(run: Run) -> str:
    """The score of a run on its held-out split: "test MAE 2,243. Skill: ..."; "" where it has none."""
    split = scored_split(run.metrics, run.metric)
    if split in (None, "train"):
        return ""
    info = scores_info(run.metrics, run.baselines, metric=run.metric, part=split, reference=run.reference_baseline)
    words = metric_named(info.metric)
    return (
        "" if info.model is None else f"{SPLIT_TITLES[split]} {words.short} {words.format(info.model)}. {info.sentence}"
    )


def _resolved(experiment: Experiment, refit: Experiment) -> Experiment:
    """With the scaling of the refit where it was chosen in the run."""
    chosen = experiment.data.scaling == "auto"
    return experiment.with_changes({"data.scaling": refit.data.scaling}) if chosen else experiment


def _identity(experiment: Experiment, epochs: int) -> tuple[object, ...]:
    """What a refit has in common with its run; fields of training may have been changed while it went on."""
    refit = refit_experiment(experiment, epochs)
    return refit.data, refit.model, refit.training.seed, refit.training.replicas
