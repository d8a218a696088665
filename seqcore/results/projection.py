"""The path of a state over the steps of an example, in its first principal components."""

from __future__ import annotations

from dataclasses import dataclass

from seqcore.results.base import Rows, Values, View, Words, exact
from seqcore.results.internals import readable

__all__ = ["ProjectionView"]


@dataclass(frozen=True)
class ProjectionView(View):
    """`points[T, C]`: the state at each step, along its C directions of largest variance over these steps.

    `explained[C]` are the shares of the variance; `numbers[T]` and `steps[T]` the steps, from 0, and their labels.
    `directions[C, D]` and `mean[D]` lead from states to points: (state - mean) @ directions.T.
    """

    kind = "projection"

    points: Values
    explained: Values
    directions: Values
    mean: Values
    numbers: tuple[int, ...]
    steps: Words
    name: str
    layer_title: str
    model_step: int = 0
    title: str = ""

    @property
    def caption(self) -> str:
        """How to read the figure."""
        shares = " and ".join(f"{share:.0%}" for share in self.explained)
        return (
            f"The path of the {readable(self.name).lower()} from the first step (light) to the last (dark) in its "
            f"first principal components, which have {shares} of the variance. Points that lie together are similar."
        )

    def table(self) -> Rows:
        """One row for each step."""
        rows = [
            [number + 1, label, *map(exact, point)]
            for number, label, point in zip(self.numbers, self.steps, self.points.tolist(), strict=True)
        ]
        return ["step", "label", *(f"component {i + 1}" for i in range(self.points.shape[1]))], rows

    def summary(self) -> Rows:
        """The share of the variance along each component, and its range."""
        rows = [
            [f"component {i + 1}", f"{share:.1%}", f"{column.min():.3f}", f"{column.max():.3f}"]
            for i, (share, column) in enumerate(zip(self.explained, self.points.T, strict=True))
        ]
        return ["component", "variance", "lowest", "highest"], rows
