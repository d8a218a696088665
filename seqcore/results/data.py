"""Results that describe data, in a form that can be drawn: parts of a data profile, example sequences, model inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SPLIT_TITLES", "Autocorrelation", "Example", "ExamplesInfo", "LengthFacts", "PreviewWindow", "Segment",
    "TableInfo", "VocabularyFacts", "WindowPreview",
]  # fmt: skip

Values = NDArray[np.float64]
SPLIT_TITLES = {"train": "training", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class LengthFacts:
    """Rows in a sequence: `counts[i]` sequences have `edges[i]` up to `edges[i + 1]` of them."""

    shortest: int
    median: float
    longest: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Autocorrelation:
    """`correlation[L]` of a column with itself `lags[L]` rows later, and its seasonal period in rows."""

    column: str
    lags: tuple[int, ...]
    correlation: tuple[float, ...]
    period: int | None


@dataclass(frozen=True)
class VocabularyFacts:
    """The symbols of a text: how many there are, the most frequent with their counts, what the training split lacks.

    `once` occur a single time. `unknown` is the share of a held-out split whose symbols the training split lacks;
    `unknown_symbols` are some of those `unknown_kinds`. `coverage` is the share of all rows that `frequent` covers.
    """

    of: str
    size: int
    total: int
    separator: str
    frequent: tuple[tuple[str, int], ...]
    coverage: float
    once: int
    unknown: dict[str, float]
    unknown_symbols: tuple[str, ...] = ()
    unknown_kinds: int = 0


class Segment(NamedTuple):
    """The rows of one column of one sequence in one split; `y` are numbers, or symbols as text."""

    column: str
    split: str
    x: NDArray[Any]
    y: NDArray[Any]
    series: str = ""  # the name of the series where there are several with names


class TableInfo(NamedTuple):
    """A table over time, thinned for drawing."""

    segments: tuple[Segment, ...]
    columns: tuple[str, ...]  # those that are drawn
    symbolic: bool
    omitted: str  # what is not drawn, in words, or nothing
    x_title: str

    @property
    def series(self) -> tuple[str, ...]:
        """The names of several series that are told apart by color, each cut in time; none where the splits are."""
        splits: dict[str, set[str]] = {}
        for segment in self.segments:
            splits.setdefault(segment.series, set()).add(segment.split)
        alike = len({frozenset(own) for own in splits.values()}) == 1
        return tuple(splits) if len(splits) > 1 and alike else ()


class Example(NamedTuple):
    """One sequence: a line's `values[T]` (of one `column`), a map's `[F, T]`, or a video's frames side by side,
    `[h, w * frames]`."""

    panel: int
    split: str
    x: Values
    values: Values
    column: str = ""


class ExamplesInfo(NamedTuple):
    """Example sequences. `kind`: "lines", "maps" or "videos"; a panel for each of `names`."""

    kind: str
    names: tuple[str, ...]
    examples: tuple[Example, ...]
    columns: tuple[str, ...]  # that are drawn as lines
    omitted: str
    x_title: str
    channels: tuple[str, ...] = ()  # names of a map's rows where they tell more than a number: frequency bands


@dataclass(frozen=True)
class PreviewWindow:
    """One model input. Numbers: `original[T, C]` in original units and `scaled[T, F]` as the model gets them, at
    `x[T]`; `target_original[n, K]` and `target_scaled[n, K]` are the targets, at `target_x[n]`. Symbols: `words[T]`
    and their `codes[T]`, the first of a long window. `answer` is the target in words: a symbol, a class, a sentence."""

    name: str
    length: int
    x: NDArray[Any] = field(default_factory=lambda: np.zeros(0))
    original: Values | None = None
    scaled: Values | None = None
    target_x: NDArray[Any] = field(default_factory=lambda: np.zeros(0))
    target_original: Values | None = None
    target_scaled: Values | None = None
    words: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()
    answer: str = ""
    answer_code: str = ""


@dataclass(frozen=True)
class WindowPreview:
    """Sample model inputs of one split. `columns` names what `original` holds, `targets` what is predicted."""

    split: str
    windows: tuple[PreviewWindow, ...]
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    inputs: int  # features at each step: more than columns where calendar features are added
    separator: str
    frame: tuple[int, int] | None
    x_title: str
    scaling: str
