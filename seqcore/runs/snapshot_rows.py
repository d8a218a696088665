"""Rows of snapshots: adding, thinning and dropping them within a transaction. Files are left to the caller."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select

from seqcore.runs import schema
from seqcore.runs.records import Lease
from seqcore.training.snapshot_schedule import MOST_BYTES, place_of

__all__ = ["add_rows", "cut_rows", "files_of", "rows_of"]

SPARSEST = 64


def rows_of(connection: Connection, run: str, *, until: int | None = None) -> list[RowMapping]:
    """The snapshots of a run up to a step, by step."""
    table = schema.snapshots
    query = select(table).where(table.c.run == run).order_by(table.c.step, table.c.seq)
    if until is not None:
        query = query.where(table.c.step <= until)
    return list(connection.execute(query).mappings())


def files_of(connection: Connection, run: str) -> set[str]:
    """The files that the snapshots of a run are in."""
    table = schema.snapshots
    rows = connection.execute(select(table.c.file, table.c.shared).where(table.c.run == run))
    return {file for row in rows for file in row}


def add_rows(connection: Connection, run: str, rows: Sequence[dict[str, Any]]) -> set[str]:
    """Add snapshots in place of those at the same steps, and drop some where they are too large together.

    Returns the files that are no longer needed.
    """
    table = schema.snapshots
    at_same_steps = (table.c.run == run, table.c.step.in_([row["step"] for row in rows]))
    before = files_of(connection, run) | {row[name] for row in rows for name in ("file", "shared")}
    connection.execute(delete(table).where(*at_same_steps))
    connection.execute(table.insert(), list(rows))
    _drop(connection, (row["seq"] for row in _too_many(rows_of(connection, run))))
    return before - files_of(connection, run)


def cut_rows(connection: Connection, lease: Lease, step: int) -> set[str]:
    """Drop what earlier attempts kept after `step`, which will not be repeated unchanged.

    Returns the files that are no longer needed.
    """
    table = schema.snapshots
    later = (table.c.run == lease.run, table.c.attempt < lease.attempt, table.c.step > step)
    gone = list(connection.execute(select(table.c.seq).where(*later)).scalars())
    if not gone:
        return set()
    before = files_of(connection, lease.run)
    _drop(connection, gone)
    return before - files_of(connection, lease.run)


def _drop(connection: Connection, seqs: Iterable[int]) -> None:
    if chosen := list(seqs):
        connection.execute(delete(schema.snapshots).where(schema.snapshots.c.seq.in_(chosen)))


def _too_many(rows: Sequence[RowMapping], most: int | None = None) -> list[RowMapping]:
    """The snapshots to drop, of those of a run by step, so that the others take at most `most` bytes.

    Of the schedule every second one goes, then every second of the rest, and so on; then the oldest of the others. The
    first and the last stay.
    """
    most = MOST_BYTES if most is None else most
    kept, every = list(rows), 1
    while _bytes(kept) > most and every < SPARSEST:
        every *= 2
        kept = [row for row in kept if row["reason"] != "schedule" or (place_of(row["step"]) or 0) % every == 0]
        kept = kept if rows[-1] in kept else [*kept, rows[-1]]
    others = [row for row in kept[1:-1] if row["reason"] != "schedule"]
    while others and _bytes(kept) > most:
        kept.remove(others.pop(0))
    return [row for row in rows if row not in kept]


def _bytes(rows: Iterable[RowMapping]) -> int:
    return sum(row["size"] for row in rows)
