"""TokenEncoder: encodes sequences of symbols one by one, so that a long file is never in memory as strings."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from seqcore.data.table import Table, code_type
from seqcore.data.text import reorder
from seqcore.errors import DataError

__all__ = ["TokenEncoder"]


class TokenEncoder:
    """Collects sequences of symbols with four bytes per symbol; `table` makes the table."""

    def __init__(self) -> None:
        self._codes = array("I")
        self._ends = array("q", [0])
        self._known: defaultdict[str, int] = defaultdict()
        self._known.default_factory = self._known.__len__

    def add(self, symbols: Iterable[str]) -> int:
        """Add a sequence; returns its length."""
        self._codes.extend(map(self._known.__getitem__, symbols))
        self._ends.append(len(self._codes))
        return len(self._codes) - self._ends[-2]

    def table(self, *, columns: tuple[str, ...] = ("symbol",), separator: str = "", **rest: Any) -> Table:
        """All sequences as codes [N, 1] into the sorted symbols; `rest` is passed to `Table`. Empties the encoder."""
        if not self._known:
            raise DataError("there are no symbols; give at least two")
        found = np.array(list(self._known), dtype=np.str_)
        order = np.argsort(found)
        codes = reorder(np.frombuffer(self._codes, dtype=np.uint32).astype(code_type(len(order))), order)
        self._codes = array("I")
        offsets = np.array(self._ends, dtype=np.int64)
        return Table(
            values=codes[:, None], columns=columns, offsets=offsets, symbols=found[order], separator=separator, **rest
        )
