"""Input of sound to a model: a recording from the data, the microphone, or a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from seqcore.data.audio import MOST_SECONDS, Sound, read_sound
from seqcore.data.table import Table
from seqcore.errors import DataError
from ui.audio_player import play
from ui.sequence_input import chosen_example
from ui.session import escape, show_errors

if TYPE_CHECKING:
    from seqcore.inference.predictor import Predictor

__all__ = ["sound"]

EXAMPLE, MICROPHONE, FILE = "Example", "Microphone", "File"
MAX_UPLOAD = 25  # MB: a minute at the highest usual sampling rate
MAX_NAMED = 12  # classes that are listed


def sound(predictor: Predictor, table: Table, *, key: str) -> Sound | None:
    """A recording from the data, from the microphone, or from a file: what `predict` takes."""
    origin = st.segmented_control(
        "Sound", [EXAMPLE, MICROPHONE, FILE], default=EXAMPLE, required=True, key=f"{key}-origin", width="stretch",
        label_visibility="collapsed", help="A recording from the data, your microphone, or an audio file.",
    )  # fmt: skip
    if origin == EXAMPLE:
        example = chosen_example(predictor, table, key=key)
        if example is None:
            return None
        play(example.given.samples, example.given.rate, label=f"Recording: {example.name}")
        return Sound(example.given.rate, example.given.samples)
    if origin == MICROPHONE:
        given = st.audio_input(
            f"Say one of: {escape(_classes(table))}", sample_rate=16_000, key=f"{key}-voice",
            help="The recording stays on this machine. Best: a quiet room and half a second of a steady vowel.",
        )  # fmt: skip
    else:
        given = st.file_uploader(
            "Audio file", type=["wav", "flac", "ogg", "mp3"], key=f"{key}-file", max_upload_size=MAX_UPLOAD,
            help=f"WAV, FLAC, OGG or MP3, up to {MOST_SECONDS:g} seconds, at any sampling rate.",
        )  # fmt: skip
    if given is None:
        return None
    try:
        recording = read_sound(given.getvalue(), name=given.name if origin == FILE else "your recording")
    except DataError as error:
        show_errors(error)
        return None
    if origin == FILE:
        play(recording.samples, recording.rate, label=f"The file {given.name}")
    return recording


def _classes(table: Table) -> str:
    """The classes of the data in one line."""
    assert table.labels is not None  # only classifiers take sound
    names = sorted(set(table.labels.tolist()))
    return ", ".join(names[:MAX_NAMED]) + (" ..." if len(names) > MAX_NAMED else "")
