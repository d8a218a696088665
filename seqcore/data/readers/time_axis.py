"""Which columns of a file are its time, and the times or step numbers that they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqcore.data.import_report import Answer, Question
from seqcore.data.readers.column_parsing import Columns, Origin, example_of, is_text, wanted_column
from seqcore.data.readers.dates import DAY, ParsedDates
from seqcore.data.readers.time_candidates import Candidate, TimeColumns, is_rising
from seqcore.data.readers.time_parts import FINER, TimePart, over_changes, read_part
from seqcore.data.readers.time_zones import resolve_changes
from seqcore.results.formatting import enumerated

__all__ = ["TimeAxis", "find_time"]

Times = NDArray[np.datetime64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64] | NDArray[np.float64]

MOST_TOTALS = 3  # rows at the end without a date
_FEW = 4  # rows of an hour that occurs twice


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

    @property
    def along(self) -> NDArray[Any]:
        """The times or steps, whichever there are."""
        values = self.steps if self.times is None else self.times
        assert values is not None
        return values

    def __len__(self) -> int:
        return len(self.along)


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
    if end := max(map(_dateless_end, mains), default=0):
        kept = {name: column.slice(0, len(column) - end) for name, column in columns.items()}
        rest = find_time(kept, origin, overrides)
        return None if rest is None else _with_end(rest, end, origin)
    found = [(main, *finder.completed(main)) for main in mains]
    if not wanted:
        finder.note_unreadable([name for _, axis, _ in found for name in axis.columns])
    if not found:
        return None
    main, axis, _ = max(found, key=lambda entry: entry[2])
    finder.check(main, axis)
    epochs = [finder.completed(candidate)[0] for candidate in finder.epochs()]
    more = [other for _, other, _ in found] + epochs
    return _with_repetitions(axis, more, columns, roles)


def _dateless_end(main: Candidate) -> int:
    """The number of rows at the end that alone have no date: totals and closing balances."""
    if main.parsed is None or main.parsed.bad.any():
        return 0
    missing = np.isnat(main.parsed.times)
    count = int(missing.sum())
    return count if 0 < count <= MOST_TOTALS and len(missing) >= 10 and missing[-count:].all() else 0


def _with_end(axis: TimeAxis, end: int, origin: Origin) -> TimeAxis:
    """The axis with rows at the end that are left out."""
    before = np.zeros(len(axis), dtype=bool) if axis.left_out is None else axis.left_out
    left_out = np.append(before, np.ones(end, dtype=bool))
    where = origin.listed(np.append(np.zeros(len(axis), dtype=bool), np.ones(end, dtype=bool)))
    return replace(
        axis, left_out=left_out, notes=(*axis.notes, f"Left out at the end, without a date: {where}."),
        times=None if axis.times is None else np.append(axis.times, np.full(end, np.datetime64("NaT", "ns"))),
        steps=None if axis.steps is None else np.append(axis.steps, np.full(end, np.nan)),
    )  # fmt: skip


def _with_repetitions(axis: TimeAxis, others: list[TimeAxis], columns: Columns, roles: Mapping[str, str]) -> TimeAxis:
    """The axis with the columns that repeat it: year, month and day beside a date, or seconds beside a timestamp."""
    for other in others:
        more = tuple(name for name in other.columns if name not in axis.columns and name not in roles)
        text = is_text(columns[other.columns[0]])
        if not more or len(more) < len(other.columns) or text or not _repeats(axis, other):
            continue
        listing = enumerated(more)
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


class _Finder(TimeColumns):
    """Completes single columns by parts of the time."""

    def completed(self, main: Candidate) -> tuple[TimeAxis, float]:
        """The time of a main column with all parts that complete it, and its rank: dates before counted steps."""
        name, parsed = main.name, main.parsed
        axis = TimeAxis(
            (name,), None, main.steps, name, main.score, {name: main.score}, {name: main.reason}, main.notes
        )
        if parsed is None:
            doubt = (_doubt(name, "value", "step numbers"),) if main.score < 0.8 else ()
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
        axis = self.with_same_clock(self.in_better_order(axis, parsed, unit))
        if len(axis.columns) > 1:
            together = enumerated(axis.columns)
            title = together if parsed.unit in ("year", "month", "week") else name
            axis = replace(axis, name=title, notes=(f"Times were combined from {together}.", *axis.notes))
        if unit in ("time", "minute", "second") and not axis.fixed_offset:
            axis = self.in_standard(axis)
        assert axis.times is not None
        return axis, main.score - 0.5 * (
            0 if is_rising(axis.times) else self.repeated(axis.times, self.keys(loose=True))
        )

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

    def with_same_clock(self, axis: TimeAxis) -> TimeAxis:
        """The axis with other columns that give the time of day of the rows, or another one at a fixed distance."""
        if axis.times is None or len(axis.columns) == 1 or len(np.unique(axis.times)) < 3:
            return axis
        clock = axis.times.astype(np.int64) % DAY
        for name, column in self.pool.items():
            if name in axis.columns or name in self.numbered or name in self.roles:
                continue
            part = read_part(name, column, "clock")
            counts = part is not None and part.full and 0 < part.slot < DAY // 24  # 1 to 96
            if part is None or not (part.certain or counts) or len(np.unique(part.values)) < 3:
                continue
            if len(np.unique((part.values - clock) % DAY)) == 1:
                axis = replace(
                    axis, columns=(*axis.columns, name), scores={**axis.scores, name: 0.9},
                    reasons={**axis.reasons, name: "it repeats the time of day"},
                )  # fmt: skip
        return axis

    def best_part(self, axis: TimeAxis, unit: str) -> tuple[str, TimePart, float] | None:
        """The column that completes times of this precision best, and its score."""
        found: list[tuple[tuple[bool, ...], tuple[str, TimePart, float]]] = []
        for kind in FINER.get(unit, ()):
            for name, column in self.pool.items():
                known = name in axis.columns or (name in self.numbered and name not in self.roles)
                part = None if known else read_part(self.called.get(name, name), column, kind)
                score = 0.0 if part is None else self.score(axis, name, part)
                if part is not None and score:
                    varies = kind != "clock" or bool(np.any(part.values != part.values[0]))
                    rank = (name in self.roles, varies, part.certain, part.full, part.hinted)
                    found.append((rank, (name, part, score)))
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
        if part.kind == "minute" and part.hinted and len(axis.columns) > 3 and self.follows(name, axis.columns[-1]):
            return 0.95  # year, month, day, hour and then a minute, perhaps always the same
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
        return 0.75 if alone and part.covers(axis.times) and not self.is_blockwise(name) else 0.0

    def is_panel(self, times: Times, key: str) -> bool:
        """Whether most series of a column have most of the times, each once: a panel of stores by date."""
        codes = self.codes(key)
        full = len(pd.unique(times)) * len(pd.unique(codes))
        return len(codes) >= 0.5 * full and not self.repeated(times, [key])

    def in_standard(self, axis: TimeAxis) -> TimeAxis:
        """Local times without clock changes."""
        assert axis.times is not None
        known = [] if is_rising(axis.times) else self.keys(loose=True)
        keys = [key for key in known if key not in axis.columns]
        for by in ([], *([key] for key in keys), keys):
            if self.repeated(axis.times, by) <= max(0.02, _FEW / len(axis.times)):
                break
        codes = (
            pd.DataFrame({key: self.codes(key) for key in by}).groupby(by).ngroup().to_numpy().astype(np.int64)
            if by
            else None
        )
        times, notes, questions = resolve_changes(axis.times, codes, self.origin.options.time_zone)
        return replace(axis, times=times, notes=(*axis.notes, *notes), questions=(*axis.questions, *questions))

    def check(self, main: Candidate, axis: TimeAxis) -> None:
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
    steps = np.diff(np.sort(times))
    steps = steps[steps > np.timedelta64(0)]
    return float((steps == np.median(steps.astype(np.int64)).astype("timedelta64[ns]")).mean()) if len(steps) else 1.0


def _title(kind: str) -> str:
    return "time of day" if kind == "clock" else kind


def _doubt(name: str, other: str, what: str) -> Question:
    return Question(
        f"Column {name} was read as {what}; choose another role if that is wrong.",
        tuple(Answer(f"{name}: {role}", {"columns": {name: role}}) for role in (other, "ignore")),
    )
