"""What a reader gives to a classifier: one of the data's own sequences, or a typed one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from seqcore.data.table import Table
from seqcore.plots.labels import with_class

if TYPE_CHECKING:
    from seqcore.inference.predictor import Predictor

__all__ = ["chosen_example", "sequence"]

MOST_TYPED = 600  # numbers of an example that stand in a text field; longer or wider ones are only chosen
_PARTS = {"test": "the test part", "val": "the validation part", "train": "the training part"}


@st.cache_resource(show_spinner=False, max_entries=8)
def _examples(key: str, part: str, _predictor: Predictor, _table: Table) -> list[Any]:
    """The key names the run, whose data never change."""
    return list(_predictor.examples(_table, part))


def chosen_example(predictor: Predictor, table: Table, *, key: str) -> Any:
    """A box to choose one of the data's own sequences from, and what it is -> the `Example`, None where there is none.

    They come from the part that the model has seen least of: test, else validation, else training.
    """
    data = predictor.experiment.data
    part = "test" if data.test_fraction else "val" if data.validation_fraction else "train"
    examples = _examples(key, part, predictor, table)
    if not examples:
        return None
    place = st.selectbox(
        f"Example of {_PARTS[part]}",
        range(len(examples)),
        format_func=lambda i: with_class(examples[i].name, examples[i].truth),
        key=f"{key}-example",
        help="Sequences from as many classes as there are. The class after the name is the true one.",
    )
    return examples[place]


def sequence(predictor: Predictor, table: Table, *, key: str) -> Any:
    """An example to look at or to change, as a text or as it is where it is long -> what `predict` takes."""
    example = chosen_example(predictor, table, key=key)
    text = predictor.example() if example is None else _text(predictor, example.given)
    if text is None:
        st.caption(
            f"{predictor.unit.counted(len(example.given))} of {len(predictor.columns):,} numbers: too many to type. "
            "Choose another example, or give new data from a file."
        )
        return example.given
    names = ", ".join(predictor.columns)
    label = "The sequence: change it, and see the answer change"
    typed = st.text_area(
        label, value=text, height=140, key=f"{key}-text-{hash(text)}",
        help=f"A row a line, the oldest first: {names}." if names else "Letters as they stand, or words.",
    )  # fmt: skip
    # untouched, it is taken as it is and not as its text, which has fewer digits
    return example.given if example is not None and typed == text else typed


def _text(predictor: Predictor, given: Any) -> str | None:
    """An example as a person would type it; None where it is too much for that."""
    if not isinstance(given, np.ndarray):
        separator = " " if any(len(s) > 1 for s in predictor.symbols) else ""
        return separator.join(given)
    if given.size > MOST_TYPED:
        return None
    if given.shape[1] == 1:
        return ", ".join(f"{value:.5g}" for value in given[:, 0])
    return "\n".join(", ".join(f"{value:.5g}" for value in row) for row in given)
