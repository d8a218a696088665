"""The roles of a file's columns: evidence for each role, what the user gave, and the report of what was decided."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from seqcore.data.import_report import Answer, ColumnRole, ImportReport, Question
from seqcore.data.readers.column_parsing import Columns, Origin, wanted_column
from seqcore.data.readers.profiles import Profile, profiles_of

__all__ = ["EVIDENCE", "MOST_LEVELS", "Given", "Roles", "given_roles", "is_id"]

MOST_LEVELS = 12  # of a category
_PROFILED = 200  # columns up to which each is examined; of more, those at the ends and those without numbers
_PLAUSIBLE = 0.25  # evidence from which on a role is listed as an alternative


def _series(p: Profile) -> tuple[float, str]:
    if not p.coded or p.constant or p.filled < 1 or not p.repeats:
        return 0.0, ""
    return (0.5 if p.text else 0.3) + 0.5 * p.hint("series"), f"{len(p.counts):,} distinct values, repeated"


def _label(p: Profile) -> tuple[float, str]:
    count, cells = len(p.counts), len(p.cells)
    few = 2 <= count <= 0.5 * cells and (count <= 50 or p.distinct < 0.1)
    few = few or (p.hint("label") == 1 and count > 0)
    if not (p.coded or count <= 10) or not few or p.hint("id") == 1 or p.words >= 4:
        return 0.0, ""
    score = 0.35 + 0.4 * p.hint("label") + 0.1 * (count <= 10) + 0.1 * p.text - 0.05 * p.distinct
    score -= 0.3 * (p.filled < 0.95)
    return score, f"{count:,} distinct values"


def _value(p: Profile) -> tuple[float, str]:
    if p.empty or not p.numeric:
        return 0.0, ""
    if p.constant or is_id(p):
        return 0.2, "numbers"
    few = p.coded and len(p.counts) <= 10 and p.distinct <= 0.5
    return (0.5 if few else 0.8), "numbers"


def _category(p: Profile) -> tuple[float, str]:
    count = len(p.counts)
    if not p.coded or count < 2 or p.distinct > 0.5 or count > 5 * MOST_LEVELS:
        return 0.0, ""
    return (0.5 if p.text else 0.3) + 0.2 * (count <= MOST_LEVELS), f"{count:,} distinct values"


def _text(p: Profile) -> tuple[float, str]:
    return p.prose, f"text of about {p.words:.0f} words" if p.words > 1.5 else "text"


def _group(p: Profile) -> tuple[float, str]:
    return (0.4 * p.hint("group") if p.coded and not p.constant else 0.0), "its name"


def _time(p: Profile) -> tuple[float, str]:
    return (0.3 if p.hint("step") and p.numeric and not p.constant else 0.0), "its name"


EVIDENCE: dict[str, Callable[[Profile], tuple[float, str]]] = {
    "time": _time,
    "series": _series,
    "label": _label,
    "group": _group,
    "value": _value,
    "category": _category,
    "text": _text,
}
"""How much a column's cells and name speak for a role, from 0 to about 1, and why."""


_ID = re.compile(r"(?:^|[_\s.-])(?:id|ids|uid|uuid|guid)$", re.I)


def is_id(p: Profile) -> bool:
    """Whether whole numbers only identify rows, and measure nothing."""
    if not p.whole or p.empty:
        return False
    if _ID.search(p.name) or re.search(r"[a-z]I[dD]$", p.name):
        return True
    return (p.hint("id") == 1 and p.counts_up) or (p.hint("series") == 1 and p.constant)


@dataclass(frozen=True)
class Given:
    """What the user says: the role of some columns, and roles that no column may have."""

    roles: Mapping[str, str] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()

    def of(self, role: str) -> list[str]:
        """The columns given for this role."""
        return [name for name, known in self.roles.items() if known == role]

    def allows(self, column: str, role: str) -> bool:
        """Whether a column may be taken for this role."""
        return self.roles.get(column, role) == role and (role not in self.refused or column in self.roles)


_OPTIONS = {"time": "date_column", "series": "series_column", "label": "label_column", "group": "group_column"}
_WHAT = {"time": "the dates", "series": "the series", "label": "the labels", "group": "the groups"}


def given_roles(columns: Columns, origin: Origin) -> Given:
    """The roles given in the import options. DataError for a column that doesn't exist.

    New data may lack the columns that only training needs: these are said in a note.
    """
    roles: dict[str, str] = {}
    options = origin.options
    single = {role: getattr(options, option) for role, option in _OPTIONS.items()}
    wanted = [(name, role, _WHAT[role]) for role, name in single.items() if name not in ("auto", "none")]
    refused = {role for role, name in single.items() if name == "none"}
    wanted += [(name, role, "data.options.columns") for name, role in options.columns.items()]
    for name, role, what in wanted:
        if options.trained and name not in columns and role not in ("time", "time-part", "text"):
            if role in ("label", "group"):
                refused.add(role)
                origin.notes.append(f"There is no column {name} ({role}) in these data.")
            continue
        roles[wanted_column(name, columns, origin, what)] = role
    if options.trained:  # what the model takes is no label or id
        known = {n: "value" for n in columns if n in options.trained.columns}
        known |= {n: "category" for n in columns if n not in known and options.trained.levels(n)}
        roles = known | roles
        if "label" not in (*roles.values(), *refused):
            roles |= dict.fromkeys(_known_labels(columns, origin, options.trained.labels, roles), "label")
    return Given(roles, frozenset(refused))


def _known_labels(
    columns: Columns, origin: Origin, labels: tuple[str, ...], roles: Mapping[str, str]
) -> tuple[str, ...]:
    """The column of new data all of whose cells are classes of the model; none if there are several such columns."""
    found = []
    for p in profiles_of(columns, origin).values():
        if p.name in roles or p.empty or not p.coded or p.hint("id") == 1 or p.hint("step") == 1 or p.counts_up:
            continue
        if set(p.levels) <= set(labels):
            found.append(p.name)
        if len(found) > 1:
            return ()
    return tuple(found)


class Roles:
    """The columns of a file with what they are taken for, filled in while a table is built from them."""

    def __init__(self, columns: Columns, origin: Origin, given: Given) -> None:
        self.given, self._origin = given, origin
        self.profiles = profiles_of(columns, origin)
        self._taken: dict[str, tuple[str, str]] = {}
        self._kept: dict[str, tuple[tuple[str, ...], str]] = {}

    @property
    def examined(self) -> list[Profile]:
        """The columns that may be a label, an id or text: all, or of very many those at the ends and the texts."""
        all_of = [p for name, p in self.profiles.items() if self.given.roles.get(name) != "ignore"]
        if len(all_of) <= _PROFILED:
            return all_of
        inner = [p for p in all_of[10:-10] if p.text]
        return [*all_of[:10], *inner[:_PROFILED], *all_of[-10:]]

    def release(self) -> None:
        """Keep examples and alternatives, and let go of the columns, so that nothing is held twice."""
        examined = {p.name for p in self.examined}
        for name, p in self.profiles.items():
            scores = {role: judge(p)[0] for role, judge in EVIDENCE.items()} if name in examined else {}
            likely = sorted((r for r in scores if scores[r] >= _PLAUSIBLE), key=lambda r: -scores[r])
            self._kept[name] = (tuple(likely), p.example)
            p.release()

    def take(self, names: Iterable[str], role: str, reason: str) -> None:
        """Say what columns were taken for, and why."""
        for name in names:
            self._taken[name] = (role, reason)

    def ask(self, sentence: str, column: str, answers: Mapping[str, str]) -> None:
        """A question about a column; `answers` are other roles and their titles."""
        chosen = self._origin.options.columns
        found = tuple(Answer(title, {"columns": {**chosen, column: role}}) for role, title in answers.items())
        self._origin.questions.append(Question(sentence, found))

    def report(self) -> ImportReport:
        """All columns in the order of the file, and the questions."""
        found = []
        if not self._kept:
            self.release()
        for name in self.profiles:
            role, reason = self._taken.get(name, ("ignore", "not used"))
            likely, example = self._kept[name]
            if name in self.given.roles:
                reason = "as given"
            others = [r for r in (*likely, "ignore") if r != role]
            found.append(ColumnRole(name, role, reason, tuple(others), example))
        return ImportReport(tuple(found), tuple(self._origin.questions))
