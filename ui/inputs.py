"""Input widgets for a trained model, one for each kind of input. A new kind is a function and a line in `INPUTS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from seqcore.data.table import Table
from ui.frame_input import frames
from ui.sequence_input import sequence
from ui.session import escape
from ui.sound_input import sound

if TYPE_CHECKING:
    from seqcore.inference.predictor import Predictor

__all__ = ["FILES", "INPUTS", "parsed_text", "wanted_file"]

MAX_ROWS = 12  # rows of a parsed input that are shown
MAX_CHANNELS = 12  # of a parsed input that is shown
MAX_LISTED = 40  # symbols listed in a help text
SHORT_TEXT = 30  # characters that fit into one line


def numbers(predictor: Predictor, table: Table, *, key: str) -> str:
    """Numbers; one row per line if the model has several input columns."""
    window = predictor.experiment.data.window
    names = ", ".join(predictor.columns)
    several = len(predictor.columns) > 1
    text = predictor.example().replace("; ", "\n")
    of = "" if names.lower() in ("value", "values") else f" of {names}"
    label = f"{names}: one row per line, oldest first" if several else f"Values{of}, oldest first"
    return st.text_area(
        escape(label),
        value=text,
        height=120 if several or len(text) > 60 else 68,
        key=key,
        help=f"Separated by commas or spaces. The model was trained on windows of {window} "
        f"{'rows' if several else 'values'}; other lengths are possible.",
    )


def symbols(predictor: Predictor, table: Table, *, key: str) -> str:
    """Characters or words, as in the data; a text area if the example is long."""
    window = predictor.experiment.data.window
    text, count = predictor.example(), len(predictor.symbols)
    known = " ".join(escape(s) for s in predictor.symbols[:MAX_LISTED] if not s.isspace())
    vocabulary = f"Vocabulary of {count:,} symbols: {known}{' ...' if count > MAX_LISTED else ''}"
    if len(text) <= SHORT_TEXT:
        help = f"The model was trained on windows of {window}. {vocabulary}"
        return st.text_input("Symbols, oldest first", value=text, key=key, help=help)
    return st.text_area(
        "Prompt", value=text, height=120, key=key, help=f"By default the end of the training data. {vocabulary}"
    )


def sentence(predictor: Predictor, table: Table, *, key: str) -> str:
    """A sentence in the source language."""
    words = len(predictor.symbols)
    return st.text_area(
        "Sentence to translate", value=predictor.example(), height=68, key=key,
        help=f"Vocabulary of {words:,} words; unknown words are reported. Case and final punctuation are optional.",
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
    "symbols": "A text file, or a CSV file with one symbol per row.",
    "sequence": "Sequences in the format of the training data; with labels they are scored.",
    "sentence": "A file of sentence pairs separated by tabs, or sentences to translate, one per line.",
    "sound": "A WAV file, or a ZIP of WAV files in folders named by class.",
    "frames": "A file with the columns of the training data, one row per frame.",
}
"""The required content of a file of new data, for each kind of input; of others, the model's columns."""


def wanted_file(predictor: Predictor) -> str:
    """The required content of a file of new data, in a sentence."""
    if predictor.input_kind in FILES:
        return FILES[predictor.input_kind]
    names = list(dict.fromkeys((*predictor.columns, *predictor.targets)))
    listed = ", ".join(f"**{escape(name)}**" for name in names)
    return f"A CSV or Parquet file with the column{'s' * (len(names) > 1)} {listed}, one row per time step."


def parsed_text(given: Any) -> str:
    """The numbers of a parsed input as text ("70.5, 80.5"), rows of several columns in brackets; "" for symbols."""
    if not (isinstance(given, np.ndarray) and given.dtype.kind == "f"):
        return ""
    if given.shape[1] > MAX_CHANNELS:
        return ""
    rows = [", ".join(f"{value:.10g}" for value in row) for row in given]
    shown = [f"({row})" for row in rows] if given.shape[1] > 1 else rows
    half = MAX_ROWS // 2
    return ", ".join(shown if len(shown) <= MAX_ROWS else [*shown[:half], "...", *shown[-half:]])
