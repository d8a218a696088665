"""Leakage detection before training: copies of targets, disordered or duplicate rows, preprocessing on other splits.

Free of torch. Long data are sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from seqcore.data.columns import target_names
from seqcore.data.splits import SPLIT_TITLES, SPLITS, split_bounds
from seqcore.data.table import Table
from seqcore.evaluation.leakage.columns import Copy, find_copies
from seqcore.evaluation.leakage.labels import find_label_copies, label_finding
from seqcore.evaluation.leakage.row_fingerprints import fingerprint_rows
from seqcore.events import Finding
from seqcore.experiment.config import DataConfig
from seqcore.registry import task_kind
from seqcore.results.formatting import counted
from seqcore.results.thinning import evenly

__all__ = ["find_leaks"]

Bounds = dict[str, list[tuple[int, int, int]]]
Values = NDArray[np.float64]
MOST_ROWS = 2_000_000  # of a column that is checked for scaling and imputation
MOST_SEQUENCES = 200_000
SOME_ROWS = 20_000  # sampled to estimate how coarse values are
RUN = 16  # consecutive rows that do not repeat in a series by chance


def find_leaks(table: Table, config: DataConfig) -> list[Finding]:
    """Leakage in a table as a data section uses it, warnings first.

    An input that copies the target at the same time or later, or the class; a time series whose rows or segments are
    mixed over the splits; the same sequence in two splits; values that were scaled or imputed with statistics of
    other splits. The past of a series is no leakage, nor are the words of a text.
    """
    bounds = split_bounds(table, config.validation_fraction, config.test_fraction)
    if table.tabular and not any(_used(table, config)):  # columns that do not exist, which is an error elsewhere
        return []
    found = [finding for check in _CHECKS for finding in check(table, config, bounds)]
    return sorted(found, key=lambda finding: finding.severity == "info")


def _target_copies(table: Table, config: DataConfig, bounds: Bounds) -> Iterator[Finding]:
    """Inputs that copy the target, at the same time or later."""
    if not table.tabular or task_kind(config.task) != "regression":
        return
    inputs, targets = _used(table, config)
    spans = list(pairwise(table.offsets.tolist()))
    for copy in find_copies(table.values, spans, [c for c in inputs if c not in targets], targets):
        yield _copy_finding(copy, table, config)


def _copy_finding(copy: Copy, table: Table, config: DataConfig) -> Finding:
    column, target = table.columns[copy.column], table.columns[copy.target]
    nearly = "nearly " if copy.left > 1e-6 else ""
    formula = f"{copy.slope:.4g} x {target}" + (f" {copy.offset:+.4g}" if abs(copy.offset) > 1e-9 else "")
    formula = target if formula == f"1 x {target}" else formula
    if copy.shift == 0 and config.lead > 0:
        return Finding(
            "copy-of-target",
            f"Column {column!r} copies {target!r} in the same row ({nearly}{formula}).",
            evidence="The inputs precede the target, so it reveals nothing and adds no information.",
            remedy=f"Remove {column!r} from data.inputs.",
            severity="info",
        )
    when = "in the same row" if copy.shift == 0 else f"{counted(copy.shift, 'row')} later"
    return Finding(
        "leak-column",
        f"Column {column!r} leaks the target: it is {nearly}{formula}, {when}.",
        evidence="The model can read the target from its inputs, so its scores do not carry over to new data.",
        remedy=f"Remove {column!r} from data.inputs, unless it is known before {target!r} is.",
    )


def _label_copies(table: Table, config: DataConfig, bounds: Bounds) -> Iterator[Finding]:
    """Inputs that copy the class of labeled sequences."""
    if task_kind(config.task) != "classification" or table.labels is None or table.symbolic:
        return
    inputs, _ = _used(table, config)
    yield from (label_finding(copy, table) for copy in find_label_copies(table, inputs))


def _shuffled(table: Table, config: DataConfig, bounds: Bounds) -> Iterator[Finding]:
    """A time series whose rows or segments are not in time order."""
    if table.independent:
        text = _interleaved(table, bounds)
    else:
        text = _unsorted(table) if table.times is not None else _row_counter(table)
    if text:
        yield Finding(
            "leak-order",
            text,
            evidence="Adjacent times are in different splits, so the model is tested between values that it has seen.",
            remedy="Sort by time, so that the test split is later than the training split.",
        )


def _unsorted(table: Table) -> str:
    """Where timestamps decrease within a series; empty where they don't."""
    assert table.times is not None
    steps = np.diff(table.times.astype("datetime64[ns]").astype(np.int64))
    steps[table.offsets[1:-1][table.offsets[1:-1] > 0] - 1] = 0
    row = int(np.argmax(steps < 0)) + 1
    return f"The rows are not in time order: row {row + 1} is earlier than the row before." if (steps < 0).any() else ""


def _row_counter(table: Table) -> str:
    """Which column is a counter of shuffled rows; empty where none is."""
    if not table.tabular:
        return ""
    low, high = max(pairwise(table.offsets.tolist()), key=lambda span: span[1] - span[0])
    name = next((n for c, n in enumerate(table.columns) if _is_shuffled_index(table.values[low:high, c])), None)
    return "" if name is None else f"The rows are shuffled: column {name!r} is a row counter that is not in order."


def _is_shuffled_index(values: Values) -> bool:
    """Whether values are unique, equally spaced when sorted, and out of order: a counter of shuffled rows."""
    if len(values) < 20 or len(values) > MOST_ROWS or not np.isfinite(values).all():
        return False
    steps = np.diff(values[:1_000])
    if (steps > 0).all() or (steps < 0).all():
        return False
    spacing = np.diff(np.sort(values))
    even = spacing.min() > 0.0 and np.ptp(spacing) <= 1e-9 * max(abs(values[0]), abs(values[-1]), spacing.max())
    turns = np.mean(np.sign(steps[1:]) != np.sign(steps[:-1]))
    return bool(even and turns > 0.3)


def _interleaved(table: Table, bounds: Bounds) -> str:
    """How many held-out sequences with timestamps begin before the training split ends; empty for few."""
    if table.times is None:
        return ""
    times = table.times
    first = {split: times[[low for _, low, high in bounds[split] if high > low]] for split in SPLITS}
    if len(np.unique(first["train"])) < 2:
        return ""
    last = max(times[high - 1] for _, low, high in bounds["train"] if high > low)
    for split in ("val", "test"):
        if (earlier := int((first[split] < last).sum())) > 0.2 * len(first[split]):
            return (
                f"The splits overlap in time: {earlier:,} of {len(first[split]):,} sequences of the "
                f"{SPLIT_TITLES[split]} split begin before the training split ends."
            )
    return ""


def _duplicates(table: Table, config: DataConfig, bounds: Bounds) -> Iterator[Finding]:
    """Sequences that are in two splits, or that are overlapping segments of one series."""
    if not table.independent:
        return
    columns = slice(None) if table.symbolic else sorted({c for group in _used(table, config) for c in group})
    keys = _sequence_keys(table, columns)
    trained = {keys[s] for s, _, _ in bounds["train"] if s in keys}
    for split in ("test", "val"):
        held_out = [keys[s] for s, _, _ in bounds[split] if s in keys]
        again = sum(key in trained for key in held_out)
        if again == 0:
            continue
        few = len(set(keys.values())) < 0.25 * len(keys)  # few different sequences: duplicates are no accident
        few = few and (table.symbolic or table.labels is None)  # measurements do not repeat by chance
        memorized = "The data have few different sequences, so the score measures memorization."
        yield Finding(
            "leak-duplicates",
            f"{again:,} of {len(held_out):,} sequences of the {SPLIT_TITLES[split]} split "
            f"{'is' if again == 1 else 'are'} also in the training split.",
            evidence=memorized if few else "Memorized sequences count as correct predictions.",
            remedy="Remove duplicates, or read the score as a score on known sequences.",
            severity="info" if few else "warning",
        )
        return
    yield from _overlapping(table, columns, bounds)


def _overlapping(table: Table, columns: slice | list[int], bounds: Bounds) -> Iterator[Finding]:
    """Independent held-out sequences that share a segment with training sequences."""
    if not table.tabular:
        return
    half = max(3, int(np.median(table.lengths)) // 2)
    width = max(min(8, half), _run_length(table.values[:: max(1, len(table) // SOME_ROWS)][:, columns], len(table)))
    if width > half:
        return  # so coarse that segments repeat by chance
    trained = fingerprint_rows(table, columns, bounds["train"], width).numbers
    for split in ("test", "val"):
        held_out = fingerprint_rows(table, columns, bounds[split], width)
        owner = np.searchsorted(table.offsets, held_out.rows, side="right")
        shared, count = len(np.unique(owner[np.isin(held_out.numbers, trained)])), len(np.unique(owner))
        if shared >= 3 and shared > 0.2 * count:
            yield Finding(
                "leak-overlap",
                f"Sequences are overlapping segments of one series, mixed over the splits: {shared:,} of {count:,} of "
                f"the {SPLIT_TITLES[split]} split share {width} consecutive values with training sequences.",
                evidence="The model is tested on segments that it was trained on.",
                remedy="Give the whole series, which is split in time before windows are made.",
            )
            return


def _run_length(rows: Values, count: int) -> int:
    """The number of consecutive values that hardly repeat by chance among `count` rows."""
    alike = 1.0  # probability that two values of a column are equal; the lowest of all columns
    for column in rows.T:
        shares = np.unique(column, return_counts=True)[1] / max(len(column), 1)
        alike = min(alike, float((shares**2).sum()))
    return int(np.ceil(2.0 * np.log(10.0 * count) / -np.log(alike))) if 0.0 < alike < 1.0 else 0


def _repeated(table: Table, config: DataConfig, bounds: Bounds) -> Iterator[Finding]:
    """Rows of a series that are also in a later split: appended twice, or in two series of a table."""
    if table.independent or not table.tabular or len(table) > MOST_ROWS:
        return
    if table.times is not None and len(table.lengths) == 1:
        return  # timestamps are unique
    columns = sorted({c for group in _used(table, config) for c in group})
    trained = fingerprint_rows(table, columns, bounds["train"], RUN, dated=True)
    if table.times is None and len(np.unique(trained.numbers)) < 0.98 * len(trained.numbers):
        return  # periodic, or so coarse that segments repeat by chance
    for split in ("test", "val"):
        held_out = fingerprint_rows(table, columns, bounds[split], RUN, dated=True)
        rows = held_out.rows[np.isin(held_out.numbers, trained.numbers)]
        rows = np.array([r for r in rows if len(np.unique(table.values[r : r + RUN, columns])) >= RUN // 3])
        if len(rows):
            first = int(rows[0])
            yield Finding(
                "leak-duplicates",
                f"{len(rows) + RUN - 1:,} rows of the {SPLIT_TITLES[split]} split are also in the training split, the "
                f"first in row {table.row_numbers.get(first, first + 1):,}.",
                evidence="Memorized rows count as correct predictions.",
                remedy="Remove the duplicate rows.",
            )
            return


def _sequence_keys(table: Table, columns: slice | list[int]) -> dict[int, int]:
    """A hash of each sequence (and of its pair) by its number; of very many, a sample."""
    values, offsets, pair = table.values, table.offsets.tolist(), table.paired
    keys = {}
    for s in evenly(len(table.lengths), MOST_SEQUENCES).tolist():
        if offsets[s + 1] > offsets[s]:
            own = np.ascontiguousarray(values[offsets[s] : offsets[s + 1], columns]).tobytes()
            other = b"" if pair is None else pair.values[pair.offsets[s] : pair.offsets[s + 1]].tobytes()
            keys[s] = hash((own, other))
    return keys


def _prepared(table: Table, config: DataConfig, bounds: Bounds) -> Iterator[Finding]:
    """Columns that were scaled or imputed with statistics of more than the training split."""
    if not table.tabular or table.recordings is not None or not (bounds["val"] or bounds["test"]):
        return
    for c in sorted({c for group in _used(table, config) for c in group}):
        values = table.values[:, c]
        how = _scaled_outside(values, bounds) or _imputed(values, bounds)
        if how is None and not table.independent:
            how = _interpolated(values, bounds)
        if how is not None:
            yield Finding(
                "leak-prepared",
                f"Column {table.columns[c]!r} was preprocessed with data after the training split: {how}.",
                evidence="The training split contains information about the test split.",
                remedy="Give the original values: scaling is fitted on the training split alone, and missing values "
                "are imputed within each split (data.missing).",
            )


def _trained(values: Values, bounds: Bounds) -> Values:
    """The known values of the training split, [n]."""
    own: Values = np.concatenate([values[low:high] for _, low, high in bounds["train"]] or [values[:0]])
    return own[np.isfinite(own)]


def _scaled_outside(values: Values, bounds: Bounds) -> str | None:
    """Whether a whole column, but not its training split, has mean 0 and deviation 1, or range 0 to 1."""
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
            return "its mean is 0 and its standard deviation 1 over all rows, but not over the training rows"
        return None
    fine = float(np.mean(np.abs(own * 1e4 - np.round(own * 1e4)) > 1e-6)) > 0.5  # not shares in whole percent
    if ranged and fine and (own.min() > low or own.max() < high):
        return f"its range is {low:g} to 1 over all rows, but not over the training rows"
    return None


def _imputed(values: Values, bounds: Bounds) -> str | None:
    """Whether one value repeats often that is the mean or the median of all others."""
    if not 40 <= len(values) <= MOST_ROWS:
        return None
    known = values[np.isfinite(values)]
    if len(known) < 40:
        return None
    each, counts = np.unique(known, return_counts=True)
    most = int(counts.argmax())
    value, count = float(each[most]), int(counts[most])
    if len(each) < 2 or count < 3 or count < 3 * np.sort(counts)[-2]:  # no other value is nearly as frequent
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


def _interpolated(values: Values, bounds: Bounds) -> str | None:
    """Whether a straight line crosses the end of the training or validation split, in a series that has few."""
    for split, following in pairwise(p for p in SPLITS if bounds[p]):
        starts = {s: low for s, low, _ in bounds[following]}
        for s, low, high in bounds[split]:
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
            if before[0] and after[0] and run < len(straight) and elsewhere**run < 1e-7:
                return f"a straight line crosses the end of the {SPLIT_TITLES[split]} split, as after interpolation"
    return None


def _used(table: Table, config: DataConfig) -> tuple[list[int], list[int]]:
    """Column indices of the inputs and targets; all columns as inputs where the task has no target columns."""
    place = {name: i for i, name in enumerate(table.columns)}
    if task_kind(config.task) != "regression":
        return [place[n] for n in config.inputs if n in place] or list(place.values()), []
    targets = [place[n] for n in target_names(table, config) if n in place]
    return [place[n] for n in config.inputs if n in place] or targets, targets


_CHECKS: tuple[Callable[[Table, DataConfig, Bounds], Iterator[Finding]], ...] = (
    _target_copies,
    _label_copies,
    _shuffled,
    _duplicates,
    _repeated,
    _prepared,
)
