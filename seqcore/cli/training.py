"""Commands `train`, `resume` and `more-epochs`, which train in the foreground."""

from __future__ import annotations

import _thread
import argparse
import os
import shlex
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from seqcore.cli.import_report import print_questions, report_object
from seqcore.cli.output import Output
from seqcore.cli.progress import ProgressDisplay, outcome, print_scores, reading
from seqcore.data.columns import PredictedColumns
from seqcore.data.sources import SOURCES
from seqcore.data.table import Table
from seqcore.errors import DataError, ExperimentError, NotFoundError, StoreError
from seqcore.events import Event
from seqcore.experiment.experiment import Experiment, settings_of
from seqcore.experiment.migration import migrate_paths
from seqcore.experiment.recipes import load_recipe
from seqcore.results.formatting import counted
from seqcore.runs.api import open_store, shell_user
from seqcore.runs.execution import execute
from seqcore.runs.labels import short_id
from seqcore.runs.records import LIVE
from seqcore.runs.store import Lease, Run, Store
from seqcore.training.control import Control

__all__ = [
    "changed_values", "experiment_of", "foreground", "handled_signals", "more_epochs", "predicted_columns", "resume",
    "train",
]  # fmt: skip

ABORT_SECONDS = 3.0  # for an aborted run to be recorded before the process exits
MOST_ADDED = 3  # columns that are not inputs, named in an option that adds them
EXPERIMENTS = {".toml": Experiment.from_toml, ".json": Experiment.from_json}


def train(args: argparse.Namespace, out: Output) -> int:
    """Train a recipe, an experiment file or a data file as a new run."""
    store = open_store(args.store)
    experiment, recipe, table = experiment_of(store, args.what, args.changes, out)
    if table is not None and out.json and table.report.questions:
        out.object({"event": "read", "file": experiment.data.options["name"], **report_object(table.report)})
    elif table is not None and not out.json:
        print_questions(out, table.report)
        if predicted := predicted_columns(experiment, table):
            out.note(predicted)
    from seqcore.training.fit import check  # torch

    check(experiment, table)
    return foreground(store, store.start(experiment, recipe=recipe, group=args.group, owner=shell_user()), out)


def resume(args: argparse.Namespace, out: Output) -> int:
    """Resume a run that was stopped, interrupted or failed, with the changes of `--set`."""
    store = open_store(args.store)
    run = store.run(args.id)
    changes = changed_values(run.experiment, args.changes)
    if run.status == "completed" and run.epoch >= run.epochs and not changes:
        short = short_id(run.id)
        text = f"{short} is completed, {run.epoch} of {run.epochs} epochs; `more-epochs {short} N` adds epochs"
        out.result({"run": run.id, "status": run.status, "epochs": run.epoch, "message": text}, text)
        return 0
    return _continue(store, run, store.restart(run.id, changes), out)


def more_epochs(args: argparse.Namespace, out: Output) -> int:
    """Add epochs to a run; one that has ended is resumed here."""
    store = open_store(args.store)
    run = store.run(args.id)
    lease = None if run.status in LIVE else store.restart(run.id, epochs=args.epochs)
    if lease is not None:
        return foreground(store, lease, out)
    changed = store.more_epochs(run.id, args.epochs)
    out.result(
        {"run": run.id, "status": changed.status, "more_epochs": args.epochs},
        f"{short_id(run.id)} gets {counted(args.epochs, 'more epoch')}",
    )
    return 0


def foreground(store: Store, lease: Lease, out: Output, *, quiet: bool = False) -> int:
    """Execute a run in this process and show its progress; `quiet` keeps standard output free.

    Returns the exit code: 0, 1 (failed), 130 (Ctrl-C), 143 (SIGTERM), 129 (SIGHUP).
    """
    control = Control()
    report = ProgressDisplay(Output(json=False) if quiet else out, lease.run)

    def on_event(event: Event) -> None:
        report(event)
        if out.closed:
            control.stop()

    with _signals(store, lease, control) as received:
        try:
            run = execute(store, lease, on_event=on_event, control=control)
        finally:
            report.close()
    if not quiet or run.status == "failed":
        _end(run, report, out)
    if run.status == "failed":
        return 1
    return received[0] if received else 0


def _end(run: Run, report: ProgressDisplay, out: Output) -> None:
    """Print the outcome. In JSON, a run that ended without a `Finished` event gets one here."""
    if out.json:
        if not report.finished:
            ending: dict[str, Any] = {"event": "finished", "run": run.id, "status": run.status}
            ending |= {"reason": run.error or run.reason, "epochs": run.epoch, "step": run.step}
            out.object({**ending, "seconds": run.seconds, "metrics": run.metrics, "baselines": run.baselines})
    elif run.status != "failed":
        out.line(outcome(run))
        print_scores(out, run, report.replicas)
        if run.status in ("stopped", "interrupted"):
            out.note(f"continue with `python -m seqcore resume {short_id(run.id)}`")
    if run.status == "failed":
        for line in (run.error or run.reason or "the run failed").splitlines():
            out.note(line)


def _continue(store: Store, run: Run, lease: Lease | None, out: Output) -> int:
    if lease is not None:
        return foreground(store, lease, out)
    if run.status in LIVE:
        raise StoreError(f"run {run.id} is already {run.status}")
    # The dashboard server has claimed the run first.
    out.result(
        {"run": run.id, "status": store.run(run.id).status},
        f"{short_id(run.id)} continues in a worker of the dashboard; `show {short_id(run.id)}` shows its progress",
    )
    return 0


@contextmanager
def _signals(store: Store, lease: Lease, control: Control) -> Iterator[list[int]]:
    """Ctrl-C stops the run cleanly, SIGTERM and SIGHUP leave it with a checkpoint; a second signal aborts it.

    Yields a list that gets the exit code of the first signal. Signals that are ignored, as under nohup, stay so.
    """
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        received.append(128 + number)
        if len(received) == 1:
            (control.stop if number == signal.SIGINT else control.leave)()
        elif len(received) == 2:
            # Not an exception, which may be raised where it is lost, nor `threading`, whose locks this thread may hold.
            _thread.start_new_thread(_abort, (store, lease, received[0]))

    with handled_signals(handle):
        yield received


@contextmanager
def handled_signals(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Call `handle` for SIGINT, SIGTERM and SIGHUP, except for those that are ignored."""
    known = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    wanted = [number for number in known if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _abort(store: Store, lease: Lease, code: int) -> None:
    """Record that the run was aborted, and exit."""
    timer = threading.Timer(ABORT_SECONDS, os._exit, (code,))
    timer.daemon = True
    timer.start()
    with suppress(Exception):
        store.stop(lease, "aborted; what was stored until then is kept")
    os._exit(code)


def experiment_of(
    store: Store, what: str, changes: list[tuple[str, str]], out: Output
) -> tuple[Experiment, str | None, Table | None]:
    """The experiment of the arguments, its recipe, and the data of a stored file."""
    path = Path(what)
    suffix = path.suffix.lower()
    if path.name == what and not suffix and not path.is_file():
        try:
            recipe = load_recipe(what)
        except NotFoundError as error:
            separator = " " if str(error).endswith("?") else "; "
            raise NotFoundError(f"{error}{separator}`python -m seqcore recipes` lists them") from None
        return _changed(recipe.experiment, changes), recipe.name, None
    if path.is_dir():
        raise DataError(f"{what}: is a folder; give a file")
    if not path.exists():
        raise NotFoundError(f"{what}: no such file; `recipes` lists what can be trained without one")
    if suffix in EXPERIMENTS:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise ExperimentError(f"{what}: is not a text file; give TOML or JSON") from None
        experiment = _changed(EXPERIMENTS[suffix](text), changes)
        kept = SOURCES[experiment.data.source].stored
        return experiment, None, store.table(experiment) if kept else None
    experiment, table = _own_data(store, path, changes, out)
    return experiment, None, table


def _changed(experiment: Experiment, changes: list[tuple[str, str]]) -> Experiment:
    return experiment.with_changes(changed_values(experiment, changes)) if changes else experiment


def changed_values(experiment: Experiment, changes: list[tuple[str, str]]) -> dict[str, Any]:
    """`--set` options under today's names, for `with_changes`. Fields of names take them separated by commas.

    ExperimentError, a line each, for fields that are given several values.
    """
    names = {setting.path for setting in settings_of(experiment) if setting.kind == "names"}
    values: dict[str, Any] = {}
    given = Counter(path for path, _ in dict.fromkeys(changes))
    if twice := [path for path, count in given.items() if count > 1]:
        raise ExperimentError(*(f"{path}: {given[path]} values are given; give one" for path in twice))
    for path, text in changes:
        several = path in names and "," in text and not text.lstrip().startswith("[")
        values[path] = [name.strip() for name in text.split(",")] if several else text
    return migrate_paths(values, experiment.model.architecture)


def predicted_columns(experiment: Experiment, table: Table) -> str:
    """One sentence: which columns are predicted from which, and how others become inputs; empty for other tasks."""
    target = next(setting for setting in settings_of(experiment) if setting.path == "data.target")
    if not experiment.applies(target) or table.frame is not None:
        return ""
    columns = PredictedColumns.of(table.columns, experiment.data)
    if not columns.others:
        return f"{columns.sentence}."
    added, words = (columns.others, "them") if len(columns.others) <= MOST_ADDED else (columns.others[:1], "the first")
    inputs = shlex.quote(f"data.inputs={','.join((*columns.inputs, *added))}")
    return f"{columns.sentence} (--set {inputs} adds {'it' if len(columns.others) == 1 else words})."


def _own_data(store: Store, path: Path, changes: list[tuple[str, str]], out: Output) -> tuple[Experiment, Table]:
    """Read a data file, store it, and suggest an experiment for it."""
    from seqcore.data.readers.read_table import read_table
    from seqcore.data.sources.stored_file import StoredFile, base_name
    from seqcore.tasks.auto_config import suggest_experiment

    blank = Experiment.make({"data": {"source": "file"}})
    wanted = changed_values(blank, changes)
    checked = blank.with_changes(wanted)
    if checked.data.source != "file":
        raise ExperimentError(f"data.source: {checked.data.source!r} is not allowed with a file; leave it out")
    name = base_name(path.name)
    with reading(out, name) as on_progress:
        options = StoredFile(**checked.data.options)
        if "data.missing" in wanted:
            options = options.for_missing(checked.data.missing)
        table = read_table(path, name=name, options=options, on_progress=on_progress)
    kept = store.put_file(path, name)
    data = {"source": "file", "options": {"hash": kept.hash, "name": kept.name}}
    return suggest_experiment(table, data=data, changes=wanted), table
