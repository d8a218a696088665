"""`benchmarks/results.md`, written from the stored sections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.figure import draw
from benchmarks.measurement import Row, Section, number
from benchmarks.sections import REQUIREMENTS, SECTIONS

__all__ = ["markdown", "summary_lines", "write"]

STEPS = "Steps: "  # the groups of rows that compare the frameworks begin so
METHOD = """
Every ratio is taken within a round, in which the compared processes take their turns one right after the other; the
median over the rounds is given, with the quartiles. Each framework trains in a process of its own on one thread, from
the same initial weights, on the same windows of a sine wave (MSE loss, Adam, shuffled batches, no clipping), and the
time of a step is that of an epoch divided by its steps. For this project a step has batching, gradient norm, recording
and events in it; a whole epoch has validation, previews and checkpoints too. Lightning and darts run without logger,
checkpoints and progress bar. Keras has one bias in RNN and LSTM where torch has two, which moves twice as far in a step
of Adam; all else is equal, and so are the losses, up to the order of the batches.
"""


def write(sections: Sequence[Section], file: Path, figure: Path) -> None:
    """Write the report and the figure, the latter only where the frameworks were compared."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(markdown(sections), encoding="utf-8")
    if picture := draw(rows_of(sections)):
        figure.write_text(picture, encoding="utf-8")


def rows_of(sections: Iterable[Section]) -> list[Row]:
    """All rows in order."""
    return [row for section in sections for row in section.rows]


def markdown(sections: Sequence[Section]) -> str:
    """The whole report."""
    rows = rows_of(sections)
    parts = [
        "# Benchmark results",
        "Written by `make benchmark`; do not edit.",
        machine_table(sections),
        "## What must hold",
        table(("what", "asked", "measured", "rounds", ""), requirement_cells(rows)),
        "## How it is measured",
        METHOD.strip(),
        *framework_tables(rows),
        "## Every limit",
        table(("what", "asked", "median (quartiles)", "CPU time", "rounds", ""), map(limit_cells, limited(rows))),
    ]
    if others := [row for row in rows if row.limit is None and not row.group.startswith(STEPS)]:
        parts += ["## Other measurements", table(("what", "median (quartiles)", "rounds"), map(other_cells, others))]
    if missing := list(failures(sections)):
        parts += ["## Not measured", "\n".join(f"- {line}" for line in missing)]
    return "\n\n".join(parts) + "\n"


def machine_table(sections: Sequence[Section]) -> str:
    """Machine and versions, and when and at which commit each section was measured."""
    machines = {tuple(s for s in section.machine.items() if not s[0].startswith("load")) for section in sections}
    lines = ["; ".join(f"{name}: {value}" for name, value in found) for found in sorted(machines)]
    versions = {name: value for section in sections for name, value in section.versions.items()}
    lines.append("; ".join(f"{name} {value}" for name, value in sorted(versions.items())))
    cells = [
        (
            section.name + " (quick)" * section.quick, SECTIONS[section.name].title, section.date, section.revision,
            section.machine.get("load at the start", ""), f"{section.seconds:.0f} s",
        )
        for section in sections
    ]  # fmt: skip
    return "\n\n".join([*filter(None, lines), table(("section", "of", "date", "commit", "load before", "took"), cells)])


def requirement_cells(rows: Sequence[Row]) -> Iterable[tuple[str, ...]]:
    """A line for each requirement: the rows that it has, together."""
    for key, (what, asked) in REQUIREMENTS.items():
        mine = [row for row in rows if row.requirement == key]
        measured = [row for row in mine if row.values]
        if not measured:
            reason = next((f": {row.skipped}" for row in mine if row.skipped), "")
            yield what, asked, f"not measured{reason}", "", ""
            continue
        missed = [row for row in measured if row.verdict == "missed"]
        verdict = (
            "ok" if not missed else "missed" if len(measured) == 1 else f"missed ({len(missed)} of {len(measured)})"
        )
        if len(measured) < len(mine):
            verdict += f", {len(mine) - len(measured)} not measured"
        yield what, asked, together(measured), rounds_of(measured), verdict


def together(rows: Sequence[Row]) -> str:
    """The medians of several rows from lowest to highest, or the median of one with its quartiles."""
    if len(rows) == 1:
        return median_and_quartiles(rows[0])
    low, high = min(row.median for row in rows), max(row.median for row in rows)
    unit = f" {rows[0].unit}" if rows[0].unit else ""
    return f"{number(low, rows[0].unit)} to {number(high, rows[0].unit)}{unit}"


def rounds_of(rows: Sequence[Row]) -> str:
    """How many rounds, as "7" or "5 to 9"."""
    counts = sorted({len(row.values) for row in rows})
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def median_and_quartiles(row: Row) -> str:
    """A row's values in a cell."""
    if not row.values:
        return f"not measured: {row.skipped}"
    unit = f" {row.unit}" if row.unit else ""
    if len(row.values) == 1:
        return number(row.median, row.unit) + unit
    low, high = row.quartiles
    return f"{number(row.median, row.unit)}{unit} ({number(low, row.unit)} to {number(high, row.unit)})"


def limited(rows: Iterable[Row]) -> list[Row]:
    """The rows that have a limit."""
    return [row for row in rows if row.limit is not None]


def limit_cells(row: Row) -> tuple[str, ...]:
    """A row with its limit."""
    cpu = number(row.facts["CPU ratio"]) if "CPU ratio" in row.facts else ""
    return named(row), row.asked, median_and_quartiles(row), cpu, str(len(row.values) or ""), row.verdict


def other_cells(row: Row) -> tuple[str, ...]:
    """A row without a limit."""
    return named(row), median_and_quartiles(row), str(len(row.values) or "")


def named(row: Row) -> str:
    """A row's name with its note."""
    return f"{row.name} ({row.note})" if row.note else row.name


def framework_tables(rows: Sequence[Row]) -> list[str]:
    """Frameworks side by side: ratios to the plain loop, times, losses and memory, a line for each model."""
    groups: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row.group.startswith(STEPS):
            groups.setdefault(row.group.removeprefix(STEPS), {})[row.name] = row
    if not groups:
        return []
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    heads = ("model", *names)

    def cells(key: str, digits: str) -> Iterable[tuple[str, ...]]:
        for title, group in groups.items():
            found = [group[name].facts.get(key) if name in group else None for name in names]
            yield title, *("–" if value is None else format(value, digits) for value in found)

    def ratio(row: Row | None) -> str:
        return "–" if row is None else median_and_quartiles(row) if row.values else "not measured"

    ratio_cells = ((title, *(ratio(group.get(name)) for name in names)) for title, group in groups.items())
    steps = {
        title: next((int(row.facts["steps"]) for row in group.values() if "steps" in row.facts), 0)
        for title, group in groups.items()
    }
    losses = ((f"{line[0]}, after {steps[line[0]]:,} steps", *line[1:]) for line in cells("loss", ".2e"))
    return [
        "## Frameworks side by side",
        "Time of a training step relative to the plain PyTorch loop's in the same round, median (quartiles):",
        table(heads, ratio_cells),
        "Time of a step in µs, median:",
        table(heads, cells("µs a step", ",.0f")),
        "CPU time of a step relative to the plain loop's, median:",
        table(heads, cells("CPU ratio", ".2f")),
        "Training loss, mean over the last epoch:",
        table(heads, losses),
        "Resident memory of the process in MB, all imports and earlier models included:",
        table(heads, cells("MB", ",.0f")),
    ]


def failures(sections: Iterable[Section]) -> Iterable[str]:
    """What went wrong, a line each."""
    for section in sections:
        yield from (f"{section.name}: {failure}" for failure in section.failures)
        yield from (f"{section.name}: {row.group or row.name}: {row.skipped}" for row in section.rows if row.skipped)


def summary_lines(sections: Sequence[Section]) -> str:
    """For the terminal: each requirement with its result."""
    rows = rows_of(sections)
    lines = [
        f"{verdict or '–':>20}  {what}: {found} ({asked})" for what, asked, found, _, verdict in requirement_cells(rows)
    ]
    return "\n".join([*lines, *(f"{'failed':>20}  {line}" for s in sections for line in s.failures)])


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, ["---"] * len(heads), *escaped])
