"""Forks: new runs that share the history of another one up to a step, and continue from there with changes."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, func, literal, or_, select

from seqcore.errors import NotFoundError, StoreError
from seqcore.events import Changed, Epoch
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.live import Reached, checked_changes
from seqcore.runs import schema
from seqcore.runs.atomic_io import digest, link_file, pieces, write_durably
from seqcore.runs.curves import NAMES
from seqcore.runs.integrity import block_crc, named, verify_run
from seqcore.runs.lifecycle import EPOCHS, insert_run, row_of
from seqcore.runs.liveness import Holder
from seqcore.runs.recording import event_row, save_curves
from seqcore.runs.records import LIVE, Lease, Run, stored_event
from seqcore.runs.snapshot_rows import rows_of
from seqcore.runs.snapshots import Snapshots

__all__ = ["Forking"]

COPIED = 0  # the attempt of rows that are copied: those of the fork itself begin with 1
BLOCKS = 200  # copied at a time


class Forking(Snapshots):
    """The part of a store that makes forks."""

    def fork(
        self,
        run: str,
        step: int | None = None,
        changes: Mapping[str, Any] | None = None,
        *,
        group: str | None = None,
        owner: str | None = None,
    ) -> Run:
        """A new run, queued, that equals `run` up to `step` and goes on from there with `changes` of live fields.

        Any step of the run may be given, by default that of the newest kept state; training goes on from the nearest
        one before it, so that the fork equals its parent bit for bit up to the step. The history up to there is copied:
        the fork does not depend on its parent any more. StoreError or NotFoundError for a step that the run does not
        have, ExperimentError where a field can't change or its value is not allowed.
        """
        lease = self._forked(run, step, changes or {}, status="queued", group=group, owner=owner)
        lease.release()
        return self.run(lease.run)

    def start_fork(
        self,
        run: str,
        step: int | None = None,
        changes: Mapping[str, Any] | None = None,
        *,
        group: str | None = None,
        owner: str | None = None,
    ) -> Lease:
        """The same for a caller that executes the new run: created and claimed at once."""
        return self._forked(run, step, changes or {}, status="running", group=group, owner=owner)

    def experiment_at(self, run: str, step: int) -> Experiment:
        """The experiment as it held for the step `step` of a run: with the changes before it."""
        with named(run), self.database.reading() as connection:
            return _experiment_at(connection, self._find(connection, run), step)

    def _forked(
        self,
        run: str,
        step: int | None,
        changes: Mapping[str, Any],
        *,
        status: str,
        group: str | None,
        owner: str | None,
    ) -> Lease:
        run_id = str(uuid.uuid4())
        lock = self._lock(run_id)  # before there is anything of the run, so that no process clears it away
        if lock is None:
            raise StoreError(f"run {run_id} is already taken")
        lease = Lease(run_id, 1, Holder(lock).release)
        try:
            with named(run), self.database.writing() as connection:
                parent = self._find(connection, run)
                verify_run(dict(parent))
                start = self._start(connection, parent, step)
                at = start["step"] if step is None else step
                names = {"group": group, "owner": owner, "status": status}
                self._insert(connection, lease, parent, at, start, changes, names)
        except BaseException:
            shutil.rmtree(self.checkpoint_path(run_id), ignore_errors=True)
            lease.release()
            raise
        return lease

    def _start(self, connection: Connection, parent: RowMapping, step: int | None) -> RowMapping:
        """The kept state that a fork at `step` goes on from: of a snapshot or, beyond the last one, of a checkpoint."""
        run, reached = parent["id"], parent["step"]
        if step is not None and (isinstance(step, bool) or not isinstance(step, int) or step < 0):
            raise StoreError(f"step: {step!r} is not allowed; use a whole number from 0 up")
        if step is not None and step > reached:
            so_far = " so far" if parent["status"] in ("queued", *LIVE) else ""
            raise StoreError(f"run {run} has {reached:,} steps{so_far}, so it can't be forked at step {step:,}")
        until = reached if step is None else step
        kept = [*rows_of(connection, run, until=until)]
        ends = [row for row in self._checkpoints(connection, run) if row["step"] <= until]
        if ends and (not kept or ends[0]["step"] > kept[-1]["step"]):
            kept.append(ends[0])
        there = [row for row in kept if self.checkpoint_path(row["file"]).exists()]
        if there:
            return there[-1]
        first = min((row["step"] for row in rows_of(connection, run)), default=None)
        if first is not None:
            raise NotFoundError(f"run {run} has no snapshot before step {first:,}; fork it there or later")
        if parent["status"] in ("queued", *LIVE) and Experiment.from_json(parent["experiment"]).training.snapshots:
            raise NotFoundError(f"run {run} has no snapshot yet; wait until it has trained for a few seconds")
        raise NotFoundError(
            f"run {run} can't be forked at step {until:,}: it has no snapshots, because it was trained by an earlier "
            "version or with training.snapshots = false"
        )

    def _insert(
        self,
        connection: Connection,
        lease: Lease,
        parent: RowMapping,
        step: int,
        start: RowMapping,
        changes: Mapping[str, Any],
        names: Mapping[str, str | None],
    ) -> None:
        """The row of a fork, and all that it has of its parent."""
        before = _experiment_at(connection, parent, step)
        epoch, best = (_last_epoch(connection, parent["id"], step, tag) for tag in (None, schema.BEST))
        waited = epoch.epoch - best.epoch if epoch and best and before.training.replicas == 1 else 0
        wanted = checked_changes(before, changes, reached=Reached(waited=waited)) if changes else {}
        wanted = {path: value for path, value in wanted.items() if value != before.get(path)}
        done, epochs = 0 if epoch is None else epoch.epoch, wanted.get(EPOCHS, before.training.epochs)
        if epochs <= done:
            raise StoreError(
                f"run {parent['id']} has no epochs left after step {step:,}; fork an earlier step, or change "
                f"{EPOCHS} to more than {done:,}"
            )
        now = time.time()
        same = ("experiment", "recipe", "baselines", "headline", "metric", "parameters")
        columns = {name: parent[name] for name in same} | dict(names)
        columns |= {"id": lease.run, "parent": parent["id"], "parent_step": step, "created": now}
        columns |= {"queued": now} if names["status"] == "queued" else {"started": now}
        columns |= {"step": step, "epoch": done, "epochs": epochs}
        columns |= {"seconds": start.get("seconds", parent["seconds"] * step / max(1, parent["step"]))}
        columns |= {} if epoch is None else {"last_metrics": json.dumps(epoch.metrics)}
        columns |= {} if best is None else {"metrics": json.dumps(best.metrics), "best_epoch": best.epoch}
        insert_run(connection, columns)
        _copy_events(connection, parent["id"], lease.run, step)
        if wanted:
            change = Changed(step, wanted, {path: before.get(path) for path in wanted}, names["owner"])
            connection.execute(
                schema.events.insert().values(event_row(Lease(lease.run, COPIED, lease.release), change))
            )
        _copy_blocks(connection, parent["id"], lease.run, step)
        save_curves(connection, lease)
        self._copy_states(connection, parent["id"], lease.run, step, start)

    def _copy_states(self, connection: Connection, parent: str, run: str, step: int, start: RowMapping) -> None:
        """The parent's snapshots up to a step, and the state to go on from as a checkpoint."""
        linked: dict[str, str] = {}
        rows = []
        for row in rows_of(connection, parent, until=step):
            for file in {row["file"], row["shared"]} - set(linked):
                target = f"{run}/{PurePosixPath(file).name}"
                if link_file(self.checkpoint_path(file), self.checkpoint_path(target)):
                    linked[file] = target
            if row["file"] in linked and row["shared"] in linked:
                own = {"run": run, "attempt": COPIED, "file": linked[row["file"]], "shared": linked[row["shared"]]}
                rows.append({name: value for name, value in {**row, **own}.items() if name != "seq"})
        if rows:
            connection.execute(schema.snapshots.insert(), rows)
        content = self._content(parent, start) if "shared" in start else self._read_checkpoint(parent, [start])
        file = f"{run}/{COPIED}-{start['step']}-{uuid.uuid4().hex[:8]}.checkpoint"
        size = write_durably(self.checkpoint_path(file), pieces(content))
        place = {"file": file, "size": size, "sha256": digest(pieces(content))}
        values = row_of(run, COPIED, step=start["step"], epoch=start["epoch"], **place)
        connection.execute(schema.checkpoints.insert().values(values))


def _experiment_at(connection: Connection, run: RowMapping, step: int) -> Experiment:
    """A run's experiment with the changes that its step `step` knows."""
    table = schema.events
    query = select(table).where(table.c.run == run["id"], table.c.kind == Changed.name, table.c.step < step)
    stored = [stored_event(dict(row)).event for row in connection.execute(query.order_by(table.c.seq)).mappings()]
    changes = sorted((event for event in stored if isinstance(event, Changed)), key=lambda change: change.step)
    experiment = Experiment.from_json(run["experiment"])
    for change in changes:
        experiment = experiment.with_changes(change.changes)
    return experiment


def _last_epoch(connection: Connection, run: str, step: int, tag: str | None) -> Epoch | None:
    """The last epoch that ended by a step; with a tag, the last that has it."""
    table = schema.events
    chosen = [table.c.run == run, table.c.kind == Epoch.name, table.c.step <= step]
    if tag is not None:
        chosen.append(table.c.tag == tag)
    query = select(table).where(*chosen).order_by(table.c.step.desc(), table.c.seq.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    event = None if row is None else stored_event(dict(row)).event
    return event if isinstance(event, Epoch) else None


def _copy_events(connection: Connection, parent: str, run: str, step: int) -> None:
    """What happened up to a step: epochs and previews, changes and findings before it, and the last start."""
    table = schema.events
    started = select(func.max(table.c.seq)).where(
        table.c.run == parent, table.c.kind == "started", table.c.step <= step
    )
    known = or_(
        and_(table.c.kind.in_(["epoch", "preview"]), table.c.step <= step),
        and_(table.c.kind.in_(["changed", "finding"]), table.c.step < step),
        table.c.seq == started.scalar_subquery(),
    )
    names = [column.name for column in table.columns if column.name not in ("seq", "run", "attempt")]
    query = select(literal(run), literal(COPIED), *(table.c[name] for name in names))
    query = query.where(table.c.run == parent, known).order_by(table.c.seq)
    connection.execute(table.insert().from_select(["run", "attempt", *names], query))


def _copy_blocks(connection: Connection, parent: str, run: str, step: int) -> None:
    """The numbers of the steps up to `step`, in the order in which they were stored: later ones count."""
    table, after = schema.blocks, 0
    chosen = (table.c.run == parent, table.c.first_step <= step)
    while True:
        query = select(table).where(*chosen, table.c.seq > after).order_by(table.c.seq).limit(BLOCKS)
        rows = list(connection.execute(query).mappings())
        if not rows:
            return
        after = rows[-1]["seq"]
        connection.execute(table.insert(), list(_until(rows, run, step)))


def _until(rows: Sequence[RowMapping], run: str, step: int) -> Iterator[dict[str, Any]]:
    """Blocks for a fork, without what lies beyond a step."""
    for row in rows:
        first, last = row["first_step"], row["last_step"]
        copied = {name: value for name, value in row.items() if name != "seq"} | {"run": run, "attempt": COPIED}
        if last > step:
            count, kept = last - first + 1, step - first + 1
            parts = {name: row[name][: len(row[name]) // count * kept] for name in NAMES}
            replicas = len(row["loss"]) // count // 8
            crcs = "".join(block_crc(first, part, replicas) for part in parts.values())
            copied |= {**parts, "last_step": step, "crc": None if row["crc"] is None else crcs}
        yield copied
