"""The epochs of a run as arrays: a run may have a hundred thousand, far too many to decode one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, select

from seqcore.runs import schema
from seqcore.runs.event_content import event_number

__all__ = ["EpochTable", "epochs_query"]


@dataclass(frozen=True)
class EpochTable:
    """One element of each array [n] for each stored epoch, in the order of storage."""

    seq: NDArray[np.int64]
    attempt: NDArray[np.int64]
    time: NDArray[np.float64]  # Unix time
    step: NDArray[np.int64]
    epoch: NDArray[np.int64]
    best: NDArray[np.bool_]  # the best so far
    val_loss: NDArray[np.float64]  # NaN where it is not finite, and without a validation split

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[Any, ...]]) -> EpochTable:
        """From (seq, attempt, time, step, epoch, best, val_loss or None) of each epoch."""
        columns = list(zip(*rows, strict=True)) or [()] * len(_TYPES)
        # As float64 first: None becomes NaN.
        arrays: list[Any] = [np.array(c, np.float64).astype(kind) for c, kind in zip(columns, _TYPES, strict=True)]
        return cls(*arrays)

    def __len__(self) -> int:
        return len(self.seq)

    def __getitem__(self, index: Any) -> EpochTable:
        return EpochTable(*(getattr(self, field.name)[index] for field in fields(self)))

    def joined(self, later: EpochTable) -> EpochTable:
        """These epochs and those that were stored after them."""
        pairs = ((getattr(self, field.name), getattr(later, field.name)) for field in fields(self))
        return EpochTable(*(np.concatenate(pair) for pair in pairs))

    def latest(self) -> EpochTable:
        """Each epoch once, in order: of an epoch that was repeated after a resume, the later report."""
        _, index = np.unique(self.epoch[::-1], return_index=True)
        return self[len(self) - 1 - index]


_TYPES = (np.int64, np.int64, np.float64, np.int64, np.int64, np.bool_, np.float64)


def epochs_query(connection: Connection, run_id: str, *, after: int) -> Select[Any]:
    """The rows for `EpochTable.of_rows`, of the epochs stored after the event `after`. The database reads the JSON."""
    table = schema.events
    columns = (table.c.seq, table.c.attempt, table.c.time, table.c.step)
    content = (event_number(connection, *path) for path in (("epoch",), ("best",), ("metrics", "val_loss")))
    return (
        select(*columns, *content)
        .where(table.c.run == run_id, table.c.kind == "epoch", table.c.seq > after)
        .order_by(table.c.seq)
    )
