"""The .ts format of the UEA and UCR archives: a header, then one labeled sequence per line, dimensions between colons.

Described on timeseriesclassification.com and in the documentation of sktime ("ts file format").
"""

from __future__ import annotations

import io
import re
import warnings
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seqcore.data.import_report import ImportReport
from seqcore.data.readers.formats.input_file import InputFile
from seqcore.data.readers.text_encoding import find_encoding
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.results.formatting import counted

__all__ = ["looks_like_ts", "read_ts"]

_KNOWN = ("@problemname", "@timestamps", "@classlabel", "@univariate", "@data", "@equallength", "@dimensions")


def looks_like_ts(lines: list[str]) -> bool:
    """Whether these are the first lines of a .ts file."""
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    return first.strip().lower().startswith(_KNOWN)


@dataclass
class _Header:
    labeled: bool | None = None  # None: not specified
    classes: tuple[str, ...] = ()
    timestamps: bool = False


@dataclass
class _Cases:
    """The values read so far, and the length and label of each sequence."""

    values: array[float] = field(default_factory=lambda: array("d"))
    lengths: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    dimensions: int = 0


def read_ts(file: InputFile) -> Table:
    """Independent sequences [N, F] with their labels; "?" is NaN. DataError names the row of each error."""
    name = file.name
    file.progress.stage(0.0, 0.1)
    encoding = find_encoding(file.watched(), name=name, declared=file.options.encoding, values=False)
    notes = encoding.notes
    file.progress.stage(0.1, 1.0)
    lines = enumerate(io.TextIOWrapper(file.watched(), encoding=encoding.codec), 1)
    header = _header(lines, name)
    cases = _Cases()
    for row, line in lines:
        text = line.strip()
        if text and not text.startswith("#"):
            _add(cases, text, header, f"{name}, row {row}")
    if not cases.lengths:
        raise DataError(f"{name}: there are no sequences below @data; give one per line")
    labels = np.array(cases.labels) if cases.labels else None
    if labels is not None and len(set(cases.labels)) < 2 and file.options.kind == "auto":
        raise DataError(
            f"{name}: every sequence has the label {cases.labels[0]!r}; give sequences of at least two classes"
        )
    values: NDArray[np.float64] = np.frombuffer(cases.values, dtype=np.float64).reshape(-1, cases.dimensions)
    if missing := int(np.isnan(values).sum()):
        notes = (*notes, f"{counted(missing, 'missing value')}.")
    columns = ("value",) if cases.dimensions == 1 else tuple(f"dimension {i}" for i in range(1, cases.dimensions + 1))
    return Table(
        values=values,
        columns=columns,
        offsets=np.cumsum([0, *cases.lengths], dtype=np.int64),
        independent=True,
        labels=labels,
        notes=(*file.notes, *notes),
        report=ImportReport(questions=encoding.questions),
    )


def _header(lines: Iterator[tuple[int, str]], name: str) -> _Header:
    """Read the lines up to @data. DataError if there is none."""
    header = _Header()
    for row, line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not text.startswith("@"):
            raise DataError(
                f"{name}, row {row}: values before @data; a .ts file begins with lines such as "
                "@problemName and @classLabel"
            )
        key, *words = text.split()
        key = key.lower()
        if key == "@data":
            return header
        if key == "@classlabel":
            header.labeled = bool(words) and words[0].lower() == "true"
            header.classes = tuple(words[1:])
        elif key == "@timestamps":
            header.timestamps = bool(words) and words[0].lower() == "true"
        elif key == "@targetlabel" and words and words[0].lower() == "true":
            raise DataError(f"{name}, row {row}: the labels are numeric targets; only classes are supported")
    raise DataError(f"{name}: not a .ts file: there is no @data line; give a header, then one sequence per line")


def _add(cases: _Cases, text: str, header: _Header, where: str) -> None:
    """Add one line. DataError if it doesn't fit the others."""
    parts = re.split(r":(?![^()]*\))" if header.timestamps else ":", text)  # timestamps may contain colons
    if header.labeled or (header.labeled is None and len(parts) > 1 and not _is_values(parts[-1])):
        label = parts.pop().strip()
        if label in ("", "?"):
            raise DataError(f"{where}: the label is missing; write it after the last colon, or remove the row")
        if not parts:
            raise DataError(f"{where}: there is only one field; write values, a colon and the label")
        if header.classes and label not in header.classes:
            known = ", ".join(header.classes[:20])
            raise DataError(f"{where}: the label {label!r} is not one of @classLabel; use one of {known}")
        cases.labels.append(label)
    dimensions = [_numbers(part, header.timestamps, f"{where}, dimension {i}") for i, part in enumerate(parts, 1)]
    cases.dimensions = cases.dimensions or len(dimensions)
    if len(dimensions) != cases.dimensions:
        raise DataError(
            f"{where}: it has {counted(len(dimensions), 'dimension')}, the others have "
            f"{cases.dimensions}; separate them by colons"
        )
    lengths = {len(numbers) for numbers in dimensions}
    if len(lengths) > 1:
        raise DataError(
            f"{where}: dimensions have {min(lengths)} to {max(lengths)} values; give equally many, with ? if missing"
        )
    length = lengths.pop()
    if length < 2 or all(bool(np.isnan(numbers).all()) for numbers in dimensions):
        count = counted(length, "value") if length < 2 else "no known values"
        raise DataError(f"{where}: the sequence has {count}; give it at least 2, or remove it")
    together = dimensions[0] if len(dimensions) == 1 else np.stack(dimensions, axis=1)
    cases.values.frombytes(np.ascontiguousarray(together).tobytes())
    cases.lengths.append(length)


def _is_values(part: str) -> bool:
    return bool(re.fullmatch(r"[-+\d.eE,?\s]*|.*nan.*", part, re.IGNORECASE))


def _numbers(part: str, timestamps: bool, where: str) -> NDArray[np.float64]:
    """The values of a dimension, [T]. DataError names what is not a number."""
    if timestamps:
        part = ",".join(re.findall(r",([^,()]*)\)", part))
    part = part.strip().strip(",")
    if not part:
        return np.zeros(0)
    text = part.replace("?", "nan")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            numbers = np.fromstring(text, dtype=np.float64, sep=",")
    except (DeprecationWarning, ValueError):
        numbers = np.zeros(0)
    if len(numbers) != text.count(",") + 1:
        numbers = np.array([_number(cell, i, where) for i, cell in enumerate(text.split(","), 1)])
    if np.isinf(numbers).any():
        place = int(np.argmax(np.isinf(numbers))) + 1
        raise DataError(f"{where}, value {place}: infinite or too large; use numbers up to 1e308, or ? if missing")
    return numbers


def _number(cell: str, place: int, where: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise DataError(f"{where}, value {place}: {cell.strip()[:40]!r} is not a number; write ? if missing") from None
