"""ParallelTextDataset: batches of sentence pairs, padded at their end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcore.data.dataset import Batch, Dataset
from seqcore.data.parallel_text_codec import ParallelTextCodec, capitals_of, endings_of, fit_language, sentence_of
from seqcore.data.table import Table
from seqcore.data.token_dataset import NOT_SCORED
from seqcore.errors import DataError
from seqcore.experiment.config import DataConfig

__all__ = ["ParallelTextDataset"]

MOST_REMEMBERED = 10_000  # training sentences kept for the nearest-sentence baseline
_MOST_READ = 5_000  # sentences for learning capitals and endings

Rows = NDArray[np.int64]


class ParallelTextDataset(Dataset):
    """Sentences and their translations; vocabularies are fitted on the training split.

    `own`: the table is the one that the model was trained on. DataError if there are no pairs.
    """

    codec: ParallelTextCodec

    whole = True

    def __init__(
        self, table: Table, config: DataConfig, device: torch.device, codec: ParallelTextCodec | None = None
    ) -> None:
        if table.paired is None or not table.symbolic or not table.paired.symbolic:
            raise DataError(
                "data.task: translation needs sentence pairs, but these data have none; give a file with a sentence, "
                "a tab and its translation in each row, or choose another data.task"
            )
        if (table.lengths == 0).any() or (table.paired.lengths == 0).any():
            raise DataError("a sentence is empty; remove its pair")
        super().__init__(table, config, device)
        self.targets = table.paired
        self.codec = codec or self._make_codec()
        self.source_codes = self.codec.source.encode_table(table)
        self.target_codes = self.codec.target.encode_table(self.targets)
        self._inputs = torch.from_numpy(self.source_codes).to(device)
        self._outputs = torch.from_numpy(self.target_codes).to(device)
        remembered = self.codec.memory.get("memory.table")
        self.own = remembered is not None and np.array_equal(remembered, self._fingerprint())

    def batch(self, split: str, indices: NDArray[np.int64]) -> Batch:
        """Codes [B, T] and target codes with the end code [B, T_out]; `lengths[B]` if some are shorter than T."""
        rows, sequence, lengths = self._rows(split, indices)
        inputs = self._inputs[torch.from_numpy(rows).to(self.device)]
        return Batch(inputs, self._translations(sequence), lengths)

    def gather(self, split: str, groups: Sequence[NDArray[np.int64]]) -> list[Batch]:
        """Batch by batch: sentences of equal length may have translations of different lengths."""
        return [self.batch(split, numbers) for numbers in groups]

    def sequences(self, split: str, indices: NDArray[np.int64]) -> Rows:
        """The sentence numbers of these windows."""
        return np.array(self.windows[split].locate(indices)[2], dtype=np.int64)

    def _translations(self, sequence: NDArray[np.int64]) -> Tensor:
        low, lengths = self.targets.offsets[sequence], self.targets.lengths[sequence]
        steps = np.arange(int(lengths.max()) + 1)
        rows = np.minimum(low[:, None] + steps, (low + lengths - 1)[:, None])
        codes = self._outputs[torch.from_numpy(rows).to(self.device)]
        beyond = torch.from_numpy(steps - lengths[:, None]).to(self.device)
        return codes.masked_fill(beyond == 0, self.codec.end).masked_fill(beyond > 0, NOT_SCORED)

    def _make_codec(self) -> ParallelTextCodec:
        table, config = self.table, self.config
        train = np.array([s for s, _, _ in self.bounds["train"]], dtype=np.int64)
        most, least = config.vocabulary, config.min_count
        source = fit_language(table, train, most=most, least=least, side="sentences")
        target = fit_language(self.targets, train, most=most, least=least, side="translations")
        some = train[self.spread("train", _MOST_READ)].tolist()
        kept = train[self.spread("train", MOST_REMEMBERED)]
        lengths = table.lengths[train]
        rows = np.concatenate([np.arange(table.offsets[s], table.offsets[s + 1]) for s in kept.tolist()])
        held_back = next((self.bounds[split] for split in ("test", "val") if self.bounds[split]), self.bounds["train"])
        return ParallelTextCodec(
            source=source,
            target=target,
            capitals=capitals_of(table, self.targets, some),
            endings=endings_of(table, some, source),
            lengths=(int(lengths.min()), int(lengths.max())),
            example=sentence_of(table, _of_usual_length(table, [s for s, _, _ in held_back])),
            remembered=tuple(sentence_of(self.targets, s) for s in kept.tolist()),
            memory={
                "memory.codes": source.encode_table(table)[rows].astype(np.int32),
                "memory.lengths": table.lengths[kept].astype(np.int32),
                "memory.sequences": kept.astype(np.int32),
                "memory.table": self._fingerprint(),
            },
        )

    def _fingerprint(self) -> NDArray[np.int64]:
        """Identifies the training table."""
        values = self.table.values
        return np.array([len(self.table.lengths), len(values), int(values.sum(dtype=np.int64))], dtype=np.int64)


def _of_usual_length(table: Table, sequences: list[int]) -> int:
    """The first of these sentences with about the median length."""
    lengths = table.lengths[sequences]
    usual = float(np.median(lengths))
    return sequences[int(np.argmin(np.abs(lengths - usual) + 1e-6 * np.arange(len(lengths))))]
