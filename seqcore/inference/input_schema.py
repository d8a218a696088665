"""New data for a finished model: whether they are what it was trained on, said in its words where they aren't."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from seqcore.data.sources.stored_file import FileOptions
from seqcore.data.table import Table
from seqcore.errors import DataError

__all__ = ["Needs"]

_LISTED = 8  # columns that a message names
_NAMELESS = re.compile(r"value|(column|dimension) \d+")  # what columns are called whose file has no names for them


@dataclass(frozen=True)
class Needs:
    """What a model's data must be: numbers in `columns`, or symbols where there are none; `kind` as a codec's
    `input_kind`."""

    kind: str
    columns: tuple[str, ...] = ()

    def table_in(self, read: Callable[[FileOptions], Table], options: FileOptions, *, name: str) -> Table:
        """The table that `read` finds in a file with the model's own options. DataError: see `suited`; what is wrong
        with the file itself."""
        try:
            table = read(options)
        except DataError as error:  # of another kind altogether, perhaps: then that is what there is to say
            try:
                other = read(FileOptions())
            except DataError:
                raise error from None
            if self._is_of_kind(other):
                raise
            raise self._unsuited(other, name) from None
        return self.suited(table, name=name)

    def suited(self, table: Table, *, name: str = "new data") -> Table:
        """`table` with its columns called as the model calls them, where one side has no names for them.

        DataError, one line: what the model needs and what there is instead.
        """
        if not self._is_of_kind(table):
            raise self._unsuited(table, name)
        if not self.columns or set(self.columns) <= set(table.columns):
            return table
        nameless = any(all(map(_NAMELESS.fullmatch, names)) for names in (self.columns, table.columns))
        if not nameless or len(table.columns) != len(self.columns):
            raise self._unsuited(table, name)
        note = f"Taken in order: {_listed(table.columns)} as {_listed(self.columns)}."
        return replace(table, columns=self.columns, notes=(*table.notes, note))

    def _is_of_kind(self, table: Table) -> bool:
        if not (table.numeric_columns and self.columns):
            return not table.numeric_columns and not self.columns
        return set(self.columns) <= set(table.columns) or (table.recordings is not None) == (self.kind == "sound")

    def _unsuited(self, table: Table, name: str) -> DataError:
        return DataError(f"{name}: this model needs {self}, and these data {_what_they_are(table)}")

    def __str__(self) -> str:
        if self.kind == "sound":
            return "recordings (a WAV, or a ZIP of them)"
        if self.kind == "sentence":
            return "sentences, or pairs of them"
        if not self.columns:
            return "text"
        if self.columns == ("value",):
            return "numbers in one column"
        return f"the column{'s' * (len(self.columns) > 1)} {_listed(self.columns)}"


def _what_they_are(table: Table) -> str:
    if not table.tabular or table.recordings is not None:
        return f"are {table.kind}"
    if table.columns == ("value",):
        return "have one column of numbers"
    return f"have {'' if len(table.columns) > 1 else 'only '}{_listed(table.columns)}"


def _listed(names: tuple[str, ...]) -> str:
    """ "x", "x and y", "x, y and 9 more"."""
    if len(names) > _LISTED:
        return f"{', '.join(names[:_LISTED])} and {len(names) - _LISTED:,} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
