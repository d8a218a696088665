"""Pictures of translations: what is wrong is marked, what is typed is shown as it is, attention stands by its words."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from seqcore.plots import plot_view
from seqcore.plots.style import color
from seqcore.plots.translation import MOST_ROWS, plot_translation, translation_info
from seqcore.results import Translated, TranslationView, view_from_dict

WORDS = ("I", "see", "<b>zebras</b>")
ATTENTION = np.array([[0.8, 0.2, 0.0], [0.1, 0.7, 0.2]])
RIGHT = Translated(("I", "go"), ("je", "vais"), ("je", "vais"))
WRONG = Translated(WORDS, ("je", "bois"), ("je", "vois", "tout"), ATTENTION, ("<b>zebras</b>",))


def texts(figure: go.Figure) -> str:
    return " ".join(note.text for note in figure.layout.annotations)


def test_words_that_are_wrong_missing_or_never_seen_are_marked() -> None:
    info = translation_info(TranslationView((WRONG, RIGHT)))
    assert info.rows[0].source == (("I", False), ("see", False), ("<b>zebras</b>", True))
    assert info.rows[0].prediction == (("je", False), ("bois", True))
    assert info.rows[0].truth == (("je", False), ("vois", True), ("tout", True))
    assert not any(marked for _, marked in (*info.rows[1].prediction, *(info.rows[1].truth or ())))
    assert info.attention is None


@pytest.mark.parametrize("dark", [False, True])
def test_several_sentences_stand_side_by_side_and_nothing_typed_is_markup(dark: bool) -> None:
    figure = plot_view(TranslationView((WRONG, RIGHT)), dark)
    shown = texts(figure)
    assert "&lt;b&gt;zebras&lt;/b&gt;" in shown
    assert "<b>zebras" not in shown
    assert f'<span style="color:{color("warning", dark=dark)}"><i><b>bois</b></i></span>' in shown
    assert len({note.x for note in figure.layout.annotations}) == 3
    assert len({note.x for note in plot_view(TranslationView((Translated(("a",), ("b",)),))).layout.annotations}) == 2


@pytest.mark.parametrize("dark", [False, True])
def test_one_sentence_is_a_heat_map_of_read_and_written_words(dark: bool) -> None:
    figure = plot_view(TranslationView((WRONG,), "Look"), dark)
    heat = figure.data[0]
    assert np.allclose(heat.z, 100 * ATTENTION)
    assert figure.layout.xaxis.ticktext == ("I", "see", "<i>&lt;b&gt;zebras&lt;/b&gt;</i>")
    assert figure.layout.yaxis.ticktext == ("je", "bois")
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.title.text == "Look"
    assert heat.colorscale[1][1] == color("prediction", dark=dark)


def test_without_attention_one_sentence_is_a_row_and_nothing_is_said_so() -> None:
    assert translation_info(TranslationView((RIGHT,))).attention is None
    assert "je vais" in texts(plot_view(TranslationView((RIGHT,))))
    empty = Translated(("a",), (), None, np.zeros((0, 1)))
    assert translation_info(TranslationView((empty,))).attention is None
    assert "nothing to show" in texts(plot_translation(translation_info(TranslationView(()))))


def test_more_sentences_than_fit_are_counted() -> None:
    info = translation_info(TranslationView((RIGHT,) * (MOST_ROWS + 5)))
    assert len(info.rows) == MOST_ROWS
    assert info.left_out == 5
    assert "5 more not shown" in texts(plot_translation(info))


def test_a_view_comes_back_from_json_and_has_a_figure() -> None:
    view = TranslationView((WRONG, RIGHT), "Some")
    again = view_from_dict(view.to_dict())
    assert isinstance(again, TranslationView)
    assert again.sentences[0].attention is not None
    assert np.array_equal(again.sentences[0].attention, ATTENTION)
    assert again.sentences[1] == RIGHT
