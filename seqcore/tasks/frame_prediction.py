"""Frame prediction: recursive generation of video frames."""

from __future__ import annotations

import numpy as np
from torch import nn

from seqcore.data.numeric_dataset import NumericDataset
from seqcore.models.replicated import ensemble_mean, replica_count
from seqcore.results import FramesView
from seqcore.tasks.frames import MAX_CONTEXT_FRAMES, to_frames
from seqcore.tasks.rollout import recursive_forecast

__all__ = ["predicts_frames", "recursive_frames_view"]

MAX_FRAMES = 16  # generated frames


def predicts_frames(data: NumericDataset) -> bool:
    """Whether whole frames are predicted from whole frames, so that recursive generation is possible."""
    return data.codec.frame is not None and data.lead == 1 and data.inputs == data.targets


def recursive_frames_view(model: nn.Module, data: NumericDataset, part: str) -> FramesView:
    """Frames generated recursively after the first window of a split."""
    frame = data.codec.frame
    assert frame is not None
    first, length, sequence = (int(a[0]) for a in data.windows[part].locate(np.array([0])))
    end = next(high for s, _, high in data.bounds[part] if s == sequence)
    rows = np.arange(first + length, min(first + length + MAX_FRAMES, end))
    each = recursive_forecast(model, data, part, np.array([0]), steps=len(rows))
    prediction = ensemble_mean(model, each)[0, 0]
    replicas = None if replica_count(model) == 1 else np.stack([to_frames(own, frame) for own in each[:, 0, 0]])
    before = np.arange(max(first, first + length - MAX_CONTEXT_FRAMES), first + length)
    return FramesView(
        prediction=to_frames(prediction, frame),
        truth=to_frames(data.target_values[rows], frame),
        context=to_frames(data.target_values[before], frame),
        title="Recursive prediction: each frame from predicted frames",
        replicas=replicas,
    )
