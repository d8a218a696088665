"""The prediction of the inspected model for its example, as on the Predict page."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st

from seqcore.errors import SeqcoreError
from seqcore.plots import plot_view
from seqcore.results import SeriesView, View
from seqcore.results.formatting import counted, typeset
from ui.inspect_context import Inspected
from ui.live_chart import figure_text, live_chart
from ui.results import answer, written
from ui.session import escape, show_errors

__all__ = ["prediction"]

MOST_HEIGHT = 280  # pixels: the pictures of the sections are the larger ones


@dataclass(frozen=True)
class _Drawn:
    """A prediction with its form on the page: HTML, or the text of a figure and its height in pixels."""

    view: View
    html: str | None
    figure: str
    height: int


def prediction(inspected: Inspected) -> None:
    """The prediction in large figures, and its picture."""
    left, right = st.columns([1, 2.4], gap="medium")
    try:
        drawn = inspected.find("prediction", _predict)
    except SeqcoreError as error:
        with left:
            show_errors(error)
        return
    with left:
        answer(drawn.view, ahead=inspected.run.experiment.data.lead > 0)
        if inspected.example.truth:
            st.caption(f"True: {escape(typeset(inspected.example.truth))}")
    with right:
        if drawn.html is not None:
            st.html(drawn.html)
        else:
            key = f"inspect-prediction-{inspected.run.id}"
            boxes = drawn.view.highlights(ahead=inspected.run.experiment.data.lead > 0)
            words = "; ".join(f"{name} {value}" for name, value, *_ in boxes)
            label = f"The example and its prediction after {counted(inspected.at, 'training step')}. {words}"
            live_chart(drawn.figure, key=key, label=label, height=drawn.height, revision=inspected.of)
        st.caption(drawn.view.caption)


def _predict(inspected: Inspected) -> _Drawn:
    example = inspected.example
    view = inspected.predictor.predict(example.given, series=example.series)
    html = written(view)
    if html is not None:
        return _Drawn(view, html, "", 0)
    if isinstance(view, SeriesView) and example.target is not None and example.target.shape == view.prediction.shape:
        figure = plot_view(replace(view, truth=example.target))
    else:
        figure = plot_view(view)
    height = min(MOST_HEIGHT, int(figure.layout.height or 340))
    figure.update_layout(height=height)
    return _Drawn(view, None, figure_text(figure), height)
