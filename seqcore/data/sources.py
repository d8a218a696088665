"""Where values come from without a file. A new source is one class here and one line in `SOURCES`.

A source's fields are its options (the widgets are made from them); `table()` makes its values, the same ones each time.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from seqcore.data.table import Table
from seqcore.fields import Section, setting

__all__ = ["SOURCES", "BouncingBall", "Source"]


class Source(Section):
    """Base of all sources: frozen options, and the table that they give."""

    title: ClassVar[str]
    help: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]] = ("regression",)  # the first is the usual one
    stored: ClassVar[bool] = False  # whether the values are kept in a store and must be given to `fit` as a table

    def table(self) -> Table:
        """The values. DataError where the options can't give any."""
        raise NotImplementedError


class BouncingBall(Source):
    """Heights of a ball that falls, bounces with a loss, and is kicked up again when it has nearly stopped."""

    title: ClassVar[str] = "Bouncing ball"
    help: ClassVar[str] = "Heights of a ball that bounces and is kicked up again when it has nearly stopped."

    samples: int = setting(1500, "How many heights are measured.", minimum=20, maximum=1_000_000, usual=True)
    bounce: float = setting(0.8, "The part of its speed that the ball keeps at each bounce.", above=0.0, maximum=0.99)
    time_step: float = setting(
        0.04, "Time between two measurements.", unit="s", above=0.0, maximum=1.0, title="Time step"
    )
    noise: float = setting(0.0, "Spread of the measuring error.", unit="m", minimum=0.0, maximum=1.0)
    seed: int = setting(0, "The same seed gives the same values.", minimum=0, maximum=2**31 - 1)

    def table(self) -> Table:
        """One series of heights in metres, [samples, 1]."""
        rng = np.random.default_rng(self.seed)
        gravity, substeps = 9.81, 10
        dt = self.time_step / substeps
        height, speed = 1.0, 0.0
        heights = np.empty(self.samples)
        for i in range(self.samples):
            heights[i] = height
            for _ in range(substeps):
                speed -= gravity * dt
                height += speed * dt
                if height < 0.0:
                    height, speed = -height, -speed * self.bounce
                    if speed < 1.0:
                        speed = 3.5 + rng.random()
        if self.noise:
            heights += rng.normal(0.0, self.noise, self.samples)
        times_title = f"measurement (one every {self.time_step:g} s)"
        return Table(values=heights[:, None], columns=("height",), x_title=times_title)


SOURCES: dict[str, type[Source]] = {
    "bouncing-ball": BouncingBall,
}
