"""Commands `set`, `slow` and `step`, which steer a run while it goes on."""

from __future__ import annotations

import argparse
from typing import Any

from seqcore.cli.output import Output
from seqcore.cli.training import changed_values
from seqcore.experiment.live import checked_changes, checked_rate
from seqcore.results.formatting import counted
from seqcore.runs.api import open_store, shell_user

__all__ = ["set_fields", "slow", "step"]

SHORT_ID = 8


def set_fields(args: argparse.Namespace, out: Output) -> int:
    """Change fields of a queued, running or paused run."""
    store = open_store(args.store)
    run = store.run(args.id)
    changes: dict[str, Any] = changed_values(run.experiment, args.changes)
    store.command(run.id, "change", changes, by=shell_user())
    changes = checked_changes(run.experiment, changes)
    when = "before its first step" if run.status == "queued" and not run.step else "from the next step on"
    text = ", ".join(f"{path} = {value:g}" if isinstance(value, float) else f"{path} = {value}"
                     for path, value in changes.items())  # fmt: skip
    value = {"run": run.id, "status": run.status, "changes": changes, "after_step": run.step}
    out.result(value, f"{run.id[:SHORT_ID]} gets {text} {when}")
    return 0


def slow(args: argparse.Namespace, out: Output) -> int:
    """Slow a run down to some steps per second, or let it go on at full speed."""
    store = open_store(args.store)
    run = store.run(args.id)
    rate = checked_rate(args.rate)
    store.command(run.id, "slow", {"steps_per_second": rate}, by=shell_user())
    speed = "goes on at full speed" if rate is None else f"takes at most {rate:g} steps per second"
    out.result({"run": run.id, "status": run.status, "steps_per_second": rate}, f"{run.id[:SHORT_ID]} {speed}")
    return 0


def step(args: argparse.Namespace, out: Output) -> int:
    """Let a paused run take steps; it pauses again after them."""
    store = open_store(args.store)
    run = store.run(args.id)
    store.command(run.id, "advance", {"steps": args.steps}, by=shell_user())
    text = f"{run.id[:SHORT_ID]} takes {counted(args.steps, 'step')} from step {run.step:,} on"
    out.result({"run": run.id, "status": run.status, "steps": args.steps, "after_step": run.step}, text)
    return 0
