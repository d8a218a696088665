"""Units of a time step in labels and messages: row, word, character, frame, 10 ms of sound."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FRAME_SECONDS", "IMAGE", "ROW", "SOUND_FRAME", "STEP", "StepUnit", "unit_of_symbols"]

FRAME_SECONDS = 0.01  # from one frame of a recording to the next


@dataclass(frozen=True)
class StepUnit:
    """Singular and plural; `seconds` is the duration of one step, where it has one."""

    one: str
    many: str
    seconds: float | None = None

    @property
    def axis(self) -> str:
        """Title of an axis whose ticks are multiples of `size`."""
        return self.one if self.seconds is None else "seconds"

    @property
    def size(self) -> float:
        """Distance between two steps on that axis."""
        return 1.0 if self.seconds is None else self.seconds

    def counted(self, steps: int) -> str:
        """A number of steps as text: "7 words", "0.78 s"."""
        if self.seconds is not None:
            return f"{steps * self.seconds:.3g} s"
        return f"{steps:,} {self.one if steps == 1 else self.many}"

    def span(self, low: int, high: int) -> str:
        """A range as text: "7 to 12 words", "0.2 to 0.71 s"."""
        least = f"{low:,}" if self.seconds is None else f"{low * self.seconds:.3g}"
        return self.counted(high) if low == high else f"{least} to {self.counted(high)}"


STEP = StepUnit("step", "steps")
ROW = StepUnit("row", "rows")
IMAGE = StepUnit("frame", "frames")
SOUND_FRAME = StepUnit("frame", "frames", FRAME_SECONDS)


def unit_of_symbols(separator: str) -> StepUnit:
    """Words where a separator stands between symbols, else characters."""
    return StepUnit("word", "words") if separator else StepUnit("character", "characters")
