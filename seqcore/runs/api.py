"""Python entry points: open a store, and train a run in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from seqcore.errors import SeqcoreError
from seqcore.events import Event
from seqcore.experiment.experiment import Experiment
from seqcore.runs.store import Run, Store
from seqcore.training.openmp import set_passive_wait_policy

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["open_store", "shell_user", "train"]


def open_store(url: str | Path | None = None) -> Store:
    """The store in a folder, a database file or behind a URL; by default SEQCORE_STORE, else `runs/`.

    StoreError where it can't be opened or is from a newer program, CorruptError where it is damaged.
    """
    return Store(url)


def shell_user() -> str | None:
    """The owner of runs that are started outside the dashboard: SEQCORE_USER, else None."""
    return os.environ.get("SEQCORE_USER", "").strip() or None


def train(
    experiment: Experiment,
    *,
    data: pd.DataFrame | NDArray[np.float64] | None = None,
    store: Store | None = None,
    recipe: str | None = None,
    group: str | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Run:
    """Train in this process, as a run of the store. Ctrl-C stops the run cleanly and is raised after it is stored.

    `group` names runs that belong together.
    `data` is stored like a user's file, so that the run can be resumed and used later. `on_event` is called with every
    event. With `training.threads` above 1, `OMP_WAIT_POLICY=PASSIVE` is set if torch is not imported yet; a program
    that imports torch first sets it itself, before that import. SeqcoreError with the run's error if it failed.
    """
    set_passive_wait_policy()
    from seqcore.runs.execution import execute

    store = store or open_store()
    if data is not None:
        experiment = _with_data(store, experiment, data)
    run = execute(store, store.start(experiment, recipe=recipe, group=group, owner=shell_user()), on_event=on_event)
    if run.status == "failed":
        raise SeqcoreError(*(run.error or run.reason).splitlines())
    return run


def _with_data(store: Store, experiment: Experiment, data: pd.DataFrame | NDArray[np.float64]) -> Experiment:
    """The experiment with `data` stored as a CSV file whose floats read back exactly."""
    import pandas as pd

    frame = pd.DataFrame(data)
    if not isinstance(data, pd.DataFrame):
        frame.columns = [f"value_{i + 1}" for i in range(frame.shape[1])] if frame.shape[1] > 1 else ["value"]
    frame = frame.rename(columns=str)
    dated = isinstance(frame.index, pd.DatetimeIndex)
    stored = store.put_file(frame.to_csv(index=dated, index_label="date" if dated else None).encode(), "data.csv")
    reading = {"delimiter": "comma", "decimal": "point", "header": "yes", "encoding": "utf-8"}
    values = experiment.to_dict()
    values["data"] |= {"source": "file", "options": {"hash": stored.hash, "name": stored.name, **reading}}
    return Experiment.make(values)
