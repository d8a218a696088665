"""Results in a form that can be drawn: frozen, in the user's own units and words, and free of torch."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "VIEWS",
    "ConfusionView",
    "FramesView",
    "HorizonView",
    "LabelsView",
    "SeriesView",
    "SymbolsView",
    "TableView",
    "TextView",
    "Translated",
    "TranslationView",
    "View",
    "plain",
    "view_from_dict",
]

Positions = NDArray[Any]  # row numbers (float64) or times (datetime64[ns])
Values = NDArray[np.float64]
Words = tuple[str, ...]


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: arrays as lists, times as ISO 8601 text, non-finite numbers as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "M":
            return [None if text == "NaT" else text for text in np.datetime_as_string(value, unit="s").tolist()]
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


class _Drawable:
    """What all views share: their name in JSON."""

    kind: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; `view` names the type."""
        return {"view": self.kind, **plain(self)}


@dataclass(frozen=True)
class SeriesView(_Drawable):
    """Values over time, predicted and (where known) true.

    `x[n]` are row numbers or times; `prediction[n, K]` and `truth[n, K]` are in original units, a row of NaN breaks
    the line between stretches that don't follow each other. `context_x[m]`, `context[m, K]` are the values that came
    before. `columns` names the K targets. `low[n, K]` and `high[n, K]` are a prediction interval that promises to hold
    the truth with probability `coverage`; `covered` is the part of this truth that it held.
    """

    kind = "series"

    x: Positions
    prediction: Values
    truth: Values | None = None
    context_x: Positions | None = None
    context: Values | None = None
    columns: Words = ("value",)
    x_title: str = "step"
    title: str = ""
    low: Values | None = None
    high: Values | None = None
    coverage: float | None = None
    covered: float | None = None


@dataclass(frozen=True)
class SymbolsView(_Drawable):
    """Probabilities of the next symbol after each of n contexts.

    `contexts[n]` are tuples of symbols as the user wrote them; `probabilities[n, V]` rows sum to 1 over `symbols[V]`;
    `truth[n]` is the symbol that came next, or None where that isn't known. `separator` joins symbols for reading.
    """

    kind = "symbols"

    contexts: tuple[Words, ...]
    symbols: Words
    probabilities: Values
    truth: tuple[str | None, ...] = field(default_factory=tuple)
    separator: str = ""
    title: str = ""

    @property
    def predictions(self) -> Words:
        """The most probable next symbol after each context."""
        return tuple(self.symbols[int(i)] for i in np.argmax(self.probabilities, axis=1))


@dataclass(frozen=True)
class TextView(_Drawable):
    """Text that a model wrote after a prompt; `truth` is how the data go on there, where that is known."""

    kind = "text"

    prompt: str
    text: str
    title: str = ""
    truth: str | None = None


@dataclass(frozen=True)
class LabelsView(_Drawable):
    """The class of each of n sequences, and how the answer unfolds.

    `probabilities[n, C]` over `labels[C]`; `truth[n]` or None where that isn't known; `names[n]`. For the sequences
    that are shown in full (the first ones), `unfolding[i][T_i, C]` are the probabilities after each step, and
    `signals[i][T_i, F]` what the model saw, in original units, or `symbols[i][T_i]` where it saw symbols.
    `steps[i][T_i]` says which steps these are, in what `x_title` names, where not all are shown or they are no numbers
    from 1 on; `frame` is (height, width) where a step was a picture, `channels[F]` are the names of a signal's columns.
    `texts[n]` is what each sequence says, where it is of symbols; a long one is cut.
    """

    kind = "labels"

    labels: Words
    probabilities: Values
    truth: tuple[str | None, ...] = ()
    names: Words = ()
    unfolding: tuple[Values, ...] = ()
    signals: tuple[Values, ...] = ()
    title: str = ""
    symbols: tuple[Words, ...] = ()
    steps: tuple[Values, ...] = ()
    frame: tuple[int, int] | None = None
    x_title: str = "step"
    channels: Words = ()
    texts: Words = ()

    @property
    def predictions(self) -> Words:
        """The most probable class of each sequence."""
        return tuple(self.labels[int(i)] for i in np.argmax(self.probabilities, axis=1))


@dataclass(frozen=True)
class ConfusionView(_Drawable):
    """How often sequences of a class (row) were taken for each class (column): `counts[C, C]`."""

    kind = "confusion"

    labels: Words
    counts: Values
    title: str = ""


@dataclass(frozen=True)
class FramesView(_Drawable):
    """A film: pictures in the order of time, from 0 (dark) to 1; `prediction[n, h, w]`, `truth`, and `context[m, h, w]`
    that came before."""

    kind = "frames"

    prediction: Values
    truth: Values | None = None
    context: Values | None = None
    title: str = ""


@dataclass(frozen=True)
class HorizonView(_Drawable):
    """The error of each method, `errors[name][H]`, 1 to H steps ahead, by title; "Model" comes first."""

    kind = "horizon"

    errors: dict[str, Values]
    metric: str = "mae"
    title: str = ""


@dataclass(frozen=True)
class Translated:
    """One sentence: its words, the model's, the true ones where they are known, `attention[T_out, T_in]` whose rows sum
    to 1, and the words that the model has never seen. `text` is the translation as one writes it, `probability` the
    geometric mean of what the model gave each of its words and the end."""

    source: Words
    prediction: Words
    truth: Words | None = None
    attention: Values | None = None
    unknown: Words = ()
    text: str = ""
    probability: float | None = None


@dataclass(frozen=True)
class TranslationView(_Drawable):
    """Sentences and what became of them."""

    kind = "translation"

    sentences: tuple[Translated, ...]
    title: str = ""


@dataclass(frozen=True)
class TableView(_Drawable):
    """A small table for people: rows of texts and numbers under `columns`."""

    kind = "table"

    columns: Words
    rows: tuple[tuple[Any, ...], ...]
    title: str = ""


View = (
    SeriesView
    | SymbolsView
    | TextView
    | LabelsView
    | ConfusionView
    | FramesView
    | HorizonView
    | TranslationView
    | TableView
)
VIEWS: dict[str, type[View]] = {view.kind: view for view in typing.get_args(View)}


def view_from_dict(d: dict[str, Any]) -> View:
    """The inverse of `to_dict`. KeyError where a field that has no default is missing."""
    return _made(VIEWS[d["view"]], d)  # type: ignore[no-any-return]


@lru_cache
def _fields_of(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind)}


def _made(kind: type, d: dict[str, Any]) -> Any:
    fields = {name: _read(d[name], hint) for name, hint in _fields_of(kind).items() if name in d}
    if kind is SeriesView or kind is LabelsView or kind is SymbolsView or kind is ConfusionView:
        return _with_shapes(kind(**fields))
    return kind(**fields)


def _read(value: Any, hint: Any) -> Any:
    """A value of JSON as a field's type says; null within numbers becomes NaN."""
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = next(h for h in typing.get_args(hint) if h is not types.NoneType)
    if hint == Positions and any(isinstance(item, str) for item in value):
        return np.array(["NaT" if item is None else item for item in value], dtype="datetime64[ns]")
    if hint in (Positions, Values):
        return np.array(value, dtype=np.float64)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return tuple(_read(item, inner[0]) for item in value)
    if origin is dict:
        return {key: _read(item, inner[1]) for key, item in value.items()}
    return _made(hint, value) if isinstance(hint, type) and dataclasses.is_dataclass(hint) else value


def _with_shapes(view: Any) -> Any:
    """Arrays without a row have lost their width in JSON; it is the number of columns, labels or symbols."""
    width = len(getattr(view, "columns", None) or getattr(view, "labels", None) or view.symbols)
    empty = {
        f.name: np.zeros((0, width))
        for f in dataclasses.fields(view)
        if f.name not in ("x", "context_x")
        and isinstance(getattr(view, f.name), np.ndarray)
        and getattr(view, f.name).size == 0
    }
    return dataclasses.replace(view, **empty) if empty else view
