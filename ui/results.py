"""How results stand on a page: a picture with a line on how to read it, an answer in large figures, a download."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from html import escape as html
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from seqcore.evaluation.baselines import baseline_title
from seqcore.evaluation.metrics import Evaluation
from seqcore.export import view_to_csv
from seqcore.plots import FIGURES
from seqcore.plots.blanks import named
from seqcore.plots.labels import MOST_SEQUENCES
from seqcore.plots.series import is_scattered
from seqcore.results import (
    ConfusionView,
    FramesView,
    HorizonView,
    LabelsView,
    SeriesView,
    SymbolsView,
    TableView,
    TextView,
    TranslationView,
    View,
)
from ui.live_chart import live_chart
from ui.session import escape
from ui.text_views import written

__all__ = [
    "answer",
    "answer_table",
    "download_csv",
    "file_stem",
    "further",
    "letters",
    "picture",
    "reading_of",
    "score_table",
    "show",
]

MOST_ANSWERS = 6
READINGS: dict[type[View], str] = {
    SeriesView: "The closer the blue line lies to the truth, the better.",
    SymbolsView: "A row is what the model expects after those symbols, bluer where it is surer. A ring is what came.",
    TextView: "Grey was given, blue is what the model wrote on, beside how the text really goes on.",
    LabelsView: "How probable each class is after so much of the sequence: see when the model makes up its mind.",
    ConfusionView: "A row is what it was, a column what it was taken for. Blue is right, red is wrong.",
    FramesView: "What came above, what the model foresaw below.",
    HorizonView: "How the error grows with the distance: below the grey lines the model is worth its work.",
    TranslationView: "What was said, what the model made of it, and what it should have been.",
    TableView: "",
}

_STYLE = "<style>" + Path(__file__).with_name("results.css").read_text(encoding="utf-8") + "</style>"


def picture(figure: go.Figure, *, key: str, label: str, reading: str = "") -> None:
    """A figure in its light form, and one sentence on how to read it."""
    live_chart(figure, key=key, label=label, height=int(figure.layout.height or 340), revision=key)
    if reading:
        st.caption(reading)


def show(view: View, *, key: str, label: str, reading: str = "") -> None:
    """A view in the form that suits it: text as text, everything else as its figure."""
    text = written(view)
    if text is None:
        picture(FIGURES[type(view)](view), key=key, label=label, reading=reading)
        return
    st.html(text)
    if reading:
        st.caption(reading)


def reading_of(view: View) -> str:
    """How to read the picture of a view that holds the truth beside the prediction."""
    if isinstance(view, SeriesView) and is_scattered(view):
        return "A point is an answer: the closer to the dashed line, the better."
    if isinstance(view, TranslationView) and len(view.sentences) == 1 and view.sentences[0].attention is not None:
        return "A row is a word that was written, bluer under the words that the model looked at."
    marked = isinstance(view, LabelsView) and any(label is not None for label in view.truth)
    return READINGS[type(view)] + (" The bar on top, or the mark, is the true class." if marked else "")


def answer(view: View, *, ahead: bool = True) -> None:
    """What the model says, large: values with their steps and intervals, or the next symbol with its probability.

    `ahead` is whether values are foreseen; else they belong to the very steps of the input.
    """
    boxes = _values(view, ahead) if isinstance(view, SeriesView) else ANSWERS[type(view)](view)
    many = " sl-many" if len(boxes) > 2 else " sl-sentence" if isinstance(view, TranslationView) else ""
    cells = "".join(
        f"<div><span>{html(name)}</span><b>{html(value)}</b>{''.join(f'<small>{html(n)}</small>' for n in note)}</div>"
        for name, value, *note in boxes
    )
    st.html(f'{_STYLE}<div class="sl-answer{many}" data-testid="answer">{cells}</div>')
    if isinstance(view, SeriesView) and len(view.prediction) > (rows := _rows_shown(view)):
        st.caption(f"The first {rows} of {len(view.prediction):,}: the picture and the CSV have them all.")


def _symbol(view: SymbolsView) -> list[tuple[str, ...]]:
    return [(f"next, {_sure(view.probabilities[-1])}", named(view.predictions[-1]))]


def _label(view: LabelsView) -> list[tuple[str, ...]]:
    return [(_sure(view.probabilities[-1]), view.predictions[-1])]


def _sure(probabilities: NDArray[np.float64]) -> str:
    return f"with a probability of {100 * probabilities.max():.3g} %"


def _sentence(view: TranslationView) -> list[tuple[str, ...]]:
    last = view.sentences[-1]
    sure = "" if last.probability is None else f", {100 * last.probability:.0f} % sure of a word on average"
    return [(f"translation{sure}", last.text or " ".join(last.prediction))]


def _rows_shown(view: SeriesView) -> int:
    """How many steps are shown large: six, fewer where each has many columns."""
    return min(MOST_ANSWERS, max(1, 2 * MOST_ANSWERS // len(view.columns)), len(view.prediction))


def _values(view: SeriesView, ahead: bool = True) -> list[tuple[str, ...]]:
    several, single = len(view.columns) > 1, len(view.prediction) == 1
    dated = view.x.dtype.kind == "M"
    days = dated and bool(np.all(view.x == view.x.astype("datetime64[D]")))
    boxes = []
    for row in range(_rows_shown(view)):
        step = "next" if row == 0 else f"{row + 1} steps on"
        if not ahead:
            step = "" if single else f"step {row + 1}"
        if dated:
            step = str(np.datetime_as_string(view.x[row], unit="D" if days else "m")).replace("T", " ")
        for k, column in enumerate(view.columns):
            name = f"{step}, {column}" if several and step else f"{step} {column}" if several or single else step
            boxes.append((name.strip(), *_with_interval(view, row, k)))
    return boxes


def _with_interval(view: SeriesView, row: int, k: int) -> tuple[str, ...]:
    """A value in the digits that its interval leaves sure, and the interval; every digit where it has none."""
    value = float(view.prediction[row, k])
    if view.low is None or view.high is None or view.coverage is None:
        return (shown(value),)
    low, high = float(view.low[row, k]), float(view.high[row, k])
    half = (high - low) / 2
    if not (math.isfinite(half) and half > 0) or abs(value) >= 1e15:
        return (shown(value),)
    places = max(0, 1 - math.floor(math.log10(half)))
    return f"{value:,.{places}f}", f"{low:,.{places}f} to {high:,.{places}f} ({view.coverage:.0%})"


ANSWERS: dict[type[View], Callable[[Any], list[tuple[str, ...]]]] = {
    SeriesView: _values,
    SymbolsView: _symbol,
    LabelsView: _label,
    TranslationView: _sentence,
    FramesView: lambda view: [],
    TextView: lambda view: [("written", view.text)],
}
"""What is shown large of an answer, for each type of view: what it is, what it says, and perhaps how sure that is."""


def further(view: View, *, key: str) -> None:
    """One more picture of an evaluation: a small table as it is, everything else as its figure."""
    if view.title:
        st.markdown(f"**{escape(view.title)}**")
    if isinstance(view, TableView):
        # Not a data frame's grid: that cuts a sentence off.
        rows = [[_cell(value, column) for value, column in zip(row, view.columns, strict=True)] for row in view.rows]
        st.table(pd.DataFrame(rows, columns=[escape(c) for c in view.columns]), hide_index=True, alt=view.title)
        return
    bare = replace(view, title="")
    show(bare, key=key, label=view.title or reading_of(view), reading=reading_of(view))


def _cell(value: Any, column: str = "") -> str:
    if value is None:
        return "–"
    if column == "coverage" and isinstance(value, int | float):
        return f"{100 * value:.1f} %"
    return f"{value:,.4g}" if isinstance(value, float) else escape(str(value))


def shown(value: float) -> str:
    """A value in original units, in the digits that a model can be taken at its word for."""
    return f"{value:,.5g}" if abs(value) < 1e15 else f"{value:.4e}"


def letters(prompt: str, generated: str) -> None:
    """What was given in grey, what the model wrote in its own colour."""
    st.html(f'{_STYLE}<p class="sl-letters" data-testid="letters"><i>{html(prompt)}</i><b>{html(generated)}</b></p>')


def answer_table(view: View) -> None:
    """Every answer to new data, a row each, and how many of them the picture shows. Nothing of what has no such."""
    if not isinstance(view, LabelsView) or len(view.probabilities) < 2:
        return
    count, drawn = len(view.probabilities), min(len(view.unfolding), MOST_SEQUENCES)
    columns: dict[str, Any] = {"Sequence": view.names or tuple(map(str, range(1, count + 1)))}
    if view.texts:
        columns["Text"] = view.texts
    columns["Answer"] = view.predictions
    columns["Probability"] = 100 * view.probabilities.max(axis=1)
    if any(label is not None for label in view.truth):
        columns["True class"] = view.truth
    st.markdown("**All answers**")
    st.dataframe(
        pd.DataFrame(columns), hide_index=True, height=min(38 + 35 * count, 318), alt="The answer to each sequence",
        column_config={"Probability": st.column_config.NumberColumn(format="%.3g %%"),
                       "Text": st.column_config.TextColumn(width="large")},
    )  # fmt: skip
    st.caption(f"{count:,} sequences" + (f", of which {drawn} are drawn." if drawn < count else ", all drawn."))


def download_csv(view: View, *, name: str, key: str, label: str = "Download CSV") -> None:
    """A button that gives a view as CSV."""
    st.download_button(
        label, view_to_csv(view), f"{name}.csv", "text/csv", key=key, icon=":material/download:", on_click="ignore",
        help="What is shown here, with every digit.",
    )  # fmt: skip


def file_stem(*words: str) -> str:
    """A file's name from words: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-") or "sequence-lab"


def score_table(evaluation: Evaluation) -> None:
    """Every metric of the model and of every baseline."""
    names = list(evaluation.metrics)
    rows = {"This model": evaluation.metrics} | {
        baseline_title(name): metrics for name, metrics in evaluation.baselines.items()
    }
    table = {
        n.upper() if len(n) <= 4 and n != "loss" else n.capitalize(): [r.get(n) for r in rows.values()] for n in names
    }
    st.dataframe(
        pd.DataFrame(table, index=pd.Index(rows)),
        column_config={column: st.column_config.NumberColumn(format="%.4g") for column in table},
        alt="Scores of the model and of every baseline",
    )
