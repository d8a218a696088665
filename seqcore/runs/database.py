"""The store's database: its location, opening, integrity checks, migrations and transactions."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import shutil
import sqlite3
import tempfile
import time
import weakref
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from seqcore.errors import CorruptError, StoreError
from seqcore.experiment.fields import shown
from seqcore.runs.first_page import has_known_first_page, mend_first_page
from seqcore.runs.integrity import rejoin
from seqcore.runs.migrations import MIGRATIONS, is_current, migrate
from seqcore.runs.schema import COLUMNS

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
BUSY_TIMEOUT = 15_000  # milliseconds
CHECKED_WHOLE = 16 * 2**20  # bytes; a database up to this size gets a full integrity check when it is opened
_MAGIC = b"SQLite format 3\x00"


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
                url = f"sqlite:///{self._readable(place.file)}"
            elif not self.read_only:
                _make_folder(place.folder)
                if place.file is not None:
                    self._open_file(place.file)
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
        with self._translated(), self.engine.begin() as connection:
            if not self.read_only:
                migrate(connection, self.place.name)
            elif not is_current(connection, self.place.name):
                raise StoreError(f"{self.place.name} has to be migrated; open it once without SEQCORE_READ_ONLY")

    def _readable(self, file: Path) -> Path:
        """The file, or a temporary copy of one that could only be read after a write: of an old version, or damaged."""
        if not file.exists():
            raise StoreError(f"{file} doesn't exist and is not created, because {self.read_only}")
        with contextlib.suppress(sqlite3.DatabaseError, DatabaseError, CorruptError), _connected(file) as connection:
            if is_current(connection, str(file)) and has_known_first_page(file):
                _check_file(file, file)
                return file
        folder = Path(tempfile.mkdtemp(prefix="seqcore-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        copy = folder / file.name
        for end in ("", "-wal", "-journal", ".schema"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(f"{file}{end}", f"{copy}{end}")
        mend_first_page(copy, lambda: _is_intact(copy))
        _check_file(copy, file)
        _migrate_file(copy, file)
        return copy

    def _open_file(self, file: Path) -> None:
        """Create a database under a temporary name and rename it when complete, or check and migrate an old one."""
        _make_folder(file.parent)
        with FileLock(file.with_name(file.name + ".opening"), timeout=60):
            if not file.exists():
                fresh = file.with_name(file.name + ".new")
                fresh.unlink(missing_ok=True)
                _migrate_file(fresh, file)
                os.replace(fresh, file)
                mend_first_page(file, lambda: True)
                return
            mend_first_page(file, lambda: _is_intact(file))
            _check_file(file, file)
            _migrate_file(file, file)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A read transaction."""
        with self._translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A write transaction, which takes SQLite's write lock when it begins.

        A deferred BEGIN would fail at once if it had to wait for another writer after a read.
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
            raise _corrupt(self.place.name, str(error)) from error
        except UnicodeEncodeError as error:
            raise StoreError(f"{shown(error.object)} is not valid Unicode text; correct it") from None
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise StoreError(f"{self.place.name}: no driver for this database is installed ({error})") from error
        except SQLAlchemyError as error:
            raise StoreError(f"{self.place.name}: {_first_line(error)}") from error


def _translate(error: BaseException, place: Place, *, committing: bool = False) -> StoreError:
    text = _first_line(error)
    if any(words in text.lower() for words in AWAY):
        away = Unreachable(f"{place.name} can't be reached ({text}); start the database server, or check its address")
        away.committing = committing
        return away
    if any(words in text for words in ("malformed", "not a database", "disk image", "Could not decode")):
        return _corrupt(place.name, text)
    if "disk is full" in text or "disk I/O error" in text:
        return StoreError(f"{place.name} can't be written ({text}); free disk space, stored runs are safe")
    if "readonly" in text or "unable to open" in text:
        return StoreError(f"{place.name} can't be opened or written ({text}); check its folder and permissions")
    if "locked" in text:
        return StoreError(f"{place.name} was locked by another process for {BUSY_TIMEOUT // 1000} s; try again")
    return StoreError(f"{place.name}: {text}")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _corrupt(name: str, what: str) -> CorruptError:
    return CorruptError(f"{name} is damaged ({what}); restore it from a backup, or move it away to start a new store")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} can't be created ({error.strerror}); name another folder for the store") from error


def _check_file(file: Path, known_as: Path) -> None:
    """CorruptError if the file is not an intact SQLite database. Large files get only a quick check."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            header = stream.read(100)
    except OSError as error:
        raise StoreError(f"{known_as} can't be read ({error.strerror})") from error
    if size == 0:
        raise _corrupt(str(known_as), "the file is empty")
    if not header.startswith(_MAGIC):
        raise _corrupt(str(known_as), "not an SQLite database")
    page = int.from_bytes(header[16:18], "big")
    page = 65_536 if page == 1 else page
    pages = int.from_bytes(header[28:32], "big")
    logged = any(file.with_name(file.name + end).exists() for end in ("-journal", "-wal"))
    if not logged and size < page * pages:
        raise _corrupt(str(known_as), f"{size:,} bytes of {page * pages:,} remain")
    if size <= CHECKED_WHOLE:
        with contextlib.closing(_connect(file)) as connection:
            answer = _integrity(connection)
            if answer != "ok" and not _reindexed(connection) and not _has_readable_run(connection):
                raise _corrupt(str(known_as), answer.splitlines()[-1])


def _is_intact(file: Path) -> bool:
    try:
        with contextlib.closing(_connect(file)) as connection:
            (version,) = connection.execute("SELECT max(version) FROM seqcore_migrations").fetchone()
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for name, columns in COLUMNS.items() if version == len(MIGRATIONS) else ():
                stored = {column[1] for column in connection.execute(f"PRAGMA table_info({name})")}
                if name not in names or not columns <= stored:
                    return False
            return _integrity(connection) == "ok"
    except (sqlite3.Error, UnicodeDecodeError):
        return False


def _integrity(connection: sqlite3.Connection) -> str:
    """ "ok", or what is damaged."""
    try:
        (answer,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        return _first_line(error)
    return str(answer)


def _reindexed(connection: sqlite3.Connection) -> bool:
    """Whether the damage was in indices or in the ids of runs, which can be made again."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("REINDEX")
        rejoin(connection)
        if _integrity(connection) == "ok":
            connection.execute("COMMIT")
            return True
    except sqlite3.Error:
        pass
    with contextlib.suppress(sqlite3.Error):
        connection.execute("ROLLBACK")
    return False


def _has_readable_run(connection: sqlite3.Connection) -> bool:
    """Whether some runs of a damaged database can still be read; see `integrity.salvaged`."""
    last = 0
    for query in ("SELECT seq FROM sqlite_sequence WHERE name = 'runs'", "SELECT max(number) FROM runs"):
        with contextlib.suppress(sqlite3.Error, TypeError, ValueError):
            last = max(last, int(connection.execute(query).fetchone()[0]))
    for number in range(1, min(last, 10**6) + 1):
        with contextlib.suppress(sqlite3.Error):
            if connection.execute("SELECT * FROM runs WHERE number = ?", (number,)).fetchone() is not None:
                return True
    return False


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(_location(file), uri=True, isolation_level=None)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
    return connection


def _location(file: Path) -> str:
    """The file as a URI; SQLite opens it read-only where it can't be written. (A reader may have to mend a journal.)"""
    writable = not file.exists() or (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))
    return file.absolute().as_uri() + ("" if writable else "?mode=ro")


@contextlib.contextmanager
def _connected(file: Path) -> Iterator[Connection]:
    engine = _make_engine(f"sqlite:///{file}", read_only=True)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _migrate_file(file: Path, known_as: Path) -> None:
    engine = _make_engine(f"sqlite:///{file}")
    try:
        with engine.connect() as connection, connection.execution_options(seqcore_write=True).begin():
            migrate(connection, str(known_as))
        with contextlib.closing(_connect(file)) as plain:
            mode = "wal" if _wal_is_safe() else "delete"
            if plain.execute("PRAGMA journal_mode").fetchone()[0] != mode and file == known_as:
                # This needs exclusive access. If another process has the file open, the mode changes at a later start.
                with contextlib.suppress(sqlite3.OperationalError):
                    plain.execute(f"PRAGMA journal_mode = {mode}")
    finally:
        engine.dispose()


def _wal_is_safe() -> bool:
    """Whether this SQLite has no bug that corrupts a database when the WAL is reset (https://sqlite.org/wal.html)."""
    version = sqlite3.sqlite_version_info
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0)


def _make_engine(url: str, *, read_only: bool = False) -> Engine:
    parsed: URL = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        patience = {"connect_timeout": 5} if parsed.get_driver_name().startswith("psycopg") else {}
        return create_engine(parsed, connect_args=patience, pool_pre_ping=True)
    if read_only:
        parsed = parsed.set(database=_location(Path(str(parsed.database))), query={"uri": "true"})
    engine = create_engine(parsed, max_overflow=64)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is sent by the handler below
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")  # first, because the next statements may have to wait
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("seqcore_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
