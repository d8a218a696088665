"""Input of frames to a model of videos: the first frames of a video from the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from seqcore.data.splits import SPLIT_TITLES, split_bounds
from seqcore.data.table import Table
from seqcore.export import scored_split

if TYPE_CHECKING:
    from seqcore.inference.predictor import Predictor

__all__ = ["frames"]

MAX_LISTED = 100  # videos in the selection box


def frames(predictor: Predictor, table: Table, *, key: str) -> NDArray[np.float64] | None:
    """The first frames of a selected video, [T, F]: what `predict` takes."""
    data = predictor.experiment.data
    split = scored_split(predictor.experiment)
    videos = split_bounds(table, data.validation_fraction, data.test_fraction)[split][:MAX_LISTED]
    if not videos:
        return None
    place = st.selectbox(
        f"Video from the {SPLIT_TITLES[split]} split",
        range(len(videos)),
        format_func=lambda i: table.names[videos[i][0]] if table.names else f"Video {videos[i][0] + 1}",
        key=f"{key}-video",
        help="Videos of the test split were not used in training." if split == "test" else "Videos from the data.",
    )
    _, low, high = videos[place]
    most = min(high - low, 4 * data.window)
    seen = most if most < 2 else st.slider(
        "Input frames", 1, most, min(data.window, most), key=f"{key}-seen-{place}",
        help="From the start of the video. A single frame does not show the direction of movement.",
    )  # fmt: skip
    columns = [table.columns.index(name) for name in predictor.columns]
    return np.asarray(table.values[low : low + int(seen)][:, columns], dtype=np.float64)
