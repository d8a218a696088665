"""The scores of replicas by epoch: the values of each, of an evenly spaced part of the epochs of a long run."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Integer, cast, select

from seqcore.runs import schema
from seqcore.runs.event_content import event_number, event_text

__all__ = ["ReplicaEpochs", "read_replica_epochs"]


@dataclass(frozen=True)
class ReplicaEpochs:
    """Scores after epochs of a run with K replicas; NaN for what is not finite. `seq` is the event of the last one."""

    steps: NDArray[np.int64]  # [n], the last step of each epoch
    values: dict[str, NDArray[np.float64]]  # metric -> [n, K]
    seq: int = 0

    def __len__(self) -> int:
        return len(self.steps)

    def until(self, step: int) -> ReplicaEpochs:
        """The epochs that ended by `step`."""
        there = self.steps <= step
        return ReplicaEpochs(self.steps[there], {name: each[there] for name, each in self.values.items()}, self.seq)

    def joined(self, later: ReplicaEpochs) -> ReplicaEpochs:
        """These epochs and those that were stored after them: a repeated step counts as it was reported last."""
        if not len(self) or not len(later):
            return later if len(later) else self
        kept = ~np.isin(self.steps, later.steps)
        steps = np.concatenate([self.steps[kept], later.steps])
        order = np.argsort(steps, kind="stable")
        values = {
            name: np.concatenate([values[kept], later.values[name]])[order]
            for name, values in self.values.items()
            if name in later.values
        }
        return ReplicaEpochs(steps[order], values, later.seq)


def read_replica_epochs(
    connection: Connection, run: str, names: Sequence[str], *, after: int = 0, every: int = 1
) -> ReplicaEpochs:
    """Of the metrics `names`, those that every epoch has; of epochs after the event `after`, each `every`th one."""
    table = schema.events
    columns = (table.c.seq, table.c.step, *(event_text(connection, "replicas", name) for name in names))
    query = select(*columns).where(table.c.run == run, table.c.kind == "epoch", table.c.seq > after)
    if every > 1:
        query = query.where(cast(event_number(connection, "epoch"), Integer) % every == 0)
    rows = connection.execute(query.order_by(table.c.seq)).fetchall()
    if not rows:
        return ReplicaEpochs(np.zeros(0, dtype=np.int64), {}, after)
    last = {int(row[1]): row for row in rows}  # of an epoch that was repeated, the later report
    steps = sorted(last)
    values = {
        name: np.array([_numbers(last[step][column]) for step in steps])
        for column, name in enumerate(names, 2)
        if all(last[step][column] is not None for step in steps)
    }
    return ReplicaEpochs(np.array(steps, dtype=np.int64), values, int(rows[-1][0]))


def _numbers(text: str) -> list[float]:
    return [math.nan if value is None else float(value) for value in json.loads(text)]
