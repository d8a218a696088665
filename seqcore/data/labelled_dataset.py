"""Whole sequences with a class each: scaled or coded once, gathered by index, padded at their end."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqcore.data.codec import Codec
from seqcore.data.columns import fill_gaps
from seqcore.data.dataset import Batch, Dataset
from seqcore.data.scaling import Scaler, fit_scaler
from seqcore.data.splits import SPLIT_TITLES
from seqcore.data.step_units import IMAGE, SOUND_FRAME, STEP, StepUnit, unit_of_symbols
from seqcore.data.table import Table
from seqcore.data.vocabulary import Vocabulary
from seqcore.errors import DataError, did_you_mean
from seqcore.experiment.config import DataConfig

__all__ = ["UNKNOWN_CLASS", "LabelledCodec", "LabelledDataset"]

UNKNOWN_CLASS = -1  # the code of a class that the training split doesn't have
LARGE = 0.75  # the share of one class above which accuracy flatters
FEW = 5  # sequences of a class below which its scores mean little
MOST_EXAMPLE = 2_000  # numbers, or symbols, of the example that a codec keeps
_NAMED = 5  # classes that a message names


@dataclass(frozen=True)
class LabelledCodec(Codec):
    """All that a trained model needs to speak the user's units and classes.

    `labels[C]` are the training split's classes. Numbers have `columns[F]` and a scaler, symbols a vocabulary.
    `example[T, F]` (or [T, 1] codes) is the beginning of a sequence of the training split in original units; `lengths`
    are those of its shortest and its longest. `fitted` is what baselines learned.
    """

    labels: tuple[str, ...]
    columns: tuple[str, ...]
    scaler: Scaler | None
    vocabulary: Vocabulary | None
    kind: str
    lengths: tuple[int, int]
    example: NDArray[np.float64]
    frame: tuple[int, int] | None = None
    fitted: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def symbols_known(self) -> Vocabulary | None:
        """The vocabulary of the input's symbols."""
        return self.vocabulary

    @property
    def input_kind(self) -> str:
        """ "sound" where the training data were recordings, else "sequence"."""
        return self.kind

    @property
    def unit(self) -> StepUnit:
        """What a step is, for people."""
        if self.vocabulary is not None:
            return unit_of_symbols(self.vocabulary.separator)
        return SOUND_FRAME if self.kind == "sound" else IMAGE if self.frame is not None else STEP

    @property
    def input_names(self) -> tuple[str, ...]:
        """The F columns that the model sees; none for symbols."""
        return () if self.vocabulary is not None else self.columns

    @property
    def inputs(self) -> list[int]:
        """The places of those columns."""
        return list(range(len(self.input_names)))

    def encode(self, labels: NDArray[np.str_]) -> NDArray[np.int64]:
        """Classes [n] -> codes [n]; `UNKNOWN_CLASS` for those that the training split doesn't have."""
        different, inverse = np.unique(labels, return_inverse=True)
        codes = {label: i for i, label in enumerate(self.labels)}
        return np.array([codes.get(s, UNKNOWN_CLASS) for s in different.tolist()], dtype=np.int64)[inverse.reshape(-1)]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the arrays that `arrays` gives."""
        vocabulary = self.vocabulary
        return {
            "labels": list(self.labels),
            "columns": list(self.columns),
            "scaler": None if self.scaler is None else self.scaler.to_dict(),
            "symbols": None if vocabulary is None else list(vocabulary.symbols),
            "separator": "" if vocabulary is None else vocabulary.separator,
            "kind": self.kind,
            "lengths": list(self.lengths),
            "frame": self.frame,
        }

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """What is kept as arrays beside `to_dict`."""
        return {"example": self.example, **{f"fitted.{name}": value for name, value in self.fitted.items()}}

    @classmethod
    def from_dict(cls, d: dict[str, Any], arrays: dict[str, NDArray[np.float64]]) -> LabelledCodec:
        """The inverse of `to_dict` and `arrays`."""
        return cls(
            labels=tuple(d["labels"]),
            columns=tuple(d["columns"]),
            scaler=None if d["scaler"] is None else Scaler.from_dict(d["scaler"]),
            vocabulary=None if d["symbols"] is None else Vocabulary(tuple(d["symbols"]), d["separator"]),
            kind=d["kind"],
            lengths=(d["lengths"][0], d["lengths"][1]),
            example=arrays["example"].reshape(-1, max(1, len(d["columns"]))),
            frame=None if d["frame"] is None else (d["frame"][0], d["frame"][1]),
            fitted={k.removeprefix("fitted."): v for k, v in arrays.items() if k.startswith("fitted.")},
        )


class LabelledDataset(Dataset):
    """Sequences of any lengths and their classes. Scaler, vocabulary and classes are the training split's.

    With a `codec` the table is data for a finished model, and may have no labels. Gaps are handled as `data.missing`
    says, within each sequence; rows at a sequence's end where everything is missing are padding and are cut off.
    DataError where there are no classes, only one, or no two sequences of any.
    """

    codec: LabelledCodec

    whole = True

    def __init__(
        self, table: Table, config: DataConfig, device: torch.device, codec: LabelledCodec | None = None
    ) -> None:
        if codec is None:
            _check_labels(table)
        elif (codec.vocabulary is not None) != table.symbolic:
            kinds = ("symbols", "numbers") if codec.vocabulary is not None else ("numbers", "symbols")
            raise DataError(f"this model was trained on sequences of {kinds[0]}, and these are {kinds[1]}")
        table = replace(_chosen_columns(table, config.inputs if codec is None else codec.input_names), independent=True)
        if not table.symbolic:
            table = fill_gaps(_without_padding(table), config)
        super().__init__(_without_empty(table), config, device)
        self.codec = codec or self._make_codec()
        if self.table.symbolic:
            assert self.codec.vocabulary is not None
            codes = self.codec.vocabulary.encode_table(self.table)
            self.coded = torch.from_numpy(codes.astype(np.int64, copy=False)).to(device)
        else:
            assert self.codec.scaler is not None
            self.coded = torch.from_numpy(self.codec.scaler.transform(self.table.values)).to(device)
        labels = self.table.labels
        self.classes = (
            np.full(len(self.table.lengths), UNKNOWN_CLASS) if labels is None else self.codec.encode(labels)
        )  # [S]
        self._classes = torch.from_numpy(self.classes).to(device)
        self._weights: torch.Tensor | None = None
        if codec is None:
            self.table = replace(self.table, notes=(*self.table.notes, *self._observations()))

    def weigh(self, weights: NDArray[np.float64]) -> None:
        """Give each batch how much its sequences count in the loss (`extra["weight"]`, [B]), by class, [C]."""
        self._weights = torch.from_numpy(weights.astype(np.float32)).to(self.device)

    def batch(self, split: str, indices: NDArray[np.int64]) -> Batch:
        """Inputs [B, T, F] (or codes [B, T]), classes [B]; `lengths[B]` where some are shorter than T; see `weigh`."""
        first, lengths, sequence = self.windows[split].locate(indices)
        longest = int(lengths.max())
        rows = first[:, None] + np.arange(longest)
        short = bool((lengths < longest).any())
        if short:
            np.minimum(rows, (first + lengths - 1)[:, None], out=rows)
        inputs = self.coded[torch.from_numpy(rows).to(self.device)]
        targets = self._classes[torch.from_numpy(np.array(sequence)).to(self.device)]
        # of a class that isn't known any weight will do: it has no loss
        extra = {} if self._weights is None else {"weight": self._weights[targets.clamp(min=0)]}
        return Batch(inputs, targets, torch.from_numpy(np.array(lengths)) if short else None, extra)

    def truth(self, split: str, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Classes of these sequences, [n]."""
        return self.classes[self.windows[split].locate(indices)[2]]

    def unknown_labels(self) -> tuple[str, ...]:
        """Classes of this table that the model doesn't know."""
        if self.table.labels is None:
            return ()
        return tuple(np.unique(self.table.labels[self.classes == UNKNOWN_CLASS]).tolist())

    def _make_codec(self) -> LabelledCodec:
        table, bounds = self.table, self.bounds["train"]
        assert table.labels is not None
        sequences = np.array([s for s, _, _ in bounds])
        labels = sorted(np.unique(table.labels[sequences]).tolist(), key=_natural)
        if len(labels) < 2:
            raise DataError(
                f"labels: the training split has only the class {labels[0]!r}; give more sequences of the others, "
                "or make data.validation_fraction and data.test_fraction smaller"
            )
        lengths = table.lengths[sequences]
        vocabulary, scaler = None, None
        if table.symbolic:
            assert table.symbols is not None
            known = np.unique(np.concatenate([np.unique(table.values[a:b, 0]) for _, a, b in bounds]))
            symbols = table.symbols[known]
            separator = table.separator or (" " if any(len(s) > 1 for s in symbols.tolist()) else "")
            vocabulary = Vocabulary.fit(symbols, separator)
        else:
            scaler = fit_scaler(self.config.scaling, [table.values[a:b] for _, a, b in bounds])
        _, low, high = bounds[len(bounds) // 2]
        rows = max(1, MOST_EXAMPLE // len(table.columns))
        example = table.values[low : min(high, low + rows)]
        if vocabulary is not None:
            example = vocabulary.encode(table.words(low, low + len(example)))[:, None]
        return LabelledCodec(
            labels=tuple(labels),
            columns=table.columns,
            scaler=scaler,
            vocabulary=vocabulary,
            kind="sequence" if table.recordings is None else "sound",
            lengths=(int(lengths.min()), int(lengths.max())),
            example=np.asarray(example, dtype=np.float64),
            frame=table.frame,
        )

    def _observations(self) -> list[str]:
        """What a person should know of the classes before looking at scores."""
        labels = self.table.labels
        assert labels is not None
        notes = []
        names, counts = np.unique(labels, return_counts=True)
        if unknown := self.unknown_labels():
            where = [
                SPLIT_TITLES[split]
                for split in ("val", "test")
                if (self.truth(split, np.arange(len(self.windows[split]))) == UNKNOWN_CLASS).any()
            ]
            notes.append(
                f"The training split has no sequence of class {_named(unknown)}, the {' and the '.join(where)} split "
                "has: the model can't know it, and each of those counts as an error"
            )
        if few := names[counts < FEW].tolist():
            notes.append(
                f"Fewer than {FEW} sequences are of class {_named(few)}: that is too few to learn from and to judge by"
            )
        share = counts.max() / counts.sum()
        if share > LARGE:
            notes.append(
                f"{share:.0%} of the sequences are of class {names[counts.argmax()]}: look at macro F1, where every "
                "class counts the same, and not at accuracy alone; training.class_weights = balanced makes them count "
                "the same in the loss, too"
            )
        return notes


def _check_labels(table: Table) -> None:
    """DataError where a table's labels can't be learned."""
    if table.labels is None:
        raise DataError(
            "data.task: classification needs the class of each sequence, and these data have none; name the column "
            "that holds it, or choose another data.task"
        )
    blank = np.flatnonzero(np.char.strip(table.labels) == "")
    if len(blank):
        which = table.names[blank[0]] if table.names else f"number {blank[0] + 1}"
        raise DataError(
            f"labels: {len(blank)} of {len(table.labels)} sequences have no label, the first of them {which}; "
            "give each its class, or remove it"
        )
    names, counts = np.unique(table.labels, return_counts=True)
    if len(names) < 2:
        found = f"only the class {str(names[0])!r}" if len(names) else "no sequence"
        raise DataError(f"labels: these data have {found}; a classifier needs at least 2 classes")
    if counts.max() < 2:
        raise DataError(
            f"labels: each of the {len(names)} sequences has a label of its own, so there is no class to learn; "
            "name another column as the label"
        )


def _natural(label: str) -> list[tuple[int, int, str]]:
    """Sorts "class 2" before "class 10"."""
    pieces = re.findall(r"\d+|\D+", label)
    return [(0, int(p), "") if p.isdecimal() and p.isascii() else (1, 0, p) for p in pieces]


def _named(labels: list[str] | tuple[str, ...]) -> str:
    rest = len(labels) - _NAMED
    return ", ".join(labels[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _chosen_columns(table: Table, names: tuple[str, ...]) -> Table:
    """The columns that the model sees, in the order of `names`; all of them where none is named."""
    if table.symbolic or not names or names == table.columns:
        return table
    missing = [n for n in names if n not in table.columns]
    if missing:
        raise DataError(*(f"data.inputs: there is no column {n!r}{did_you_mean(n, table.columns)}" for n in missing))
    if len(set(names)) < len(names):
        raise DataError("data.inputs: a column is named twice; name each once")
    places = [table.columns.index(n) for n in names]
    numbers = {places.index(p): row for p, row in table.row_numbers.items() if p in places}
    return replace(table, values=table.values[:, places], columns=names, row_numbers=numbers, frame=None)


def _without_padding(table: Table) -> Table:
    """Rows at the end of a sequence where every value is missing are cut off: so files pad what is shorter."""
    if not np.isnan(table.values[:, 0]).any():
        return table
    there = ~np.isnan(table.values).all(axis=1)
    ends = np.maximum.accumulate(np.where(there, np.arange(len(there)), -1))  # the last row with a value, up to here
    last = np.where(table.lengths > 0, ends[np.maximum(table.offsets[1:] - 1, 0)], -1)
    stops = np.maximum(last + 1, table.offsets[:-1])
    if (stops == table.offsets[1:]).all():
        return table
    keep = np.arange(len(there)) < np.repeat(stops, table.lengths)
    offsets = np.concatenate([[0], np.cumsum(stops - table.offsets[:-1])]).astype(np.int64)
    times = None if table.times is None else table.times[keep]
    return replace(table, values=table.values[keep], offsets=offsets, times=times)


def _without_empty(table: Table) -> Table:
    """Without sequences of no row, which hold nothing to learn from; a note says how many there were."""
    keep = table.lengths > 0
    if keep.all():
        return table
    places = np.flatnonzero(keep)
    gone = len(keep) - len(places)
    recordings = table.recordings
    if recordings is not None:
        recordings = recordings.select(places.tolist())
    return replace(
        table,
        offsets=np.append(table.offsets[:-1][keep], table.offsets[-1]),
        names=tuple(table.names[i] for i in places) if table.names else (),
        labels=None if table.labels is None else table.labels[keep],
        groups=None if table.groups is None else np.asarray(table.groups)[keep],
        recordings=recordings,
        notes=(*table.notes, f"{gone} sequence{'s' * (gone != 1)} without a single value left out"),
    )
