"""Explained prediction: which inputs moved it, in the target's units; on the Inspect and on the Predict page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from seqcore.data.table import Table
from seqcore.errors import SeqcoreError
from seqcore.plots.attributions import attributions_info, plot_attributions
from seqcore.results.attributions import AttributionsView
from seqcore.results.formatting import typeset
from seqcore.runs.records import Run
from ui import run_labels
from ui.live_chart import live_chart
from ui.results import download_csv, file_stem, written
from ui.session import escape, show_errors
from ui.step_marks import step_marks

if TYPE_CHECKING:  # these import torch, which a page without a trained model does not need
    from seqcore.inference.predictor import Predictor
    from ui.inspect_context import Inspected

__all__ = ["explained", "explained_input"]

KEPT = 600  # seconds that explanations of typed input are kept
Find = Callable[[int | None], AttributionsView]


def explained(inspected: Inspected) -> None:
    """The explained prediction of the inspected example."""
    names = inspected.find("attributable", _names)
    key = f"explained-{inspected.run.id}"
    frame = inspected.predictor.frame

    def find(output: int | None) -> AttributionsView:
        return inspected.find(f"attributions-{output}", partial(_found, output=output))

    view = _draw(find, names, frame, key=key, revision=inspected.of, title=run_labels.title(inspected.run))
    if view.frame is None:
        earlier = min(0, len(inspected.example.steps) - len(view.inputs)) if len(view.inputs) else 0
        step_marks({f"{key}-picture": earlier}, key=f"{key}-marks")


def explained_input(run: Run, predictor: Predictor, table: Table, given: Any) -> None:
    """The explained prediction for an input on the Predict page, computed once its box is open."""
    box = st.expander(
        "Explain this prediction", icon=":material/manage_search:", on_change="rerun", key=f"explain-{run.id}"
    )
    if not box.open:
        return
    with box:
        try:
            if predictor.replicas > 1:
                st.caption("This prediction is the mean of several seeds. Choose one of them above to explain it.")
                return
            from seqcore.insight.attributions import attributable
            from seqcore.insight.examples import given_example

            example = given_example(predictor, given)
            names = attributable(predictor, example)

            def find(output: int | None) -> AttributionsView:
                name = f"{run.id} {predictor.step} {predictor.experiment.training.seed} {predictor.codec().series}"
                return _of_given(name, str(given), output, predictor, table, example)

            _draw(find, names, predictor.frame, key=f"explain-{run.id}", revision=run.id, title=run_labels.title(run))
        except SeqcoreError as error:
            show_errors(error)


@st.cache_resource(show_spinner="Explaining", max_entries=32, ttl=KEPT)
def _of_given(
    model: str, given: str, output: int | None, _predictor: Predictor, _table: Table, _example: Any
) -> AttributionsView:
    from seqcore.insight.attributions import attributions

    return attributions(_predictor, _table, _example, output=output)


def _names(inspected: Inspected) -> tuple[str, ...]:
    from seqcore.insight.attributions import attributable

    return attributable(inspected.predictor, inspected.example)


def _found(inspected: Inspected, *, output: int | None) -> AttributionsView:
    from seqcore.insight.attributions import attributions

    return attributions(inspected.predictor, inspected.table, inspected.example, output=output)


def _draw(
    find: Find,
    names: tuple[str, ...],
    frame: tuple[int, int] | None,
    *,
    key: str,
    revision: str,
    title: str,
) -> AttributionsView:
    """The choice of what is explained, the picture, and how the attributions add up."""
    output = _choose(names, frame, key)
    view = find(output)
    text = written(view)
    if text is not None:
        st.html(text)
        largest = ", ".join(f"{view.steps[t]!r} {view.values[t, f]:+.3g}" for t, f in view.largest(5))
        st.caption(escape(typeset(f"Largest: {largest}.")))
    else:
        figure = plot_attributions(attributions_info(view.with_title("")))
        largest = "; ".join(f"{view.steps[t]}, {view.columns[f]}: {view.values[t, f]:+.3g}" for t, f in view.largest(3))
        live_chart(
            figure, key=f"{key}-picture", height=int(figure.layout.height), revision=revision,
            label=typeset(f"Contribution of each input to {view.output}. {view.sum_sentence} Largest: {largest}."),
        )  # fmt: skip
    st.caption(escape(view.caption))
    st.markdown(escape(typeset(view.sum_sentence)))
    download_csv(view, name=file_stem(title, "attributions"), key=f"{key}-csv", label="Download attributions (CSV)")
    return view


def _choose(names: tuple[str, ...], frame: tuple[int, int] | None, key: str) -> int | None:
    """What is explained; None for what the model predicts first, or most probably."""
    if len(names) < 2:
        return None
    first = "All pixels (mean)" if frame is not None else "The prediction"
    help = "What is explained: a target and step of the horizon, a class, a symbol, a word, or a pixel."
    chosen: int | None = st.selectbox(
        "Explain", [None, *range(len(names))], key=f"{key}-output", width=320, help=help,
        format_func=lambda number: first if number is None else names[number],
    )  # fmt: skip
    return chosen
