"""Conversion of rows of pixel values to frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcore.results import FramesView, SeriesView

__all__ = ["MAX_CONTEXT_FRAMES", "frames_view", "to_frames"]

MAX_CONTEXT_FRAMES = 8  # context frames


def frames_view(view: SeriesView, frame: tuple[int, int]) -> FramesView:
    """Predicted rows [n, height * width] as frames."""
    return FramesView(
        prediction=to_frames(view.prediction, frame),
        truth=None if view.truth is None else to_frames(view.truth, frame),
        context=None if view.context is None else to_frames(view.context[-MAX_CONTEXT_FRAMES:], frame),
        title=view.title,
        replicas=None if view.replicas is None else np.stack([to_frames(own, frame) for own in view.replicas]),
    )


def to_frames(rows: NDArray[np.float64], frame: tuple[int, int]) -> NDArray[np.float64]:
    """[n, height * width] -> [n, height, width], clipped to 0 to 1."""
    return np.clip(np.nan_to_num(rows), 0.0, 1.0).reshape(-1, *frame)
