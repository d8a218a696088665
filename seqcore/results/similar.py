"""Moments in the data at which the same units are active as in a chosen span of steps."""

from __future__ import annotations

from dataclasses import dataclass

from seqcore.results.base import Rows, View, Words
from seqcore.results.internals import readable

__all__ = ["SimilarMoment", "SimilarView"]

_BESIDE = 30  # symbols of a match in a line of text


@dataclass(frozen=True)
class SimilarMoment:
    """Steps `first` to `last` (from 0, both included) of an example, and what stands there.

    `before`, `inside` and `after` are labels of steps, or values as text. `shared` of the chosen units are active at
    all of its steps, and `others` beside them; `score` is shared / (chosen + others), 1 where the same units are.
    """

    split: str
    index: int
    title: str
    first: int
    last: int
    before: Words
    inside: Words
    after: Words
    shared: int
    others: int
    score: float


@dataclass(frozen=True)
class SimilarView(View):
    """The moments that are most like steps `first` to `last` of an example (LSTMVis, Strobelt et al. 2018).

    `units` are those (from 0) whose value of `name` is at least `threshold` at each step of the span; `moments` the
    best in `searched` steps of the data, without overlaps, the most alike first.
    """

    kind = "similar"

    name: str
    layer_title: str
    threshold: float
    first: int
    last: int
    inside: Words
    units: tuple[int, ...]
    moments: tuple[SimilarMoment, ...]
    searched: int
    separator: str = " "
    model_step: int = 0
    title: str = ""

    @property
    def caption(self) -> str:
        """How to read the figure."""
        return (
            f"Moments at which the {len(self.units)} units are active whose {readable(self.name).lower()} is at least "
            f"{self.threshold:g} from step {self.first + 1} to {self.last + 1}, the most alike first"
        )

    def table(self) -> Rows:
        """One row for each moment."""
        rows = [
            [m.split, m.index, m.title, m.first + 1, m.last + 1, *self.texts(m), m.shared, m.others, f"{m.score:.4f}"]
            for m in self.moments
        ]
        header = ["split", "index", "example", "first step", "last step", "before", "inside", "after"]
        return [*header, "shared units", "other units", "score"], rows

    def texts(self, moment: SimilarMoment) -> tuple[str, str, str]:
        """What stands before, inside and after a moment, as text."""
        parts = (moment.before, moment.inside, moment.after)
        before, inside, after = (self.separator.join(part) for part in parts)
        return before, inside, after

    def summary(self) -> Rows:
        """The best moments with what stands there."""
        rows = []
        for m in self.moments:
            before, inside, after = (" ".join(text.split()) for text in self.texts(m))
            text = f"{before[-_BESIDE:]} [{inside[: 2 * _BESIDE]}] {after[:_BESIDE]}"
            rows.append([m.title[:40], f"{m.first + 1} to {m.last + 1}", f"{m.shared} of {len(self.units)}", text])
        return ["example", "steps", "shared units", "there"], rows
