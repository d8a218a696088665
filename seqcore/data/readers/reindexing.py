"""Rows that a regular calendar leaves out: inserted as gaps, so that so many rows are so much time; or only named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqcore.data.calendar import Frequency, find_frequency, missing_after, missing_times_note
from seqcore.data.readers.column_parsing import Origin

__all__ = ["Filled", "fill_missing_times"]

Times = NDArray[np.datetime64]
Whole = NDArray[np.int64]
Values = NDArray[np.float64]

MOST_MISSING = 0.1  # of a series' calendar, above which a gap is likelier a habit (shops close on Sundays) than a loss
_LOOKED_AT = 2_000  # series that are each looked through; of more, only those whose calendar these have in common
_NAMED = 20  # series that are counted as lacking something; beyond them there are "many"
_CHUNK = 1_000_000


@dataclass(frozen=True)
class Filled:
    """Rows of series as in `Table`, `inserted` ones of NaN among them."""

    values: Values
    times: Times
    offsets: Whole
    row_numbers: dict[int, int]
    inserted: int = 0


def fill_missing_times(table: Filled, names: list[str], origin: Origin) -> Filled:
    """Rows of NaN where `origin.missing_times` says so and a series' calendar leaves times out; a note says how many.

    "auto": where at most a tenth of a series' calendar is missing. "insert": wherever it is regular, up to as many
    rows as there are. "leave": they are only named. Weekends are no part of a calendar of business days, nor are its
    holidays. Of series without a clear calendar nothing is said. Memory: the rows once more, and only if some are
    inserted.
    """
    times, offsets = table.times, table.offsets
    after = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype="datetime64[ns]")
    found: list[tuple[Whole, Whole, Times]] = [after]
    lacking: dict[bool, list[str]] = {True: [], False: []}
    known = _frequencies(times, offsets)
    for s, frequency in known.items():
        low, high = int(offsets[s]), int(offsets[s + 1])
        own = times[low:high]
        missing = missing_after(own, frequency)
        rows = np.flatnonzero(missing)
        if not len(rows):
            continue
        counts = missing[rows]
        new = None
        if _may_insert(int(counts.sum()), len(own), origin.missing_times):
            new = _between(own, rows, counts, frequency)
        if new is not None:
            found.append((rows + low, counts, new))
        if len(lacking[new is not None]) <= _NAMED:
            note = missing_times_note(own, inserted=new is not None) or ""
            lacking[new is not None].append(f"{names[s]}: {note}" if names else note)
    for of in lacking.values():
        if of:
            more = len(of) - 1
            others = f" The same is so in {more if more < _NAMED else 'many'} other series." if more else ""
            origin.notes.append(of[0] + others)
    if len(found) == 1:
        return table
    rows, counts, new = (np.concatenate(pieces) for pieces in zip(*found, strict=True))
    if names:
        total = int(counts.sum())
        origin.notes.append(f"{total:,} rows were inserted in all, in {len(found) - 1:,} of {len(names):,} series.")
    return _inserted(table, rows, counts, new)


def _may_insert(missing: int, rows: int, wanted: str) -> bool:
    most = {"auto": MOST_MISSING * (rows + missing), "insert": float(rows)}.get(wanted, 0.0)
    return missing <= most


def _frequencies(times: Times, offsets: Whole) -> dict[int, Frequency]:
    """The regular frequency of each series that has one; of very many series, those that share one with the others."""
    count = len(offsets) - 1
    looked = np.unique(np.linspace(0, count - 1, min(count, _LOOKED_AT)).astype(np.int64)).tolist()
    found = {s: find_frequency(times[offsets[s] : offsets[s + 1]]) for s in looked}
    regular = {s: f for s, f in found.items() if f is not None and f.regular}
    if count <= _LOOKED_AT or not regular:
        return regular
    common = next(iter(regular.values()))
    if len(regular) < len(looked) or any(f.name != common.name for f in regular.values()):
        return regular
    return dict.fromkeys(range(count), common)


def _between(times: Times, rows: Whole, counts: Whole, frequency: Frequency) -> Times | None:
    """The times left out after each of these rows, one after another; None where they don't lead to the next row."""
    first = np.cumsum(counts) - counts
    new = np.empty(int(counts.sum()), dtype="datetime64[ns]")
    if isinstance(frequency.offset, pd.Timedelta):
        step = np.timedelta64(frequency.offset.value, "ns")
        if (np.diff(times) % step).astype(np.int64).any():
            return None
        within = np.arange(len(new)) - np.repeat(first, counts)
        return np.repeat(times[rows], counts) + (within + 1) * step
    ahead = pd.DatetimeIndex(times[rows])
    left = np.arange(len(rows))
    for j in range(1, int(counts.max()) + 2):
        ahead = ahead + frequency.offset
        more = counts[left] >= j
        if (np.asarray(ahead)[~more] != times[rows[left[~more]] + 1]).any():
            return None
        left, ahead = left[more], ahead[more]
        new[first[left] + j - 1] = np.asarray(ahead)
    return new


def _inserted(old: Filled, rows: Whole, counts: Whole, new: Times) -> Filled:
    """`counts` rows after each of `rows`, in chunks, so that little is held beside the old rows and the new."""
    total = int(counts.sum())
    before = np.concatenate([[0], np.cumsum(counts)])

    def moved(places: Whole) -> Whole:
        """Where these rows are now."""
        there: Whole = places + before[np.searchsorted(rows, places, side="left")]
        return there

    values = np.full((len(old.values) + total, old.values.shape[1]), np.nan)
    times = np.empty(len(values), dtype="datetime64[ns]")
    for start in range(0, len(old.values), _CHUNK):
        places = np.arange(start, min(start + _CHUNK, len(old.values)))
        there = moved(places)
        values[there], times[there] = old.values[start : start + _CHUNK], old.times[start : start + _CHUNK]
    within = np.arange(total) - np.repeat(before[:-1], counts)
    times[np.repeat(moved(rows), counts) + 1 + within] = new
    numbers = dict(
        zip(moved(np.array([*old.row_numbers], dtype=np.int64)).tolist(), old.row_numbers.values(), strict=True)
    )
    return Filled(values, times, moved(old.offsets), numbers, total)
