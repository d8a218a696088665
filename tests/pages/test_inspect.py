"""The Inspect page without a browser: snapshots, examples, the link, sections, and runs that can't be shown."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import seqcore
from seqcore.experiment.experiment import Experiment
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store
from ui import session

ROUTER = Path(__file__).parents[2] / "pages" / "_router.py"
SMALL = {"training.epochs": 2, "model.hidden_size": 6}
RECIPES: dict[str, dict[str, Any]] = {
    "bouncing-ball": {"data.options.samples": 200},
    "next-letter-of-four": {},
    "spoken-vowels": {"training.epochs": 1, "data.options": {"speakers": 10, "repeats": 1}},
    "moving-shapes": {"training.epochs": 1, "data.options": {"samples": 60}},
    "temperature-tomorrow": {"training.epochs": 1},
    "english-french": {"training.epochs": 1, "data.options.pairs": 300},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, dict[str, str]]]:
    """A store with a small run of every task."""
    store = Store(tmp_path_factory.mktemp("inspect") / "runs")
    yield (
        store,
        {
            name: seqcore.train(seqcore.recipe(name).with_changes({**SMALL, **changes}), store=store, recipe=name).id
            for name, changes in RECIPES.items()
        },
    )
    store.close()


def use(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    st.cache_resource.clear()
    st.cache_data.clear()
    scheduler = Scheduler(store)
    monkeypatch.setattr(session, "store", lambda: store)
    monkeypatch.setattr(session, "scheduler", lambda: scheduler)


@pytest.fixture
def runs(trained: tuple[Store, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    use(trained[0], monkeypatch)
    yield trained[1]
    st.cache_resource.clear()


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    store = Store(tmp_path / "runs")
    use(store, monkeypatch)
    yield store
    store.close()


def open_page(**link: str) -> AppTest:
    page = AppTest.from_file(ROUTER, default_timeout=240)
    for name, value in link.items():
        page.query_params[name] = value
    page.switch_page("inspect.py").run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    shown = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    return "\n".join(element.value for element in shown).replace("\\", "")


def components(page: AppTest) -> dict[str, dict[str, Any]]:
    """The data of each component by its name."""
    return {
        element.proto.component_name.removeprefix("sequence_lab_"): json.loads(element.proto.json)
        for element in page.get("bidi_component")
    }


def param(page: AppTest, name: str) -> str | None:
    value = page.query_params.get(name)
    return value[0] if isinstance(value, list) else value


def test_an_empty_store_links_to_the_train_page(empty: Store) -> None:
    assert "No trained models yet" in texts(open_page())


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_every_task_shows_its_snapshots_states_and_prediction(runs: dict[str, str], recipe: str) -> None:
    page = open_page(run=runs[recipe])
    shown = components(page)
    slider, maps = shown["time_slider"], shown["inspect_heat_maps"]
    assert slider["steps"][:2] == [0, 1]
    assert slider["at"] == slider["steps"][-1]
    assert maps["at"] == slider["at"]
    assert len(maps["maps"]) == {"next-letter-of-four": 1}.get(recipe, 4) + 2 * (recipe == "bouncing-ball")
    assert maps["columns"] == len(maps["steps"])
    assert [element.proto.body for element in page.get("html") if "sl-answer" in element.proto.body]
    assert not page.error
    kinds = {"moving-shapes": "frames", "spoken-vowels": "map", "next-letter-of-four": "letters"}
    if recipe in kinds:
        assert maps["input"]["kind"] == kinds[recipe]


def test_the_slider_shows_the_training_loss_of_each_snapshots_own_step(
    trained: tuple[Store, dict[str, str]], runs: dict[str, str]
) -> None:
    run = runs["bouncing-ball"]
    slider = components(open_page(run=run))["time_slider"]
    exact = trained[0].curve(run, "loss", None)
    losses = dict(zip(exact.steps.tolist(), np.log10(exact.values).tolist(), strict=True))
    assert slider["notes"][0] == "before training"
    assert slider["loss"][0] is None
    assert slider["loss"][1:] == pytest.approx([losses[step] for step in slider["steps"][1:]], abs=1e-4)


def test_the_link_chooses_snapshot_example_step_and_unit(runs: dict[str, str]) -> None:
    link = {"run": runs["bouncing-ball"], "at": "5", "split": "train", "example": "5", "step": "3", "unit": "2"}
    page = open_page(**link)
    maps = components(page)["inspect_heat_maps"]
    assert maps["at"] == 5
    assert "window 5:" in texts(page)
    assert (maps["selection"]["step"], maps["selection"]["unit"]) == (2, 1)
    assert {name: param(page, name) for name in link} == link


def test_a_step_between_snapshots_shows_the_nearest_one_and_says_so(runs: dict[str, str]) -> None:
    page = open_page(run=runs["bouncing-ball"], at="99999")
    steps = components(page)["time_slider"]["steps"]
    assert f"there is no snapshot at step 99,999; the nearest one, at step {steps[-1]}, is shown" in texts(page)
    assert param(page, "at") == str(steps[-1])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("at", "-3", "at: '-3' is not allowed; use a whole number from 0"),
        ("example", "0", "example: '0' is not allowed"),
        ("example", "123456", "example: 123,456 is beyond the last one"),
        ("step", "9" * 400, "step: '9"),
        ("unit", "x", "unit: 'x' is not allowed"),
        ("split", "nope", "split: 'nope' is not allowed; use one of"),
    ],
)
def test_nonsense_in_the_link_is_one_line(runs: dict[str, str], name: str, value: str, words: str) -> None:
    page = open_page(run=runs["bouncing-ball"], **{name: value})
    assert [warning.value.replace("\\", "").startswith(words) for warning in page.warning] == [True]
    assert "inspect_heat_maps" in components(page)


def test_another_example_gives_other_states_and_changes_the_link(runs: dict[str, str]) -> None:
    page = open_page(run=runs["bouncing-ball"], unit="x")
    assert page.warning
    before = components(page)["inspect_heat_maps"]
    page.number_input(key=f"inspect-example-{runs['bouncing-ball']}-test").set_value(4).run()
    assert not page.exception
    after = components(page)["inspect_heat_maps"]
    assert before["of"] != after["of"]
    assert before["maps"][0]["layers"] != after["maps"][0]["layers"]
    assert param(page, "example") == "4"
    assert not page.warning  # what was wrong in the link is said until something else is chosen


def test_typed_input_is_inspected_and_kept_in_the_link(runs: dict[str, str]) -> None:
    run = runs["next-letter-of-four"]
    page = open_page(run=run, split="typed", input="bcde")
    assert components(page)["inspect_heat_maps"]["steps"] == list("bcde")
    assert param(page, "input") == "bcde"
    page.text_input(key=f"inspect-typed-{run}").set_value("").run()
    assert "Enter an input" in texts(page)


def test_a_closed_section_draws_nothing_and_an_open_one_draws(runs: dict[str, str]) -> None:
    page = open_page(run=runs["bouncing-ball"])
    assert "inspect_heat_maps" in components(page)
    page.session_state["section-heat-maps"] = False
    page.run()
    assert not page.exception
    assert "inspect_heat_maps" not in components(page)


def test_a_queued_run_says_that_it_is_queued(empty: Store) -> None:
    run = empty.submit(Experiment().with_changes({"training.epochs": 1}))
    assert "This run is queued" in texts(open_page(run=run.id))


def test_a_paused_run_opens_at_the_step_where_it_is(empty: Store) -> None:
    """Steps between two snapshots of the schedule: 11 and 12 lie between 10 and 13."""
    from seqcore.runs.execution import execute

    lease = empty.start(seqcore.recipe("bouncing-ball").with_changes({**SMALL, "training.epochs": 100_000}))
    thread = threading.Thread(target=execute, args=(empty, lease))
    empty.command(lease.run, "pause")
    thread.start()

    def advance_to(step: int) -> None:
        deadline = time.monotonic() + 60
        if step > empty.run(lease.run).step:
            empty.command(lease.run, "advance", {"steps": step - empty.run(lease.run).step})
        while empty.run(lease.run).step != step or empty.run(lease.run).status != "paused":
            assert time.monotonic() < deadline
            time.sleep(0.01)

    try:
        for step in (11, 12):
            advance_to(step)
            page = open_page(run=lease.run)
            slider = components(page)["time_slider"]
            assert (slider["steps"][-2:], slider["at"]) == ([10, step], step)
            assert "paused" in slider["notes"][-1]
            assert "the run is at step" not in texts(page)
        page = open_page(run=lease.run, at="10")
        assert "Weights of step 10; the run is at step 12." in texts(page)
    finally:
        empty.command(lease.run, "stop")
        thread.join()


def test_a_failed_run_says_why(empty: Store) -> None:
    lease = empty.start(Experiment().with_changes({"training.epochs": 1}))
    empty.fail(lease, ["the disk is *full*"])
    lease.release()
    page = open_page(run=lease.run)
    assert "failed before its first snapshot: the disk is *full*" in texts(page)
    assert not components(page)


def test_a_deleted_run_in_the_link_is_named(runs: dict[str, str]) -> None:
    page = open_page(run="00000000-0000-4000-8000-000000000000")
    assert ["it may have been deleted" in error.value for error in page.error] == [True]
    assert [button.label for button in page.button if button.label] == ["Show the newest run"]


def test_a_run_without_snapshots_shows_its_last_weights_and_says_why_there_are_no_others(empty: Store) -> None:
    changes = {**SMALL, "training.snapshots": False, "data.options.samples": 200}
    run = seqcore.train(seqcore.recipe("bouncing-ball").with_changes(changes), store=empty)
    page = open_page(run=run.id)
    assert "This run has no snapshots" in texts(page)
    shown = components(page)
    assert shown["time_slider"]["steps"] == [run.step]
    assert shown["inspect_heat_maps"]["at"] == run.step


def test_an_architecture_without_states_says_so(empty: Store) -> None:
    changes = {"training.epochs": 1, "model.architecture": "nlinear", "data.options.samples": 200}
    run = seqcore.train(seqcore.recipe("bouncing-ball").with_changes(changes), store=empty)
    page = open_page(run=run.id)
    assert "inspect_heat_maps" not in components(page)
    assert "NLinear" in " ".join(info.value for info in page.info)
    assert "live_chart" in components(page)  # its prediction is shown


def test_a_transformer_shows_its_attention(empty: Store) -> None:
    changes = {**SMALL, "model.hidden_size": 8, "model.architecture": "transformer", "data.options.samples": 200}
    run = seqcore.train(seqcore.recipe("bouncing-ball").with_changes(changes), store=empty)
    data = components(open_page(run=run.id))["attention_maps"]
    assert data["rows"] == data["columns"]
    assert len(data["heads"]) == len(data["titles"]) >= 1


def test_of_several_seeds_one_is_shown_at_a_time(empty: Store) -> None:
    changes = {**SMALL, "training.replicas": 2, "data.options.samples": 200}
    run = seqcore.train(seqcore.recipe("bouncing-ball").with_changes(changes), store=empty)
    page = open_page(run=run.id)
    first = components(page)["inspect_heat_maps"]
    page.selectbox(key=f"inspect-replica-{run.id}").set_value(1).run()
    assert not page.exception
    assert components(page)["inspect_heat_maps"]["maps"][0]["layers"] != first["maps"][0]["layers"]
    assert param(page, "replica") == "2"


SECTIONS = {
    "unrolled": "unrolled", "response": "live_chart", "space": "state_space", "memory": "live_chart",
    "explained": "live_chart", "dynamics": "live_chart",
}  # fmt: skip


@pytest.mark.parametrize("recipe", ["bouncing-ball", "next-letter-of-four", "english-french"])
def test_every_section_draws_for_numbers_text_and_translation(runs: dict[str, str], recipe: str) -> None:
    page = AppTest.from_file(ROUTER, default_timeout=240)
    page.query_params["run"] = runs[recipe]
    for section in (*SECTIONS, "similar"):
        page.session_state[f"section-{section}"] = True
    page.switch_page("inspect.py").run()
    assert not page.exception
    assert not page.error
    assert not any("not allowed" in info.value for info in page.info)  # every control keeps to what is possible
    assert set(SECTIONS.values()) <= set(components(page))
    space, maps = components(page)["state_space"], components(page)["inspect_heat_maps"]
    assert space["steps"] == maps["steps"]
    assert set(space["paths"][0]["numbers"]) <= set(range(len(space["steps"])))


def test_similar_moments_open_the_example_where_they_are(runs: dict[str, str]) -> None:
    page = AppTest.from_file(ROUTER, default_timeout=240)
    run = runs["bouncing-ball"]
    page.query_params["run"] = run
    page.query_params["at"] = "5"
    page.session_state["section-similar"] = True
    page.switch_page("inspect.py").run()
    page.slider(key=f"similar-threshold-{run}").set_value(0.05).run()
    assert not page.exception
    (body,) = [element.proto.body for element in page.get("html") if "sl-moments" in element.proto.body]
    assert f"run={run}&amp;at=5&amp;split=test&amp;example=" in body
    page.slider(key=f"similar-threshold-{run}").set_value(0.95).run()
    assert any("No unit is at least 0.95" in info.value.replace("\\", "") for info in page.info)


def test_the_truth_is_drawn_beside_the_prediction(runs: dict[str, str]) -> None:
    page = open_page(run=runs["bouncing-ball"], split="test", example="1")
    figure = json.loads(components(page)["live_chart"]["figure"])
    places = {trace.get("name"): trace["x"] for trace in figure["data"]}
    observed, predicted = (
        np.frombuffer(base64.b64decode(x["bdata"]), x["dtype"]) for x in (places["observed"], places["prediction"])
    )
    assert len(observed) == 21  # the window of 20 rows, and the truth of the one that is predicted
    assert observed[-1] == predicted[-1]


def test_a_long_input_is_thinned_and_says_so(runs: dict[str, str]) -> None:
    page = open_page(run=runs["next-letter-of-four"], split="typed", input="abcd" * 700, step="2700")
    maps = components(page)["inspect_heat_maps"]
    assert len(maps["steps"]) == 2800
    assert (maps["stride"], maps["columns"]) == (2, 1400)
    assert maps["selection"]["step"] == 2699
    assert param(page, "input") is None  # too long for a link
