"""How a file was read: the role of each column, and questions with the options that answer them."""

from __future__ import annotations

import shlex
from typing import Any

from seqcore.cli.output import Output
from seqcore.data.import_report import ROLES, ImportReport, Question
from seqcore.experiment.links import written
from seqcore.results import plain

__all__ = ["print_questions", "print_roles", "report_object"]

SHOWN = 40  # columns of a table for people
LONGEST = 60  # characters of a cell


def report_object(report: ImportReport) -> dict[str, Any]:
    """The report as JSON: `roles` and `questions`, each answer with the fields that it sets."""
    questions = [
        {
            "sentence": question.sentence,
            "answers": [{"title": a.title, "set": _fields(a.options)} for a in question.answers],
        }
        for question in report.questions
    ]
    return {"roles": plain(list(report.roles)), "questions": plain(questions)}


def print_roles(out: Output, report: ImportReport) -> None:
    """What each column was taken for, why, and what else it may be."""
    rows = [
        (
            _short(role.column), _short(role.example), ROLES[role.role].title, _short(role.reason),
            ", ".join(name for name in role.alternatives if name != "ignore"),
        )
        for role in report.roles[:SHOWN]
    ]  # fmt: skip
    if rows:
        out.table(("column", "example", "role", "reason", "alternatives"), rows)
    if len(report.roles) > SHOWN:
        out.line(f"and {len(report.roles) - SHOWN:,} more columns")


def print_questions(out: Output, report: ImportReport) -> None:
    """Each doubtful decision in one line, and below it the options that decide otherwise."""
    for question in report.questions:
        out.note(f"question: {question.sentence}")
        for line in _answers(question):
            out.note(f"  {line}")


def _answers(question: Question) -> list[str]:
    lines = []
    for answer in question.answers:
        fields = [f"{path}={written(value)}" for path, value in _fields(answer.options).items()]
        lines.append(f"{answer.title}: {' '.join(f'--set {shlex.quote(field)}' for field in fields)}")
    return lines


def _fields(options: Any) -> dict[str, Any]:
    return {f"data.options.{name}": value for name, value in options.items()}


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
