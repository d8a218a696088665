"""Time series from a user's columns: one, or one for each value of an id column, sorted by time."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seqcore.data.calendar import short_time
from seqcore.data.readers.column_parsing import Columns, Origin, distinct, encode, rows_of_missing
from seqcore.data.readers.column_values import read_values
from seqcore.data.readers.detect_kind import Reading
from seqcore.data.readers.reindexing import fill_missing_times
from seqcore.data.readers.roles import EVIDENCE, Roles
from seqcore.data.readers.time_axis import TimeAxis, find_time
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.results.formatting import counted

__all__ = ["Ids", "ordered", "series_table", "take_time"]

Times = NDArray[np.datetime64]
Order = NDArray[np.int64] | None


@dataclass(frozen=True)
class Ids:
    """The series of each row: `codes[N]` into `names`, in order of first appearance; `column` names its columns."""

    column: str
    codes: NDArray[np.int32]
    names: list[str]
    columns: tuple[str, ...] = ()


def series_table(columns: Columns, origin: Origin, reading: Reading, roles: Roles) -> Table:
    """One series, or one for each value of the series column, sorted by time.

    DataError: a line for each error, with row and column.
    """
    axis = take_time(columns, origin, roles)
    pa.default_memory_pool().release_unused()
    axis = axis or _take_counter(columns, origin, roles)
    ids = _take_ids(columns, axis, origin, roles)
    names, values = read_values(columns, origin, roles, dated=axis is not None)
    along = None if axis is None else axis.along
    order = ordered(ids, along, "" if axis is None else axis.name, origin)
    times = None if axis is None else axis.times
    if order is not None:
        values = values[order]
        times = times[order] if times is not None else None
        along = along[order] if along is not None else None
    offsets = np.array([0, len(values)], dtype=np.int64)
    if ids is not None:
        counts = np.bincount(ids.codes, minlength=len(ids.names))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rows = f"{counts.min():,}" if counts.min() == counts.max() else f"{counts.min():,} to {counts.max():,}"
        origin.notes.append(f"{len(ids.names):,} series by column {ids.column}, {rows} rows each.")
    if axis is not None and axis.steps is not None and along is not None:
        _note_missing_steps(along, offsets, axis.name, origin)
    table = Table(
        values=values,
        columns=tuple(names),
        times=times,
        offsets=offsets,
        names=tuple(ids.names) if ids is not None else (),
        x_title="row" if axis is None else axis.name,
        row_numbers=rows_of_missing(values, order, origin),
    )
    return fill_missing_times(table, origin)


def take_time(
    columns: Columns, origin: Origin, roles: Roles, known: Mapping[str, str] | None = None
) -> TimeAxis | None:
    """The time of the rows; its columns, and rows that are no time step, are removed. `known` are roles of others.

    A column of part of a day, say, may rather name the series.
    """
    if "time" in roles.given.refused:
        return None
    given = {**roles.given.roles, **(known or {})}
    axis = find_time(columns, origin, given)
    if axis is not None:
        rather = {
            name: "series"
            for name in axis.columns[1:]
            if name not in given and axis.scores.get(name, 1.0) < EVIDENCE["series"](roles.profiles[name])[0]
        }
        axis = find_time(columns, origin, {**given, **rather}) if rather else axis
    if axis is None:
        return None
    if not any(roles.profiles[name].numeric for name in columns if name not in axis.columns):
        # what repeats the time are the values where there are no others
        values = dict.fromkeys((n for n in axis.columns if roles.profiles[n].numeric), "value")
        axis = find_time(columns, origin, {**values, **given, axis.columns[0]: "time"}) or axis
    origin.notes += axis.notes
    origin.questions += axis.questions
    for place, name in enumerate(axis.columns):
        del columns[name]
        roles.take([name], "time-part" if place else "time", axis.reasons.get(name, "dates"))
    return axis if axis.left_out is None else _without(axis, axis.left_out, columns, origin)


def _note_missing_steps(steps: NDArray[Any], offsets: NDArray[np.int64], name: str, origin: Origin) -> None:
    """Say which counted steps, sorted in each series, are missing, if most of the others are evenly spaced."""
    ahead = np.diff(steps.astype(np.float64))
    within = np.ones(len(ahead), dtype=bool)
    within[offsets[1:-1] - 1] = False
    usual = float(np.median(ahead[within])) if within.any() else 0.0
    lacking = np.where(within, ahead / usual - 1, 0.0) if usual > 0 else np.zeros(0)
    if not np.any(lacking) or np.any(lacking != np.round(lacking)) or (lacking[within] == 0).mean() < 0.5:
        return
    places = np.flatnonzero(lacking)
    count, first = int(lacking.sum()), int(places[0])
    where = f"between {steps[first]:g} and {steps[first + 1]:g}"
    where = where if len(places) == 1 else f"in {len(places):,} places, first {where}"
    what = f"{counted(count, 'step')} {'is' if count == 1 else 'are'} missing"
    origin.notes.append(f"{name}: {what} {where}: the rows are treated as consecutive.")


def _take_counter(columns: Columns, origin: Origin, roles: Roles) -> TimeAxis | None:
    """A column that counts the steps of each series by its name, where two columns of codes name a series together."""
    if {"time", "series"} & {*roles.given.refused, *roles.given.roles.values()}:
        return None
    for p in roles.examined:
        if p.name not in columns or p.hint("step") < 1 or not p.whole or p.column.null_count:
            continue
        steps = np.asarray(columns[p.name]).astype(np.float64)
        candidates = [ids for ids in _candidates(columns, origin, roles) if ids.column != p.name]
        ids = _by_times(candidates, steps, roles)
        if ids is not None and not len(_repeats(ids, steps)[1]):
            del columns[p.name]
            roles.take([p.name], "time", "counts the steps of each series")
            return TimeAxis((p.name,), None, steps, p.name)
    return None


def _without(axis: TimeAxis, left_out: NDArray[np.bool_], columns: Columns, origin: Origin) -> TimeAxis:
    """The axis and the columns without some rows; messages still number the rows of the file."""
    kept, rows = np.flatnonzero(~left_out), origin.rows
    for name in columns:
        columns[name] = columns[name].filter(pa.array(~left_out))
    origin.rows = lambda positions: rows([int(kept[position]) for position in positions])
    times = None if axis.times is None else axis.times[kept]
    return replace(axis, times=times, steps=None if axis.steps is None else axis.steps[kept], left_out=None)


def ordered(ids: Ids | None, along: NDArray[Any] | None, along_name: str, origin: Origin) -> Order:
    """The row order by series, then by `along[N]`; None if the rows are sorted.

    DataError if two rows of one series have the same time.
    """
    if ids is None:
        return None if along is None else _order(along, along_name, origin)
    same = ids.codes[1:] == ids.codes[:-1]
    blocks = bool(np.all(ids.codes[1:] >= ids.codes[:-1]))
    if along is None:
        return None if blocks else np.argsort(ids.codes, kind="stable").astype(np.int64)
    if blocks and bool(np.all((along[1:] > along[:-1]) | ~same)):
        return None
    order, again = _repeats(ids, along)
    if len(again):
        first = int(again[0])
        rows = sorted(int(i) for i in order[first : first + 2])
        listed = " and ".join(str(row) for row in origin.rows(rows))
        time = along[order[first]]
        shown = short_time(time) if isinstance(time, np.datetime64) else f"{time:g}"
        more = f"; {len(again) - 1:,} more" if len(again) > 1 else ""
        raise DataError(
            f"{origin.name}, columns {ids.column} and {along_name}: {ids.names[ids.codes[order[first]]]}, {shown} is "
            f"duplicated (rows {listed}{more}); keep one row per series and time"
        )
    origin.notes.append(f"The rows were sorted by {ids.column} and {along_name}.")
    return order


def _repeats(ids: Ids, along: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The order by id, then by `along[N]`; and the places in it whose next row has the same id and value."""
    order = np.lexsort((along, ids.codes)).astype(np.int64)
    codes, values = ids.codes[order], along[order]
    return order, np.flatnonzero((codes[1:] == codes[:-1]) & (values[1:] == values[:-1]))


def _take_ids(columns: Columns, axis: TimeAxis | None, origin: Origin, roles: Roles) -> Ids | None:
    """The series of each row if one or two columns give it; they are removed from `columns`."""
    given = roles.given.of("series")
    if given:
        found: Ids | None = functools.reduce(_together, (_ids(name, columns, origin) for name in given))
    elif "series" in roles.given.refused:
        return None
    else:
        along = None if axis is None else axis.along
        if along is not None and bool(np.all(along[1:] > along[:-1])):
            return None
        candidates = _candidates(columns, origin, roles, repeated=along is not None)
        found = _by_blocks(candidates, roles) if along is None else _by_times(candidates, along, roles)
    if found is None:
        return None
    for name in found.columns:
        columns.pop(name)
    reason = f"{len(found.names):,} distinct values that separate rows of the same time"
    roles.take(found.columns, "series", reason if axis is not None else f"{len(found.names):,} distinct values")
    for name in _other_names(found, columns, roles):
        del columns[name]
        roles.take([name], "ignore", f"another name of {found.column}")
        origin.notes.append(f"Column {name} was left out: it is another name of {found.column}.")
    return found


def _other_names(ids: Ids, columns: Columns, roles: Roles) -> list[str]:
    """Columns of text with one value for each series, and another one for each other series."""
    found = []
    for p in roles.examined:
        free = p.name in columns and p.name not in roles.given.roles and p.text and not p.numeric
        if not free or p.filled < 1 or pc.count_distinct(p.column).as_py() != len(ids.names):
            continue
        pairs = ids.codes.astype(np.int64) * len(ids.names) + distinct(p.column)[1]
        if len(np.unique(pairs)) == len(ids.names):
            found.append(p.name)
    return found


def _ids(name: str, columns: Columns, origin: Origin) -> Ids:
    return Ids(name, *encode(name, columns[name], origin, "the series"), (name,))


def _candidates(columns: Columns, origin: Origin, roles: Roles, *, repeated: bool = False) -> list[Ids]:
    """Columns of repeated names or codes as ids, most probable first. `repeated`: times occur again and again, so that
    names may repeat far apart only, too.
    """
    examined = [p for p in roles.examined if p.name in columns and p.name not in roles.given.roles]
    judged = [(EVIDENCE["series"](p)[0] if p.distinct <= 0.5 else 0.0, p) for p in examined]
    if repeated and not any(score > 0 for score, _ in judged):
        apart = (p for p in examined if p.coded and p.filled == 1 and p.distinct > 0.5 >= p.distinct_of_all)
        judged = [(0.3 + 0.5 * p.hint("series"), p) for p in apart]
    likely = sorted((x for x in judged if x[0] > 0), key=lambda x: (-x[0], x[1].place))
    found = (_ids(p.name, columns, origin) for _, p in likely[:6])
    return [ids for ids in found if 2 <= len(ids.names) <= len(ids.codes) / 2]


def _by_times(candidates: list[Ids], along: NDArray[Any], roles: Roles) -> Ids | None:
    """With repeated times: the column, or pair of columns, that separates equal times."""
    steps = np.diff(along)
    zero = steps.dtype.type(0)
    if len(along) < 4 or bool(np.all(steps > zero) or np.all(steps < zero)):
        return None
    repeated = len(along) - len(np.unique(along))
    if repeated == 0:
        return None
    together = (_together(a, b) for a, b in itertools.combinations(candidates[:4], 2))
    best: tuple[float, Ids | None] = (0.5 * repeated, None)
    for ids in itertools.chain(candidates, together):
        if repeated < 0.1 * len(along) and roles.profiles[ids.columns[0]].hint("series") < 1:
            continue
        again = len(_repeats(ids, along)[1])
        if again < best[0] and len(ids.names) <= len(along) / 2:
            best = again, ids
        if again == 0:
            break
    return best[1]


def _together(a: Ids, b: Ids) -> Ids:
    """Two columns as one id: a store and an item."""
    both = a.codes.astype(np.int64) * len(b.names) + b.codes
    _, first, codes = np.unique(both, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    names = [f"{a.names[a.codes[i]]}, {b.names[b.codes[i]]}" for i in np.sort(first)]
    return Ids(f"{a.column} and {b.column}", rank[codes].astype(np.int32), names, (*a.columns, *b.columns))


def _by_blocks(candidates: list[Ids], roles: Roles) -> Ids | None:
    """Without times: names that lie together in blocks of at least two rows."""
    for ids in candidates:
        runs = 1 + int((ids.codes[1:] != ids.codes[:-1]).sum())
        if roles.profiles[ids.column].text and runs == len(ids.names) and np.bincount(ids.codes).min() >= 2:
            return ids
    return None


def _order(times: NDArray[Any], date_name: str, origin: Origin) -> Order:
    """The order by time; None if the rows are sorted. DataError if two rows have the same time."""
    if len(times) < 2 or bool(np.all(times[1:] > times[:-1])):
        return None
    order = np.argsort(times, kind="stable")
    ordered_times = times[order]
    again = np.flatnonzero(ordered_times[1:] == ordered_times[:-1])
    if len(again):
        first = int(again[0])
        same = order[ordered_times == ordered_times[first]][:5]
        rows = " and ".join(str(row) for row in origin.rows(sorted(int(i) for i in same)))
        time = ordered_times[first]
        date = short_time(time) if isinstance(time, np.datetime64) else f"{time:g}"
        others = len(np.unique(ordered_times[again])) - 1
        more = f"; {counted(others, 'more date')}" if others else ""
        raise DataError(
            f"{origin.name}, column {date_name}: {date} is duplicated (rows {rows}{more}); "
            "keep one row per date, set the series column, or set the date column to none"
        )
    backwards = bool(np.all(times[1:] < times[:-1]))
    how = f"they were in descending order of {date_name}" if backwards else f"they were not sorted by {date_name}"
    origin.notes.append(f"The rows were sorted: {how}.")
    return order.astype(np.int64)
