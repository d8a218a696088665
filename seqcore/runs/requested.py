"""Queries of what was asked of runs: to start, to stop, to slow down."""

from __future__ import annotations

import json
from collections.abc import Set

from sqlalchemy import Connection, RowMapping, select

from seqcore.runs import schema
from seqcore.runs.records import LIVE

__all__ = ["queued_runs", "slow_motion", "stopping_runs"]


def stopping_runs(connection: Connection) -> Set[str]:
    """The ids of the live runs that were asked to stop in this attempt."""
    runs, asked = schema.runs, schema.commands
    query = (
        select(runs.c.id)
        .join(asked, (asked.c.run == runs.c.id) & (asked.c.attempt == runs.c.attempt))
        .where(runs.c.status.in_(LIVE), asked.c.kind == "stop")
    )
    return frozenset(connection.execute(query).scalars())


def slow_motion(connection: Connection, row: RowMapping) -> float | None:
    """The steps per second that this attempt of a run was slowed to last; None for full speed."""
    table = schema.commands
    asked = (table.c.run == row["id"], table.c.attempt == row["attempt"], table.c.kind == "slow")
    query = select(table.c.arguments).where(*asked).order_by(table.c.seq.desc()).limit(1)
    arguments = connection.execute(query).scalar_one_or_none()
    return None if arguments is None else json.loads(arguments)["steps_per_second"]


def queued_runs(connection: Connection) -> list[str]:
    """The ids of the queued runs, in the order in which they start."""
    table = schema.runs
    query = select(table.c.id).where(table.c.status == "queued").order_by(table.c.queued, table.c.number)
    return list(connection.execute(query).scalars())
