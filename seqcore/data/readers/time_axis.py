"""Which columns of a file are its time, and the times or counted steps that they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from seqcore.data.import_report import Question
from seqcore.data.readers.column_parsing import Columns, Origin
from seqcore.data.readers.time_columns import take_times

__all__ = ["TimeAxis", "find_time"]


@dataclass(frozen=True)
class TimeAxis:
    """The time of each of N rows, in the order of the file.

    `columns`: the main column, then the columns with parts of time. `times` (datetime64[ns], [N]), or `steps`
    (float64, [N]) where the column counts steps or elapsed seconds without a calendar; one of them is None. `scores`:
    per column, how probable it is that the column is time, 0 to 1; `score` is that of the main column. `reasons`: per
    column, in a few words. `name` is the axis title.
    """

    columns: tuple[str, ...]
    times: NDArray[np.datetime64] | None
    steps: NDArray[np.float64] | None
    name: str
    score: float = 1.0
    scores: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()

    def __len__(self) -> int:
        values = self.times if self.times is not None else self.steps
        return 0 if values is None else len(values)


def find_time(columns: Columns, origin: Origin, overrides: Mapping[str, str] | None = None) -> TimeAxis | None:
    """The time of the rows; None if no column is time. Nothing is removed from `columns`.

    `overrides`: roles given by the user, by column (keys of `import_report.ROLES`). DataError: cells of a date column
    that are no dates, with their rows; a column given as time that can't be read as such.
    """
    given = dict(overrides or {})
    left = {name: column for name, column in columns.items() if given.get(name, "time") in ("time", "time-part")}
    wanted = next((name for name, role in given.items() if role == "time"), None)
    options = origin.options.model_copy(update={"date_column": wanted}) if wanted else origin.options
    inner = replace(origin, options=options, notes=[])
    name, times = take_times(left, inner)
    if times is None:
        return None
    used = tuple(n for n in columns if given.get(n, "time") in ("time", "time-part") and n not in left)
    return TimeAxis(used, times, None, name, notes=tuple(inner.notes), scores=dict.fromkeys(used, 1.0))
