"""Labelled numeric sequences from a user's columns: one row per time step, or one row per sequence."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqcore.data.readers.column_parsing import (
    GROUP_NAMES,
    ID_NAMES,
    Columns,
    Origin,
    encode,
    is_text,
    is_whole,
    read_numbers,
    rows_of_missing,
    sample,
    take_numbers,
    take_values,
    unnamed,
    wanted_column,
)
from seqcore.data.readers.detect_kind import are_labels, id_column, label_column
from seqcore.data.readers.series import Ids, ordered, step_column
from seqcore.data.readers.time_columns import take_times
from seqcore.data.table import Table
from seqcore.errors import DataError

__all__ = ["refuse_one_class", "refuse_short", "sequence_table", "take_groups"]

_FEW_COLUMNS = 8  # up to this number, columns of different names are variables


def sequence_table(columns: Columns, origin: Origin) -> Table:
    """Independent sequences [N, F] with their labels; shorter ones end at their last value.

    Labels may be missing only if the kind was given: new data to classify. DataError: missing labels, several labels
    in a sequence, a single class, sequences of fewer than two steps; each with its row.
    """
    label = label_column(columns, origin)
    if label is None and len(columns) > 2 and origin.options.label_column == "auto":
        label = _at_an_end(columns, origin)
    if label is None and origin.options.kind == "auto":
        raise DataError(f"{origin.name}: there is no label column; name it label, or set the label column")
    ids = id_column(columns, origin, label) or _id_of_rows(columns, origin, label)
    labels = None
    if label is not None:
        labels = Ids(label, *encode(label, columns.pop(label), origin, "the label"))
        refuse_one_class(labels.names, label, origin)
    return _by_rows(columns, labels, origin) if ids is None else _by_ids(columns, ids, labels, origin)


def refuse_one_class(names: list[str], label: str, origin: Origin) -> None:
    """DataError for a single class, unless the kind was given (new data to classify)."""
    if len(names) < 2 and origin.options.kind == "auto":
        raise origin.error(label, f"every label is {names[0]!r}; give sequences of at least two classes")


def refuse_short(
    lengths: NDArray[np.int64], rows: NDArray[np.int64], step: str, origin: Origin, *, least: int = 2
) -> None:
    """DataError if sequences have fewer than `least` steps; `rows` are their first rows."""
    short = np.flatnonzero(lengths < least)
    if not len(short):
        return
    where = np.zeros(int(rows.max()) + 1, dtype=bool)
    where[rows[short]] = True
    length = int(lengths[short[0]])
    few = f"{length} {step}{'' if length == 1 else 's'}"
    if len(short) > 1:
        few = f"only {few}" if (lengths[short] == length).all() else f"fewer than {least} {step}s"
    raise DataError(
        f"{origin.name}, {origin.listed(where)}: "
        f"{'a sequence has' if len(short) == 1 else f'{len(short):,} sequences have'} {few}; "
        f"give each at least {least}, or remove it"
    )


def _id_of_rows(columns: Columns, origin: Origin, label: str | None) -> str | None:
    """A unique id beside a step column or a few differently named columns: long format with one row per sequence,
    and not one sequence per row, whose columns are numbered."""
    if origin.options.series_column != "auto":
        return None
    called = [name for name in columns if name.strip().lower() in ID_NAMES and name != label]
    values = [name for name in columns if name not in (label, *called) and name.strip().lower() not in GROUP_NAMES]
    counted = sum(bool(re.search(r"\d", name)) for name in values) > 0.5 * len(values)
    long_form = step_column(columns) in values or 2 <= len(values) <= _FEW_COLUMNS
    return called[0] if called and long_form and not counted else None


def _at_an_end(columns: Columns, origin: Origin) -> str | None:
    """The label column of one sequence per row: text at either end, or repeated integers without a header."""
    names = list(columns)
    ends = [name for name in (names[0], names[-1]) if columns[name].null_count == 0]
    text = [name for name in ends if is_text(columns[name]) and name.strip().lower() not in ID_NAMES]
    first = columns[names[0]]
    numbers = origin.numbered and first.null_count == 0 and is_whole(first) and are_labels(sample(first))
    return text[0] if text else names[0] if numbers else None


def _by_ids(columns: Columns, name: str, labels: Ids | None, origin: Origin) -> Table:
    ids = Ids(name, *encode(name, columns.pop(name), origin, "the id"))
    first = np.full(len(ids.names), len(ids.codes), dtype=np.int64)
    np.minimum.at(first, ids.codes, np.arange(len(ids.codes)))
    own = np.zeros(0, dtype=np.int32) if labels is None else labels.codes[first]
    wrong = np.zeros(0, dtype=bool) if labels is None else labels.codes != own[ids.codes]
    if labels is not None and wrong.any():
        row = int(np.argmax(wrong))
        of = ids.codes[row]
        new, earlier = labels.names[labels.codes[row]], labels.names[own[of]]
        where = f"the earlier label {earlier!r} of {ids.column} {ids.names[of]}"
        raise origin.error(
            labels.column, f"the label {new!r} differs from {where}; give each sequence one label", wrong
        )
    del wrong
    groups = take_groups(columns, ids, first, origin)
    pa.default_memory_pool().release_unused()  # the names are encoded now
    date, times = take_times(columns, origin)
    step = step_column(columns) if times is None else None
    along: NDArray[Any] | None = times
    if step is not None and len(columns) > 1 and columns[step].null_count == 0:
        along = np.asarray(columns.pop(step))
    by = f", ordered by {step or date}" if along is not None else ""
    origin.notes.append(f"Read as long format: one sequence per {ids.column}{by}{_class_note(labels)}.")
    pa.default_memory_pool().release_unused()
    names, values = read_numbers(columns, origin, has_dates=True)
    order = ordered(ids, along, step or "time", origin)
    if order is not None:
        values = values[order]
    counts = np.bincount(ids.codes, minlength=len(ids.names))
    if counts.max() < 2:
        raise DataError(
            f"{origin.name}: each {ids.column} has only 1 row, but a sequence needs at least 2; give each more rows, "
            "or, for one sequence per row, set the series column to none"
        )
    refuse_short(counts, first, "row", origin)
    return Table(
        values=values,
        columns=tuple(names),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        independent=True,
        names=tuple(ids.names),
        labels=None if labels is None else np.array(labels.names)[own],
        groups=groups,
        notes=tuple(origin.notes),
        row_numbers=rows_of_missing(values, order, origin),
    )


def _class_note(labels: Ids | None) -> str:
    return "" if labels is None else f", class: {labels.column}"


def take_groups(columns: Columns, ids: Ids, first: NDArray[np.int64], origin: Origin) -> NDArray[np.str_] | None:
    """The group of each sequence, [S], from the given group column or one with a usual name; None without one.

    The column is removed. Sequences without a group are groups of their own. DataError if a given column has several
    groups in one sequence, or only one group.
    """
    if origin.options.group_column == "none":
        return None
    given = origin.options.group_column != "auto"
    called = [n for n in columns if n.strip().lower() in GROUP_NAMES]
    for name in [wanted_column(origin.options.group_column, columns, origin, "the groups")] if given else called:
        column = columns[name]
        unknown = unnamed(column)
        codes, names = np.full(len(column), -1, dtype=np.int64), list[str]()
        if not unknown.all():
            known, names = encode(name, column.filter(pa.array(~unknown)), origin, "the group")
            codes[~unknown] = known
        own = codes[first]
        differ = codes != own[ids.codes]
        if given and differ.any():
            message = "the group differs from the earlier rows of the sequence"
            raise origin.error(name, f"{message}; choose another group column, or none", differ)
        if given and len(names) < 2:
            message = "all sequences are in one group, so none is left to test on"
            raise origin.error(name, f"{message}; choose another group column, or none")
        if differ.any() or len(names) < 2 or (len(names) >= len(first) and not given):
            continue
        del columns[name]
        origin.notes.append(f"Sequences of the same {name} stay in the same split.")
        alone = np.flatnonzero(own < 0)
        if len(alone):
            few = "1 sequence has" if len(alone) == 1 else f"{len(alone):,} sequences have"
            origin.notes.append(f"{few} no {name}: each is a group of its own.")
            own[alone] = len(names) + np.arange(len(alone))
            names += [f"\0{i}" for i in alone.tolist()]
        return np.array(names)[own]
    return None


def _by_rows(columns: Columns, labels: Ids | None, origin: Origin) -> Table:
    count = len(next(iter(columns.values()), ()))
    each = Ids("row", np.arange(count, dtype=np.int32), [""] * count)
    groups = take_groups(columns, each, np.arange(count), origin)
    names: tuple[str, ...] = ()
    for name in [n for n in columns if n.strip().lower() in ID_NAMES]:
        texts = columns[name].cast("string").to_pylist()
        if len(set(texts)) == len(texts) and None not in texts:
            names = tuple(texts)
            del columns[name]
            break
    steps = take_numbers(columns, origin, has_dates=True)
    where = f"{steps[0]} to {steps[-1]}" if len(steps) > 3 else ", ".join(steps)
    origin.notes.append(
        f"Read as one sequence per row: {len(steps):,} step{'s' * (len(steps) != 1)} in columns {where}"
        f"{_class_note(labels)}."
    )
    values = take_values(columns, steps, origin)
    known = ~np.isnan(values)
    lengths = np.where(known.any(axis=1), values.shape[1] - np.argmax(known[:, ::-1], axis=1), 0).astype(np.int64)
    refuse_short(lengths, np.arange(len(lengths)), "value", origin)
    inside = np.arange(values.shape[1]) < lengths[:, None]
    missing = inside & ~known
    if missing.any():
        count = int(missing.sum())
        where = origin.listed(np.asarray(missing.any(axis=1)))
        origin.notes.append(f"{count:,} missing value{'s' * (count > 1)} ({where}).")
    flat = values.reshape(-1, 1) if inside.all() else values[inside][:, None]
    missing_rows = np.flatnonzero(np.isnan(flat[:, 0]))[:1]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    of = np.searchsorted(offsets, missing_rows, side="right") - 1
    return Table(
        values=flat,
        columns=("value",),
        offsets=offsets,
        independent=True,
        names=names,
        labels=None if labels is None else np.array(labels.names)[labels.codes],
        groups=groups,
        notes=tuple(origin.notes),
        row_numbers=dict(zip(missing_rows.tolist(), origin.rows(of.tolist()), strict=True)),
    )
