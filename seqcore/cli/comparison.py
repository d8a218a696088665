"""Commands `compare`, `race` and `seeds`."""

from __future__ import annotations

import argparse
import os
from functools import partial
from types import FrameType
from typing import Any

import numpy as np

from seqcore.cli.output import Output
from seqcore.cli.training import changed_values, experiment_of, foreground, handled_signals
from seqcore.data.table import Table
from seqcore.errors import ExperimentError, SeqcoreError
from seqcore.experiment.experiment import Experiment
from seqcore.insight.comparison import axis_named, comparable_sets, same_but_seeds, short_titles, side_by_side
from seqcore.insight.paired_test import METHOD
from seqcore.insight.standings import Lap, standings
from seqcore.results import RESULT_TYPES, metric_named
from seqcore.results.answers import AnswersView
from seqcore.results.curves import CurvesView
from seqcore.results.formatting import format_duration, format_number, median_and_range
from seqcore.results.predictions import PredictionsView
from seqcore.runs import comparison as compared
from seqcore.runs import races
from seqcore.runs.api import open_store, shell_user
from seqcore.runs.best_baseline import best_baseline, best_baseline_text
from seqcore.runs.comparison import Comparison, Entry
from seqcore.runs.labels import network, short_id
from seqcore.runs.store import Run, Store

__all__ = ["compare", "race", "seeds"]

POSITIONS = 6  # of a curve that are printed
WHOLE = ("step", "examples")  # axes whose positions are whole numbers


def compare(args: argparse.Namespace, out: Output) -> int:
    """Compare runs, or the runs of groups."""
    store = open_store(args.store)
    axis_named(args.by)
    found = compared.compare(store, args.ids, args.groups)
    _print(store, found, out, by=args.by, what=args.what)
    if args.split:
        _print_predictions(store, found, out, args.split)
    return 0


def race(args: argparse.Namespace, out: Output) -> int:
    """Run a race in worker processes of this command, then print its outcome. A signal stops all of its runs; a second
    one leaves them to their workers, which write a checkpoint and exit."""
    store = open_store(args.store)
    experiment, recipe, table = experiment_of(store, args.what, args.changes, out)
    over = _competing(experiment, args.over)
    experiments = races.race_experiments(experiment, over)
    _check(experiments, table)
    shown: dict[str, str] = {}

    def on_update(runs: list[Run]) -> None:
        if not shown and not out.json:
            out.note(races.fairness(over))
        titles = short_titles([run.experiment for run in runs], [network(run.outline) for run in runs])
        for run, title in zip(runs, titles, strict=True):
            text = f"{run.status}, epoch {run.epoch} of {run.epochs}"
            if shown.get(run.id) != text and out.json:
                state = {"event": "race", "run": run.id, "group": run.group, "status": run.status, "epoch": run.epoch}
                out.object({**state, "epochs": run.epochs, "step": run.step, "seconds": run.seconds})
            elif shown.get(run.id, "").partition(",")[0] != run.status:
                out.note(f"{short_id(run.id)} {title}: {run.status}")
            shown[run.id] = text

    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        received.append(128 + number)
        if len(received) > 1:
            os._exit(received[0])

    with handled_signals(handle):
        runs = races.race(
            experiment, over, store=store, recipe=recipe, group=args.group, on_update=on_update,
            should_stop=lambda: bool(received),
        )  # fmt: skip
    found = compared.compare(store, [run.id for run in runs])
    _print(store, found, out, by="step", what="score")
    _print_standings(store, found, out)
    return received[0] if received else int(any(run.status == "failed" for run in runs))


def seeds(args: argparse.Namespace, out: Output) -> int:
    """Train an experiment with several seeds, and a second one over the same seeds where it is given."""
    store = open_store(args.store)
    experiment, recipe, table = experiment_of(store, args.what, args.changes, out)
    both = [experiment]
    if args.against:
        both.append(experiment.with_changes(changed_values(experiment, args.against)))
        if same_but_seeds(both[1]) == same_but_seeds(experiment):
            raise ExperimentError("against: this is the same experiment; change a field other than the seed")
        if len(comparable_sets(both)) > 1:
            raise ExperimentError(
                "against: with other data or targets the scores do not measure the same thing and can't be tested "
                "against each other; change fields of model or training, data.scaling, data.inputs or data.calendar"
            )
    every = [one for each in both for one in races.seed_experiments(each, args.count)]
    _check(every, table)
    group = args.group or races.new_group("seeds")
    started, code = [], 0
    for one in every:
        lease = store.start(one, recipe=recipe, group=group, owner=shell_user())
        started.append(lease.run)
        code = foreground(store, lease, out, quiet=True)
        if code:
            break
    found = compared.compare(store, started)
    _print(store, found, out, by="step", what="score")
    return code


def _competing(experiment: Experiment, over: list[tuple[str, str]]) -> dict[str, list[Any]]:
    """The fields of `--over` under today's names with their values, which are checked when experiments are made."""
    values: dict[str, list[Any]] = {}
    for path, text in over:
        each = [changed_values(experiment, [(path, value.strip())]) for value in text.split(",") if value.strip()]
        if not each:
            raise ExperimentError(f"over: {path} has no values; list them, as in {path}=A,B")
        if not all(each):
            raise ExperimentError(f"over: {path} is an option of another architecture than this experiment's")
        (field,) = each[0]
        if field in values:
            raise ExperimentError(f"over: {field} is given twice; list all of its values in one --over")
        values[field] = [one[field] for one in each]
    return values


def _check(experiments: list[Experiment], table: Table | None) -> None:
    from seqcore.training.fit import check  # torch

    for experiment in experiments:
        check(experiment, table)


def _print(store: Store, found: Comparison, out: Output, *, by: str, what: str) -> None:
    """What is compared, what differs, the curves, and tests over seeds."""
    tests = [test for entries in found.sets for test in compared.seed_tests(store, entries)]
    read = partial(compared.read_curves, store)
    views = [compared.curves_view(entries, read, what=what, by=by) for entries in found.sets]
    if out.json:
        listed = [_entry(store, entry, found) for entry in found.entries]
        differing = [{"path": d.path, "title": d.title, "values": list(d.values)} for d in found.differences]
        out.object({
            "entries": listed, "best_baselines": [_best_baseline(entries) for entries in found.sets],
            "differences": differing, "missing": list(found.missing), "comparable": len(found.sets) == 1,
            "warning": found.warning,
        })  # fmt: skip
        for place, view in enumerate(views):
            out.object({"set": place, "by": by, "what": what, **view.to_dict()})
        for test in tests:
            fields = ("first", "second", "metric", "split", "p", "different", "better", "sentence")
            pairs = {"seeds": list(test.seeds), "differences": list(test.differences), "method": METHOD}
            out.object({"test": {**{name: getattr(test, name) for name in fields}, **pairs}})
        return
    for line in (*found.missing, found.warning):
        if line:
            out.note(line)
    for entries in found.sets:
        _print_entries(store, entries, out)
    if found.differences:
        out.line("")
        columns = ("differs", *(entry.title for entry in found.entries))
        out.table(columns, [(d.path, *d.texts) for d in found.differences])
        if found.schedule_note:
            out.line(found.schedule_note)
    for view in views:
        _print_curves(view, out, by=by)
    for test in tests:
        out.line(test.sentence)
    if tests:
        out.line(METHOD)


def _entry(store: Store, entry: Entry, found: Comparison) -> dict[str, Any]:
    of = next(place for place, entries in enumerate(found.sets) if entry in entries)
    split = compared.shared_split(found.sets[of])
    scores = compared.seed_scores(store, entry, split) if split else {}
    return {
        "title": entry.title,
        "set": of,
        "runs": [run.id for run in entry.runs],
        "status": [run.status for run in entry.runs],
        "epochs": [run.epoch for run in entry.runs],
        "seconds": [run.seconds for run in entry.runs],
        "parameters": entry.parameters,
        "metric": entry.runs[0].metric,
        "split": split,
        "scores": {str(seed): score for seed, score in sorted(scores.items())},
    }


def _best_baseline(entries: tuple[Entry, ...]) -> dict[str, Any] | None:
    """The best baseline of comparable entries on the split on which they are compared."""
    split = compared.shared_split(entries)
    best = best_baseline((run for entry in entries for run in entry.runs), split)
    return None if best is None else {"title": best.name, "split": split, "score": best.value}


def _print_entries(store: Store, entries: tuple[Entry, ...], out: Output) -> None:
    split = compared.shared_split(entries)
    name = compared.score_title(entries, split) if split else "score"
    rows = []
    for entry in entries:
        score = median_and_range(compared.shown_scores(store, entry, split))
        run = entry.runs[0]
        status = run.status if len(entry.runs) == 1 else f"{sum(r.status == 'completed' for r in entry.runs)} completed"
        parameters = f"{entry.parameters:,}" if entry.parameters else "-"
        seconds = format_duration(sum(r.seconds for r in entry.runs) / len(entry.runs))
        epochs = f"{run.epoch} of {run.epochs}"
        rows.append((short_id(run.id), entry.title, status, epochs, str(entry.seeds), score, parameters, seconds))
    best = best_baseline((run for entry in entries for run in entry.runs), split)
    if best is not None:
        title, value = best_baseline_text(best, metric_named(entries[0].runs[0].metric))
        rows.append(("", title, "", "", "", value, "", ""))
    columns = ("run", "experiment", "status", "epochs", "seeds", name, "parameters", "time")
    out.table(columns, rows, right=("epochs", "seeds", "parameters", "time"))


def _print_curves(view: CurvesView, out: Output, *, by: str) -> None:
    """The curves at a few positions that are the same for all."""
    known = [curve for curve in view.curves if np.isfinite(curve.y).any()]
    if not known:
        out.note("no run has a validation score yet, so there are no curves")
        return
    end = max(float(np.nanmax(curve.x)) for curve in known if np.isfinite(curve.x).any())
    first = max(float(np.nanmin(curve.x)) for curve in known if np.isfinite(curve.x).any())
    out.line("")
    positions = np.unique(np.linspace(first, end, POSITIONS))
    if by in WHOLE:
        positions = np.unique(np.clip(np.rint(positions), np.ceil(first), np.floor(end)))
    rows = [(curve.name, *(format_number(curve.at(float(x))) for x in positions)) for curve in known]
    out.table((f"{view.y_title} at {view.x_title}", *map(format_number, positions.tolist())), rows)


def _print_standings(store: Store, found: Comparison, out: Output) -> None:
    """Who leads at equal steps and at equal time."""
    laps = []
    for entry in found.entries:
        source = compared.read_curves(store, entry.runs[0].id)
        scores = source.epochs.values.get(f"val_{source.run.metric}", np.full(len(source.epochs), np.nan))
        counts = source.run.status not in ("failed", "interrupted")
        laps.append(Lap(source.epochs.steps, source.epochs.seconds, scores, counts))
    words = metric_named(found.entries[0].runs[0].metric)
    state = standings(laps, higher_is_better=words.higher_is_better)
    titles = [entry.title for entry in found.entries]
    if out.json:
        named = {name: dict(zip(titles, getattr(state, name), strict=True)) for name in ("at_step", "at_time")}
        leaders = {
            name: None if (place := getattr(state, name)) is None else titles[place]
            for name in ("leader_at_step", "leader_at_time")
        }
        out.object({"standings": {"step": state.step, "seconds": state.seconds, **named, **leaders}})
        return
    if state.step is None or state.seconds is None or state.leader_at_step is None:
        out.note("nobody leads: not every competitor has a validation score")
        return
    for what, best in ((f"step {state.step:,}", state.at_step), (format_duration(state.seconds), state.at_time)):
        ranked = [f"{titles[place]} {format_number(best[place])}" for place in state.order(best)]
        out.line(f"best validation {words.short} up to {what}: {', '.join(ranked)}")


def _short(cell: object) -> str:
    """A cell of a table: exact numbers in few digits, long texts cut."""
    try:
        return format_number(float(str(cell)))
    except ValueError:
        return str(cell)[:60]


def _print_predictions(store: Store, found: Comparison, out: Output, split: str) -> None:
    """The predictions of every model for the same examples."""
    for entries in found.sets:
        try:
            views = [
                store.predictor(entry.runs[0].id).evaluate(store.table(entry.runs[0].id), split=split).view
                for entry in entries
            ]
            view = side_by_side([entry.title for entry in entries], views)
        except SeqcoreError as error:
            if out.json:
                out.object({"refused": list(error.lines)})
            for line in error.lines:
                out.note(line)
            continue
        if out.json:
            out.object(view.to_dict())
            continue
        columns, rows = view.summary() or view.table()
        out.line("")
        if RESULT_TYPES[view.kind].figure and not isinstance(view, PredictionsView):
            out.note("frames are printed by --json")
            continue
        out.table(list(columns), [[row[0], *map(_short, row[1:])] for row in rows[:20]])
        out.note(view.reading if isinstance(view, AnswersView) else view.caption)
