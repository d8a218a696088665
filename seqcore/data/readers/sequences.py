"""Labelled sequences of numbers from a user's columns: a row for each step, or a row for each sequence."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqcore.data.readers.column_parsing import (
    Columns,
    Origin,
    encode,
    is_text,
    is_whole,
    note_gaps,
    rows_of_gaps,
    sample,
    take_numbers,
    take_values,
    unnamed,
    wanted_column,
)
from seqcore.data.readers.detect_kind import GROUP_NAMES, are_labels, id_column, label_column
from seqcore.data.readers.series import ID_NAMES, Ids, ordered, step_column
from seqcore.data.readers.time_columns import take_times
from seqcore.data.table import Table
from seqcore.errors import DataError

__all__ = ["refuse_one_class", "refuse_short", "sequence_table", "take_groups"]

_FEW_COLUMNS = 8  # up to which columns of different names are values at one time


def sequence_table(columns: Columns, origin: Origin) -> Table:
    """Independent sequences [N, F] with their labels; those of unequal length end where their cells do.

    Without labels only where it was said that these are sequences: new ones, for a model to label. DataError: labels
    that are missing, that differ within a sequence or are all the same; sequences of fewer than two steps; each with
    its row.
    """
    label = label_column(columns, origin)
    if label is None and len(columns) > 2 and origin.label_column == "auto":
        label = _at_an_end(columns, origin)
    if label is None and origin.kind == "auto":
        raise DataError(f"{origin.name}: no column holds the labels; call it label, or name it (label column)")
    ids = id_column(columns, origin, label) or _id_of_rows(columns, origin, label)
    labels = None
    if label is not None:
        labels = Ids(label, *encode(label, columns.pop(label), origin, "the label"))
        refuse_one_class(labels.names, label, origin)
    return _by_rows(columns, labels, origin) if ids is None else _by_ids(columns, ids, labels, origin)


def refuse_one_class(names: list[str], label: str, origin: Origin) -> None:
    """DataError where there is nothing to tell apart; new data, of which it is said what they are, may be so."""
    if len(names) < 2 and origin.kind == "auto":
        raise DataError(
            f"{origin.name}, column {label}: every label is {names[0]!r}, so there is nothing to tell apart; "
            "give sequences of at least two classes"
        )


def refuse_short(
    lengths: NDArray[np.int64], rows: NDArray[np.int64], step: str, origin: Origin, *, least: int = 2
) -> None:
    """DataError where sequences have fewer than `least` steps; `rows` are where they begin."""
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
        f"give each at least {least}, or take it out"
    )


def _id_of_rows(columns: Columns, origin: Origin, label: str | None) -> str | None:
    """An id that no row shares, beside a step or a few columns of different names: long form, whose sequences are of
    one row each, and not rows that are sequences, whose steps are counted."""
    if origin.series_column != "auto":
        return None
    called = [name for name in columns if name.strip().lower() in ID_NAMES and name != label]
    values = [name for name in columns if name not in (label, *called) and name.strip().lower() not in GROUP_NAMES]
    counted = sum(bool(re.search(r"\d", name)) for name in values) > 0.5 * len(values)
    long_form = step_column(columns) in values or 2 <= len(values) <= _FEW_COLUMNS
    return called[0] if called and long_form and not counted else None


def _at_an_end(columns: Columns, origin: Origin) -> str | None:
    """The label of rows that are sequences: text at either end, or, without names, whole numbers that come again."""
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
        raise DataError(
            f"{origin.name}, column {labels.column}, {origin.listed(wrong)}: the label "
            f"{labels.names[labels.codes[row]]!r} "
            f"is not {labels.names[own[of]]!r}, which {ids.column} {ids.names[of]} has before; "
            "give each sequence one label"
        )
    del wrong
    groups = take_groups(columns, ids, first, origin)
    pa.default_memory_pool().release_unused()  # the names are codes by now
    date, times = take_times(columns, origin)
    step = step_column(columns) if times is None else None
    along: NDArray[Any] | None = times
    if step is not None and len(columns) > 1 and columns[step].null_count == 0:
        along = np.asarray(columns.pop(step))
    by = f", {step or date} puts their rows in order" if along is not None else ""
    origin.notes.append(f"Read as long form: {ids.column} tells sequences apart{by}{_is_class(labels)}.")
    pa.default_memory_pool().release_unused()
    names = take_numbers(columns, origin, has_dates=True)
    values = take_values(columns, names, origin)
    note_gaps(values, names, origin)
    order = ordered(ids, along, step or "time", origin)
    if order is not None:
        values = values[order]
    counts = np.bincount(ids.codes, minlength=len(ids.names))
    if counts.max() < 2:
        raise DataError(
            f"{origin.name}: each {ids.column} has only 1 row, and a sequence needs at least 2; give each more rows, "
            "or, where a row is a whole sequence, say that no column names them (series column: none)"
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
        row_numbers=rows_of_gaps(values, order, origin),
    )


def _is_class(labels: Ids | None) -> str:
    return "" if labels is None else f", {labels.column} is the class"


def take_groups(columns: Columns, ids: Ids, first: NDArray[np.int64], origin: Origin) -> NDArray[np.str_] | None:
    """Who each sequence comes from, [S], where a column says so: the one that was named, or one that is called so.

    The column is taken out. Sequences that it says nothing of are each a group of their own. DataError where the one
    that was named says two things of one sequence, or the same of all.
    """
    if origin.group_column == "none":
        return None
    said = origin.group_column != "auto"
    called = [n for n in columns if n.strip().lower() in GROUP_NAMES]
    for name in [wanted_column(origin.group_column, columns, origin, "the groups")] if said else called:
        column = columns[name]
        unknown = unnamed(column)
        codes, names = np.full(len(column), -1, dtype=np.int64), list[str]()
        if not unknown.all():
            known, names = encode(name, column.filter(pa.array(~unknown)), origin, "the group")
            codes[~unknown] = known
        own = codes[first]
        differ = codes != own[ids.codes]
        if said and differ.any():
            raise DataError(
                f"{origin.name}, column {name}, {origin.listed(differ)}: a sequence belongs to one group, and this "
                "says another than the rows before it; name another column of groups, or none"
            )
        if said and len(names) < 2:
            raise DataError(
                f"{origin.name}, column {name}: all sequences are of one group, so none is left to test on; name "
                "another column of groups, or none"
            )
        if differ.any() or len(names) < 2 or (len(names) >= len(first) and not said):
            continue
        del columns[name]
        origin.notes.append(f"Sequences of one {name} stay together in one part.")
        alone = np.flatnonzero(own < 0)
        if len(alone):
            few = "1 sequence has" if len(alone) == 1 else f"{len(alone):,} sequences have"
            origin.notes.append(f"{few} no {name}: each is taken to be of another one.")
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
        f"Read as one sequence a row: {len(steps):,} step{'s' * (len(steps) != 1)} in the columns {where}"
        f"{_is_class(labels)}."
    )
    values = take_values(columns, steps, origin)
    known = ~np.isnan(values)
    lengths = np.where(known.any(axis=1), values.shape[1] - np.argmax(known[:, ::-1], axis=1), 0).astype(np.int64)
    refuse_short(lengths, np.arange(len(lengths)), "value", origin)
    inside = np.arange(values.shape[1]) < lengths[:, None]
    gaps = int((inside & ~known).sum())
    if gaps:
        missing = np.asarray((inside & ~known).any(axis=1))
        origin.notes.append(f"{gaps:,} value{' is' if gaps == 1 else 's are'} missing: {origin.listed(missing)}.")
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
