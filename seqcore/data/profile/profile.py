"""The data profile: sizes, columns, splits, lengths, autocorrelation, classes and vocabularies. Free of torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seqcore.data.profile.diagnostics import diagnose_table
from seqcore.data.profile.facts import (
    LOOKED_AT,
    ColumnFacts,
    Profile,
    SplitFacts,
    default_config,
    spread_rows,
    target_column,
)
from seqcore.data.profile.seasonality import LONGEST_LOOK, autocorrelation, find_period
from seqcore.data.splits import SPLITS, assigned_splits, split_bounds
from seqcore.data.table import Table, describe_table
from seqcore.events import Finding
from seqcore.experiment.config import DataConfig
from seqcore.experiment.fields import describe
from seqcore.registry import task_trait
from seqcore.results.data import Autocorrelation, LengthFacts, VocabularyFacts
from seqcore.results.formatting import listed

__all__ = ["Profile", "count_splits", "default_config", "profile_table"]

MOST_COLUMNS = 200  # described one by one
MOST_SERIES = 200  # whose timestamps are checked
MOST_SYMBOLS = 60  # counted one by one
_LAGS = 400  # of the autocorrelation, at most
_BLOCK = 1_000_000  # numbers processed at once

Values = NDArray[np.float64]


def profile_table(table: Table, config: DataConfig | None = None, *, leakage: Iterable[Finding] = ()) -> Profile:
    """Profile a table as an experiment's `data` section uses it (by default: regression on the first column).

    `leakage` are findings of leakage detection, which are listed with those made here. Bounded cost: figures of very
    long tables are estimated from a sample of the rows.
    """
    config = config or default_config(table)
    described = describe_table(table)
    rows, sampled = spread_rows(table, LOOKED_AT)
    columns, omitted = ((), 0) if table.symbolic else _columns(table, rows)
    patterns, beside = _time_patterns(table)
    profile = Profile(
        kind=table.kind,
        rows=len(table),
        sequences=len(table.lengths),
        independent=table.independent,
        columns=columns,
        columns_omitted=omitted,
        span=described["span"],
        frequency=described["frequency"],
        missing_times=_missing_times(table),
        time_patterns=patterns,
        missing_beside=beside,
        inserted_times=table.inserted,
        missing=sum(described["gaps"].values()),
        splits=count_splits(table, config),
        lengths=_lengths(table),
        autocorrelation=_autocorrelation(table, config),
        classes=_classes(table, config),
        vocabularies=_vocabularies(table, config),
        findings=(),
        notes=table.notes,
        sampled="" if table.symbolic else sampled,
    )
    return replace(profile, findings=diagnose_table(table, config, profile, leakage))


def _columns(table: Table, rows: NDArray[np.int64]) -> tuple[tuple[ColumnFacts, ...], int]:
    shown = min(len(table.columns), MOST_COLUMNS)
    missing, low, high = (np.zeros(shown), np.full(shown, np.inf), np.full(shown, -np.inf))
    step = max(1, _BLOCK // max(1, shown))
    for start in range(0, len(table), step):
        some = table.values[start : start + step, :shown]
        missing += np.isnan(some).sum(axis=0)
        low = np.fmin(low, np.fmin.reduce(some, axis=0))
        high = np.fmax(high, np.fmax.reduce(some, axis=0))
    looked = table.values[rows][:, :shown]
    return tuple(
        _column(table.columns[i], looked[:, i], int(missing[i]), float(low[i]), float(high[i])) for i in range(shown)
    ), len(table.columns) - shown


def _column(name: str, values: Values, missing: int, low: float, high: float) -> ColumnFacts:
    known = values[np.isfinite(values)]
    if not known.size:
        return ColumnFacts(name, "empty", missing)
    kind = "numbers"
    if low == high:
        kind = "constant"
    elif bool(np.all((known == low) | (known == high))):
        kind = "two values"
    elif bool(np.all(known == np.rint(known))):
        kind = "whole numbers"
    return ColumnFacts(name, kind, missing, low, float(np.median(known)), high, float(np.std(known)))


def count_splits(table: Table, config: DataConfig) -> tuple[SplitFacts, ...]:
    """Rows, sequences and windows of each split, without building a dataset."""
    lengths, fractions = table.lengths, (config.validation_fraction, config.test_fraction)
    whole = bool(task_trait(config.task, "whole"))
    facts = []
    if table.independent or whole:
        assigned = assigned_splits(table, *fractions)
        for i, split in enumerate(SPLITS):
            own = lengths[assigned == i]
            windows = len(own) if whole else int(_windows(own, own, config).sum())
            facts.append(SplitFacts(split, int(own.sum()), len(own), windows))
        return tuple(facts)
    for split, bounds in split_bounds(table, *fractions).items():
        spans = np.array(bounds, dtype=np.int64).reshape(-1, 3)
        size = spans[:, 2] - spans[:, 1]
        before = spans[:, 1] - table.offsets[spans[:, 0]]
        counted = int(_windows(size, before + size, config).sum())
        facts.append(SplitFacts(split, int(size.sum()), len(spans), counted))
    return tuple(facts)


def _windows(size: NDArray[np.int64], end: NDArray[np.int64], config: DataConfig) -> NDArray[np.int64]:
    """Windows in segments of `size[n]` rows that end `end[n]` rows into their sequences."""
    symbols = "horizon" not in _fields(config.task)
    lead, horizon = (1, 1) if symbols else (config.lead, config.horizon)
    to_target = lead if config.predict != "last" else config.window - 1 + lead
    first = np.maximum(0, end - size - to_target)
    room = end - first - (config.window - 1 + max(lead + horizon, 1))
    return np.where(room >= 0, room // config.stride + 1, 0)


def _fields(task: str) -> set[str]:
    """The fields of the data section that a task reads."""
    return {
        s.path for s in describe(DataConfig) if s.applies_to is None or task in s.applies_to.get("data.task", (task,))
    }


def _missing_times(table: Table) -> int:
    """Missing timestamps in all series (at most 200 of them); holidays do not count."""
    if table.times is None or not len(table):
        return 0
    from seqcore.data.calendar import find_frequency, missing_times_note  # imports pandas: only for data with dates

    spans = zip(table.offsets[:-1][:MOST_SERIES].tolist(), table.offsets[1:].tolist(), strict=False)
    holed = [table.times[low:high] for low, high in spans if missing_times_note(table.times[low:high])]
    return sum(frequency.missing for times in holed if (frequency := find_frequency(times)) is not None)


def _time_patterns(table: Table) -> tuple[tuple[str, ...], int]:
    """Weekdays, hours and months without rows, each with the series where this holds (at most 200 are examined).

    And how many time stamps are missing beside these.
    """
    if table.times is None or not len(table):
        return (), 0
    from seqcore.data.time_pattern import find_pattern  # imports pandas: only for data with dates

    known: dict[bytes, tuple[str, int]] = {}  # many series have the same times
    series: dict[str, list[str]] = {}
    beside = 0
    spans = list(zip(table.offsets[:-1].tolist(), table.offsets[1:].tolist(), strict=True))[:MOST_SERIES]
    for s, (low, high) in enumerate(spans):
        key = table.times[low:high].tobytes()
        if key not in known:
            own = table.times[low:high]
            found = find_pattern(own)
            known[key] = (found.text, len(found.missing(own))) if found else ("", 0)
        text, missing = known[key]
        beside += missing
        if text:
            series.setdefault(text, []).append(table.names[s] if table.names else "")
    whole = len(spans) == 1 or (len(series) == 1 and len(next(iter(series.values()))) == len(spans))
    return tuple(text if whole else f"{text} ({listed(names, 3)})" for text, names in series.items()), beside


def _lengths(table: Table) -> LengthFacts:
    lengths = table.lengths
    if not len(lengths):
        return LengthFacts(0, 0.0, 0, (), ())
    low, high = int(lengths.min()), int(lengths.max())
    bins = min(30, max(1, high - low + 1))
    counts, edges = np.histogram(lengths, bins=bins, range=(low - 0.5, high + 0.5))
    return LengthFacts(low, float(np.median(lengths)), high, tuple(edges.tolist()), tuple(counts.tolist()))


def _autocorrelation(table: Table, config: DataConfig) -> Autocorrelation | None:
    """Of the end of the longest series, missing values filled with the previous value."""
    if table.symbolic or table.independent or table.frame is not None or not len(table):
        return None
    column = target_column(table, config)
    longest = int(np.argmax(table.lengths))
    low, high = int(table.offsets[longest]), int(table.offsets[longest + 1])
    values = table.values[max(low, high - LONGEST_LOOK) : high, column].astype(np.float64)
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        return None
    values = values[known[np.maximum(np.searchsorted(known, np.arange(len(values)), side="right") - 1, 0)]]
    correlation = autocorrelation(values)
    if correlation is None:
        return None
    period = find_period(values)
    reach = min(len(correlation), max(40, 4 * period if period else 200))
    rows = np.unique(np.append(np.linspace(0, reach - 1, _LAGS).astype(np.int64), period or 0))
    return Autocorrelation(table.columns[column], tuple(rows.tolist()), tuple(correlation[rows].tolist()), period)


def _classes(table: Table, config: DataConfig) -> dict[str, dict[str, int]] | None:
    if table.labels is None:
        return None
    names, codes = np.unique(table.labels, return_inverse=True)
    assigned = assigned_splits(table, config.validation_fraction, config.test_fraction)
    counts = np.zeros((len(names), len(SPLITS)), dtype=np.int64)
    np.add.at(counts, (codes.reshape(-1), assigned), 1)
    return {
        name: dict(zip(SPLITS, row, strict=True)) for name, row in zip(names.tolist(), counts.tolist(), strict=True)
    }


def _vocabularies(table: Table, config: DataConfig) -> tuple[VocabularyFacts, ...]:
    texts = (table, table.paired) if table.symbolic else ()
    return tuple(_vocabulary(text, table, config) for text in texts if text is not None)


def _vocabulary(texts: Table, table: Table, config: DataConfig) -> VocabularyFacts:
    """Of `texts`, whose sequences are split as those of `table`."""
    assert texts.symbols is not None
    size = len(texts.symbols)
    counts = {split: np.zeros(size, dtype=np.int64) for split in SPLITS}
    fractions = (config.validation_fraction, config.test_fraction)
    if table.independent:
        assigned = np.repeat(assigned_splits(table, *fractions), texts.lengths)
        for start in range(0, len(texts), _BLOCK):
            codes, own = texts.values[start : start + _BLOCK, 0], assigned[start : start + _BLOCK]
            for i, split in enumerate(SPLITS):
                counts[split] += np.bincount(codes[own == i], minlength=size)
    else:
        for split, bounds in split_bounds(texts, *fractions).items():
            for _, low, high in bounds:
                for start in range(low, high, _BLOCK):
                    counts[split] += np.bincount(texts.values[start : min(high, start + _BLOCK), 0], minlength=size)
    total = np.sum(list(counts.values()), axis=0)
    order = np.argsort(-total, kind="stable")
    order = order[total[order] > 0]
    frequent = order[:MOST_SYMBOLS]
    missed = counts["train"] == 0
    held_back = counts["val"] + counts["test"]
    unknown = order[missed[order] & (held_back[order] > 0)]
    return VocabularyFacts(
        of=texts.columns[0],
        size=len(order),
        total=int(total.sum()),
        separator=texts.separator,
        frequent=tuple((str(texts.symbols[i]), int(total[i])) for i in frequent),
        coverage=float(total[frequent].sum() / max(1, total.sum())),
        once=int((total == 1).sum()),
        unknown={p: float(counts[p][missed].sum() / counts[p].sum()) for p in ("val", "test") if counts[p].sum()},
        unknown_symbols=tuple(str(texts.symbols[i]) for i in unknown[:12]),
        unknown_kinds=len(unknown),
    )
