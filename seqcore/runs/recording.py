"""Writes of a worker: events, steps, checkpoints and the final status. LostLease if its attempt is stale."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, func, select, update

from seqcore.errors import LostLease, StoreError
from seqcore.events import (
    Changed,
    CheckpointReady,
    Epoch,
    Event,
    Finding,
    Finished,
    Preparing,
    SnapshotReady,
    Started,
    Steps,
)
from seqcore.experiment.experiment import Experiment
from seqcore.runs import schema
from seqcore.runs.cleanup import clear_leftovers
from seqcore.runs.curves import NAMES, block_to_bytes
from seqcore.runs.epoch_curve import EpochCurve
from seqcore.runs.integrity import block_crc, text_crc
from seqcore.runs.lifecycle import EPOCHS, Lifecycle, read_arguments, row_of, update_run
from seqcore.runs.records import LIVE, Lease
from seqcore.runs.snapshot_rows import cut_rows
from seqcore.runs.stored_curves import grow, load_curve, rewind

__all__ = ["Recording", "event_row", "save_curves"]

SAVE_INTERVAL = 1.0  # seconds between two writes of the downsampled curves


class Recording(Lifecycle):
    """The part of a store that workers write to."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._writing: dict[str, _Curves] = {}
        self._preparing: set[str] = set()  # runs with a stored `Preparing` event
        clear_leftovers(self)

    def append(self, lease: Lease, events: Sequence[Event], *, seconds: float | None = None) -> None:
        """Store events, all or none. `seconds` is the training time so far.

        `CheckpointReady` and `SnapshotReady` are skipped, and so is a `Preparing` that another event follows.
        LostLease if the attempt is stale.
        """
        ended = any(isinstance(event, Finished) for event in events)
        unused: set[str] = set()
        try:
            with self.database.writing() as connection:
                pending = self._hold(connection, lease)
                columns: dict[str, Any] = {} if seconds is None else {"seconds": seconds}
                if pending and any(isinstance(event, Steps) or _is_refusal(event) for event in events):
                    columns["pending"], pending = "{}", {}  # `fit` has looked at what waited for this attempt
                if ended:
                    pending |= _untaken_changes(connection, lease)
                known = any(isinstance(event, Started) or _is_refusal(event) for event in events)
                epochs = _epochs_in_force(connection, lease.run) if known else 0
                columns |= _columns(events, pending, epochs)
                if columns:
                    update_run(connection, lease.run, **columns)
                if rows := _with_rows(events):
                    if lease.run in self._preparing or isinstance(
                        rows[0], Started
                    ):  # the last attempt may have ended so
                        old = (schema.events.c.run == lease.run, schema.events.c.kind == Preparing.name)
                        connection.execute(delete(schema.events).where(*old))
                    connection.execute(schema.events.insert(), [event_row(lease, event) for event in rows])
                self._append_curves(connection, lease, events)
                for event in events:
                    if isinstance(event, Changed | Finished):
                        unused |= cut_rows(connection, lease, event.step)
        except BaseException:
            self._writing.pop(lease.run, None)  # the curves in memory may be ahead of the database
            raise
        self._delete_files(unused)
        if rows:
            preparing = isinstance(rows[-1], Preparing)
            (self._preparing.add if preparing else self._preparing.discard)(lease.run)
        if ended:
            self._writing.pop(lease.run, None)

    def _delete_files(self, files: Iterable[str]) -> None:
        """Delete files of checkpoints and snapshots."""
        for file in files:
            self.checkpoint_path(file).unlink(missing_ok=True)

    def pause(self, lease: Lease, paused: bool) -> None:
        """Set the status to paused, or back to running."""
        self._update(lease, status="paused" if paused else "running")

    def fail(self, lease: Lease, lines: Sequence[str]) -> None:
        """Set the status to failed, with one line for each error."""
        lines = lines or ("no error message",)
        try:
            self._update(lease, status="failed", finished=time.time(), error="\n".join(lines), reason=lines[0])
        except StoreError:  # the disk is full, or the database is gone: the lock file has room
            self.locks.note(lease.run, lines)

    def interrupt(self, lease: Lease, reason: str) -> None:
        """Set the status to interrupted: the run can be resumed."""
        self._update(lease, status="interrupted", finished=time.time(), reason=reason)

    def stop(self, lease: Lease, reason: str) -> None:
        """Set the status to stopped, for a run that the user aborted before its `Finished`."""
        self._update(lease, status="stopped", finished=time.time(), reason=reason)

    def pending(self, lease: Lease) -> dict[str, Any]:
        """The changes to apply at the start of this attempt."""
        with self.database.reading() as connection:
            return dict(json.loads(self._pending(connection, lease)))

    def postpone(self, lease: Lease, changes: Mapping[str, Any]) -> None:
        """Store changes that came too late for this attempt, for the next one."""
        with self.database.writing() as connection:
            pending = self._hold(connection, lease) | dict(changes)
            update_run(connection, lease.run, pending=json.dumps(pending))

    def next_attempt(self, lease: Lease) -> Lease | None:
        """The next attempt, under the same lock, of a completed run that got more epochs just before its end."""
        with self.database.writing() as connection:
            row = self._find(connection, lease.run)
            current = row["status"] == "completed" and row["attempt"] == lease.attempt
            if not current or json.loads(row["pending"]).get(EPOCHS, 0) <= row["epoch"]:
                return None
            update_run(connection, lease.run, status="running", attempt=lease.attempt + 1, finished=None, reason="")
        return Lease(lease.run, lease.attempt + 1, lease.on_release)

    def _update(self, lease: Lease, **values: Any) -> None:
        with self.database.writing() as connection:
            self._hold(connection, lease)
            update_run(connection, lease.run, **values)

    def _pending(self, connection: Connection, lease: Lease) -> str:
        """The run's pending changes as JSON. LostLease if the lease is stale."""
        table = schema.runs
        own = (table.c.id == lease.run, table.c.attempt == lease.attempt, table.c.status.in_(LIVE))
        pending = connection.execute(select(table.c.pending).where(*own)).scalar_one_or_none()
        if pending is None:
            raise LostLease(
                f"run {lease.run} was resumed elsewhere, ended or deleted; attempt {lease.attempt} stops writing"
            )
        return str(pending)

    def _hold(self, connection: Connection, lease: Lease) -> dict[str, Any]:
        """Check that the attempt is current, count the write, and return the pending changes."""
        table = schema.runs
        own = (table.c.id == lease.run, table.c.attempt == lease.attempt, table.c.status.in_(LIVE))
        connection.execute(update(table).where(*own).values(version=table.c.version + 1))
        return dict(json.loads(self._pending(connection, lease)))

    def _append_curves(self, connection: Connection, lease: Lease, events: Sequence[Event]) -> None:
        parts = _parts(events)
        epochs = any(isinstance(event, Epoch) for event in events)
        if not parts and not epochs:
            return
        writing = self._writing.get(lease.run)
        if writing is None or writing.attempt != lease.attempt:
            writing = self._writing[lease.run] = _Curves(connection, lease)
        rewound = False
        writing.epochs.read(connection)
        for part in parts:
            if isinstance(part, Steps):
                rewound = writing.add(connection, lease, part) or rewound
            else:
                writing.cut(connection, lease, part.step)
                rewound = True
        if rewound or time.monotonic() - writing.saved >= SAVE_INTERVAL:
            writing.save(connection, lease)


class _Curves:
    """The curves of the attempt that this process writes, kept in memory between writes."""

    def __init__(self, connection: Connection, lease: Lease) -> None:
        table = schema.blocks
        self.attempt = lease.attempt
        self.growing = {name: load_curve(connection, lease.run, name) for name in NAMES}
        self.epochs = EpochCurve(connection, lease.run)
        newest = select(func.coalesce(func.max(table.c.seq), 0)).where(table.c.run == lease.run)
        self.through = int(connection.execute(newest).scalar_one())
        self.saved = 0.0

    def add(self, connection: Connection, lease: Lease, block: Steps) -> bool:
        """Store a block. True if it repeats steps of an earlier attempt."""
        rewound = False
        for name, curve in self.growing.items():
            rewound = grow(connection, lease.run, name, curve, block.first_step, getattr(block, name)) or rewound
        row = {"run": lease.run, "attempt": lease.attempt, "first_step": block.first_step, "last_step": _last(block)}
        contents = {name: block_to_bytes(getattr(block, name)) for name in NAMES}
        replicas = block.loss.size // len(block.loss)
        crcs = [block_crc(block.first_step, content, replicas) for content in contents.values()]
        row |= {**contents, "crc": "".join(crcs)}
        key = connection.execute(schema.blocks.insert().values(row)).inserted_primary_key
        assert key is not None
        self.through = int(key[0])
        return rewound

    def cut(self, connection: Connection, lease: Lease, step: int) -> None:
        """Drop what an earlier attempt stored after `step`; it will not be repeated unchanged."""
        for name, curve in self.growing.items():
            if curve.newest > step:
                rewind(connection, lease.run, name, curve, step)
            curve.cut()

    def save(self, connection: Connection, lease: Lease) -> None:
        """Replace the stored downsampled curves."""
        table = schema.curves
        connection.execute(delete(table).where(table.c.run == lease.run))
        rows = [
            {"run": lease.run, "name": name, "through": self.through, "content": content, "crc": text_crc(content)}
            for name, content in ((name, curve.to_bytes()) for name, curve in self.growing.items())
        ]
        connection.execute(table.insert(), rows)
        self.epochs.save(connection)
        self.saved = time.monotonic()


def _is_refusal(event: Event) -> bool:
    return isinstance(event, Finding) and event.code == "change-refused"


def _epochs_in_force(connection: Connection, run: str) -> int:
    """The epochs to which a run was changed last, which an attempt that replays changes will have, or its own."""
    table = schema.events
    query = select(table.c.content).where(table.c.run == run, table.c.kind == Changed.name).order_by(table.c.seq)
    recorded = [json.loads(content)["changes"] for content in connection.execute(query).scalars()]
    if changed := next((changes[EPOCHS] for changes in reversed(recorded) if EPOCHS in changes), None):
        return int(changed)
    experiment = connection.execute(select(schema.runs.c.experiment).where(schema.runs.c.id == run)).scalar_one()
    return Experiment.from_json(experiment).training.epochs


def _columns(events: Sequence[Event], pending: dict[str, Any], epochs: int) -> dict[str, Any]:
    """Columns of a run's row that its events change. `epochs`: see `_epochs_in_force`."""
    columns: dict[str, Any] = {}
    for event in events:
        match event:
            case Started():
                columns |= {
                    "parameters": event.parameters,
                    "baselines": json.dumps(event.baselines),
                    "headline": event.reference_baseline,
                    "metric": event.metric,
                    "step": event.step,
                    "epoch": event.epoch,
                    "epochs": pending.get(EPOCHS, epochs),
                }
            case Finding() if _is_refusal(event):
                columns["epochs"] = epochs
            case Steps():
                columns["step"] = _last(event)
            case Epoch():
                columns |= {"epoch": event.epoch, "step": event.step, "last_metrics": json.dumps(event.metrics)}
                if event.best:
                    columns |= {"metrics": json.dumps(event.metrics), "best_epoch": event.epoch}
            case Changed():
                pending = {path: value for path, value in pending.items() if event.changes.get(path) != value}
                columns["pending"] = json.dumps(pending)
                if EPOCHS in event.changes:
                    epochs = int(event.changes[EPOCHS])
                    columns["epochs"] = pending.get(EPOCHS, epochs)
            case Finished():
                columns |= {
                    "pending": json.dumps(pending),
                    "status": event.status,
                    "finished": time.time(),
                    "reason": event.reason,
                    "epoch": event.epochs,
                    "step": event.step,
                    "seconds": event.seconds,
                    "metrics": json.dumps(event.metrics),
                    "last_metrics": json.dumps(event.last_metrics),
                    "best_epoch": event.best_epoch,
                }
                if event.baselines:
                    columns["baselines"] = json.dumps(event.baselines)
    return columns


def _untaken_changes(connection: Connection, lease: Lease) -> dict[str, Any]:
    """Changes that were not taken before the end of the run; its next attempt starts with them."""
    table = schema.commands
    own = (table.c.run == lease.run, table.c.attempt == lease.attempt)
    waiting = (*own, table.c.kind == "change", table.c.taken.is_(None))
    rows = connection.execute(select(table.c.arguments).where(*waiting).order_by(table.c.seq)).scalars()
    changes: dict[str, Any] = {}
    for arguments in rows:
        changes |= read_arguments(arguments)[0]
    connection.execute(update(table).where(*waiting).values(taken=time.time()))
    return changes


def _with_rows(events: Sequence[Event]) -> list[Event]:
    """The events that get a row: all but steps, checkpoints and snapshots, and `Preparing` only in the last place."""
    last = len(events) - 1
    return [
        event
        for i, event in enumerate(events)
        if not isinstance(event, Steps | CheckpointReady | SnapshotReady)
        and (i == last or not isinstance(event, Preparing))
    ]


def save_curves(connection: Connection, lease: Lease) -> None:
    """Make the downsampled curves of a run from its blocks and epochs."""
    _Curves(connection, lease).save(connection, lease)


def event_row(lease: Lease, event: Event) -> dict[str, Any]:
    """The row of an event that is stored now."""
    content = json.dumps(event.to_dict(), allow_nan=False)
    stored = {"step": getattr(event, "step", 0), "content": content, "crc": text_crc(content), "tag": _tag(event)}
    return row_of(lease.run, lease.attempt, kind=event.name, **stored)


def _tag(event: Event) -> str | None:
    if isinstance(event, Finding):
        return event.code
    return schema.BEST if isinstance(event, Epoch) and event.best else None


def _last(block: Steps) -> int:
    return block.first_step + len(block.loss) - 1


def _parts(events: Sequence[Event]) -> list[Steps | Changed | Finished]:
    """Events that change curves, in order: consecutive steps merged to a block (one row a write), changes and the end.

    A `Changed` is always new: `fit` does not yield it again when it replays one.
    """
    parts: list[Steps | Changed | Finished] = []
    blocks: list[Steps] = []
    for event in events:
        if isinstance(event, Steps):
            if blocks and event.first_step != _last(blocks[-1]) + 1:
                parts.append(_merged(blocks))
                blocks = []
            blocks.append(event)
        elif isinstance(event, Finished | Changed):
            parts += [_merged(blocks)] if blocks else []
            parts.append(event)
            blocks = []
    return parts + ([_merged(blocks)] if blocks else [])


def _merged(blocks: Sequence[Steps]) -> Steps:
    series = (np.concatenate([getattr(block, name) for block in blocks]) for name in NAMES)
    return Steps(blocks[0].first_step, *series)
