"""What is wrong with data, in sentences with advice: found before training, from an inspection and the table itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from seqcore.data.profile.facts import LOOKED_AT, UNEVEN, Inspection, spread_rows, target_column
from seqcore.data.scaling import ANCHORED
from seqcore.data.splits import SPLIT_TITLES, SPLITS, split_bounds
from seqcore.data.table import Table
from seqcore.evaluation.leakage.detection import find_leaks
from seqcore.events import Finding
from seqcore.experiment.config import DataConfig
from seqcore.tasks import TASKS

__all__ = ["diagnose_table", "few_windows"]

MOST_SEQUENCES = 20_000  # that are compared with each other
MOST_NUMBERS = 5_000_000  # in those
FEW_WINDOWS = 100
FAR = 3.0  # ranges from the first to the last percentile
STUCK = 30  # equal values in a row, in a series that otherwise moves
UNKNOWN = 0.02
_BLOCK = 262_144  # values looked at in one stroke


def diagnose_table(table: Table, config: DataConfig, seen: Inspection) -> tuple[Finding, ...]:
    """All that should be said of a table, the worst first."""
    finders = (_windows, _classes, _lengths, _gaps, _times, _columns, _outside, _stuck, _copies, _text, _sound)
    found = [finding for finder in finders for finding in finder(table, config, seen)]
    found += find_leaks(table, config)
    order = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(found, key=lambda finding: order[finding.severity]))


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _listed(names: list[str], most: int = 4, *, of: int | None = None) -> str:
    """The first `most` names, and how many more there are; `of` so many, where `names` are only some."""
    left = (len(names) if of is None else of) - min(most, len(names))
    more = f" and {left:,} more" if left else ""
    return ", ".join(names[:most]) + more


def _windows(table: Table, config: DataConfig, seen: Inspection) -> Iterator[Finding]:
    parts = {facts.part: facts for facts in seen.parts}
    unit = "sequence" if _whole(config) else "window"
    fractions = {"val": config.validation_fraction, "test": config.test_fraction}
    empty = [p for p in SPLITS if not parts[p].windows and (p == "train" or fractions[p])]
    if empty:
        names = ", the ".join(SPLIT_TITLES[p] for p in empty)
        yield Finding(
            "no-windows",
            f"The {names} part has no {unit} to {'learn from' if 'train' in empty else 'score'}.",
            remedy="Give more data"
            + ("." if unit == "sequence" else f", or make the window of {config.window} smaller."),
            severity="error",
        )
    elif few := few_windows(config, parts["train"].windows):
        yield few
    if not any(fractions.values()):
        yield Finding(
            "nothing-held-back",
            "Nothing is held back: all of these data are learned from, and the model is scored on what it has seen.",
            remedy="That shows how a model learns. For a score that says what it can foresee, hold parts back "
            "(data.validation_fraction, data.test_fraction).",
            severity="info",
        )
    thin = [p for p in ("val", "test") if fractions[p] and p not in empty and parts[p].windows < 10]
    if thin and not empty:
        what = " and ".join(f"{SPLIT_TITLES[p]} part ({_many(parts[p].windows, unit)})" for p in thin)
        yield Finding(
            "few-to-score",
            f"The scores of the {what} say little: chance moves them.",
            remedy="Give more data, or make that part larger.",
        )


def few_windows(config: DataConfig, windows: int) -> Finding | None:
    """What there is to say of a training part of so many windows, or sequences, where they are few."""
    if windows >= FEW_WINDOWS:
        return None
    return Finding(
        "few-windows",
        f"There {'is' if windows == 1 else 'are'} only {_many(windows, 'sequence' if _whole(config) else 'window')} to "
        "learn from: a network easily remembers so few by heart instead of learning a rule.",
        # not a smaller network: with 36 sequences, 8, 16, 32 and 64 hidden units came to 0.28, 0.53, 0.69 and 0.92
        remedy="Give more data, trust a naive method that is as good, and train with other seeds to see how "
        "much is chance.",
    )


def _whole(config: DataConfig) -> bool:
    return bool(TASKS[config.task].traits.get("whole"))


def _classes(table: Table, config: DataConfig, seen: Inspection) -> Iterator[Finding]:
    if seen.classes is None:
        return
    totals = {name: sum(parts.values()) for name, parts in seen.classes.items()}
    if len(totals) < 2:
        yield Finding(
            "one-class",
            f"Every sequence has the same label ({next(iter(totals), 'none')!r}), so there is nothing to tell apart.",
            remedy="Give sequences of at least two classes, or name another column of labels.",
            severity="error",
        )
        return
    largest, smallest = max(totals, key=totals.__getitem__), min(totals, key=totals.__getitem__)
    if totals[largest] > UNEVEN * totals[smallest]:
        share = totals[largest] / sum(totals.values())
        yield Finding(
            "imbalanced",
            f"The classes are uneven: {largest!r} has {totals[largest]:,} sequences and {smallest!r} "
            f"{totals[smallest]:,}. Who always answers {largest!r} is right in {100 * share:.0f}% of cases.",
            remedy="Judge by macro F1, which counts each class alike. Where the rare ones are never named, let "
            "each class "
            "count alike in training (training.class_weights: balanced); more of them helps most.",
        )
    missing = [name for name, parts in seen.classes.items() if not parts["train"]]
    if missing:
        yield Finding(
            "class-not-trained",
            f"The training part has no sequence of {_listed([repr(m) for m in missing])}, so it can't be learned.",
            remedy="Give more sequences of it, or leave it out.",
        )


def _lengths(table: Table, config: DataConfig, seen: Inspection) -> Iterator[Finding]:
    short = int((table.lengths <= 1).sum())
    if short and len(table.lengths) > 1 and table.paired is None:  # a word alone can be translated
        yield Finding(
            "short-sequences",
            f"{_many(short, 'sequence')} {'has' if short == 1 else 'have'} one row or none: there is no course in "
            f"{'it' if short == 1 else 'them'}.",
            remedy="Leave them out, or join them with those that they belong to.",
        )
    lengths = seen.lengths
    if seen.sequences > 1 and lengths.longest > 20 * max(1.0, lengths.median):
        yield Finding(
            "long-sequences",
            f"The longest sequence has {lengths.longest:,} rows where the usual one has {lengths.median:,.0f}: "
            "batches with it are slow and full of padding.",
            remedy="Cut very long ones into pieces, or leave them out.",
        )


def _gaps(table: Table, config: DataConfig, seen: Inspection) -> Iterator[Finding]:
    holes = {c.name: c.gaps for c in seen.columns if c.gaps and c.kind != "empty"}
    if holes and config.missing == "refuse":
        listed = _listed([f"{name} ({count:,})" for name, count in holes.items()])
        yield Finding(
            "gaps",
            f"Values are missing in {listed}.",
            remedy="Choose how to fill them (data.missing: interpolate, the default for your own file, "
            "previous, or drop the "
            "rows); filling uses no later value of another part.",
        )


def _times(table: Table, config: DataConfig, seen: Inspection) -> Iterator[Finding]:
    if seen.frequency is not None and seen.frequency.startswith("irregular"):
        yield Finding(
            "irregular-times",
            f"The times between rows differ ({seen.frequency}), and the model only sees rows, one after the other.",
            remedy="Put the data on a regular grid (one row an hour, a day, ...), or read forecasts as so many "
            "rows ahead.",
        )
    elif seen.missing_times:
        yield Finding(
            "missing-times",
            f"The dates leave out {_many(seen.missing_times, 'time')}: rows around them follow each other as if "
            "nothing were between.",
            remedy="Add the missing rows with empty cells, and say how gaps are filled.",
        )


def _columns(table: Table, config: DataConfig, seen: Inspection) -> Iterator[Finding]:
    still = [c.name for c in seen.columns if c.kind in ("constant", "empty")]
    target = None if table.symbolic or not table.columns else table.columns[target_column(table, config)]
    if still and table.frame is None:
        worst = config.task == "regression" and target in still
        yield Finding(
            "constant-columns",
            f"{_listed(still)} never {'changes' if len(still) == 1 else 'change'}, so nothing can be learned from "
            f"{'it' if len(still) == 1 else 'them'}.",
            remedy="Predict another column." if worst else "Leave it out of the inputs.",
            severity="warning" if worst else "info",
        )
    if not table.tabular or table.recordings is not None:
        return  # points of pictures and loudness of pitches are no columns that somebody could mend
    rows, _ = spread_rows(table, LOOKED_AT)
    for column in [c for c in seen.columns if c.kind in ("numbers", "whole numbers")][:50]:
        values = table.values[rows, table.columns.index(column.name)]
        low, middle, high = np.nanpercentile(values, [1, 50, 99])
        reach = FAR * max(high - low, 1e-12 * abs(middle))
        assert column.minimum is not None
        assert column.maximum is not None
        if high > low and (column.maximum > high + reach or column.minimum < low - reach):
            worst_value = column.maximum if column.maximum - high > low - column.minimum else column.minimum
            yield Finding(
                "outliers",
                f"{column.name} has values far from all others: {worst_value:,.4g}, where 98 of 100 lie between "
                f"{low:,.4g} and {high:,.4g}.",
                remedy="Look whether they are errors, and mend them. If they are real, train with the loss "
                "huber or mae.",
            )


def _outside(table: Table, config: DataConfig, seen: Inspection) -> Iterator[Finding]:
    """Held-back values that lie beyond everything in the training part: a trend that plain scaling can't follow."""
    if table.symbolic or table.independent or config.task != "regression" or not len(table):
        return
    if config.scaling in ANCHORED or config.scaling == "auto":
        return
    column = target_column(table, config)
    bounds = split_bounds(table, config.validation_fraction, config.test_fraction)
    beyond = total = 0
    for s, low, high in bounds["train"][:200]:
        known = table.values[low:high, column]
        later = [table.values[a:b, column] for part in ("val", "test") for n, a, b in bounds[part] if n == s]
        held_back = np.concatenate([np.zeros(0), *later])
        if held_back.size and np.isfinite(known).any():
            beyond += int(((held_back > np.nanmax(known)) | (held_back < np.nanmin(known))).sum())
            total += int(np.isfinite(held_back).sum())
    if total and beyond > 0.2 * total:
        yield Finding(
            "outside-range",
            f"{100 * beyond / total:.0f}% of the held-back values of {table.columns[column]} lie outside everything "
            "that the training part has: there is a trend.",
            remedy=f"Scale relative to the window (data.scaling: relative, log-relative or auto); "
            f"{config.scaling} can't "
            "follow it.",
        )


def _stuck(table: Table, config: DataConfig, seen: Inspection) -> Iterator[Finding]:
    if table.symbolic or table.independent or table.frame is not None:
        return
    moving = [c for c in seen.columns if c.kind == "numbers"][:8]
    for column in moving:
        values = table.values[:, table.columns.index(column.name)]
        longest, at = _longest_run(values)
        if longest >= STUCK and float((values[1:] == values[:-1]).mean()) < 0.3:
            yield Finding(
                "stuck",
                f"{column.name} has the same value {longest:,} times in a row from row {at + 1:,} on, though it moves "
                "elsewhere: a sensor that hung, or gaps that were filled?",
                remedy="Look at that stretch; empty cells there are more honest than a repeated value.",
            )


def _longest_run(values: NDArray[np.float64]) -> tuple[int, int]:
    """The longest stretch of equal values, and where it begins; (0, 0) where none comes near `STUCK`.

    A stretch of `STUCK` rows holds two of those that lie half as far apart, and what is between them: where no two
    such neighbours are equal, which is soon seen, there is none. Else it goes block by block.
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


def _copies(table: Table, config: DataConfig, seen: Inspection) -> Iterator[Finding]:
    """Sequences that come more than once."""
    count = len(table.lengths)
    if not table.independent or count < 2:
        return
    room, looked, again, lengths = MOST_NUMBERS, 0, 0, table.lengths
    known: set[bytes] = set()
    for s in np.unique(np.linspace(0, count - 1, min(count, MOST_SEQUENCES)).astype(np.int64)).tolist():
        room -= int(lengths[s]) * table.values.shape[1]
        if room < 0:
            break
        content = _content(table, s)
        again += content in known
        known.add(content)
        looked += 1
    if again > 0.02 * looked:
        yield Finding(
            "copies",
            f"{again:,} of {looked:,} sequences that were compared have come before.",
            remedy="Copies count more than others; leave them out if that is wrong.",
            severity="info",
        )


def _content(table: Table, s: int) -> bytes:
    text = table.values[table.offsets[s] : table.offsets[s + 1]].tobytes()
    if table.paired is not None:
        paired = table.paired
        text += b"\0" + paired.values[paired.offsets[s] : paired.offsets[s + 1]].tobytes()
    return text


def _text(table: Table, config: DataConfig, seen: Inspection) -> Iterator[Finding]:
    for vocabulary in seen.vocabularies:
        word = "words" if vocabulary.separator else "symbols"
        of = f" of {vocabulary.of}" if len(seen.vocabularies) > 1 else ""
        if vocabulary.size < 2:
            yield Finding(
                "one-symbol",
                f"There is only one symbol in it ({vocabulary.frequent[0][0]!r}), so the next is always known."
                if vocabulary.frequent
                else "There is no symbol in it.",
                remedy="Give a text with at least two different symbols.",
                severity="error",
            )
        worst = max(vocabulary.unknown.values(), default=0.0)
        if worst > UNKNOWN:
            part = max(vocabulary.unknown, key=vocabulary.unknown.__getitem__)
            some = _listed([repr(s) for s in vocabulary.unknown_symbols], 5, of=vocabulary.unknown_kinds)
            finer = vocabulary.separator and table.paired is None
            advice = "Give more text" + (", or work with characters instead of words." if finer else ".")
            if table.paired is not None:
                advice = "Give more pairs, in which these words stand too."
            yield Finding(
                "unknown-symbols",
                f"{100 * worst:.1f}% of the {word}{of} of the {SPLIT_TITLES[part]} split are not in the training split "
                f"({some}), so they are read as unknown.",
                remedy=advice,
            )
        if vocabulary.separator and vocabulary.once > 0.5 * vocabulary.size > 500:
            yield Finding(
                "rare-words",
                f"{100 * vocabulary.once / vocabulary.size:.0f}% of the {vocabulary.size:,} words{of} come once: "
                "little can be learned of them.",
                remedy="More text helps most"
                + ("." if table.paired is not None else "; so does working with characters."),
                severity="info",
            )


def _sound(table: Table, config: DataConfig, seen: Inspection) -> Iterator[Finding]:
    if table.recordings is None:
        return
    count = len(table.recordings.samples)
    some = [table.recordings.waveform(s) for s in range(0, count, max(1, count // 200))]
    clipped = sum(bool((np.abs(sound) >= 0.999).mean() > 0.001) for sound in some)
    silent = sum(bool(np.abs(sound).max(initial=0.0) < 1e-3) for sound in some)
    if clipped > 0.05 * len(some):
        yield Finding(
            "clipped",
            f"{100 * clipped / len(some):.0f}% of the recordings are cut off at full volume.",
            remedy="Record them more quietly: what was cut off can't be brought back.",
        )
    if silent:
        yield Finding(
            "silent",
            f"{100 * silent / len(some):.0f}% of the recordings are silent.",
            remedy="Leave them out, or check the microphone.",
        )
