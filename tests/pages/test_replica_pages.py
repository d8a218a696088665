"""Pages of runs with several seeds: cards, list, detail, scores, the ensemble and each seed, and the field."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import seqcore
from seqcore.runs.replica_measurement import Offer
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store
from ui import replica_offers, run_labels, session
from ui.run_history import History
from ui.run_list import run_row

ROUTER = Path(__file__).parents[2] / "pages" / "_router.py"
RECIPES = {"ramp": "ramp-next-value", "letters": "next-letter-of-four"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with three seeds of a forecast and of a language model."""
    store = Store(tmp_path_factory.mktemp("replicas") / "runs")
    changes = {"training.replicas": 3, "training.epochs": 3}
    runs = {
        name: seqcore.train(seqcore.recipe(recipe).with_changes(changes), store=store, recipe=recipe).id
        for name, recipe in RECIPES.items()
    }
    yield store, runs
    store.close()


@pytest.fixture
def runs(trained, monkeypatch):
    """The runs of the store that the pages use; no worker is started."""
    st.cache_resource.clear()
    st.cache_data.clear()
    scheduler = Scheduler(trained[0])
    monkeypatch.setattr(session, "store", lambda: trained[0])
    monkeypatch.setattr(session, "scheduler", lambda: scheduler)
    return trained[1]


def open_page(name: str, run: str | None = None) -> AppTest:
    page = AppTest.from_file(ROUTER, default_timeout=240)
    if run is not None:
        page.query_params["run"] = run
    page.switch_page(name).run()
    assert not page.exception
    return page


def text_of(page: AppTest) -> str:
    """All Markdown, captions and HTML of a page."""
    html = [element.proto.body for element in page.get("html")]
    return " ".join([*(m.value for m in page.markdown), *(c.value for c in page.caption), *html])


def test_the_train_page_shows_medians_and_ranges_over_seeds(runs) -> None:
    text = text_of(open_page("train.py", runs["ramp"]))
    assert "median; " in text
    assert "3 seeds:" in text
    assert "Line: median of 3 seeds" in text


def test_the_runs_page_says_how_many_seeds_a_run_has_and_their_range(runs) -> None:
    text = text_of(open_page("runs.py", runs["ramp"]))
    assert ", 3 seeds" in text
    assert "over 3 seeds: median" in text


def test_a_row_of_the_list_compares_all_seeds_with_the_baseline(trained, runs) -> None:
    store = trained[0]
    run = store.run(runs["ramp"])
    scores = run_labels.scores(run)
    assert len(scores.replicas) == 3
    base = scores.reference_score
    assert base is not None
    wins = scores.wins(base)
    assert ("better in" in scores.short) == (0 < wins < 3)
    row = run_row(run, [])
    assert row["skill"] == "–"  # this recipe holds no data out
    held_out = replace(run, metrics={name.replace("train_", "test_"): v for name, v in run.metrics.items()}, baselines={
        name: {key.replace("train_", "test_"): v for key, v in own.items()} for name, own in run.baselines.items()
    })  # fmt: skip
    assert run_row(held_out, [])["skill"] == run_labels.scores(held_out).short
    assert "3 seeds" in row["network"]


def test_a_live_card_has_the_range_of_the_seeds_that_still_train(trained, runs) -> None:
    history = History(trained[0].run(runs["letters"]))
    history.update(trained[0])
    moment = history.moment()
    assert moment.band is not None
    assert moment.validation.band is None or len(moment.validation.band[0]) == len(moment.validation.steps)


@pytest.mark.parametrize("name", list(RECIPES))
def test_the_predict_page_uses_the_ensemble_or_one_seed(runs, name: str) -> None:
    page = open_page("predict.py", runs[name])
    box = page.selectbox(key=f"seed-of-{runs[name]}")
    assert box.options == ["Ensemble of 3 seeds", "Seed 0", "Seed 1", "Seed 2"]
    ensemble = text_of(page)
    assert "3 seeds: " in ensemble
    assert "Median of 3 seeds" in ensemble
    box.set_value(1).run()
    assert not page.exception
    one = text_of(page)
    answers = [next(h for h in text.split("sl-answer") if "<b>" in h) for text in (ensemble, one)]
    assert "3 seeds: " in answers[0]
    assert "3 seeds: " not in answers[1].partition("</div></div>")[0]


def test_the_metrics_have_rows_for_the_lowest_and_the_highest_seed(runs) -> None:
    page = open_page("predict.py", runs["ramp"])
    rows = [table.value.iloc[:, 0].tolist() for table in page.table]
    assert any(row[:3] == ["Median of 3 seeds", "Lowest seed", "Highest seed"] for row in rows)


def test_the_number_of_seeds_is_a_basic_field_and_greyed_for_translation(runs) -> None:
    page = open_page("train.py")
    assert not page.number_input(key="field:training.replicas").disabled
    page = AppTest.from_file(ROUTER, default_timeout=240)
    page.query_params["recipe"] = "english-french"
    page.run()
    assert not page.exception
    field = page.number_input(key="field:training.replicas")
    assert field.disabled
    assert "one model at a time" in field.label


def test_the_offer_is_shown_when_the_cost_is_known_and_starts_a_run_of_so_many_seeds(
    runs, trained, monkeypatch
) -> None:
    offers = replica_offers.Offers()
    monkeypatch.setattr(replica_offers, "current", offers)
    page = open_page("train.py")
    assert not [b for b in page.button if b.key == "do-train-seeds"]
    offers.remember(page.session_state["draft"].base, Offer(8, 1.24))
    page.run()
    assert page.button(key="do-train-seeds").label == "Train 8 seeds together"
    assert "about 1.2 times the time of one" in text_of(page)
    page.button(key="do-train-seeds").click().run()
    assert not page.exception
    started = trained[0].runs(limit=1)[0]
    assert started.experiment.training.replicas == 8
    trained[0].command(started.id, "stop")


def test_nothing_is_offered_where_replicas_are_expensive_or_several_are_set(runs, monkeypatch) -> None:
    offers = replica_offers.Offers()
    monkeypatch.setattr(replica_offers, "current", offers)
    page = open_page("train.py")
    experiment = page.session_state["draft"].base
    offers.remember(experiment, None)
    page.run()
    assert not [b for b in page.button if b.key == "do-train-seeds"]
    offers.remember(experiment, Offer(8, 1.2))
    page.number_input(key="field:training.replicas").set_value(2).run()
    assert not [b for b in page.button if b.key == "do-train-seeds"]
