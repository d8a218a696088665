"""Command `replica-cost`: what training several seeds together costs beside one, measured."""

from __future__ import annotations

import argparse

from seqcore.cli.output import Output
from seqcore.cli.training import experiment_of
from seqcore.runs.api import open_store

__all__ = ["replica_cost"]


def replica_cost(args: argparse.Namespace, out: Output) -> int:
    """Measure the training step of several seeds together beside that of one."""
    experiment, _, table = experiment_of(open_store(args.store), args.what, args.changes, out)
    from seqcore.training import replica_cost as measured  # torch

    cost = measured.replica_cost(experiment, table, counts=tuple(dict.fromkeys(args.counts)))
    if out.json:
        out.object({"step_seconds": cost.step_seconds, "ratios": cost.ratios, "offer": cost.offer})
        return 0
    rows = [(str(count), f"{ratio:.2f}", f"{ratio / count:.2f}") for count, ratio in cost.ratios.items()]
    out.table(("seeds together", "time / one seed", "time a seed / one seed"), rows)
    out.line(f"A step of one seed takes {1000 * cost.step_seconds:.2f} ms.")
    if cost.offer is not None:
        out.line(f"{cost.sentence[:1].upper()}{cost.sentence[1:]}: --set training.replicas={cost.offer}")
    return 0
