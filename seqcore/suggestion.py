"""Experiments that nobody has to think up: for the user's own file, and for a forecast that counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqcore.data.table import Table
from seqcore.errors import ExperimentError
from seqcore.experiment import Experiment

__all__ = ["refit_experiment", "suggest_experiment"]

STEPS = 1500  # a network of the usual size has learned most of what it will from a series of some hundred values
SEASONS = {  # days between two rows, from and to -> rows that a usual season has
    (0.02, 0.09): 24,  # hours
    (0.9, 1.1): 14,  # days: two weeks
    (6.5, 7.5): 13,  # weeks: a quarter
    (27.0, 32.0): 12,  # months
    (89.0, 93.0): 8,  # quarters: two years
}


def suggest_experiment(
    table: Table, *, data: Mapping[str, Any], changes: Mapping[str, Any] | None = None
) -> Experiment:
    """An experiment for `table`; `data` says where it comes from (source and options), `changes` what the user wants.

    The window spans a season where the dates show one, and at most a sixth of the longest series. Values are scaled
    relative to the window's last one, which carries trends on, unless the user's choices rule that out.
    ExperimentError: the faults in `changes`.
    """
    rows = int(table.lengths.max(initial=0))
    window = max(1, min(_season(table) or 20, rows // 6))
    windows = 0.7 * max(1, len(table) - window * len(table.lengths))
    batch_size = 32 if windows < 50_000 else 128 if windows < 500_000 else 512
    epochs = min(150, max(3, round(STEPS / math.ceil(windows / batch_size))))
    base = Experiment.make(
        {
            "data": {**data, "window": window, "scaling": "relative"},
            "training": {"batch_size": batch_size, "epochs": epochs},
        }
    )
    wanted = dict(changes or {})
    try:
        return base.with_changes(wanted)
    except ExperimentError:
        if "data.scaling" in wanted:
            raise
    return base.with_changes({"data.scaling": "standard", **wanted})


def refit_experiment(experiment: Experiment, epochs: int) -> Experiment:
    """The same experiment on all of its data, for as many epochs as did best while some were held back to score it."""
    return experiment.with_changes(
        {
            "data.validation_fraction": 0.0,
            "data.test_fraction": 0.0,
            "training.patience": 0,
            "training.epochs": epochs,
        }
    )


def _season(table: Table) -> int | None:
    """Rows in a season, from the usual distance between two dates."""
    if table.times is None or len(table.times) < 3:
        return None
    days = float(np.median(np.diff(table.times[: int(table.offsets[1])]) / np.timedelta64(1, "D")))
    return next((rows for (low, high), rows in SEASONS.items() if low <= days <= high), None)
