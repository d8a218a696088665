"""The base class of all sources: a section of options that makes a table."""

from __future__ import annotations

from seqcore.data.table import Table
from seqcore.experiment.fields import Options

__all__ = ["Source"]


class Source(Options):
    """Base of all sources. Its fields are the options of the source: forms, help and checks are derived from them."""

    def table(self) -> Table:
        """The values, the same at each call. DataError where the options allow none."""
        raise NotImplementedError
