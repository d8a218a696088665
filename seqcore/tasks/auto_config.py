"""Automatic configuration: default experiments for the user's own data, and refitting on all data.

One function for each task in SUGGESTIONS. Model sizes and epochs are chosen so that a typical file trains in one or two
minutes on two cores, and a large one takes one or two epochs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.table import Table
from seqcore.errors import ExperimentError
from seqcore.experiment.experiment import Experiment

__all__ = ["SUGGESTIONS", "refit_experiment", "suggest_experiment", "suggest_task"]

SEASONS = {  # range of days between rows -> rows in a typical season
    (0.02, 0.09): 24,  # hours
    (0.9, 1.1): 14,  # days: two weeks
    (6.5, 7.5): 13,  # weeks: a quarter
    (27.0, 32.0): 12,  # months
    (89.0, 93.0): 8,  # quarters: two years
}
STREAM = 20_000  # symbols from which on training is stateful
_EXAMINED = 5_000  # rows from which the default target is chosen
_MOST_CODES = 25  # distinct values of a column of codes; more are counts, such as rented bikes
_MADE_FOR = {"training.stateful": "training.shuffle"}  # a suggestion -> another that is made for its sake
BOOK = 1_000_000  # symbols up to which such a text is trained for many epochs

Fields = dict[str, Any]


def suggest_experiment(
    table: Table, *, data: Mapping[str, Any], changes: Mapping[str, Any] | None = None
) -> Experiment:
    """An experiment for `table`, with the data section `data` (source and options) and the user's `changes`.

    The task follows from the table unless `changes` sets it. A suggestion that `changes` rule out, such as recurrent
    dropout with an architecture that has no recurrent weights, is not made. ExperimentError lists the errors in
    `changes`.
    """
    requested = dict(changes or {})
    task = str(requested.get("data.task", suggest_task(table)))
    base = Experiment.make({"data": {**data, "task": task}})
    fields = SUGGESTIONS[task](table) if task in SUGGESTIONS else {}
    if "data.inputs" in requested:  # the first of them is the target
        fields.pop("data.target", None)
    while True:
        suggested = base.with_changes(fields)
        try:
            return suggested.with_changes(requested)
        except ExperimentError as error:
            ruled_out = {line.partition(":")[0] for line in error.lines} & (fields.keys() - requested.keys())
            if not ruled_out:
                raise
            for path in ruled_out:
                del fields[path]
                fields.pop(_MADE_FOR.get(path, ""), None)


def suggest_task(table: Table) -> str:
    """The task that fits a table: sentence pairs, labels, symbols or numbers."""
    known = {
        "translation": table.paired is not None,
        "classification": table.labels is not None,
        "language-modeling": table.symbolic,
    }
    return next((task for task, holds in known.items() if holds), "regression")


def _regression(table: Table) -> Fields:
    """A window of one season if the dates imply one, at most a sixth of a series; the scaling is searched."""
    rows = int(np.median(table.lengths)) if table.names else int(table.lengths.max(initial=0))
    window = max(1, min(_season(table) or 20, rows // 6))
    windows = 0.7 * max(1, len(table) - window * len(table.lengths))
    batch_size = 32 if windows < 50_000 else 128 if windows < 500_000 else 512
    target = _default_target(table)
    return {
        **({"data.target": (target,)} if target is not None and target != table.columns[0] else {}),
        "data.window": window,
        "data.scaling": "auto",
        "data.missing": "interpolate" if _has_missing(table) else "refuse",
        "training.batch_size": batch_size,
        "training.epochs": _epochs(1500, windows, batch_size, least=3, most=150),
    }


def _default_target(table: Table) -> str | None:
    """The first column that varies, neither counts rows nor repeats the calendar, and is no code or category.

    One that is mostly missing, or a flag of two values, is taken only if there is no other.
    """
    if not table.tabular or not table.numeric_columns or table.recordings is not None:
        return None
    codes = {role.column for role in table.report.roles if role.alternatives[:1] == ("series",)}
    categories = tuple(f"{role.column}=" for role in table.report.roles if role.role == "category")
    rows = slice(0, min(int(table.offsets[1]), _EXAMINED))
    calendar = [] if table.times is None else _calendar(table.times[rows])
    poor = None
    for i, name in enumerate(table.columns):
        values = table.values[rows, i]
        known = values[~np.isnan(values)]
        coded = name in codes and len(np.unique(known)) <= _MOST_CODES
        if coded or name.startswith(categories or "\0") or not _is_measured(values, calendar):
            continue
        if len(known) >= 0.5 * len(values) and len(np.unique(known)) > 2:
            return name
        poor = poor or name
    return poor


def _is_measured(values: NDArray[np.float64], calendar: list[NDArray[np.int64]]) -> bool:
    """Whether values vary and neither count rows nor follow from the calendar."""
    known = values[~np.isnan(values)]
    if len(known) < 3:
        return len(known) > 0
    steps = np.diff(known)
    counts = np.all((steps == 1) | (known[1:] == known[0])) and float(known[0]).is_integer()
    if counts or not steps.any():
        return False
    return len(known) < len(values) or not any(np.ptp(values - part) == 0 for part in calendar)


def _calendar(times: NDArray[np.datetime64]) -> list[NDArray[np.int64]]:
    """Year, quarter, month, week, day, weekday (from Monday and from Sunday), hour and minute of each time."""
    import pandas as pd  # only for data with dates

    index = pd.DatetimeIndex(times)
    parts = [index.year, index.quarter, index.month, index.isocalendar().week, index.day, index.day_of_year]
    parts += [index.day_of_week, (index.day_of_week + 1) % 7, index.hour, index.minute]
    return [np.asarray(part).astype(np.int64) for part in parts]


def _symbols(table: Table) -> Fields:
    """Stateful training for long texts, shuffled windows for short ones.

    A text of a book's length is regularized and trained for many epochs; a longer one as far as time allows.
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
        return fields | _stream(longest, 40 if words else 64, hidden=384, batch_size=8, steps=5000, most=40)
    window = 40 if words else 100
    batch_size = _batch_size(0.8 * longest / window)
    return fields | _stream(longest, window, hidden=256, batch_size=batch_size, steps=1500, most=100)


def _stream(longest: int, window: int, *, hidden: int, batch_size: int, steps: int, most: int) -> Fields:
    """Stateful training on one text."""
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
    """Shuffled windows of short or many texts."""
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
    """Whole sequences; fewer steps for longer sequences."""
    count, length = len(table.lengths), float(table.lengths.mean()) if len(table.lengths) else 1.0
    batch_size = 16 if count < 300 else 32 if count < 5_000 else 64
    steps = 800 if length < 150 else 500 if length < 500 else 250
    fields: Fields = {
        "data.scaling": "standard",
        "data.missing": "interpolate" if _has_missing(table) else "refuse",
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
    """Encoder-decoder with attention and large batches."""
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
"""Suggested fields (dotted path -> value) for a table, by task."""


def refit_experiment(experiment: Experiment, epochs: int) -> Experiment:
    """The same experiment without held-out splits, for the number of epochs that was best on the validation split."""
    whole = {"data.validation_fraction": 0.0, "data.test_fraction": 0.0}
    return experiment.with_changes({**whole, "training.patience": 0, "training.epochs": epochs})


def _epochs(steps: int, windows: float, batch_size: int, *, least: int, most: int) -> int:
    """The number of epochs of about `steps` training steps."""
    return min(most, max(least, round(steps / math.ceil(max(windows, 1.0) / batch_size))))


def _has_missing(table: Table) -> bool:
    return not table.symbolic and bool(np.isnan(table.values).any())


def _season(table: Table) -> int | None:
    """Rows in a season, from the median time between rows."""
    if table.times is None or len(table.times) < 3:
        return None
    days = float(np.median(np.diff(table.times[: int(table.offsets[1])]) / np.timedelta64(1, "D")))
    return next((rows for (low, high), rows in SEASONS.items() if low <= days <= high), None)
