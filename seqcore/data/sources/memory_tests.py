"""The adding problem and the copy memory task (Hochreiter and Schmidhuber 1997), which need long memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.sources.source import MemoryDistance, Source, check_size
from seqcore.data.table import Table, equal_sequences, symbol_table
from seqcore.experiment.fields import setting

__all__ = ["AddingProblem", "CopyMemory"]

MOST_ROWS = 30_000_000
_MOST_WORDS = 5_000_000  # up to this number of words, draw without replacement; beyond, repeats are rare
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_BLANK, _GO = ".", "?"


class AddingProblem(Source):
    """Random numbers, two of them marked: predict their sum at the end of the sequence."""

    length: int = setting(100, "Numbers in each sequence.", minimum=4, maximum=1000, basic=True, slider=True)
    samples: int = setting(5000, "Number of sequences.", minimum=10, maximum=1_000_000, basic=True)
    seed: int = setting(0, "Random seed of the data.", minimum=0, maximum=2**31 - 1)

    def table(self) -> Table:
        """`samples` independent sequences, [samples * length, 3]: value, marker (1 at two places), sum in every row."""
        check_size(self.samples, self.length, MOST_ROWS, unit="steps")
        rng = np.random.default_rng(self.seed)
        rows, half = np.arange(self.samples), self.length // 2
        values = rng.random((self.samples, self.length))
        marker = np.zeros_like(values)
        marker[rows, rng.integers(0, half, self.samples)] = 1.0
        marker[rows, rng.integers(half, self.length, self.samples)] = 1.0
        total = np.broadcast_to((values * marker).sum(axis=1, keepdims=True), values.shape)
        return equal_sequences(np.stack([values, marker, total], axis=2), ("value", "marker", "sum"))

    def memory_distance(self) -> MemoryDistance:
        """From the last step to the marked number of the first half."""
        half = self.length // 2
        return MemoryDistance(
            self.length - half, self.length - 1, "the first of the two marked numbers lies in the first half"
        )

    def forced_fields(self) -> dict[str, Any]:
        """One target at the end of a window over the whole sequence."""
        return {
            "inputs": ("value", "marker"),
            "target": ("sum",),
            "window": self.length,
            "min_window": None,
            "predict": "last",
            "lead": 0,
            "horizon": 1,
        }


class CopyMemory(Source):
    """A few letters, a delay of blanks, a cue: repeat the letters. Only predictions after the cue are scored."""

    delay: int = setting(30, "Blanks between the letters and the cue.", minimum=1, maximum=500, basic=True, slider=True)
    remembered: int = setting(5, "Number of letters to remember.", minimum=1, maximum=100, basic=True)
    letters: int = setting(8, "Number of different letters.", minimum=2, maximum=26)
    samples: int = setting(5000, "Number of sequences.", minimum=10, maximum=1_000_000, basic=True)
    seed: int = setting(0, "Random seed of the data.", minimum=0, maximum=2**31 - 1)

    @property
    def length(self) -> int:
        """Symbols in a sequence: letters, blanks, cue, and the letters again."""
        return 2 * self.remembered + self.delay + 1

    def table(self) -> Table:
        """`samples` independent sequences of symbols, as `bd.....?bd`."""
        check_size(self.samples, self.length, MOST_ROWS, unit="steps")
        letters = np.array(list(_LETTERS[: self.letters]))
        remembered = letters[self._words(np.random.default_rng(self.seed))]
        blanks = np.full((self.samples, self.delay), _BLANK)
        cue = np.full((self.samples, 1), _GO)
        return symbol_table(
            np.concatenate([remembered, blanks, cue, remembered], axis=1),
            columns=("letter",),
            independent=True,
            x_title="letter",
        )

    def _words(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Indices of letters, [samples, remembered]; without repeated words if there are enough different ones."""
        words = self.letters**self.remembered
        if not self.samples <= words <= _MOST_WORDS:
            return rng.integers(0, self.letters, (self.samples, self.remembered))
        chosen = rng.choice(words, self.samples, replace=False)
        return chosen[:, None] // self.letters ** np.arange(self.remembered) % self.letters

    def memory_distance(self) -> MemoryDistance:
        """From the step that a letter is predicted at to that letter."""
        distance = self.delay + self.remembered
        return MemoryDistance(distance, distance, "each letter is repeated so many steps later")

    def forced_fields(self) -> dict[str, Any]:
        """A prediction at every step of the whole sequence, scored after the cue."""
        return {
            "window": self.length - 1,
            "min_window": None,
            "predict": "every",
            "burn_in": self.length - 1 - self.remembered,
        }
