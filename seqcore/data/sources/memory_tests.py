"""Sources that need long memory: the adding problem, copy memory and selective copying."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.sources.source import MemoryDistance, Source, check_size
from seqcore.data.table import Table, equal_sequences, symbol_table
from seqcore.errors import DataError
from seqcore.experiment.fields import setting

__all__ = ["MOST_ROWS", "AddingProblem", "CopyMemory", "SelectiveCopying"]

MOST_ROWS = 30_000_000
_MOST_WORDS = 5_000_000  # up to this number of words, draw without replacement; beyond, repeats are rare
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_BLANK, _GO = ".", "?"

_SAMPLES = setting(5000, "Number of sequences.", minimum=10, maximum=1_000_000, basic=True)
_SEED = setting(0, "Random seed of the data.", minimum=0, maximum=2**31 - 1)
_REMEMBERED = setting(5, "Number of letters to remember.", minimum=1, maximum=100, basic=True)
_DIFFERENT = setting(8, "Number of different letters.", minimum=2, maximum=26)


class AddingProblem(Source):
    """Random numbers, two of them marked: predict their sum at the end of the sequence.

    Hochreiter and Schmidhuber 1997.
    """

    length: int = setting(100, "Numbers in each sequence.", minimum=4, maximum=1000, basic=True, slider=True)
    samples: int = _SAMPLES
    seed: int = _SEED

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
    """A few letters, a delay of blanks, a cue: repeat the letters. Only predictions after the cue are scored.

    Hochreiter and Schmidhuber 1997.
    """

    delay: int = setting(30, "Blanks between the letters and the cue.", minimum=1, maximum=500, basic=True, slider=True)
    remembered: int = _REMEMBERED
    letters: int = _DIFFERENT
    samples: int = _SAMPLES
    seed: int = _SEED

    def table(self) -> Table:
        """`samples` independent sequences of symbols, as `bd.....?bd`."""
        check_size(self.samples, 2 * self.remembered + self.delay + 1, MOST_ROWS, unit="steps")
        answer = np.array(list(_LETTERS[: self.letters]))[self._words(np.random.default_rng(self.seed))]
        blanks = np.full((self.samples, self.delay), _BLANK)
        return _with_answer(np.concatenate([answer, blanks], axis=1), answer)

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
        return MemoryDistance(distance, distance, "each letter is repeated that many steps later")

    def forced_fields(self) -> dict[str, Any]:
        """A prediction at every step of the whole sequence, scored after the cue."""
        return _scored_after(self.remembered + self.delay, self.remembered)


class SelectiveCopying(Source):
    """A few letters among blanks, a cue: repeat the letters. Only predictions after the cue are scored.

    Gu and Dao 2023.
    """

    length: int = setting(
        50, "Letters and blanks before the cue.", minimum=2, maximum=1000, basic=True, slider=True, unit="steps"
    )
    remembered: int = _REMEMBERED
    letters: int = _DIFFERENT
    samples: int = _SAMPLES
    seed: int = _SEED

    def table(self) -> Table:
        """`samples` independent sequences of symbols, as `.b..d...?bd`. DataError where they hold too few places."""
        if self.remembered > self.length:
            raise DataError(
                f"data.options.remembered: {self.remembered} letters do not fit into {self.length} steps; use at most "
                f"{self.length}, or a larger data.options.length"
            )
        check_size(self.samples, self.length + 1 + self.remembered, MOST_ROWS, unit="steps")
        rng = np.random.default_rng(self.seed)
        chosen = rng.integers(0, self.letters, (self.samples, self.remembered))
        answer = np.array(list(_LETTERS[: self.letters]))[chosen]
        places = np.argsort(rng.random((self.samples, self.length)), axis=1)[:, : self.remembered]
        before = np.full((self.samples, self.length), _BLANK)
        np.put_along_axis(before, np.sort(places, axis=1), answer, axis=1)
        return _with_answer(before, answer)

    def memory_distance(self) -> MemoryDistance:
        """From the step that a letter is predicted at to that letter, wherever it stood."""
        return MemoryDistance(
            self.remembered, self.length, "letters stand at random places before the cue and are repeated after it"
        )

    def forced_fields(self) -> dict[str, Any]:
        """A prediction at every step of the whole sequence, scored after the cue."""
        return _scored_after(self.length, self.remembered)


def _with_answer(before: NDArray[np.str_], answer: NDArray[np.str_]) -> Table:
    """Independent sequences: `before`[samples, n], a cue, and the `answer`[samples, remembered]."""
    cue = np.full((len(before), 1), _GO)
    return symbol_table(
        np.concatenate([before, cue, answer], axis=1), columns=("letter",), independent=True, x_title="letter"
    )


def _scored_after(before: int, remembered: int) -> dict[str, Any]:
    """The fields of sequences with `before` symbols, a cue, and `remembered` ones, which alone are scored."""
    return {"window": before + remembered, "min_window": None, "predict": "every", "burn_in": before}
