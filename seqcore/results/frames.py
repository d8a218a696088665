"""Predicted and true frames of a video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seqcore.results.base import Answer, Rows, Values, View, exact, plain

__all__ = ["FramesView"]


@dataclass(frozen=True)
class FramesView(View):
    """Frames in the order of time, from 0 (dark) to 1: `prediction[n, h, w]`, `truth`, and `context[m, h, w]` before
    them. `replicas[R, n, h, w]` are the predictions of R models trained together, whose mean `prediction` is."""

    kind = "frames"

    prediction: Values
    truth: Values | None = None
    context: Values | None = None
    title: str = ""
    replicas: Values | None = None

    @property
    def caption(self) -> str:
        """How to read the figure."""
        seeds = "" if self.replicas is None else f" Predicted: mean over {len(self.replicas)} seeds."
        return ("Predicted frames." if self.truth is None else "Observed and predicted frames.") + seeds

    def table(self) -> Rows:
        """A row for each frame: every pixel as predicted and, where known, as observed.

        Of replicas a row for their mean and one for each, which the column "replica" tells.
        """
        n, height, width = self.prediction.shape
        points = [f"{row + 1}.{column + 1}" for row in range(height) for column in range(width)]
        header = ["frame", *(f"{p} predicted" for p in points), *(points if self.truth is not None else [])]
        videos: list[tuple[list[Any], Values]] = [([], self.prediction)]
        if self.replicas is not None:
            header.insert(1, "replica")
            videos = [(["mean"], self.prediction), *(([k], own) for k, own in enumerate(self.replicas, 1))]
        rows = []
        for i in range(n):
            true = [] if self.truth is None else self.truth[i].ravel().tolist()
            for which, video in videos:
                rows.append([i + 1, *which, *map(exact, [*video[i].ravel().tolist(), *true])])
        return header, rows

    def answer(self, given: Any, text: str) -> Answer:
        """The frames as JSON; a line of text says how many they are."""
        value = {"input": text, "prediction": plain(self.prediction)}
        value |= {} if self.replicas is None else {"replicas": plain(self.replicas)}
        return Answer(value, f"{len(self.prediction)} frames; --json prints them")
