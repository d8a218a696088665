"""Commands `runs`, `show`, `pause`, `continue`, `stop` and `delete`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from seqcore.cli.output import Output
from seqcore.cli.progress import outcome, print_scores
from seqcore.data.splits import SPLITS
from seqcore.errors import NotFoundError
from seqcore.events import Changed, Finding, Finished
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import load_recipe
from seqcore.experiment.schedule_text import base_rate_note, rate_text, schedule_name
from seqcore.results.formatting import format_duration, format_number
from seqcore.runs.api import open_store
from seqcore.runs.labels import SHORT_ID, short_id
from seqcore.runs.refits import held_out_sentence, refit_parent
from seqcore.runs.store import Run, RunFilter

__all__ = ["command", "delete", "runs", "show", "when"]

MOST = 1000  # runs that are listed if no limit is given


def runs(args: argparse.Namespace, out: Output) -> int:
    """List runs, newest first or in another order, of all or those that match."""
    chosen = RunFilter(args.search, tuple(args.status), args.owner, args.sort)
    store = open_store(args.store)
    page = store.find_runs(chosen, limit=args.limit or MOST, offset=args.offset)
    found = page.runs
    if args.limit is None and page.total - args.offset > len(found):
        first, last = args.offset + 1, args.offset + len(found)
        out.note(f"{first:,} to {last:,} of {page.total:,} runs; use --offset and --limit for others")
    if out.json:
        for run in found:
            out.object(_brief(run))
        return 0
    if not found:
        start = "no runs yet; start one with `python -m seqcore train bouncing-ball`"
        out.note("no matching runs" if store.run_counts() else start)
        return 0
    length = _unique_length([run.id for run in found])
    rows = []
    for run in found:
        metric = next((name for split in SPLITS[::-1] if (name := f"{split}_{run.metric}") in run.metrics), "")
        score = f"{metric} {format_number(run.metrics[metric])}" if metric else ""
        if score and run.outline.on_all_data:  # training metrics, not comparable with a test metric
            score += ", on all data"
        source = run.recipe or run.outline.name or run.outline.source
        model = f"{run.outline.architecture} {run.outline.hidden_size}"
        trained = (f"{run.epoch} of {run.epochs}", score, format_duration(run.seconds), when(run.created))
        rows.append((run.id[:length], _status(run), source, model, *trained))
    columns = ("run", "status", "data", "model", "epochs", "metric", "time", "created")
    out.table(columns, rows, right=("epochs", "time"))
    return 0


def show(args: argparse.Namespace, out: Output) -> int:
    """Show one run: experiment, changes, findings and metrics."""
    store = open_store(args.store)
    run = store.run(args.id)
    recent = store.events(run.id, kinds=("changed", "finding"), newest=args.events)
    every = {stored.seq: stored.event for stored in [*store.findings(run.id), *recent]}
    events = [every[seq] for seq in sorted(every)]
    last = [stored.event for stored in store.events(run.id, kinds=("finished",), newest=1)]
    replicas = next((event.replicas for event in last if isinstance(event, Finished)), {})
    now = store.experiment_at(run.id, run.step + 1)
    rates = store.curve(run.id, "learning_rate")
    rate = float(rates.values[-1]) if len(rates) else None
    if out.json:
        value = _brief(run) | {"learning_rate": rate}
        value |= {"experiment": run.experiment.to_dict(), "baselines": run.baselines, "last_metrics": run.last_metrics}
        value |= {"replicas": replicas} if replicas else {}
        out.object({**value, "events": [event.to_dict() for event in events]})
        return 0
    out.line(outcome(run) if run.ended else f"{short_id(run.id)} {_status(run)}, epoch {run.epoch} of {run.epochs}")
    facts = [("run", run.id), ("created", when(run.created)), ("attempts", str(run.attempt))]
    parameters = None if run.parameters is None else f"{run.parameters:,}"
    origin = run.parent and f"{run.parent} at step {run.parent_step:,}"
    further = {"owner": run.owner, "recipe": run.recipe, "group": run.group, "fork of": origin}
    further |= {"parameters": parameters}
    facts += [(name, value) for name, value in further.items() if value]
    facts += [(path, _written(value)) for path, value in run.experiment.differences(_base(run)).items()]
    if schedule_name(run.experiment.training):
        at = f" at step {run.step:,}: " if run.step else " "
        facts.append(("learning rate", f"in force{at}{rate_text(now, rate)}"))
    out.facts(facts)
    for event in events:
        if isinstance(event, Finding):
            out.line(event.sentence)
        elif isinstance(event, Changed):
            note = base_rate_note(run.experiment, event.changes)
            out.line(f"changed after step {event.step}: {event.sentence}" + (f". {note}" if note else ""))
    print_scores(out, run, replicas)
    parent = refit_parent(store, run)
    if parent is not None:
        out.line(f"retrained on all data from {short_id(parent.id)}, held-out score: {held_out_sentence(parent)}")
    if run.status == "failed":
        out.line(run.error or "")
    if args.log:
        out.line(store.log(run.id).strip() or "the log of this run is empty")
    return 0


def command(args: argparse.Namespace, out: Output) -> int:
    """Ask the worker of a run to pause, continue or stop it."""
    store = open_store(args.store)
    run = store.run(args.id)
    store.command(run.id, args.kind)
    doing = {"pause": "pausing", "continue": "continuing", "stop": "stopping"}[args.kind]
    value = {"run": run.id, "command": args.kind, "status": store.run(run.id).status}
    out.result(value, f"{short_id(run.id)} {doing}")
    return 0


def delete(args: argparse.Namespace, out: Output) -> int:
    """Delete a run, after a confirmation if there is a terminal."""
    store = open_store(args.store)
    run = store.run(args.id)
    if not (args.yes or out.json) and sys.stdin.isatty() and sys.stderr.isatty():
        out.note(outcome(run))
        print("Delete it with its checkpoints? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            out.note("not deleted")
            return 1
    store.delete(run.id)
    out.result({"run": run.id, "deleted": True}, f"{short_id(run.id)} deleted")
    return 0


def _brief(run: Run) -> dict[str, Any]:
    """The fields of a run that `runs` and `show` print as JSON."""
    times = {"created": run.created, "started": run.started, "finished": run.finished}
    return {
        "run": run.id,
        **_attributes(run, "status", "stopping", "recipe", "group", "owner", "parent", "parent_step"),
        **_attributes(run.outline, "source", "task", "architecture"),
        **_attributes(run, "parameters", "attempt", "step", "epoch", "epochs", "best_epoch", "seconds"),
        **{name: time.isoformat() if time else None for name, time in times.items()},
        **_attributes(run, "metrics", "reference_baseline", "metric"),
        "on_all_data": run.outline.on_all_data,
        **_attributes(run, "queue_position", "reason", "error"),
    }


def _attributes(record: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


def _base(run: Run) -> Experiment:
    """The experiment to show differences from: the run's recipe, or the defaults of its source."""
    if run.recipe:
        try:
            return load_recipe(run.recipe).experiment
        except NotFoundError:
            pass  # a recipe of another version
    return Experiment.make({"data": {"source": run.experiment.data.source}})


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list) else "(empty)" if value is None else str(value)


def _status(run: Run) -> str:
    if run.stopping:
        return "stopping"
    return f"queued, position {run.queue_position}" if run.queue_position else run.status


def when(time: datetime) -> str:
    """A time in the local zone."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M")


def _unique_length(ids: Sequence[str]) -> int:
    """Number of characters that make all ids distinct."""
    length = SHORT_ID
    while len({run[:length] for run in ids}) < len(ids) and length < 36:
        length += 1
    return length
