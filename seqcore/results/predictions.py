"""Predictions of several models for the same rows or frames, beside the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcore.results.base import Positions, Rows, Values, View, Words, exact, exact_column
from seqcore.results.series import positions

__all__ = ["PredictionsView", "VideosView"]


@dataclass(frozen=True)
class PredictionsView(View):
    """Values over time: `truth[n, K]` and `predictions[m, n, K]` of the `models[m]`, in original units, at `x[n]`.

    `of` is the number of rows that could be shown. NaN where a value is not known.
    """

    kind = "predictions"
    width_of = "columns"

    x: Positions
    models: Words
    predictions: Values
    truth: Values
    columns: Words = ("value",)
    x_title: str = "step"
    of: int = 0
    title: str = ""
    places: tuple[int, ...] = ()  # of the models among all that are compared, which tell their colors

    @property
    def errors(self) -> list[float]:
        """The mean absolute error of each model on the rows shown; NaN where no truth is known."""
        known = np.isfinite(self.truth) & np.isfinite(self.predictions)
        size = np.where(known, np.abs(self.predictions - np.nan_to_num(self.truth)), 0.0)
        count = known.sum(axis=(1, 2))
        return [float(s / c) if c else float("nan") for s, c in zip(size.sum(axis=(1, 2)), count, strict=True)]

    @property
    def caption(self) -> str:
        """How to read the figure."""
        part = f" {len(self.x):,} of {self.of:,} rows." if self.of > len(self.x) else ""
        return f"Black (white in the dark): the truth. Colors: each model's prediction of the same rows.{part}"

    def table(self) -> Rows:
        """The row or date, then for each column the truth and the prediction of each model."""
        header = [self.x_title]
        for column in self.columns:
            header += [column, *(f"{column} {model}" for model in self.models)]
        truth = [exact_column(own) for own in self.truth.T]
        rows = []
        for place, x in enumerate(positions(self.x)):
            row = [x]
            for k in range(len(self.columns)):
                row += [truth[k][place], *(exact(own[place, k]) for own in self.predictions)]
            rows.append(row)
        return header, rows


@dataclass(frozen=True)
class VideosView(View):
    """Frames in the order of time, from 0 to 1: `truth[n, h, w]` and `predictions[m, n, h, w]` of the `models[m]`."""

    kind = "videos"

    models: Words
    predictions: Values
    truth: Values | None = None
    title: str = ""

    @property
    def caption(self) -> str:
        """How to read the figure."""
        return "Columns: frames in order of time. First row: the truth; below it each model's prediction."

    def table(self) -> Rows:
        """A row for each frame and model: every pixel; the truth is a row of its own."""
        _, n, height, width = self.predictions.shape
        header = ["frame", "model", *(f"{r + 1}.{c + 1}" for r in range(height) for c in range(width))]
        videos = [] if self.truth is None else [("truth", self.truth)]
        videos += list(zip(self.models, self.predictions, strict=True))
        return header, [
            [i + 1, name, *map(exact, video[i].ravel().tolist())] for i in range(n) for name, video in videos
        ]
