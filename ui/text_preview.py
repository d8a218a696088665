"""Preview of text data: each split in its color, with the label or the translation beside the text."""

from __future__ import annotations

import re
from html import escape

import streamlit as st

from seqcore.data.splits import SPLIT_TITLES, SPLITS, split_bounds
from seqcore.data.table import Table
from seqcore.data.text import join_words
from seqcore.results.formatting import marked
from seqcore.results.spacing import join_sentence
from seqcore.results.thinning import evenly

__all__ = ["text_preview"]

SMALL, LARGE = 40, 320  # characters of an excerpt
SHORT = 8  # times SMALL: longer texts are shown as prose
FEW_SMALL, FEW_LONG, FEW_LARGE = 12, 6, 12
NO_BREAK = "\u00a0"


def text_preview(table: Table, validation_fraction: float, test_fraction: float, *, small: bool, testid: str) -> None:
    """The beginnings of some sequences of every split: a text, texts with labels, or sentence pairs."""
    bounds = split_bounds(table, validation_fraction, test_fraction)
    few = FEW_SMALL if int(table.lengths.max(initial=0)) <= SMALL / 2 else FEW_LONG
    chosen = _chosen(bounds, few if small else FEW_LARGE)
    if table.paired is not None or table.labels is not None:
        rows = [_row(table, split, s, low, high, small) for split, s, low, high in chosen[: 4 if small else None]]
        st.html(f'<div class="sl-text-rows{" sl-small" * small}" data-testid="{testid}">{"".join(rows)}</div>')
        return
    pieces = [_excerpt(table, split, low, high, SMALL if small else LARGE) for split, _, low, high in chosen]
    more = " …" if sum(map(len, bounds.values())) > len(chosen) else ""
    kind = "sl-text sl-prose" if _is_prose(table) else "sl-text"
    st.html(f'<div class="{kind}" data-testid="{testid}">{" ".join(pieces)}{more}</div>')


def _chosen(bounds: dict[str, list[tuple[int, int, int]]], most: int) -> list[tuple[str, int, int, int]]:
    """Evenly spaced sequences from every split."""
    present = [split for split in SPLITS if bounds[split]]
    each = max(1, most // max(1, len(present)))
    found = []
    for split in present:
        found += [(split, *bounds[split][i]) for i in evenly(len(bounds[split]), each).tolist()]
    return found


def _excerpt(table: Table, split: str, low: int, high: int, most: int) -> str:
    text = escape(_words(table, low, high, most))
    return f'<span class="sl-split-{split}" title="{SPLIT_TITLES[split]}">{text}</span>'


def _is_prose(table: Table) -> bool:
    """Whether the symbols form a text rather than short sequences of characters."""
    return bool(table.separator) or int(table.lengths.max(initial=0)) > SHORT * SMALL


def _words(table: Table, low: int, high: int, most: int, *, sentence: bool = False) -> str:
    """The symbols of rows as text, truncated. In short character sequences spaces are marked."""
    rows = most if not table.separator else max(4, most // 5)
    symbols = table.words(low, min(high, low + rows))
    if table.separator:
        text = join_sentence(symbols) if sentence else join_words(symbols)
        text = re.sub(r" (?=[?!:;»](\s|$))", NO_BREAK, text)  # French has a space there, where no line may break
    else:
        text = "".join(symbols if _is_prose(table) else map(marked, symbols))
    return text + ("…" if high - low > rows else "")


def _row(table: Table, split: str, s: int, low: int, high: int, small: bool) -> str:
    most = SMALL if small else 120
    dot = f'<i class="sl-split-{split}" title="{SPLIT_TITLES[split]}">●</i>'
    text = escape(_words(table, low, high, most, sentence=table.paired is not None))
    if table.paired is not None:
        paired = table.paired
        other = escape(_words(paired, int(paired.offsets[s]), int(paired.offsets[s + 1]), most, sentence=True))
        return f"<div>{dot}<span>{text}</span><b>→</b><span>{other}</span></div>"
    assert table.labels is not None
    return f'<div>{dot}<em>{escape(str(table.labels[s]))}</em><span class="sl-wide">{text}</span></div>'
