"""The error of the model and of each baseline by how many steps ahead they predict."""

from __future__ import annotations

from dataclasses import dataclass

from seqcore.results.base import Rows, Values, View, exact
from seqcore.results.formatting import format_number
from seqcore.results.thinning import evenly

__all__ = ["MODEL", "HorizonView"]

MODEL = "Model"
MOST_STEPS = 12  # of a summary


@dataclass(frozen=True)
class HorizonView(View):
    """The error of each method, `errors[title][H]`, 1 to H steps ahead; the model comes first, as `MODEL`."""

    kind = "horizon"
    caption = (
        "Error by steps ahead. Blue: model. Dashed: best baseline. Thin: other baselines; some may lie above the axis."
    )

    errors: dict[str, Values]
    metric: str = "mae"
    title: str = ""

    def table(self) -> Rows:
        """A row for each number of steps ahead."""
        steps = max(map(len, self.errors.values()), default=0)
        rows = [[h + 1, *(exact(error[h]) for error in self.errors.values())] for h in range(steps)]
        return ["steps ahead", *self.errors], rows

    def summary(self) -> Rows:
        """The same for a few numbers of steps, in few digits."""
        steps = max(map(len, self.errors.values()), default=0)
        shown = evenly(steps, MOST_STEPS).tolist()
        rows = [(f"{i + 1:,}", *(format_number(float(error[i])) for error in self.errors.values())) for i in shown]
        return ("steps ahead", *self.errors), rows
