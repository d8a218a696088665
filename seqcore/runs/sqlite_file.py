"""The SQLite file of a store: opening, integrity checks, migrations and its engine."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError

from seqcore.errors import CorruptError, StoreError
from seqcore.runs.first_page import has_known_first_page, mend_first_page
from seqcore.runs.integrity import rejoin
from seqcore.runs.migrations import MIGRATIONS, is_current, migrate
from seqcore.runs.schema import COLUMNS

__all__ = ["BUSY_TIMEOUT", "corrupt", "first_line", "make_folder", "open_file", "readable", "sqlite_engine"]

BUSY_TIMEOUT = 15_000  # milliseconds
CHECKED_WHOLE = 16 * 2**20  # bytes; a database up to this size gets a full integrity check when it is opened
_MAGIC = b"SQLite format 3\x00"


def readable(file: Path, why: str, *, owner: object) -> Path:
    """The file, or a copy of one that could only be read after a write: of an old version, or damaged.

    The copy exists as long as its owner. StoreError if there is no file; `why` none is created.
    """
    if not file.exists():
        raise StoreError(f"{file} doesn't exist and is not created, because {why}")
    with contextlib.suppress(sqlite3.DatabaseError, DatabaseError, CorruptError), _connected(file) as connection:
        if is_current(connection, str(file)) and has_known_first_page(file):
            _check_file(file, file)
            return file
    folder = Path(tempfile.mkdtemp(prefix="seqcore-"))
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    copy = folder / file.name
    for end in ("", "-wal", "-journal", ".schema"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{file}{end}", f"{copy}{end}")
    mend_first_page(copy, lambda: _is_intact(copy))
    _check_file(copy, file)
    _migrate_file(copy, file)
    return copy


def open_file(file: Path) -> None:
    """Create a database under a temporary name and rename it when complete, or check and migrate an old one."""
    make_folder(file.parent)
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


def sqlite_engine(url: URL, *, read_only: bool = False) -> Engine:
    """An engine whose write transactions take the write lock when they begin."""
    if read_only:
        url = url.set(database=_location(Path(str(url.database))), query={"uri": "true"})
    engine = create_engine(url, max_overflow=64)

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


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def make_folder(folder: Path) -> None:
    """Create a folder; StoreError if it can't be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} can't be created ({error.strerror}); name another folder for the store") from error


def corrupt(name: str, what: str) -> CorruptError:
    """The error of a damaged database."""
    return CorruptError(f"{name} is damaged ({what}); restore it from a backup, or move it away to start a new store")


def _check_file(file: Path, known_as: Path) -> None:
    """CorruptError if the file is not an intact SQLite database. Large files get only a quick check."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            header = stream.read(100)
    except OSError as error:
        raise StoreError(f"{known_as} can't be read ({error.strerror})") from error
    if size == 0:
        raise corrupt(str(known_as), "the file is empty")
    if not header.startswith(_MAGIC):
        raise corrupt(str(known_as), "not an SQLite database")
    page = int.from_bytes(header[16:18], "big")
    page = 65_536 if page == 1 else page
    pages = int.from_bytes(header[28:32], "big")
    logged = any(file.with_name(file.name + end).exists() for end in ("-journal", "-wal"))
    if not logged and size < page * pages:
        raise corrupt(str(known_as), f"{size:,} bytes of {page * pages:,} remain")
    if size <= CHECKED_WHOLE:
        with contextlib.closing(_connect(file)) as connection:
            answer = _integrity(connection)
            if answer != "ok" and not _reindexed(connection) and not _has_readable_run(connection):
                raise corrupt(str(known_as), answer.splitlines()[-1])


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
        return first_line(error)
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
    engine = sqlite_engine(make_url(f"sqlite:///{file}"), read_only=True)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _migrate_file(file: Path, known_as: Path) -> None:
    engine = sqlite_engine(make_url(f"sqlite:///{file}"))
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
