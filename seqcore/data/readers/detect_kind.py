"""The most probable joint reading of a user's columns: its kind, and the columns that this kind is made of.

Each kind proposes its best reading with a score from the evidence for its columns; the best one is taken, and a close
second becomes a question.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from seqcore.data.import_report import Answer, Question
from seqcore.data.readers.column_parsing import Columns, Origin
from seqcore.data.readers.header_times import HeaderTimes, header_times
from seqcore.data.readers.profiles import LABEL_NAMES, Profile, are_labels, is_constant_within
from seqcore.data.readers.roles import EVIDENCE, Given, Roles, is_id
from seqcore.data.readers.time_axis import find_time
from seqcore.errors import DataError

__all__ = ["Reading", "find_reading"]

_CLOSE = 0.15  # scores that differ by less are a question
_PLAUSIBLE = 0.5
_FIRST = 2_000  # rows in which dates are looked for before the kind is known
_LEAST_STEPS = 6  # numbered columns from which on they are steps of a series rather than variables
_FEW_COLUMNS = 8  # up to this number, columns of different names are variables
_TITLES = {
    "series": "Time series",
    "wide": "Wide table: one series per row",
    "sequences": "Labeled sequences, one row per time step",
    "rows": "Labeled sequences, one per row",
    "labeled-text": "Texts with labels",
    "pairs": "Sentence pairs",
}


@dataclass(frozen=True)
class Reading:
    """One way to read the columns: a key of `build_table.KINDS`, and the columns that it is made of.

    `header`: the columns that stand for time steps, in a table with them across the top.
    """

    kind: str
    score: float
    label: str | None = None
    series: str | None = None
    texts: tuple[str, ...] = ()
    header: HeaderTimes | None = None


class _Sight:
    """What the readings are judged from."""

    def __init__(self, columns: Columns, origin: Origin, roles: Roles) -> None:
        self.columns, self.origin, self.given = columns, origin, roles.given
        self.all, self.examined = {name: roles.profiles[name] for name in columns}, roles.examined
        self.times, self.calendar, self.dated = _first_times(columns, origin, self.given)
        header = header_times(list(columns))
        if header is not None:  # an id may be counted, too: V1, V2, ...
            header = header.only([n for n in header.columns if self.all[n].empty or self.all[n].numeric])
        self.header = header

    def best(self, role: str, *but: str | None, least: float = 0.0) -> list[tuple[float, Profile]]:
        """The columns that may have a role, most probable first; those given for it with score 1."""
        given = self.given.of(role)
        if given:
            return [(1.0, self.all[name]) for name in given]
        found = [
            (EVIDENCE[role](p)[0], p)
            for p in self.examined
            if p.name not in but
            and self.allows(p, role)
            and (p.name not in self.times or (role == "series" and not self.calendar))  # an id may count up, too
        ]
        return sorted((x for x in found if x[0] > least), key=lambda x: (-x[0], x[1].place))

    def allows(self, p: Profile, role: str) -> bool:
        """Whether a column may have a role; a label of new data by its name, or if the model knows one of its cells."""
        if not self.given.allows(p.name, role):
            return False
        trained = self.origin.options.trained
        return role != "label" or trained is None or p.hint("label") == 1 or bool({*trained.labels} & {*p.counts})

    def numbers(self, *but: str | None) -> list[Profile]:
        """Columns of measured numbers."""
        return [
            p for p in self.all.values()
            if p.name not in but and p.name not in self.times and not p.empty and p.numeric
            and not is_id(p) and self.given.allows(p.name, "value")
        ]  # fmt: skip


def _first_times(columns: Columns, origin: Origin, given: Given) -> tuple[tuple[str, ...], bool, bool]:
    """The time columns by the first rows, whether they hold dates, and whether most rows have a date of their own.

    A faulty date is no matter here.
    """
    if "time" in given.refused:
        return (), False, False
    first = {name: column.slice(0, _FIRST) for name, column in islice(columns.items(), 200)}
    known = {name: role for name, role in given.roles.items() if name in first}
    try:
        axis = find_time(first, replace(origin, notes=[], questions=[]), known)
    except DataError:
        return tuple(given.of("time")), True, True
    if axis is None or axis.times is None:
        return (() if axis is None else axis.columns), False, False
    return axis.columns, True, len(np.unique(axis.times)) > 0.5 * len(axis)


def find_reading(columns: Columns, origin: Origin, roles: Roles) -> Reading:
    """The most probable reading of the kind given, or of any. A close second of another kind becomes a question."""
    sight = _Sight(columns, origin, roles)
    wanted = origin.options.kind
    found = [
        reading
        for kind, propose in _PROPOSALS.items()
        if wanted in ("auto", kind, _KIND_OF.get(kind)) and (reading := propose(sight)) is not None
    ]
    if not found:
        return Reading(wanted if wanted != "auto" else "series", 0.0)
    best, *others = sorted(found, key=lambda reading: -reading.score)
    near = [o for o in others if o.score > max(_PLAUSIBLE, best.score - _CLOSE)]
    if near and best.score < 1:
        answers = tuple(Answer(_TITLES[o.kind], _options(o, origin)) for o in near)
        origin.questions.append(Question(f"Read as: {_TITLES[best.kind].lower()}. Is that right?", answers))
    return best


_KIND_OF = {"wide": "series", "rows": "sequences"}


def _options(reading: Reading, origin: Origin) -> dict[str, object]:
    """The import options that choose a reading."""
    columns = dict(origin.options.columns)
    columns |= dict.fromkeys(reading.texts, "text")
    columns |= {reading.label: "label"} if reading.label else {}
    columns |= {reading.series: "series"} if reading.series else {}
    return {"kind": _KIND_OF.get(reading.kind, reading.kind), **({"columns": columns} if columns else {})}


def _labeled_text(sight: _Sight) -> Reading | None:
    """A text column, or several that belong together, beside a column of few distinct values."""
    texts = sight.best("text", least=0.1)
    if not texts:
        return None
    labels = sight.best("label", *(texts[0][1].name,), least=0.1)
    if not labels and len(sight.examined) == 1 + len(sight.times):
        labels = []
    if not labels:
        return _unlabeled(sight, texts)
    label_score, label = labels[0]
    texts = [x for x in texts if x[1].name != label.name]
    text_score, text = texts[0]
    joined = _joined(texts, sight.given)
    numbers = [p for p in sight.numbers(label.name) if not (p.coded and (len(p.counts) <= 10 or p.unique))]
    rival = 0.0 if not numbers else 0.15 if text.prose >= 0.9 else 0.5
    score = min(1.0, text_score) * (0.45 + 0.55 * min(1.0, label_score)) - rival
    written = text.words >= 2 or text.distinct > 0.5
    if written and not numbers and len(sight.examined) <= 3 and len(label.counts) <= 0.5 * len(label.cells):
        named = label.text or label.hint("label")
        score = max(score, 0.75 if named else 0.6)  # nothing but a text and its class, however short
    if sight.given.of("label"):
        score = 1.0 if len(numbers) < 2 or sight.given.of("text") else 0.2
    return Reading("labeled-text", score, label.name, texts=joined)


def _unlabeled(sight: _Sight, texts: list[tuple[float, Profile]]) -> Reading | None:
    """Texts without labels are new data to classify, where their kind is given."""
    if sight.origin.options.kind != "labeled-text":
        return None
    return Reading("labeled-text", 0.5, texts=_joined(texts, sight.given))


def _joined(texts: list[tuple[float, Profile]], given: Given) -> tuple[str, ...]:
    """The text columns in the order of the file: those given, or the best one and others of several words."""
    if given.of("text"):
        return tuple(given.of("text"))
    prose = [p for score, p in texts if score >= 0.6 and p.words >= 3 and p.distinct >= 0.5]
    chosen = prose if texts[0][1] in prose else [texts[0][1]]
    return tuple(p.name for p in sorted(chosen, key=lambda p: p.place))


def _pairs(sight: _Sight) -> Reading | None:
    texts = [p for _, p in sight.best("text", least=0.3)]
    prose = [p for p in texts if p.words >= 2]
    if sight.origin.options.kind == "pairs":
        names = sorted((prose if len(prose) > 1 else texts)[:2], key=lambda p: p.place)
        return Reading("pairs", 0.5, texts=tuple(p.name for p in names))
    prose = [p for p in prose if p.distinct > 0.3]
    if len(prose) < 2 or sight.numbers() or sight.given.of("label") or len(sight.examined) > 4:
        return None
    first, second = sorted(prose[:2], key=lambda p: p.place)
    labeled = any(p.hint("label") == 1 or are_labels(p.cells) for p in sight.examined)
    return None if labeled else Reading("pairs", 0.8, texts=(first.name, second.name))


def _long(sight: _Sight) -> Reading | None:
    """One row per time step, with the id of its sequence and a label that is constant within it."""
    given = bool(sight.given.of("label"))
    best: Reading | None = None
    prose = any(p.prose >= 0.9 for p in sight.examined)
    labels = [x for x in sight.best("label", least=0.3) if given or x[1].hint("group") < 1 or x[1].hint("label")]
    labels = [x for x in labels if given or x[1].coded][:4]
    for label_score, label in labels:
        for id_score, of in sight.best("series", label.name)[:6]:
            if not sight.numbers(label.name, of.name) or sight.given.of("group") == [of.name]:
                continue
            constant = is_constant_within(label.column, of.column)
            named = of.hint("series") == 1
            blocks = of.text or named or of.lies_in_blocks
            if sight.origin.options.trained and given:
                constant = max(constant, 0.5)  # new data may have a class, or labels, for a few sequences only
            if not blocks or constant < (0.5 if (label.hint("label") == 1 and named) or given else 1.0):
                continue
            known = label.hint("label") or given
            score = 0.4 + 0.5 * (1 if given else label.hint("label")) + 0.3 * (not sight.calendar) - 0.5 * prose
            score += (
                0.1 * (bool(sight.times) and not sight.calendar) + 0.05 * named + 0.02 * id_score + 0.01 * label_score
            )
            if not known and (of.hint("panel") or len(of.counts) < 6):
                score -= 0.3
            if best is None or score > best.score:
                best = Reading("sequences", score, label.name, of.name)
    if best is None and labels and (alone := _unique_id(sight, labels[0][1])) is not None:
        best = Reading("sequences", 0.9, labels[0][1].name, alone.name)
    if best is None and sight.origin.options.kind == "sequences" and not given:
        ids = [p for _, p in sight.best("series") if not p.numeric or sight.times or p.hint("series") == 1]
        ids = ids or _single_id(sight)
        best = Reading("sequences", 0.6, None, ids[0].name) if ids else None
    return best


def _single_id(sight: _Sight) -> list[Profile]:
    """The id of new data with a single sequence: the same text in every row, beside the columns of the model."""
    trained = sight.origin.options.trained
    if trained is None or not trained.columns or not set(trained.columns) <= set(sight.all):
        return []
    return [p for p in sight.examined if p.coded and p.constant and p.filled == 1 and p.name not in trained.columns]


def _unique_id(sight: _Sight, label: Profile) -> Profile | None:
    """A unique id beside a step column or a few differently named columns: long form with one row per sequence,
    and not one sequence per row, whose columns are numbered."""
    if label.hint("label") < 1 and not sight.given.of("label"):
        return None
    if sight.calendar or "series" in sight.given.refused:
        return None
    called = [p for p in sight.examined if p.hint("series") == 1 and p.name != label.name]
    values = [p for p in sight.all.values() if p is not label and p not in called and p.hint("group") < 1]
    counted = sum(bool(re.search(r"\d", p.name)) for p in values) > 0.5 * len(values)
    step = bool(sight.times) or any(p.hint("step") == 1 for p in values)
    long_form = step or 2 <= len(values) <= _FEW_COLUMNS
    return called[0] if called and long_form and not counted and sight.header is None else None


def _rows(sight: _Sight) -> Reading | None:
    """One sequence per row: a label, and its values in the other columns, whose names are numbered."""
    label = _label_of_rows(sight)
    given = bool(sight.given.of("label"))
    if label is None:
        return Reading("rows", 0.3, header=sight.header) if sight.origin.options.kind == "sequences" else None
    values = [p for p in sight.all.values() if p is not label and p.numeric and not p.empty]
    header = sight.header if sight.header and len(sight.header.columns) >= 0.7 * len(values) else None
    if len(values) < 2:
        return None
    if given or label.hint("label") == 1:
        if any(p.prose >= 0.9 for p in sight.examined):
            return None
        score = 0.9 if header else 0.85 if not sight.calendar else 0.3
        return Reading("rows", score, label.name, header=header)
    numbered = header is not None and len(header.columns) >= 8 and not header.calendar and not sight.calendar
    fits = label.text or label.hint("label") or (len(values) >= 19 and not all(p.whole for p in values[:5]))
    steps = [sight.all[name] for name in sight.times]
    stepped = any(not p.text and (not p.whole or p.hint("step") == 1) for p in steps)
    score = 0.89 if fits and not stepped else 0.6  # beside steps, or codes before whole numbers: a question
    return Reading("rows", score, label.name, header=header) if numbered and label.distinct <= 0.5 else None


def _label_of_rows(sight: _Sight) -> Profile | None:
    """The label of each row: the one given, with a usual name, a column of few names, or one of codes at either end."""
    if given := sight.given.of("label"):
        return sight.all[given[0]]
    allowed = [p for p in sight.examined if p.coded and sight.allows(p, "label")]
    named = next((p for p in allowed if p.name.strip().lower() in LABEL_NAMES), None)
    if named is not None:
        return named
    allowed = [p for p in allowed if p.filled == 1 and not p.unique and not p.constant]
    text = [p for p in allowed if p.text and not p.numeric and (p.hint("series") < 1 or p.distinct <= 0.2)]
    text.sort(key=lambda p: -EVIDENCE["label"](p)[0])
    ends = [p for p in (sight.examined[0], sight.examined[-1]) if p in allowed]
    codes = [p for p in ends if p.whole and (are_labels(p.cells) or _is_hinted(p))]
    return next(iter([*text, *codes]), None)


def _is_hinted(p: Profile) -> bool:
    return p.hint("label") > 0 and EVIDENCE["label"](p)[0] > 0


def _wide(sight: _Sight) -> Reading | None:
    """Times across the top: one series per row."""
    header = sight.header
    if header is None or sight.given.of("label"):
        return None
    others = [p for p in sight.examined if p.name not in header.columns]
    if header.within == "year":
        year = any(p.hint("year") and p.whole for p in others)
        return Reading("wide", 0.95, header=header) if year else None
    if header.within == "day":
        days = sight.calendar and not set(sight.times) & set(header.columns)
        return Reading("wide", 0.95, header=header) if days else None
    if sight.dated or (sight.calendar and header.times is None):  # these columns are variables
        return None
    if header.times is not None:
        return Reading("wide", 0.95, header=header)
    named = any(p.text and not p.numeric and p.unique for p in others)
    return Reading("wide", 0.88, header=header) if named and len(header.columns) >= _LEAST_STEPS else None


def _series(sight: _Sight) -> Reading:
    """One row per time step; always possible."""
    if sight.given.of("label") or sight.given.of("text"):
        return Reading("series", 0.1)
    prose = any(p.prose >= 0.9 for p in sight.examined)
    scores = [EVIDENCE["value"](p)[0] for p in sight.numbers() if not (prose and p.coded and p.unique)]
    ordered = 1 if sight.calendar else 0.9 if sight.times else 0.85
    return Reading("series", max(scores, default=0.1) * ordered * (0.85 if prose else 1))


_PROPOSALS: dict[str, Callable[[_Sight], Reading | None]] = {
    "series": _series,
    "wide": _wide,
    "sequences": _long,
    "rows": _rows,
    "labeled-text": _labeled_text,
    "pairs": _pairs,
}
