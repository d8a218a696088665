"""Sample model inputs of an experiment, from the dataset that training would use."""

from __future__ import annotations

import torch

from seqcore.data.profile.window_preview import preview_windows
from seqcore.data.table import Table
from seqcore.experiment.experiment import Experiment
from seqcore.results.data import WindowPreview
from seqcore.tasks import TASKS

__all__ = ["sample_inputs"]


def sample_inputs(experiment: Experiment, table: Table, *, split: str = "train", count: int = 3) -> WindowPreview:
    """`count` windows of a split, standard scaling standing for automatic. DataError where the table doesn't fit."""
    if experiment.data.scaling == "auto":  # its choice needs training
        experiment = experiment.with_changes({"data.scaling": "standard"})
    task = TASKS[experiment.data.task].load()(experiment)
    return preview_windows(task.make_windows(table, torch.device("cpu")), split=split, count=count)
