"""The Predict page with a translation model: sentences beside the reference, typed input, unknown words."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import seqcore
from seqcore.experiment.experiment import Experiment
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store
from ui import session

ROUTER = Path(__file__).parents[2] / "pages" / "_router.py"
SMALL = {
    "data.source": "everyday-phrases",
    "data.options.pairs": 300,
    "data.task": "translation",
    "model.architecture": "gru",
    "training.epochs": 2,
    "training.learning_rate": 0.01,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("translator") / "runs")
    yield store, seqcore.train(Experiment().with_changes(SMALL), store=store).id
    store.close()


@pytest.fixture
def page(trained, monkeypatch) -> AppTest:
    store, run = trained
    st.cache_resource.clear()
    st.cache_data.clear()
    scheduler = Scheduler(store)
    monkeypatch.setattr(session, "store", lambda: store)
    monkeypatch.setattr(session, "scheduler", lambda: scheduler)
    page = AppTest.from_file(ROUTER, default_timeout=240)
    page.query_params["run"] = run
    page.switch_page("predict.py").run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    shown = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    return "\n".join(element.value for element in shown)


def test_typed_text_is_translated_and_unknown_words_are_named(page: AppTest) -> None:
    box = next(area for area in page.text_area if area.label == "Sentence to translate")
    assert box.value
    box.set_value("I am happy, dear zebra").run()
    assert not page.exception
    assert "zebra" in texts(page)
    assert any("Not in the vocabulary" in box.value for box in page.warning)  # above the answer, not a gray line
    answer = "".join(element.proto.body for element in page.get("html"))
    assert "translation" in answer


def test_scores_are_shown_with_the_nearest_sentence_baseline(page: AppTest) -> None:
    assert "nearest training sentence" in texts(page).lower()
    assert "BLEU" in texts(page)
    assert "Attention weights" in texts(page)


def test_translations_are_text_and_the_beam_size_can_be_chosen(page: AppTest) -> None:
    shown = "".join(element.proto.body for element in page.get("html"))
    assert "sl-sentences" in shown
    assert "mean word probability" in shown
    beam = next(box for box in page.number_input if box.label == "Beam size")
    assert beam.value == 1
    beam.set_value(3).run()
    assert not page.exception
    assert "translation" in "".join(element.proto.body for element in page.get("html"))
