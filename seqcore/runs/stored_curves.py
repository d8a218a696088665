"""The curves of a run in the database: blocks of values by step, and their downsampled curves, which grow with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, or_, select

from seqcore.runs import schema
from seqcore.runs.curves import NAMES, GrowingCurve, block_from_bytes, over_replicas, overlay
from seqcore.runs.integrity import block_crc, damaged, text_crc

__all__ = ["grow", "load_blocks", "load_curve", "load_values", "rewind"]


def load_blocks(
    connection: Connection,
    run_id: str,
    name: str,
    *,
    after: int = 0,
    until: int | None = None,
    steps: Sequence[int] = (),
) -> list[tuple[int, Any]]:
    """(first step, values [n] or [n, K]) of the blocks after `after` that begin by step `until`, as stored.

    With `steps`, of those blocks alone that have one of them.
    """
    table = schema.blocks
    columns = (table.c.first_step, table.c.last_step, table.c[name], table.c.crc)
    query = select(*columns).where(table.c.run == run_id, table.c.seq > after)
    if until is not None:
        query = query.where(table.c.first_step <= until)
    if steps:
        query = query.where(or_(*(and_(table.c.first_step <= step, table.c.last_step >= step) for step in steps)))
    query = query.order_by(table.c.seq)
    at, blocks = 8 * NAMES.index(name), []
    for first, last, content, crc in connection.execute(query):
        values = block_from_bytes(content, last - first + 1)
        if crc is not None and crc[at : at + 8] != block_crc(first, content, values.size // len(values)):
            raise damaged(run_id, f"the {name} from step {first:,} has another checksum")
        blocks.append((first, values))
    return blocks


def load_values(connection: Connection, run_id: str, name: str, steps: Sequence[int]) -> NDArray[np.float64]:
    """The values at these very steps, [n]; of replicas their median. NaN where none is stored, as at step 0."""
    found, values = overlay(load_blocks(connection, run_id, name, steps=steps) if steps else [])
    medians = over_replicas(values)
    known = dict(zip(found.tolist(), (medians[:, 0] if medians.ndim > 1 else medians).tolist(), strict=True))
    return np.array([known.get(step, np.nan) for step in steps])


def load_curve(connection: Connection, run_id: str, name: str) -> GrowingCurve:
    """The downsampled curve, with the blocks stored after it was last saved."""
    table = schema.curves
    query = select(table.c.through, table.c.content, table.c.crc).where(table.c.run == run_id, table.c.name == name)
    saved = connection.execute(query).one_or_none()
    if saved is not None and saved.crc is not None and saved.crc != text_crc(saved.content):
        saved = None  # it is made again from the blocks
    curve = GrowingCurve() if saved is None else GrowingCurve.from_bytes(saved.content)
    for first, values in load_blocks(connection, run_id, name, after=0 if saved is None else saved.through):
        grow(connection, run_id, name, curve, first, values)
    return curve


def grow(connection: Connection, run_id: str, name: str, curve: GrowingCurve, first: int, values: Any) -> bool:
    """Add a block to its curve. True if it starts a new attempt, at an earlier step."""
    again = first <= curve.newest
    if again:
        rewind(connection, run_id, name, curve, first - 1)
    curve.add(first, values)
    return again


def rewind(connection: Connection, run_id: str, name: str, curve: GrowingCurve, step: int) -> None:
    """Start the layer of a new attempt from every stored point up to `step`."""
    curve.begin(*overlay(load_blocks(connection, run_id, name, until=step), step))
