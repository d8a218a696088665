"""Examples to inspect a model with: windows and sequences of a split, or typed input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from seqcore.data.dataset import Dataset
from seqcore.data.splits import SPLITS
from seqcore.data.table import Table
from seqcore.errors import PredictionError, did_you_mean, no_number
from seqcore.inference.predictor import Predictor
from seqcore.results.base import Values, Words
from seqcore.results.thinning import evenly
from seqcore.tasks.inspection import MOST_CARRIED

__all__ = [
    "InspectExample", "load_example", "load_examples", "separate_examples", "typed_example",
]  # fmt: skip

MOST_EXAMPLES = 60
MOST_SEARCHED, MOST_STEPS = 400, 20_000  # examples and their steps that are looked into together


@dataclass(frozen=True)
class InspectExample:
    """One input of a model and what its steps are called.

    `given` is the input as `Predictor.predict` takes it; `series` names the one that numbers belong to, where there are
    several. `steps[T]` are the labels of its steps: a date, a symbol, "frame 3". `values[T, F]` are the inputs under
    `columns[F]` in original units; None for symbols. `split` is "train", "val", "test", or "" for typed input; `index`
    is the number of the window or sequence in it, from 0. `truth` is the target as text, where it is known; `note` says
    what else is read, such as earlier windows whose state is carried. `target[H, K]` are the numbers of a target in
    original units, None where it has none or is not known.
    """

    given: Any
    title: str
    steps: Words
    values: Values | None = None
    columns: Words = ()
    split: str = ""
    index: int = 0
    truth: str | None = None
    series: str | None = None
    note: str = ""
    target: Values | None = None


def load_examples(predictor: Predictor, table: Table, split: str, limit: int = MOST_EXAMPLES) -> list[InspectExample]:
    """At most `limit` examples, evenly spread over a split of the run's data. PredictionError for an empty split."""
    data = _split_data(predictor, table, split)
    return [_example(predictor, data, split, index) for index in data.spread(split, limit).tolist()]


def separate_examples(
    predictor: Predictor, table: Table, split: str, *, limit: int = MOST_SEARCHED, steps: int = MOST_STEPS
) -> list[InspectExample]:
    """Examples without common steps, evenly spread over a split: at most `limit`, of about `steps` steps together."""
    data = _split_data(predictor, table, split)
    windows, length = data.windows[split], max(1, data.longest)
    apart = 1 if data.whole else -(-length // windows.stride)
    if predictor.experiment.training.stateful:
        apart, length = max(apart, MOST_CARRIED // length), max(length, MOST_CARRIED)
    numbers = np.arange(0, len(windows), apart)
    numbers = numbers[evenly(len(numbers), max(1, min(limit, steps // length)))]
    return [_example(predictor, data, split, index) for index in numbers.tolist()]


def load_example(predictor: Predictor, table: Table, split: str, index: int) -> InspectExample:
    """One window or sequence of a split by its number. PredictionError where there is no such split or number."""
    data = _split_data(predictor, table, split)
    count = len(data.windows[split])
    if not 0 <= index < count:
        raise no_number("index", index, count)
    return _example(predictor, data, split, index)


def typed_example(predictor: Predictor, text: str) -> InspectExample:
    """Typed input, as `Predictor.parse_input` takes it. PredictionError."""
    return given_example(predictor, predictor.parse_input(text))


def given_example(predictor: Predictor, given: Any) -> InspectExample:
    """An input as `Predictor.predict` takes it: numbers, symbols, words or a sound. PredictionError."""
    return InspectExample(**predictor.task.typed_input(predictor.codec(), given)._asdict())


def _split_data(predictor: Predictor, table: Table, split: str) -> Dataset:
    if split not in SPLITS:
        raise PredictionError(f"split: {split[:60]!r} is not allowed{did_you_mean(split, SPLITS)}")
    data: Dataset = predictor.task.split_data(table, predictor.codec())
    if not len(data.windows[split]):
        there = ", ".join(name for name, size in data.sizes().items() if size)
        raise PredictionError(f"split: this run has no {split} split; use one of {there}")
    return data


def _example(predictor: Predictor, data: Dataset, split: str, index: int) -> InspectExample:
    found = predictor.task.step_input(data, split, index)
    return InspectExample(**found._asdict(), split=split, index=index)
