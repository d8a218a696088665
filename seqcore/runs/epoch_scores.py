"""The scores of a run by epoch, with the training time: read incrementally, as a run may have many epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from seqcore.runs import schema
from seqcore.runs.event_content import event_number

__all__ = ["EpochScores", "read_epoch_scores"]


@dataclass(frozen=True)
class EpochScores:
    """Epochs in order: the last `steps[n]` of each, its number, how long it took, and `values` by metric, [n].

    Of replicas, values are medians. NaN for what is not known. `seq` is the event of the last one.
    """

    steps: NDArray[np.int64]
    epochs: NDArray[np.int64]
    durations: NDArray[np.float64]  # seconds of training and validation of each epoch
    values: dict[str, NDArray[np.float64]]
    seq: int = 0

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """The training time at the end of each epoch, from the start of the run, [n]."""
        return np.cumsum(np.nan_to_num(self.durations))

    def joined(self, later: EpochScores) -> EpochScores:
        """These epochs and those that were stored after them: a repeated step counts as it was reported last."""
        if not len(self) or not len(later):
            return later if len(later) else self
        kept = ~np.isin(self.steps, later.steps)
        steps = np.concatenate([self.steps[kept], later.steps])
        order = np.argsort(steps, kind="stable")

        def both(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.concatenate([mine[kept], theirs])[order]

        values = {name: both(own, later.values[name]) for name, own in self.values.items()}
        epochs = np.concatenate([self.epochs[kept], later.epochs])[order]
        return EpochScores(steps[order], epochs, both(self.durations, later.durations), values, later.seq)


def read_epoch_scores(connection: Connection, run: str, names: Sequence[str], *, after: int = 0) -> EpochScores:
    """The epochs of a run that were stored after the event `after`, with the metrics `names`."""
    table = schema.events
    numbers = [event_number(connection, "epoch"), event_number(connection, "seconds")]
    metrics = [event_number(connection, "metrics", name) for name in names]
    query = select(table.c.step, *numbers, *metrics, table.c.seq)
    query = query.where(table.c.run == run, table.c.kind == "epoch", table.c.seq > after).order_by(table.c.seq)
    cursor = connection.execute(query).cursor
    assert cursor is not None
    rows = cursor.fetchall()  # the driver's tuples, as in `epoch_curve`
    latest = {int(row[0]): row for row in rows}
    steps = sorted(latest)
    cells = [[_number(value) for value in latest[step][1:-1]] for step in steps]
    columns = np.array(cells, dtype=np.float64).reshape(len(steps), 2 + len(names)).T
    return EpochScores(
        steps=np.array(steps, dtype=np.int64),
        epochs=columns[0].astype(np.int64),
        durations=columns[1],
        values=dict(zip(names, columns[2:], strict=True)),
        seq=int(rows[-1][-1]) if rows else after,
    )


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
