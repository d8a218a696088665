"""What is needed to inspect a model with one example: labels of its steps, and what each of its parts reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seqcore.data.dataset import Dataset
from seqcore.data.numeric_dataset import NumericDataset
from seqcore.data.step_units import IMAGE, StepUnit
from seqcore.data.table import Table
from seqcore.models.architecture import Architecture
from seqcore.models.state import State
from seqcore.results.formatting import format_value

__all__ = [
    "ExplainedForecast",
    "Stage",
    "StepInput",
    "carried_note",
    "carried_windows",
    "numbered",
    "numeric_input",
    "sequence_title",
]

MOST_CARRIED = 200  # steps of consecutive windows that are read one after another
_MOST_NAMED = 6  # numbers of a target in its text

Values = NDArray[np.float64]
Words = tuple[str, ...]


class StepInput(NamedTuple):
    """One input of `predict`, and what its T steps are.

    `steps[T]` are labels, `values[T, F]` the inputs under `columns` in original units (None for symbols), `truth` the
    target as text, `series` the one that the numbers belong to. `target[H, K]` are its numbers in original units, None
    where it has none.
    """

    given: Any
    title: str
    steps: Words
    values: Values | None = None
    columns: Words = ()
    truth: str | None = None
    series: str | None = None
    note: str = ""
    target: Values | None = None


class Stage(NamedTuple):
    """An architecture and what it reads: features x[B, T, E], from `state` on (None: its initial state).

    A translator has two, "encoder" and "decoder". `codes[1, T]` are the words that a decoder is given and `steps` their
    labels. `attention[1, S, T]` has the weights of each of its steps over the encoder's; `rows` are the words written.
    """

    name: str
    architecture: Architecture
    x: Tensor
    state: State = None
    codes: Tensor | None = None
    steps: Words = ()
    attention: Tensor | None = None
    rows: Words = ()


class ExplainedForecast(NamedTuple):
    """A forecast as a function that can be differentiated: `predict` maps rows [B, before + T, F] in original units to
    its numbers [B, O] in original units, the predictions at the end of `rows[before + T, F]`; `outputs[O]` names them.
    """

    rows: Tensor
    predict: Callable[[Tensor], Tensor]
    outputs: tuple[str, ...]


def carried_windows(data: Dataset, part: str, index: int, *, stateful: bool) -> NDArray[np.int64]:
    """The window `index`, and before it those from which its state is carried, up to `MOST_CARRIED` steps."""
    windows, first = data.windows[part], index
    length = max(1, int(windows.locate(np.array([index]))[1][0]))
    while stateful and first > 0 and (index - first + 2) * length <= MOST_CARRIED:
        if not windows.continues_previous(np.array([first]), np.array([first - 1]))[0]:
            break
        first -= 1
    return np.arange(first, index + 1)


def carried_note(numbers: NDArray[np.int64]) -> str:
    """A sentence about the windows of `carried_windows` that are read before the last one."""
    before = len(numbers) - 1
    if not before:
        return ""
    which = "window is" if before == 1 else f"{before} windows are"
    return f"The {which} read first, as in training: the state is carried from one window to the next."


def numeric_input(data: NumericDataset, part: str, numbers: NDArray[np.int64]) -> StepInput:
    """Consecutive windows of numbers, read one after another."""
    first, lengths, sequence = data.windows[part].locate(numbers)
    if (
        data.calendar is not None and (np.diff(first) != lengths[:-1]).any()
    ):  # the dates of a row are those of a later one
        return numeric_input(data, part, numbers[-1:])
    table, s, index = data.table, int(sequence[-1]), int(numbers[-1])
    rows = np.concatenate([np.arange(low, low + n) for low, n in zip(first.tolist(), lengths.tolist(), strict=True)])
    before = int(data.scalers.period[data.series_of(sequence[-1:])][0])
    seen = np.concatenate([np.arange(first[0] - before, first[0]), rows])
    names, values = data.codec.input_names, data.values[:, data.inputs]
    given: Any = values[seen]
    if data.calendar is not None:
        import pandas as pd  # only for data with dates

        assert table.times is not None
        given = pd.DataFrame(given, index=pd.DatetimeIndex(table.times[seen]), columns=list(names))
    series = data.fit.names[s] if data.fit.by_series else None
    steps = _row_labels(table, rows, int(table.offsets[s]))
    where = f"{series}, " if series else f"{sequence_title(table, s)}, " if len(table.lengths) > 1 else ""
    return StepInput(
        given=given,
        title=f"{where}window {index + 1:,}: {steps[-int(lengths[-1])]} to {steps[-1]}",
        steps=steps,
        values=values[rows],
        columns=names,
        truth=_target_text(data, part, index),
        series=series,
        note=carried_note(numbers),
        target=None if table.frame is not None else data.truth(part, np.array([index]))[0, -1],
    )


def numbered(unit: StepUnit, count: int) -> Words:
    """Labels of the steps of a sequence by their number from 1, or by their time in a recording."""
    if unit.seconds is not None:
        return tuple(f"{place * unit.seconds:.2f} s" for place in range(count))
    word = unit.one if unit is IMAGE else "step"
    return tuple(f"{word} {place + 1}" for place in range(count))


def sequence_title(table: Table, sequence: int) -> str:
    """The name of a sequence, or its number."""
    return table.names[sequence] if table.names else f"{table.sequence_unit.one} {sequence + 1:,}"


def _row_labels(table: Table, rows: NDArray[np.int64], start: int) -> Words:
    """Dates where there are some, else the numbers of the rows of a sequence that begins at row `start`."""
    if table.times is not None:
        from seqcore.data.calendar import short_time  # imports pandas: only for data with dates

        return tuple(short_time(time) for time in table.times[rows])
    word = table.unit.one if table.unit is IMAGE else "row" if len(table.lengths) == 1 else "step"
    return tuple(f"{word} {row + 1}" for row in (rows - start).tolist())


def _target_text(data: NumericDataset, part: str, index: int) -> str | None:
    """The targets of the last prediction of a window; None for frames."""
    if data.table.frame is not None:
        return None
    targets = data.truth(part, np.array([index]))[0, -1]  # [H, K]
    if targets.size > _MOST_NAMED or len(data.targets) == 1:
        texts = [format_value(value) for value in targets.ravel()[:_MOST_NAMED].tolist()]
        return ", ".join(texts) + (", ..." if targets.size > _MOST_NAMED else "")
    names = data.codec.target_names
    return ", ".join(
        f"{name} {format_value(v)}" for row in targets.tolist() for name, v in zip(names, row, strict=True)
    )
