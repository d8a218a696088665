"""Vocabulary: symbols to codes and back, fitted on the training split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seqcore.data.table import Table
from seqcore.data.text import cut_words, join_words
from seqcore.errors import DataError

__all__ = ["UNKNOWN", "Vocabulary"]

UNKNOWN = "\ufffd"  # stands for symbols that are not in the training split; code 0


@dataclass(frozen=True)
class Vocabulary:
    """`symbols[V]` by code; the first is `UNKNOWN`. `separator` joins symbols into text."""

    symbols: tuple[str, ...]
    separator: str = ""
    _codes: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_codes", {s: i for i, s in enumerate(self.symbols)})

    def __len__(self) -> int:
        return len(self.symbols)

    @classmethod
    def fit(cls, symbols: NDArray[np.str_], separator: str = "") -> Vocabulary:
        """From symbols [n] of the training split; words are separated by spaces. DataError for fewer than two."""
        known = np.unique(symbols)
        known = known[known != UNKNOWN]
        if len(known) < 2:
            raise DataError(f"the training split has {len(known)} different symbols; give it at least 2")
        symbols = known.tolist()
        return cls((UNKNOWN, *symbols), separator or (" " if any(len(s) > 1 for s in symbols) else ""))

    def encode(self, symbols: NDArray[np.str_] | Sequence[str]) -> NDArray[np.int64]:
        """[n] symbols -> [n] codes; 0 for unknown ones."""
        different, inverse = np.unique(np.asarray(symbols, dtype=np.str_), return_inverse=True)
        codes = np.array([self._codes.get(s, 0) for s in different.tolist()], dtype=np.int64)
        return codes[inverse]

    def encode_table(self, table: Table) -> NDArray[np.integer]:
        """The rows of a table of symbols [N] as codes, in the smallest type that torch can index."""
        assert table.symbols is not None
        kind = np.uint8 if len(self) <= 2**8 else np.int16 if len(self) <= 2**15 else np.int32
        return np.asarray(self.encode(table.symbols).astype(kind)[table.values[:, 0]])

    def knows(self, symbol: str) -> bool:
        """Whether the symbol is in the vocabulary."""
        return symbol in self._codes and symbol != UNKNOWN

    def read(self, text: str) -> tuple[str, ...]:
        """Tokenize typed text like the training data: characters or words, possibly unknown (see `knows`).

        A word known only in lower case is read in lower case.
        """
        if not self.separator:
            return tuple(text)
        words: list[str] = []
        for line, end in ((line.rstrip("\n"), "\n" * line.endswith("\n")) for line in text.splitlines(keepends=True)):
            for piece in line.split():
                cut = [piece] if self.knows(piece) else cut_words(piece)
                words += cut if any(map(self.knows, cut)) else [piece]
            words += [end] if end and self.knows(end) else []
        return tuple(w if self.knows(w) or not self.knows(w.lower()) else w.lower() for w in words)

    def join(self, symbols: Iterable[str]) -> str:
        """Symbols joined into text."""
        return join_words(symbols) if self.separator else "".join(symbols)
