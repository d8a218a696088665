"""The named migrations of a store from older versions of its tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from seqcore.errors import CorruptError, StoreError
from seqcore.runs import schema
from seqcore.runs.epoch_curve import save_epoch_curve
from seqcore.runs.event_content import event_text
from seqcore.runs.labels import list_columns

__all__ = ["MIGRATIONS", "Migration", "is_current", "migrate", "version_of"]

T = TypeVar("T")


@dataclass(frozen=True)
class Migration:
    """One step from a store of version n - 1 to version n. A released migration is never changed."""

    name: str
    apply: Callable[[sa.Connection], None]


def _first(connection: sa.Connection) -> None:
    tables = [table for table in schema.metadata.sorted_tables if table is not schema.migrations]
    schema.metadata.create_all(connection, checkfirst=False, tables=tables)


def _owners(connection: sa.Connection) -> None:
    _add_column(connection, schema.runs.c.owner)
    schema.uploads.create(connection, checkfirst=True)


def _add_column(connection: sa.Connection, column: sa.Column[Any]) -> None:
    """Add a column to a table that lacks it. Its values are NULL."""
    table = column.table.name
    if column.name not in {known["name"] for known in sa.inspect(connection).get_columns(table)}:
        kind = column.type.compile(connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {column.name} {kind}")


def _checksums(connection: sa.Connection) -> None:
    for table in (schema.runs, schema.events, schema.blocks, schema.curves):
        _add_column(connection, table.c.crc)


def _lists(connection: sa.Connection) -> None:
    for column in (schema.runs.c.title, schema.runs.c.words, schema.runs.c.skill):
        _add_column(connection, column)
    read = ("number", "id", "recipe", "owner", "experiment", "metrics", "baselines", "headline", "metric")
    query = sa.select(*(schema.runs.c[name] for name in read))
    fill = sa.update(schema.runs).where(schema.runs.c.number == sa.bindparam("of_run"))
    for part in _batched(_numbers(connection)):
        rows = _readable_rows(connection, query, part)
        if rows:
            connection.execute(fill, [{"of_run": row["number"], **list_columns(row)} for row in rows])
    if connection.dialect.name == "sqlite":
        _create_index(connection, schema.runs_in_lists)


def _tags(connection: sa.Connection) -> None:
    _add_column(connection, schema.events.c.tag)
    for index in sorted(schema.events.indexes, key=lambda index: str(index.name)):
        _create_index(connection, index)
    code, best = event_text(connection, "code"), sa.cast(event_text(connection, "best"), sa.String)
    fill = sa.update(schema.events).where(schema.events.c.run == sa.bindparam("of_run"))
    findings = fill.where(schema.events.c.kind == "finding").values(tag=code)
    epochs = fill.where(schema.events.c.kind == "epoch", best.in_(["1", "true"])).values(tag=schema.BEST)
    query = sa.select(schema.runs.c.number, schema.runs.c.id, schema.runs.c.epoch)
    for part in _batched(_numbers(connection)):
        for row in _readable_rows(connection, query, part):
            run = str(row["id"])
            for update in (findings, epochs):
                _unless_damaged(connection, partial(connection.execute, update, {"of_run": run}))
            if row["epoch"] > _LONG:
                _unless_damaged(connection, partial(save_epoch_curve, connection, run))


def _snapshots(connection: sa.Connection) -> None:
    for column in (schema.runs.c.parent, schema.runs.c.parent_step):
        _add_column(connection, column)
    schema.snapshots.create(connection, checkfirst=True)
    for index in schema.runs.indexes:
        if index.name == "runs_by_parent":
            _create_index(connection, index)


_LONG = 1000  # epochs; of fewer, the curve is made from the events in a few milliseconds


def _numbers(connection: sa.Connection) -> list[int]:
    """The numbers of all runs, if they can be read."""
    query = sa.select(schema.runs.c.number).order_by(schema.runs.c.number)
    return _unless_damaged(connection, lambda: list(connection.execute(query).scalars())) or []


def _batched(numbers: list[int]) -> Iterator[list[int]]:
    return (numbers[at : at + 500] for at in range(0, len(numbers), 500))


def _readable_rows(connection: sa.Connection, query: sa.Select[Any], numbers: list[int]) -> list[dict[str, Any]]:
    """The rows of runs; one by one where one of them is damaged."""
    chosen = query.where(schema.runs.c.number.in_(numbers))
    rows = _unless_damaged(connection, lambda: [dict(row) for row in connection.execute(chosen).mappings()])
    if rows is None and len(numbers) > 1:
        return [row for number in numbers for row in _readable_rows(connection, query, [number])]
    return rows or []


def _create_index(connection: sa.Connection, index: sa.Index) -> None:
    _unless_damaged(connection, partial(index.create, connection, checkfirst=True))  # queries are slower without it


def _unless_damaged(connection: sa.Connection, action: Callable[[], T]) -> T | None:
    """What `action` returns; None, and nothing changed, where it meets damaged data.

    A migration must not make intact runs of a damaged store unreadable.
    """
    try:
        with connection.begin_nested():
            return action()
    except (CorruptError, UnicodeDecodeError):
        return None
    except sa.exc.DBAPIError as error:
        if any(word in str(error).lower() for word in ("malformed", "utf-8", "not a database", "json")):
            return None
        raise


MIGRATIONS: tuple[Migration, ...] = (
    Migration("first-store", _first),
    Migration("owners", _owners),
    Migration("checksums", _checksums),
    Migration("lists", _lists),
    Migration("tags", _tags),
    Migration("snapshots", _snapshots),
)
"""The nth leads to version n. `_first` makes today's tables; the others add what a store of their version lacks."""


def version_of(connection: sa.Connection, place: str) -> int:
    """The version of the store behind `connection`; 0 if it is empty.

    CorruptError if tables are missing, StoreError if it is another program's or a newer version's.
    """
    names = sa.inspect(connection).get_table_names()
    if schema.migrations.name not in names:
        if {t.name for t in schema.metadata.sorted_tables} & set(names):
            raise CorruptError(
                f"{place} has tables of a store but no {schema.migrations.name}; restore it from a backup"
            )
        if names and connection.dialect.name == "sqlite":
            raise StoreError(f"{place} is a database of another program; name another file or folder for the store")
        return 0
    newest = sa.func.coalesce(sa.func.max(schema.migrations.c.version), 0)
    version = int(connection.execute(sa.select(newest)).scalar_one())
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{place} was written by a newer Sequence Lab (store version {version}; this program reads up to "
            f"{len(MIGRATIONS)}): update this program, or name another store"
        )
    return version


def is_current(connection: sa.Connection, place: str) -> bool:
    """Whether the store has the newest version. Errors as for `version_of`."""
    return version_of(connection, place) == len(MIGRATIONS)


def migrate(connection: sa.Connection, place: str) -> int:
    """Migrate the store to the newest version in the transaction of `connection`. Returns its old version."""
    before = version_of(connection, place)
    if before == 0:
        schema.migrations.create(connection, checkfirst=True)
    for version, migration in enumerate(MIGRATIONS[before:], start=before + 1):
        migration.apply(connection)
        row = {"version": version, "name": migration.name, "applied": time.time()}
        connection.execute(schema.migrations.insert().values(row))
    return before
