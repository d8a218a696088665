"""Clearing what killed processes left in a store: temporary files, files without a row, runs that seem to go on.

Nothing of a live process is touched: it holds the lock of its run, of the temporary file it writes, or of the store.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

from sqlalchemy import select

from seqcore.errors import CorruptError, SeqcoreError
from seqcore.runs import schema
from seqcore.runs.atomic_io import remove_abandoned
from seqcore.runs.lifecycle import update_run
from seqcore.runs.reading import Reading
from seqcore.runs.records import LIVE, ending
from seqcore.runs.snapshot_rows import files_of

__all__ = ["clear_leftovers"]


def clear_leftovers(store: Reading) -> None:
    """Mend a store at its opening. Does nothing where the store can't be written, or is damaged."""
    if store.read_only:
        return
    with contextlib.suppress(SeqcoreError, OSError):
        _clear_journal(store)
        _clear_uploads(store)
        _end_dead_runs(store)
        _clear_deleted_runs(store)


def _clear_journal(store: Reading) -> None:
    """SQLite leaves the journal of a transaction that had written nothing yet until the next one."""
    file = store.place.file
    if file is not None and file.with_name(f"{file.name}-journal").exists():
        with store.database.writing() as connection:
            connection.exec_driver_sql("PRAGMA user_version = 0")


def _clear_uploads(store: Reading) -> None:
    folder = store.folder / "files"
    names = _names(folder)
    for name in names:
        if name.endswith(".tmp"):
            remove_abandoned(folder / name)
    with store.database.reading() as connection:
        known = set(connection.execute(select(schema.files.c.hash)).scalars())
    if any(len(name) == 64 and name not in known for name in names):
        with store.locks.store():  # a file that is put now has its row once the lock is free
            with store.database.reading() as connection:
                known = set(connection.execute(select(schema.files.c.hash)).scalars())
            for name in names:
                if len(name) == 64 and name not in known:
                    (folder / name).unlink(missing_ok=True)


def _end_dead_runs(store: Reading) -> None:
    """Give runs whose process was killed their status, and delete the files of checkpoints and snapshots that were not
    completed."""
    table, kept = schema.runs, schema.checkpoints
    with store.database.reading() as connection:
        rows = list(connection.execute(select(table.c.id, table.c.status).where(table.c.status.in_(LIVE))))
    for run, _ in rows:
        if store.locks.held(run):
            continue
        values, lock = ending(store.locks.noted(run)), store.locks.take(run, timeout=0.0, new=False)
        if lock is None:
            continue
        try:
            folder = store.checkpoint_path(run)
            with store.database.writing() as connection:
                status = connection.execute(select(table.c.status).where(table.c.id == run)).scalar_one_or_none()
                if status in LIVE:
                    update_run(connection, run, finished=time.time(), **values)
                files = set(connection.execute(select(kept.c.file).where(kept.c.run == run)).scalars())
                files |= files_of(connection, run)
            for name in _names(folder):
                if f"{run}/{name}" not in files:
                    (folder / name).unlink(missing_ok=True)
        except CorruptError:
            continue  # a damaged run stays as it is
        finally:
            lock.release()


def _clear_deleted_runs(store: Reading) -> None:
    """Delete what is left of runs whose row is gone. A run's lock is taken before its row is stored."""
    checkpoints, logs = store.folder / "checkpoints", store.folder / "logs"
    found = {*_names(checkpoints), *(name.removesuffix(".log") for name in _names(logs)), *store.locks.known()}
    with store.database.reading() as connection:
        known = set(connection.execute(select(schema.runs.c.id)).scalars())
    for run in found - known:
        if len(run) == 36 and not store.locks.held(run) and not _has_row(store, run):
            shutil.rmtree(checkpoints / run, ignore_errors=True)
            (logs / f"{run}.log").unlink(missing_ok=True)
            store.locks.forget(run)


def _has_row(store: Reading, run: str) -> bool:
    with store.database.reading() as connection:
        return connection.execute(select(schema.runs.c.id).where(schema.runs.c.id == run)).first() is not None


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
