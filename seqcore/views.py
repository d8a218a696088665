"""Results in a form that can be drawn: frozen, in the user's own units and words, and free of torch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SeriesView", "SymbolsView", "View", "plain", "view_from_dict"]

Positions = NDArray[Any]  # row numbers (float64) or times (datetime64[ns])
Values = NDArray[np.float64]


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


@dataclass(frozen=True)
class SeriesView:
    """Values over time, predicted and (where known) true.

    `x[n]` are row numbers or times; `prediction[n, K]` and `truth[n, K]` are in original units, a row of NaN breaks
    the line between stretches that don't follow each other. `context_x[m]`, `context[m, K]` are the values that came
    before. `columns` names the K targets.
    """

    x: Positions
    prediction: Values
    truth: Values | None = None
    context_x: Positions | None = None
    context: Values | None = None
    columns: tuple[str, ...] = ("value",)
    x_title: str = "step"
    title: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; `view` names the type."""
        return {"view": "series", **plain(self)}


@dataclass(frozen=True)
class SymbolsView:
    """Probabilities of the next symbol after each of n contexts.

    `contexts[n]` are tuples of symbols as the user wrote them; `probabilities[n, V]` rows sum to 1 over `symbols[V]`;
    `truth[n]` is the symbol that came next, or None where that isn't known. `separator` joins symbols for reading.
    """

    contexts: tuple[tuple[str, ...], ...]
    symbols: tuple[str, ...]
    probabilities: Values
    truth: tuple[str | None, ...] = field(default_factory=tuple)
    separator: str = ""
    title: str = ""

    @property
    def predictions(self) -> tuple[str, ...]:
        """The most probable next symbol after each context."""
        return tuple(self.symbols[int(i)] for i in np.argmax(self.probabilities, axis=1))

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; `view` names the type."""
        return {"view": "symbols", **plain(self)}


View = SeriesView | SymbolsView


def _positions(value: Any) -> Positions | None:
    if value is None:
        return None
    if any(isinstance(item, str) for item in value):
        return np.array(["NaT" if item is None else item for item in value], dtype="datetime64[ns]")
    return _values(value)


def _values(value: Any) -> Values:
    return np.array(value, dtype=np.float64)  # null becomes NaN


def _series(d: dict[str, Any]) -> SeriesView:
    x = _positions(d["x"])
    assert x is not None
    shape = (-1, len(d["columns"]))
    return SeriesView(
        x=x,
        prediction=_values(d["prediction"]).reshape(shape),
        truth=None if d["truth"] is None else _values(d["truth"]).reshape(shape),
        context_x=_positions(d["context_x"]),
        context=None if d["context"] is None else _values(d["context"]).reshape(shape),
        columns=tuple(d["columns"]),
        x_title=d["x_title"],
        title=d["title"],
    )


def _symbols(d: dict[str, Any]) -> SymbolsView:
    return SymbolsView(
        contexts=tuple(tuple(context) for context in d["contexts"]),
        symbols=tuple(d["symbols"]),
        probabilities=_values(d["probabilities"]).reshape(-1, len(d["symbols"])),
        truth=tuple(d["truth"]),
        separator=d["separator"],
        title=d["title"],
    )


VIEWS: dict[str, Callable[[dict[str, Any]], View]] = {"series": _series, "symbols": _symbols}


def view_from_dict(d: dict[str, Any]) -> View:
    """The inverse of `to_dict`. KeyError where a field is missing."""
    return VIEWS[d["view"]](d)
