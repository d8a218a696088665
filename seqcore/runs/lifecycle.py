"""How runs come into being, are claimed, commanded, continued and removed."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select, update

from seqcore.training.control import LIVE_CHANGES
from seqcore.errors import ExperimentError, StoreError, did_you_mean
from seqcore.experiment.experiment import Experiment
from seqcore.runs import schema
from seqcore.runs.liveness import Holder
from seqcore.runs.reading import Reading
from seqcore.runs.records import LIVE, Command, Lease, Run

__all__ = ["Lifecycle"]

COMMANDS = ("pause", "continue", "stop", "change")
EPOCHS = "training.epochs"


class Lifecycle(Reading):
    """The half of a store that moves runs from status to status."""

    def submit(self, experiment: Experiment, *, recipe: str | None = None, group: str | None = None) -> Run:
        """A new run that waits for a worker."""
        run_id = str(uuid.uuid4())
        with self.database.writing() as connection:
            connection.execute(schema.runs.insert().values(_new_row(run_id, experiment, recipe, group)))
        return self.run(run_id)

    def start(self, experiment: Experiment, *, recipe: str | None = None, group: str | None = None) -> Lease:
        """A new run that the caller executes: made and claimed in one."""
        run_id = str(uuid.uuid4())
        lease = self._lock(run_id, 1)
        if lease is None:
            raise StoreError(f"run {run_id} is taken already")
        row = _new_row(run_id, experiment, recipe, group)
        row |= {"status": "running", "started": row["created"], "queued": None}
        try:
            with self.database.writing() as connection:
                connection.execute(schema.runs.insert().values(row))
        except BaseException:
            lease.release()
            raise
        return lease

    def claim(self, run: str | None = None) -> Lease | None:
        """The run that has waited longest, or the one that is named; None where it isn't there to be had."""
        for run_id in self.queue() if run is None else [self.run(run).id]:
            lease = self._claim(run_id, patience=0.05 if run is None else 2.0)
            if lease is not None:
                return lease
        return None

    def go_on(self, run: str, *, more_epochs: int = 0) -> Lease:
        """Resume a run that the caller executes itself: resumed and claimed in one. StoreError as for `resume`."""
        run_id = self.run(run).id
        lock = self.locks.take(run_id)
        if lock is None:
            raise StoreError(f"run {run_id} is going on already")
        holder = Holder(lock)
        try:
            with self.database.writing() as connection:
                row = self._find(connection, run_id)
                status = "interrupted" if row["status"] in LIVE else str(row["status"])  # its lock was free
                waits = status == "queued" and not more_epochs
                attempt = row["attempt"] if waits else _requeue(connection, row, status, more_epochs)
                _set(connection, run_id, status="running", started=row["started"] or time.time())
        except BaseException:
            holder.release()
            raise
        return Lease(run_id, attempt, holder.release)

    def resume(self, run: str) -> Run:
        """Let a run that ended wait for a worker, as a new attempt that goes on from its last checkpoint.

        StoreError where it waits or goes on already, or is completed and has no more epochs to train.
        """
        return self._resume(run, 0)

    def more_epochs(self, run: str, n: int) -> Run:
        """Train `n` epochs more: at once where the run is going on, else as a new attempt."""
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise StoreError(f"{n!r} more epochs are not allowed; use a whole number from 1 up")
        if self.run(run).ended:
            return self._resume(run, n)
        with self.database.writing() as connection:
            row = self._find(connection, run)
            epochs = row["epochs"] + n
            _check_changes(row, {EPOCHS: epochs})
            if row["status"] == "queued":
                pending = json.loads(row["pending"]) | {EPOCHS: epochs}
                _set(connection, row["id"], pending=json.dumps(pending), epochs=epochs)
            else:
                _put_command(connection, row, "change", {EPOCHS: epochs})
        return self.run(row["id"])

    def command(self, run: str, kind: str, arguments: Mapping[str, Any] | None = None) -> None:
        """Ask whoever executes the run to "pause", "continue", "stop" or "change" (`{"training.learning_rate": 0.1}`).

        StoreError where the run's status doesn't allow it, ExperimentError where a change isn't one.
        """
        if kind not in COMMANDS:
            raise StoreError(f"there is no command {kind!r}{did_you_mean(kind, COMMANDS)}")
        with self.database.writing() as connection:
            row = self._find(connection, run)
            status = self._run(row, []).status
            if status == "queued" and kind == "stop":
                reason = "stopped before it began" if row["step"] == 0 else "stopped while it waited to go on"
                _set(connection, row["id"], status="stopped", finished=time.time(), reason=reason)
                return
            if status == "queued":
                raise StoreError(f"run {row['id']} waits for its turn; stop takes it out of the queue")
            if status not in LIVE:
                raise StoreError(f"run {row['id']} is {status}, so it can't {kind}; resume lets it go on")
            if kind == "change":
                _check_changes(row, dict(arguments or {}))
            elif kind != "stop" and (kind == "pause") == _wants_pause(connection, row):
                raise StoreError(f"run {row['id']} is {'paused' if kind == 'pause' else 'not paused'} already")
            _put_command(connection, row, kind, dict(arguments or {}))

    def take_commands(self, lease: Lease) -> list[Command]:
        """The commands for this attempt that nobody has taken yet, in order. Writes only where there are some."""
        table = schema.commands
        waiting = (
            select(table)
            .where(table.c.run == lease.run, table.c.attempt == lease.attempt, table.c.taken.is_(None))
            .order_by(table.c.seq)
        )
        with self.database.reading() as connection:
            rows = list(connection.execute(waiting).mappings())
        if rows:
            with self.database.writing() as connection:
                taken = table.c.seq.in_([row["seq"] for row in rows])
                connection.execute(update(table).where(taken).values(taken=time.time()))
        return [Command(row["seq"], row["kind"], json.loads(row["arguments"])) for row in rows]

    def delete(self, run: str) -> None:
        """Remove a run with its history, checkpoints and log. StoreError while it is going."""
        with self.database.writing() as connection:
            row = self._find(connection, run)
            run_id = row["id"]
            if self._run(row, []).status in LIVE:
                raise StoreError(f"run {run_id} is {row['status']}: stop it first")
            for table in (schema.events, schema.blocks, schema.curves, schema.checkpoints, schema.commands):
                connection.execute(delete(table).where(table.c.run == run_id))
            connection.execute(delete(schema.runs).where(schema.runs.c.id == run_id))
        shutil.rmtree(self.folder / "checkpoints" / run_id, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.log_path(run_id).unlink()
        self.locks.forget(run_id)

    def _resume(self, run: str, more_epochs: int) -> Run:
        with self.database.writing() as connection:
            row = self._find(connection, run)
            _requeue(connection, row, self._run(row, []).status, more_epochs)
        return self.run(row["id"])

    def _claim(self, run_id: str, patience: float) -> Lease | None:
        lock = self.locks.take(run_id, patience)
        if lock is None:
            return None
        holder = Holder(lock)
        try:
            with self.database.writing() as connection:
                row = self._find(connection, run_id)
                if row["status"] == "queued":
                    _set(connection, run_id, status="running", started=row["started"] or time.time())
                    return Lease(run_id, row["attempt"], holder.release)
        except BaseException:
            holder.release()
            raise
        holder.release()
        return None

    def _lock(self, run_id: str, attempt: int) -> Lease | None:
        lock = self.locks.take(run_id)
        return None if lock is None else Lease(run_id, attempt, Holder(lock).release)


def _new_row(run_id: str, experiment: Experiment, recipe: str | None, group: str | None) -> dict[str, Any]:
    now = time.time()
    return {
        "id": run_id,
        "status": "queued",
        "experiment": experiment.to_json(),
        "recipe": recipe,
        "group": group,
        "created": now,
        "queued": now,
        "attempt": 1,
        "version": 1,
        "step": 0,
        "epoch": 0,
        "epochs": experiment.training.epochs,
        "seconds": 0.0,
        "metrics": "{}",
        "last_metrics": "{}",
        "baselines": "{}",
        "headline": "",
        "metric": "",
        "reason": "",
        "pending": "{}",
    }


def _requeue(connection: Connection, row: RowMapping, status: str, more_epochs: int) -> int:
    """Make a run that ended wait again; its new attempt. `status` is the one that readers see."""
    run_id = row["id"]
    pending = json.loads(row["pending"])
    if status == "queued":
        raise StoreError(f"run {run_id} waits for its turn already")
    if status in LIVE:
        raise StoreError(f"run {run_id} is going on already ({status})")
    if more_epochs:
        # Whoever stopped a run, or saw it end early, and asks for one more epoch means one after those that are done.
        done = row["epoch"] if status in ("completed", "stopped") else row["epochs"]
        pending[EPOCHS] = done + more_epochs
        _check_changes(row, pending)
    if status == "completed" and EPOCHS not in pending:
        raise StoreError(f"run {run_id} is completed; add epochs to train on")
    _set(
        connection,
        run_id,
        status="queued",
        attempt=row["attempt"] + 1,
        queued=time.time(),
        finished=None,
        error=None,
        reason="",
        pending=json.dumps(pending),
        epochs=pending.get(EPOCHS, row["epochs"]),
    )
    return int(row["attempt"]) + 1


def _set(connection: Connection, run_id: str, **values: Any) -> None:
    table = schema.runs
    connection.execute(update(table).where(table.c.id == run_id).values(version=table.c.version + 1, **values))


def _put_command(connection: Connection, row: RowMapping, kind: str, arguments: dict[str, Any]) -> None:
    values = {
        "run": row["id"],
        "attempt": row["attempt"],
        "time": time.time(),
        "kind": kind,
        "arguments": json.dumps(arguments),
    }
    connection.execute(schema.commands.insert().values(values))
    _set(connection, row["id"], epochs=arguments.get(EPOCHS, row["epochs"]))


def _wants_pause(connection: Connection, row: RowMapping) -> bool:
    """Whether the last word was to pause, also where the worker hasn't heard it yet."""
    table = schema.commands
    query = (
        select(table.c.kind)
        .where(table.c.run == row["id"], table.c.attempt == row["attempt"], table.c.kind.in_(["pause", "continue"]))
        .order_by(table.c.seq.desc())
        .limit(1)
    )
    last = connection.execute(query).scalar_one_or_none()
    return bool((last or ("pause" if row["status"] == "paused" else "")) == "pause")


def _check_changes(row: RowMapping, changes: dict[str, Any]) -> None:
    lines = [
        f"{path}: can't be changed while a run goes{did_you_mean(path, LIVE_CHANGES)}"
        for path in changes
        if path not in LIVE_CHANGES
    ]
    if not changes:
        lines = ["a change needs a field and its value, such as training.learning_rate"]
    if lines:
        raise ExperimentError(*lines)
    Experiment.from_json(row["experiment"]).with_changes(changes)
