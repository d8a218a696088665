"""What every result type offers (JSON, CSV, text, highlights, caption), and reading results back from JSON."""

from __future__ import annotations

import csv
import dataclasses
import math
import re
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqcore.errors import PredictionError

__all__ = [
    "Answer",
    "Positions",
    "Rows",
    "Values",
    "View",
    "Words",
    "exact",
    "exact_column",
    "from_fields",
    "plain",
    "write_csv",
]

Positions = NDArray[Any]  # row numbers (float64) or times (datetime64[ns])
Values = NDArray[np.float64]
Words = tuple[str, ...]
Rows = tuple[Sequence[str], Sequence[Sequence[Any]]]  # a header, and rows under it
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Answer(NamedTuple):
    """The prediction for one input: `value` as JSON, `sentence` as a line of text."""

    value: dict[str, Any]
    sentence: str


class View(ABC):
    """A result that can be drawn: a frozen dataclass in original units and words, free of torch and plotly.

    `kind` is its name in JSON and in `RESULT_TYPES`. `width_of` names the field whose length is the number of columns
    of two-dimensional arrays: an array without rows loses its width in JSON.
    """

    kind: ClassVar[str]
    width_of: ClassVar[str] = ""
    title: str

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; `view` names the type."""
        return {"view": self.kind, **plain(self)}

    def with_title(self, title: str) -> Self:
        """The same under another title."""
        return dataclasses.replace(self, title=title)  # type: ignore[type-var]

    @property
    @abstractmethod
    def caption(self) -> str:
        """How to read the figure, in one or two short sentences."""

    @abstractmethod
    def table(self) -> Rows:
        """The header and rows of the CSV form."""

    def to_csv(self) -> str:
        """The result as CSV with a header: original column names, dates and units."""
        return write_csv(*self.table())

    def answer(self, given: Any, text: str) -> Answer:
        """The prediction for one input: `given` as it was parsed, `text` as it was typed."""
        raise PredictionError("file: this result has no answer to a single input")

    def answers(self) -> list[Answer]:
        """The prediction for each of several inputs. PredictionError where the model takes one at a time."""
        raise PredictionError("file: this model answers one input at a time; use --input")

    def by_input(self) -> dict[str, Sequence[Any]] | None:
        """The predictions for several inputs, a column each by its heading; None where there are not several."""
        return None

    @property
    def left_out(self) -> int:
        """How many steps `highlights` leaves out."""
        return 0

    def highlights(self, *, ahead: bool = True) -> list[Words]:
        """The prediction in large figures: a label, a value, and notes. `ahead`: values lie after the input."""
        return []

    def summary(self) -> Rows | None:
        """A small table for a terminal, under the title; None where the figure or CSV is the place to look."""
        return None


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: arrays as lists, times as ISO 8601 text, non-finite numbers as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "M":
            return [None if text == "NaT" else text for text in np.datetime_as_string(value, unit="s").tolist()]
        if value.dtype.kind == "f":  # a large array takes long number by number
            finite = np.isfinite(value)
            if finite.all():
                return value.tolist()
            known = value.astype(object)
            known[~finite] = None
            return known.tolist()
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


def write_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """CSV with line feeds; numbers as they are given. Text that a spreadsheet would run as a formula gets an
    apostrophe in front."""
    lines = _Lines()
    writer = csv.writer(lines, lineterminator="\r\n")  # for which cells with any line end are quoted
    writer.writerow(map(_no_formula, header))
    writer.writerows(map(_no_formula, row) for row in rows)
    return "".join(lines)


class _Lines(list[str]):
    """Rows as `csv.writer` writes them, ended by a line feed."""

    def write(self, row: str) -> None:
        self.append(row.removesuffix("\r\n") + "\n")


def _no_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def exact(value: float) -> str:
    """The shortest text that reads back as the same number; nothing where it isn't one."""
    return repr(float(value)) if math.isfinite(value) else ""


def exact_column(values: Values) -> list[str]:
    """A column of data in the form of `exact`; without decimals where all its numbers are whole."""
    known = values[np.isfinite(values)]
    if np.all((known == np.floor(known)) & (np.abs(known) < 2**53)):
        return [f"{value:.0f}" if math.isfinite(value) else "" for value in values.tolist()]
    return [exact(value) for value in values.tolist()]


def from_fields(kind: type, d: dict[str, Any]) -> Any:
    """A dataclass from its fields in JSON. KeyError or TypeError where a field that has no default is missing."""
    made = kind(**{name: _read(d[name], hint) for name, hint in _fields_of(kind).items() if name in d})
    return _with_width(made) if getattr(kind, "width_of", "") else made


@lru_cache
def _fields_of(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind)}


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
    return from_fields(hint, value) if isinstance(hint, type) and dataclasses.is_dataclass(hint) else value


def _with_width(view: Any) -> Any:
    """Arrays without a row, as wide as they were."""
    width = len(getattr(view, view.width_of))
    empty = {
        f.name: np.zeros((0, width))
        for f in dataclasses.fields(view)
        if f.name not in ("x", "context_x")
        and isinstance(getattr(view, f.name), np.ndarray)
        and getattr(view, f.name).size == 0
    }
    return dataclasses.replace(view, **empty) if empty else view
