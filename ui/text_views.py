"""Text and translations as a page shows them: as text, which wraps with the width, where a figure would cut it off."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from seqcore.data.sentences import bare, spaces
from seqcore.plots.translation import Marked, SentenceRow, translation_info
from seqcore.results import TextView, TranslationView, View

__all__ = ["written"]

_STYLE = "<style>" + Path(__file__).with_name("text_views.css").read_text(encoding="utf-8") + "</style>"
HEADS = ("sentence", "the model", "truth")


def written(view: View) -> str | None:
    """HTML of a view that is read rather than looked at, everything in it escaped; None where a figure shows it."""
    form = FORMS.get(type(view))
    inner = form(view) if form is not None else None
    return None if inner is None else _STYLE + inner


def _sentences(view: TranslationView) -> str | None:
    """A row for each sentence; None where one sentence has a picture of where the model looked."""
    info = translation_info(view)
    if not info.rows or info.attention is not None:
        return None
    known = any(row.truth is not None for row in info.rows)
    heads = HEADS if known else HEADS[:2]
    top = "".join(f"<span>{head}</span>" for head in heads)
    rows = "".join(f"<div>{_cells(row, heads)}</div>" for row in info.rows)
    marked = any(mark for row in info.rows for words in row if words for _, mark in words)
    told = ["Underlined: wrong, missing, or never seen."] if marked else ["Every word is right."] if known else []
    told += [f"{info.left_out:,} more are not shown: the CSV has them."] if info.left_out else []
    return (
        '<div class="sl-sentences" data-testid="sentences">'
        f'<div class="sl-head">{top}</div>{rows}<p>{" ".join(told)}</p></div>'
    )


def _cells(row: SentenceRow, heads: tuple[str, ...]) -> str:
    kinds = ("", ' class="sl-model"', "")
    return "".join(
        f"<span{kind}><small>{head}</small> {_words(words or ())}</span>"
        for words, kind, head in zip(row, kinds, heads, strict=False)
    )


def _words(words: Marked) -> str:
    """Words as one writes them, those that matter marked."""
    text = ""
    for (word, marked), space in zip(words, spaces(word for word, _ in words), strict=True):
        shown = escape(bare(word))
        text += (" " if text and space else "") + (f"<em>{shown}</em>" if marked else shown)
    return text


def _text(view: TextView) -> str | None:
    """What was given and written, and beside it how the data go on there."""
    if not (view.prompt or view.text):
        return None
    given = f"<i>{escape(view.prompt)}</i>"
    columns = [f"<section><small>the model</small><pre>{given}<b>{escape(view.text)}</b></pre></section>"]
    if view.truth is not None:
        columns.append(f"<section><small>truth</small><pre>{given}{escape(view.truth)}</pre></section>")
    return f'<div class="sl-written" data-testid="written">{"".join(columns)}</div>'


FORMS: dict[type[View], Callable[[Any], str | None]] = {TranslationView: _sentences, TextView: _text}
"""The views that are text. What isn't here is a figure."""
