"""Diagnostics of a data profile: problems that are found before training, each with a remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from seqcore.data.profile.facts import LOOKED_AT, UNEVEN, Profile, spread_rows, target_column
from seqcore.data.splits import SPLIT_TITLES, SPLITS, split_bounds
from seqcore.data.table import Table
from seqcore.events import Finding
from seqcore.experiment.config import DataConfig
from seqcore.experiment.constraints import ANCHORED
from seqcore.registry import task_kind, task_trait
from seqcore.results.formatting import counted, listed
from seqcore.results.thinning import evenly

__all__ = ["diagnose_table", "few_windows"]

MOST_SEQUENCES = 20_000  # compared with each other
MOST_NUMBERS = 5_000_000  # in those sequences
FEW_WINDOWS = 100
FAR = 3.0  # interpercentile ranges (1 to 99) beyond which a value is an outlier
STUCK = 30  # equal consecutive values, in a series that otherwise varies
UNKNOWN = 0.02  # share of unknown symbols in a held-out split
_BLOCK = 262_144  # values processed at once


def diagnose_table(
    table: Table, config: DataConfig, profile: Profile, leakage: Iterable[Finding] = ()
) -> tuple[Finding, ...]:
    """All findings about a table, the most severe first; `leakage` are those of leakage detection."""
    finders = (
        _windows,
        _classes,
        _lengths,
        _missing,
        _times,
        _columns,
        _outside,
        _repeated_value,
        _duplicates,
        _text,
        _sound,
    )
    found = [finding for finder in finders for finding in finder(table, config, profile)] + list(leakage)
    order = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(found, key=lambda finding: order[finding.severity]))


def _windows(table: Table, config: DataConfig, profile: Profile) -> Iterator[Finding]:
    counts = {facts.split: facts.windows for facts in profile.splits}
    unit = "sequence" if _whole(config) else "window"
    fractions = {"val": config.validation_fraction, "test": config.test_fraction}
    empty = [split for split in SPLITS if not counts[split] and (split == "train" or fractions[split])]
    if empty:
        yield Finding(
            "no-windows",
            f"No {unit} in the {' and '.join(SPLIT_TITLES[split] for split in empty)} split.",
            remedy="Add data" + ("." if unit == "sequence" else f", or reduce the window of {config.window} steps."),
            severity="error",
        )
    elif few := few_windows(config, counts["train"]):
        yield few
    if not any(fractions.values()):
        yield Finding(
            "no-held-out-data",
            "There is no validation or test split: the model is scored on its training data.",
            remedy="To measure generalization, set data.validation_fraction and data.test_fraction.",
            severity="info",
        )
    small = [split for split in ("val", "test") if fractions[split] and counts[split] < 10]
    if small and not empty:
        what = " and ".join(f"{SPLIT_TITLES[split]} split ({counted(counts[split], unit)})" for split in small)
        yield Finding(
            "few-to-score",
            f"Scores of the {what} have a high variance.",
            remedy="Add data, or increase the fraction of that split.",
        )


def few_windows(config: DataConfig, windows: int) -> Finding | None:
    """The finding for a training split of so many windows, or sequences; None where they are enough."""
    if windows >= FEW_WINDOWS:
        return None
    return Finding(
        "few-windows",
        f"Only {counted(windows, 'training sequence' if _whole(config) else 'training window')}: "
        "a network easily overfits so few.",
        # not a smaller network: with 36 sequences, 8, 16, 32 and 64 hidden units reached 0.28, 0.53, 0.69 and 0.92
        remedy="Add data, prefer a baseline that scores as well, and compare several seeds.",
    )


def _whole(config: DataConfig) -> bool:
    return bool(task_trait(config.task, "whole"))


def _classes(table: Table, config: DataConfig, profile: Profile) -> Iterator[Finding]:
    if profile.classes is None:
        return
    totals = {name: sum(splits.values()) for name, splits in profile.classes.items()}
    if len(totals) < 2:
        yield Finding(
            "one-class",
            f"Every sequence has the same label ({next(iter(totals), 'none')!r}), so there is nothing to classify.",
            remedy="Give sequences of at least two classes, or choose another label column.",
            severity="error",
        )
        return
    largest, smallest = max(totals, key=totals.__getitem__), min(totals, key=totals.__getitem__)
    if totals[largest] > UNEVEN * totals[smallest]:
        share = totals[largest] / sum(totals.values())
        yield Finding(
            "imbalanced",
            f"The classes are imbalanced: {largest!r} has {totals[largest]:,} sequences and {smallest!r} "
            f"{totals[smallest]:,}. Always predicting {largest!r} has an accuracy of {100 * share:.0f}%.",
            remedy="Compare by macro F1, which weights all classes equally. If rare classes are never predicted, set "
            "training.class_weights = balanced, or add sequences of them.",
        )
    missing = [name for name, splits in profile.classes.items() if not splits["train"]]
    if missing:
        yield Finding(
            "class-not-trained",
            f"The training split has no sequence of {listed([repr(m) for m in missing], 4)}, so it can't be predicted.",
            remedy="Add sequences of it, or remove it.",
        )


def _lengths(table: Table, config: DataConfig, profile: Profile) -> Iterator[Finding]:
    short = int((table.lengths <= 1).sum())
    if short and len(table.lengths) > 1 and table.paired is None:  # a single word can be translated
        yield Finding(
            "short-sequences",
            f"{counted(short, 'sequence')} {'has' if short == 1 else 'have'} one row or none.",
            remedy="Remove them, or join them with the sequences that they belong to.",
        )
    lengths = profile.lengths
    if profile.sequences > 1 and lengths.longest > 20 * max(1.0, lengths.median):
        yield Finding(
            "long-sequences",
            f"The longest sequence has {lengths.longest:,} rows, the median {lengths.median:,.0f}: batches with it "
            "are slow and mostly padding.",
            remedy="Cut very long sequences into pieces, or remove them.",
        )


def _missing(table: Table, config: DataConfig, profile: Profile) -> Iterator[Finding]:
    columns = [f"{c.name} ({c.missing:,})" for c in profile.columns if c.missing and c.kind != "empty"]
    if columns and config.missing == "refuse":
        yield Finding(
            "missing-values",
            f"Missing values in {listed(columns, 4)}.",
            remedy="Set data.missing to interpolate, previous or drop; imputation uses no value of another split.",
        )


def _times(table: Table, config: DataConfig, profile: Profile) -> Iterator[Finding]:
    if profile.time_patterns:
        count = counted(profile.missing_times, "timestamp")
        what = f"{count} {'is' if profile.missing_times == 1 else 'are'} missing: " if profile.missing_times else ""
        pattern = "; ".join(profile.time_patterns[:3])
        beside = f"; {counted(profile.missing_beside, 'time stamp')} beside these" if profile.missing_beside else ""
        yield Finding(
            "missing-times",
            f"{what}{pattern if what else pattern[:1].upper() + pattern[1:]}{beside}. The rows around are treated as "
            "consecutive, and forecasts leave the same times out.",
            remedy="data.options.missing_times = leave keeps the rows consecutive, which suits times that never have a "
            "value; missing_times = insert adds rows for them (at most as many as a regular series has), filled as set "
            "by data.missing, and forecasts include these times.",
            severity="info",
        )
    elif profile.frequency is not None and profile.frequency.startswith("irregular"):
        yield Finding(
            "irregular-times",
            f"The timestamps are irregular ({profile.frequency}); the model sees rows as equally spaced.",
            remedy="Resample the data to a regular frequency, or read forecasts as numbers of rows ahead.",
        )
    elif profile.missing_times:
        yield Finding(
            "missing-times",
            f"{counted(profile.missing_times, 'timestamp')} {'is' if profile.missing_times == 1 else 'are'} missing; "
            "the rows around are treated as consecutive.",
            remedy="Add the missing rows with empty cells, and set data.missing.",
        )


def _columns(table: Table, config: DataConfig, profile: Profile) -> Iterator[Finding]:
    constant = [c.name for c in profile.columns if c.kind in ("constant", "empty")]
    target = None if table.symbolic or not table.columns else table.columns[target_column(table, config)]
    if constant and table.frame is None:
        worst = task_kind(config.task) == "regression" and target in constant
        yield Finding(
            "constant-columns",
            f"{listed(constant, 4)} {'is' if len(constant) == 1 else 'are'} constant.",
            remedy="Choose another target column." if worst else "Remove it from the inputs.",
            severity="warning" if worst else "info",
        )
    if not table.tabular or table.recordings is not None:
        return  # pixels and frequency bands are no columns to correct
    rows, _ = spread_rows(table, LOOKED_AT)
    for column in [c for c in profile.columns if c.kind in ("numbers", "whole numbers")][:50]:
        values = table.values[rows, table.columns.index(column.name)]
        low, middle, high = np.nanpercentile(values, [1, 50, 99])
        reach = FAR * max(high - low, 1e-12 * abs(middle))
        assert column.minimum is not None
        assert column.maximum is not None
        if high > low and (column.maximum > high + reach or column.minimum < low - reach):
            worst_value = column.maximum if column.maximum - high > low - column.minimum else column.minimum
            yield Finding(
                "outliers",
                f"{column.name} has outliers such as {worst_value:,.4g}; 98% of its values lie between {low:,.4g} and "
                f"{high:,.4g}.",
                remedy="Correct them if they are errors; otherwise use the loss huber or mae.",
            )


def _outside(table: Table, config: DataConfig, profile: Profile) -> Iterator[Finding]:
    """Held-out target values outside the training range: a trend that a fixed scaling can't follow."""
    if table.symbolic or table.independent or task_kind(config.task) != "regression" or not len(table):
        return
    if config.scaling in ANCHORED or config.scaling == "auto":
        return
    column = target_column(table, config)
    bounds = split_bounds(table, config.validation_fraction, config.test_fraction)
    beyond = total = 0
    for s, low, high in bounds["train"][:200]:
        known = table.values[low:high, column]
        later = [table.values[a:b, column] for split in ("val", "test") for n, a, b in bounds[split] if n == s]
        held_out = np.concatenate([np.zeros(0), *later])
        if held_out.size and np.isfinite(known).any():
            beyond += int(((held_out > np.nanmax(known)) | (held_out < np.nanmin(known))).sum())
            total += int(np.isfinite(held_out).sum())
    if total and beyond > 0.2 * total:
        yield Finding(
            "outside-range",
            f"{100 * beyond / total:.0f}% of the held-out values of {table.columns[column]} lie outside the range of "
            "the training split, which indicates a trend.",
            remedy=f"Set data.scaling to last-value, log-last-value or auto; {config.scaling} can't follow a trend.",
        )


def _repeated_value(table: Table, config: DataConfig, profile: Profile) -> Iterator[Finding]:
    if table.symbolic or table.independent or table.frame is not None:
        return
    for column in [c for c in profile.columns if c.kind == "numbers"][:8]:
        values = table.values[:, table.columns.index(column.name)]
        longest, at = _longest_run(values)
        if longest >= STUCK and float((values[1:] == values[:-1]).mean()) < 0.3:
            yield Finding(
                "repeated-value",
                f"{column.name} has the same value in {longest:,} consecutive rows from row {at + 1:,}, and varies "
                "elsewhere: a stuck sensor, or missing values that were filled.",
                remedy="Check these rows; if the values are missing, leave the cells empty.",
            )


def _longest_run(values: NDArray[np.float64]) -> tuple[int, int]:
    """Length and first row of the longest run of equal values; (0, 0) where none has about `STUCK` rows.

    A run of `STUCK` rows contains two rows `STUCK // 2` apart: where no such rows are equal, there is no long run.
    """
    apart = STUCK // 2
    if len(values) < STUCK:
        return 0, 0
    alike = apart * np.flatnonzero(values[apart::apart] == values[:-apart:apart])
    if not (values[alike] == values[alike + apart // 2]).any():
        return 0, 0
    longest, at, begin = 0, 0, 0
    for start in range(1, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        breaks = start + np.flatnonzero(block != values[start - 1 : start - 1 + len(block)])
        edges = np.concatenate([[begin], breaks])
        runs = np.diff(np.append(edges, start + len(block)))
        place = int(np.argmax(runs))
        if runs[place] > longest:
            longest, at = int(runs[place]), int(edges[place])
        begin = int(edges[-1])
    return longest, at


def _duplicates(table: Table, config: DataConfig, profile: Profile) -> Iterator[Finding]:
    """Duplicate sequences."""
    count = len(table.lengths)
    if not table.independent or count < 2:
        return
    room, looked, again, lengths = MOST_NUMBERS, 0, 0, table.lengths
    known: set[bytes] = set()
    for s in evenly(count, MOST_SEQUENCES).tolist():
        room -= int(lengths[s]) * table.values.shape[1]
        if room < 0:
            break
        content = _content(table, s)
        again += content in known
        known.add(content)
        looked += 1
    if again > 0.02 * looked:
        yield Finding(
            "duplicate-sequences",
            f"{again:,} of {looked:,} compared sequences are duplicates of earlier ones.",
            remedy="Duplicates have more weight in training and scores; remove them if that is not intended.",
            severity="info",
        )


def _content(table: Table, s: int) -> bytes:
    text = table.values[table.offsets[s] : table.offsets[s + 1]].tobytes()
    if table.paired is not None:
        paired = table.paired
        text += b"\0" + paired.values[paired.offsets[s] : paired.offsets[s + 1]].tobytes()
    return text


def _text(table: Table, config: DataConfig, profile: Profile) -> Iterator[Finding]:
    for vocabulary in profile.vocabularies:
        word = "words" if vocabulary.separator else "symbols"
        of = f" of {vocabulary.of}" if len(profile.vocabularies) > 1 else ""
        if vocabulary.size < 2:
            yield Finding(
                "one-symbol",
                f"The text has a single symbol ({vocabulary.frequent[0][0]!r}), so there is nothing to predict."
                if vocabulary.frequent
                else "The text is empty.",
                remedy="Give a text with at least two different symbols.",
                severity="error",
            )
        worst = max(vocabulary.unknown.values(), default=0.0)
        if worst > UNKNOWN:
            split = max(vocabulary.unknown, key=vocabulary.unknown.__getitem__)
            some = listed([repr(s) for s in vocabulary.unknown_symbols], 5, of=vocabulary.unknown_kinds)
            finer = vocabulary.separator and table.paired is None
            remedy = "Add text" + (", or use characters instead of words." if finer else ".")
            if table.paired is not None:
                remedy = "Add sentence pairs with these words."
            yield Finding(
                "unknown-symbols",
                f"{100 * worst:.1f}% of the {word}{of} in the {SPLIT_TITLES[split]} split do not occur in the training "
                f"split ({some}) and are encoded as unknown.",
                remedy=remedy,
            )
        if vocabulary.separator and vocabulary.once > 0.5 * vocabulary.size > 500:
            yield Finding(
                "rare-words",
                f"{100 * vocabulary.once / vocabulary.size:.0f}% of the {vocabulary.size:,} words{of} occur once.",
                remedy="Add text" + ("." if table.paired is not None else ", or use characters instead of words."),
                severity="info",
            )


def _sound(table: Table, config: DataConfig, profile: Profile) -> Iterator[Finding]:
    if table.recordings is None:
        return
    count = len(table.recordings.samples)
    some = [table.recordings.waveform(s) for s in range(0, count, max(1, count // 200))]
    clipped = sum(bool((np.abs(sound) >= 0.999).mean() > 0.001) for sound in some)
    silent = sum(bool(np.abs(sound).max(initial=0.0) < 1e-3) for sound in some)
    if clipped > 0.05 * len(some):
        yield Finding(
            "clipped",
            f"{100 * clipped / len(some):.0f}% of the recordings are clipped.",
            remedy="Record at a lower level: clipping can't be undone.",
        )
    if silent:
        yield Finding(
            "silent",
            f"{100 * silent / len(some):.0f}% of the recordings are silent.",
            remedy="Remove them, or check the microphone.",
        )
