"""Symbols to numbers and back. Fitted on the training split alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seqcore.data.table import Table
from seqcore.data.text import cut_words, join_words
from seqcore.errors import DataError

__all__ = ["UNKNOWN", "Vocabulary"]

UNKNOWN = "\ufffd"  # what a symbol that the training split doesn't have is read as; its code is 0


@dataclass(frozen=True)
class Vocabulary:
    """`symbols[V]` in the order of their codes; the first is `UNKNOWN`. `separator` joins symbols for reading."""

    symbols: tuple[str, ...]
    separator: str = ""
    _codes: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_codes", {s: i for i, s in enumerate(self.symbols)})

    def __len__(self) -> int:
        return len(self.symbols)

    @classmethod
    def fit(cls, symbols: NDArray[np.str_], separator: str = "") -> Vocabulary:
        """From the training split's symbols [n]. DataError where they are all the same."""
        known = np.unique(symbols)
        known = known[known != UNKNOWN]
        if len(known) < 2:
            raise DataError(f"the training split has {len(known)} different symbols; give it at least 2")
        return cls((UNKNOWN, *known.tolist()), separator)

    def encode(self, symbols: NDArray[np.str_] | Sequence[str]) -> NDArray[np.int64]:
        """[n] symbols -> [n] codes; 0 for unknown ones."""
        given = np.asarray(symbols, dtype=np.str_)
        if given.size == 0:
            return np.zeros(0, dtype=np.int64)
        different, inverse = np.unique(given, return_inverse=True)
        codes = np.array([self._codes.get(s, 0) for s in different.tolist()], dtype=np.int64)
        return codes[inverse]

    def encode_table(self, table: Table) -> NDArray[np.integer]:
        """The rows of a symbolic table [N] as codes, in the smallest type that torch can index with."""
        assert table.symbols is not None
        kind = np.uint8 if len(self) <= 2**8 else np.int16 if len(self) <= 2**15 else np.int32
        codes: NDArray[np.integer] = self.encode(table.symbols).astype(kind)[table.values[:, 0]]
        return codes

    def knows(self, symbol: str) -> bool:
        """Whether the training split had it."""
        return symbol in self._codes and symbol != UNKNOWN

    def read(self, text: str) -> tuple[str, ...]:
        """What a person typed, as symbols: characters as they stand, or words as the data's own were cut.

        Where only the small letters of a word are known, it is read in them. Symbols may be unknown: see `knows`.
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
        """Symbols as a text for reading."""
        return join_words(symbols) if self.separator else "".join(symbols)
