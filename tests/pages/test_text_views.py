"""Texts and translations as HTML: escaped, wrong words marked, beside the reference."""

from __future__ import annotations

import numpy as np
import pytest
import streamlit as st

from seqcore.errors import PredictionError
from seqcore.events import Preview
from seqcore.results import SeriesView, SymbolsView, TextView, Translated, TranslationView, View
from ui.results import written
from ui.run_view import preview_caption
from ui.session import show_errors

RIGHT = Translated(("I", "go"), ("je", "vais"), ("je", "vais"))
WRONG = Translated(("I", "see", "<b>x</b>"), ("je", "bois"), ("je", "vois"), None, ("<b>x</b>",))


def test_sentences_are_rows_with_wrong_words_marked_and_text_escaped() -> None:
    shown = written(TranslationView((RIGHT, WRONG))) or ""
    assert "<small>reference</small> je vais" in shown
    assert "je <em>bois</em>" in shown
    assert "je <em>vois</em>" in shown
    assert "<em>&lt;b&gt;x&lt;/b&gt;</em>" in shown
    assert "<b>" not in shown
    assert "Underlined" in shown
    assert "All words correct" in (written(TranslationView((RIGHT,))) or "")


def test_sentences_without_a_reference_have_two_columns_and_omitted_ones_are_counted() -> None:
    shown = written(TranslationView((Translated(("a",), ("b",)),) * 15)) or ""
    assert "reference" not in shown.partition("</style>")[2]
    assert "3 more not shown" in shown


def test_a_generated_text_is_shown_with_the_original() -> None:
    shown = written(TextView("if a ", "<i>b</i>", truth="< c:\n    pass")) or ""
    assert "<b>&lt;i&gt;b&lt;/i&gt;</b>" in shown
    assert "<small>original</small><pre><i>if a </i>&lt; c:\n    pass</pre>" in shown
    assert "original" not in (written(TextView("if a ", "b")) or "").partition("</style>")[2]


def test_other_results_have_no_html() -> None:
    attended = Translated(("I", "go"), ("je", "vais"), None, np.ones((2, 2)) / 2)
    assert written(TranslationView((attended,))) is None
    assert written(TranslationView(())) is None
    assert written(TextView("", "")) is None
    assert written(SymbolsView((("a",),), ("a", "b"), np.array([[0.5, 0.5]]))) is None


@pytest.mark.parametrize(
    ("view", "part", "told"),
    [
        (TextView("a", "b", truth="c"), "val", "Not used for training."),
        (TranslationView((RIGHT,)), "train", "Used for training: no data are held out."),
        (SeriesView(np.arange(2.0), np.zeros((2, 1))), "val", "Not used for training."),
    ],
)
def test_a_preview_says_whether_it_was_used_for_training(view: View, part: str, told: str) -> None:
    assert told in preview_caption(Preview(3, part, view))


def test_the_prefix_input_of_an_error_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(st, "error", shown.append)
    show_errors(PredictionError("input: there is no word in it", "beam: 0 is not allowed"))
    assert shown == ["There is no word in it", "beam\\: 0 is not allowed"]
