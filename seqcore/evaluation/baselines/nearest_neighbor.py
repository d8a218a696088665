"""Nearest neighbor: a sequence's class is that of the most similar one of the training split.

Cover and Hart 1967. Of numbers: each sequence is brought to the same number of segments of equal length in time, the
mean of each channel over each segment taken, and the Euclidean distance of these means used - in the model's own scale,
so that unequal lengths and units have no weight. Wide ones are first projected on the training split's principal
directions. Of symbols: the cosine of the counts of one and two words, or of one to three letters, in a row, rarer ones
weighing more (TF-IDF). At most 3,000 neighbors are kept, spread evenly over the training split, so that they fit into a
checkpoint.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.labeled_dataset import LabeledDataset
from seqcore.data.vocabulary import Vocabulary

__all__ = ["fit_nearest_neighbor", "nearest_classes"]

MOST_NEIGHBORS = 3_000
_MOST_KEPT = 400_000  # numbers, or symbols, of all of them
_WIDTH = 1_024  # numbers of one description before it is projected
_DIRECTIONS = 96
_BUCKETS = 2_048  # that runs of symbols are hashed into
_AT_ONCE = 4_000_000  # numbers that are worked on at a time
_FACTORS = np.array([1, 1_000_003, 998_244_353], dtype=np.int64)

Values = NDArray[Any]  # float64, and float32 where it is kept


def fit_nearest_neighbor(data: LabeledDataset) -> dict[str, Values]:
    """The training sequences that are kept for `nearest_classes`, as a codec's `fitted` holds it."""
    kept = data.spread("train", MOST_NEIGHBORS)
    first, lengths, sequence = data.windows["train"].locate(kept)
    facts = {
        "nearest.classes": data.classes[sequence].astype(np.float64),
        "nearest.sequences": np.array(sequence, dtype=np.float64),
        "nearest.table": _fingerprint(data),
    }
    if data.table.symbolic:
        lengths = np.minimum(lengths, max(3, _MOST_KEPT // len(kept)))
        codes = data.coded.cpu().numpy()[_rows(first, lengths)]
        return facts | {"nearest.codes": codes.astype(np.float32), "nearest.lengths": lengths.astype(np.float64)}
    stretches = int(np.clip(_WIDTH // data.coded.shape[1], 8, 128))
    facts["nearest.stretches"] = np.array([float(min(stretches, max(1, data.longest)))])
    described = _described(data, first, lengths, int(facts["nearest.stretches"][0]))
    if described.shape[1] > _DIRECTIONS:
        directions = _principal(described, _DIRECTIONS)
        described = described @ directions
        facts["nearest.directions"] = directions.astype(np.float32)
    return facts | {"nearest.described": described.astype(np.float32)}


def nearest_classes(data: LabeledDataset, split: str, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """The class code of the most similar kept sequence, [n]. A sequence of the training split is not its own."""
    facts = data.codec.fitted
    first, lengths, sequence = data.windows[split].locate(indices)
    own = np.array_equal(_fingerprint(data), facts["nearest.table"])
    classes, kept = facts["nearest.classes"].astype(np.int64), facts["nearest.sequences"]
    found = np.empty(len(indices), dtype=np.int64)
    reference = _Symbols(facts, data.codec.vocabulary) if data.table.symbolic else _Numbers(facts)
    block = max(1, _AT_ONCE // max(len(kept), reference.width))
    for start in range(0, len(indices), block):
        some = slice(start, start + block)
        closeness = reference.closeness(data, first[some], lengths[some])
        if own:
            closeness[np.asarray(sequence)[some, None] == kept] = -np.inf
        found[some] = classes[closeness.argmax(axis=1)]
    return found


class _Numbers:
    """Descriptions of the kept sequences, and how close others are to them."""

    def __init__(self, facts: dict[str, Values]) -> None:
        self.described = facts["nearest.described"]
        self.directions = facts.get("nearest.directions")
        self.stretches = int(facts["nearest.stretches"][0])
        self.width = self.described.shape[1] if self.directions is None else len(self.directions)

    def closeness(self, data: LabeledDataset, first: NDArray[np.int64], lengths: NDArray[np.int64]) -> Values:
        """Minus half the squared distance, up to what all share, [n, kept]."""
        given = _described(data, first, lengths, self.stretches)
        if self.directions is not None:
            given = given @ self.directions
        close: Values = given @ self.described.T - 0.5 * np.einsum("nd,nd->n", self.described, self.described)
        return close


class _Symbols:
    """The same for symbols."""

    width = _BUCKETS

    def __init__(self, facts: dict[str, Values], vocabulary: Vocabulary | None) -> None:
        assert vocabulary is not None
        self.size, self.runs = len(vocabulary), 2 if vocabulary.separator else 3
        codes, lengths = (facts[f"nearest.{name}"].astype(np.int64) for name in ("codes", "lengths"))
        counts = _counted(codes, lengths, self.size, self.runs)
        self.weights = np.log((1 + len(counts)) / (1 + (counts > 0).sum(axis=0))) + 1
        self.described = self._unit(counts)

    def closeness(self, data: LabeledDataset, first: NDArray[np.int64], lengths: NDArray[np.int64]) -> Values:
        """The cosine, [n, kept]."""
        codes = data.coded.cpu().numpy()[_rows(first, lengths)]
        close: Values = self._unit(_counted(codes, lengths, self.size, self.runs)) @ self.described.T
        return close

    def _unit(self, counts: Values) -> Values:
        weighted = np.log1p(counts) * self.weights
        unit: Values = weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-12)
        return unit


def _fingerprint(data: LabeledDataset) -> Values:
    """Values that identify the table of the training data."""
    values = data.table.values
    total = float(values.sum()) if len(values) else 0.0
    return np.array([len(data.table.lengths), len(values), total])


def _rows(first: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of sequences one after another."""
    starts = np.cumsum(lengths) - lengths
    rows: NDArray[np.int64] = np.repeat(first - starts, lengths) + np.arange(int(lengths.sum()))
    return rows


def _described(data: LabeledDataset, first: NDArray[np.int64], lengths: NDArray[np.int64], stretches: int) -> Values:
    """The mean of each channel over each of so many equal segments of time, [n, stretches * F].

    Within a step values are taken as constant, so that stretches may end within one.
    """
    values = data.coded.cpu().numpy()
    features = values.shape[1]
    out = np.empty((len(first), stretches * features))
    ends = np.cumsum(lengths)
    start = 0
    while start < len(first):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + max(1, _AT_ONCE // features), side="right")))
        n = lengths[start:stop]
        x = values[_rows(first[start:stop], n)].astype(np.float64)
        total = np.concatenate([np.zeros((1, features)), np.cumsum(x, axis=0)])
        places = np.arange(stretches + 1) / stretches * n[:, None] + (np.cumsum(n) - n)[:, None]
        step = np.minimum(places.astype(np.int64), len(x) - 1)
        at = total[step] + (places - step)[:, :, None] * x[step]
        out[start:stop] = (np.diff(at, axis=1) * (stretches / n)[:, None, None]).reshape(len(n), -1)
        start = stop
    return out


def _principal(described: Values, directions: int) -> Values:
    """The first principal directions, [width, directions], by a random range finder (Halko et al. 2011)."""
    centered = described - described.mean(axis=0)
    probe = centered @ np.random.default_rng(0).standard_normal((described.shape[1], directions + 8))
    for _ in range(2):
        probe = centered @ (centered.T @ np.linalg.qr(probe)[0])
    basis = np.linalg.qr(probe)[0]
    found: Values = np.linalg.svd(basis.T @ centered, full_matrices=False)[2][:directions].T
    return found


def _counted(codes: NDArray[np.int64], lengths: NDArray[np.int64], size: int, runs: int) -> Values:
    """How often each run of one to `runs` symbols occurs in each sequence, hashed, [n, buckets]."""
    n = len(lengths)
    owner = np.repeat(np.arange(n), lengths)
    counts = np.zeros(n * _BUCKETS)
    run = np.zeros(len(codes), dtype=np.int64)
    for order in range(runs):
        run = run[: len(codes) - order] * (size + 1) + codes[order:] + 1 if order else codes + 1
        whole = owner[order:] == owner[: len(owner) - order]
        bucket = (run * _FACTORS[order]) % 2_147_483_647 % _BUCKETS
        counts += np.bincount(owner[order:][whole] * _BUCKETS + bucket[whole], minlength=n * _BUCKETS)
    return counts.reshape(n, _BUCKETS)
