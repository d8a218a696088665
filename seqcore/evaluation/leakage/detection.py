"""The leak alarm: what would let a model know what it is asked for, found and named before it is trained.

Free of torch, and fast: long data are looked at in samples.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from seqcore.data.columns import target_names
from seqcore.data.splits import SPLIT_TITLES, SPLITS, split_bounds
from seqcore.data.table import Table
from seqcore.evaluation.leakage.columns import Copy, find_copies
from seqcore.evaluation.leakage.labels import find_label_copies, label_finding
from seqcore.evaluation.leakage.row_fingerprints import stretches
from seqcore.events import Finding
from seqcore.experiment.config import DataConfig
from seqcore.registry import task_kind

__all__ = ["find_leaks"]

Bounds = dict[str, list[tuple[int, int, int]]]
Values = NDArray[np.float64]
MOST_ROWS = 2_000_000  # of a column that is looked at for how it was scaled or filled
MOST_SEQUENCES = 200_000
SOME_ROWS = 20_000  # that tell how coarse values are
IN_A_ROW = 16  # rows that no two places of a series have alike by chance


def find_leaks(table: Table, config: DataConfig) -> list[Finding]:
    """What gives the answer away in this table, used so, the worst first.

    A column that is the target at its own time or later, or the class of a labelled sequence; a time series whose rows
    or pieces are mixed over the parts; the same sequence in two parts; values that were scaled, or gaps that were
    filled, with more than the training part. A series' own past is no leak, nor are a text's own words.
    """
    bounds = split_bounds(table, config.validation_fraction, config.test_fraction)
    leaks: list[Finding] = []
    for look in _LOOKS:
        leaks += look(table, config, bounds)
    return sorted(leaks, key=lambda leak: leak.severity == "info")


def _copies(table: Table, config: DataConfig, bounds: Bounds) -> list[Finding]:
    """Inputs that are the target, now or later."""
    if not table.tabular or task_kind(config.task) != "regression":
        return []
    inputs, targets = _used(table, config)
    spans = list(pairwise(table.offsets.tolist()))
    found = find_copies(table.values, spans, [c for c in inputs if c not in targets], targets)
    return [_told(copy, table, config) for copy in found]


def _told(copy: Copy, table: Table, config: DataConfig) -> Finding:
    column, target = table.columns[copy.column], table.columns[copy.target]
    nearly = "nearly " if copy.left > 1e-6 else ""
    formula = f"{copy.slope:.4g} x {target}" + (f" {copy.offset:+.4g}" if abs(copy.offset) > 1e-9 else "")
    formula = target if formula == f"1 x {target}" else formula
    if copy.shift == 0 and config.lead > 0:
        return Finding(
            code="copy-of-target",
            severity="info",
            message=f"Column {column!r} is {target!r} over again ({nearly}{formula}), in the same row.",
            evidence="What the model sees of it lies before what it predicts, so it gives nothing away, and tells "
            "nothing new.",
            remedy=f"Leave {column!r} out of data.inputs.",
        )
    when = "in the same row" if copy.shift == 0 else f"{copy.shift} row{'s' * (copy.shift > 1)} later"
    return Finding(
        code="leak-column",
        severity="warning",
        message=f"Column {column!r} gives the answer away: it is {nearly}{formula}, {when}.",
        evidence="The model can read off what it is asked to predict; its scores say nothing about new data, where "
        "that isn't known.",
        remedy=f"Leave {column!r} out of data.inputs, unless it really is known before {target!r} is.",
    )


def _labels(table: Table, config: DataConfig, bounds: Bounds) -> list[Finding]:
    """Values of labelled sequences that are the class over again."""
    if task_kind(config.task) != "classification" or table.labels is None or table.symbolic:
        return []
    inputs, _ = _used(table, config)
    return [label_finding(copy, table) for copy in find_label_copies(table, inputs)]


def _shuffled(table: Table, config: DataConfig, bounds: Bounds) -> list[Finding]:
    """A time series whose rows, or pieces, are not in the order of time."""
    advice = "Sort the rows by time, so that the test part is later than all that the model learns from."
    why = "Neighbours in time stand in different parts: the model is tested on what lies between things it was shown."
    if table.times is not None:
        if table.independent:
            return _interleaved(table, bounds, why)
        steps = np.diff(table.times.astype("datetime64[ns]").astype(np.int64))
        steps[table.offsets[1:-1][table.offsets[1:-1] > 0] - 1] = 0
        if (steps < 0).any():
            row = int(np.argmax(steps < 0)) + 1
            text = f"The rows are not in the order of time: row {row + 1} is earlier than the one before it."
            return [Finding(code="leak-order", severity="warning", message=text, evidence=why, remedy=advice)]
        return []
    if table.independent or not table.tabular:
        return []
    low, high = max(pairwise(table.offsets.tolist()), key=lambda span: span[1] - span[0])
    name = next((n for c, n in enumerate(table.columns) if _is_mixed_index(table.values[low:high, c])), None)
    if name is None:
        return []
    text = f"The rows are mixed: column {name!r} counts them, and not in order."
    return [Finding(code="leak-order", severity="warning", message=text, evidence=why, remedy=advice)]


def _is_mixed_index(values: Values) -> bool:
    """Whether values are equally spaced once sorted, each there once, and out of order: a counter of shuffled rows."""
    if len(values) < 20 or len(values) > MOST_ROWS or not np.isfinite(values).all():
        return False
    steps = np.diff(values[:1_000])
    if (steps > 0).all() or (steps < 0).all():
        return False
    gaps = np.diff(np.sort(values))
    even = gaps.min() > 0.0 and np.ptp(gaps) <= 1e-9 * max(abs(values[0]), abs(values[-1]), gaps.max())
    turns = np.mean(np.sign(steps[1:]) != np.sign(steps[:-1]))
    return bool(even and turns > 0.3)


def _interleaved(table: Table, bounds: Bounds, why: str) -> list[Finding]:
    """Independent sequences with dates, whose parts overlap in time."""
    assert table.times is not None
    ends = {}
    for part in SPLITS:
        rows = [(table.times[low], table.times[high - 1]) for _, low, high in bounds[part] if high > low]
        if rows:
            ends[part] = (np.array([r[0] for r in rows]), np.array([r[1] for r in rows]))
    if "train" not in ends or len(ends) < 2 or len(np.unique(ends["train"][0])) < 2:
        return []
    last = ends["train"][1].max()
    for part in ("val", "test"):
        if part in ends and (earlier := int((ends[part][0] < last).sum())) > 0.2 * len(ends[part][0]):
            return [
                Finding(
                    code="leak-order",
                    severity="warning",
                    message=f"The parts overlap in time: {earlier:,} of {len(ends[part][0]):,} sequences of the "
                    f"{SPLIT_TITLES[part]} part begin before the training part ends.",
                    evidence=why,
                    remedy="Order the sequences by time, or give the series itself, and let it be cut in time.",
                )
            ]
    return []


def _twice(table: Table, config: DataConfig, bounds: Bounds) -> list[Finding]:
    """Sequences that stand in two parts, or that are overlapping pieces of one series."""
    if not table.independent:
        return []
    columns = slice(None) if table.symbolic else sorted({c for group in _used(table, config) for c in group})
    keys = _sequence_keys(table, columns)
    trained = {keys[s] for s, _, _ in bounds["train"] if s in keys}
    leaks: list[Finding] = []
    for part in ("test", "val"):
        asked = [keys[s] for s, _, _ in bounds[part] if s in keys]
        again = sum(key in trained for key in asked)
        if again == 0:
            continue
        few = len(set(keys.values())) < 0.25 * len(keys)  # data of few different sequences: no accident
        few = few and (table.symbolic or table.labels is None)  # measured values don't come again by themselves
        leaks.append(
            Finding(
                code="leak-duplicates",
                severity="info" if few else "warning",
                message=f"{again:,} of {len(asked):,} sequences of the {SPLIT_TITLES[part]} part "
                f"{'is' if again == 1 else 'are'} in the training part, too.",
                evidence="There are few different sequences in these data; the score says how well they are known by "
                "heart."
                if few
                else "What the model has learned by heart looks like skill there.",
                remedy="Keep each sequence once, or read the score as one on known sequences.",
            )
        )
        break
    return leaks or _overlapping(table, columns, bounds)


def _overlapping(table: Table, columns: slice | list[int], bounds: Bounds) -> list[Finding]:
    """Independent sequences of a later part that share a stretch with some of the training part."""
    if not table.tabular:
        return []
    half = max(3, int(np.median(table.lengths)) // 2)
    width = max(min(8, half), _telling(table.values[:: max(1, len(table) // SOME_ROWS)][:, columns], len(table)))
    if width > half:
        return []  # so coarse that stretches come again by themselves
    trained = stretches(table, columns, bounds["train"], width).numbers
    for part in ("test", "val"):
        asked = stretches(table, columns, bounds[part], width)
        owner = np.searchsorted(table.offsets, asked.rows, side="right")
        shared, count = len(np.unique(owner[np.isin(asked.numbers, trained)])), len(np.unique(owner))
        if shared >= 3 and shared > 0.2 * count:
            return [
                Finding(
                    code="leak-overlap",
                    severity="warning",
                    message=f"Sequences are overlapping pieces of one series, mixed over the parts: {shared:,} of "
                    f"{count:,} of the {SPLIT_TITLES[part]} part share {width} values in a row with the training part.",
                    evidence="The model is tested on stretches that it was shown.",
                    remedy="Give the series itself: it is cut in time before windows are made.",
                )
            ]
    return []


def _telling(rows: Values, count: int) -> int:
    """How many values in a row hardly any two places among `count` rows have alike by chance."""
    alike = 1.0  # how likely two values of a column are the same, in the column where that is least so
    for column in rows.T:
        shares = np.unique(column, return_counts=True)[1] / max(len(column), 1)
        alike = min(alike, float((shares**2).sum()))
    return int(np.ceil(2.0 * np.log(10.0 * count) / -np.log(alike))) if 0.0 < alike < 1.0 else 0


def _repeated(table: Table, config: DataConfig, bounds: Bounds) -> list[Finding]:
    """Rows of a series that stand in a later part once more: appended twice, or in two series of one table."""
    several = len(table.lengths) > 1
    if table.independent or not table.tabular or len(table) > MOST_ROWS:
        return []
    if table.times is not None and not several:
        return []  # each row has a time of its own
    columns = sorted({c for group in _used(table, config) for c in group})
    trained = stretches(table, columns, bounds["train"], IN_A_ROW, dated=True)
    if table.times is None and len(np.unique(trained.numbers)) < 0.98 * len(trained.numbers):
        return []  # periodic, or so coarse that stretches come again by themselves
    for part in ("test", "val"):
        asked = stretches(table, columns, bounds[part], IN_A_ROW, dated=True)
        rows = asked.rows[np.isin(asked.numbers, trained.numbers)]
        rows = np.array([r for r in rows if len(np.unique(table.values[r : r + IN_A_ROW, columns])) >= IN_A_ROW // 3])
        if len(rows):
            first = int(rows[0])
            return [
                Finding(
                    code="leak-duplicates",
                    severity="warning",
                    message=f"{len(rows) + IN_A_ROW - 1:,} rows of the {SPLIT_TITLES[part]} part are in the training "
                    f"part, too, the first in row {table.row_numbers.get(first, first + 1):,}.",
                    evidence="What the model has learned by heart looks like skill there.",
                    remedy="Keep each row once.",
                )
            ]
    return []


def _sequence_keys(table: Table, columns: slice | list[int]) -> dict[int, int]:
    """A hash of each sequence (and of what it is paired with) by its number; an even spread of very many."""
    count = len(table.lengths)
    chosen = range(count) if count <= MOST_SEQUENCES else np.linspace(0, count - 1, MOST_SEQUENCES).astype(int).tolist()
    values, offsets, pair = table.values, table.offsets.tolist(), table.paired
    keys = {}
    for s in chosen:
        if offsets[s + 1] > offsets[s]:
            own = np.ascontiguousarray(values[offsets[s] : offsets[s + 1], columns]).tobytes()
            other = b"" if pair is None else pair.values[pair.offsets[s] : pair.offsets[s + 1]].tobytes()
            keys[s] = hash((own, other))
    return keys


def _prepared(table: Table, config: DataConfig, bounds: Bounds) -> list[Finding]:
    """Columns that were scaled or filled with more than the training part."""
    if not table.tabular or table.recordings is not None:
        return []
    if not bounds["val"] and not bounds["test"]:
        return []
    leaks = []
    for c in sorted({c for group in _used(table, config) for c in group}):
        name, values = table.columns[c], table.values[:, c]
        how = _scaled_outside(values, bounds) or _filled_with(values, bounds)
        if how is None and not table.independent:
            how = _bridged(values, bounds)
        if how is not None:
            leaks.append(
                Finding(
                    code="leak-prepared",
                    severity="warning",
                    message=f"Column {name!r} was prepared with what lies after the training part: {how}.",
                    evidence="So the training part already holds a trace of what the model is tested on.",
                    remedy="Give the values as they were measured: they are scaled here, on the training part "
                    "alone, and gaps are filled part by part (data.missing).",
                )
            )
    return leaks


def _trained(values: Values, bounds: Bounds) -> Values:
    """The known values of the training part, [n]."""
    own: Values = np.concatenate([values[low:high] for _, low, high in bounds["train"]] or [values[:0]])
    return own[np.isfinite(own)]


def _scaled_outside(values: Values, bounds: Bounds) -> str | None:
    """Whether all of a column, but not its training part, has mean 0 and deviation 1, or goes from 0 to 1."""
    some = values[:: max(1, len(values) // 20_000)]
    some = some[np.isfinite(some)]
    low, high = float(np.fmin.reduce(values)), float(np.fmax.reduce(values))
    standard = len(some) > 1 and abs(float(some.mean())) < 0.2 and abs(float(some.std()) - 1.0) < 0.2
    ranged = low in (0.0, -1.0) and high == 1.0
    if not (standard or ranged):
        return None
    known, own = values[np.isfinite(values)], _trained(values, bounds)
    if len(own) < 20 or len(own) == len(known):
        return None
    mean, spread = float(known.mean()), float(known.std())
    unbiased = spread * np.sqrt(len(known) / (len(known) - 1))
    if abs(mean) < 1e-4 and min(abs(spread - 1.0), abs(unbiased - 1.0)) < 1e-4:
        if abs(float(own.mean())) > 5e-3 or abs(float(own.std()) - 1.0) > 5e-3:
            return "its mean is 0 and its standard deviation 1 over all rows, and not over those of training"
        return None
    fine = float(np.mean(np.abs(own * 1e4 - np.round(own * 1e4)) > 1e-6)) > 0.5  # not shares in whole percent
    if ranged and fine and (own.min() > low or own.max() < high):
        return f"it goes from {low:g} to 1 over all rows, and not over those of training"
    return None


def _filled_with(values: Values, bounds: Bounds) -> str | None:
    """Whether one value stands again and again that is the mean or the median of all the others."""
    if not 40 <= len(values) <= MOST_ROWS:
        return None
    known = values[np.isfinite(values)]
    if len(known) < 40:
        return None
    each, counts = np.unique(known, return_counts=True)
    most = int(counts.argmax())
    value, count = float(each[most]), int(counts[most])
    if len(each) < 2 or count < 3 or count < 3 * np.sort(counts)[-2]:  # nothing else stands nearly as often
        return None
    others, own = known[known != value], _trained(values, bounds)
    own = own[own != value]
    if len(own) < 20:
        return None
    close = 1e-6 * max(float(others.std()), 1e-300)
    for word, middle in (("mean", np.mean), ("median", np.median)):
        if abs(value - float(middle(others))) <= close < abs(value - float(middle(own))):
            return f"{count:,} rows hold {value:.6g}, the {word} of all other rows"
    return None


def _bridged(values: Values, bounds: Bounds) -> str | None:
    """Whether a straight line leads over the end of the training or the validation part, in a series that has few."""
    for part, following in pairwise(p for p in SPLITS if bounds[p]):
        starts = {s: low for s, low, _ in bounds[following]}
        for s, low, high in bounds[part]:
            if starts.get(s) != high:
                continue
            near = values[max(low, high - 400) : high + 400]
            edge = min(400, high - low)
            if len(near) < 40 or edge < 2 or not np.isfinite(near).all():
                continue
            bend = np.abs(np.diff(near, 2))  # bend[i] is of rows i, i + 1, i + 2
            straight = (bend <= 1e-7 * np.median(bend)) & (np.diff(near)[1:] != 0.0)
            before, after = straight[: edge - 1][::-1], straight[edge - 1 :]
            run = sum(len(side) if side.all() else int(np.argmin(side)) for side in (before, after))
            elsewhere = (straight.sum() - run) / max(len(straight) - run, 1)
            if before[0] and after[0] and run < len(straight) and elsewhere**run < 1e-4:
                return f"a straight line leads over the end of the {SPLIT_TITLES[part]} part, as if a gap were bridged"
    return None


def _used(table: Table, config: DataConfig) -> tuple[list[int], list[int]]:
    """The places of the inputs and of the targets; of all columns where none are chosen by the task."""
    place = {name: i for i, name in enumerate(table.columns)}
    if task_kind(config.task) != "regression":
        return [place[n] for n in config.inputs if n in place] or list(place.values()), []
    targets = [place[n] for n in target_names(table, config) if n in place]
    return [place[n] for n in config.inputs if n in place] or targets, targets


_LOOKS: tuple[Callable[[Table, DataConfig, Bounds], list[Finding]], ...] = (
    _copies,
    _labels,
    _shuffled,
    _twice,
    _repeated,
    _prepared,
)
