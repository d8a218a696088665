"""Two classic tests of long memory (Hochreiter and Schmidhuber 1997): what matters lies far back among what doesn't."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.sources.source import Source
from seqcore.data.table import Table, symbol_table
from seqcore.errors import DataError
from seqcore.experiment.fields import setting

__all__ = ["AddingProblem", "CopyMemory"]

MOST_ROWS = 30_000_000
_MOST_WORDS = 5_000_000  # different words to draw from without drawing one twice; of more, hardly one comes twice
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_BLANK, _GO = ".", "?"


class AddingProblem(Source):
    """Random numbers, two of them marked: what is their sum? The answer is asked at the end of each sequence."""

    length: int = setting(
        100, "Numbers in each sequence: how far back to remember.", minimum=4, maximum=500, slider=True
    )
    samples: int = setting(5000, "How many sequences.", minimum=10, maximum=1_000_000, basic=True)
    seed: int = setting(0, "The same seed gives the same sequences.", minimum=0, maximum=2**31 - 1)

    def table(self) -> Table:
        """`samples` independent sequences, [samples * length, 3]: value, marker (1 at two places), sum in every row."""
        _check_size(self.samples, self.length)
        rng = np.random.default_rng(self.seed)
        rows, half = np.arange(self.samples), self.length // 2
        values = rng.random((self.samples, self.length))
        marker = np.zeros_like(values)
        marker[rows, rng.integers(0, half, self.samples)] = 1.0
        marker[rows, rng.integers(half, self.length, self.samples)] = 1.0
        total = np.broadcast_to((values * marker).sum(axis=1, keepdims=True), values.shape)
        return Table(
            values=np.stack([values, marker, total], axis=2).reshape(-1, 3),
            columns=("value", "marker", "sum"),
            offsets=np.arange(self.samples + 1, dtype=np.int64) * self.length,
            independent=True,
        )

    def forced_fields(self) -> dict[str, Any]:
        """One answer, at the end of a window that is the whole sequence."""
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
    """A few letters, a long silence, a sign: say the letters again. Only what is said after the sign counts."""

    delay: int = setting(30, "Steps of silence: how far back to remember.", minimum=1, maximum=500, slider=True)
    remembered: int = setting(5, "Letters to remember.", minimum=1, maximum=100, basic=True)
    letters: int = setting(8, "Different letters.", minimum=2, maximum=26)
    samples: int = setting(5000, "How many sequences.", minimum=10, maximum=1_000_000, basic=True)
    seed: int = setting(0, "The same seed gives the same sequences.", minimum=0, maximum=2**31 - 1)

    @property
    def length(self) -> int:
        """Symbols in a sequence: the letters, the silence, the sign, and the letters again."""
        return 2 * self.remembered + self.delay + 1

    def table(self) -> Table:
        """`samples` independent sequences of symbols, as `bd.....?bd`."""
        _check_size(self.samples, self.length)
        letters = np.array(list(_LETTERS[: self.letters]))
        said = letters[self._words(np.random.default_rng(self.seed))]
        silence = np.full((self.samples, self.delay), _BLANK)
        sign = np.full((self.samples, 1), _GO)
        return symbol_table(
            np.concatenate([said, silence, sign, said], axis=1), columns=("letter",), independent=True, x_title="letter"
        )

    def _words(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """[samples, remembered] numbers of letters; no word twice, as long as there are enough different ones."""
        words = self.letters**self.remembered
        if not self.samples <= words <= _MOST_WORDS:
            return rng.integers(0, self.letters, (self.samples, self.remembered))
        chosen = rng.choice(words, self.samples, replace=False)
        return chosen[:, None] // self.letters ** np.arange(self.remembered) % self.letters

    def forced_fields(self) -> dict[str, Any]:
        """A prediction at every step of the whole sequence, scored from the sign on."""
        return {
            "window": self.length - 1,
            "min_window": None,
            "predict": "every",
            "burn_in": self.length - 1 - self.remembered,
        }


def _check_size(samples: int, length: int) -> None:
    if samples * length > MOST_ROWS:
        raise DataError(
            f"data.options: {samples:,} sequences of {length:,} steps are {samples * length:,} rows; "
            f"use at most {MOST_ROWS:,}: make samples or the length smaller"
        )
