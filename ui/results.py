"""Results on a page: the figure with its caption, the prediction in large figures, a table, a download."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape as html
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from seqcore.evaluation.metrics import Evaluation
from seqcore.plots import plot_view
from seqcore.registry import baseline_title
from seqcore.results import RESULT_TYPES, View
from seqcore.results.formatting import counted, format_number, typeset
from ui.assets import style_tag
from ui.live_chart import live_chart
from ui.session import escape

__all__ = [
    "answer",
    "answer_table",
    "download_csv",
    "file_stem",
    "further",
    "letters",
    "picture",
    "score_table",
    "show",
    "written",
]

_STYLE = style_tag("results.css")
CSV_HELP = "The values shown here, in full precision."
_TEXT_STYLE = style_tag("text_views.css")


def picture(figure: go.Figure, *, key: str, label: str, reading: str = "") -> None:
    """A figure in its light form, and its caption."""
    live_chart(figure, key=key, label=label, height=int(figure.layout.height or 340), revision=key)
    if reading:
        st.caption(reading)


def show(view: View, *, key: str, label: str, reading: str = "") -> None:
    """A view in the form that suits it: text as text, everything else as its figure."""
    text = written(view)
    if text is None:
        picture(plot_view(view), key=key, label=label, reading=reading)
        return
    st.html(text)
    if reading:
        st.caption(reading)


def written(view: View) -> str | None:
    """HTML of a view that is read rather than looked at, everything in it escaped; None where a figure shows it."""
    form = RESULT_TYPES[view.kind].load("html")
    inner: str | None = form(view) if form is not None else None
    return None if inner is None else _TEXT_STYLE + inner


def answer(view: View, *, ahead: bool = True) -> None:
    """The prediction, large: values with their steps and intervals, or the next symbol with its probability.

    `ahead` is whether values are foreseen; else they belong to the very steps of the input.
    """
    boxes = view.highlights(ahead=ahead)
    many = " sl-many" if len(boxes) > 2 else " sl-sentence" if RESULT_TYPES[view.kind].html else ""
    cells = "".join(
        f"<div><span>{html(name)}</span><b>{html(value)}</b>{''.join(f'<small>{html(n)}</small>' for n in note)}</div>"
        for name, value, *note in boxes
    )
    st.html(f'{_STYLE}<div class="sl-answer{many}" data-testid="answer">{cells}</div>')
    if view.left_out:
        st.caption(f"{counted(view.left_out, 'more step')}: see the figure and the CSV.")


def further(view: View, *, key: str) -> None:
    """One more result of an evaluation: a small table as it is, everything else as its figure."""
    if view.title:
        st.markdown(f"**{escape(view.title)}**")
    if not RESULT_TYPES[view.kind].figure:
        # st.table wraps text; a data frame's grid cuts it off
        columns, cells = view.table()
        rows = [[_cell(value, column) for value, column in zip(row, columns, strict=True)] for row in cells]
        st.table(pd.DataFrame(rows, columns=[escape(c) for c in columns]), hide_index=True, alt=view.title)
        return
    show(view.with_title(""), key=key, label=view.title or view.caption, reading=view.caption)


def _cell(value: Any, column: str = "") -> str:
    if value is None:
        return "–"
    if column == "coverage" and isinstance(value, int | float):
        return f"{100 * value:.1f}%"
    return typeset(format_number(value)) if isinstance(value, float) else escape(str(value))


def letters(prompt: str, generated: str) -> None:
    """The prompt in gray, the generated text in blue."""
    st.html(f'{_STYLE}<p class="sl-letters" data-testid="letters"><i>{html(prompt)}</i><b>{html(generated)}</b></p>')


def answer_table(view: View) -> None:
    """The prediction for each of several inputs, one row each; nothing where there is one input."""
    columns = view.by_input()
    if columns is None:
        return
    rows = pd.DataFrame(columns)
    st.markdown("**All predictions**")
    st.dataframe(
        rows, hide_index=True, height=min(38 + 35 * len(rows), 318), alt="The prediction for each input",
        column_config={"Probability": st.column_config.NumberColumn(format="%.3g %%"),
                       "Text": st.column_config.TextColumn(width="large")},
    )  # fmt: skip
    st.caption(f"{counted(len(rows), 'input')}. The figure shows the first ones.")


def download_csv(
    content: View | str | Callable[[], str], *, name: str, key: str, label: str = "Download CSV", help: str = CSV_HELP
) -> None:
    """A button that gives a view as CSV, or CSV as text, which a function makes at the click."""
    data = content.to_csv() if isinstance(content, View) else content
    st.download_button(
        label, data, f"{name}.csv", "text/csv", key=key, icon=":material/download:", on_click="ignore",
        help=help,
    )  # fmt: skip


def file_stem(*words: str) -> str:
    """A file's name from words: small letters of any script, digits and hyphens."""
    return re.sub(r"[\W_]+", "-", " ".join(words).lower()).strip("-") or "sequence-lab"


def _model_rows(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """The metrics of the model; of several seeds the median, and the lowest and the highest of each metric."""
    each = {name: known for name, values in evaluation.replicas.items() if (known := [v for v in values if v == v])}
    if not each:
        return {"This model": evaluation.metrics}
    count = max(map(len, evaluation.replicas.values()))
    ends = {"Lowest seed": min, "Highest seed": max}
    return {f"Median of {count} seeds": evaluation.metrics} | {
        title: {name: end(values) for name, values in each.items()} for title, end in ends.items()
    }


def score_table(evaluation: Evaluation) -> None:
    """Every metric of the model and of every baseline."""
    names = list(evaluation.metrics)
    rows = _model_rows(evaluation) | {baseline_title(name): metrics for name, metrics in evaluation.baselines.items()}
    table = {"": list(rows)} | {
        n.upper() if len(n) <= 4 and n != "loss" else n.capitalize(): [_cell(r.get(n), n) for r in rows.values()]
        for n in names
    }
    # st.table wraps text and has every row; a data frame's grid cuts both off
    st.table(pd.DataFrame(table), hide_index=True, alt="Scores of the model and of every baseline")
