"""Audio players for recordings."""

from __future__ import annotations

import io
import wave

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from seqcore.data.table import Table
from seqcore.plots.labels import with_class
from seqcore.results.formatting import counted
from seqcore.results.thinning import evenly

__all__ = ["play", "recordings_player"]

MAX_LISTED = 500  # recordings in the selection box


def play(samples: NDArray[np.float32], rate: int, *, label: str) -> None:
    """A player for one waveform from -1 to 1, without normalization."""
    st.audio(_wav(samples, rate), format="audio/wav", alt=label)


def recordings_player(table: Table, *, key: str) -> None:
    """Select a recording of a table and play it. Shows nothing if the table has none."""
    sound = table.recordings
    if sound is None:
        return
    count = len(sound.samples)
    listed = evenly(count, MAX_LISTED).tolist()
    left, right = st.columns([1, 1.4], vertical_alignment="bottom")
    place = left.selectbox(
        "Recording",
        listed,
        format_func=lambda i: _name(table, i),  # a select box shows no Markdown
        key=key,
        help=counted(count, "recording") + (f", of which {MAX_LISTED} are listed." if count > MAX_LISTED else "."),
    )
    with right:
        play(sound.waveform(place), sound.rates[place], label=_name(table, place))


def _name(table: Table, place: int) -> str:
    name = table.names[place] if table.names else f"Recording {place + 1}"
    return with_class(name, None if table.labels is None else str(table.labels[place]))


def _wav(samples: NDArray[np.float32], rate: int) -> bytes:
    """16-bit WAV, one channel. (Streamlit's own conversion normalizes the volume.)"""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(samples, -1.0, 1.0) * 32_767).astype("<i2").tobytes())
    return file.getvalue()
