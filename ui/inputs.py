"""What a reader can put into a trained model: a widget for each kind of input. A new kind is a function and a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from seqcore.data.table import Table
from ui.frame_input import frames
from ui.sequence_input import sequence
from ui.sound_input import sound

if TYPE_CHECKING:
    from seqcore.inference.predictor import Predictor

__all__ = ["FILES", "INPUTS", "as_read", "wanted_file"]

MOST_SHOWN = 12  # rows of an input that are read back
MOST_CHANNELS = 12  # beyond them nobody types a row
MOST_KNOWN = 40  # symbols that a help text lists
SHORT_TEXT = 30  # characters of an example that fit into one line


def numbers(predictor: Predictor, table: Table, *, key: str) -> str:
    """Numbers, one row a line where the model sees several columns."""
    window = predictor.experiment.data.window
    names = ", ".join(predictor.columns)
    several = len(predictor.columns) > 1
    text = predictor.example().replace("; ", "\n")
    of = "" if names.lower() in ("value", "values") else f" of {names}"
    label = f"{names}: a row a line, the oldest first" if several else f"Values{of}, the oldest first"
    return st.text_area(
        _plain(label),
        value=text,
        height=120 if several or len(text) > 60 else 68,
        key=key,
        help=f"With commas or spaces between. The model was trained on {window} {'rows' if several else 'values'}; "
        "it takes more or fewer, too.",
    )


def symbols(predictor: Predictor, table: Table, *, key: str) -> str:
    """Letters or words, as the data have them; where the model reads text, several lines of it."""
    window = predictor.experiment.data.window
    text, count = predictor.example(), len(predictor.symbols)
    known = " ".join(_plain(s) for s in predictor.symbols[:MOST_KNOWN] if not s.isspace())
    of_them = f"of them, such as {known}" if count > MOST_KNOWN else f"of them: {known}"
    if len(text) <= SHORT_TEXT:
        told = f"The model was trained on {window} at a time and knows {count:,} {of_them}"
        return st.text_input("Symbols, the oldest first", value=text, key=key, help=told)
    return st.text_area(
        "The beginning", value=text, height=120, key=key,
        help=f"The model goes on from here. What it starts from is the end of its data. It knows {count:,} symbols: "
        f"{known}{' ...' if count > MOST_KNOWN else ''}",
    )  # fmt: skip


def sentence(predictor: Predictor, table: Table, *, key: str) -> str:
    """A sentence in the language that the model reads."""
    words = len(predictor.symbols)
    return st.text_area(
        "A sentence to translate", value=predictor.example(), height=68, key=key,
        help=f"It knows {words:,} words; those it has never seen are named. Capitals needn't be right, and the mark at "
        "the end may be left out.",
    )  # fmt: skip


INPUTS: dict[str, Callable[..., Any]] = {
    "numbers": numbers,
    "symbols": symbols,
    "sequence": sequence,
    "sentence": sentence,
    "sound": sound,
    "frames": frames,
}


FILES: dict[str, str] = {
    "symbols": "A text file, or a CSV file with one symbol a row.",
    "sequence": "Sequences in the form of the training data's file, with their labels to score them, or without.",
    "sentence": "A file of pairs - a sentence, a tab, and its translation - or plain sentences, one a line.",
    "sound": "A WAV file, or a zip of them in folders that are named by their class.",
    "frames": "A file with the same columns as the training data, a row for each picture.",
}
"""What a file of new data holds, for each kind of input; without a line, the columns that the model knows."""


def wanted_file(predictor: Predictor) -> str:
    """What a file of new data must hold, in a sentence."""
    if predictor.input_kind in FILES:
        return FILES[predictor.input_kind]
    names = list(dict.fromkeys((*predictor.columns, *predictor.targets)))
    listed = ", ".join(f"**{_plain(name)}**" for name in names)
    return f"A CSV or Parquet file with the column{'s' * (len(names) > 1)} {listed}, a row for each step."


def as_read(given: Any) -> str:
    """A short text: numbers as they were understood ("70.5, 80.5"), rows of several in brackets. "" for symbols."""
    if not (isinstance(given, np.ndarray) and given.dtype.kind == "f"):
        return ""
    if given.shape[1] > MOST_CHANNELS:
        return ""
    rows = [", ".join(f"{value:.10g}" for value in row) for row in given]
    shown = [f"({row})" for row in rows] if given.shape[1] > 1 else rows
    half = MOST_SHOWN // 2
    return ", ".join(shown if len(shown) <= MOST_SHOWN else [*shown[:half], "...", *shown[-half:]])


def _plain(text: str) -> str:
    """A name as Markdown that shows it as it is."""
    from ui.session import escape

    return escape(text)
