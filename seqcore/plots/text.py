"""Generated text: the prompt in gray, the continuation in blue, and the original text below."""

from __future__ import annotations

import re
from html import escape
from typing import NamedTuple

import plotly.graph_objects as go

from seqcore.plots.style import apply_style, color, empty_figure, hide_axes
from seqcore.results import TextView

__all__ = ["TextInfo", "html", "plot_text", "text_info"]

WIDTH = 62  # characters in a line
MAX_LINES = 24
_FEWEST = 6  # lines that there is room for, so that pictures that follow each other are of about one height
_LINE_OF_TEXT = re.compile(rf"([^\n]{{0,{WIDTH}}})\n|([^\n]{{1,{WIDTH}}})(?: |\Z)|([^\n]{{{WIDTH}}})")
_LINE, _SIZE = 19, 13  # pixels
_FONT = "ui-monospace, Menlo, Consolas, monospace"


class TextInfo(NamedTuple):
    """Lines of at most 62 characters; of each, the prompt's part and the generated one: `lines[n]` = (given, written).

    `truth` are the lines of the original text after the prompt; none where that isn't known.
    """

    lines: tuple[tuple[str, str], ...]
    lines_left_out: int
    title: str
    truth: tuple[str, ...] = ()


def text_info(view: TextView) -> TextInfo:
    """From a view: its text cut at line ends and at spaces."""
    lines = _lines(view.prompt + view.text, len(view.prompt))
    shown = tuple(lines[:MAX_LINES])
    truth = tuple(line for _, line in _lines((view.truth or "").lstrip(" "), 0))
    return TextInfo(shown, len(lines) - len(shown), view.title, truth[:MAX_LINES])


def plot_text(info: TextInfo, dark: bool = False) -> go.Figure:
    """The lines in a monospaced font."""
    if not any(map(any, info.lines)):
        return empty_figure(info.title, "no text generated yet", dark=dark, height=160)
    quiet, blue = color("truth", dark=dark, opacity=0.55), color("prediction", dark=dark)
    rows = [_span(given, quiet) + _span(written, blue) for given, written in info.lines]
    if info.lines_left_out:
        rows.append(_span(f"... {info.lines_left_out} more lines", quiet))
    if info.truth:
        dark_ink = color("truth", dark=dark)
        rows += ["", _span("Original text:", quiet), *(_span(line, dark_ink) for line in info.truth)]
    figure = go.Figure()
    height = 20 + _LINE * max(_FEWEST, len(rows)) + (28 if info.title else 0)
    apply_style(figure, dark=dark, title=info.title, height=height)
    hide_axes(figure, fixedrange=True)
    figure.add_annotation(
        text="<br>".join(rows), showarrow=False, align="left", x=0, y=1, xref="paper", yref="paper", xanchor="left",
        yanchor="top", font={"family": _FONT, "size": _SIZE},
    )  # fmt: skip
    return figure


def html(view: TextView) -> str | None:
    """Prompt and generated text, and beside it the original."""
    if not (view.prompt or view.text):
        return None
    given = f"<i>{escape(view.prompt)}</i>"
    columns = [f"<section><small>generated</small><pre>{given}<b>{escape(view.text)}</b></pre></section>"]
    if view.truth is not None:
        columns.append(f"<section><small>original</small><pre>{given}{escape(view.truth)}</pre></section>")
    return f'<div class="sl-written" data-testid="written">{"".join(columns)}</div>'


def _lines(text: str, end: int) -> list[tuple[str, str]]:
    """A text cut at line ends and at spaces, each line split at the place `end`."""
    lines = []
    for found in _LINE_OF_TEXT.finditer(text):
        start, stop = found.span(found.lastindex or 0)
        cut = min(max(end, start), stop)
        lines.append((text[start:cut], text[cut:stop]))
    return lines


def _span(text: str, css: str) -> str:
    """Text as Plotly shows it literally, in a color."""
    if not text:
        return ""
    kept = escape(text, quote=False).replace("\t", "    ").replace(" ", "\u00a0")
    return f'<span style="color:{css}">{kept}</span>'
