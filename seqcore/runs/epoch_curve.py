"""The validation loss by step of a run, downsampled as it grows: a run may have a hundred thousand epochs.

Attempts and changes count as for the curves of the steps, see `curves`.
"""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection, delete, select

from seqcore.runs import schema
from seqcore.runs.curves import GrowingCurve, Steps, Values, thin_to
from seqcore.runs.event_content import event_number
from seqcore.runs.integrity import text_crc

__all__ = ["EPOCH_CURVE", "EpochCurve", "save_epoch_curve"]

EPOCH_CURVE = "val_loss"
_Row = tuple[int, str, int, float]  # event, kind, step, validation loss


class EpochCurve:
    """The curve of one run, as saved and with the epochs stored since. `through` is the event of the last one."""

    def __init__(self, connection: Connection, run: str) -> None:
        self._run = run
        table = schema.curves
        query = select(table.c.through, table.c.content, table.c.crc)
        saved = connection.execute(query.where(table.c.run == run, table.c.name == EPOCH_CURVE)).one_or_none()
        intact = saved is not None and saved.crc == text_crc(saved.content)  # else it is made again from the events
        self.through = int(saved.through) if saved is not None and intact else 0
        self.growing = GrowingCurve.from_bytes(saved.content) if saved is not None and intact else GrowingCurve()
        self.read(connection)

    def read(self, connection: Connection) -> None:
        """Add the epochs that were stored since the last time; changes and ends in between cut the curve."""
        rows = _rows(connection, self._run, after=self.through)
        begin = 0
        for at, (seq, kind, step, _) in enumerate(rows):
            if kind == "epoch" and (at == begin or step > rows[at - 1][2]):
                continue
            self._extend(connection, rows[begin:at])
            begin = at if kind == "epoch" else at + 1
            if kind != "epoch":
                self._cut(connection, step, until=seq)
        self._extend(connection, rows[begin:])
        self.through = rows[-1][0] if rows else self.through

    def points(self, connection: Connection, max_points: int | None) -> tuple[Steps, Values]:
        """The visible points, downsampled to `max_points`; None gives every one."""
        if max_points is not None:
            return thin_to(*self.growing.points(), max(4, max_points))
        return _latest([row for row in _rows(connection, self._run) if row[2] <= self.growing.reach])

    def save(self, connection: Connection) -> None:
        """Replace the saved curve."""
        table, content = schema.curves, self.growing.to_bytes()
        connection.execute(delete(table).where(table.c.run == self._run, table.c.name == EPOCH_CURVE))
        row = {"run": self._run, "name": EPOCH_CURVE, "through": self.through}
        connection.execute(table.insert().values(**row, content=content, crc=text_crc(content)))

    def _extend(self, connection: Connection, rows: list[_Row]) -> None:
        """Add epochs with ascending steps."""
        if not rows:
            return
        first = rows[0][2]
        if first <= self.growing.newest:
            self._rewind(connection, first - 1, until=rows[0][0])
        steps, values = (np.array([row[column] for row in rows], kind) for column, kind in ((2, np.int64), (3, float)))
        self.growing.extend(steps, values)

    def _cut(self, connection: Connection, step: int, *, until: int) -> None:
        """Drop the epochs of an earlier attempt after `step`, which will not be repeated unchanged."""
        if self.growing.newest > step:
            self._rewind(connection, step, until=until)
        self.growing.cut()

    def _rewind(self, connection: Connection, step: int, *, until: int) -> None:
        """Start a new attempt from every epoch up to `step` that was stored before the event `until`."""
        rows = _rows(connection, self._run)
        self.growing.begin(*_latest([row for row in rows if row[0] < until and row[2] <= step]))


def _rows(connection: Connection, run: str, *, after: int = 0) -> list[_Row]:
    """The epochs, changes and ends after the event `after`. NaN where a validation loss is not known."""
    table = schema.events
    columns = (table.c.seq, table.c.kind, table.c.step, event_number(connection, "metrics", "val_loss"))
    own = (table.c.run == run, table.c.kind.in_(["epoch", "changed", "finished"]), table.c.seq > after)
    cursor = connection.execute(select(*columns).where(*own).order_by(table.c.seq)).cursor
    assert cursor is not None
    rows = cursor.fetchall()  # the driver's tuples: a Row for each takes as long as the query
    return [(seq, kind, step, np.nan if loss is None else float(loss)) for seq, kind, step, loss in rows]


def _latest(rows: list[_Row]) -> tuple[Steps, Values]:
    """The points of the epochs, in order; of those at the same step, the one that was stored last."""
    points = dict(sorted({step: loss for _, kind, step, loss in rows if kind == "epoch"}.items()))
    return np.array(list(points), dtype=np.int64), np.array(list(points.values()), dtype=np.float64)


def save_epoch_curve(connection: Connection, run: str) -> None:
    """Make the curve of a run that has none."""
    EpochCurve(connection, run).save(connection)
