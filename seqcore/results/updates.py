"""How much an update changes each weight, relative to its size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcore.results.base import Rows, Values, View, Words, exact
from seqcore.results.formatting import listed

__all__ = ["RULE_OF_THUMB", "UpdatesView"]

RULE_OF_THUMB = (3e-4, 3e-3)
"""About 1e-3, within a factor of 3 (CS231n course notes, "Neural Networks Part 3": ratio of weights to updates)."""


def _written(ratio: float) -> str:
    return f"{ratio:.2g}" if np.isfinite(ratio) else "not finite"


@dataclass(frozen=True)
class UpdatesView(View):
    """Norm of the next update over the norm of the weights, for each weight matrix at each snapshot.

    `ratios[S, P]` at training steps `model_steps[S]` for the weights `names[P]`; NaN where all weights are zero. Of
    replicas, medians.
    """

    kind = "updates"
    width_of = "names"

    model_steps: tuple[int, ...]
    names: Words
    ratios: Values
    title: str = ""
    note: str = ""

    @property
    def caption(self) -> str:
        """How to read the figure."""
        return (
            "Size of the next update relative to the weights, for each weight matrix at each snapshot. Shaded: "
            "about 1/1000, a rule of thumb (CS231n notes); far above, the learning rate may be too high, far below too "
            f"low.{' ' + self.note if self.note else ''}"
        )

    def table(self) -> Rows:
        """One row for each snapshot."""
        rows = [[step, *map(exact, row)] for step, row in zip(self.model_steps, self.ratios, strict=True)]
        return ["step", *self.names], rows

    def summary(self) -> Rows:
        """The ratios at the first and at the last snapshot."""
        if not self.model_steps:
            return ["weights"], []
        ends = sorted({0, len(self.model_steps) - 1})
        header = ["weights", *(f"step {self.model_steps[s]:,}" for s in ends)]
        return header, [[name, *(_written(self.ratios[s, p]) for s in ends)] for p, name in enumerate(self.names)]

    def outside(self) -> str:
        """Which weights are far from the rule of thumb at the last snapshot, in words; nothing where none is."""
        if not self.model_steps:
            return ""
        last = self.ratios[-1]
        with np.errstate(invalid="ignore"):
            high = [n for n, r in zip(self.names, last.tolist(), strict=True) if r > 10 * RULE_OF_THUMB[1]]
            low = [n for n, r in zip(self.names, last.tolist(), strict=True) if 0 < r < RULE_OF_THUMB[0] / 10]
        parts = [f"far above: {listed(high, 3)}"] if high else []
        return "; ".join([*parts, *([f"far below: {listed(low, 3)}"] if low else [])])
