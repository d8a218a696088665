"""Database tables of the store, and the named migrations from older versions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from seqcore.errors import CorruptError, StoreError

__all__ = [
    "BEST",
    "COLUMNS",
    "MIGRATIONS",
    "Migration",
    "blocks",
    "checkpoints",
    "commands",
    "curves",
    "events",
    "files",
    "is_current",
    "migrate",
    "migrations",
    "runs",
    "uploads",
    "version_of",
]

T = TypeVar("T")

metadata = sa.MetaData()
BEST = "best"
_Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite autoincrements only an INTEGER PRIMARY KEY

migrations = sa.Table(
    "seqcore_migrations",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("applied", sa.Float, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("number", _Number, primary_key=True),  # in the order of creation
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("experiment", sa.Text, nullable=False),  # JSON, as submitted
    sa.Column("recipe", sa.String),
    sa.Column("group", sa.String),
    sa.Column("created", sa.Float, nullable=False),  # all times are Unix times
    sa.Column("queued", sa.Float),  # when it was last queued; the order of the queue
    sa.Column("started", sa.Float),
    sa.Column("finished", sa.Float),
    sa.Column("attempt", sa.Integer, nullable=False, default=1),
    sa.Column("version", sa.Integer, nullable=False, default=1),  # counts writes, so that polling is cheap
    sa.Column("step", sa.Integer, nullable=False, default=0),
    sa.Column("epoch", sa.Integer, nullable=False, default=0),
    sa.Column("epochs", sa.Integer, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False, default=0.0),
    sa.Column("metrics", sa.Text, nullable=False, default="{}"),  # JSON with NaN
    sa.Column("last_metrics", sa.Text, nullable=False, default="{}"),
    sa.Column("baselines", sa.Text, nullable=False, default="{}"),
    sa.Column("headline", sa.String, nullable=False, default=""),
    sa.Column("metric", sa.String, nullable=False, default=""),
    sa.Column("parameters", sa.BigInteger),
    sa.Column("best_epoch", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("pending", sa.Text, nullable=False, default="{}"),  # JSON: changes for the next attempt
    sa.Column("owner", sa.String),  # the user who started it, if users sign in
    sa.Column("crc", sa.BigInteger),  # see `integrity.run_crc`
    sa.Column("title", sa.Text),  # this and the next two: what lists are sorted and searched by, see `labels.list_columns`
    sa.Column("words", sa.Text),
    sa.Column("skill", sa.Float),
    sa.Index("runs_by_status", "status", "queued"),
    sqlite_autoincrement=True,
)


# All that a list of runs is filtered and sorted by, so that SQLite reads this alone: the rows of runs are long.
runs_in_lists = sa.Index(
    "runs_in_lists", *(runs.c[name] for name in ("number", "id", "status", "owner", "seconds", "skill", "title", "words"))
).ddl_if(dialect="sqlite")


def _run_column(*, primary_key: bool = False) -> sa.Column[str]:
    run = sa.ForeignKey("runs.id", ondelete="CASCADE")
    return sa.Column("run", sa.String(36), run, nullable=False, primary_key=primary_key)


def _table_by_run(name: str, *columns: sa.Column[Any] | sa.Index) -> sa.Table:
    """A table of rows that attempts of runs add, in the order in which they were stored."""
    return sa.Table(
        name,
        metadata,
        sa.Column("seq", _Number, primary_key=True),
        _run_column(),
        sa.Column("attempt", sa.Integer, nullable=False),
        *columns,
        sa.Index(f"{name}_by_run", "run", "seq"),
        sqlite_autoincrement=True,
    )


events = _table_by_run(
    "events",
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("content", sa.Text, nullable=False),  # the event's own JSON object
    sa.Column("crc", sa.BigInteger),
    sa.Column("tag", sa.String),  # the code of a finding; `BEST` for an epoch that was the best so far
    sa.Index("events_by_kind", "run", "kind", "seq"),
)
events_by_tag = sa.Index(
    "events_by_tag", *(events.c[name] for name in ("run", "kind", "tag", "seq")),
    sqlite_where=events.c.tag.is_not(None), postgresql_where=events.c.tag.is_not(None),
)  # fmt: skip

blocks = _table_by_run(
    "blocks",
    sa.Column("first_step", sa.Integer, nullable=False),
    sa.Column("last_step", sa.Integer, nullable=False),
    sa.Column("loss", sa.LargeBinary, nullable=False),  # little-endian float64, because SQLite turns NaN into NULL
    sa.Column("gradient_norm", sa.LargeBinary, nullable=False),
    sa.Column("learning_rate", sa.LargeBinary, nullable=False),
    sa.Column("crc", sa.String),  # of each of the three, eight hexadecimal digits
    sa.Index("blocks_by_step", "run", "first_step"),
)

curves = sa.Table(
    "curves",
    metadata,
    _run_column(primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("through", sa.BigInteger, nullable=False),  # seq of the last block in it
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("crc", sa.BigInteger),
)

checkpoints = _table_by_run(
    "checkpoints",
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("best_step", sa.Integer),
    sa.Column("file", sa.String, nullable=False),  # below the checkpoints folder
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
)

commands = _table_by_run(
    "commands",
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("arguments", sa.Text, nullable=False),  # JSON
    sa.Column("taken", sa.Float),
)

files = sa.Table(
    "files",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("time", sa.Float, nullable=False),
)

uploads = sa.Table(  # of users who sign in: the same content may be stored by several of them, under different names
    "uploads",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("time", sa.Float, nullable=False),
)


COLUMNS = {table.name: {column.name for column in table.columns} for table in metadata.sorted_tables}


@dataclass(frozen=True)
class Migration:
    """One step from a store of version n - 1 to version n. A released migration is never changed."""

    name: str
    apply: Callable[[sa.Connection], None]


def _first(connection: sa.Connection) -> None:
    metadata.create_all(connection, checkfirst=False, tables=[t for t in metadata.sorted_tables if t is not migrations])


def _owners(connection: sa.Connection) -> None:
    _add_column(connection, runs.c.owner)
    uploads.create(connection, checkfirst=True)


def _add_column(connection: sa.Connection, column: sa.Column[Any]) -> None:
    """Add a column to a table that lacks it. Its values are NULL."""
    table = column.table.name
    if column.name not in {known["name"] for known in sa.inspect(connection).get_columns(table)}:
        kind = column.type.compile(connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {column.name} {kind}")


def _checksums(connection: sa.Connection) -> None:
    for table in (runs, events, blocks, curves):
        _add_column(connection, table.c.crc)


def _lists(connection: sa.Connection) -> None:
    from seqcore.runs.labels import list_columns

    for column in (runs.c.title, runs.c.words, runs.c.skill):
        _add_column(connection, column)
    read = ("number", "id", "recipe", "owner", "experiment", "metrics", "baselines", "headline", "metric")
    query = sa.select(*(runs.c[name] for name in read))
    fill = sa.update(runs).where(runs.c.number == sa.bindparam("of_run"))
    for part in _batched(_numbers(connection)):
        rows = _readable_rows(connection, query, part)
        if rows:
            connection.execute(fill, [{"of_run": row["number"], **list_columns(row)} for row in rows])
    if connection.dialect.name == "sqlite":
        _create_index(connection, runs_in_lists)


def _tags(connection: sa.Connection) -> None:
    from seqcore.runs.epoch_curve import save_epoch_curve
    from seqcore.runs.event_content import event_text

    _add_column(connection, events.c.tag)
    for index in sorted(events.indexes, key=lambda index: str(index.name)):
        _create_index(connection, index)
    code, best = event_text(connection, "code"), sa.cast(event_text(connection, "best"), sa.String)
    fill = sa.update(events).where(events.c.run == sa.bindparam("of_run"))
    findings = fill.where(events.c.kind == "finding").values(tag=code)
    epochs = fill.where(events.c.kind == "epoch", best.in_(["1", "true"])).values(tag=BEST)
    query = sa.select(runs.c.number, runs.c.id, runs.c.epoch)
    for part in _batched(_numbers(connection)):
        for row in _readable_rows(connection, query, part):
            run = str(row["id"])
            for update in (findings, epochs):
                _unless_damaged(connection, partial(connection.execute, update, {"of_run": run}))
            if row["epoch"] > _LONG:
                _unless_damaged(connection, partial(save_epoch_curve, connection, run))


_LONG = 1000  # epochs; of fewer, the curve is made from the events in a few milliseconds


def _numbers(connection: sa.Connection) -> list[int]:
    """The numbers of all runs, if they can be read."""
    query = sa.select(runs.c.number).order_by(runs.c.number)
    return _unless_damaged(connection, lambda: list(connection.execute(query).scalars())) or []


def _batched(numbers: list[int]) -> Iterator[list[int]]:
    return (numbers[at : at + 500] for at in range(0, len(numbers), 500))


def _readable_rows(connection: sa.Connection, query: sa.Select[Any], numbers: list[int]) -> list[dict[str, Any]]:
    """The rows of runs; one by one where one of them is damaged."""
    chosen = query.where(runs.c.number.in_(numbers))
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
)
"""The nth leads to version n. `_first` makes the tables of today; the others add what a store of their version lacks."""


def version_of(connection: sa.Connection, place: str) -> int:
    """The version of the store behind `connection`; 0 if it is empty.

    CorruptError if tables are missing, StoreError if it is another program's or a newer version's.
    """
    names = sa.inspect(connection).get_table_names()
    if migrations.name not in names:
        if {t.name for t in metadata.sorted_tables} & set(names):
            raise CorruptError(f"{place} has tables of a store but no {migrations.name}; restore it from a backup")
        if names and connection.dialect.name == "sqlite":
            raise StoreError(f"{place} is a database of another program; name another file or folder for the store")
        return 0
    version = int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(migrations.c.version), 0))).scalar_one())
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
        migrations.create(connection, checkfirst=True)
    for version, migration in enumerate(MIGRATIONS[before:], start=before + 1):
        migration.apply(connection)
        row = {"version": version, "name": migration.name, "applied": time.time()}
        connection.execute(migrations.insert().values(row))
    return before
