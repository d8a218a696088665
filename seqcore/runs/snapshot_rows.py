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
    kept = rows_of(connection, run)
    steps = {row["step"] for row in rows}
    gone = [row for row in kept if row["step"] in steps]
    _drop(connection, gone)
    connection.execute(schema.snapshots.insert(), list(rows))
    if _bytes([*kept, *rows]) - _bytes(gone) > MOST_BYTES:
        kept = rows_of(connection, run)
        thinned = _too_many(kept)
        _drop(connection, thinned)
        gone += thinned
    return _files(gone) - files_of(connection, run) if gone else set()


def cut_rows(connection: Connection, lease: Lease, step: int) -> set[str]:
    """Drop what earlier attempts kept after `step`, which will not be repeated unchanged.

    Returns the files that are no longer needed.
    """
    table = schema.snapshots
    later = (table.c.run == lease.run, table.c.attempt < lease.attempt, table.c.step > step)
    gone = list(connection.execute(select(table).where(*later)).mappings())
    _drop(connection, gone)
    return _files(gone) - files_of(connection, lease.run) if gone else set()


def _drop(connection: Connection, rows: Sequence[RowMapping]) -> None:
    if rows:
        table = schema.snapshots
        connection.execute(delete(table).where(table.c.seq.in_([row["seq"] for row in rows])))


def _files(rows: Iterable[RowMapping]) -> set[str]:
    return {row[name] for row in rows for name in ("file", "shared")}


def _too_many(rows: Sequence[RowMapping]) -> list[RowMapping]:
    """The snapshots to drop, of those of a run by step, so that the others take at most `MOST_BYTES`.

    Of the schedule every second one goes, then every second of the rest, and so on; then the oldest of the others. The
    first and the last stay.
    """
    kept, every = list(rows), 1
    while _bytes(kept) > MOST_BYTES and every < SPARSEST:
        every *= 2
        kept = [row for row in kept if row["reason"] != "schedule" or (place_of(row["step"]) or 0) % every == 0]
        kept = kept if rows[-1] in kept else [*kept, rows[-1]]
    others = [row for row in kept[1:-1] if row["reason"] != "schedule"]
    while others and _bytes(kept) > MOST_BYTES:
        kept.remove(others.pop(0))
    return [row for row in rows if row not in kept]


def _bytes(rows: Iterable[Any]) -> int:
    return sum(row["size"] for row in rows)
