"""Values in the JSON of stored events, read by the database: decoding a hundred thousand events takes seconds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, Float, case, cast, func

from seqcore.runs import schema

__all__ = ["event_number", "event_text"]


def event_text(connection: Connection, *path: str) -> ColumnElement[Any]:
    """The text (or number, or 1 and 0, in SQLite) at a path in the content of an event; null where there is none."""
    if connection.dialect.name == "sqlite":
        return func.json_extract(schema.events.c.content, ".".join(("$", *path)))
    return func.json_extract_path_text(cast(schema.events.c.content, JSON), *path)


def event_number(connection: Connection, *path: str) -> ColumnElement[Any]:
    """The number at a path in the content of an event; 1 and 0 for true and false; null where there is none."""
    value = event_text(connection, *path)
    if connection.dialect.name == "sqlite":
        return value
    number = case((value == "true", "1"), (value == "false", "0"), else_=value)
    return cast(number, Float)
