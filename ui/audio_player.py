"""Listening to the sounds that data were made from."""

from __future__ import annotations

import io
import wave

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from seqcore.data.table import Table
from seqcore.plots.labels import with_class

__all__ = ["listen", "play"]

MOST_OFFERED = 500  # recordings in a box to choose from


def play(samples: NDArray[np.float32], rate: int, *, label: str) -> None:
    """A player for one waveform from -1 to 1, as loud as it is."""
    st.audio(_wav(samples, rate), format="audio/wav", alt=label)


def listen(table: Table, *, key: str) -> None:
    """Choose any recording of a table and hear it. Nothing where the table has none."""
    sound = table.recordings
    if sound is None:
        return
    count = len(sound.samples)
    offered = np.unique(np.linspace(0, count - 1, min(count, MOST_OFFERED)).round().astype(np.int64)).tolist()
    left, right = st.columns([1, 1.4], vertical_alignment="bottom")
    place = left.selectbox(
        "Listen to",
        offered,
        format_func=lambda i: _name(table, i),  # no Markdown here
        key=key,
        help=f"{count:,} recordings"
        + (f", of which {MOST_OFFERED} are offered here." if count > MOST_OFFERED else "."),
    )
    with right:
        play(sound.waveform(place), sound.rates[place], label=_name(table, place))


def _name(table: Table, place: int) -> str:
    name = table.names[place] if table.names else f"Recording {place + 1}"
    return with_class(name, None if table.labels is None else str(table.labels[place]))


def _wav(samples: NDArray[np.float32], rate: int) -> bytes:
    """16-bit WAV, one channel. (Streamlit's own conversion makes every sound equally loud.)"""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(samples, -1.0, 1.0) * 32_767).astype("<i2").tobytes())
    return file.getvalue()
