"""Input schema of a trained model: the kind and columns of its data, and checks of new data against them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seqcore.data.sources.stored_file import FileOptions
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.results.formatting import enumerated, listed

__all__ = ["InputSchema"]

_LISTED = 8  # columns named in a message
_NAMELESS = re.compile(r"value|(column|dimension) \d+")  # names given to columns of files without a header


@dataclass(frozen=True)
class InputSchema:
    """The data that a model takes: numbers in `columns`, or symbols if there are none; `kind` is the codec's
    `input_kind`, and `labels` are the classes that it predicts."""

    kind: str
    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def read(self, read: Callable[[FileOptions], Table], options: FileOptions, *, name: str) -> Table:
        """Read a file with the model's own options and match it. DataError: a fault of the file, or as in `match`."""
        try:
            table = read(options)
        except DataError as error:  # perhaps the file has another kind; then that is the error to report
            try:
                other = read(FileOptions())
            except DataError:
                raise error from None
            if self._is_of_kind(other):
                raise
            raise self._mismatch(other, name) from None
        return self.match(table, name=name)

    def match(self, table: Table, *, name: str = "new data") -> Table:
        """`table` with the model's column names, taken in order if one side has no names.

        Levels of a category that these data don't have are columns of 0. A note tells of labels that the model doesn't
        know. DataError, one line: what the model needs and what the data have.
        """
        table = self._with_levels(table)
        if not self._is_of_kind(table):
            raise self._mismatch(table, name)
        if (note := self.labels_note(table)) and note not in table.notes:
            table = replace(table, notes=(*table.notes, note))
        if not self.columns or set(self.columns) <= set(table.columns):
            return table
        nameless = any(all(map(_NAMELESS.fullmatch, names)) for names in (self.columns, table.columns))
        if not nameless or len(table.columns) != len(self.columns):
            raise self._mismatch(table, name)
        note = f"Columns are matched in order: {_listed(table.columns)} as {_listed(self.columns)}."
        return replace(table, columns=self.columns, notes=(*table.notes, note))

    def _with_levels(self, table: Table) -> Table:
        """The table with a column of 0 for each lacking level of a category that it has."""
        have = {role.column for role in table.report.roles if role.role == "category"}
        have |= {name.partition("=")[0] for name in table.columns if "=" in name}
        lacking = [n for n in self.columns if n not in table.columns and n.partition("=")[0] in have and "=" in n]
        if not lacking or not table.numeric_columns:
            return table
        values = np.concatenate([table.values, np.zeros((len(table), len(lacking)))], axis=1)
        return replace(table, values=values, columns=(*table.columns, *lacking))

    def labels_note(self, table: Table) -> str:
        """A sentence about labels of these data that are no class of the model; "" if there are none."""
        if not self.labels or table.labels is None:
            return ""
        unknown = ~np.isin(table.labels, [*self.labels, ""])  # "": no label
        if not unknown.any():
            return ""
        seen = _named(np.unique(table.labels[unknown]).tolist())
        count = int(np.sum(table.labels != ""))
        if unknown.sum() == count:
            what = f"None of the {count:,} labels is known to the model: these data have {seen}"
            return f"{what}, the model predicts {_named(self.labels)}; all count as errors, check the label column."
        return f"{int(unknown.sum()):,} of {count:,} labels are not known to the model ({seen}) and count as errors."

    def _is_of_kind(self, table: Table) -> bool:
        if not (table.numeric_columns and self.columns):
            return not table.numeric_columns and not self.columns
        return set(self.columns) <= set(table.columns) or (table.recordings is not None) == (self.kind == "sound")

    def _mismatch(self, table: Table, name: str) -> DataError:
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


def _named(labels: Sequence[str]) -> str:
    """The first labels in quotation marks."""
    return listed([repr(str(label)) for label in labels], 5)


def _listed(names: tuple[str, ...]) -> str:
    """ "x", "x and y", "x, y and 9 more"."""
    if len(names) > _LISTED:
        return listed(names, _LISTED)
    return enumerated(names)
