"""Selective copying (Gu and Dao 2023): letters at random places among blanks, to be repeated in order."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqcore.data.sources.memory_tests import MOST_ROWS
from seqcore.data.sources.source import MemoryDistance, Source, check_size
from seqcore.data.table import Table, symbol_table
from seqcore.errors import DataError
from seqcore.experiment.fields import setting

__all__ = ["SelectiveCopying"]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_BLANK, _GO = ".", "?"


class SelectiveCopying(Source):
    """A few letters among blanks, a cue: repeat the letters. Only predictions after the cue are scored."""

    length: int = setting(
        50, "Letters and blanks before the cue.", minimum=2, maximum=1000, basic=True, slider=True, unit="steps"
    )
    remembered: int = setting(5, "Number of letters to remember.", minimum=1, maximum=100, basic=True)
    letters: int = setting(8, "Number of different letters.", minimum=2, maximum=26)
    samples: int = setting(5000, "Number of sequences.", minimum=10, maximum=1_000_000, basic=True)
    seed: int = setting(0, "Random seed of the data.", minimum=0, maximum=2**31 - 1)

    @property
    def _steps(self) -> int:
        """Symbols in a sequence: letters and blanks, cue, and the letters again."""
        return self.length + 1 + self.remembered

    def table(self) -> Table:
        """`samples` independent sequences of symbols, as `.b..d...?bd`. DataError where they hold too few places."""
        if self.remembered > self.length:
            raise DataError(
                f"data.options.remembered: {self.remembered} letters do not fit into {self.length} steps; use at most "
                f"{self.length}, or a larger data.options.length"
            )
        check_size(self.samples, self._steps, MOST_ROWS, unit="steps")
        rng = np.random.default_rng(self.seed)
        letters = np.array(list(_LETTERS[: self.letters]))[
            rng.integers(0, self.letters, (self.samples, self.remembered))
        ]
        places = np.argsort(rng.random((self.samples, self.length)), axis=1)[:, : self.remembered]
        body = np.full((self.samples, self.length), _BLANK)
        np.put_along_axis(body, np.sort(places, axis=1), letters, axis=1)
        cue = np.full((self.samples, 1), _GO)
        return symbol_table(
            np.concatenate([body, cue, letters], axis=1), columns=("letter",), independent=True, x_title="letter"
        )

    def memory_distance(self) -> MemoryDistance:
        """From the step that a letter is predicted at to that letter, wherever it stood."""
        return MemoryDistance(
            self.remembered, self.length, "letters stand at random places before the cue and are repeated after it"
        )

    def forced_fields(self) -> dict[str, Any]:
        """A prediction at every step of the whole sequence, scored after the cue."""
        return {
            "window": self._steps - 1,
            "min_window": None,
            "predict": "every",
            "burn_in": self._steps - 1 - self.remembered,
        }
