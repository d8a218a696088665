"""Dataset: a table divided into splits and windows; small splits are gathered once, others batch by batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcore.data.codec import Codec
from seqcore.data.splits import SPLIT_TITLES, SPLITS, split_bounds
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.experiment.config import DataConfig, TrainingConfig
from seqcore.results.thinning import evenly

__all__ = ["SPLITS", "Batch", "Dataset", "Windows"]

T = TypeVar("T")

_POOL = 2**19  # windows shuffled together
_BLOCK = 2**8
_BUCKET = 50  # batches sorted by length together
_MOST_PREPARED = 4_000_000  # numbers in the windows of a split that are kept in memory


@dataclass(frozen=True)
class Batch:
    """One batch.

    `inputs[B, T, F]` (or codes [B, T]); `targets[B, 1 or T, ...]`; `lengths[B]` if some windows are shorter than T.
    `extra`: further tensors of a task, [B, ...] each (lengths of targets, weights).
    """

    inputs: Tensor
    targets: Tensor
    lengths: Tensor | None = None
    extra: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Windows:
    """The windows of one split as G groups of equally spaced windows of equal length.

    Group g has `count[g]` windows of `length[g]` rows in sequence `sequence[g]`, the first at row `first[g]`.
    """

    first: NDArray[np.int64]
    count: NDArray[np.int64]
    length: NDArray[np.int64]
    sequence: NDArray[np.int64]
    stride: int

    @classmethod
    def from_groups(cls, groups: Iterable[tuple[int, int, int, int]], stride: int) -> Windows:
        """From (first, count, length, sequence) of each group; empty groups are left out."""
        columns = np.array([group for group in groups if group[1] > 0], dtype=np.int64).reshape(-1, 4).T.copy()
        return cls(columns[0], columns[1], columns[2], columns[3], stride)

    def groups(self) -> list[tuple[int, int, int, int]]:
        """(first, count, length, sequence) of each group."""
        columns = (self.first, self.count, self.length, self.sequence)
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def __len__(self) -> int:
        return int(self.count.sum())

    @cached_property
    def uniform(self) -> bool:
        """Whether all windows have the same length."""
        return bool((self.length == self.length[0]).all())

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return np.cumsum(self.count)

    def locate(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Window numbers [n] -> (first rows[n], lengths[n], sequences[n])."""
        if len(self.count) == 1:
            same = np.broadcast_to(self.length, indices.shape), np.broadcast_to(self.sequence, indices.shape)
            return self.first[0] + indices * self.stride, *same
        group = np.searchsorted(self._ends, indices, side="right")
        within = indices - (self._ends[group] - self.count[group])
        return self.first[group] + within * self.stride, self.length[group], self.sequence[group]

    def continues_previous(self, numbers: NDArray[np.int64], before: NDArray[np.int64] | None) -> NDArray[np.bool_]:
        """Whether each window [n] begins one stride after the window before it in its batch row ([n or more])."""
        if before is None:
            return np.zeros(len(numbers), dtype=bool)
        first, _, sequence = self.locate(numbers)
        earlier, _, its_sequence = self.locate(before[: len(numbers)])
        return np.asarray((sequence == its_sequence) & (first == earlier + self.stride))


def _order_seed(seed: int, epoch: int) -> int:
    """The seed of the order of an epoch."""
    return (seed * 1_000_003 + epoch) % 2**63


def _order(n: int, training: TrainingConfig, epoch: int) -> Iterator[NDArray[np.int64]]:
    """The numbers below n in the order of an epoch, in pieces.

    Beyond a pool, shuffling has two steps (blocks of neighbors, then within a pool of blocks), so that the first
    batch of a very long series doesn't wait for a full permutation.
    """
    if not training.shuffle:
        yield from (np.arange(start, min(start + _POOL, n)) for start in range(0, n, _POOL))
        return
    generator = torch.Generator().manual_seed(_order_seed(training.seed, epoch))
    if n <= _POOL:
        yield torch.randperm(n, generator=generator).numpy()
        return
    blocks = torch.randperm(-(-n // _BLOCK), generator=generator).numpy()
    for start in range(0, len(blocks), _POOL // _BLOCK):
        pool = (blocks[start : start + _POOL // _BLOCK, None] * _BLOCK + np.arange(_BLOCK)).ravel()
        pool = pool[pool < n]
        yield pool[torch.randperm(len(pool), generator=generator).numpy()]


class Dataset(ABC):
    """Splits and windows, common to all tasks. A task defines what a window holds.

    If `whole`, each window is a whole sequence, regardless of `data.window`.
    """

    whole: ClassVar[bool] = False
    codec: Codec

    def __init__(self, table: Table, config: DataConfig, device: torch.device) -> None:
        self.table = table
        self.config = config
        self.device = device
        self.every_step = config.predict != "last"
        self.bounds = split_bounds(table, config.validation_fraction, config.test_fraction)
        self.windows = {split: self._windows(split) for split in SPLITS}
        self.longest = max((int(w.length.max(initial=0)) for w in self.windows.values()), default=0)
        self._known: dict[tuple[str, str], tuple[Windows, Any]] = {}
        self.baseline_facts: dict[str, Any] = {}  # what baselines learned from the training split
        self.baseline_scores: dict[str, Any] = {}  # by split: what `Task.score_baselines` found
        self._check()

    @property
    def lead(self) -> int:
        """Steps from an input to its first target."""
        return self.config.lead

    @property
    def numeric_inputs(self) -> int:
        """How many of the inputs, the first ones, are scaled numbers; 0 for symbols."""
        return 0

    @property
    def horizon(self) -> int:
        """Targets of one prediction."""
        return self.config.horizon

    @abstractmethod
    def batch(self, split: str, indices: NDArray[np.int64]) -> Batch:
        """The windows of a split with these numbers, on the device."""

    def once(self, split: str, name: str, make: Callable[[], T]) -> T:
        """What `make` gives for the windows of a split, made at the first call only. Callers must not change it."""
        windows = self.windows[split]
        known = self._known.get((split, name))
        if known is None or known[0] is not windows:  # a copy of the dataset may have other windows
            known = windows, make()
            self._known = {**self._known, (split, name): known}
        return cast(T, known[1])

    def prepared(self, split: str) -> Batch | None:
        """All windows of a split in order, gathered once, where they are of equal length and few; else None."""
        return self.once(split, "windows", lambda: self._prepare(split))

    @torch.inference_mode(False)  # the first to ask may be an evaluation
    def _prepare(self, split: str) -> Batch | None:
        n = len(self.windows[split])
        if not n or not self.windows[split].uniform or n * self.longest > _MOST_PREPARED:
            return None
        one = self.batch(split, np.zeros(1, dtype=np.int64))
        fits = n * (one.inputs.numel() + one.targets.numel()) <= _MOST_PREPARED
        return self.batch(split, np.arange(n)) if fits else None

    def gather(self, split: str, groups: Sequence[NDArray[np.int64]]) -> list[Batch]:
        """Several batches of a split; windows of equal length are gathered together and divided."""
        whole = self.prepared(split)
        if whole is None and (len(groups) == 1 or not self.windows[split].uniform):
            return [self.batch(split, numbers) for numbers in groups]
        numbers = groups[0] if len(groups) == 1 else np.concatenate(groups)
        chosen = self.batch(split, numbers) if whole is None else self._rows_of(whole, numbers)
        if len(groups) == 1:
            return [chosen]
        sizes = [len(numbers) for numbers in groups]
        inputs, targets = torch.split(chosen.inputs, sizes), torch.split(chosen.targets, sizes)
        if not chosen.extra:
            return [Batch(x, y) for x, y in zip(inputs, targets, strict=True)]
        extra = {name: torch.split(values, sizes) for name, values in chosen.extra.items()}
        pairs = zip(inputs, targets, strict=True)
        return [Batch(x, y, None, {name: v[i] for name, v in extra.items()}) for i, (x, y) in enumerate(pairs)]

    def windows_of(self, split: str, indices: NDArray[np.int64]) -> Batch:
        """The same as `batch`, from the prepared windows where the split has them."""
        whole = self.prepared(split)
        if whole is None:
            return self.batch(split, indices)
        if len(indices) == len(whole.inputs) and np.array_equal(indices, np.arange(len(indices))):
            return whole
        return self._rows_of(whole, indices)

    def _rows_of(self, whole: Batch, indices: NDArray[np.int64]) -> Batch:
        """These rows of a batch without lengths."""
        rows = torch.from_numpy(indices).to(self.device)
        extra = {name: values.index_select(0, rows) for name, values in whole.extra.items()}
        return Batch(whole.inputs.index_select(0, rows), whole.targets.index_select(0, rows), None, extra)

    def sizes(self) -> dict[str, int]:
        """Windows in each split."""
        return {split: len(windows) for split, windows in self.windows.items()}

    def preview_split(self) -> str:
        """The split for previews and the choice of the best weights: validation, or training if it is empty."""
        return "val" if len(self.windows["val"]) else "train"

    def spread(self, split: str, most: int) -> NDArray[np.int64]:
        """At most `most` window numbers, evenly spread over a split."""
        return evenly(len(self.windows[split]), most)

    def batches(
        self, split: str, training: TrainingConfig, epoch: int, *, start: int = 0
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_] | None]]:
        """The window numbers of one epoch by batch, determined by seed and epoch; for stateful training also whether
        each window continues the previous one in its batch row. With `start`, which needs `divides_anew`, without the
        first so many windows of the epoch."""
        n, size = len(self.windows[split]), training.batch_size
        if training.stateful:
            yield from self._streams(split, size)
            return
        if self._sorts_by_length(split, training):
            yield from ((numbers, None) for numbers in self._bucketed(split, training, epoch))
            return
        rest = np.zeros(0, dtype=np.int64)
        for piece in _order(n, training, epoch):
            left_out = min(start, len(piece))
            start -= left_out
            numbers = np.concatenate([rest, piece[left_out:]])
            whole = len(numbers) // size * size
            for first in range(0, whole, size):
                yield numbers[first : first + size], None
            rest = numbers[whole:]
        if len(rest):
            yield rest, None

    def divides_anew(self, split: str, training: TrainingConfig) -> bool:
        """Whether batches are consecutive parts of the order of an epoch, whatever their size: then another size can
        divide what is left of it. Parallel streams, and batches of similar length, are made for one size."""
        return not training.stateful and not self._sorts_by_length(split, training)

    def _sorts_by_length(self, split: str, training: TrainingConfig) -> bool:
        return self.whole and training.shuffle and not self.windows[split].uniform

    def orders(
        self, split: str, training: TrainingConfig, seeds: Sequence[int], epoch: int
    ) -> NDArray[np.int64] | None:
        """The windows in the order of an epoch for each seed, [K, n]; None where it is not drawn at once.

        `batches` with these seeds gives consecutive parts of it.
        """
        n = len(self.windows[split])
        at_once = training.shuffle and not training.stateful and n <= _POOL
        if not at_once or self._sorts_by_length(split, training):
            return None
        generator = torch.Generator()
        drawn = torch.empty(len(seeds), n, dtype=torch.int64)
        for row, seed in zip(drawn, seeds, strict=True):
            torch.randperm(n, generator=generator.manual_seed(_order_seed(seed, epoch)), out=row)
        numbers: NDArray[np.int64] = drawn.numpy()
        return numbers

    def _bucketed(self, split: str, training: TrainingConfig, epoch: int) -> Iterator[NDArray[np.int64]]:
        """Batches of sequences of similar length in random order, to reduce padding."""
        size, windows = training.batch_size, self.windows[split]
        numbers = np.concatenate(list(_order(len(windows), training, epoch)))
        lengths = windows.locate(numbers)[1]
        pool = size * _BUCKET
        order = np.concatenate(
            [start + np.argsort(lengths[start : start + pool], kind="stable") for start in range(0, len(numbers), pool)]
        )
        batches = -(-len(numbers) // size)
        generator = torch.Generator().manual_seed((training.seed * 1_000_003 + epoch + 1) % 2**63)
        for b in torch.randperm(batches, generator=generator).tolist():
            yield numbers[order[b * size : (b + 1) * size]]

    def steps_per_epoch(self, training: TrainingConfig) -> int:
        """Batches in an epoch of training."""
        n, size = len(self.windows["train"]), training.batch_size
        return -(-n // min(size, n))

    def _streams(self, split: str, size: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_] | None]]:
        """The split divided into `size` parallel segments; each batch row continues its segment."""
        windows = self.windows[split]
        n = len(windows)
        rows = min(size, n)
        steps = -(-n // rows)
        heads = np.arange(rows) * steps
        before: NDArray[np.int64] | None = None
        for step in range(steps):
            numbers = heads + step
            numbers = numbers[(numbers < n) & (numbers < heads + steps)]
            yield numbers, windows.continues_previous(numbers, before)
            before = numbers

    def _windows(self, split: str) -> Windows:
        c = self.config
        if self.whole:
            return Windows.from_groups(((low, 1, high - low, s) for s, low, high in self.bounds[split]), 1)
        length = c.window
        groups: list[tuple[int, int, int, int]] = []
        for s, low, high in self.bounds[split]:
            start = int(self.table.offsets[s])
            offset = self._first_target(length)
            first = max(start, low - offset)
            room = high - first - self._reach(length)
            if room >= 0:
                groups.append((first, room // c.stride + 1, length, s))
            if c.min_window is not None:
                groups += [(start, 1, n, s) for n in self._short_lengths(start, low, high)]
        return Windows.from_groups(groups, c.stride)

    def _rows(
        self, split: str, indices: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], Tensor | None]:
        """Rows [n, T] and sequences [n] of windows, padded with their last row, and their lengths if they differ."""
        first, lengths, sequence = self.windows[split].locate(indices)
        longest = int(lengths.max())
        rows = first[:, None] + np.arange(longest)
        if (lengths == longest).all():
            return rows, sequence, None
        np.minimum(rows, (first + lengths - 1)[:, None], out=rows)
        return rows, sequence, torch.from_numpy(np.array(lengths))

    @property
    def first_target(self) -> int:
        """The number of rows at the start of a sequence that are never targets."""
        return self._first_target(self.config.min_window or self.config.window)

    def _first_target(self, length: int) -> int:
        """Rows from the first row of a window to its first target."""
        return self.lead if self.every_step else length - 1 + self.lead

    def _reach(self, length: int) -> int:
        """The number of rows of a window and its targets."""
        return length - 1 + max(self.lead + self.horizon, 1)

    def _short_lengths(self, start: int, low: int, high: int) -> list[int]:
        """Shorter window lengths that fit at the start of a sequence, with targets in [low, high)."""
        assert self.config.min_window is not None
        fits = [
            n
            for n in range(self.config.min_window, self.config.window)
            if low <= start + self._first_target(n) and start + self._reach(n) <= high
        ]
        whole_fits = start + self._reach(self.config.window) <= high
        # with a prediction at every step, a longer window contains the shorter ones
        return fits[-1:] if self.every_step and not whole_fits else [] if self.every_step else fits

    def _check(self) -> None:
        """DataError if a required split has no window."""
        fractions = {"train": 1.0, "val": self.config.validation_fraction, "test": self.config.test_fraction}
        for split in (split for split in SPLITS if fractions[split] > 0.0 and not len(self.windows[split])):
            title, need = SPLIT_TITLES[split], self._reach(self.config.window)
            without = "" if split == "train" else f", or set data.{title}_fraction to 0"
            if self.whole:
                raise DataError(
                    f"the {title} split has no sequence ({len(self.table.lengths)} in total; groups are not divided); "
                    f"give more sequences{without}"
                )
            rows = max((high - low for _, low, high in self.bounds[split]), default=0)
            raise DataError(
                f"data.window: a window of {self.config.window} and its targets need {need} consecutive steps, but the "
                f"{title} split has {rows} (of {len(self.table)} rows in total); reduce data.window, give more data"
                f"{without}"
            )
