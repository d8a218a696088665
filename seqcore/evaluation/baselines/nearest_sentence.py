"""Nearest training sentence: the translation of the most similar sentence of the training split.

Similar is the cosine of the words' counts, rarer ones weighing more (TF-IDF), of which at most 10,000 sentences are
compared: those that a codec remembers.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from seqcore.data.parallel_text_dataset import ParallelTextDataset

__all__ = ["nearest_translations"]

_NUMBERS_AT_ONCE = 4_000_000

Rows = NDArray[np.int64]


@torch.inference_mode()
def nearest_translations(data: ParallelTextDataset, split: str, indices: Rows) -> list[str]:
    """The remembered translation of the most similar sentence, for each sentence; none is its own neighbor."""
    memory = data.codec.memory
    words, lengths = memory["memory.codes"].astype(np.int64), memory["memory.lengths"].astype(np.int64)
    count, size = len(lengths), len(data.codec.source)
    owner = np.repeat(np.arange(count), lengths)
    places, times = np.unique(owner * size + words, return_counts=True)
    owner, words = places // size, places % size
    weight = np.log((1 + count) / (1 + np.bincount(words, minlength=size))) + 1
    weight[0] = 0.0  # an unknown word is like no other
    values = np.log1p(times) * weight[words]
    norm = np.sqrt(np.bincount(owner, values**2, minlength=count))
    values = values / np.maximum(norm[owner], 1e-12)
    known = torch.sparse_coo_tensor(
        torch.from_numpy(np.stack([owner, words])), torch.from_numpy(values.astype(np.float32)), (count, size),
        check_invariants=False, is_coalesced=True,
    )  # fmt: skip
    sequences = data.sequences(split, indices)
    found = np.empty(len(indices), dtype=np.int64)
    block = max(1, _NUMBERS_AT_ONCE // max(count, size))
    for start in range(0, len(indices), block):
        some = sequences[start : start + block]
        closeness = torch.sparse.mm(known, torch.from_numpy(_counted(data, some, weight)))
        if data.own:
            rows = memory["memory.sequences"].astype(np.int64)
            closeness[torch.from_numpy(rows[:, None] == some[None])] = -1.0
        found[start : start + block] = closeness.argmax(dim=0).numpy()
    return [data.codec.remembered[i] for i in found.tolist()]


def _counted(data: ParallelTextDataset, sequences: Rows, weight: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weighted counts of each word in these sentences, [V, n]; not normalized, which keeps the order of neighbors."""
    counts = np.zeros((len(weight), len(sequences)), dtype=np.float32)
    for column, s in enumerate(sequences.tolist()):
        codes = data.source_codes[int(data.table.offsets[s]) : int(data.table.offsets[s + 1])]
        np.add.at(counts[:, column], codes, 1.0)
    weighted: NDArray[np.float32] = np.log1p(counts) * weight[:, None].astype(np.float32)
    return weighted
