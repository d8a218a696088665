"""TokenDataset: windows of token codes with the next tokens as targets, and its codec."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from seqcore.data.codec import Codec
from seqcore.data.dataset import Batch, Dataset
from seqcore.data.stored_codec import Names, Stored, array, decoding, indices
from seqcore.data.table import Table
from seqcore.data.vocabulary import UNKNOWN, Vocabulary
from seqcore.errors import DataError
from seqcore.experiment.config import DataConfig

__all__ = ["LONGEST_GRAM", "NOT_SCORED", "TokenCodec", "TokenDataset", "fit_vocabulary"]

Rows = NDArray[np.int64]

NOT_SCORED = -100  # a target that cross-entropy ignores
LONGEST_GRAM = 5
_FEW = 1_000  # in larger vocabularies, symbols that occur once are unknown, so that "unknown" is trained
_MOST_WORDS = 20_000  # size of the vocabulary
_MOST_KEPT = 300_000  # n-grams in a checkpoint
_AT_ONCE = 2**22


@dataclass(frozen=True)
class TokenCodec(Codec):
    """The codec of a language model: vocabulary, the end of the data, and n-gram counts.

    `ngrams[n - 1]` are (keys, counts) of the training split's n-grams of length n, as `NGrams` counts them. A
    checkpoint keeps as many lengths of them as are small.
    """

    input_kind = "symbols"
    vocabulary: Vocabulary
    tail: tuple[str, ...] = ()
    ngrams: tuple[tuple[Rows, Rows], ...] = ()

    @property
    def symbols_known(self) -> Vocabulary:
        """The vocabulary of the input's symbols."""
        return self.vocabulary

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without `arrays`."""
        return {
            "symbols": list(self.vocabulary.symbols),
            "separator": self.vocabulary.separator,
            "tail": list(self.tail),
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays that are saved with `to_dict`."""
        kept: dict[str, NDArray[Any]] = {}
        total = 0
        for n, (keys, count) in enumerate(self.ngrams):
            total += len(keys)
            if total > _MOST_KEPT:
                break
            kept |= {f"ngrams.{n}.keys": keys, f"ngrams.{n}.count": count.astype(np.int32)}
        return kept

    @classmethod
    def from_dict(cls, d: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> TokenCodec:
        """The inverse of `to_dict` and `arrays`."""
        with decoding("the checkpoint's codec"):
            stored = _StoredCodec(**d)
            size, counted, contexts = len(stored.symbols), [], 1
            for n in range(LONGEST_GRAM):
                if f"ngrams.{n}.keys" not in arrays:
                    break
                keys = indices(arrays, f"ngrams.{n}.keys", (-1,), below=contexts * size).astype(np.int64)
                if not (np.diff(keys) > 0).all():
                    raise ValueError(f"ngrams.{n}.keys are not sorted")
                counted.append((keys, indices(arrays, f"ngrams.{n}.count", (len(keys),)).astype(np.int64)))
                contexts = len(keys)
            if "fitted.pairs" in arrays:  # older checkpoints
                single = array(arrays, "fitted.single", (size,), least=0)
                counted = _from_table(single, array(arrays, "fitted.pairs", (size, size), least=0))
            return cls(Vocabulary(stored.symbols, stored.separator), stored.tail, tuple(counted))


class _StoredCodec(Stored):
    """The JSON values of a codec."""

    symbols: Names = Field(min_length=2)
    separator: Literal["", " "]
    tail: Names


class TokenDataset(Dataset):
    """Windows of tokens; each target is the next token. The vocabulary is fitted on the training split."""

    codec: TokenCodec
    lead = horizon = 1  # the target is the next token

    def __init__(self, table: Table, config: DataConfig, device: torch.device, codec: TokenCodec | None = None) -> None:
        if not table.symbolic:
            raise DataError("data.task: language modeling needs text, but these data are numbers; use regression")
        super().__init__(table, config, device)
        self.new = codec is None
        if codec is None:
            codec = TokenCodec(fit_vocabulary(table, self.bounds["train"]))
            codec = replace(codec, tail=tuple(table.words(max(0, len(table) - config.window), len(table))))
        self.codec = codec
        self.codes = codec.vocabulary.encode_table(table)
        self.coded = torch.from_numpy(self.codes).to(device)

    @property
    def burn_in(self) -> int:
        """Steps at the start of a window whose predictions are not scored."""
        return self.config.burn_in if self.every_step else 0

    def batch(self, split: str, indices: NDArray[np.int64]) -> Batch:
        """Codes [B, T] and target codes [B, 1 or T]."""
        rows, _, lengths = self._rows(split, indices)
        targets = self.inputs((rows if self.every_step else rows[:, -1:]) + 1)
        targets[:, : self.burn_in] = NOT_SCORED
        return Batch(self.inputs(rows), targets, lengths)

    def places(self, split: str, indices: NDArray[np.int64], *, carried: bool) -> tuple[Rows, Rows]:
        """(rows of all targets of these windows [n], number of tokens seen before each [n])."""
        first, lengths, sequence = self.windows[split].locate(indices)
        if self.every_step:
            steps = np.arange(self.burn_in, int(lengths.max()))
            inside = steps < lengths[:, None]
            rows = (first[:, None] + steps + 1)[inside]
            seen = np.broadcast_to(steps + 1, inside.shape)[inside]
        else:
            inside, rows, seen = np.ones((len(first), 1), dtype=bool), first + lengths, lengths
        if carried:
            start = np.broadcast_to(self.table.offsets[sequence][:, None], inside.shape)[inside]
            seen = rows - start
        return rows, np.asarray(seen, dtype=np.int64)

    def context(self, split: str, index: int) -> tuple[tuple[str, ...], str]:
        """The symbols of one window and the next symbol."""
        first, lengths, _ = self.windows[split].locate(np.array([index]))
        end = int(first[0] + lengths[0])
        symbols = self.table.words(int(first[0]), end + 1)
        return tuple(symbols[:-1]), symbols[-1]

    def inputs(self, rows: NDArray[np.int64]) -> Tensor:
        """Codes of the rows [B, T], on the device."""
        return self.coded[torch.from_numpy(rows).to(self.device)].long()


def fit_vocabulary(table: Table, train: Iterable[tuple[int, int, int]]) -> Vocabulary:
    """The 20,000 most frequent symbols of the training split; of more than 1,000 only those that occur twice."""
    assert table.symbols is not None
    count = np.zeros(len(table.symbols), dtype=np.int64)
    for _, low, high in train:
        for start in range(low, high, _AT_ONCE):  # bincount needs eight bytes per symbol
            count += np.bincount(table.values[start : min(start + _AT_ONCE, high), 0], minlength=len(count))
    count[table.symbols == UNKNOWN] = 0
    known = np.flatnonzero(count)
    if len(known) > _FEW:
        known = np.flatnonzero(count > 1)
    if len(known) > _MOST_WORDS:
        known = np.sort(known[np.argsort(-count[known], kind="stable")[:_MOST_WORDS]])
    return Vocabulary.fit(table.symbols[known], table.separator)


def _from_table(single: NDArray[Any], pairs: NDArray[Any]) -> list[tuple[Rows, Rows]]:
    """Counts of symbols [V] and pairs [V, V] in the format of `NGrams`."""
    known = np.flatnonzero(single)
    first, second = np.nonzero(pairs[known])
    both = first * len(single) + second, pairs[known][first, second].astype(np.int64)
    return [(known, single[known].astype(np.int64)), both]
