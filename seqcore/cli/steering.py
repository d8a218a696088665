"""Commands `set`, `slow` and `step`, which steer a run while it trains."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from seqcore.cli.output import Output
from seqcore.cli.training import changed_values
from seqcore.errors import StoreError
from seqcore.events import Changed
from seqcore.experiment.live import checked_changes, checked_rate
from seqcore.experiment.schedule_text import base_rate_note
from seqcore.results.formatting import counted
from seqcore.runs.api import open_store, shell_user
from seqcore.runs.labels import short_id
from seqcore.runs.store import Run, Store

__all__ = ["set_fields", "slow", "step"]

WAIT, POLL = 1.5, 0.05  # seconds: for the worker of a live run to apply a change, and between looks


def set_fields(args: argparse.Namespace, out: Output) -> int:
    """Change fields of a queued, running or paused run."""
    store = open_store(args.store)
    run = store.run(args.id)
    _check_not_ended(run, "set")
    changes: dict[str, Any] = changed_values(run.experiment, args.changes)
    known = store.events(run.id, newest=1)
    now = store.experiment_at(run.id, run.step + 1).with_changes(run.pending)
    store.command(run.id, "change", changes, by=shell_user())
    asked = checked_changes(run.experiment, changes)
    changes = {path: value for path, value in asked.items() if value != now.get(path)}
    if not changes:
        value = {"run": run.id, "status": run.status, "changes": {}, "requested_at_step": run.step, "step": None}
        out.result(value, f"{short_id(run.id)} has {_written(asked)} already")
        return 0
    step = None if run.status == "queued" else _applied(store, run, changes, after=known[-1].seq if known else 0)
    when = "before its first step" if run.status == "queued" and not run.step else "from the next step on"
    when = when if step is None else f"after step {step:,}"
    note = base_rate_note(run.experiment, changes)
    value = {"run": run.id, "status": run.status, "changes": changes, "requested_at_step": run.step, "step": step}
    out.result(value, f"{short_id(run.id)} gets {_written(changes)} {when}" + (f". {note}" if note else ""))
    return 0


def slow(args: argparse.Namespace, out: Output) -> int:
    """Slow a run down to some steps per second, or let it go on at full speed."""
    store = open_store(args.store)
    run = store.run(args.id)
    _check_not_ended(run, "slow")
    rate = checked_rate(args.rate)
    store.command(run.id, "slow", {"steps_per_second": rate}, by=shell_user())
    speed = "continues at full speed" if rate is None else f"takes at most {rate:g} steps per second"
    out.result({"run": run.id, "status": run.status, "steps_per_second": rate}, f"{short_id(run.id)} {speed}")
    return 0


def step(args: argparse.Namespace, out: Output) -> int:
    """Let a paused run take steps; it pauses again after them."""
    store = open_store(args.store)
    run = store.run(args.id)
    _check_not_ended(run, "step")
    if run.status == "queued":
        raise StoreError(f"run {run.id} is queued; step needs a paused one")
    store.command(run.id, "advance", {"steps": args.steps}, by=shell_user())
    text = f"{short_id(run.id)} takes {counted(args.steps, 'step')} from step {run.step:,} on"
    out.result({"run": run.id, "status": run.status, "steps": args.steps, "after_step": run.step}, text)
    return 0


def _written(changes: Mapping[str, Any]) -> str:
    """Fields and their values, as on the command line."""
    texts = (f"{value:g}" if isinstance(value, float) else str(value) for value in changes.values())
    return ", ".join(f"{path} = {text}" for path, text in zip(changes, texts, strict=True))


def _check_not_ended(run: Run, command: str) -> None:
    """StoreError where a command can't steer a run any more; it names the command as it was typed."""
    if run.ended:
        needed = "a paused one" if command == "step" else "a queued, running or paused one"
        raise StoreError(f"run {run.id} is {run.status}; {command} needs {needed}")


def _applied(store: Store, run: Run, changes: Mapping[str, Any], *, after: int) -> int | None:
    """The step after which the worker of a live run has applied changes; None if it has not said so within `WAIT`."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        for stored in store.events(run.id, after=after, kinds=("changed",)):
            if isinstance(stored.event, Changed) and changes.items() <= stored.event.changes.items():
                return stored.event.step
        time.sleep(POLL)
    return None
