"""How a unit responds to each symbol, or to values of a column."""

from __future__ import annotations

from dataclasses import dataclass

from seqcore.results.base import Rows, Values, View, Words, exact
from seqcore.results.formatting import named
from seqcore.results.internals import readable

__all__ = ["ResponseView"]


@dataclass(frozen=True)
class ResponseView(View):
    """The expected response of a unit to each of n inputs (RNNVis, Ming et al. 2017).

    `mean[n]` is the mean over all steps with such an input of what the unit's value changes by at that step or, if not
    `change`, of the value itself; `low[n]` and `high[n]` are the quartiles, `count[n]` the steps. `labels[n]` are
    symbols, or ranges of `column`, whose centers are `centers[n]`; of symbols those are their ranks.
    """

    kind = "response"

    labels: Words
    centers: Values
    mean: Values
    low: Values
    high: Values
    count: Values
    name: str
    layer_title: str
    unit: int
    column: str
    symbolic: bool
    change: bool = True
    model_step: int = 0
    title: str = ""

    @property
    def what(self) -> str:
        """What is measured, as an axis title."""
        return f"{'change of ' if self.change else ''}{readable(self.name).lower()}, unit {self.unit + 1}"

    @property
    def caption(self) -> str:
        """How to read the figure."""
        inputs = "symbol" if self.symbolic else f"range of {self.column}"
        return f"Mean {self.what} for each {inputs}; the bars reach from the first to the third quartile."

    def table(self) -> Rows:
        """One row for each input."""
        numbers = zip(self.mean, self.low, self.high, self.count, strict=True)
        rows = [
            [label, exact(mean), exact(low), exact(high), int(count)]
            for label, (mean, low, high, count) in zip(self.labels, numbers, strict=True)
        ]
        return [self.column, "mean", "first quartile", "third quartile", "steps"], rows

    def summary(self) -> Rows:
        """The same in few digits."""
        header, rows = self.table()
        short = [[named(row[0]), *(f"{float(v):.4f}" if v else "" for v in row[1:4]), f"{row[4]:,}"] for row in rows]
        return header, short
