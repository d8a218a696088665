"""The store of runs, their data files and their models, behind one URL."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import delete, select, union_all, update

from seqcore.data.sources import SOURCES
from seqcore.data.table import Table
from seqcore.errors import CorruptError, NotFoundError, StoreError
from seqcore.experiment.experiment import Experiment
from seqcore.runs import schema
from seqcore.runs.atomic_io import digest, draft, pieces
from seqcore.runs.database import waits_for_database
from seqcore.runs.forking import Forking
from seqcore.runs.records import Command, Curve, Lease, Run, Snapshot, Status, StoredEvent, StoredFile
from seqcore.runs.run_list import RunFilter, RunPage

if TYPE_CHECKING:
    from seqcore.inference.predictor import Predictor

__all__ = [
    "Command", "Curve", "Lease", "Run", "RunFilter", "RunPage", "Snapshot", "Status", "Store", "StoredEvent",
    "StoredFile",
]  # fmt: skip


@waits_for_database(
    once=("submit", "submit_together", "start", "more_epochs", "command", "resume", "restart", "fork", "start_fork")
)
class Store(Forking):
    """Runs with their events, curves, checkpoints and snapshots, and the user's files.

    `Store(url)` takes a folder, a database file or a URL (`sqlite:///...`, `postgresql://...`). Threads and processes
    may share it. Every error is a StoreError, a NotFoundError or a LostLease.
    """

    def put_file(self, content: bytes | Path, name: str, *, owner: str | None = None) -> StoredFile:
        """Store a file once, by the SHA-256 of its content, with the last component of `name`.

        With an `owner` the name is that user's alone; another user's name for the same content stays as it is.
        """
        self.database.check_writable()
        name = re.split(r"[/\\]", name)[-1].strip()[:200] or "file"
        try:
            key = digest(pieces(content))
            size = len(content) if isinstance(content, bytes) else content.stat().st_size
        except OSError as error:
            raise StoreError(f"{name} can't be read ({error.strerror})") from error
        path = self._file_path(key)
        kept = StoredFile(key, name, size)
        with self.locks.store():
            if path.exists() and path.stat().st_size == size:
                self._put_file_row(kept, owner)
                return kept
        with self.locks.reported():
            path.parent.mkdir(parents=True, exist_ok=True)
        with draft(path, pieces(content)) as written, self.locks.store():
            written.place()
            self._put_file_row(kept, owner)
        return kept

    def _put_file_row(self, kept: StoredFile, owner: str | None) -> None:
        table, key, size = schema.files, kept.hash, kept.size
        named = {"name": kept.name, "time": time.time()}
        with self.database.writing() as connection:
            if connection.execute(select(table.c.hash).where(table.c.hash == key)).first() is None:
                connection.execute(table.insert().values(hash=key, size=size, **named))
            elif owner is None:
                connection.execute(update(table).where(table.c.hash == key).values(size=size, **named))
            if owner is not None:
                own = schema.uploads
                connection.execute(delete(own).where(own.c.hash == key, own.c.owner == owner))
                connection.execute(own.insert().values(hash=key, owner=owner, **named))

    def file(self, hash: str) -> Path:
        """The path of a stored file. NotFoundError if there is none with this hash."""
        path = self._file_path(hash) if re.fullmatch(r"[0-9a-f]{64}", hash) else None
        if path is None or not path.exists():
            raise NotFoundError(f"there is no file {hash[:12]!r} in this store; give the file itself")
        return path

    def files(self, owner: str | None = None) -> list[StoredFile]:
        """Every stored file, the newest first; with an `owner`, that user's and those that no user uploaded."""
        table, own = schema.files, schema.uploads
        query = select(table.c.hash, table.c.name, table.c.size, table.c.time)
        if owner is not None:
            mine = select(table.c.hash, own.c.name, table.c.size, own.c.time).join(own, own.c.hash == table.c.hash)
            nobody_s = query.where(table.c.hash.not_in(select(own.c.hash)))
            query = select(union_all(mine.where(own.c.owner == owner), nobody_s).subquery())
        with self.database.reading() as connection:
            rows = sorted(connection.execute(query).mappings(), key=lambda row: -float(row["time"]))
        return [StoredFile(row["hash"], row["name"], row["size"]) for row in rows]

    def table(self, run: str | Experiment, *, on_progress: Callable[[float], None] | None = None) -> Table:
        """The data of a run or an experiment, from its source or from a stored file.

        `on_progress` is called with the fraction of the file that is read. CorruptError if the stored file was
        changed, DataError if it can't be read.
        """
        experiment = run if isinstance(run, Experiment) else self.run(run).experiment
        options = experiment.data.options
        source = SOURCES[experiment.data.source]
        if not source.stored:
            table: Table = source.load()(**options).table()
            return table
        from seqcore.data.readers.read_table import read_table
        from seqcore.data.sources.stored_file import FileOptions

        key, name = str(options["hash"]), str(options["name"])
        path = self.file(key)
        if digest(pieces(path)) != key:
            raise CorruptError(f"{path} is not the file that was stored ({name}); store it again")
        reading = {field: options[field] for field in FileOptions.model_fields if field in options}
        return read_table(
            path,
            name=name,
            options=FileOptions(**reading).for_missing(experiment.data.missing),
            on_progress=on_progress,
        )

    def predictor(self, run: str, at: Literal["best", "last"] | int = "best") -> Predictor:
        """A run's model with the best or the last weights, or those after a step that is kept, see `snapshots`.

        NotFoundError if there is no checkpoint yet, or nothing at that step; it names the nearest steps.
        """
        from seqcore.inference.predictor import Predictor

        if at not in ("best", "last"):
            return Predictor.from_checkpoint(self.snapshot(run, int(at)), at="last")
        content = self.checkpoint(run, at=at)
        if content is None:
            number = self.run(run).id
            raise NotFoundError(f"run {number} has no checkpoint yet; wait until it has trained for a few seconds")
        return Predictor.from_checkpoint(content, at="best" if at == "best" else "last")

    def _file_path(self, key: str) -> Path:
        return self.folder / "files" / key
