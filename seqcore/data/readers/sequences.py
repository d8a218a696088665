"""Labeled numeric sequences from a user's columns: one row per time step, or one row per sequence."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqcore.data.readers.column_parsing import Columns, Origin, encode, rows_of_missing, take_values, unnamed
from seqcore.data.readers.column_values import read_values
from seqcore.data.readers.detect_kind import Reading
from seqcore.data.readers.roles import Roles
from seqcore.data.readers.series import Ids, ordered, take_time
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.results.formatting import counted, listed

__all__ = ["long_table", "refuse_short", "rows_table", "take_groups", "take_labels"]


def take_labels(columns: Columns, origin: Origin, reading: Reading, roles: Roles) -> Ids | None:
    """The label of each row; its column is removed. None for new data without labels; "" where one is missing.

    DataError: missing labels; a single class, or no label column, unless the kind was given (new data to classify).
    """
    label = reading.label
    if label is None:
        if origin.options.kind == "auto":
            raise DataError(f"{origin.name}: there is no label column; name it label, or set the label column")
        return None
    column = columns.pop(label)
    roles.take([label], "label", "few distinct values, one for each sequence")
    if origin.options.trained and (missing := unnamed(column)).any():
        few = "" if missing.all() else f" {missing.sum():,} of {len(missing):,} rows of"
        origin.notes.append(f"The label is missing in{few} {label}: classes are predicted, and not scored.")
        if missing.all():
            return None
        known, names = encode(label, column.filter(pa.array(~missing)), origin, "the label")
        codes = np.full(len(missing), len(names), dtype=np.int32)
        codes[~missing] = known
        return Ids(label, codes, [*names, ""], (label,))
    labels = Ids(label, *encode(label, column, origin, "the label"), (label,))
    if len(labels.names) < 2 and origin.options.kind == "auto":
        raise origin.error(label, f"every label is {labels.names[0]!r}; give sequences of at least two classes")
    return labels


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
    few = counted(length, step)
    if len(short) > 1:
        few = f"only {few}" if (lengths[short] == length).all() else f"fewer than {least} {step}s"
    raise DataError(
        f"{origin.name}, {origin.listed(where)}: "
        f"{'a sequence has' if len(short) == 1 else f'{len(short):,} sequences have'} {few}; "
        f"give each at least {least}, or remove it"
    )


def long_table(columns: Columns, origin: Origin, reading: Reading, roles: Roles) -> Table:
    """Sequences [N, F] with a row per time step, which have the same id; labels may be missing in new data only.

    DataError: several labels in a sequence, sequences of fewer than two steps; each with its row.
    """
    name = str(reading.series)
    known = {name: "series", **({reading.label: "label"} if reading.label else {})}
    axis = take_time(columns, origin, roles, known)
    labels = take_labels(columns, origin, reading, roles)
    ids = Ids(name, *encode(name, columns.pop(name), origin, "the id"), (name,))
    roles.take([name], "series", f"{len(ids.names):,} sequences")
    first = np.full(len(ids.names), len(ids.codes), dtype=np.int64)
    np.minimum.at(first, ids.codes, np.arange(len(ids.codes)))
    own = np.zeros(0, dtype=np.int32) if labels is None else _label_of_each(labels, ids, first, origin)
    groups = take_groups(columns, ids, first, origin, roles)
    pa.default_memory_pool().release_unused()  # the names are encoded now
    along = None if axis is None else axis.along
    by = "" if axis is None else axis.name
    origin.notes.append(
        f"Read as long format: one sequence per {ids.column}{f', ordered by {by}' if by else ''}{_class_note(labels)}."
    )
    pa.default_memory_pool().release_unused()
    names, values = read_values(columns, origin, roles, dated=True)
    order = ordered(ids, along, by, origin)
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
        row_numbers=rows_of_missing(values, order, origin),
    )


def _label_of_each(labels: Ids, ids: Ids, first: NDArray[np.int64], origin: Origin) -> NDArray[np.int32]:
    """The code of the label of each sequence, [S], from its labeled rows. DataError where one has several."""
    own = labels.codes[first]
    named = np.array(labels.names)[labels.codes] != ""
    own[ids.codes[named][::-1]] = labels.codes[named][::-1]  # the first labeled row is set last
    wrong = named & (labels.codes != own[ids.codes])
    if wrong.any():
        row = int(np.argmax(wrong))
        of = ids.codes[row]
        new, earlier = labels.names[labels.codes[row]], labels.names[own[of]]
        where = f"the earlier label {earlier!r} of {ids.column} {ids.names[of]}"
        raise origin.error(
            labels.column, f"the label {new!r} differs from {where}; give each sequence one label", wrong
        )
    return own


def _class_note(labels: Ids | None) -> str:
    return "" if labels is None else f", class: {labels.column}"


def take_groups(
    columns: Columns, ids: Ids, first: NDArray[np.int64], origin: Origin, roles: Roles
) -> NDArray[np.str_] | None:
    """The group of each sequence, [S], from the given group column or one with a usual name; None without one.

    The column is removed. Sequences without a group are groups of their own. DataError if a given column has several
    groups in one sequence, or only one group.
    """
    if "group" in roles.given.refused:
        return None
    given = roles.given.of("group")
    called = [p.name for p in roles.examined if p.hint("group") == 1 and roles.given.allows(p.name, "group")]
    for name in given or [name for name in called if name in columns]:
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
        roles.take([name], "group", "its name; several sequences of each")
        origin.notes.append(f"Sequences of the same {name} stay in the same split.")
        alone = np.flatnonzero(own < 0)
        if len(alone):
            few = "1 sequence has" if len(alone) == 1 else f"{len(alone):,} sequences have"
            origin.notes.append(f"{few} no {name}: each is a group of its own.")
            own[alone] = len(names) + np.arange(len(alone))
            names += [f"\0{i}" for i in alone.tolist()]
        return np.array(names)[own]
    return None


def rows_table(columns: Columns, origin: Origin, reading: Reading, roles: Roles) -> Table:
    """Sequences with a row each, of the values in its columns; shorter ones end at their last value.

    DataError: sequences of fewer than two values, with their rows.
    """
    labels = take_labels(columns, origin, reading, roles)
    count = len(next(iter(columns.values()), ()))
    each = Ids("row", np.arange(count, dtype=np.int32), [""] * count)
    groups = take_groups(columns, each, np.arange(count), origin, roles)
    names = _names_of_rows(columns, roles)
    steps = _steps_across(columns, origin, reading, roles)
    roles.release()
    where = f"{steps[0]} to {steps[-1]}" if len(steps) > 3 else ", ".join(steps)
    origin.notes.append(
        f"Read as one sequence per row: {counted(len(steps), 'step')} in columns {where}{_class_note(labels)}."
    )
    values, odd = take_values(columns, steps, origin)
    origin.notes += odd.values()
    known = ~np.isnan(values)
    lengths = np.where(known.any(axis=1), values.shape[1] - np.argmax(known[:, ::-1], axis=1), 0).astype(np.int64)
    refuse_short(lengths, np.arange(len(lengths)), "value", origin)
    inside = np.arange(values.shape[1]) < lengths[:, None]
    missing = inside & ~known
    if missing.any():
        count = int(missing.sum())
        where = origin.listed(np.asarray(missing.any(axis=1)))
        origin.notes.append(f"{counted(count, 'missing value')} ({where}).")
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
        row_numbers=dict(zip(missing_rows.tolist(), origin.rows(of.tolist()), strict=True)),
    )


def _names_of_rows(columns: Columns, roles: Roles) -> tuple[str, ...]:
    """The cells of a column of unique ids, which is removed."""
    for p in roles.examined:
        if p.name in columns and (roles.given.of("series") == [p.name] or p.hint("series") == 1) and p.unique:
            roles.take([p.name], "series", "a unique name for each row")
            return tuple(columns.pop(p.name).cast("string").to_pylist())
    return ()


def _steps_across(columns: Columns, origin: Origin, reading: Reading, roles: Roles) -> list[str]:
    """The columns that hold the steps: those numbered across the top, or all numbers; others are removed."""
    numbers = [name for name in columns if roles.profiles[name].numeric and not roles.profiles[name].empty]
    if reading.header is not None:
        numbers = [name for name in reading.header.columns if name in columns]
    while numbers and roles.profiles[numbers[0]].empty:
        numbers.pop(0)  # an empty label, and no step
    left = [name for name in columns if name not in set(numbers)]
    for name in left:
        del columns[name]
    if not numbers:
        raise DataError(f"{origin.name}: there is no numeric column, only text; add a column for each step")
    if left:
        origin.notes.append(f"Columns left out (not steps): {listed(left, 8)}.")
        roles.take(left, "ignore", "not a step")
    roles.take(numbers, "value", "a step of each sequence")
    return numbers
