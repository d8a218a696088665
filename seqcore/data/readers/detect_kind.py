"""Detects the kind of data in a user's columns, and the label, id and text columns, from names and cells."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pyarrow as pa

from seqcore.data.readers.column_parsing import (
    ID_NAMES,
    LABEL_NAMES,
    TEXT_NAMES,
    Columns,
    Origin,
    holds_numbers,
    is_text,
    is_whole,
    sample,
    wanted_column,
)
from seqcore.data.readers.series import step_column
from seqcore.data.readers.time_columns import date_column

__all__ = ["are_labels", "find_kind", "id_column", "label_column", "text_columns"]


def find_kind(columns: Columns, origin: Origin) -> str:
    """The most likely kind of these columns: a key of `build_table.KINDS`."""
    label = label_column(columns, origin)
    texts = text_columns(columns, origin, label)
    numbers = [
        name
        for name, column in columns.items()
        if name != label and column.null_count < len(column) and holds_numbers(column, origin.decimal)
    ]
    given = origin.options.label_column not in ("auto", "none")
    if texts and not numbers:
        if label is not None:
            return "labelled-text"
        if len(texts) >= 2 and _few_distinct(columns, texts[:2]) is not None:
            return "labelled-text"
        if len(texts) >= 2 and all(_is_prose(columns[name]) for name in texts[:2]):
            return "pairs"
    if label is not None and texts and _is_prose(columns[texts[0]]) and not given and len(numbers) < 2:
        return "labelled-text"
    if given:
        return "labelled-text" if texts and len(numbers) < 2 else "sequences"
    if label is not None and numbers:
        if id_column(columns, origin, label) is not None:
            return "sequences"
        if len(numbers) >= 2 and date_column({n: c for n, c in columns.items() if n != label}, origin) is None:
            return "sequences"
    return "sequences" if _is_a_row_each(columns, origin) else "series"


def label_column(columns: Columns, origin: Origin) -> str | None:
    """The label column: the one given, or one with a usual name; None if there is none."""
    if origin.options.label_column == "none":
        return None
    if origin.options.label_column != "auto":
        return wanted_column(origin.options.label_column, columns, origin, "the labels")
    for name, column in columns.items():
        could_be = is_text(column) or is_whole(column) or pa.types.is_boolean(column.type)
        if name.strip().lower() in LABEL_NAMES and could_be:
            return name
    step = step_column(columns)
    ids = [name for name in columns if name.strip().lower() in ID_NAMES]
    if step is None or not ids or date_column(columns, origin) is not None:
        return _few_distinct(columns, [n for n in columns if is_text(columns[n])]) if len(columns) == 2 else None
    texts = [n for n, c in columns.items() if n not in ids and is_text(c) and not holds_numbers(c, origin.decimal)]
    return texts[0] if len(texts) == 1 else None


def id_column(columns: Columns, origin: Origin, label: str | None) -> str | None:
    """The column with the sequence of each row: the one given, or one with repeated values."""
    if origin.options.series_column == "none":
        return None
    if origin.options.series_column != "auto":
        return wanted_column(origin.options.series_column, columns, origin, "the sequences")
    step = step_column(columns)
    others = {
        name: column for name, column in columns.items() if name not in (label, step, origin.options.group_column)
    }
    again = [n for n, column in others.items() if (is_whole(column) or is_text(column)) and _comes_again(column)]
    called = [n for n in again if n.strip().lower() in ID_NAMES]
    if called:
        return called[0]
    texts = [n for n in again if is_text(columns[n]) and not holds_numbers(columns[n], origin.decimal)]
    if label is None:
        return texts[0] if texts else again[0] if again and step is not None else None
    return next((n for n in [*texts, *again] if _is_constant_within(columns[label], columns[n])), None)


def text_columns(columns: Columns, origin: Origin, label: str | None = None) -> list[str]:
    """The text columns that are neither labels nor numbers; with a label column, one with a usual name comes first."""
    found = [
        name
        for name, column in columns.items()
        if name != label and is_text(column) and not holds_numbers(column, origin.decimal) and len(sample(column))
    ]
    return sorted(found, key=lambda name: name.strip().lower() not in TEXT_NAMES) if label is not None else found


def _is_prose(column: pa.ChunkedArray) -> bool:
    """Whether most cells hold several words."""
    cells = sample(column, 100)
    return sum(bool(re.search(r"\w\s+\w", cell)) for cell in cells) > 0.5 * len(cells)


def are_labels(cells: list[str]) -> bool:
    """Whether the cells are a few words, repeated many times."""
    counts = Counter(cells)
    if len(cells) >= 20:
        return len(counts) <= 0.1 * len(cells) and all(len(cell.split()) < 4 for cell in counts)
    return len(counts) <= 0.5 * len(cells) and all(" " not in cell and n > 1 for cell, n in counts.items())


def _few_distinct(columns: Columns, names: list[str]) -> str | None:
    """The one of two text columns with a few repeated values, if the other has many distinct ones."""
    if len(names) != 2:
        return None
    cells = {name: sample(columns[name]) for name in names}
    few = [name for name in names if cells[name] and are_labels(cells[name])]
    many = [name for name in names if len(set(cells[name])) > 0.5 * len(cells[name])]
    return few[0] if len(few) == 1 and len(many) == 1 and few != many else None


def _comes_again(column: pa.ChunkedArray) -> bool:
    if column.null_count == len(column):
        return False
    first = column.slice(0, 5_000).drop_null()
    return len(first.unique()) <= 0.7 * len(first)


def _is_constant_within(labels: pa.ChunkedArray, ids: pa.ChunkedArray) -> bool:
    """Whether each id has one label (in the first rows), and there are more ids than labels."""
    labels, ids = labels.slice(0, 50_000), ids.slice(0, 50_000)
    of = labels.combine_chunks().dictionary_encode(), ids.combine_chunks().dictionary_encode()
    label, name = (np.asarray((c.chunk(0) if isinstance(c, pa.ChunkedArray) else c).indices.fill_null(-1)) for c in of)
    pairs = np.unique(np.stack([label, name]), axis=1).shape[1]
    return bool(pairs == len(np.unique(name)) and pairs > len(np.unique(label)))


def _is_a_row_each(columns: Columns, origin: Origin) -> bool:
    """Whether every row is a sequence: a column of few names, and many numbered columns."""
    names = list(columns)
    ends = [
        name for name in (names[0], names[-1])
        if (is_text(columns[name]) and not holds_numbers(columns[name], origin.decimal)) or is_whole(columns[name])
    ]  # fmt: skip
    if len(names) < 9 or not ends or any(is_text(columns[n]) for n in names if n != ends[0]):
        return False
    values = [name for name in names if name != ends[0]]
    counted = [re.fullmatch(r"\D*(\d+)", name) for name in values]
    numbers = [int(match.group(1)) for match in counted if match is not None]
    rising = len(numbers) == len(values) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    cells = sample(columns[ends[0]])
    few = 2 <= len(set(cells)) <= max(2, 0.5 * len(cells))
    if not rising or not few:
        return False
    return is_text(columns[ends[0]]) or (len(names) >= 20 and not all(is_whole(columns[n]) for n in values[:5]))
