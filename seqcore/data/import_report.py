"""How a user's file was read: the role of each column, and questions about doubtful decisions with their answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["NO_REPORT", "ROLES", "Answer", "ColumnRole", "ImportReport", "Question", "Role"]


class Role(NamedTuple):
    """The title and one line of help of a role."""

    title: str
    help: str


ROLES: dict[str, Role] = {
    "time": Role("Time", "Dates, times or step numbers that order the rows."),
    "time-part": Role(
        "Time component", "An hour, a time of day, a month or another component that completes the time."
    ),
    "series": Role("Series", "Identifies the series or sequence of a row."),
    "label": Role("Label", "The class of a sequence or text."),
    "group": Role("Group", "The origin of a sequence (a speaker, a patient); a group stays in one split."),
    "value": Role("Value", "Numbers that are inputs and targets."),
    "category": Role("Category", "A few distinct words or codes, encoded as one 0/1 column each (one-hot)."),
    "text": Role("Text", "Text to classify, or a sentence of a pair."),
    "ignore": Role("Not used", "Left out."),
}
"""What a column can be taken for; the keys are the values of `data.options.columns`."""


@dataclass(frozen=True)
class ColumnRole:
    """What a column of the file was taken for (a key of ROLES), why, and what else it may be, most probable first."""

    column: str
    role: str
    reason: str = ""
    alternatives: tuple[str, ...] = ()
    example: str = ""


@dataclass(frozen=True)
class Answer:
    """One answer to a question: import options (fields of `data.options`) that read the file accordingly."""

    title: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """A doubtful decision of the reader, in one sentence, and its other possible answers, most probable first."""

    sentence: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class ImportReport:
    """`roles` of all columns in the order of the file, and `questions` about what was not certain.

    `decimal_comma`: whether the file's numbers have a decimal comma (70.000,5), not a point.
    """

    roles: tuple[ColumnRole, ...] = ()
    questions: tuple[Question, ...] = ()
    decimal_comma: bool = False

    @property
    def series_title(self) -> str:
        """The name of the column that names the series; several are joined. "series" where there is none."""
        return " / ".join(role.column for role in self.roles if role.role == "series") or "series"


NO_REPORT = ImportReport()
