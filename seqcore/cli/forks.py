"""Commands `snapshots` and `fork`: the kept states of a run, and new runs that continue from them."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from seqcore.cli.output import Output
from seqcore.cli.runs import when
from seqcore.cli.training import changed_values, foreground
from seqcore.results.formatting import format_duration
from seqcore.runs.api import open_store, shell_user
from seqcore.runs.labels import short_id

__all__ = ["fork", "snapshots"]

REASONS = {
    "schedule": "schedule",
    "change": "before a change",
    "request": "on request",
    "pause": "paused",
    "end": "last checkpoint",
}


def snapshots(args: argparse.Namespace, out: Output) -> int:
    """List the kept states of a run, or ask its worker to keep the one it is in."""
    store = open_store(args.store)
    run = store.run(args.id)
    if args.take:
        store.command(run.id, "snapshot")
        out.result({"run": run.id, "command": "snapshot"}, f"{short_id(run.id)} keeps a snapshot of its next step")
        return 0
    found = store.snapshots(run.id)
    if out.json:
        for one in found:
            out.object({"run": run.id, **asdict(one), "time": one.time.isoformat()})
        return 0
    if not found:
        why = "has no snapshot yet" if not run.ended else "has no snapshots: it has not trained"
        out.note(f"run {run.id} {why}")
        return 0
    rows = [
        (f"{one.step:,}", f"{one.epoch:,}", format_duration(one.seconds), REASONS[one.reason], f"{one.size:,}",
         when(one.time))
        for one in found
    ]  # fmt: skip
    columns = ("step", "epoch", "training time", "kept", "bytes", "time")
    out.table(columns, rows, right=("step", "epoch", "training time", "bytes"))
    return 0


def fork(args: argparse.Namespace, out: Output) -> int:
    """Train a new run that equals another one up to a step, and goes on with the changes of `--set`."""
    store = open_store(args.store)
    parent = store.run(args.id)
    changes = changed_values(parent.experiment, args.changes)
    lease = store.start_fork(parent.id, args.step, changes, group=args.group, owner=shell_user())
    run = store.run(lease.run)
    text = f"fork of {short_id(parent.id)} at step {run.parent_step:,}"
    if out.json:
        out.object({"event": "forked", "run": run.id, "parent": parent.id, "parent_step": run.parent_step})
    else:
        out.note(text)
    return foreground(store, lease, out)
