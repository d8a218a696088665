"""What each column of a user's data is - times, numbers or text - and the table that comes of it, in order of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seqcore.data.calendar import missing_times_note
from seqcore.data.csv_layout import MISSING, NUMBER, is_number
from seqcore.data.dates import ParsedDates, date_family, parse_dates, parse_whole_numbers
from seqcore.data.table import Table
from seqcore.errors import DataError, did_you_mean

__all__ = ["Origin", "make_table"]

Columns = dict[str, pa.ChunkedArray]
_INDEX_NAMES = ("", "index", "unnamed: 0", "column 1", "id", "row", "nr", "no", "no.")


@dataclass
class Origin:
    """Where columns come from, for messages. `rows(positions)` gives the row numbers that a user sees.

    `date_column` is a column's name, "auto" or "none"; `date_order` as in `FileOptions`; `notes` are collected here.
    """

    name: str
    rows: Callable[[list[int]], list[int]]
    decimal: str = "."
    date_column: str = "auto"
    date_order: str = "auto"
    notes: list[str] = field(default_factory=list)

    def row(self, position: int) -> int:
        """The number of one row."""
        return self.rows([int(position)])[0]

    def listed(self, where: NDArray[np.bool_]) -> str:
        """ "row 5" or "rows 5, 9, 12 and 40 more"."""
        first = np.flatnonzero(where)[:5]
        count = int(where.sum())
        rows = ", ".join(str(row) for row in self.rows([int(i) for i in first]))
        return f"row{'s' if count > 1 else ''} {rows}" + (f" and {count - len(first):,} more" if count > 5 else "")


def make_table(columns: Columns, origin: Origin) -> Table:
    """The table in `columns`, which are emptied on the way so that nothing is held twice.

    DataError: one line for each fault, with row and column.
    """
    _drop_empty_rows_at_the_end(columns)
    length = len(next(iter(columns.values()))) if columns else 0
    if length == 0:
        raise DataError(f"{origin.name}: there are no rows of values in it; give a row for each time")
    date_name, times = _times(columns, origin)
    pa.default_memory_pool().release_unused()
    names = _keep_numbers(columns, origin, has_dates=times is not None)
    values = np.empty((length, len(names)))
    faults: list[str] = []
    for i, name in enumerate(names):
        _fill(values[:, i], name, columns.pop(name), origin, faults)
    if faults:
        raise DataError(*faults)
    _refuse_infinite(values, names, origin)
    _note_gaps(values, names, origin)
    order = None
    if times is not None:
        order = _order(times, date_name, origin)
        if order is not None:
            values, times = values[order], times[order]
        if note := missing_times_note(times):
            origin.notes.append(note)
    return Table(
        values=values,
        columns=tuple(names),
        times=times,
        notes=tuple(origin.notes),
        x_title=date_name if times is not None else "row",
        row_numbers=_rows_of_gaps(values, order, origin),
    )


def _drop_empty_rows_at_the_end(columns: Columns) -> None:
    """Rows without any value at the end, which spreadsheets leave behind."""
    length = len(next(iter(columns.values()))) if columns else 0
    kept = length
    while kept and not any(column[kept - 1].is_valid for column in columns.values()):
        kept -= 1
    if kept < length:
        for name in columns:
            columns[name] = columns[name].slice(0, kept)


def _times(columns: Columns, origin: Origin) -> tuple[str, NDArray[np.datetime64] | None]:
    """The times of the rows and their column's name; that column is taken out of `columns`."""
    wanted = origin.date_column
    if wanted == "none":
        return "", None
    if wanted != "auto":
        if wanted not in columns:
            raise DataError(f"{origin.name}: it has no column {wanted!r} for the dates{did_you_mean(wanted, columns)}")
        parsed = _as_dates(wanted, columns[wanted], origin)
        if parsed is None:
            raise DataError(
                f"{origin.name}, column {wanted}: {_example(columns[wanted])!r} is not a date that is known here; "
                "write dates as 2024-01-31, or name another column"
            )
    else:
        for name, column in columns.items():
            parsed = _as_dates(name, column, origin)
            if parsed is not None:
                wanted = name
                break
        else:
            return "", None
    assert parsed is not None
    column = columns.pop(wanted)
    if parsed.bad.any():
        first = int(np.argmax(parsed.bad))
        raise DataError(
            f"{origin.name}, column {wanted}, {origin.listed(parsed.bad)}: {str(column[first])[:40]!r} is not a date "
            "like the others; mend it, or take the row out"
        )
    missing = np.isnat(parsed.times)
    if missing.any():
        raise DataError(
            f"{origin.name}, column {wanted}, {origin.listed(missing)}: the date is missing; "
            "fill it in, or take the row out"
        )
    origin.notes += parsed.notes
    return wanted, parsed.times + _clock_column(columns, parsed.times, origin)


def _as_dates(name: str, column: pa.ChunkedArray, origin: Origin) -> ParsedDates | None:
    """A column as times, or None where it holds something else."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return _stamped(name, column, origin)
    if pa.types.is_integer(column.type) and column.null_count == 0:
        times = parse_whole_numbers(np.asarray(column).astype(np.int64), name)
        return None if times is None else ParsedDates(times, np.zeros(len(column), bool))
    if _is_text(column):
        cells = _sample(column)
        if sum(is_number(cell, origin.decimal) for cell in cells) > 0.5 * len(cells):
            return None
        family = date_family(cells, share=0.5)  # from here on, what is no date is a fault
        return None if family is None else parse_dates(column, family, order=origin.date_order)
    return None


def _stamped(name: str, column: pa.ChunkedArray, origin: Origin) -> ParsedDates:
    """Times that were recognised while reading, or that a frame brought with it."""
    notes: tuple[str, ...] = ()
    if getattr(column.type, "tz", None):
        notes = ("Times of several time zones were put into UTC.",)
    try:
        times = np.array(column.cast(pa.timestamp("ns")), dtype="datetime64[ns]")
    except pa.ArrowInvalid:  # before 1678 or after 2261: more nanoseconds than 64 bits count
        days = np.asarray(column.cast(pa.timestamp("s"), safe=False))
        outside = (days < np.datetime64("1678-01-01")) | (days >= np.datetime64("2262-01-01"))
        raise DataError(
            f"{origin.name}, column {name}, {origin.listed(outside)}: dates must lie between the years 1678 and 2261; "
            "mend the date"
        ) from None
    return ParsedDates(times, np.zeros(len(times), bool), notes)


def _clock_column(columns: Columns, days: NDArray[np.datetime64], origin: Origin) -> NDArray[np.timedelta64]:
    """What a separate column of times of day adds to dates that come again; the column is taken out."""
    for name, column in columns.items():
        if pa.types.is_time(column.type) and column.null_count == 0:
            same_day = bool(np.any(days[1:] == days[:-1])) and bool(np.all(days == days.astype("datetime64[D]")))
            if not same_day:
                break
            origin.notes.append(f"The time of day was taken from {name}.")
            clock = np.asarray(columns.pop(name).cast(pa.time64("ns")).cast(pa.int64()))
            return clock.astype("timedelta64[ns]")
    return np.zeros(len(days), dtype="timedelta64[ns]")


def _keep_numbers(columns: Columns, origin: Origin, *, has_dates: bool) -> list[str]:
    """The names of the columns of numbers; text, empty columns and a running number are taken out, with a note."""
    left: dict[str, list[str]] = {"empty": [], "not numbers": [], "a running number": []}
    for place, (name, column) in enumerate(list(columns.items())):
        if column.null_count == len(column):
            left["empty"].append(name)
        elif place == 0 and len(columns) > 1 and _is_running_number(name, column):
            left["a running number"].append(name)
        elif not _holds_numbers(column, origin.decimal):
            left["not numbers"].append(name)
    for name in (name for which in left.values() for name in which):
        del columns[name]
    if not columns:
        raise DataError(_nothing_to_learn(origin, left["not numbers"], has_dates=has_dates))
    for what, which in left.items():
        if which:
            origin.notes.append(f"Left out, {what}: {_listed_names(which)}.")
    return list(columns)


def _holds_numbers(column: pa.ChunkedArray, decimal: str) -> bool:
    """Whether a column is of numbers; text is where most of its cells read as numbers: the others are faults then."""
    if not _is_text(column):
        kind = column.type
        checks = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
        return any(check(kind) for check in checks)
    cells = _sample(column)
    return sum(is_number(cell, decimal) or _is_infinite(cell) for cell in cells) > 0.5 * len(cells)


def _nothing_to_learn(origin: Origin, text: list[str], *, has_dates: bool) -> str:
    if has_dates and not text:
        return f"{origin.name}: there is only a column of dates; add at least one column of numbers"
    if text:
        return f"{origin.name}: no column holds numbers, only text ({_listed_names(text)}); add a column of numbers"
    return f"{origin.name}: every column is empty; add a column of numbers"


def _fill(values: NDArray[np.float64], name: str, column: pa.ChunkedArray, origin: Origin, faults: list[str]) -> None:
    """Put a column's numbers into `values`, NaN where one is missing, chunk by chunk. Adds to `faults`."""
    bad = np.zeros(len(column) if _is_text(column) else 0, dtype=bool)
    start = 0
    for chunk in column.chunks:
        stop = start + len(chunk)
        if _is_text(column):
            numbers, wrong = _numbers_in_text(chunk, origin.decimal)
            bad[start:stop] = wrong
        else:
            numbers = chunk.cast(pa.int8()) if pa.types.is_boolean(chunk.type) else chunk
        values[start:stop] = numbers.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        start = stop
    if bad.any():
        shown = str(column[int(np.argmax(bad))])[:40]
        faults.append(
            f"{origin.name}, column {name}, {origin.listed(bad)}: {shown!r} is not a number; "
            "mend it, or leave the cell empty"
        )


def _is_running_number(name: str, column: pa.ChunkedArray) -> bool:
    """Whether a first column only counts the rows, as an index that was written along does."""
    if name.strip().lower() not in _INDEX_NAMES or not pa.types.is_integer(column.type) or column.null_count:
        return False
    values = np.asarray(column)
    return len(values) > 1 and values[0] in (0, 1) and bool(np.all(np.diff(values) == 1))


def _is_text(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _numbers_in_text(chunk: pa.Array, decimal: str) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Numbers that have signs of thousands, currency or per cent in them, and which cells are none."""
    thousands = "," if decimal == "." else "."
    text = pc.utf8_trim_whitespace(chunk.cast(pa.string()))
    text = pc.if_else(pc.is_in(text, value_set=pa.array(MISSING, pa.string())), None, text)
    pattern = rf"^(?:{NUMBER[decimal]}|(?i:[+-]?inf(?:inity)?))$"
    right = pc.and_(pc.match_substring_regex(text, pattern), pc.match_substring_regex(text, "[0-9iI]"))
    wrong = np.asarray(pc.fill_null(pc.invert(right), False))
    text = pc.replace_substring_regex(pc.if_else(right, text, None), rf"[€$£¥%'’\s\x{{a0}}\x{{202f}}{thousands}]", "")
    return pc.cast(pc.replace_substring(text, ",", "."), pa.float64()), wrong


def _is_infinite(cell: str) -> bool:
    return cell.lower().lstrip("+-") in ("inf", "infinity")


def _sample(column: pa.ChunkedArray, count: int = 400) -> list[str]:
    """Up to `count` cells with something in them, from the beginning, the middle and the end."""
    filled = (
        column.drop_null()
        if len(column) <= 100_000
        else pa.chunked_array(
            [
                column.slice(start, 2_000).combine_chunks()
                for start in np.linspace(0, len(column) - 2_000, 50).astype(int)
            ]
        ).drop_null()
    )
    places = np.unique(np.linspace(0, len(filled) - 1, min(count, len(filled))).astype(np.int64))
    cells = [str(cell).strip() for cell in filled.take(pa.array(places)).to_pylist()]
    return [cell for cell in cells if cell not in MISSING]


def _example(column: pa.ChunkedArray) -> str:
    filled = column.slice(0, 1000).drop_null()
    return str(filled[0])[:40] if len(filled) else ""


def _refuse_infinite(values: NDArray[np.float64], names: list[str], origin: Origin) -> None:
    faults = []
    for i, name in enumerate(names):
        infinite = np.isinf(values[:, i])
        if infinite.any():
            faults.append(
                f"{origin.name}, column {name}, {origin.listed(infinite)}: the value is infinite or too large; "
                "use numbers up to 1e308, or leave the cell empty"
            )
    if faults:
        raise DataError(*faults)


def _note_gaps(values: NDArray[np.float64], names: list[str], origin: Origin) -> None:
    for i, name in enumerate(names):
        gaps = np.isnan(values[:, i])
        count = int(gaps.sum())
        if count:
            origin.notes.append(f"{name} has {count:,} gap{'s' if count > 1 else ''}: {origin.listed(gaps)}.")


def _rows_of_gaps(values: NDArray[np.float64], order: NDArray[np.int64] | None, origin: Origin) -> dict[int, int]:
    """Where the user finds each column's first gap: its place here -> its number there."""
    gaps = np.isnan(values)
    places = sorted({int(gaps[:, i].argmax()) for i in range(values.shape[1]) if gaps[:, i].any()})
    if not places:
        return {}
    there = places if order is None else [int(order[place]) for place in places]
    return dict(zip(places, origin.rows(there), strict=True))


def _order(times: NDArray[np.datetime64], date_name: str, origin: Origin) -> NDArray[np.int64] | None:
    """The order of time; None where the rows have it. DataError where two rows have the same time."""
    steps = np.diff(times)
    if len(times) < 2 or bool(np.all(steps > np.timedelta64(0))):
        return None
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    again = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(again):
        first = int(again[0])
        same = order[ordered == ordered[first]][:5]
        rows = " and ".join(str(row) for row in origin.rows(sorted(int(i) for i in same)))
        date = _short_time(ordered[first])
        others = len(np.unique(ordered[again])) - 1
        more = f"; so do {others:,} other dates" if others > 1 else "; so does 1 other date" if others else ""
        raise DataError(
            f"{origin.name}, column {date_name}: {date} comes more than once (rows {rows}{more}); "
            "keep one row for each date, or say that there is no date column"
        )
    backwards = bool(np.all(steps < np.timedelta64(0)))
    how = f"they began with the latest {date_name}" if backwards else f"they were not in the order of {date_name}"
    origin.notes.append(f"The rows were put in order: {how}.")
    return order


def _short_time(time: np.datetime64) -> str:
    text = str(time.astype("datetime64[s]"))
    return text.removesuffix("T00:00:00").replace("T", " ")


def _listed_names(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
