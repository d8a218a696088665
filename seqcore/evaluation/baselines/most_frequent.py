"""The most frequent class of the training split, whatever the sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.labeled_dataset import LabeledDataset

__all__ = ["count_classes", "most_frequent_class"]


def count_classes(data: LabeledDataset) -> dict[str, NDArray[Any]]:
    """How many sequences of each class the training split has, "counts"[C]."""
    classes = data.truth("train", np.arange(len(data.windows["train"])))
    return {"counts": np.bincount(classes, minlength=len(data.codec.labels)).astype(np.float64)}


def most_frequent_class(data: LabeledDataset, split: str, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Its code for each of these sequences, [n]."""
    return np.full(len(indices), data.codec.fitted["counts"].argmax())
