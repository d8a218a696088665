"""Experiments that nobody has to think up: for the user's own file, and for a forecast that counts.

What suits a table depends on the task it is for: a function for each in SUGGESTIONS. Networks are small and epochs few
enough that a usual file is learned in a minute or two on two cores, and a large one in a pass or two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seqcore.data.table import Table
from seqcore.experiment.experiment import Experiment

__all__ = ["SUGGESTIONS", "refit_experiment", "suggest_experiment", "suggest_task"]

SEASONS = {  # days between two rows, from and to -> rows that a usual season has
    (0.02, 0.09): 24,  # hours
    (0.9, 1.1): 14,  # days: two weeks
    (6.5, 7.5): 13,  # weeks: a quarter
    (27.0, 32.0): 12,  # months
    (89.0, 93.0): 8,  # quarters: two years
}
STREAM = 20_000  # symbols from which on a text is learned as one stream, its state handed on
BOOK = 1_000_000  # symbols up to which such a text is read again and again

Fields = dict[str, Any]


def suggest_experiment(
    table: Table, *, data: Mapping[str, Any], changes: Mapping[str, Any] | None = None
) -> Experiment:
    """An experiment for `table`; `data` says where it comes from (source and options), `changes` what the user wants.

    The task is what the table is made for, unless the user's choices name another. ExperimentError: the faults in
    `changes`.
    """
    wanted = dict(changes or {})
    task = str(wanted.get("data.task", suggest_task(table)))
    base = Experiment.make({"data": {**data, "task": task}})
    if task in SUGGESTIONS:
        base = base.with_changes(SUGGESTIONS[task](table))
    return base.with_changes(wanted)


def suggest_task(table: Table) -> str:
    """What a table is made for: pairs to translate, labels to tell, symbols or numbers to go on with."""
    known = {
        "translation": table.paired is not None,
        "classification": table.labels is not None,
        "language-modeling": table.symbolic,
    }
    return next((task for task, holds in known.items() if holds), "regression")


def _regression(table: Table) -> Fields:
    """A window of a season where the dates show one, at most a sixth of a series, so that few rows suffice.

    The scaling, which matters more than the network, is found by trial.
    """
    rows = int(np.median(table.lengths)) if table.names else int(table.lengths.max(initial=0))
    window = max(1, min(_season(table) or 20, rows // 6))
    windows = 0.7 * max(1, len(table) - window * len(table.lengths))
    batch_size = 32 if windows < 50_000 else 128 if windows < 500_000 else 512
    return {
        "data.window": window,
        "data.scaling": "auto",
        "data.missing": "interpolate" if _has_gaps(table) else "refuse",
        "training.batch_size": batch_size,
        "training.epochs": _epochs(1500, windows, batch_size, least=3, most=150),
    }


def _symbols(table: Table) -> Fields:
    """A long text is a stream that is read in order, its state handed on; a short one is windows in any order.

    A book is read many times, and is not to be learned by heart; a library is read as far as the time allows.
    """
    assert table.symbols is not None
    words = bool(table.separator)
    fields: Fields = {
        "data.predict": "every",
        "data.validation_fraction": 0.1,
        "data.test_fraction": 0.1,
        "model.architecture": "gru",
        "model.embedding_size": 128 if words or len(table.symbols) > 300 else 0,
        "training.schedule": "cosine",
    }
    longest = int(table.lengths.max(initial=1))
    if len(table.lengths) > 1:
        return fields | _windows(table, max(1, min(32, longest - 1)))
    if longest < STREAM:
        return fields | _windows(table, max(1, min(32, longest // 6)))
    if longest <= BOOK:
        fields |= {"model.architecture": "lstm", "model.dropout": 0.25, "model.recurrent_dropout": 0.25}
        fields |= _stream(longest, 40 if words else 64, hidden=384, batch_size=8, steps=5000, most=40)
        return fields | {"training.threads": 2}
    window = 40 if words else 100
    batch_size = _batch_size(0.8 * longest / window)
    return fields | _stream(longest, window, hidden=256, batch_size=batch_size, steps=1500, most=100)


def _stream(longest: int, window: int, *, hidden: int, batch_size: int, steps: int, most: int) -> Fields:
    """One text that is read in order."""
    return {
        "data.window": window,
        "data.stride": window,
        "model.hidden_size": hidden,
        "training.learning_rate": 0.004,
        "training.shuffle": False,
        "training.stateful": True,
        "training.batch_size": batch_size,
        "training.epochs": _epochs(steps, 0.8 * longest / window, batch_size, least=1, most=most),
    }


def _windows(table: Table, window: int) -> Fields:
    """Short texts, or many, whose windows come in any order."""
    assert table.symbols is not None
    stride = max(1, window // 4)
    windows = 0.8 * max(1, len(table) / stride)
    batch_size = _batch_size(windows)
    return {
        "data.window": window,
        "data.stride": stride,
        "model.hidden_size": 64 if len(table.symbols) > 20 else 32,
        "training.learning_rate": 0.01,
        "training.shuffle": True,
        "training.stateful": False,
        "training.batch_size": batch_size,
        "training.epochs": _epochs(600, windows, batch_size, least=1, most=100),
    }


def _batch_size(windows: float) -> int:
    return 32 if windows < 50_000 else 128


def _classification(table: Table) -> Fields:
    """Sequences are whole; the longer they are, the fewer steps a minute allows."""
    count, length = len(table.lengths), float(table.lengths.mean()) if len(table.lengths) else 1.0
    batch_size = 16 if count < 300 else 32 if count < 5_000 else 64
    steps = 800 if length < 150 else 500 if length < 500 else 250
    fields: Fields = {
        "data.scaling": "standard",
        "data.missing": "interpolate" if _has_gaps(table) else "refuse",
        "model.architecture": "gru",
        "model.hidden_size": 64,
        "training.learning_rate": 0.005,
        "training.schedule": "cosine",
        "training.batch_size": batch_size,
        "training.epochs": _epochs(steps, 0.7 * count, batch_size, least=2, most=60),
    }
    if count < 100:
        fields |= {"data.validation_fraction": 0.2, "data.test_fraction": 0.2}
    if table.symbols is not None and len(table.symbols) > 50:
        fields |= {"model.embedding_size": 64 if table.separator else 32}
    if table.recordings is not None:
        fields |= {"training.augment": "voice", "model.hidden_size": 96}
    return fields


def _translation(table: Table) -> Fields:
    """An encoder and a decoder that looks back; short sentences allow large batches."""
    count = len(table.lengths)
    batch_size = 32 if count < 2_000 else 64 if count < 50_000 else 128
    small = count < 2_000
    return {
        "data.validation_fraction": 0.1,
        "data.test_fraction": 0.1,
        "model.architecture": "gru",
        "model.hidden_size": 64 if small else 192,
        "model.embedding_size": 48 if small else 96,
        "training.learning_rate": 0.004 if small else 0.002,
        "training.schedule": "cosine",
        "training.batch_size": batch_size,
        "training.epochs": _epochs(2000, 0.8 * count, batch_size, least=1, most=60),
    }


SUGGESTIONS: dict[str, Callable[[Table], Fields]] = {
    "regression": _regression,
    "language-modeling": _symbols,
    "classification": _classification,
    "translation": _translation,
}
"""What suits a table, by task: dotted paths of fields and their values. A new task is a function and a line."""


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


def _epochs(steps: int, windows: float, batch_size: int, *, least: int, most: int) -> int:
    """Epochs in which about so many steps are taken."""
    return min(most, max(least, round(steps / math.ceil(max(windows, 1.0) / batch_size))))


def _has_gaps(table: Table) -> bool:
    return not table.symbolic and bool(np.isnan(table.values).any())


def _season(table: Table) -> int | None:
    """Rows in a season, from the usual distance between two dates."""
    if table.times is None or len(table.times) < 3:
        return None
    days = float(np.median(np.diff(table.times[: int(table.offsets[1])]) / np.timedelta64(1, "D")))
    return next((rows for (low, high), rows in SEASONS.items() if low <= days <= high), None)
