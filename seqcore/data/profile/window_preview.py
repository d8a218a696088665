"""A few windows exactly as a model will see them, before and after scaling or coding, from the task's own dataset."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.table import Table
from seqcore.experiment.experiment import Experiment
from seqcore.tasks import TASKS

if TYPE_CHECKING:  # torch, for which nobody waits who only names what is here
    from seqcore.data.dataset import Batch, Dataset
    from seqcore.data.numeric_dataset import NumericDataset

__all__ = ["Glimpse", "SeenWindow", "glimpse"]

MOST_WORDS = 60  # of a window of symbols

Values = NDArray[np.float64]


@dataclass(frozen=True)
class SeenWindow:
    """One window. Numbers: `before[T, C]` in original units and `after[T, F]` as the model gets them, at rows `x[T]`;
    `target_before[n, K]` and `target_after[n, K]` are what it must predict, at `target_x[n]`. Symbols: `words[T]` and
    their `codes[T]`, the first of a long window. `answer` is what follows in words: a symbol, a class, a sentence."""

    name: str
    length: int
    x: NDArray[Any] = field(default_factory=lambda: np.zeros(0))
    before: Values | None = None
    after: Values | None = None
    target_x: NDArray[Any] = field(default_factory=lambda: np.zeros(0))
    target_before: Values | None = None
    target_after: Values | None = None
    words: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()
    answer: str = ""
    answer_code: str = ""


@dataclass(frozen=True)
class Glimpse:
    """Windows of one part. `columns` names what `before` holds, `targets` what is predicted."""

    part: str
    windows: tuple[SeenWindow, ...]
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    inputs: int  # numbers that the model gets at each step: more than columns where it gets the calendar, too
    separator: str
    frame: tuple[int, int] | None
    x_title: str
    scaling: str


def glimpse(experiment: Experiment, table: Table, *, part: str = "train", count: int = 3) -> Glimpse:
    """`count` windows, spread over a part. DataError where the table doesn't fit the experiment."""
    import torch

    if experiment.data.scaling == "auto":  # to choose, it would have to train
        experiment = experiment.with_changes({"data.scaling": "standard"})
    task = TASKS[experiment.data.task].load()(experiment)
    data: Dataset = task.make_windows(table, torch.device("cpu"))
    numbers = _chosen(data, part, count)
    batch = data.batch(part, numbers)
    from seqcore.data.numeric_dataset import NumericDataset

    if isinstance(data, NumericDataset):
        windows = _of_numbers(data, part, numbers, batch)
        targets = tuple(data.table.columns[i] for i in data.targets)
        columns = tuple(data.table.columns[i] for i in data.inputs)
    else:
        windows = [_whole(data, part, numbers, batch, i) for i in range(len(numbers))]
        targets, columns = (), data.table.columns
    return Glimpse(
        part=part,
        windows=tuple(windows),
        columns=columns,
        targets=targets,
        inputs=int(batch.inputs.shape[2]) if batch.inputs.ndim == 3 else 1,
        separator=data.table.separator,
        frame=data.table.frame if len(columns) == len(data.table.columns) else None,
        x_title=data.table.x_title if isinstance(data, NumericDataset) else data.table.unit.axis,
        scaling=experiment.data.scaling,
    )


def _chosen(data: Dataset, part: str, count: int) -> NDArray[np.int64]:
    """Windows from all over a part: of a series evenly, of whole sequences, which may be in order of class, by lot."""
    n = len(data.windows[part])
    if n <= count + 2:
        return data.spread(part, count)
    if data.whole:
        return np.sort(np.random.default_rng(0).choice(n, count, replace=False))
    return data.spread(part, count + 2)[1:-1]


def _name(table: Table, sequence: int, first: int) -> str:
    """Where a window begins, as people find it in their data."""
    row = first - int(table.offsets[sequence])
    named = ""
    if len(table.lengths) > 1:
        named = table.names[sequence] if table.names else f"sequence {sequence + 1:,}"
    if table.labels is not None or table.paired is not None:
        return f"sequence {named}" if named.isdecimal() else named
    if table.times is not None:
        moment = str(table.times[first].astype("datetime64[s]")).removesuffix("T00:00:00").replace("T", " ")
        return f"{named}, from {moment} on" if named else f"from {moment} on"
    return (f"{named}, " if named else "") + f"from row {row + 1:,} on"


def _of_numbers(data: NumericDataset, part: str, numbers: NDArray[np.int64], batch: Batch) -> list[SeenWindow]:
    first, lengths, sequence = data.windows[part].locate(numbers)
    truth = data.truth(part, numbers)  # [n, S, H, K]
    k = len(data.targets)
    after = batch.targets.numpy().astype(np.float64).reshape(len(numbers), batch.targets.shape[1], -1, k)
    windows = []
    for i, (row, length, s) in enumerate(zip(first.tolist(), lengths.tolist(), sequence.tolist(), strict=True)):
        known = data.values[row : row + length][:, data.inputs]
        place = np.arange(row, row + length)
        answer, scaled = truth[i, -1], after[i, -1]
        rows = row + length - 1 + data.lead + np.arange(len(answer))
        if len(truth[i]) > 1 and truth.shape[2] == 1:  # a target at each step
            answer, scaled = truth[i, :length, 0], after[i, :length, 0]
            rows = place + data.lead
        windows.append(
            SeenWindow(
                name=_name(data.table, int(s), int(row)),
                length=int(length),
                x=_positions(data.table, place, int(s)),
                before=known,
                after=batch.inputs[i, :length].numpy().astype(np.float64),
                target_x=_positions(data.table, rows, int(s)),
                target_before=answer,
                target_after=scaled,
            )
        )
    return windows


def _positions(table: Table, rows: NDArray[np.int64], sequence: int) -> NDArray[Any]:
    if table.times is not None:
        return np.asarray(table.times[np.minimum(rows, len(table) - 1)])
    return np.asarray(rows - table.offsets[sequence], dtype=np.float64)


def _whole(data: Dataset, part: str, numbers: NDArray[np.int64], batch: Batch, i: int) -> SeenWindow:
    """A window of symbols, or a whole sequence with its class or its translation."""
    table = data.table
    first, lengths, sequence = (int(a[i]) for a in data.windows[part].locate(numbers))
    row, length, s = first, lengths, sequence
    known: dict[str, Any] = {"name": _name(table, s, row), "length": length}
    if table.symbolic:
        most = min(length, MOST_WORDS)
        known["words"] = tuple(table.words(row, row + most))
        known["codes"] = tuple(int(code) for code in batch.inputs[i, :most].tolist())
    else:
        known["x"] = np.arange(length) * table.unit.size
        known["before"] = np.asarray(table.values[row : row + length], dtype=np.float64)
        known["after"] = batch.inputs[i, :length].numpy().astype(np.float64)
    target = batch.targets[i]
    if table.paired is not None:
        low, high = int(table.paired.offsets[s]), int(table.paired.offsets[s + 1])
        known["answer"] = (table.paired.separator or " ").join(table.paired.words(low, high))
        known["answer_code"] = " ".join(
            str(int(code)) for code in target.reshape(-1).tolist()[:MOST_WORDS] if code >= 0
        )
    elif table.labels is not None:
        known["answer"], known["answer_code"] = str(table.labels[s]), str(int(target.reshape(-1)[0]))
    elif table.symbolic and row + length < len(table):
        known["answer"] = table.words(row + length, row + length + 1)[0]
        known["answer_code"] = str(int(target.reshape(-1)[-1]))
    return SeenWindow(**known)
