"""States of a run in the store: its last checkpoints, and snapshots for inspection and for forks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete

from seqcore.errors import CorruptError, NotFoundError, StoreError
from seqcore.events import CheckpointReady, SnapshotReady
from seqcore.runs import schema
from seqcore.runs.atomic_io import digest, pieces, write_together
from seqcore.runs.integrity import named
from seqcore.runs.lifecycle import row_of
from seqcore.runs.recording import Recording
from seqcore.runs.records import LIVE, Lease, Snapshot
from seqcore.runs.snapshot_rows import add_rows, rows_of

__all__ = ["Snapshots"]

KEPT_CHECKPOINTS = 2
TOGETHER = 2**22  # bytes of small snapshots in one file: one write to disk for many of them


class Snapshots(Recording):
    """The part of a store that keeps checkpoints and snapshots."""

    def snapshots(self, run: str) -> list[Snapshot]:
        """The kept states of a run, by step; of one that is paused or has ended, that of its last checkpoint, too.

        So single steps of a paused run add nothing: each pause has a checkpoint, of which the last two are kept.

        A run of an earlier version, or with `training.snapshots = false`, has at most that one.
        """
        with named(run), self.database.reading() as connection:
            row = self._find(connection, run)
            found = {kept["step"]: _snapshot(kept) for kept in rows_of(connection, row["id"])}
            alive = row["status"] == "queued" or (row["status"] in LIVE and self.locks.held(row["id"]))
            rests = not alive or row["status"] == "paused"
            reason = "pause" if alive else "end"
            for last in self._checkpoints(connection, row["id"])[:1] if rests else []:
                found.setdefault(last["step"], _snapshot({**last, "reason": reason, "seconds": row["seconds"]}))
            return [found[step] for step in sorted(found)]

    def snapshot(self, run: str, step: int) -> bytes:
        """The state of a run after `step` steps, as `fit` resumes it.

        NotFoundError, with the nearest steps, where none is kept; CorruptError where its file is missing or damaged.
        """
        with named(run), self.database.reading() as connection:
            row = self._find(connection, run)
            rows = rows_of(connection, row["id"])
            kept = next((one for one in rows if one["step"] == step), None)
            checkpoints = self._checkpoints(connection, row["id"])
        if kept is not None:
            return self._content(row["id"], kept)
        there = [one for one in checkpoints if one["step"] == step and self.checkpoint_path(one["file"]).exists()]
        if there:
            return self._read_checkpoint(row["id"], there)
        steps = {one["step"] for one in (*rows, *checkpoints[:1])}
        raise NotFoundError(_not_kept(row, step, sorted(steps), any_snapshot=bool(rows)))

    def put_checkpoint(self, lease: Lease, ready: CheckpointReady, snapshots: Sequence[SnapshotReady] = ()) -> None:
        """Store a checkpoint, of which the last two are kept, and snapshots before it. LostLease as below."""
        name, content = _name(lease, ready.step, "checkpoint"), ready.content
        stored = {"file": f"{lease.run}/{name}", "size": len(content), "sha256": digest(pieces(content))}
        steps = {"step": ready.step, "epoch": ready.epoch, "best_step": ready.best_step}
        row = row_of(lease.run, lease.attempt, **stored, **steps)
        self._put_states(lease, snapshots, {name: pieces(content)}, row)

    def put_snapshots(self, lease: Lease, ready: Sequence[SnapshotReady]) -> None:
        """Store snapshots: their files, then their rows. LostLease if the attempt is stale."""
        self._put_states(lease, ready, {}, None)

    def _put_states(
        self,
        lease: Lease,
        snapshots: Sequence[SnapshotReady],
        files: dict[str, Iterable[bytes]],
        checkpoint: dict[str, Any] | None,
    ) -> None:
        """Write all files at once, then all rows in one transaction: a short run waits for the disk once."""
        with self.database.reading() as connection:
            self._pending(connection, lease)
        rows = [row for part in _bundles(snapshots) for row in self._bundled(lease, part, files)]
        unused: set[str] = set()
        try:
            write_together(self.checkpoint_path(lease.run), files)
            with self.database.writing() as connection:
                self._hold(connection, lease)
                if rows:
                    unused |= add_rows(connection, lease.run, rows)
                if checkpoint is not None:
                    unused |= self._add_checkpoint(connection, checkpoint)
        except BaseException:
            self._delete_files(f"{lease.run}/{name}" for name in files)
            raise
        self._delete_files(unused)

    def _bundled(
        self, lease: Lease, ready: Sequence[SnapshotReady], files: dict[str, Iterable[bytes]]
    ) -> Iterator[dict[str, Any]]:
        """Add the file of some snapshots, and that of their shared part if it is new; gives their rows."""
        name = _name(lease, ready[0].step, "snapshots")
        files[name] = [one.content for one in ready]
        position = 0
        for one in ready:
            shared = f"{one.shared[8:24].hex()}.shared"  # its checksum: the same content has the same name
            if shared not in files and not self.checkpoint_path(f"{lease.run}/{shared}").exists():
                files[shared] = [one.shared]
            own = {"file": f"{lease.run}/{name}", "shared": f"{lease.run}/{shared}"}
            place = {"position": position, "size": len(one.content)}
            numbers = {"step": one.step, "epoch": one.epoch, "seconds": one.seconds}
            yield row_of(lease.run, lease.attempt, reason=one.reason, **numbers, **own, **place)
            position += len(one.content)

    def _add_checkpoint(self, connection: Connection, row: dict[str, Any]) -> set[str]:
        """Add the row of a checkpoint; gives the files of older ones that are not kept."""
        table = schema.checkpoints
        connection.execute(table.insert().values(row))
        old = self._checkpoints(connection, row["run"])[KEPT_CHECKPOINTS:]
        if old:
            connection.execute(delete(table).where(table.c.seq.in_([one["seq"] for one in old])))
        return {one["file"] for one in old}

    def _content(self, run_id: str, row: RowMapping) -> bytes:
        """Both parts of a snapshot in one. CorruptError."""
        from seqcore.training.checkpoint import is_intact, joined

        parts = []
        for file, position, size in ((row["shared"], 0, -1), (row["file"], row["position"], row["size"])):
            path = self.checkpoint_path(file)
            try:
                with path.open("rb") as stream:
                    stream.seek(position)
                    parts.append(stream.read(size))
            except FileNotFoundError:
                raise CorruptError(
                    f"the snapshot of run {run_id} at step {row['step']} is missing ({path}); use another step"
                ) from None
            except OSError as error:
                raise StoreError(f"{path} can't be read ({error.strerror})") from error
            if not is_intact(parts[-1]):
                raise CorruptError(
                    f"the snapshot of run {run_id} at step {row['step']} is damaged ({path}); use another step"
                )
        return joined(*parts)


def _name(lease: Lease, step: int, kind: str) -> str:
    """A name for a file of a run's folder that no other one has."""
    return f"{lease.attempt}-{step}-{uuid.uuid4().hex[:8]}.{kind}"


def _bundles(ready: Sequence[SnapshotReady]) -> Iterator[list[SnapshotReady]]:
    """Consecutive snapshots of at most `TOGETHER` bytes, or a single larger one."""
    part: list[SnapshotReady] = []
    for one in ready:
        if part and sum(len(other.content) for other in (*part, one)) > TOGETHER:
            yield part
            part = []
        part.append(one)
    if part:
        yield part


def _snapshot(row: Any) -> Snapshot:
    names = ("step", "epoch", "seconds", "reason", "size")
    return Snapshot(time=datetime.fromtimestamp(row["time"], UTC), **{name: row[name] for name in names})


def _not_kept(row: RowMapping, step: int, steps: Sequence[int], *, any_snapshot: bool) -> str:
    """Why a run has nothing at a step, and what it has."""
    start = f"run {row['id']} has no snapshot at step {step}"
    if not steps:
        waits = row["status"] in ("queued", *LIVE)
        return f"{start}: it has none yet" if waits else f"{start}: it has none at all; train it again"
    if not any_snapshot:
        why = "it was trained by an earlier version, or with training.snapshots = false"
        return f"{start}: {why}; the only step that is kept is {steps[-1]}"
    if step > steps[-1]:
        return f"{start}; the last one is at {steps[-1]}"
    below, above = max((s for s in steps if s < step), default=None), min(s for s in steps if s > step)
    near = f"the first one is at {above}" if below is None else f"the nearest are at {below} and {above}"
    return f"{start}; {near}"
