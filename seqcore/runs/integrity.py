"""Checksums of what the database holds, and reading the runs of a damaged database one by one.

SQLite has no checksums: a flipped bit in a number goes unnoticed, and one in a page makes whole queries fail.
"""

from __future__ import annotations

import contextlib
import sqlite3
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping, select
from sqlalchemy.exc import DBAPIError

from seqcore.errors import CorruptError, SeqcoreError
from seqcore.runs import schema

__all__ = ["block_crc", "damaged", "named", "rejoin", "run_crc", "salvaged", "text_crc", "verify_run"]

_UNCHECKED = ("number", "version", "crc", "title", "words", "skill")
"""Columns without a checksum: `version` changes without the others, and what lists are sorted by follows from them."""
_LATER = ("parent", "parent_step")
"""Columns that were added after rows had checksums: they count where they have a value."""
_FAULTS = (
    *(ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, ArithmeticError),
    *(AssertionError, MemoryError, RecursionError, struct.error, OSError),
)


def text_crc(content: str | bytes) -> int:
    """CRC-32 of a text or of bytes."""
    return zlib.crc32(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)


def block_crc(first_step: int, content: bytes, replicas: int = 1) -> str:
    """CRC-32 of a block, as eight hexadecimal digits."""
    return f"{zlib.crc32(content, (first_step + replicas - 1) & 0xFFFFFFFF):08x}"


def run_crc(row: Mapping[str, Any]) -> int:
    """CRC-32 of the columns of a run."""
    values = [
        _plain(column, row[column.name])
        for column in schema.runs.columns
        if column.name not in _UNCHECKED and not (column.name in _LATER and row[column.name] is None)
    ]
    return text_crc(repr(values))


def _plain(column: sa.Column[Any], value: Any) -> Any:
    """A value as the database returns it."""
    if value is None:
        return None
    kind = float if isinstance(column.type, sa.Float) else int if isinstance(column.type, sa.Integer) else str
    return kind(value)


def verify_run(row: Mapping[str, Any]) -> None:
    """CorruptError if a run's row isn't as it was written. Rows of earlier versions have no checksum."""
    with contextlib.suppress(*_FAULTS):
        if row["crc"] is None or row["crc"] == run_crc(row):
            return
    raise damaged(row["id"], "its record has another checksum")


def damaged(run: object, why: object) -> CorruptError:
    """The error of one damaged run."""
    detail = " ".join(str(why).split())[:120] or "it can't be read"
    return CorruptError(f"run {str(run)[:40]} is damaged ({detail}); delete it, or restore the store from a backup")


@contextlib.contextmanager
def named(run: str) -> Iterator[None]:
    """CorruptError with the name of the run in place of what damaged data cause."""
    try:
        yield
    except CorruptError as error:
        if " run " in f" {error}":
            raise
        raise damaged(run, error.lines[0].partition(" is damaged (")[2].partition(");")[0] or error) from error
    except SeqcoreError:
        raise
    except _FAULTS as error:
        raise damaged(run, f"{type(error).__name__}: {error}") from error


def rejoin(connection: sqlite3.Connection) -> None:
    """Give rows whose run doesn't exist back to the run whose id differs in one character: a bit of one has flipped."""
    orphans: dict[bytes, list[tuple[str, int]]] = {}
    # S608: names of tables and columns can't be parameters; these are the schema's own
    for table, row, *_ in connection.execute("PRAGMA foreign_key_check").fetchall():
        (run,) = connection.execute(f"SELECT CAST(run AS BLOB) FROM {table} WHERE rowid = ?", (row,)).fetchone()  # noqa: S608
        orphans.setdefault(bytes(run or b""), []).append((table, row))
    names = [column.name for column in schema.runs.columns]
    quoted = ", ".join(f'"{name}"' for name in names)
    for orphan, rows in orphans.items():
        for values in connection.execute(f"SELECT {quoted} FROM runs").fetchall():  # noqa: S608
            run = dict(zip(names, values, strict=True))
            if sum(a != b for a, b in zip(str(run["id"]).encode(), orphan, strict=False)) != 1:
                continue
            own = orphan.decode("utf-8", "replace")
            if run["crc"] is not None and run["crc"] == run_crc({**run, "id": own}):  # the run's own id is damaged
                connection.execute("UPDATE runs SET id = ? WHERE number = ?", (own, run["number"]))
            else:
                for table, row in rows:
                    connection.execute(f"UPDATE {table} SET run = ? WHERE rowid = ?", (run["id"], row))  # noqa: S608


def salvaged(connection: Connection) -> Iterator[RowMapping | str]:
    """The runs of a damaged SQLite database, the newest first: the row of each, or the id if it can't be read."""
    table, ids, last = schema.runs, {}, 0
    with contextlib.suppress(DBAPIError):
        index = "SELECT number, id FROM runs INDEXED BY sqlite_autoindex_runs_1"
        for number, run in connection.exec_driver_sql(index):
            ids[number] = str(run)
    for query in ("SELECT seq FROM sqlite_sequence WHERE name = 'runs'", "SELECT max(number) FROM runs"):
        with contextlib.suppress(DBAPIError):
            last = max(last, int(connection.exec_driver_sql(query).scalar() or 0))
    for number in range(min(max([last, *ids]), 10**6), 0, -1):
        try:
            row = connection.execute(select(table).where(table.c.number == number)).mappings().one_or_none()
        except DBAPIError:
            if number in ids:
                yield ids[number]
            continue
        if row is not None:
            yield row
