"""Database tables of the store, and the named migrations from older versions."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    func,
    inspect,
    select,
)

from seqcore.errors import CorruptError, StoreError

__all__ = [
    "MIGRATIONS",
    "Migration",
    "blocks",
    "checkpoints",
    "commands",
    "curves",
    "events",
    "files",
    "migrate",
    "migrations",
    "runs",
    "version_of",
]

metadata = MetaData()
_Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite autoincrements only an INTEGER PRIMARY KEY

migrations = Table(
    "seqcore_migrations",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("applied", Float, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("number", _Number, primary_key=True),  # in the order of creation
    Column("id", String(36), nullable=False, unique=True),
    Column("status", String, nullable=False),
    Column("experiment", Text, nullable=False),  # JSON, as submitted
    Column("recipe", String),
    Column("group", String),
    Column("created", Float, nullable=False),  # all times are Unix times
    Column("queued", Float),  # when it was last queued; the order of the queue
    Column("started", Float),
    Column("finished", Float),
    Column("attempt", Integer, nullable=False),
    Column("version", Integer, nullable=False),  # counts writes, so that polling is cheap
    Column("step", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("epochs", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("metrics", Text, nullable=False),  # JSON with NaN
    Column("last_metrics", Text, nullable=False),
    Column("baselines", Text, nullable=False),
    Column("headline", String, nullable=False),
    Column("metric", String, nullable=False),
    Column("parameters", BigInteger),
    Column("best_epoch", Integer),
    Column("error", Text),
    Column("reason", Text, nullable=False),
    Column("pending", Text, nullable=False),  # JSON: changes to apply at the start of the next attempt
    Index("runs_by_status", "status", "queued"),
    sqlite_autoincrement=True,
)


def _run_column() -> Column[str]:
    return Column("run", String(36), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False)


events = Table(
    "events",
    metadata,
    Column("seq", _Number, primary_key=True),
    _run_column(),
    Column("attempt", Integer, nullable=False),
    Column("time", Float, nullable=False),
    Column("kind", String, nullable=False),
    Column("step", Integer, nullable=False),
    Column("content", Text, nullable=False),  # the event's own JSON object
    Index("events_by_run", "run", "seq"),
    sqlite_autoincrement=True,
)

blocks = Table(
    "blocks",
    metadata,
    Column("seq", _Number, primary_key=True),
    _run_column(),
    Column("attempt", Integer, nullable=False),
    Column("first_step", Integer, nullable=False),
    Column("last_step", Integer, nullable=False),
    Column("loss", LargeBinary, nullable=False),  # little-endian float64, because SQLite turns NaN into NULL
    Column("gradient_norm", LargeBinary, nullable=False),
    Column("learning_rate", LargeBinary, nullable=False),
    Index("blocks_by_run", "run", "seq"),
    Index("blocks_by_step", "run", "first_step"),
    sqlite_autoincrement=True,
)

curves = Table(
    "curves",
    metadata,
    Column("run", String(36), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("through", BigInteger, nullable=False),  # seq of the last block in it
    Column("content", LargeBinary, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("seq", _Number, primary_key=True),
    _run_column(),
    Column("attempt", Integer, nullable=False),
    Column("time", Float, nullable=False),
    Column("step", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("best_step", Integer),
    Column("file", String, nullable=False),  # below the checkpoints folder
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Index("checkpoints_by_run", "run", "seq"),
    sqlite_autoincrement=True,
)

commands = Table(
    "commands",
    metadata,
    Column("seq", _Number, primary_key=True),
    _run_column(),
    Column("attempt", Integer, nullable=False),
    Column("time", Float, nullable=False),
    Column("kind", String, nullable=False),
    Column("arguments", Text, nullable=False),  # JSON
    Column("taken", Float),
    Index("commands_by_run", "run", "seq"),
    sqlite_autoincrement=True,
)

files = Table(
    "files",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("name", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("time", Float, nullable=False),
)


@dataclass(frozen=True)
class Migration:
    """One step from a store of version n - 1 to version n. A released migration is never changed."""

    name: str
    apply: Callable[[Connection], None]


def _first(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False, tables=[t for t in metadata.sorted_tables if t is not migrations])


MIGRATIONS: tuple[Migration, ...] = (Migration("first-store", _first),)
"""The nth leads to version n. Once there is a second one, `_first` must list the columns of version 1."""


def version_of(connection: Connection, place: str) -> int:
    """The version of the store behind `connection`; 0 if it is empty.

    CorruptError if tables are missing, StoreError if it is another program's or a newer version's.
    """
    names = inspect(connection).get_table_names()
    if migrations.name not in names:
        if {t.name for t in metadata.sorted_tables} & set(names):
            raise CorruptError(f"{place} has tables of a store but no {migrations.name}; restore it from a backup")
        if names and connection.dialect.name == "sqlite":
            raise StoreError(f"{place} is a database of another program; name another file or folder for the store")
        return 0
    version = int(connection.execute(select(func.coalesce(func.max(migrations.c.version), 0))).scalar_one())
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{place} was written by a newer Sequence Lab (store version {version}; this program reads up to "
            f"{len(MIGRATIONS)}): update this program, or name another store"
        )
    return version


def migrate(connection: Connection, place: str) -> int:
    """Migrate the store to the newest version in the transaction of `connection`. Returns its old version."""
    before = version_of(connection, place)
    if before == 0:
        migrations.create(connection, checkfirst=True)
    for version, migration in enumerate(MIGRATIONS[before:], start=before + 1):
        migration.apply(connection)
        row = {"version": version, "name": migration.name, "applied": time.time()}
        connection.execute(migrations.insert().values(row))
    return before
