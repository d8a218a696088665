"""A result of `seqcore.insight` as a chart on the Inspect page: found and drawn once for each snapshot and example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from seqcore.errors import SeqcoreError
from seqcore.plots import plot_view
from seqcore.results import View
from seqcore.results.formatting import capitalized
from ui.inspect_context import Inspected
from ui.live_chart import figure_text, live_chart
from ui.session import escape

__all__ = ["chart", "plain"]


@dataclass(frozen=True)
class _Drawn:
    view: View
    figure: str
    height: int


def chart(
    inspected: Inspected,
    name: str,
    title: str,
    find: Callable[[Inspected], View],
    link: Callable[[View, go.Figure], None] | None = None,
) -> View | None:
    """Draw what `find` gives, under a title, with its caption; an error is said in its place, and None returned.

    `name` distinguishes the choices that `find` depends on; see `Inspected.find`. `link` says which points of the
    figure are steps or units, see live_chart.js.
    """
    st.markdown(f"**{escape(title)}**")
    try:
        drawn = inspected.find(name, lambda inspected: _draw(find(inspected), link))
    except SeqcoreError as error:
        st.caption(escape(plain(error)))
        return None
    key = f"{name.partition(' ')[0]}-{inspected.run.id}"
    live_chart(
        drawn.figure, key=key, height=drawn.height, revision=inspected.run.id, label=f"{title}. {_words(drawn.view)}"
    )
    st.caption(escape(drawn.view.caption))
    return drawn.view


def plain(error: SeqcoreError) -> str:
    """An error's message without the name of the argument that it is about, as a sentence."""
    head, colon, rest = str(error).partition(": ")
    text = rest if colon and " " not in head else str(error)
    return f"{capitalized(text).removesuffix('.')}."


def _draw(view: View, link: Callable[[View, go.Figure], None] | None) -> _Drawn:
    figure: go.Figure = plot_view(view.with_title(""))
    if link is not None:
        link(view, figure)
    height = int(figure.layout.height or 340)
    return _Drawn(view, figure_text(figure), height)


def _words(view: View) -> str:
    """The small table of a result in words."""
    summary = view.summary()
    if summary is None:
        return view.caption
    header, rows = summary
    return "; ".join(", ".join(f"{name} {_cell(v)}" for name, v in zip(header, row, strict=True)) for row in rows[:12])


def _cell(value: Any) -> str:
    return " ".join(str(value).split())
