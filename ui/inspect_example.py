"""The example of the Inspect page: a window or sequence of a split by its number, or typed input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from seqcore.data.table import Table
from seqcore.errors import SeqcoreError
from seqcore.export import scored_split
from seqcore.results.formatting import typeset
from seqcore.runs.records import Run
from ui import run_labels
from ui.inputs import INPUTS
from ui.inspect_link import Shown
from ui.session import escape, show_errors

if TYPE_CHECKING:
    from seqcore.inference.predictor import Predictor
    from seqcore.insight.examples import InspectExample

__all__ = ["choose_example"]

TYPED = "typed"
TYPABLE = ("numbers", "symbols", "sentence")  # kinds of input with a text field; others are chosen by number


@st.cache_resource(show_spinner=False, max_entries=16)
def _sizes(run: str, _predictor: Predictor, _table: Table) -> dict[str, int]:
    """How many examples each split of a run's data has; splits without any are left out."""
    data = _predictor.task.split_data(_table, _predictor.codec())
    sizes = {split: len(data.windows[split]) for split in run_labels.SPLITS}
    return {split: size for split, size in sizes.items() if size}


@st.cache_resource(show_spinner=False, max_entries=64)
def _example(run: str, split: str, index: int, _predictor: Predictor, _table: Table) -> InspectExample:
    """One example; the key contains the run, whose data never change."""
    from seqcore.insight.examples import load_example

    return load_example(_predictor, _table, split, index)


def choose_example(run: Run, now: Shown, predictor: Predictor, table: Table) -> InspectExample | None:
    """The controls of the example, and the example that they choose; None where there is none, which is said."""
    sizes = _sizes(run.id, predictor, table)
    choices = [*sizes, *([TYPED] if predictor.input_kind in TYPABLE else [])]
    if not now.split:
        now.split = scored_split(run.experiment)
    if now.split not in choices:
        now.faults.append(f"split: this run has no {now.split} examples; use one of {', '.join(choices)}")
        now.split = next(iter(choices))
    titles = {**run_labels.SPLITS, TYPED: "your input"}
    split = st.segmented_control(
        "Example from", choices, default=now.split, format_func=lambda name: titles[name].capitalize(),
        required=True, key=f"inspect-split-{run.id}",
        help="The split that the example is taken from, or your own input.",
    )  # fmt: skip
    if split != now.split:
        now.split, now.example = split, 0
        now.faults.clear()
    return _typed(run, now, predictor, table) if split == TYPED else _numbered(run, now, sizes[split], predictor, table)


def _numbered(run: Run, now: Shown, size: int, predictor: Predictor, table: Table) -> InspectExample | None:
    if now.example >= size:
        now.faults.append(f"example: {now.example + 1:,} is beyond the last one; this split has {size:,}")
        now.example = size - 1
    number = st.number_input(
        f"Number, 1 to {size:,}", 1, size, now.example + 1, key=f"inspect-example-{run.id}-{now.split}", width=150,
        help="The number of the example in its split, in the order of the data.",
    )  # fmt: skip
    if now.example != int(number) - 1:
        now.example = int(number) - 1
        now.faults.clear()
    try:
        return _example(run.id, now.split, now.example, predictor, table)
    except SeqcoreError as error:
        show_errors(error)
        return None


def _typed(run: Run, now: Shown, predictor: Predictor, table: Table) -> InspectExample | None:
    from seqcore.insight.examples import typed_example

    key = f"inspect-typed-{run.id}"
    if now.typed is not None and key not in st.session_state:
        st.session_state[key] = now.typed
    text = INPUTS[predictor.input_kind](predictor, table, key=key)
    now.typed = text
    if not text.strip():
        st.caption("Enter an input to inspect the model with.")
        return None
    try:
        return typed_example(predictor, text)
    except SeqcoreError as error:
        show_errors(error)
        return None


def describe(example: InspectExample) -> str:
    """The example in one line, escaped."""
    truth = f" · true: {escape(typeset(example.truth))}" if example.truth else ""
    return f"{escape(example.title)}{truth}"
