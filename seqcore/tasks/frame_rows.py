"""Conversion of rows of pixel values to frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcore.results import FramesView, SeriesView

__all__ = ["MOST_BEFORE", "as_film", "pictures"]

MOST_BEFORE = 8  # context frames


def as_film(view: SeriesView, frame: tuple[int, int]) -> FramesView:
    """Predicted rows [n, height * width] as frames."""
    return FramesView(
        prediction=pictures(view.prediction, frame),
        truth=None if view.truth is None else pictures(view.truth, frame),
        context=None if view.context is None else pictures(view.context[-MOST_BEFORE:], frame),
        title=view.title,
    )


def pictures(rows: NDArray[np.float64], frame: tuple[int, int]) -> NDArray[np.float64]:
    """[n, height * width] -> [n, height, width], clipped to 0 to 1."""
    return np.clip(np.nan_to_num(rows), 0.0, 1.0).reshape(-1, *frame)
