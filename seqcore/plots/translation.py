"""Translations beside their references with differences marked, or the attention weights of one sentence."""

from __future__ import annotations

from difflib import SequenceMatcher
from html import escape
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.style import apply_style, color, empty_figure, hide_axes, percent_heat_map
from seqcore.results import Translated, TranslationView
from seqcore.results.spacing import bare, is_word, spaces

__all__ = ["SentenceRow", "TranslationInfo", "html", "plot_translation", "translation_info"]

MOST_ROWS = 12
MOST_WORDS = 40  # of a heat map's side
_CHARACTERS = 30  # in a line of a column
_LINE = 17  # pixels
_HEADS = ("source", "translation", "reference")
_COLUMNS = (0.0, 0.345, 0.69)

Marked = tuple[tuple[str, bool], ...]  # words, and whether each is marked


class SentenceRow(NamedTuple):
    """One sentence: the source (marked: not in the vocabulary), the translation (marked: wrong), and the reference
    (marked: missing in the translation)."""

    source: Marked
    prediction: Marked
    truth: Marked | None


class TranslationInfo(NamedTuple):
    """What the figure shows: rows of sentences, or of one sentence `attention[S, T]` of its words."""

    rows: tuple[SentenceRow, ...]
    attention: NDArray[np.float64] | None
    left_out: int
    title: str


def translation_info(view: TranslationView) -> TranslationInfo:
    """From a view: at most 12 sentences; the attention where there is one sentence that has it."""
    shown = view.sentences[:MOST_ROWS]
    attention = shown[0].attention if len(shown) == 1 else None
    if attention is not None and not (attention.ndim == 2 and attention.size):
        attention = None
    return TranslationInfo(
        rows=tuple(_row(sentence) for sentence in shown),
        attention=attention,
        left_out=len(view.sentences) - len(shown),
        title=view.title,
    )


def plot_translation(info: TranslationInfo, dark: bool = False) -> go.Figure:
    """A heat map of one sentence's attention, or sentences in columns."""
    if not info.rows:
        return empty_figure(info.title, "nothing to show", dark=dark)
    return _sentences(info, dark) if info.attention is None else _heat_map(info, info.attention, dark)


def html(view: TranslationView) -> str | None:
    """A row for each sentence; None where one sentence has attention weights, which are a figure."""
    info = translation_info(view)
    if not info.rows or info.attention is not None:
        return None
    known = any(row.truth is not None for row in info.rows)
    heads = _HEADS if known else _HEADS[:2]
    top = "".join(f"<span>{head}</span>" for head in heads)
    rows = "".join(f"<div>{_cells(row, heads)}</div>" for row in info.rows)
    told = ["Underlined: wrong, missing, or not in the vocabulary."] if _any_marked(info) else []
    told = told or (["All words correct."] if known else [])
    told += [f"{info.left_out:,} more not shown; the CSV has all."] if info.left_out else []
    return (
        '<div class="sl-sentences" data-testid="sentences">'
        f'<div class="sl-head">{top}</div>{rows}<p>{" ".join(told)}</p></div>'
    )


def _cells(row: SentenceRow, heads: tuple[str, ...]) -> str:
    kinds = ("", ' class="sl-model"', "")
    return "".join(
        f"<span{kind}><small>{head}</small> {_html_words(words or ())}</span>"
        for words, kind, head in zip(row, kinds, heads, strict=False)
    )


def _html_words(words: Marked) -> str:
    """Words as one writes them, with marks as emphasis."""
    text = ""
    for (word, marked), space in zip(words, spaces(word for word, _ in words), strict=True):
        shown = escape(bare(word))
        text += (" " if text and space else "") + (f"<em>{shown}</em>" if marked else shown)
    return text


def _row(sentence: Translated) -> SentenceRow:
    unknown = set(sentence.unknown)
    source = tuple((word, bare(word) in unknown) for word in sentence.source)
    if sentence.truth is None:
        return SentenceRow(source, tuple((word, False) for word in sentence.prediction), None)
    wrong = [True] * len(sentence.prediction)
    missing = [True] * len(sentence.truth)
    matcher = SequenceMatcher(None, sentence.prediction, sentence.truth, autojunk=False)
    for block in matcher.get_matching_blocks():
        for i in range(block.size):
            wrong[block.a + i] = missing[block.b + i] = False
    return SentenceRow(
        source,
        tuple(zip(sentence.prediction, wrong, strict=True)),
        tuple(zip(sentence.truth, missing, strict=True)),
    )


def _sentences(info: TranslationInfo, dark: bool) -> go.Figure:
    """Columns of wrapped text, one below the other, each row as high as its longest cell."""
    known = any(row.truth is not None for row in info.rows)
    heads = [(_HEADS[0], "truth"), (_HEADS[1], "prediction"), *([(_HEADS[2], "truth")] if known else [])]
    warning = color("warning", dark=dark)
    cells = []
    for row in info.rows:
        texts = [row.source, row.prediction, *([row.truth or ()] if known else [])]
        cells.append([_wrapped(words, warning) for words in texts])
    heights = [max(map(len, columns)) * _LINE + 13 for columns in cells]
    top = 30 + (28 if info.title else 0)
    whole = sum(heights)
    figure = go.Figure()
    apply_style(figure, dark=dark, title=info.title, height=whole + top + 34)
    place = 1.0
    quiet = color("baseline", dark=dark)
    for x, (head, _) in zip(_COLUMNS, heads, strict=False):
        _note(figure, head, x, 1.0, quiet, shift=20)
    for columns, height in zip(cells, heights, strict=True):
        for x, lines, (_, role) in zip(_COLUMNS, columns, heads, strict=False):
            _note(figure, "<br>".join(lines), x, place - 4 / whole, color(role, dark=dark))
        place -= height / whole
        figure.add_shape(
            type="line", xref="paper", yref="paper", x0=0, x1=1, y0=place, y1=place,
            line={"width": 1, "color": color("baseline", dark=dark, opacity=0.25)},
        )  # fmt: skip
    legend = ["<i><b>Marked</b></i>: wrong, missing, or not in the vocabulary"] if _any_marked(info) else []
    legend = legend or (["all words correct"] if known else [])
    legend += [f"{info.left_out:,} more not shown"] if info.left_out else []
    _note(figure, "; ".join(legend), 0.0, 0.0, quiet, shift=-6)
    figure.update_layout(margin={"t": top, "b": 30}, hovermode=False, dragmode=False)
    hide_axes(figure, range=[0, 1], fixedrange=True)
    return figure


def _note(figure: go.Figure, text: str, x: float, y: float, ink: str, *, shift: int = 0) -> None:
    figure.add_annotation(
        text=text, x=x, y=y, xref="paper", yref="paper", xanchor="left", yanchor="top", align="left", showarrow=False,
        yshift=shift, font={"size": 13, "color": ink},
    )  # fmt: skip


def _wrapped(words: Marked, warning: str) -> list[str]:
    """Lines of HTML of about the column's width."""
    lines, line, width = [], "", 0
    for (word, marked), space in zip(words, spaces(word for word, _ in words), strict=True):
        shown = escape(bare(word))
        cell = f'<span style="color:{warning}"><i><b>{shown}</b></i></span>' if marked else shown
        if line and space and is_word(word) and width + len(word) + 1 > _CHARACTERS:
            lines.append(line)
            line, width = "", 0
        line += f" {cell}" if line and space else cell
        width += len(word) + space
    return [*lines, line]


def _any_marked(info: TranslationInfo) -> bool:
    return any(marked for row in info.rows for words in row if words for _, marked in words)


def _heat_map(info: TranslationInfo, attention: NDArray[np.float64], dark: bool) -> go.Figure:
    row = info.rows[0]
    weights = attention[:MOST_WORDS, :MOST_WORDS]
    source = [bare(word) for word, _ in row.source][: weights.shape[1]]
    written = [bare(word) for word, _ in row.prediction][: weights.shape[0]]
    hover = "“%{customdata[0]}” attends to “%{customdata[1]}”: %{z:.3g}%"
    figure = percent_heat_map(100 * weights, [[[w, s] for s in source] for w in written], hover, dark=dark)
    apply_style(figure, dark=dark, title=info.title, height=120 + 24 * max(4, len(written)))
    rest = f" (first {MOST_WORDS} shown)" if attention.shape != weights.shape else ""
    unknown = [f"<i>{escape(bare(word))}</i>" if strange else escape(bare(word)) for word, strange in row.source]
    figure.update_xaxes(
        title_text=f"source words{rest}", tickvals=list(range(len(source))), ticktext=unknown[: len(source)],
        tickangle=0 if sum(map(len, source)) < 60 else -45, tickfont={"size": 13},
    )  # fmt: skip
    figure.update_yaxes(
        title_text="generated words", tickvals=list(range(len(written))), ticktext=list(map(escape, written)),
        autorange="reversed", showgrid=False, nticks=0, tickfont={"size": 13},
    )  # fmt: skip
    figure.update_layout(hovermode="closest")
    return figure
