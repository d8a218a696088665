"""Which columns of a file are its time, and the times or counted steps that they give."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seqcore.data.import_report import Answer, Question
from seqcore.data.readers.column_parsing import Columns, Origin, example_of, is_text, is_whole, sample, wanted_column
from seqcore.data.readers.dates import Groups, ParsedDates, calendar_days, date_family, parse_dates, simple, year_of
from seqcore.data.readers.month_names import month_of_name
from seqcore.data.readers.numbers import is_number
from seqcore.data.readers.time_numbers import counted_steps, is_dated, read_number_times, words
from seqcore.data.readers.time_parts import FINER, TimePart, over_changes, read_part
from seqcore.data.readers.time_zones import NO_ZONE, in_one_zone, resolve_changes

__all__ = ["TimeAxis", "find_time"]

Times = NDArray[np.datetime64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64] | NDArray[np.float64]

_KEYS = 6  # columns examined as names of series
_LOOKS_DATED = re.compile(
    r"(\d\d([-/.])\d\d\2\d\d|\d{1,2}([-/.])\d{1,2}\3\d{4}|\d{4}([-/.])\d{1,2}\4\d{1,2})\b.*|.*\b\d{1,2}(st|nd|rd|th)?\b.*\b(1[89]|20)\d\d\b.*"
    r"|.*\b(1[89]|20)\d\d[-/. ]\w+.*|\d{1,2}\.\d{1,2}\.",
    re.I,
)
_COUNTERS = (
    r"(?P<number>\d{1,4}):(?P<part>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?",
    r"(?P<number>\d{1,4})[-./](?P<part>\d{1,3})",
    r"(?P<word>[a-z]+)[ _.-]?(?P<number>\d{1,9})",
)


@dataclass(frozen=True)
class TimeAxis:
    """The time of each of N rows, in the order of the file.

    `columns`: the main column, then the columns with parts of time. `times` (datetime64[ns], [N]), or `steps`
    (float64, [N]) where the column counts steps or elapsed seconds without a calendar; one of them is None. `scores`:
    per column, how probable it is that the column is time, 0 to 1; `score` is that of the main column. `reasons`: per
    column, in a few words. `name` is the axis title. `left_out[N]`: rows that are no time step (averages of a year),
    or None. `fixed_offset`: the times are known to have no clock changes.
    """

    columns: tuple[str, ...]
    times: Times | None
    steps: NDArray[np.float64] | None
    name: str
    score: float = 1.0
    scores: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    left_out: NDArray[np.bool_] | None = None
    fixed_offset: bool = False

    def __len__(self) -> int:
        values = self.times if self.times is not None else self.steps
        return 0 if values is None else len(values)


@dataclass(frozen=True)
class _Main:
    """A column that may be the time by itself: times or counted steps [N]."""

    name: str
    parsed: ParsedDates | None
    steps: NDArray[np.float64] | None
    score: float
    reason: str
    notes: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every cell holds a time."""
        return self.parsed is None or not (self.parsed.bad.any() or np.isnat(self.parsed.times).any())


def find_time(columns: Columns, origin: Origin, overrides: Mapping[str, str] | None = None) -> TimeAxis | None:
    """The time of the rows; None if no column is time. Nothing is removed from `columns`.

    `overrides`: roles given by the user, by column (keys of `import_report.ROLES`). DataError: cells of a date column
    that are no dates, with their rows; a column given as time that can't be read as such. Text that looks like dates
    and can't be read is noted in `origin`.
    """
    roles = {name: role for name, role in (overrides or {}).items() if name in columns}
    option = origin.options.date_column
    if "time" not in roles.values() and option == "none":
        return None
    if "time" not in roles.values() and option != "auto":
        roles[wanted_column(option, columns, origin, "the dates")] = "time"
    wanted = next((name for name, role in roles.items() if role == "time"), None)
    finder = _Finder(columns, origin, roles)
    mains = [finder.given(wanted)] if wanted else finder.mains()
    if not wanted:
        finder.note_unreadable([main.name for main in mains])
    found = [(main, *finder.completed(main)) for main in mains]
    if not found:
        return None
    main, axis, _ = max(found, key=lambda entry: entry[2])
    finder.check(main, axis)
    more = [other for _, other, _ in found] + finder.epochs()
    return _with_repetitions(axis, more, columns, roles)


def _with_repetitions(axis: TimeAxis, others: list[TimeAxis], columns: Columns, roles: Mapping[str, str]) -> TimeAxis:
    """The axis with the columns that repeat it: year, month and day beside a date, or seconds beside a timestamp."""
    for other in others:
        more = tuple(name for name in other.columns if name not in axis.columns and name not in roles)
        text = is_text(columns[other.columns[0]])
        if not more or len(more) < len(other.columns) or text or not _repeats(axis, other):
            continue
        listing = " and ".join(filter(None, [", ".join(more[:-1]), more[-1]]))
        axis = replace(
            axis, columns=(*axis.columns, *more), scores={**axis.scores, **dict.fromkeys(more, other.score)},
            reasons={**axis.reasons, **dict.fromkeys(more, f"it repeats {axis.columns[0]}")},
            notes=(*axis.notes, f"The time of {axis.columns[0]} is repeated in {listing}."),
        )  # fmt: skip
    return axis


def _repeats(axis: TimeAxis, other: TimeAxis) -> bool:
    """Whether another reading of the rows gives the same times, or steps in proportion to them."""
    if axis.times is None:
        return False
    if other.times is not None:
        return bool(np.all(other.times - axis.times == other.times[0] - axis.times[0]))
    assert other.steps is not None
    passed = (axis.times - axis.times[0]).astype(np.float64)
    steps = other.steps - other.steps[0]
    if len(steps) < 10 or not passed[-1] or not steps[-1]:
        return False
    return bool(np.all(np.abs(passed / passed[-1] - steps / steps[-1]) < 1e-3 / len(steps)))


class _Finder:
    """Examines the columns of a file. `roles` are the given ones."""

    def __init__(self, columns: Columns, origin: Origin, roles: Mapping[str, str]) -> None:
        self.columns, self.origin, self.roles = columns, origin, roles
        self.pool = {n: c for n, c in columns.items() if roles.get(n, "time") in ("time", "time-part")}
        self._coded: dict[str, Codes] = {}
        stems = Counter(words(name) for name in columns if not origin.numbered)
        self.numbered = {name for name in columns if stems[words(name)] > 2}  # Period01, Period02, ... hold values
        self._keys: dict[bool, list[str]] = {}

    def given(self, name: str) -> _Main:
        """The column that the user named. DataError if it can't be time."""
        main = self.read(name, leading=True, given=True)
        if main is None:
            message = f"{example_of(self.columns[name])!r} is not a known date format; write dates as 2024-01-31"
            if _is_numeric(self.columns[name], self.origin.decimal):
                message = (
                    "its numbers are no dates, and no steps either because some repeat or are missing; correct them"
                )
            raise self.origin.error(name, f"{message}, or choose another column")
        return main

    def mains(self) -> list[_Main]:
        """Every column that may be the time, in the order of the file."""
        found, leading = [], True
        for name, column in self.pool.items():
            main = self.read(name, leading=leading) if self.roles.get(name) != "time-part" else None
            if main is not None:
                found.append(main)
                leading &= main.parsed is None and main.score < 0.9
            elif not is_text(column) and not self.is_blockwise(name):
                leading = False  # a value
        return found

    def epochs(self) -> list[TimeAxis]:
        """Columns of whole numbers that may be times since 1970, whatever their place: an end beside a start."""
        found = []
        for name, column in self.pool.items():
            values = None if is_text(column) else _numbers(column)
            if values is None or values.dtype.kind != "i" or len(values) < 3 or values.min() < 10**11:
                continue
            times = read_number_times(values, name, leading=True)
            if times is not None and not times.bad.any():
                found.append(TimeAxis((name,), times.times, None, name, times.score))
        return found

    def read(self, name: str, *, leading: bool, given: bool = False) -> _Main | None:
        """A column as times or counted steps; None if it is something else."""
        column, options = self.columns[name], self.origin.options
        if column.null_count == len(column):
            return None
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            return _Main(name, _timestamps(name, column, self.origin), None, 0.98, "dates and times by type")
        if pa.types.is_time(column.type) and not column.null_count and (leading or given):
            seconds = np.asarray(column.cast(pa.time64("ns")).cast(pa.int64())) / 1e9
            return self.steps(name, _seconds(seconds), given=given)
        numbers = _numbers(column)
        if numbers is not None:
            return self.number(name, numbers, leading=leading, given=given)
        cells = sample(column) if is_text(column) else []
        if (
            not cells
            or _is_numeric(column, self.origin.decimal)
            or sum(bool(re.search(r"\d", cell)) for cell in cells) < 0.5 * len(cells)
        ):
            return None
        family = date_family(cells, share=0.5)  # any other cell is an error
        if family == "numbers" and not (given or is_dated(name)) and not re.search(r"\d{4}", " ".join(cells)):
            family = date_family(cells, share=0.95)  # 1.2.13 may be a version
        if family is not None:
            parsed = parse_dates(column, family, order=options.date_order, zone=options.time_zone)
            return _Main(name, parsed, None, 0.95, f"dates such as {cells[0][:40]}")
        return self.counted(name, cells, given=given) if leading or given else None

    def number(self, name: str, values: Numbers, *, leading: bool, given: bool) -> _Main | None:
        """A numeric column as times or counted steps."""
        missing = np.isnan(values)
        first = values[~missing]
        if not (leading or given or is_dated(name) or first[0] >= 16_780_101) or missing.mean() > 0.1:
            return None
        times = read_number_times(first, name, leading=leading, given=given)
        if times is not None:
            full = np.full(len(values), np.datetime64("NaT"), dtype="datetime64[ns]")
            bad = np.zeros(len(values), dtype=bool)
            full[~missing], bad[~missing] = times.times, times.bad
            return _Main(name, ParsedDates(full, bad, times.unit), None, times.score, f"numbers read as {times.what}")
        if missing.any() or len(values) < 2 or not (given or self.has_values(name)):
            return None
        return self.steps(name, values.astype(np.float64), leading=leading, given=given)

    def counted(self, name: str, cells: list[str], *, given: bool) -> _Main | None:
        """Text that counts: 1-01 to 1-12 and 2-01, "Week 7", or elapsed time such as 0:01:30."""
        texts = simple(self.columns[name].cast(pa.string()).combine_chunks())
        for pattern in _COUNTERS:
            if not all(re.fullmatch(pattern, " ".join(cell.lower().split())) for cell in cells):
                continue
            found = Groups(texts, rf"^(?:{pattern})$")
            if not found.matched.all():
                return None
            words = set(found.text("word").to_pylist()) if "word" in found.keys else {"time"}
            if len(words) > 1 or not (given or is_dated(f"{name} {next(iter(words))}")):
                return None
            number, part = found.number("number", 0), found.number("part", 0)
            if "second" in found.keys:
                nanoseconds = np.asarray(pc.cast(pc.utf8_rpad(found.text("fraction"), 9, padding="0"), pa.int64()))
                clock = number * 3600 + part * 60 + found.number("second", 0) + nanoseconds / 1e9
                return self.steps(name, _seconds(clock), given=given)
            if (dated := _short_months(number, part)) is not None:
                return _Main(name, dated, None, 0.9, f"months such as {cells[0]}")
            note = f"{name} counts steps such as {cells[0]} without a calendar: their order was kept."
            steps = (number * (np.ptp(part) + 1) + part).astype(np.float64)
            return self.steps(name, steps, given=given, notes=(note,))
        return None

    def steps(
        self, name: str, values: NDArray[np.float64], *, leading: bool = True, given: bool, notes: tuple[str, ...] = ()
    ) -> _Main | None:
        """Numbers as counted steps, if they rise steadily in each series."""
        keys = [self.codes(key) for key in self.keys(loose=True) if is_dated(name) or self.comes_first(key, name)]
        score = counted_steps(values, "time" if notes else name, keys, leading=leading, given=given)
        return _Main(name, None, values, score, "steps that rise steadily", notes) if score else None

    def has_values(self, name: str) -> bool:
        """Whether another column holds numbers, so that this one need not be the values."""
        others = (column for other, column in self.columns.items() if other != name)
        return any(c.null_count < len(c) and _is_numeric(c, self.origin.decimal) for c in others)

    def note_unreadable(self, known: list[str]) -> None:
        """Notes on text that looks like dates and can't be read."""
        for name, column in self.pool.items():
            cells = sample(column, 100) if name not in known and is_text(column) else []
            dated = [cell for cell in cells if len(cell) <= 40 and (_LOOKS_DATED.fullmatch(cell) or _names_a_day(cell))]
            if dated and len(dated) >= 0.5 * len(cells) and len(set(dated)) >= 0.3 * len(dated):
                note = f"Column {name}: {dated[0]!r} looks like a date but can't be read; write dates as 2024-01-31."
                self.origin.notes += [note] if note not in self.origin.notes else []

    def keys(self, *, loose: bool) -> list[str]:
        """Columns that may name the series of a row: repeated text; `loose`: repeated whole numbers, too."""
        given = [name for name, role in self.roles.items() if role == "series"]
        option = self.origin.options.series_column
        if given or option not in ("auto", "none"):
            return given or [name for name in self.columns if name == option]
        if loose not in self._keys:
            free = (name for name in self.columns if name not in self.roles)
            self._keys[loose] = list(islice((name for name in free if self.is_key(name, loose=loose)), _KEYS))
        return self._keys[loose]

    def comes_first(self, key: str, name: str) -> bool:
        """Whether a key is text, or comes before a column, as ids come before values."""
        return is_text(self.columns[key]) or list(self.columns).index(key) < list(self.columns).index(name)

    def is_key(self, name: str, *, loose: bool) -> bool:
        """Whether a column has repeated names or, with `loose`, repeated whole numbers."""
        column = self.columns[name]
        if column.null_count or len(column) < 2:
            return False
        if is_text(column):
            cells = sample(column, 100)
            some = pa.chunked_array([pa.array(cells)])
            if not cells or date_family(cells) or _is_numeric(some, self.origin.decimal):
                return False
            part = read_part(name, some, "clock")
            if part is not None and part.certain:
                return False
        elif not loose or not is_whole(column):
            return False
        return len(np.unique(self.codes(name))) <= len(column) / 2

    def codes(self, name: str) -> Codes:
        """A column as integers, equal for equal cells."""
        if name not in self._coded:
            coded = self.columns[name].combine_chunks().dictionary_encode()
            coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
            self._coded[name] = np.asarray(coded.indices.fill_null(-1)).astype(np.int64)
        return self._coded[name]

    def is_blockwise(self, name: str) -> bool:
        """Whether most whole numbers are those of the row before, as in the number of a station."""
        column = self.columns[name]
        if column.null_count or len(column) < 2 or not is_whole(column):
            return False
        return bool((np.diff(self.codes(name)) != 0).mean() <= 0.5)

    def repeated(self, times: Times, keys: Iterable[str]) -> float:
        """The share of rows whose time and keys occurred before."""
        return float(pd.DataFrame({"": times, **{key: self.codes(key) for key in keys}}).duplicated().mean())

    def completed(self, main: _Main) -> tuple[TimeAxis, float]:
        """The time of a main column with all parts that complete it, and its rank: dates before counted steps."""
        name, parsed = main.name, main.parsed
        axis = TimeAxis(
            (name,), None, main.steps, name, main.score, {name: main.score}, {name: main.reason}, main.notes
        )
        if parsed is None:
            doubt = (_doubt(name, "value", "counted steps"),) if main.score < 0.8 else ()
            return replace(axis, questions=doubt), main.score - 0.3
        axis = replace(
            axis, times=parsed.times, notes=parsed.notes, questions=parsed.questions, fixed_offset=parsed.fixed
        )
        if not main.is_whole:
            return axis, main.score - 0.2
        unit = parsed.unit
        if unit == "day" and np.any(parsed.times != parsed.times.astype("datetime64[D]")):
            unit = "time"
        while (added := self.best_part(axis, unit)) is not None:
            axis, unit = self.with_part(axis, *added)
        axis = self.in_better_order(axis, parsed, unit)
        if len(axis.columns) > 1:
            together = f"{', '.join(axis.columns[:-1])} and {axis.columns[-1]}"
            title = together if parsed.unit in ("year", "month", "week") else name
            axis = replace(axis, name=title, notes=(f"Times were combined from {together}.", *axis.notes))
        if unit in ("time", "minute", "second") and not axis.fixed_offset:
            axis = self.in_standard(axis)
        assert axis.times is not None
        return axis, main.score - 0.5 * self.repeated(axis.times, self.keys(loose=True))

    def in_better_order(self, axis: TimeAxis, parsed: ParsedDates, unit: str) -> TimeAxis:
        """Day and month told apart by times of day that go on evenly from day to day, if they do so in one order."""
        if parsed.other_order is None or unit not in ("time", "minute", "second") or axis.times is None:
            return axis
        other = axis.times - parsed.times + parsed.other_order
        better = evenness(other) - evenness(axis.times)
        if not better:
            return axis
        sentences = {question.sentence for question in parsed.questions}
        return replace(
            axis, times=other if better > 0 else axis.times,
            notes=tuple(note for note in axis.notes if note not in sentences),
            questions=tuple(question for question in axis.questions if question not in parsed.questions),
        )  # fmt: skip

    def with_part(self, axis: TimeAxis, name: str, part: TimePart, score: float) -> tuple[TimeAxis, str]:
        """The axis completed by a part, and its precision."""
        assert axis.times is not None
        notes, questions = list(axis.notes), list(axis.questions)
        new, _, unit = part.added_to(axis.times)
        moved, changes = over_changes(axis.times, part, self.origin.options.time_zone)
        notes += [f"{name} {part.note}."] if part.note else []
        notes += [changes] if changes else []
        if score < 0.9:
            questions.append(_doubt(name, "series", f"the {_title(part.kind)} of {axis.columns[0]}"))
        left_out = part.left_out if axis.left_out is None else axis.left_out
        return replace(
            axis, columns=(*axis.columns, name), times=new if moved is None else moved, left_out=left_out,
            scores={**axis.scores, name: score},
            reasons={**axis.reasons, name: f"{_title(part.kind)} of {axis.columns[0]}"},
            notes=tuple(notes), questions=tuple(questions), fixed_offset=axis.fixed_offset or bool(changes),
        ), unit  # fmt: skip

    def best_part(self, axis: TimeAxis, unit: str) -> tuple[str, TimePart, float] | None:
        """The column that completes times of this precision best, and its score."""
        found: list[tuple[tuple[bool, ...], tuple[str, TimePart, float]]] = []
        for kind in FINER.get(unit, ()):
            for name, column in self.pool.items():
                known = name in axis.columns or (name in self.numbered and name not in self.roles)
                part = None if known else read_part(name, column, kind)
                score = 0.0 if part is None else self.score(axis, name, part)
                if part is not None and score:
                    found.append(((name in self.roles, part.certain, part.full, part.hinted), (name, part, score)))
        return max(found, key=lambda entry: entry[0])[1] if found else None

    def score(self, axis: TimeAxis, name: str, part: TimePart) -> float:
        """How probable it is that a column completes the times: it must separate rows of one time and series."""
        assert axis.times is not None
        _, good, _ = part.added_to(axis.times)
        if not (good if part.left_out is None else good | part.left_out).all():
            return 0.0
        if name in self.roles:
            return 1.0
        if part.hinted and (part.certain or part.kind in ("month", "quarter", "half", "day")):
            return 0.95
        others = [key for key in self.keys(loose=True) if key not in (name, *axis.columns)]
        keys = [key for key in others if is_text(self.columns[key]) or self.is_panel(axis.times, key)]
        keys = [key for key in keys if self.comes_first(key, name)]
        before = self.repeated(axis.times, keys)
        if (part.hinted or part.certain) and self.repeated(axis.times, []) and not self.repeated(axis.times, [name]):
            return 0.95
        if not before or (part.kind in ("minute", "second") and np.any(axis.times.astype(np.int64) % (60 * 10**9))):
            return 0.0
        if part.certain or part.hinted:
            return 0.95 if part.hinted or self.repeated(axis.times, [name, *keys]) < before else 0.0
        alone = any(not self.repeated(axis.times, [name, *keys]) for keys in ([], *([key] for key in others)))
        return 0.75 if alone and part.covers(axis.times) else 0.0

    def is_panel(self, times: Times, key: str) -> bool:
        """Whether most series of a column have most of the times, each once: a panel of stores by date."""
        codes = self.codes(key)
        full = len(np.unique(times)) * len(np.unique(codes))
        return len(codes) >= 0.5 * full and not self.repeated(times, [key])

    def in_standard(self, axis: TimeAxis) -> TimeAxis:
        """Local times without clock changes."""
        assert axis.times is not None
        keys = [key for key in self.keys(loose=True) if key not in axis.columns]
        for by in ([], *([key] for key in keys), keys):
            if self.repeated(axis.times, by) <= 0.02:
                break
        codes = (
            pd.DataFrame({key: self.codes(key) for key in by}).groupby(by).ngroup().to_numpy().astype(np.int64)
            if by
            else None
        )
        times, notes, questions = resolve_changes(axis.times, codes, self.origin.options.time_zone)
        return replace(axis, times=times, notes=(*axis.notes, *notes), questions=(*axis.questions, *questions))

    def check(self, main: _Main, axis: TimeAxis) -> None:
        """DataError for cells that are no dates, and for parts that were named and don't fit."""
        name, parsed = main.name, main.parsed
        if parsed is not None and parsed.bad.any():
            shown = str(self.columns[name][int(np.argmax(parsed.bad))])[:40]
            message = f"{shown!r} is not a date in the format of the others; correct it or remove the row"
            raise self.origin.error(name, message, parsed.bad)
        if parsed is not None and not main.is_whole:
            message = "the date is missing; fill in the cell or remove the row"
            raise self.origin.error(name, message, np.isnat(parsed.times))
        for part, role in self.roles.items():
            if role == "time-part" and part not in axis.columns:
                shown = example_of(self.columns[part])
                message = f"{shown!r} can't be read as a part of the time beside {name}; give the column another role"
                raise self.origin.error(part, message)


def evenness(times: Times) -> float:
    """The share of the steps between distinct times that equal the usual one."""
    steps = np.diff(np.unique(times))
    return float((steps == np.median(steps.astype(np.int64)).astype("timedelta64[ns]")).mean()) if len(steps) else 1.0


def _names_a_day(text: str) -> bool:
    """Whether a text is a number and the name of a month: "5 Jan"."""
    found = re.fullmatch(r"\d{1,2}\.?[ -]([^\W\d_]+)\.?|([^\W\d_]+)\.?[ -]\d{1,2}", text)
    return bool(found and month_of_name(found[1] or found[2]))


def _seconds(clock: Numbers) -> NDArray[np.float64]:
    """Times of day in seconds that go on after midnight."""
    seconds = clock.astype(np.float64)
    back = np.diff(seconds) < 0
    over_midnight = back.mean() < 0.1 and seconds.max() < 86_400 if len(back) else False
    return seconds + 86_400 * np.concatenate([[0], np.cumsum(back)]) if over_midnight else seconds


def _short_months(month: Codes, year: Codes) -> ParsedDates | None:
    """01/08 to 12/08, 01/09, ... as months of years of two digits; None if they don't rise so."""
    order = year * 100 + month
    if month.min() < 1 or month.max() > 12 or year.max() > 99 or not np.all(np.diff(order) > 0) or len(order) < 3:
        return None
    times, good = calendar_days(year_of(year), month, np.ones_like(month))
    return ParsedDates(times, ~good, "month") if np.any(np.diff(month) < 0) else None


def _title(kind: str) -> str:
    return "time of day" if kind == "clock" else kind


def _doubt(name: str, other: str, what: str) -> Question:
    return Question(
        f"Column {name} was taken for {what}; choose another role if that is wrong.",
        tuple(Answer(f"{name}: {role}", {"columns": {name: role}}) for role in (other, "ignore")),
    )


def _is_numeric(column: pa.ChunkedArray, decimal: str) -> bool:
    """Whether a column holds numbers, by its type or as text."""
    if is_text(column):
        cells = sample(column)
        return sum(is_number(cell, decimal) for cell in cells) > 0.5 * len(cells)
    return any(check(column.type) for check in (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean))


def _numbers(column: pa.ChunkedArray) -> Numbers | None:
    """A column of numbers, or text of digits: integers, or floats with NaN for empty cells. None for other columns."""
    if is_text(column):
        cells = sample(column)
        if not cells or not all(re.fullmatch(r"\d+(\.\d+)?", cell) for cell in cells):
            return None
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        try:
            column = pc.cast(text, pa.int64() if all(cell.isdigit() for cell in cells) else pa.float64())
        except pa.ArrowInvalid:
            return None
    if pa.types.is_integer(column.type) and not column.null_count:
        return np.asarray(column).astype(np.int64, copy=False)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return None
    return np.asarray(column.cast(pa.float64(), safe=False)).astype(np.float64, copy=False)


def _timestamps(name: str, column: pa.ChunkedArray, origin: Origin) -> ParsedDates:
    """A column that already has a date or time type."""
    try:
        times = np.array(column.cast(pa.timestamp("ns")), dtype="datetime64[ns]")
    except pa.ArrowInvalid:  # before 1678 or after 2261: more nanoseconds than 64 bits count
        days = np.asarray(column.cast(pa.timestamp("s"), safe=False))
        outside = (days < np.datetime64("1678-01-01")) | (days >= np.datetime64("2262-01-01"))
        message = "dates must lie between the years 1678 and 2261; correct the date"
        raise origin.error(name, message, outside) from None
    zones = np.full(len(times), 0 if getattr(column.type, "tz", None) else NO_ZONE, dtype=np.int16)
    times, notes, fixed = in_one_zone(times, zones, origin.options.time_zone)
    dated = times[~np.isnat(times)]
    unit = "time" if np.any(dated != dated.astype("datetime64[D]")) else "day"
    return ParsedDates(times, np.zeros(len(times), bool), unit, tuple(notes), fixed=fixed)
