"""The sections memory, explained prediction and updates of the Inspect page, and the explanation on Predict."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import seqcore
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store
from ui import memory_section, session

ROUTER = Path(__file__).parents[2] / "pages" / "_router.py"
SMALL = {"training.epochs": 2, "model.hidden_size": 4, "data.options.samples": 60}
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "rnn": ("adding-problem", {**SMALL, "model.architecture": "rnn", "data.options.length": 12}),
    "lstm": ("adding-problem", {**SMALL, "model.architecture": "lstm", "data.options.length": 12}),
    "other": ("adding-problem", {**SMALL, "data.options.length": 8}),
    "sine": ("sine-to-cosine", {"training.epochs": 2, "model.hidden_size": 4}),
    "letters": ("next-letter-of-four", {"training.epochs": 2}),
    "linear": ("ramp-next-value", {"training.epochs": 2, "model.architecture": "nlinear"}),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, dict[str, str]]]:
    store = Store(tmp_path_factory.mktemp("memory") / "runs")
    yield (
        store,
        {
            name: seqcore.train(seqcore.recipe(recipe).with_changes(changes), store=store, recipe=recipe).id
            for name, (recipe, changes) in RUNS.items()
        },
    )
    store.close()


@pytest.fixture
def runs(trained: tuple[Store, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    st.cache_resource.clear()
    st.cache_data.clear()
    scheduler = Scheduler(trained[0])
    monkeypatch.setattr(session, "store", lambda: trained[0])
    monkeypatch.setattr(memory_section, "store", lambda: trained[0])
    monkeypatch.setattr("ui.updates_section.store", lambda: trained[0])
    monkeypatch.setattr(session, "scheduler", lambda: scheduler)
    return trained[1]


def _sections() -> None:
    """The sections with the last weights of a run, on its first training example."""
    import streamlit as st

    from seqcore.insight.examples import load_example
    from ui import attribution_section, inspect_context, memory_section, session, updates_section

    store = session.store()
    run = store.run(st.session_state["shown"])
    place = store.snapshots(run.id)[-1]
    table = inspect_context.load_table(run.id)
    predictor = store.predictor(run.id, at="last")
    example = load_example(predictor, table, "train", 0)
    inspected = inspect_context.inspect(
        run, place, example, table, replica=0, selection=inspect_context.Selection(step=1)
    )
    memory_section.memory(inspected)
    attribution_section.explained(inspected)
    updates_section.updates(inspected)


def draw(run: str) -> AppTest:
    page = AppTest.from_function(_sections, default_timeout=240)
    page.session_state["shown"] = run
    page.run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    shown = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    return "\n".join(element.value for element in shown).replace("\\", "")


@pytest.mark.parametrize("name", ["rnn", "sine", "letters"])
def test_memory_and_explanation_of_every_kind_of_run_are_drawn(runs: dict[str, str], name: str) -> None:
    said = texts(draw(runs[name]))
    assert "95% of the gradient lies within" in said
    assert "Gradient of the loss by state" in said
    assert "Gradient of the prediction by input" in said
    assert "the attributions add up to" in said
    assert "a rule of thumb" in said


def test_what_the_task_needs_is_said_beside_it(runs: dict[str, str]) -> None:
    assert "The task needs 6 to 11 steps" in texts(draw(runs["rnn"]))
    assert "The data suggest 0 to 9 steps" in texts(draw(runs["sine"]))
    assert "the mutual information of two characters is above chance" in texts(draw(runs["letters"]))


def test_other_architectures_on_the_same_data_are_in_one_picture_and_other_data_are_refused(
    runs: dict[str, str],
) -> None:
    page = draw(runs["rnn"])
    choice = page.multiselect[0]
    assert "(other data)" not in choice.options[0]
    assert sum("(other data)" in option for option in choice.options) == 4
    choice.set_value([runs["lstm"], runs["other"]]).run()
    said = texts(page)
    assert "LSTM 4 (" in said
    assert "is not shown: it was trained on other data (options of the source)" in said
    assert "GRU" not in "".join(line for line in said.splitlines() if "lies within" in line)


def test_an_architecture_without_hidden_states_says_so_and_shows_the_rest(runs: dict[str, str]) -> None:
    said = texts(draw(runs["linear"]))
    assert "NLinear has no hidden states" in said
    assert "95% of the gradient lies within" in said
    assert "the attributions add up to" in said


def test_another_class_symbol_or_step_can_be_explained(runs: dict[str, str]) -> None:
    page = draw(runs["letters"])
    box = next(box for box in page.selectbox if box.label == "Explain")
    box.set_value(2).run()
    assert not page.exception
    assert f"the log-probability of '{box.options[3]}'" in texts(page)


def test_a_prediction_for_typed_input_is_explained_on_predict(runs: dict[str, str]) -> None:
    page = AppTest.from_file(ROUTER, default_timeout=240)
    page.query_params["run"] = runs["letters"]
    page.switch_page("predict.py").run()
    assert not page.exception
    assert any(box.label == "Explain this prediction" for box in page.expander)
