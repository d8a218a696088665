"""Missing time steps of a regular calendar: rows of missing values are inserted, or the gaps are only reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqcore.data.calendar import Frequency, find_frequency, missing_after, missing_times_note
from seqcore.data.readers.column_parsing import Origin
from seqcore.data.table import Table
from seqcore.data.time_pattern import TimePattern, find_pattern
from seqcore.results.thinning import evenly

__all__ = ["MOST_MISSING", "fill_missing_times"]

Times = NDArray[np.datetime64]
Whole = NDArray[np.int64]

MOST_MISSING = 0.1  # share of missing steps above which they are probably intended (shops closed on Sundays)
_MOST_ABSENT = 10  # missing steps for each row, beyond which a date is rather mistyped
_EXAMINED = 2_000  # series that are each examined; if these share one calendar, it is used for all
_NAMED = 20  # series with missing steps that are counted; beyond, "many"


def fill_missing_times(table: Table, origin: Origin) -> Table:
    """Insert rows of NaN for missing time steps as `missing_times` says; a note gives their number.

    "auto": if at most a tenth of the steps of a series are missing, not counting weekdays, hours and months at which it
    never has rows. "insert": in every regular series, at most as many rows as it has. "leave": only report them.
    Weekends and holidays are not missing in business-day data. Nothing is reported for irregular series. Memory: one
    copy of the rows, and only if some are inserted.
    """
    if table.times is None:
        return table
    times, offsets, names = table.times, table.offsets, table.names
    after = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype="datetime64[ns]")
    found: list[tuple[Whole, Whole, Times]] = [after]
    lacking: dict[tuple[bool, bool], list[str]] = {}
    known = _frequencies(times, offsets)
    for s, frequency in known.items():
        low, high = int(offsets[s]), int(offsets[s + 1])
        own = times[low:high]
        missing = missing_after(own, frequency)
        rows = np.flatnonzero(missing)
        if not len(rows):
            continue
        counts = missing[rows]
        count = int(counts.sum())
        most = {"auto": MOST_MISSING * (len(own) + count), "insert": len(own)}.get(origin.options.missing_times, 0)
        new = _between(own, rows, counts, frequency) if count <= most else None
        pattern = find_pattern(own) if new is None else None
        whole = new is not None
        if pattern is not None and origin.options.missing_times == "auto" and count <= _MOST_ABSENT * len(own):
            rows, counts, new = _beside(own, rows, counts, frequency, pattern)
        if new is not None:
            found.append((rows + low, counts, new))
        of = lacking.setdefault((whole, new is not None), [])
        if len(of) <= _NAMED:
            text = "" if pattern is None else pattern.text
            beside = len(new) if new is not None else len(pattern.missing(own)) if pattern else 0
            note = missing_times_note(own, inserted=new is not None, pattern=text, beside=beside)
            of.append(f"{names[s]}: {note}" if names else note or "")
    for of in lacking.values():
        more = len(of) - 1
        others = f" The same applies to {more if more < _NAMED else 'many'} other series." if more else ""
        origin.notes.append(of[0] + others)
    if len(found) == 1:
        return table
    rows, counts, new = (np.concatenate(pieces) for pieces in zip(*found, strict=True))
    if names:
        total = int(counts.sum())
        origin.notes.append(f"{total:,} rows were inserted in total, in {len(found) - 1:,} of {len(names):,} series.")
    return _inserted(table, times, rows, counts, new)


def _frequencies(times: Times, offsets: Whole) -> dict[int, Frequency]:
    """The frequency of each regular series; of very many series only if all examined ones share it."""
    count = len(offsets) - 1
    examined = evenly(count, _EXAMINED).tolist()
    known: dict[bytes, Frequency | None] = {}  # many series have the same times
    found: dict[int, Frequency | None] = {}
    for s in examined:
        own = times[offsets[s] : offsets[s + 1]]
        key = own.tobytes()
        found[s] = known[key] if key in known else known.setdefault(key, find_frequency(own))
    regular = {s: f for s, f in found.items() if f is not None and f.regular}
    if count <= _EXAMINED or not regular:
        return regular
    common = next(iter(regular.values()))
    if len(regular) < len(examined) or any(f.name != common.name for f in regular.values()):
        return regular
    return dict.fromkeys(range(count), common)


def _between(times: Times, rows: Whole, counts: Whole, frequency: Frequency) -> Times | None:
    """The missing times after each of these rows, concatenated; None if they don't lead to the next row."""
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


def _beside(
    times: Times, rows: Whole, counts: Whole, frequency: Frequency, pattern: TimePattern
) -> tuple[Whole, Whole, Times | None]:
    """Of the missing times after these rows those that the pattern does not leave out: rows, counts and times.

    No times where these are none, or more than `MOST_MISSING`.
    """
    new = _between(times, rows, counts, frequency)
    if new is None:
        return rows, counts, None
    kept = pattern.has(new)
    if not 0 < kept.sum() <= MOST_MISSING * (len(times) + kept.sum()):
        return rows, counts, None
    rows, counts = np.unique(np.repeat(rows, counts)[kept], return_counts=True)
    return rows, counts, new[kept]


def _inserted(old: Table, times: Times, rows: Whole, counts: Whole, new: Times) -> Table:
    """`counts` rows of NaN inserted after each of `rows`."""
    places = np.repeat(rows + 1, counts)

    def moved(row: Whole) -> Whole:
        """New numbers of old rows."""
        return np.asarray(row + np.searchsorted(places, row, side="right"))

    numbers = moved(np.array([*old.row_numbers], dtype=np.int64)).tolist()
    return replace(
        old,
        values=np.insert(old.values, places, np.nan, axis=0),
        times=np.insert(times, places, new),
        offsets=moved(old.offsets),
        row_numbers=dict(zip(numbers, old.row_numbers.values(), strict=True)),
        inserted=len(places),
    )
