"""Queries of the store: runs, events, curves, checkpoints, logs. None writes, or grows with the length of a run."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, RowMapping, Select, func, select, union_all

from seqcore.errors import CorruptError, NotFoundError, StoreError
from seqcore.events import Changed
from seqcore.runs import schema
from seqcore.runs.atomic_io import digest, pieces
from seqcore.runs.curves import NAMES, finished_curve, over_replicas, overlay, thin_to
from seqcore.runs.database import Database, find_place
from seqcore.runs.epoch_curve import EPOCH_CURVE, EpochCurve
from seqcore.runs.epoch_scores import EpochScores, read_epoch_scores
from seqcore.runs.integrity import damaged, named, salvaged, verify_run
from seqcore.runs.liveness import Locks
from seqcore.runs.records import LIVE, Curve, Run, Status, StoredEvent, damaged_run, ending, run_from_row, stored_event
from seqcore.runs.replica_epochs import ReplicaEpochs, read_replica_epochs
from seqcore.runs.requested import queued_runs, slow_motion, stopping_runs
from seqcore.runs.run_list import RunFilter, RunPage, count_by_status, page_of_ids, sort_in_memory
from seqcore.runs.stored_curves import load_blocks, load_curve, load_values

__all__ = ["Reading"]

_AT_ONCE = 1000  # runs read by their ids in one query
_FEW = 500  # runs that are all checked before they are counted


class Reading:
    """The part of a store that reads."""

    def __init__(self, url: str | Path | None = None) -> None:
        self.place = find_place(url)
        self.url = self.place.url
        self.folder = self.place.folder
        self.database = Database(self.place)
        self.locks = Locks(self.folder / "locks")
        self._damaged: set[str] = set()  # runs that were found so
        self._checked = False  # whether all runs were

    @property
    def read_only(self) -> str:
        """Why nothing can be stored, in a few words; empty where it can."""
        return self.database.read_only

    def run(self, run: str) -> Run:
        """A run by its id, a unique prefix of it, or "latest". NotFoundError if none or several match."""
        with named(run), self.database.reading() as connection:
            row = self._find(connection, run)
            queue = queued_runs(connection) if row["status"] == "queued" else []
            found = self._run(row, queue, stopping_runs(connection) if row["status"] in LIVE else frozenset())
            return found if found.ended else replace(found, steps_per_second=slow_motion(connection, row))

    def runs(self, limit: int | None = None, *, ids: Collection[str] | None = None) -> list[Run]:
        """All runs, or those of these ids that there are, newest first. A damaged one has the status `damaged`."""
        newest = select(schema.runs).order_by(schema.runs.c.number.desc()).limit(limit)
        if ids is not None:
            newest = newest.where(schema.runs.c.id.in_(list(ids)))
        try:
            with self.database.reading() as connection:
                queue, stopping = queued_runs(connection), stopping_runs(connection)
                rows: list[Any] = list(connection.execute(newest).mappings())
        except CorruptError:
            queue, stopping, rows = [], frozenset(), self._salvaged(limit, ids)
        return [self._listed(row, queue, stopping) for row in rows]

    def find_runs(self, chosen: RunFilter | None = None, *, limit: int | None = None, offset: int = 0) -> RunPage:
        """The runs that match, in order: `limit` of them from the place `offset` on. The database looks for them."""
        chosen = chosen or RunFilter()
        self._look_for_damage(everywhere="damaged" in chosen.statuses)
        while True:
            try:
                with self.database.reading() as connection:
                    ids, total = page_of_ids(connection, chosen, self._statuses(connection), limit=limit, offset=offset)
            except CorruptError:
                matching = sort_in_memory(self.runs(), chosen)
                return RunPage(matching[offset:][:limit], len(matching))
            parts = (ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE))
            found = {run.id: run for part in parts for run in self.runs(ids=part)}
            damaged = {run for run in found if found[run].status == "damaged"} - self._damaged
            if not damaged:
                return RunPage([found[run] for run in ids if run in found], total)
            self._damaged |= damaged  # their place in the list is another one

    def run_counts(self) -> dict[Status, int]:
        """The number of runs with each status that occurs. In a large store damaged runs count once they were read."""
        self._look_for_damage()
        try:
            with self.database.reading() as connection:
                return count_by_status(connection, self._statuses(connection))
        except CorruptError:
            counts = Counter(run.status for run in self.runs())
            return {status: counts[status] for status in get_args(Status) if counts[status]}

    def _look_for_damage(self, *, everywhere: bool = False) -> None:
        """Read every run once, of a store with few runs or where it is needed."""
        if self._checked:
            return
        with contextlib.suppress(CorruptError), self.database.reading() as connection:
            count = connection.execute(select(func.count()).select_from(schema.runs)).scalar_one()
            if count > _FEW and not everywhere:
                return
        self._damaged |= {run.id for run in self.runs() if run.status == "damaged"}
        self._checked = True

    def _statuses(self, connection: Connection) -> dict[str, Status]:
        """The status of runs that have another one than is stored: their worker is gone, or they are damaged."""
        table = schema.runs
        live = connection.execute(select(table.c.id).where(table.c.status.in_(LIVE))).scalars()
        gone = {run: ending(self.locks.noted(run))["status"] for run in live if not self.locks.held(run)}
        return gone | dict.fromkeys(self._damaged, "damaged")

    def _salvaged(self, limit: int | None, ids: Collection[str] | None) -> list[RowMapping | str]:
        with self.database.reading() as connection:
            rows = [r for r in salvaged(connection) if ids is None or (r if isinstance(r, str) else r["id"]) in ids]
        return rows[:limit]

    def _listed(self, row: RowMapping | str, queue: list[str], stopping: Set[str]) -> Run:
        """A run for a list, whether it is damaged or not."""
        if isinstance(row, str):
            return damaged_run(row, damaged(row, "its record can't be read").lines[0])
        try:
            return self._run(row, queue, stopping)
        except CorruptError as error:
            return damaged_run(str(row["id"])[:36], error.lines[0], row["created"])

    def queue(self) -> list[str]:
        """The ids of the queued runs, in order."""
        with self.database.reading() as connection:
            return queued_runs(connection)

    def queued_together(self, group: str | None = None) -> list[list[str]]:
        """The ids of the queued runs, in order; those of a group that were queued at the same moment are one entry.

        With a `group`, those of that group alone.
        """
        table = schema.runs
        query = select(table.c.id, table.c.group, table.c.queued).where(table.c.status == "queued")
        if group is not None:
            query = query.where(table.c.group == group)
        with self.database.reading() as connection:
            rows = list(connection.execute(query.order_by(table.c.queued, table.c.number)))
        together: dict[object, list[str]] = {}
        for run, own, moment in rows:
            together.setdefault(run if own is None else (own, moment), []).append(run)
        return list(together.values())

    def group(self, name: str) -> list[Run]:
        """The runs of a group, in the order of creation. NotFoundError if there is none."""
        with self.database.reading() as connection:
            ids = self._of_group(connection, name)
        if not ids:
            raise NotFoundError(f"there is no group {name[:60]!r}; `show RUN` names the group of a run")
        return self.runs(ids=ids)[::-1]

    def _of_group(self, connection: Connection, name: str) -> list[str]:
        table = schema.runs
        query = select(table.c.id).where(table.c.group == name).order_by(table.c.number)
        return list(connection.execute(query).scalars())

    def version(self, run: str) -> int:
        """A number that changes whenever the run does: one small read."""
        with self.database.reading() as connection:
            row = self._find(connection, run)
        dead = row["status"] in LIVE and not self.locks.held(row["id"])
        return 2 * int(row["version"]) + int(dead)

    def events(
        self,
        run: str,
        *,
        after: int = 0,
        kinds: Sequence[str] | None = None,
        limit: int | None = None,
        newest: int | None = None,
    ) -> list[StoredEvent]:
        """The stored events in order (all but `Steps` and `CheckpointReady`); `after` is the last known one's `seq`.

        Of these, the first `limit` or the last `newest`.
        """
        table, most = schema.events, newest or limit
        down = newest is not None
        with named(run), self.database.reading() as connection:
            own = (table.c.run == self._find(connection, run)["id"], table.c.seq > after)
            query = select(table).where(*own)
            if kinds is not None and most is not None:  # of each kind by itself, which an index gives in order
                seqs = [
                    select(_ordered(select(table.c.seq).where(*own, table.c.kind == kind), down, most).subquery())
                    for kind in kinds
                ]
                query = select(table).where(table.c.seq.in_(union_all(*seqs)))
            elif kinds is not None:
                query = query.where(table.c.kind.in_(list(kinds)))
            found = [stored_event(dict(row)) for row in connection.execute(_ordered(query, down, most)).mappings()]
        return found[::-1] if down else found

    def findings(self, run: str, *, after: int = 0, newest: int = 500) -> list[StoredEvent]:
        """The findings of a run after the event `after`, the latest of each code, in order; the `newest` of them."""
        table = schema.events
        with named(run), self.database.reading() as connection:
            key = self._find(connection, run)["id"]
            query = (
                select(func.max(table.c.seq))
                .where(table.c.run == key, table.c.kind == "finding", table.c.tag.is_not(None), table.c.seq > after)
                .group_by(table.c.tag)
                .order_by(func.max(table.c.seq).desc())
                .limit(newest)
            )
            latest = list(connection.execute(query).scalars())
            rows = connection.execute(select(table).where(table.c.seq.in_(latest)).order_by(table.c.seq)).mappings()
            return [stored_event(dict(row)) for row in rows]

    def best_epoch(self, run: str) -> StoredEvent | None:
        """The last epoch that was the best so far; None before the first."""
        table = schema.events
        with named(run), self.database.reading() as connection:
            key = self._find(connection, run)["id"]
            newest = select(func.max(table.c.seq)).where(
                table.c.run == key, table.c.kind == "epoch", table.c.tag == schema.BEST
            )
            query = select(table).where(table.c.seq == newest.scalar_subquery())
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else stored_event(dict(row))

    def curve(self, run: str, name: str = "loss", max_points: int | None = 600) -> Curve:
        """A series by step, downsampled to `max_points`; None gives every stored point.

        `name` is "loss" (in scaled units), "gradient_norm" (before clipping) or "learning_rate", or "val_loss" for the
        validation loss at the last step of each epoch. Of replicas a curve has the median and the extremes; every
        stored point comes with the values of each.
        """
        if name not in (*NAMES, EPOCH_CURVE):
            raise StoreError(f"there is no curve {name!r}; use one of " + ", ".join((*NAMES, EPOCH_CURVE)))
        with named(run), self.database.reading() as connection:
            key = self._find(connection, run)["id"]
            if name == EPOCH_CURVE:
                return finished_curve(*EpochCurve(connection, key).points(connection, max_points))
            curve = load_curve(connection, key, name)
            if max_points is not None:
                return finished_curve(*thin_to(*curve.points(), max(4, max_points)))
            steps, values = overlay(load_blocks(connection, key, name), curve.reach)
            return finished_curve(steps, over_replicas(values), values)

    def values_at(self, run: str, steps: Sequence[int], name: str = "loss") -> NDArray[np.float64]:
        """The values of a series at these very steps, [n], names as in `curve`; of replicas their median.

        NaN where there is none: at step 0, and where a run of an earlier version was damaged.
        """
        if name not in NAMES:
            raise StoreError(f"there is no series {name!r} of steps; use one of " + ", ".join(NAMES))
        with named(run), self.database.reading() as connection:
            return load_values(connection, self._find(connection, run)["id"], name, steps)

    def replica_epochs(self, run: str, names: Sequence[str], *, after: int = 0, every: int = 1) -> ReplicaEpochs:
        """What each replica scored after epochs, of the metrics `names` ("val_loss", ...): see `ReplicaEpochs`."""
        with named(run), self.database.reading() as connection:
            key = self._find(connection, run)["id"]
            return read_replica_epochs(connection, key, names, after=after, every=every)

    def epoch_scores(self, run: str, names: Sequence[str], *, after: int = 0) -> EpochScores:
        """The scores `names` ("val_loss", "val_mae") and the duration of every epoch after the event `after`."""
        with named(run), self.database.reading() as connection:
            key = self._find(connection, run)["id"]
            return read_epoch_scores(connection, key, names, after=after)

    def checkpoint(self, run: str, *, at: str | int = "last") -> bytes | None:
        """The newest checkpoint (with the best and the last weights) or the one at a step; None if there is none yet.

        NotFoundError if none is kept at the step; CorruptError if the file is missing or damaged.
        """
        with named(run), self.database.reading() as connection:
            row = self._find(connection, run)
            kept = self._checkpoints(connection, row["id"])
        if str(at) not in ("last", "best"):
            steps = ", ".join(str(step) for step in sorted({c["step"] for c in kept})) or "none yet"
            kept = [c for c in kept if str(c["step"]) == str(at)]
            if not kept:
                raise NotFoundError(f"run {row['id']} has no checkpoint at step {at}; the steps kept are: {steps}")
        if not kept:
            return None
        there = [c for c in kept if self.checkpoint_path(c["file"]).exists()]
        if not there:
            raise CorruptError(
                f"the checkpoints of run {row['id']} are missing from {self.folder / 'checkpoints'}; "
                "restore them from a backup, or train the experiment again"
            )
        return self._read_checkpoint(row["id"], there)

    def changes(self, run: str, *, step: int) -> list[Changed]:
        """The changes recorded from `step` on, in order: `fit` replays them when it resumes there.

        Several may stand at one step, such as to a value and back; the last one counts.
        """
        stored = (one.event for one in self.events(run, kinds=["changed"]))
        changes = [change for change in stored if isinstance(change, Changed) and change.step >= step]
        return sorted(changes, key=lambda change: change.step)  # stable: those at one step stay in order

    def checkpoint_step(self, run: str) -> int | None:
        """The step of the checkpoint that `checkpoint` returns."""
        with self.database.reading() as connection:
            kept = self._checkpoints(connection, self._find(connection, run)["id"])
        return next((c["step"] for c in kept if self.checkpoint_path(c["file"]).exists()), None)

    def log(self, run: str) -> str:
        """What the worker wrote to standard error, with the traceback of a failure."""
        path = self.log_path(self.run(run).id)
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def log_path(self, run_id: str) -> Path:
        """The path of a run's log."""
        return self.folder / "logs" / f"{run_id}.log"

    def checkpoint_path(self, file: str) -> Path:
        """The path of a checkpoint file."""
        return self.folder / "checkpoints" / file

    def close(self) -> None:
        """Close the database connections."""
        self.database.close()

    def _read_checkpoint(self, run_id: str, there: list[RowMapping]) -> bytes:
        newest, path = there[0], self.checkpoint_path(there[0]["file"])
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StoreError(f"{path} can't be read ({error.strerror})") from error
        if len(content) == newest["size"] and digest(pieces(content)) == newest["sha256"]:
            return content
        damage = f"{len(content):,} of {newest['size']:,} bytes" if len(content) != newest["size"] else "wrong checksum"
        advice = (
            f"restore it from a backup, or delete it to resume from step {there[1]['step']}"
            if len(there) > 1
            else "restore it from a backup, or train the experiment again"
        )
        raise CorruptError(
            f"the checkpoint of run {run_id} at step {newest['step']} is damaged ({damage}); {advice} ({path})"
        )

    def _checkpoints(self, connection: Connection, run_id: str) -> list[RowMapping]:
        table = schema.checkpoints
        query = select(table).where(table.c.run == run_id).order_by(table.c.seq.desc())
        return list(connection.execute(query).mappings())

    def _run(self, row: RowMapping, queue: list[str], stopping: Set[str] = frozenset()) -> Run:
        verify_run(dict(row))
        alive = row["status"] not in LIVE or self.locks.held(row["id"])
        noted = () if alive else self.locks.noted(row["id"])
        position = queue.index(row["id"]) + 1 if row["status"] == "queued" and row["id"] in queue else None
        stops = row["id"] in stopping
        with named(row["id"]):
            return run_from_row(dict(row), alive=alive, noted=noted, queue_position=position, stopping=stops)

    def _find(self, connection: Connection, run: str) -> RowMapping:
        table = schema.runs
        row = connection.execute(select(table).where(table.c.id == run)).mappings().one_or_none()
        if row is not None:
            return row
        if run == "latest":
            row = connection.execute(select(table).order_by(table.c.number.desc()).limit(1)).mappings().one_or_none()
            if row is None:
                raise NotFoundError("there is no run yet; train one first")
            return row
        wanted = run.strip().lower()
        possible = 0 < len(wanted) <= 36 and not set(wanted) - set("0123456789abcdef-")
        query = select(table).where(table.c.id.startswith(wanted)).order_by(table.c.number.desc()).limit(6)
        found = list(connection.execute(query).mappings()) if possible else []
        if not found:
            raise NotFoundError(f"there is no run {run!r}; use an id, a prefix of one, or latest")
        if len(found) > 1:
            names = ", ".join(r["id"][: len(wanted) + 6] for r in found[:5]) + (", ..." if len(found) > 5 else "")
            raise NotFoundError(f"{run!r} is a prefix of several runs ({names}); use a longer one")
        return found[0]


def _ordered(query: Select[Any], down: bool, most: int | None) -> Select[Any]:
    seq = schema.events.c.seq
    return query.order_by(seq.desc() if down else seq).limit(most)
