"""What a step of a sequence is, for people: a row, a word, a picture, a hundredth of a second."""

from __future__ import annotations

from dataclasses import dataclass

from seqcore.data.audio import FRAME_SECONDS
from seqcore.data.table import Table

__all__ = ["FRAME", "PICTURE", "STEP", "StepUnit", "unit_of", "unit_of_symbols"]


@dataclass(frozen=True)
class StepUnit:
    """The word for one step and for several; `seconds` is how long one takes, where that is known."""

    one: str
    many: str
    seconds: float | None = None

    @property
    def axis(self) -> str:
        """What an axis counts whose places are `of(steps)`."""
        return self.one if self.seconds is None else "seconds"

    @property
    def size(self) -> float:
        """How far apart two steps are on that axis."""
        return 1.0 if self.seconds is None else self.seconds

    def counted(self, steps: int) -> str:
        """So many of them: "7 words", "0.78 s"."""
        if self.seconds is not None:
            return f"{steps * self.seconds:.3g} s"
        return f"{steps:,} {self.one if steps == 1 else self.many}"

    def span(self, low: int, high: int) -> str:
        """From so many to so many: "7 to 12 words", "0.2 to 0.71 s"."""
        least = f"{low:,}" if self.seconds is None else f"{low * self.seconds:.3g}"
        return self.counted(high) if low == high else f"{least} to {self.counted(high)}"


STEP = StepUnit("step", "steps")
ROW = StepUnit("row", "rows")
PICTURE = StepUnit("picture", "pictures")
FRAME = StepUnit("frame", "frames", FRAME_SECONDS)


def unit_of_symbols(separator: str) -> StepUnit:
    """Words where something stands between symbols, else characters."""
    return StepUnit("word", "words") if separator else StepUnit("character", "characters")


def unit_of(table: Table) -> StepUnit:
    """What a row of a table is."""
    if table.symbolic:
        return unit_of_symbols(table.separator)
    if table.recordings is not None:
        return FRAME
    return ROW if table.frame is None else PICTURE
