"""Text and translations as text on a page: nothing typed is markup, what is wrong is marked, the truth is beside."""

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


def test_sentences_stand_in_rows_with_what_is_wrong_marked_and_nothing_typed_is_markup() -> None:
    shown = written(TranslationView((RIGHT, WRONG))) or ""
    assert "<small>reference</small> je vais" in shown
    assert "je <em>bois</em>" in shown
    assert "je <em>vois</em>" in shown
    assert "<em>&lt;b&gt;x&lt;/b&gt;</em>" in shown
    assert "<b>" not in shown
    assert "Underlined" in shown
    assert "All words correct" in (written(TranslationView((RIGHT,))) or "")


def test_sentences_without_a_truth_have_two_columns_and_what_is_left_out_is_counted() -> None:
    shown = written(TranslationView((Translated(("a",), ("b",)),) * 15)) or ""
    assert "reference" not in shown.partition("</style>")[2]
    assert "3 more not shown" in shown


def test_a_text_stands_beside_how_it_really_goes_on() -> None:
    shown = written(TextView("if a ", "<i>b</i>", truth="< c:\n    pass")) or ""
    assert "<b>&lt;i&gt;b&lt;/i&gt;</b>" in shown
    assert "<small>original</small><pre><i>if a </i>&lt; c:\n    pass</pre>" in shown
    assert "original" not in (written(TextView("if a ", "b")) or "").partition("</style>")[2]


def test_what_is_looked_at_is_left_to_its_figure() -> None:
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
def test_a_preview_says_of_what_it_is(view: View, part: str, told: str) -> None:
    assert told in preview_caption(Preview(3, part, view))


def test_a_fault_of_a_field_is_not_called_input_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(st, "error", shown.append)
    show_errors(PredictionError("input: there is no word in it", "beam: 0 is not allowed"))
    assert shown == ["There is no word in it", "beam\\: 0 is not allowed"]
