"""Parity: whether a sequence of bits has had an even or odd number of ones (Hochreiter and Schmidhuber 1997)."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqcore.data.sources.memory_tests import MOST_ROWS
from seqcore.data.sources.source import MemoryDistance, Source, check_size
from seqcore.data.table import Table, equal_sequences
from seqcore.experiment.fields import setting

__all__ = ["Parity"]


class Parity(Source):
    """Random bits: predict at each step the parity of all bits so far."""

    length: int = setting(40, "Bits in each sequence.", minimum=2, maximum=500, basic=True, slider=True)
    samples: int = setting(2000, "Number of sequences.", minimum=10, maximum=1_000_000, basic=True)
    seed: int = setting(0, "Random seed of the data.", minimum=0, maximum=2**31 - 1)

    def table(self) -> Table:
        """`samples` independent sequences, [samples * length, 2]: the bit, and the parity up to it."""
        check_size(self.samples, self.length, MOST_ROWS, unit="steps")
        bits = np.random.default_rng(self.seed).integers(0, 2, (self.samples, self.length))
        return equal_sequences(
            np.stack([bits, bits.cumsum(axis=1) % 2], axis=2).astype(np.float64), ("bit", "parity"), x_title="bit"
        )

    def memory_distance(self) -> MemoryDistance:
        """From the last step to the first bit: all bits count."""
        return MemoryDistance(0, self.length - 1, "the parity depends on every bit so far")

    def forced_fields(self) -> dict[str, Any]:
        """One target at each step of a window over the whole sequence."""
        return {
            "inputs": ("bit",),
            "target": ("parity",),
            "window": self.length,
            "min_window": None,
            "predict": "every",
            "lead": 0,
            "horizon": 1,
        }
