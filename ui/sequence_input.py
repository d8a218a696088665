"""Input of a sequence to a classifier: an example from the data, or a typed one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from seqcore.data.splits import SPLIT_TITLES
from seqcore.data.table import Table
from seqcore.export import scored_split
from seqcore.plots.labels import with_class
from ui.session import escape

if TYPE_CHECKING:
    from seqcore.inference.predictor import Predictor

__all__ = ["chosen_example", "sequence"]

MAX_EDITABLE = 600  # numbers of an example shown in a text field; longer ones can only be selected


@st.cache_resource(show_spinner=False, max_entries=8)
def _examples(key: str, split: str, _predictor: Predictor, _table: Table) -> list[Any]:
    """The examples of a split; the key contains the run, whose data never change."""
    return list(_predictor.examples(_table, split))


def chosen_example(predictor: Predictor, table: Table, *, key: str) -> Any:
    """A box to select an example of the test split (else validation, else training); None if there are none."""
    split = scored_split(predictor.experiment)
    examples = _examples(key, split, predictor, table)
    if not examples:
        return None
    place = st.selectbox(
        f"Example from the {SPLIT_TITLES[split]} split",
        range(len(examples)),
        format_func=lambda i: with_class(examples[i].name, examples[i].truth),
        key=f"{key}-example",
        help="Sequences of all classes. The class after the name is the true class.",
    )
    return examples[place]


def sequence(predictor: Predictor, table: Table, *, key: str) -> Any:
    """An example, editable as text unless it is long: what `predict` takes."""
    example = chosen_example(predictor, table, key=key)
    text = predictor.example() if example is None else _text(predictor, example.given)
    if text is None:
        st.caption(
            f"{predictor.unit.counted(len(example.given))} of {len(predictor.columns):,} numbers: too long to edit. "
            "Select another example, or upload a file under New data."
        )
        return example.given
    names = escape(", ".join(predictor.columns))
    typed = st.text_area(
        "Sequence (editable)", value=text, height=140, key=f"{key}-text-{hash(text)}",
        help=f"One row per line, oldest first: {names}." if names else "Characters without separators, or words.",
    )  # fmt: skip
    # unchanged, the example itself is used: its text has fewer digits
    return example.given if example is not None and typed == text else typed


def _text(predictor: Predictor, given: Any) -> str | None:
    """An example as text; None if it is too long to edit."""
    if not isinstance(given, np.ndarray):
        separator = " " if any(len(s) > 1 for s in predictor.symbols) else ""
        return separator.join(given)
    if given.size > MAX_EDITABLE:
        return None
    if given.shape[1] == 1:
        return ", ".join(f"{value:.5g}" for value in given[:, 0])
    return "\n".join(", ".join(f"{value:.5g}" for value in row) for row in given)
