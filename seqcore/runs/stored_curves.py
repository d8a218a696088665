"""The curves of a run in the database: blocks of values by step, and their downsampled curves, which grow with them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from seqcore.runs import schema
from seqcore.runs.curves import NAMES, GrowingCurve, block_from_bytes, overlay
from seqcore.runs.integrity import block_crc, damaged, text_crc

__all__ = ["grow", "load_blocks", "load_curve", "rewind"]


def load_blocks(
    connection: Connection, run_id: str, name: str, *, after: int = 0, until: int | None = None
) -> list[tuple[int, Any]]:
    """(first step, values [n] or [n, K]) of the blocks after `after` that begin by step `until`, as stored."""
    table = schema.blocks
    columns = (table.c.first_step, table.c.last_step, table.c[name], table.c.crc)
    query = select(*columns).where(table.c.run == run_id, table.c.seq > after)
    if until is not None:
        query = query.where(table.c.first_step <= until)
    query = query.order_by(table.c.seq)
    at, blocks = 8 * NAMES.index(name), []
    for first, last, content, crc in connection.execute(query):
        values = block_from_bytes(content, last - first + 1)
        if crc is not None and crc[at : at + 8] != block_crc(first, content, values.size // len(values)):
            raise damaged(run_id, f"the {name} from step {first:,} has another checksum")
        blocks.append((first, values))
    return blocks


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
