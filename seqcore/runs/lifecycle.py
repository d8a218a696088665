"""Status changes of runs in the store: submit, claim, command, resume, add epochs, delete."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from filelock import FileLock
from sqlalchemy import Connection, RowMapping, delete, select, update

from seqcore.errors import StoreError, did_you_mean
from seqcore.events import Started
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.live import Reached, checked_changes, checked_rate
from seqcore.runs import schema
from seqcore.runs.integrity import run_crc, verify_run
from seqcore.runs.labels import list_columns
from seqcore.runs.liveness import TIMEOUT, Holder
from seqcore.runs.reading import Reading
from seqcore.runs.records import LIVE, Command, Lease, Run
from seqcore.runs.slots import MOST_TOGETHER

__all__ = ["EPOCHS", "Lifecycle", "read_arguments", "row_of", "update_run"]

COMMANDS = ("pause", "continue", "stop", "change", "slow", "advance", "snapshot")
MOST_STEPS = 1_000_000  # that a paused run takes at once
EPOCHS = "training.epochs"
EARLY_STOPPING = "early stopping"  # how the reason of a run begins that it has ended


class Lifecycle(Reading):
    """The part of a store that changes the status of runs."""

    def submit(
        self, experiment: Experiment, *, recipe: str | None = None, group: str | None = None, owner: str | None = None
    ) -> Run:
        """A new run, queued for a worker. `owner` is the user who started it."""
        run_id = str(uuid.uuid4())
        row = _new_row(run_id, experiment, recipe=recipe, group=group, owner=owner)
        with self.database.writing() as connection:
            insert_run(connection, row)
        return self.run(run_id)

    def submit_together(
        self,
        experiments: Sequence[Experiment],
        *,
        group: str,
        recipe: str | None = None,
        owner: str | None = None,
    ) -> list[Run]:
        """New runs of a group that are queued at the same moment: a scheduler starts them at the same time.

        All or none. StoreError unless there are 2 to `MOST_TOGETHER` of them, or where the group has runs already.
        """
        if not 2 <= len(experiments) <= MOST_TOGETHER:
            raise StoreError(f"{len(experiments)} runs can't be started together; use 2 to {MOST_TOGETHER}")
        rows = [
            _new_row(str(uuid.uuid4()), experiment, recipe=recipe, group=group, owner=owner)
            for experiment in experiments
        ]
        moment = {name: rows[0][name] for name in ("created", "queued")}
        with self.database.writing() as connection:
            if self._of_group(connection, group):
                raise StoreError(f"there is a group {group!r} already; use another name")
            for row in rows:
                insert_run(connection, row | moment)
        return [self.run(row["id"]) for row in rows]

    def start(
        self, experiment: Experiment, *, recipe: str | None = None, group: str | None = None, owner: str | None = None
    ) -> Lease:
        """A new run that the caller executes: created and claimed at once."""
        run_id = str(uuid.uuid4())
        lock = self._lock(run_id)
        if lock is None:
            raise StoreError(f"run {run_id} is already taken")
        lease = Lease(run_id, 1, Holder(lock).release)
        row = _new_row(run_id, experiment, recipe=recipe, group=group, owner=owner)
        row |= {"status": "running", "started": row["created"], "queued": None}
        try:
            with self.database.writing() as connection:
                insert_run(connection, row)
        except BaseException:
            lease.release()
            raise
        return lease

    def claim(self, run: str | None = None) -> Lease | None:
        """Claim a queued run: `run`, or the one that has waited longest. None if there is none to claim."""
        for run_id in self.queue() if run is None else [self.run(run).id]:
            lease = self._claim(run_id, timeout=0.05 if run is None else 2.0)
            if lease is not None:
                return lease
        return None

    def resume(self, run: str, changes: Mapping[str, Any] | None = None) -> Run:
        """Queue a run that has ended as a new attempt, which continues from the last checkpoint.

        `changes` (dotted path -> value) are applied and recorded before its first step. ExperimentError where a field
        can't change after the start; StoreError where the run is queued or running, or has no epochs left.
        """
        with self.database.writing() as connection:
            row = self._find(connection, run)
            status = self._run(row, []).status
            if status == "queued" or status in LIVE:
                raise StoreError(f"run {row['id']} is already {status}")
            self._requeue(connection, row, status, _checked(connection, row, changes) if changes else {})
        return self.run(row["id"])

    def more_epochs(self, run: str, n: int, *, by: str | None = None) -> Run:
        """Train `n` more epochs: a live run gets a command, a queued one waits with them, an ended one is resumed."""
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise StoreError(f"{n!r} more epochs are not allowed; use a whole number from 1 up")
        with self.database.writing() as connection:
            row = self._find(connection, run)
            status = self._run(row, []).status
            changes = _checked(connection, row, {EPOCHS: _planned(row, status) + n})
            if status == "queued":
                _add_pending(connection, row, changes)
            elif status in LIVE:
                _put_command(connection, row, "change", changes, by)
            else:
                self._requeue(connection, row, status, changes)
        return self.run(row["id"])

    def restart(self, run: str, changes: Mapping[str, Any] | None = None, *, epochs: int = 0) -> Lease | None:
        """Resume a run in this process, with `changes` and more `epochs`: queued and claimed at once, so that a killed
        process leaves no run in the queue. None if another process has it."""
        run_id = self.run(run).id
        noted = self.locks.noted(run_id)
        lock = self._lock(run_id)
        if lock is None:
            return None
        holder = Holder(lock)
        try:
            with self.database.writing() as connection:
                row = self._find(connection, run_id)
                status = "interrupted" if row["status"] in LIVE else row["status"]  # we hold its lock
                if epochs:
                    changes = {**(changes or {}), EPOCHS: _planned(row, status) + epochs}
                self._requeue(connection, row, status, _checked(connection, row, changes) if changes else {})
                started = row["started"] or time.time()
                update_run(connection, run_id, status="running", queued=None, started=started)
                return Lease(run_id, self._find(connection, run_id)["attempt"], holder.release)
        except BaseException:
            self.locks.note(run_id, noted)
            holder.release()
            raise

    def command(
        self, run: str, kind: str, arguments: Mapping[str, Any] | None = None, *, by: str | None = None
    ) -> None:
        """Ask the worker of a run for something; `by` is the user who asks.

        "pause", "continue", "stop", "snapshot"; "change" with the values of fields, as in
        `{"training.learning_rate": 0.1}`; "slow" with `{"steps_per_second": 2.0}`, None for full speed; "advance" with
        `{"steps": 3}`, which a paused run takes before it pauses again. A queued run can be stopped, slowed, and
        changed: it begins with the changed values.
        StoreError where the run's status doesn't allow the command, ExperimentError where a field can't change or a
        value is not allowed.
        """
        if kind not in COMMANDS:
            raise StoreError(f"there is no command {kind!r}{did_you_mean(kind, COMMANDS)}")
        with self.database.writing() as connection:
            row = self._find(connection, run)
            status = self._run(row, []).status
            given = _checked_arguments(connection, row, kind, arguments or {})
            if status == "queued" and kind == "stop":
                reason = "stopped before its first step" if row["step"] == 0 else "stopped while it was queued"
                update_run(connection, row["id"], status="stopped", finished=time.time(), reason=reason)
            elif status == "queued" and kind == "change":
                _add_pending(connection, row, given)
            elif status == "queued" and kind != "slow":
                raise StoreError(f"run {row['id']} is queued, so it can't {kind}; stop takes it out of the queue")
            elif status not in (*LIVE, "queued"):
                raise StoreError(f"run {row['id']} is {status}; {kind} needs a running one")
            else:
                _check_live(connection, row, kind)
                _put_command(connection, row, kind, given, by)

    def take_commands(self, lease: Lease) -> list[Command]:
        """The commands for this attempt that were not taken yet, in order. Writes only if there are some."""
        table = schema.commands
        waiting = (table.c.run == lease.run, table.c.attempt == lease.attempt, table.c.taken.is_(None))
        with self.database.reading() as connection:
            rows = list(connection.execute(select(table).where(*waiting).order_by(table.c.seq)).mappings())
        if rows:
            with self.database.writing() as connection:
                taken = table.c.seq.in_([row["seq"] for row in rows])
                connection.execute(update(table).where(taken).values(taken=time.time()))
        commands = [(row, *read_arguments(row["arguments"])) for row in rows]
        return [Command(row["seq"], row["kind"], arguments, by) for row, arguments, by in commands]

    def delete(self, run: str) -> None:
        """Delete a run with its history, checkpoints and log. StoreError while it is running or paused."""
        with self.database.writing() as connection:
            row = self._find(connection, run)
            run_id = row["id"]
            if row["status"] in LIVE and self.locks.held(run_id):
                raise StoreError(f"run {run_id} is {row['status']}; stop it first")
            for table in schema.OF_RUNS:
                connection.execute(delete(table).where(table.c.run == run_id))
            connection.execute(delete(schema.runs).where(schema.runs.c.id == run_id))
        shutil.rmtree(self.folder / "checkpoints" / run_id, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.log_path(run_id).unlink()
        self.locks.forget(run_id)

    def _requeue(self, connection: Connection, row: RowMapping, status: str, changes: dict[str, Any]) -> None:
        """Queue a run that has ended, as its next attempt, with `changes` pending; one that is queued gets them too."""
        pending = json.loads(row["pending"]) | changes
        if status == "completed" and pending.get(EPOCHS, 0) <= row["epoch"]:
            raise StoreError(f"run {row['id']} is completed; add epochs to train further")
        if row["reason"].startswith(EARLY_STOPPING) and Experiment.from_json(row["experiment"]).training.replicas > 1:
            raise StoreError(f"early stopping has ended every seed of run {row['id']}; start a new run to train longer")
        attempt = row["attempt"] + (status != "queued")
        values = {"status": "queued", "attempt": attempt, "queued": time.time(), "finished": None}
        values |= {"pending": json.dumps(pending), "epochs": pending.get(EPOCHS, row["epochs"])}
        update_run(connection, row["id"], error=None, reason="", **values)

    def _lock(self, run_id: str, timeout: float = TIMEOUT) -> FileLock | None:
        """The lock of a run that is to be written. None if another process holds it."""
        self.database.check_writable()
        return self.locks.take(run_id, timeout)

    def _claim(self, run_id: str, timeout: float) -> Lease | None:
        lock = self._lock(run_id, timeout)
        if lock is None:
            return None
        holder = Holder(lock)
        try:
            with self.database.writing() as connection:
                row = self._find(connection, run_id)
                if row["status"] == "queued":
                    update_run(connection, run_id, status="running", started=row["started"] or time.time())
                    return Lease(run_id, row["attempt"], holder.release)
        except BaseException:
            holder.release()
            raise
        holder.release()
        return None


def _new_row(run_id: str, experiment: Experiment, **names: str | None) -> dict[str, Any]:
    now = time.time()
    row = {"id": run_id, "status": "queued", **names, "created": now, "queued": now}
    return row | {"experiment": experiment.to_json(), "epochs": experiment.training.epochs}


def _planned(row: RowMapping, status: str) -> int:
    """The epochs to which more are added: after a run that was stopped or ended early, those that are done."""
    return int(row["epoch"] if status in ("completed", "stopped") else row["epochs"])


def update_run(connection: Connection, run_id: str, **values: Any) -> None:
    """Change columns of a run's row, and count the write. CorruptError if the row is damaged."""
    table = schema.runs
    row = connection.execute(select(table).where(table.c.id == run_id)).mappings().one()
    verify_run(dict(row))
    if not values.keys().isdisjoint(("metrics", "baselines", "headline", "metric")):
        values |= {"skill": list_columns({**row, **values})["skill"]}
    values |= {"crc": run_crc({**row, **values}), "version": table.c.version + 1}
    connection.execute(update(table).where(table.c.id == run_id).values(**values))


def insert_run(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add a run's row."""
    table, own = schema.runs, schema.runs.c.id == row["id"]
    connection.execute(table.insert().values(**row))
    stored = dict(connection.execute(select(table).where(own)).mappings().one())  # with its defaults
    connection.execute(update(table).where(own).values(crc=run_crc(stored), **list_columns(stored)))


def row_of(run_id: str, attempt: int, **values: Any) -> dict[str, Any]:
    """A row that an attempt adds to a table now."""
    return {"run": run_id, "attempt": attempt, "time": time.time(), **values}


def read_arguments(text: str) -> tuple[dict[str, Any], str | None]:
    """The arguments of a stored command, and who asked. Commands of earlier versions are their arguments alone."""
    stored: dict[str, Any] = json.loads(text)
    return (stored["arguments"], stored["by"]) if "by" in stored else (stored, None)


def _put_command(connection: Connection, row: RowMapping, kind: str, arguments: dict[str, Any], by: str | None) -> None:
    stored = json.dumps({"arguments": arguments, "by": by} if kind == "change" else arguments)
    values = row_of(row["id"], row["attempt"], kind=kind, arguments=stored)
    connection.execute(schema.commands.insert().values(values))
    update_run(connection, row["id"], epochs=arguments.get(EPOCHS, row["epochs"]))


def _add_pending(connection: Connection, row: RowMapping, changes: dict[str, Any]) -> None:
    """Let the next attempt begin with these changes."""
    pending = json.dumps(json.loads(row["pending"]) | changes)
    update_run(connection, row["id"], pending=pending, epochs=changes.get(EPOCHS, row["epochs"]))


def _check_live(connection: Connection, row: RowMapping, kind: str) -> None:
    """StoreError where a live run is asked to pause or continue twice, to take single steps while it is running, or for
    a snapshot that it does not keep."""
    if kind == "snapshot" and not Experiment.from_json(row["experiment"]).training.snapshots:
        raise StoreError(f"run {row['id']} keeps no snapshots: it was started with training.snapshots = false")
    table = schema.commands
    kinds = ("pause", "continue", "advance")
    asked = (table.c.run == row["id"], table.c.attempt == row["attempt"], table.c.kind.in_(kinds))
    query = select(table.c.kind).where(*asked).order_by(table.c.seq.desc()).limit(1)
    last = connection.execute(query).scalar_one_or_none()  # taken by the worker or not
    last = last or ("pause" if row["status"] == "paused" else "continue")
    if kind == last and kind != "advance":
        raise StoreError(f"run {row['id']} is already {'paused' if kind == 'pause' else 'running'}")
    if kind == "advance" and last == "continue":
        raise StoreError(f"run {row['id']} is running; pause it to take single steps")


def _checked_arguments(
    connection: Connection, row: RowMapping, kind: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of a command, with their values as the worker takes them."""
    if kind == "change":
        return _checked(connection, row, arguments)
    if kind == "slow":
        return {"steps_per_second": checked_rate(arguments.get("steps_per_second"))}
    if kind == "advance":
        steps = arguments.get("steps", 1)
        if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= MOST_STEPS:
            raise StoreError(f"{steps!r} steps are not allowed; use a whole number from 1 to {MOST_STEPS}")
        return {"steps": steps}
    return {}


def _checked(connection: Connection, row: RowMapping, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes of a run that has started, with their values as the experiment holds them. ExperimentError."""
    experiment = Experiment.from_json(row["experiment"])
    return checked_changes(experiment, changes, reached=_reached(connection, row, experiment))


def _reached(connection: Connection, row: RowMapping, experiment: Experiment) -> Reached:
    """Where a run is by what is stored; `fit`, which is some steps ahead, checks its changes again.

    A run that has completed waits for a better epoch anew once it gets more epochs, and so does one that was continued;
    of replicas each waits for its own.
    """
    epochs = max(row["epoch"], min(row["epoch"] + 1, row["epochs"]))
    if row["status"] == "completed" or row["best_epoch"] is None or experiment.training.replicas > 1:
        return Reached(epochs)
    table = schema.events
    started = (table.c.run == row["id"], table.c.kind == Started.name)
    newest = select(table.c.content).where(*started).order_by(table.c.seq.desc()).limit(1)
    content = connection.execute(newest).scalar_one_or_none()
    since = max(row["best_epoch"], json.loads(content).get("epoch", 0) if content else 0)
    return Reached(epochs, max(0, row["epoch"] - since))
