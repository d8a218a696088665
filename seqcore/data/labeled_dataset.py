"""LabeledDataset: whole sequences with a class each, padded in batches, and its codec."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from seqcore.data.codec import Codec, fitted_in
from seqcore.data.columns import column_errors, fill_missing
from seqcore.data.dataset import Batch, Dataset
from seqcore.data.scaling import Scaler, fit_scaler
from seqcore.data.splits import SPLIT_TITLES
from seqcore.data.step_units import IMAGE, SOUND_FRAME, STEP, StepUnit, unit_of_symbols
from seqcore.data.stored_codec import Count, Names, Size, Stored, array, decoding
from seqcore.data.table import Table
from seqcore.data.vocabulary import Vocabulary
from seqcore.errors import DataError
from seqcore.experiment.config import DataConfig
from seqcore.results.formatting import counted, listed

__all__ = ["UNKNOWN_CLASS", "LabeledCodec", "LabeledDataset"]

UNKNOWN_CLASS = -1  # code of a class that is not in the training split
LARGE = 0.75  # share of one class above which accuracy is misleading
FEW = 5  # sequences of a class below which its scores are unreliable
MOST_EXAMPLE = 2_000  # values of the example in a codec
_NAMED = 5  # classes listed in a message


@dataclass(frozen=True)
class LabeledCodec(Codec):
    """The codec of a classifier: classes, and the scaler or vocabulary of its inputs.

    `labels[C]` are the classes of the training split. Numbers have `columns[F]` and a scaler, symbols a vocabulary.
    `example[T, F]` (or [T, 1] codes) is the start of a training sequence in original units; `lengths` are the shortest
    and longest training sequence. `fitted` is what baselines learned.
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
    decimal_comma: bool = False

    @property
    def symbols_known(self) -> Vocabulary | None:
        """The vocabulary of the input's symbols."""
        return self.vocabulary

    @property
    def input_kind(self) -> str:
        """ "sound" for recordings, else "sequence"."""
        return self.kind

    @property
    def unit(self) -> StepUnit:
        """What a time step is called."""
        if self.vocabulary is not None:
            return unit_of_symbols(self.vocabulary.separator)
        return SOUND_FRAME if self.kind == "sound" else IMAGE if self.frame is not None else STEP

    @property
    def input_names(self) -> tuple[str, ...]:
        """The F input columns; empty for symbols."""
        return () if self.vocabulary is not None else self.columns

    @property
    def classes(self) -> tuple[str, ...]:
        """The C classes."""
        return self.labels

    @property
    def inputs(self) -> list[int]:
        """The indices of those columns."""
        return list(range(len(self.input_names)))

    def encode(self, labels: NDArray[np.str_]) -> NDArray[np.int64]:
        """Classes [n] -> codes [n]; `UNKNOWN_CLASS` for classes that are not in the training split."""
        different, inverse = np.unique(labels, return_inverse=True)
        codes = {label: i for i, label in enumerate(self.labels)}
        return np.array([codes.get(s, UNKNOWN_CLASS) for s in different.tolist()], dtype=np.int64)[inverse.reshape(-1)]

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without `arrays`."""
        vocabulary = self.vocabulary
        return {
            **{name: getattr(self, name) for name in ("labels", "columns", "kind", "lengths", "frame")},
            "decimal_comma": self.decimal_comma,
            "scaler": None if self.scaler is None else self.scaler.to_dict(),
            "symbols": None if vocabulary is None else list(vocabulary.symbols),
            "separator": "" if vocabulary is None else vocabulary.separator,
        }

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Arrays that are saved with `to_dict`."""
        return {"example": self.example, **{f"fitted.{name}": value for name, value in self.fitted.items()}}

    @classmethod
    def from_dict(cls, d: dict[str, Any], arrays: dict[str, NDArray[np.float64]]) -> LabeledCodec:
        """The inverse of `to_dict` and `arrays`."""
        with decoding("the checkpoint's codec"):
            stored = _StoredCodec(**d)
            if (stored.scaler is None) == (stored.symbols is None):
                raise ValueError("it has neither a scaler nor a vocabulary, or both")
            scaler = None if stored.scaler is None else Scaler.from_dict(stored.scaler)
            if scaler is not None and len(scaler.center) != len(stored.columns):
                raise ValueError("the scaler doesn't fit the columns")
            shape = (-1, max(1, len(stored.columns)))
            symbols = stored.symbols
            return cls(
                labels=stored.labels,
                columns=stored.columns,
                scaler=scaler,
                vocabulary=None if symbols is None else Vocabulary(symbols, stored.separator),
                kind=stored.kind,
                lengths=stored.lengths,
                example=array(arrays, "example", shape)
                if symbols is None
                else array(arrays, "example", (-1, 1), least=0, most=len(symbols) - 1),
                frame=stored.frame,
                fitted=fitted_in(arrays),
                decimal_comma=stored.decimal_comma,
            )


class _StoredCodec(Stored):
    """The JSON values of a codec."""

    labels: Names = Field(min_length=1)
    columns: Names
    scaler: dict[str, Any] | None
    symbols: Annotated[Names, Field(min_length=1)] | None
    separator: Literal["", " "]
    kind: Literal["sequence", "sound"]
    lengths: tuple[Count, Count]
    frame: tuple[Size, Size] | None
    decimal_comma: bool = False


class LabeledDataset(Dataset):
    """Sequences of any length and their classes. Scaler, vocabulary and classes are fitted on the training split.

    With a `codec` the table is new data for a trained model, possibly without labels. Missing values are handled as
    `data.missing` says; trailing rows without any value are padding and are removed. DataError if there are no labels,
    a single class, or no two sequences of a class.
    """

    codec: LabeledCodec

    whole = True

    def __init__(
        self, table: Table, config: DataConfig, device: torch.device, codec: LabeledCodec | None = None
    ) -> None:
        if codec is None:
            _check_labels(table)
        elif (codec.vocabulary is not None) != table.symbolic:
            kinds = ("symbols", "numbers") if codec.vocabulary is not None else ("numbers", "symbols")
            raise DataError(f"this model was trained on sequences of {kinds[0]}, but these are {kinds[1]}")
        table = replace(_chosen_columns(table, config.inputs if codec is None else codec.input_names), independent=True)
        if not table.symbolic:
            table = fill_missing(_without_padding(table), config)
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

    @property
    def numeric_inputs(self) -> int:
        """How many of the inputs are scaled numbers: all, or none where they are symbols."""
        return len(self.codec.input_names)

    def weigh(self, weights: NDArray[np.float64]) -> None:
        """Add loss weights by class, [C], to each batch (`extra["weight"]`, [B])."""
        self._weights = torch.from_numpy(weights.astype(np.float32)).to(self.device)
        self._known = {}  # windows that were gathered without weights

    def batch(self, split: str, indices: NDArray[np.int64]) -> Batch:
        """Inputs [B, T, F] (or codes [B, T]), classes [B]; `lengths[B]` if some are shorter than T; see `weigh`."""
        rows, sequence, lengths = self._rows(split, indices)
        inputs = self.coded[torch.from_numpy(rows).to(self.device)]
        targets = self._classes[torch.from_numpy(np.array(sequence)).to(self.device)]
        # unknown classes have no loss, so any weight will do
        extra = {} if self._weights is None else {"weight": self._weights[targets.clamp(min=0)]}
        return Batch(inputs, targets, lengths, extra)

    def truth(self, split: str, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Classes of these sequences, [n]."""
        return self.classes[self.windows[split].locate(indices)[2]]

    def unknown_labels(self) -> tuple[str, ...]:
        """Classes of this table that are not in the training split."""
        if self.table.labels is None:
            return ()
        return tuple(np.unique(self.table.labels[self.classes == UNKNOWN_CLASS]).tolist())

    def _make_codec(self) -> LabeledCodec:
        table, bounds = self.table, self.bounds["train"]
        assert table.labels is not None
        sequences = np.array([s for s, _, _ in bounds])
        labels = sorted(np.unique(table.labels[sequences]).tolist(), key=_natural)
        if len(labels) < 2:
            raise DataError(
                f"labels: the training split has only the class {labels[0]!r}; give more sequences of the others, "
                "or reduce data.validation_fraction and data.test_fraction"
            )
        lengths = table.lengths[sequences]
        vocabulary, scaler = None, None
        if table.symbolic:
            assert table.symbols is not None
            known = np.unique(np.concatenate([np.unique(table.values[a:b, 0]) for _, a, b in bounds]))
            vocabulary = Vocabulary.fit(table.symbols[known], table.separator)
        else:
            scaler = fit_scaler(self.config.scaling, [table.values[a:b] for _, a, b in bounds])
        _, low, high = bounds[len(bounds) // 2]
        rows = max(1, MOST_EXAMPLE // len(table.columns))
        example = table.values[low : min(high, low + rows)]
        if vocabulary is not None:
            example = vocabulary.encode(table.words(low, low + len(example)))[:, None]
        return LabeledCodec(
            labels=tuple(labels),
            columns=table.columns,
            scaler=scaler,
            vocabulary=vocabulary,
            kind="sequence" if table.recordings is None else "sound",
            lengths=(int(lengths.min()), int(lengths.max())),
            example=np.asarray(example, dtype=np.float64),
            frame=table.frame,
            decimal_comma=table.report.decimal_comma,
        )

    def _observations(self) -> list[str]:
        """Notes on the classes that matter for the scores."""
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
                f"Class {listed(unknown, _NAMED)}: in the {' and the '.join(where)} split, but not in the training "
                "split; the model can't know it, so each of these sequences is an error"
            )
        if few := names[counts < FEW].tolist():
            notes.append(
                f"Class {listed(few, _NAMED)}: fewer than {FEW} sequences, too few for training and evaluation"
            )
        share = counts.max() / counts.sum()
        if share > LARGE:
            notes.append(
                f"{share:.0%} of the sequences are of class {names[counts.argmax()]}: use macro F1 instead of "
                "accuracy; it weights classes equally, as training.class_weights = balanced does in the loss"
            )
        return notes


def _check_labels(table: Table) -> None:
    """DataError if the labels can't be learned."""
    if table.labels is None:
        raise DataError(
            "data.task: classification needs the class of each sequence, but these data have no labels; set the "
            "label column, or choose another data.task"
        )
    blank = np.flatnonzero(np.char.strip(table.labels) == "")
    if len(blank):
        which = table.names[blank[0]] if table.names else f"number {blank[0] + 1}"
        raise DataError(
            f"labels: {len(blank)} of {len(table.labels)} sequences have no label, the first is {which}; "
            "give each a label, or remove it"
        )
    names, counts = np.unique(table.labels, return_counts=True)
    if len(names) < 2:
        found = f"only the class {str(names[0])!r}" if len(names) else "no sequence"
        raise DataError(f"labels: these data have {found}; a classifier needs at least 2 classes")
    if counts.max() < 2:
        raise DataError(
            f"labels: each of the {len(names)} sequences has a different label, so there is no class to learn; "
            "choose another label column"
        )


def _natural(label: str) -> list[tuple[int, int, str]]:
    """Sort key with "class 2" before "class 10"."""
    pieces = re.findall(r"\d+|\D+", label)
    return [(0, int(p), "") if p.isdecimal() and p.isascii() else (1, 0, p) for p in pieces]


def _chosen_columns(table: Table, names: tuple[str, ...]) -> Table:
    """The input columns in the order of `names`; all columns if it is empty. DataError if one doesn't exist."""
    if errors := column_errors(table, inputs=names):
        raise DataError(*errors)
    return table.select_columns(names) if names and not table.symbolic else table


def _without_padding(table: Table) -> Table:
    """Without rows at the end of a sequence that have no value, which files use as padding."""
    if not np.isnan(table.values[:, 0]).any():
        return table
    there = ~np.isnan(table.values).all(axis=1)
    ends = np.maximum.accumulate(np.where(there, np.arange(len(there)), -1))  # the last row with a value so far
    last = np.where(table.lengths > 0, ends[np.maximum(table.offsets[1:] - 1, 0)], -1)
    stops = np.maximum(last + 1, table.offsets[:-1])
    if (stops == table.offsets[1:]).all():
        return table
    return table.keep_rows(np.arange(len(there)) < np.repeat(stops, table.lengths))


def _without_empty(table: Table) -> Table:
    """Without empty sequences, with a note on their number."""
    count = int((table.lengths == 0).sum())
    if not count:
        return table
    kept = table.select(np.flatnonzero(table.lengths))
    return replace(kept, notes=(*table.notes, f"{counted(count, 'sequence')} without values left out"))
