"""What a reader gives to a model of sounds: their own voice, a file, or one of the data's own recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from seqcore.data.audio import MOST_SECONDS, Sound, read_sound
from seqcore.data.table import Table
from seqcore.errors import DataError
from ui.audio_player import play
from ui.sequence_input import chosen_example
from ui.session import escape, fail

if TYPE_CHECKING:
    from seqcore.inference.predictor import Predictor

__all__ = ["sound"]

EXAMPLE, VOICE, FILE = "An example", "Your voice", "A file"
MAX_UPLOAD = 25  # MB: a minute at the highest usual rate
MOST_NAMED = 12  # classes that are named


def sound(predictor: Predictor, table: Table, *, key: str) -> Sound | None:
    """A recording of the data to listen to, one's own voice, or a dropped WAV -> what `predict` takes."""
    way = st.segmented_control(
        "What to listen to", [EXAMPLE, VOICE, FILE], default=EXAMPLE, required=True, key=f"{key}-way", width="stretch",
        label_visibility="collapsed", help="One of the data's own recordings, what you say, or a WAV file.",
    )  # fmt: skip
    if way == EXAMPLE:
        example = chosen_example(predictor, table, key=key)
        if example is None:
            return None
        play(example.given.samples, example.given.rate, label=f"Recording: {example.name}")
        return Sound(example.given.rate, example.given.samples)
    if way == VOICE:
        given = st.audio_input(
            f"Say one of: {escape(_said(table))}", sample_rate=16_000, key=f"{key}-voice",
            help="It stays on this machine. A quiet room and half a second of an even tone are best.",
        )  # fmt: skip
    else:
        given = st.file_uploader(
            "A recording", type=["wav", "flac", "ogg", "mp3"], key=f"{key}-file", max_upload_size=MAX_UPLOAD,
            help=f"A WAV file, or FLAC, OGG or MP3, of up to {MOST_SECONDS:g} seconds, at any sample rate.",
        )  # fmt: skip
    if given is None:
        return None
    try:
        heard = read_sound(given.getvalue(), name=given.name if way == FILE else "your recording")
    except DataError as error:
        fail(error)
        return None
    if way == FILE:
        play(heard.samples, heard.rate, label=f"The file {given.name}")
    return heard


def _said(table: Table) -> str:
    """The classes, as one line."""
    if table.labels is None:
        return "what the model knows"
    names = sorted(set(table.labels.tolist()))
    return ", ".join(names[:MOST_NAMED]) + (" ..." if len(names) > MOST_NAMED else "")
