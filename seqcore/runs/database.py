"""The store's database: its location, opening, and transactions."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import sqlite3
import time
import weakref
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from seqcore.errors import StoreError
from seqcore.experiment.fields import shown
from seqcore.runs.migrations import is_current, migrate
from seqcore.runs.sqlite_file import BUSY_TIMEOUT, corrupt, first_line, make_folder, open_file, readable, sqlite_engine

__all__ = ["Database", "Place", "Unreachable", "find_place", "waits_for_database"]

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C")

WAIT = 15.0  # seconds for a database server that can't be reached
AWAY = (  # in the messages of drivers
    *("refused", "reset by peer", "closed the connection", "connection is closed", "connection was closed"),
    *("terminating connection", "starting up", "shutting down", "the connection is lost"),
    *("accepting connections", "in recovery mode", "timed out", "timeout expired", "broken pipe", "no route to host"),
    "ssl connection has been closed",
)
_WRITER = zlib.crc32(b"seqcore")  # the number of PostgreSQL's lock that a write transaction holds


@dataclass(frozen=True)
class Place:
    """Location of a store: its database, and the folder of its checkpoints, files, locks and logs."""

    url: str
    folder: Path
    file: Path | None  # of SQLite; None for a database server

    @property
    def name(self) -> str:
        """The location for messages, without a password."""
        return str(self.file) if self.file else make_url(self.url).render_as_string(hide_password=True)


def find_place(url: str | Path | None = None) -> Place:
    """The location for a folder, a database file, a URL, or None: SEQCORE_STORE, else `runs/` in the current folder.

    SEQCORE_FILES names the folder for everything outside the database; by default it is the folder of the SQLite file,
    or `runs/` for a database server. StoreError if the URL is invalid.
    """
    given = str(url or os.environ.get("SEQCORE_STORE") or "runs")
    elsewhere = os.environ.get("SEQCORE_FILES")
    if "://" not in given:
        path = Path(given).expanduser().resolve()
        if path.suffix not in (".db", ".sqlite", ".sqlite3") and not path.is_file():
            path /= "seqcore.db"
        return Place(f"sqlite:///{path}", Path(elsewhere).resolve() if elsewhere else path.parent, path)
    try:
        parsed = make_url(given)
    except ArgumentError:
        raise StoreError(f"{given!r} is not a store; use a folder, sqlite:///FILE or postgresql://HOST/NAME") from None
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise StoreError(f"{given!r} is not a store; use sqlite:///FILE, because several processes share it")
        return find_place(parsed.database)
    return Place(given, Path(elsewhere or "runs").resolve(), None)


def _read_only(place: Place) -> str:
    """Why the store must not or can't be written; empty if it can. StoreError for a wrong SEQCORE_READ_ONLY."""
    given = os.environ.get("SEQCORE_READ_ONLY") or "0"
    if given not in ("0", "1"):
        raise StoreError(f"SEQCORE_READ_ONLY: {given!r} is not allowed; use 1 or 0")
    if given == "1":
        return "SEQCORE_READ_ONLY is 1"
    file = place.file
    if file is None or not file.exists() or (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)):
        return ""
    return "its files can't be written"


class Unreachable(StoreError):
    """The database server can't be reached. `committing`: it went away during a commit, which may have succeeded."""

    committing = False


def _waiting(method: Callable[P, T], *, once: bool = False) -> Callable[P, T]:
    """Repeat a method while the database server can't be reached, up to `WAIT` seconds.

    `once`: not after a commit that may have succeeded.
    """

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        until, pause = time.monotonic() + WAIT, 0.05
        while True:
            try:
                return method(*args, **kwargs)
            except Unreachable as error:
                if (once and error.committing) or time.monotonic() + pause > until:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    return call


def waits_for_database(*, once: Collection[str]) -> Callable[[type[C]], type[C]]:
    """A class whose public methods wait for a database server that is away for a while.

    Each is one transaction, all or nothing, so that it can be repeated; those named in `once` are not repeated after a
    commit that may have succeeded.
    """

    def decorate(cls: type[C]) -> type[C]:
        for name in dir(cls):
            method = getattr(cls, name)
            if not name.startswith("_") and inspect.isfunction(method):
                setattr(cls, name, _waiting(method, once=name in once))
        return cls

    return decorate


class Database:
    """Opens and migrates the database and gives transactions. Its errors are raised as StoreError.

    `read_only` says in a few words why nothing can be written; it is empty where it can. A read-only database is opened
    without writing anything beside it.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.read_only = _read_only(place)
        url = place.url
        with self._translated():
            if self.read_only and place.file is not None:
                url = f"sqlite:///{readable(place.file, self.read_only, owner=self)}"
            elif not self.read_only:
                make_folder(place.folder)
                if place.file is not None:
                    open_file(place.file)
            self.engine = _make_engine(url, read_only=bool(self.read_only))
            weakref.finalize(self, self.engine.dispose)  # for callers that don't close the store
            if place.file is None:
                self._open_server()

    def check_writable(self) -> None:
        """StoreError if the store is read-only."""
        if self.read_only:
            raise StoreError(
                f"{self.place.name} is read-only ({self.read_only}); its runs can be shown, used for "
                "predictions and exported"
            )

    @_waiting
    def _open_server(self) -> None:
        if not self.read_only:
            with self.writing() as connection:
                migrate(connection, self.place.name)
            return
        with self.reading() as connection:
            if not is_current(connection, self.place.name):
                raise StoreError(f"{self.place.name} has to be migrated; open it once without SEQCORE_READ_ONLY")

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A read transaction, which sees the database as it is at its first query."""
        with self._translated(), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A write transaction. There is one at a time: what it has read stays true until it commits.

        It takes the lock when it begins. SQLite's deferred BEGIN would fail at once if it had to wait for another
        writer after a read; PostgreSQL would let two write what they made of the same row.
        """
        self.check_writable()
        with self._translated(), self.engine.connect() as connection:
            transaction = connection.execution_options(seqcore_write=True).begin()
            with contextlib.ExitStack() as stack:
                stack.callback(transaction.close)  # rolls back what is not committed
                yield connection
                stack.pop_all()
            try:
                transaction.commit()
            except (DBAPIError, sqlite3.Error) as error:
                connection.invalidate()  # which rolls back
                raise _translate(getattr(error, "orig", None) or error, self.place, committing=True) from error

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise _translate(error.orig or error, self.place) from error
        except sqlite3.Error as error:
            raise _translate(error, self.place) from error
        except UnicodeDecodeError as error:
            raise corrupt(self.place.name, str(error)) from error
        except UnicodeEncodeError as error:
            raise StoreError(f"{shown(error.object)} is not valid Unicode text; correct it") from None
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise StoreError(f"{self.place.name}: no driver for this database is installed ({error})") from error
        except SQLAlchemyError as error:
            raise StoreError(f"{self.place.name}: {first_line(error)}") from error


def _translate(error: BaseException, place: Place, *, committing: bool = False) -> StoreError:
    text = first_line(error)
    if any(words in text.lower() for words in AWAY):
        away = Unreachable(f"{place.name} can't be reached ({text}); start the database server, or check its address")
        away.committing = committing
        return away
    if any(words in text for words in ("malformed", "not a database", "disk image", "Could not decode")):
        return corrupt(place.name, text)
    if "disk is full" in text or "disk I/O error" in text:
        return StoreError(f"{place.name} can't be written ({text}); free disk space, stored runs are safe")
    if "readonly" in text or "unable to open" in text:
        return StoreError(f"{place.name} can't be opened or written ({text}); check its folder and permissions")
    if "locked" in text or "lock timeout" in text:
        return StoreError(f"{place.name} was locked by another process for {BUSY_TIMEOUT // 1000} s; try again")
    return StoreError(f"{place.name}: {text}")


def _make_engine(url: str, *, read_only: bool = False) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return sqlite_engine(parsed, read_only=read_only)
    patience = {"connect_timeout": 5} if parsed.get_driver_name().startswith("psycopg") else {}
    engine = create_engine(parsed, connect_args=patience, pool_pre_ping=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.dialect.name == "postgresql" and connection.get_execution_options().get("seqcore_write", False):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {BUSY_TIMEOUT}")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER})")

    return engine
