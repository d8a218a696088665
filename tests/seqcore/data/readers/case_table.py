"""The cases of cases/cases.toml: files as people have them, what each must become, and what becomes of it.

As a script it prints the table of cases as markdown; `--code FOLDER` reads them with the code of another checkout,
`--json FILE` also writes the outcomes, and `--before FILE` shows those of an earlier run beside them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
CASES = HERE / "cases"
Case = dict[str, Any]

_STEP = re.compile(r"(\d+)(ns|us|ms|s|min|h|D|M|Y)")
_CALENDAR = {"M": 1, "Y": 12}
_FIXED = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9, "D": 86400 * 10**9}


@cache
def load_cases() -> dict[str, Case]:
    """The cases by the name of their file."""
    found: dict[str, Case] = tomllib.loads((CASES / "cases.toml").read_text(encoding="utf-8"))
    return found


def known_wrong() -> dict[str, str]:
    """The cases that aren't read right yet, and what is wrong."""
    found: dict[str, str] = tomllib.loads((CASES / "wrong.toml").read_text(encoding="utf-8"))
    return found


def outcome(name: str, case: Case) -> str:
    """ "right", "refused: the message" or "wrong: each difference"; an exception is wrong too."""
    from seqcore.data.readers.read_table import FileOptions, read_table
    from seqcore.errors import SeqcoreError

    try:
        options = FileOptions(**case.get("options", {}))
        table = read_table(CASES / name, name=name, options=options)
        differences = list(_differences(table, case))
    except SeqcoreError as error:
        refusal = case.get("refused") or case.get("or_refused")
        if refusal is None:
            return f"refused: {error}"
        right = re.search(refusal, str(error), re.IGNORECASE)
        return "right" if right else f"wrong: refused with another message: {error}"
    except Exception as error:
        return f"wrong: {type(error).__name__}: {error}"
    if "refused" in case:
        return f"wrong: read as {table.kind} of {list(table.columns)[:6]}, must be refused"
    return "wrong: " + "; ".join(differences) if differences else "right"


def _differences(table: Any, case: Case) -> Iterator[str]:
    """What of a table is not as the case says."""
    yield from _differences_of_kind(table, case)
    yield from _differences_of_times(table, case)
    yield from _differences_of_columns(table, case)
    yield from _differences_of_words(table, case)


def _differences_of_kind(table: Any, case: Case) -> Iterator[str]:
    if "kind" in case and table.kind != case["kind"]:
        yield f"{table.kind} in place of {case['kind']}"
    count, lengths = len(table.lengths), table.lengths.tolist()
    if "series" in case and count != case["series"]:
        yield f"{count} series or sequences in place of {case['series']}"
    elif "rows" in case:
        rows = case["rows"]
        if lengths != (rows if isinstance(rows, list) else [rows] * count):
            yield f"rows {lengths[:8]} in place of {rows}"
    if "names" in case and list(table.names) != case["names"]:
        yield f"names {list(table.names)[:6]} in place of {case['names']}"
    if "labels" in case:
        labels = [] if table.labels is None else sorted(set(table.labels.tolist()))
        if labels != case["labels"]:
            yield f"labels {labels[:6]} in place of {case['labels']}"
    if "text" in case:
        text = table.separator.join(table.sentence(0)) if table.symbolic else "no text"
        if text != case["text"]:
            yield f"first text {text[:60]!r} in place of {case['text']!r}"


def _differences_of_times(table: Any, case: Case) -> Iterator[str]:
    if case.get("times") is False and table.times is not None:
        yield f"times from {table.times[0]}, must have none"
    if not {"first", "last", "step"} & case.keys():
        return
    if table.times is None:
        yield "no times"
        return
    times = table.times[table.offsets[0] : table.offsets[1]]
    for key, time in (("first", times[0]), ("last", times[-1])):
        if key in case and time != np.datetime64(case[key], "ns"):
            yield f"{key} time {str(time)[:23]} in place of {case[key]}"
    if "step" in case:
        match = _STEP.fullmatch(case["step"])
        assert match is not None, case["step"]
        count, unit = int(match.group(1)), match.group(2)
        months = unit in _CALENDAR
        steps = np.diff(times.astype("datetime64[M]") if months else times).astype(np.int64)
        wanted = count * (_CALENDAR[unit] if months else _FIXED[unit])
        if not (steps == wanted).all():
            yield f"not one row each {case['step']}"


def _differences_of_columns(table: Any, case: Case) -> Iterator[str]:
    columns = list(table.columns)
    if "columns" in case and columns != case["columns"]:
        yield f"columns {columns[:8]} in place of {case['columns']}"
    if any(not name.isprintable() for name in columns):
        yield f"control characters in the names {columns}"
    if "width" in case and len(columns) != case["width"]:
        yield f"{len(columns)} columns in place of {case['width']}"
    yield from (f"no column {name}" for name in case.get("has", []) if name not in columns)
    yield from (f"{name} is a value column" for name in case.get("lacks", []) if name in columns)
    if "target" in case:
        target = _default_target(table)
        if target != case["target"]:
            yield f"target {target} in place of {case['target']}"
    if "never_target" in case and _default_target(table) in case["never_target"]:
        yield f"target {_default_target(table)}"
    if "begins" in case and columns:
        got = _target_values(table)[: len(case["begins"])]
        wanted = np.array(case["begins"])
        if got.shape != wanted.shape or not np.allclose(got, wanted, rtol=1e-6, equal_nan=True):
            yield f"the target begins {got.tolist()} in place of {case['begins']}"
    for name, wanted in case.get("values", {}).items():
        if name not in columns:
            yield f"no column {name}"
            continue
        got = table.values[: len(wanted), columns.index(name)].astype(np.float64)
        if len(got) != len(wanted) or not np.allclose(got, np.array(wanted), rtol=1e-6, equal_nan=True):
            yield f"{name} begins {got.tolist()} in place of {wanted}"
    report = getattr(table, "report", None)
    known = {} if report is None else {role.column: role.role for role in report.roles}
    if report is None:  # code without a report: the roles show in kind, times and columns
        return
    for name, role in case.get("roles", {}).items():
        if known.get(name) != role:
            yield f"role of {name} is {known.get(name)} in place of {role}"


def _target_values(table: Any) -> np.ndarray[Any, Any]:
    """The values of the default target, whatever its name; nothing where there are no numbers."""
    target = _default_target(table)
    return np.zeros(0) if target is None else table.values[:, table.columns.index(target)].astype(np.float64)


def _default_target(table: Any) -> str | None:
    """The target of the experiment that the page proposes, where it is a forecast."""
    from seqcore.data.profile.facts import target_column
    from seqcore.tasks.auto_config import suggest_experiment

    experiment = suggest_experiment(table, data={"source": "file"})
    if experiment.data.task != "regression":
        return None
    return str(table.columns[target_column(table, experiment.data)])


def _differences_of_words(table: Any, case: Case) -> Iterator[str]:
    """What notes and questions must say, as regular expressions, and must not say."""
    report = getattr(table, "report", None)
    questions = () if report is None else report.questions
    said = [*table.notes]
    for question in questions:
        said += [question.sentence, *(answer.title for answer in question.answers)]
    words = "\n".join(said)
    for pattern in case.get("says", []):
        if not re.search(pattern, words, re.IGNORECASE):
            yield f"nothing says {pattern!r}"
    for pattern in case.get("silent", []):
        if re.search(pattern, words, re.IGNORECASE):
            yield f"says {pattern!r}"
    if case.get("asks") and not questions:
        yield "asks nothing"
    if case.get("asks") is False and questions and report is not None:
        yield f"asks {questions[0].sentence!r}"


def outcomes() -> dict[str, str]:
    """The outcome of every case."""
    return {name: outcome(name, case) for name, case in load_cases().items()}


def _right(case: Case) -> str:
    """What is right, in a few words."""
    if "refused" in case:
        return "refused: " + case["refused"].replace("|", " or ")
    parts = [str(case["kind"])] if "kind" in case else []
    if case.get("series", 1) != 1:
        parts.append(f"{case['series']} of them")
    if isinstance(case.get("rows"), int):
        parts.append(f"{case['rows']} rows")
    parts += [f"step {case['step']}"] if "step" in case else []
    parts += [f"target {case['target']}"] if "target" in case else []
    return ", ".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")[:160]


def markdown(now: dict[str, str], before: dict[str, str] | None = None) -> str:
    """The table of cases, with counts for each group of files."""
    cases = load_cases()
    shown = [column for column in (before, now) if column is not None]
    head = ["file", "group", "right", *(["before"] if before is not None else []), "now"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for name, case in cases.items():
        cells = [name, case["group"], _right(case), *(column.get(name, "") for column in shown)]
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    groups = Counter(case["group"] for case in cases.values())
    lines += ["", "| group | cases | " + " | ".join(head[3:]) + " |", "|" + " --- |" * (2 + len(shown))]
    for group, count in [*groups.items(), ("all", len(cases))]:
        members = [name for name, case in cases.items() if group in (case["group"], "all")]
        rights = [str(sum(column.get(name) == "right" for name in members)) for column in shown]
        lines.append(f"| {group} | {count} | " + " | ".join(rights) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--code", default=str(HERE.parents[3]), help="folder with the seqcore to test")
    parser.add_argument("--json", help="file for the outcomes")
    parser.add_argument("--before", help="file with the outcomes of an earlier run")
    given = parser.parse_args()
    sys.path.insert(0, given.code)
    now = outcomes()
    if given.json:
        Path(given.json).write_text(json.dumps(now, indent=1, ensure_ascii=False), encoding="utf-8")
    before = json.loads(Path(given.before).read_text(encoding="utf-8")) if given.before else None
    print(markdown(now, before))


if __name__ == "__main__":
    main()
