"""A small table of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seqcore.results.base import Rows, View, Words
from seqcore.results.formatting import format_number

__all__ = ["TableView"]


@dataclass(frozen=True)
class TableView(View):
    """Rows of texts and numbers under `columns`."""

    kind = "table"
    caption = ""

    columns: Words
    rows: tuple[tuple[Any, ...], ...]
    title: str = ""

    def table(self) -> Rows:
        """The cells as they are."""
        return self.columns, self.rows

    def summary(self) -> Rows:
        """The cells, numbers in few digits."""
        rows = [[format_number(v) if isinstance(v, float) else str(v) for v in row] for row in self.rows]
        return self.columns, rows
