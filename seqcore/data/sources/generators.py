"""Synthetic sources (ramps, sines, a bouncing ball, the alphabet) and the stock prices of the plotly package."""

from __future__ import annotations

import math
import string
from typing import Any

import numpy as np

from seqcore.data.sources.source import Source, check_size
from seqcore.data.table import Table, equal_sequences, symbol_table
from seqcore.experiment.fields import setting

__all__ = ["Alphabet", "BouncingBall", "Ramp", "RampSequences", "Sine", "SineCosine", "Stocks", "Tenths"]

COMPANIES = {
    "GOOG": "Alphabet",
    "AAPL": "Apple",
    "AMZN": "Amazon",
    "FB": "Facebook",
    "NFLX": "Netflix",
    "MSFT": "Microsoft",
}
MOST_VALUES = 100_000_000  # of one table: 800 MB


class BouncingBall(Source):
    """Heights of a ball that bounces with energy loss and is kicked up when it has nearly stopped."""

    samples: int = setting(1500, "Number of time steps.", minimum=20, maximum=1_000_000, basic=True)
    bounce: float = setting(0.8, "Fraction of the speed kept at each bounce.", above=0.0, maximum=0.99)
    time_step: float = setting(0.04, "Time between two steps.", unit="s", above=0.0, maximum=1.0, title="Time step")
    noise: float = setting(0.0, "Standard deviation of the measurement noise.", unit="m", minimum=0.0, maximum=1.0)
    seed: int = setting(0, "Random seed of the data.", minimum=0, maximum=2**31 - 1)

    def table(self) -> Table:
        """One series of heights in meters, [samples, 1]."""
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


class Ramp(Source):
    """Values with a constant step: 10, 20, ... 90."""

    start: float = setting(10.0, "First value.", minimum=-1e9, maximum=1e9, basic=True)
    step: float = setting(10.0, "Difference between two values.", minimum=-1e6, maximum=1e6, basic=True)
    length: int = setting(9, "Number of values.", minimum=2, maximum=10_000_000, basic=True)

    def table(self) -> Table:
        """One series, [length, 1]."""
        values = self.start + self.step * np.arange(self.length)
        return Table(values=values[:, None], columns=("value",))


class Tenths(Source):
    """0.1, 0.2, ... 0.7."""

    length: int = setting(7, "Number of values.", minimum=2, maximum=1_000_000, basic=True)

    def table(self) -> Table:
        """One series, [length, 1]: each value is the float nearest to its tenth."""
        return Table(values=np.arange(1, self.length + 1)[:, None] / 10, columns=("value",))


class RampSequences(Source):
    """Many short ramps, each from a random start."""

    samples: int = setting(1000, "Number of ramps.", minimum=2, maximum=1_000_000, basic=True)
    length: int = setting(10, "Values in each ramp.", minimum=2, maximum=10_000, basic=True)
    step: float = setting(1.0, "Difference between two values.", minimum=-1e6, maximum=1e6, basic=True)
    largest_start: int = setting(100, "Largest random start.", minimum=0, maximum=1_000_000_000)
    seed: int = setting(0, "Random seed of the data.", minimum=0, maximum=2**31 - 1)

    def table(self) -> Table:
        """`samples` independent sequences, [samples * length, 1]."""
        check_size(self.samples, self.length, MOST_VALUES)
        starts = np.random.default_rng(self.seed).integers(0, self.largest_start + 1, self.samples)
        values = starts[:, None] + self.step * np.arange(self.length)
        return equal_sequences(values[..., None], ("value",))


class Sine(Source):
    """Segments of a sine wave with random phases."""

    samples: int = setting(1000, "Number of segments.", minimum=1, maximum=1_000_000, basic=True)
    length: int = setting(51, "Values in each segment.", minimum=2, maximum=1_000_000, basic=True)
    step: float = setting(0.1, "Angle between two values.", unit="rad", above=0.0, maximum=3.1, basic=True)
    noise: float = setting(0.0, "Standard deviation of the noise.", minimum=0.0, maximum=10.0, basic=True)
    seed: int = setting(0, "Random seed of the data.", minimum=0, maximum=2**31 - 1)

    def table(self) -> Table:
        """`samples` independent sequences, [samples * length, 1]."""
        check_size(self.samples, self.length, MOST_VALUES)
        rng = np.random.default_rng(self.seed)
        phases = rng.uniform(0.0, 2.0 * math.pi, (self.samples, 1))
        values = np.sin(phases + self.step * np.arange(self.length))
        if self.noise:
            values += rng.normal(0.0, self.noise, values.shape)
        return equal_sequences(values[..., None], ("value",))


class SineCosine(Source):
    """A sine and the cosine of the same angle: predict one from the other.

    Sampled so that windows of `points` steps at stride `points - 1` go from k pi to (k + 1) pi with both ends.
    """

    steps: int = setting(300, "Half periods: one for each training step.", minimum=1, maximum=100_000, basic=True)
    points: int = setting(10, "Points in a half period, including both ends.", minimum=2, maximum=1_000, basic=True)

    def table(self) -> Table:
        """One series, [steps * (points - 1) + 1, 2]: columns sine and cosine."""
        angles = np.arange(self.steps * (self.points - 1) + 1) * (math.pi / (self.points - 1))
        x_title = f"step (one every pi/{self.points - 1})"
        return Table(
            values=np.stack([np.sin(angles), np.cos(angles)], axis=1), columns=("sine", "cosine"), x_title=x_title
        )


class Alphabet(Source):
    """The letters in order: a, b, c, ..."""

    letters: int = setting(26, "Number of letters, starting with a.", minimum=2, maximum=26, basic=True)
    repeats: int = setting(20, "Repetitions of the alphabet.", minimum=1, maximum=100_000, basic=True)
    cyclic: bool = setting(
        True, "Whether a follows the last letter. If not, each repetition is a separate sequence.", basic=True
    )

    def table(self) -> Table:
        """[letters * repeats, 1] symbols: one sequence when cyclic, else `repeats` independent ones."""
        letters = string.ascii_lowercase[: self.letters]
        sequences = [letters * self.repeats] if self.cyclic else [letters] * self.repeats
        return symbol_table(map(list, sequences), columns=("letter",), independent=not self.cyclic, x_title="letter")


class Stocks(Source):
    """Weekly prices of six companies, 2018 and 2019, relative to the first week (in the plotly package)."""

    company: str = setting(
        "GOOG",
        "The company of the prices.",
        choices=[
            *((ticker, name, "") for ticker, name in COMPANIES.items()),
            ("all", "All six, as columns", "One column per company: a multivariate series."),
            ("series", "All six, as series", "One series per company: one model for all series."),
        ],
        basic=True,
    )

    def table(self) -> Table:
        """With dates, [105, 1], [105, 6], or six series [630, 1]; no unit: prices divided by the first week's."""
        from plotly import data  # imports pandas: only when it is used

        frame: Any = data.stocks()
        names = tuple(name for name in COMPANIES if self.company in (name, "all", "series"))
        values = frame[list(names)].to_numpy(dtype=np.float64)
        times = frame["date"].to_numpy(dtype="datetime64[ns]")
        if self.company != "series":
            return Table(values=values, columns=names, times=times, x_title="date")
        return Table(
            values=values.T.reshape(-1, 1),
            columns=("price",),
            offsets=np.arange(len(names) + 1, dtype=np.int64) * len(values),
            times=np.tile(times, len(names)),
            names=names,
            x_title="date",
        )
