"""Sample model inputs: windows of a dataset before and after scaling or encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.table import Table
from seqcore.results.data import PreviewWindow, WindowPreview

if TYPE_CHECKING:  # imports torch
    from seqcore.data.dataset import Batch, Dataset
    from seqcore.data.numeric_dataset import NumericDataset

__all__ = ["preview_windows"]

MOST_WORDS = 60  # of a window of symbols, at most


def preview_windows(data: Dataset, *, split: str = "train", count: int = 3) -> WindowPreview:
    """`count` model inputs and targets, spread over a split of a dataset."""
    from seqcore.data.numeric_dataset import NumericDataset

    numbers = _chosen(data, split, count)
    batch = data.batch(split, numbers)
    if isinstance(data, NumericDataset):
        windows = _numeric(data, split, numbers, batch)
        targets = tuple(data.table.columns[i] for i in data.targets)
        columns = tuple(data.table.columns[i] for i in data.inputs)
    else:
        windows = [_symbols_or_sequence(data, split, numbers, batch, i) for i in range(len(numbers))]
        targets, columns = (), data.table.columns
    return WindowPreview(
        split=split,
        windows=tuple(windows),
        columns=columns,
        targets=targets,
        inputs=int(batch.inputs.shape[2]) if batch.inputs.ndim == 3 else 1,
        separator=data.table.separator,
        frame=data.table.frame if len(columns) == len(data.table.columns) else None,
        x_title=data.table.x_title if isinstance(data, NumericDataset) else data.table.unit.axis,
        scaling=data.config.scaling,
    )


def _chosen(data: Dataset, split: str, count: int) -> NDArray[np.int64]:
    """Windows spread over a split: evenly, or at random for whole sequences, which may be sorted by class."""
    n = len(data.windows[split])
    if n <= count + 2:
        return data.spread(split, count)
    if data.whole:
        return np.sort(np.random.default_rng(0).choice(n, count, replace=False))
    return data.spread(split, count + 2)[1:-1]


def _name(table: Table, sequence: int, first: int) -> str:
    """Where a window begins: series, and date or row."""
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


def _numeric(data: NumericDataset, split: str, numbers: NDArray[np.int64], batch: Batch) -> list[PreviewWindow]:
    first, lengths, sequence = data.windows[split].locate(numbers)
    truth = data.truth(split, numbers)  # [n, S, H, K]
    k = len(data.targets)
    scaled_targets = batch.targets.numpy().astype(np.float64).reshape(len(numbers), batch.targets.shape[1], -1, k)
    windows = []
    for i, (row, length, s) in enumerate(zip(first.tolist(), lengths.tolist(), sequence.tolist(), strict=True)):
        place = np.arange(row, row + length)
        target, scaled = truth[i, -1], scaled_targets[i, -1]
        rows = row + length - 1 + data.lead + np.arange(len(target))
        if len(truth[i]) > 1 and truth.shape[2] == 1:  # a target at each step
            target, scaled = truth[i, :length, 0], scaled_targets[i, :length, 0]
            rows = place + data.lead
        windows.append(
            PreviewWindow(
                name=_name(data.table, int(s), int(row)),
                length=int(length),
                x=_positions(data.table, place, int(s)),
                original=data.values[row : row + length][:, data.inputs],
                scaled=batch.inputs[i, :length].numpy().astype(np.float64),
                target_x=_positions(data.table, rows, int(s)),
                target_original=target,
                target_scaled=scaled,
            )
        )
    return windows


def _positions(table: Table, rows: NDArray[np.int64], sequence: int) -> NDArray[Any]:
    if table.times is not None:
        return np.asarray(table.times[np.minimum(rows, len(table) - 1)])
    return np.asarray(rows - table.offsets[sequence], dtype=np.float64)


def _symbols_or_sequence(data: Dataset, split: str, numbers: NDArray[np.int64], batch: Batch, i: int) -> PreviewWindow:
    """A window of symbols, or a whole sequence with its class or its translation."""
    table = data.table
    row, length, s = (int(a[i]) for a in data.windows[split].locate(numbers))
    known: dict[str, Any] = {"name": _name(table, s, row), "length": length}
    if table.symbolic:
        most = min(length, MOST_WORDS)
        known["words"] = tuple(table.words(row, row + most))
        known["codes"] = tuple(int(code) for code in batch.inputs[i, :most].tolist())
    else:
        known["x"] = np.arange(length) * table.unit.size
        known["original"] = np.asarray(table.values[row : row + length], dtype=np.float64)
        known["scaled"] = batch.inputs[i, :length].numpy().astype(np.float64)
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
    return PreviewWindow(**known)
