"""Database tables of the store; `migrations` makes them from those of older versions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

__all__ = [
    "BEST",
    "COLUMNS",
    "OF_RUNS",
    "blocks",
    "checkpoints",
    "commands",
    "curves",
    "events",
    "files",
    "metadata",
    "migrations",
    "runs",
    "runs_in_lists",
    "snapshots",
    "uploads",
]

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
    # title, words and skill: what lists are sorted and searched by, see `labels.list_columns`
    sa.Column("title", sa.Text),
    sa.Column("words", sa.Text),
    sa.Column("skill", sa.Float),
    sa.Column("parent", sa.String(36)),  # the run that this one is a fork of; it may be deleted
    sa.Column("parent_step", sa.Integer),  # the last step that both share
    sa.Index("runs_by_status", "status", "queued"),
    sa.Index("runs_by_parent", "parent"),
    sqlite_autoincrement=True,
)


# All that a list of runs is filtered and sorted by, so that SQLite reads this alone: the rows of runs are long.
runs_in_lists = sa.Index(
    "runs_in_lists",
    *(runs.c[name] for name in ("number", "id", "status", "owner", "seconds", "skill", "title", "words")),
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

snapshots = _table_by_run(
    "snapshots",
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),  # of training until then
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("file", sa.String, nullable=False),  # below the checkpoints folder; several small snapshots share one
    sa.Column("position", sa.BigInteger, nullable=False),  # of the first byte in it
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("shared", sa.String, nullable=False),  # file of the part that all snapshots with the same codec share
    sa.Index("snapshots_by_step", "run", "step"),
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


OF_RUNS = (events, blocks, curves, checkpoints, snapshots, commands)
"""The tables of rows that belong to a run."""

COLUMNS = {table.name: {column.name for column in table.columns} for table in metadata.sorted_tables}
