"""Command `data`: profile of a source or a file, its splits, and findings."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from seqcore.cli.import_report import print_questions, print_roles, report_object
from seqcore.cli.output import Output
from seqcore.cli.training import changed_values, predicted_columns
from seqcore.data.columns import column_errors
from seqcore.data.profile.facts import Profile
from seqcore.data.sources import SOURCES
from seqcore.data.sources.stored_file import base_name
from seqcore.data.splits import SPLIT_TITLES
from seqcore.data.table import Table
from seqcore.errors import DataError, ExperimentError, NotFoundError, did_you_mean
from seqcore.experiment.experiment import Experiment
from seqcore.results.formatting import counted, format_number

__all__ = ["data"]

SHOWN = 12  # rows of a table for people


def data(args: argparse.Namespace, out: Output) -> int:
    """Profile a source or a file as the suggested experiment would use it; `--set` changes that experiment."""
    from seqcore.data.profile.profile import profile_table
    from seqcore.evaluation.leakage.detection import find_leaks

    experiment, table = _experiment_and_table(args.what, args.changes)
    if errors := column_errors(table, inputs=experiment.data.inputs, target=experiment.data.target):
        raise DataError(*errors)
    what = args.what.encode(errors="replace").decode()  # a file's name need not be valid Unicode
    profile = profile_table(table, experiment.data, leakage=find_leaks(table, experiment.data))
    if out.json:
        value = {"data": what, "task": experiment.data.task, **profile.to_dict()}
        out.object({**value, **report_object(table.report)})
        return 0
    for line in _summary(what, profile, table, experiment):
        out.line(line)
    print_roles(out, table.report)
    _tables(profile, out, pictures=table.frame is not None)
    for finding in profile.findings:
        out.line(f"{finding.severity}: {finding.sentence}")
    if not profile.findings and not table.report.questions:
        out.line("No problems found.")
    print_questions(out, table.report)
    return 0


def _experiment_and_table(what: str, changes: list[tuple[str, str]]) -> tuple[Experiment, Table]:
    from seqcore.tasks.auto_config import suggest_experiment

    path = Path(what)
    prefix = "data.options."
    options = {name.removeprefix(prefix): value for name, value in changes if name.startswith(prefix)}
    rest = changed_values(Experiment.make(), [change for change in changes if not change[0].startswith(prefix)])
    if what in SOURCES and not SOURCES[what].stored:
        section: dict[str, Any] = {"source": what, "options": options, "task": SOURCES[what].tasks[0]}
        plain = Experiment.make({"data": section})
        table = SOURCES[what].load()(**plain.data.options).table()
        try:
            return suggest_experiment(table, data=section, changes=rest), table
        except ExperimentError:  # the source's options determine the fields that would be suggested
            return plain.with_changes(rest), table
    if path.is_dir():
        raise DataError(f"{what}: is a folder; give a file")
    if not path.exists():
        names = [name for name, source in SOURCES.items() if not source.stored]
        raise NotFoundError(f"{what}: no such source or file{did_you_mean(what, names)}")
    from seqcore.data.readers.read_table import FileOptions, read_table

    section = {"source": "file", "options": {**options, "name": base_name(path.name)}}
    Experiment.make({"data": section})  # names the faults in the options
    reading = FileOptions(**options)
    if "data.missing" in rest:
        reading = reading.for_missing(rest["data.missing"])
    table = read_table(path, name=base_name(path.name), options=reading)
    return suggest_experiment(table, data=section, changes=rest), table


def _summary(what: str, profile: Profile, table: Table, experiment: Experiment) -> list[str]:
    """Lines on size, time span, sequence lengths, split sizes and seasonality."""
    sequences = f" in {profile.sequences:,} sequences" if profile.sequences > 1 else ""
    lines = [f"{what}: {profile.kind}, {table.unit.counted(profile.rows)}{sequences}, for {experiment.data.task}"]
    if profile.span is not None:
        missing = f", {profile.missing_times:,} times missing" if profile.missing_times else ""
        missing += f", {counted(profile.inserted_times, 'row')} inserted" if profile.inserted_times else ""
        lines.append(
            f"from {profile.span['from']} to {profile.span['to']}, {profile.frequency or 'no frequency'}{missing}"
        )
    if profile.lengths.longest > profile.lengths.shortest:
        lines.append(
            f"sequences of {table.unit.span(profile.lengths.shortest, profile.lengths.longest)}, "
            f"median {table.unit.counted(round(profile.lengths.median))}"
        )
    if predicted := predicted_columns(experiment, table):
        lines.append(predicted)
    whole = all(one.windows == one.sequences for one in profile.splits) and profile.independent
    counted_in = "sequences" if whole else f"windows of {counted(experiment.data.window, 'step')}, not rows"
    lines.append(
        f"split sizes (in {counted_in}): "
        + ", ".join(f"{one.windows:,} {SPLIT_TITLES[one.split]}" for one in profile.splits)
    )
    if profile.autocorrelation is not None and profile.autocorrelation.period:
        lines.append(f"seasonality of {profile.autocorrelation.column}: period {profile.autocorrelation.period:,} rows")
    return [*lines, *profile.notes, *([profile.sampled] if profile.sampled else [])]


def _tables(profile: Profile, out: Output, *, pictures: bool) -> None:
    if profile.columns and not pictures:
        rows = [
            (c.name, c.kind, f"{c.missing:,}", *map(format_number, (c.minimum, c.median, c.maximum)))
            for c in profile.columns[:SHOWN]
        ]
        figures = ("missing", "minimum", "median", "maximum")
        out.table(("column", "type", *figures), rows, right=figures)
        _more(len(profile.columns) + profile.columns_omitted - len(rows), "column", out)
    if profile.classes is not None:
        ranked = sorted(profile.classes.items(), key=lambda item: -sum(item[1].values()))
        listed = [(name, *(f"{counts[p]:,}" for p in SPLIT_TITLES)) for name, counts in ranked[:SHOWN]]
        out.table(("class", *SPLIT_TITLES.values()), listed, right=tuple(SPLIT_TITLES.values()))
        _more(len(ranked) - len(listed), "class", out)
    for words in profile.vocabularies:
        symbols = ", ".join(f"{symbol!r} {count:,}" for symbol, count in words.frequent[:SHOWN])
        out.line(
            f"Vocabulary of {words.of}: {words.size:,}, {words.once:,} of them occur once; most frequent {symbols}"
        )


def _more(count: int, word: str, out: Output) -> None:
    if count > 0:
        out.line(f"and {count:,} more {word}{'es' if word.endswith('s') else 's'}")
