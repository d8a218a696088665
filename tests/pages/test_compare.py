"""The Compare page without a browser: links, missing runs, different problems, races and seeds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import seqcore
from seqcore.events import Epoch, Finished, Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.results.formatting import format_number
from seqcore.runs.races import race_experiments
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store
from ui import race_section, session

ROUTER = Path(__file__).parents[2] / "pages" / "_router.py"
QUICK = {"training.epochs": 2, "data.options.samples": 200, "model.hidden_size": 4}
BASE = Experiment.make().with_changes(QUICK)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A store with small trained runs."""
    folder = tmp_path_factory.mktemp("compared")
    store = Store(folder / "runs")
    changes: dict[str, dict[str, Any]] = {
        "gru": {"model.architecture": "gru"},
        "rnn": {"model.architecture": "rnn"},
        "two ahead": {"data.horizon": 2},
        "seeds": {"training.replicas": 6, "training.learning_rate": 0.02},
        "more seeds": {"training.replicas": 6, "training.learning_rate": 0.0001},
    }
    runs = {name: seqcore.train(BASE.with_changes(own), store=store).id for name, own in changes.items()}
    store.close()
    return folder / "runs", runs


@pytest.fixture
def runs(trained: tuple[Path, dict[str, str]]) -> dict[str, str]:
    return trained[1]


def use(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    st.cache_resource.clear()
    st.cache_data.clear()
    scheduler = Scheduler(store)  # not started: runs stay queued
    monkeypatch.setattr(session, "store", lambda: store)
    monkeypatch.setattr(session, "scheduler", lambda: scheduler)


@pytest.fixture
def kept(trained: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch):
    store = Store(trained[0])
    use(store, monkeypatch)
    yield store
    store.close()
    st.cache_resource.clear()


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = Store(tmp_path / "runs")
    use(store, monkeypatch)
    yield store
    store.close()
    st.cache_resource.clear()


def open_page(page_name: str = "compare.py", **link: str) -> AppTest:
    page = AppTest.from_file(ROUTER, default_timeout=240)
    for name, value in link.items():
        page.query_params[name] = value
    page.switch_page(page_name).run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    shown = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info, *page.subheader]
    return "\n".join(element.value for element in shown)


def tables(page: AppTest) -> str:
    return "\n".join(table.value.to_csv() for table in page.table)


def charts(page: AppTest) -> dict[str, dict[str, Any]]:
    """The data of the charts and of the board, by their names."""
    found = [json.loads(element.proto.json) for element in page.get("bidi_component")]
    return {str(data.get("name", "board")): data for data in found}


def test_an_empty_page_offers_a_race(empty: Store) -> None:
    page = open_page()
    assert page.button(key="race-start").label == "Race RNN, LSTM, GRU and minGRU"
    assert "choose runs" in texts(page)


def test_runs_of_a_link_are_overlaid_in_colors_that_are_the_same_everywhere(kept: Store, runs: dict[str, str]) -> None:
    page = open_page(runs=f"{runs['gru'][:8]},{runs['rnn']}")
    drawn = charts(page)
    for name in ("compare-curves-0", "compare-time-0", "compare-parameters-0", "compare-truth-0-test"):
        figure = json.loads(drawn[name]["figure"])
        colors = {
            trace["name"]: trace["line" if "line" in trace else "marker"]["color"]
            for trace in figure["data"]
            if trace["name"] in ("GRU", "RNN")
        }
        assert colors == {"GRU": "#0072B2", "RNN": "#E69F00"}, name
        assert "GRU" in drawn[name]["label"]
    assert "`model.architecture`,GRU,RNN" in tables(page)
    assert "With one seed" in texts(page)
    by_seconds = page.button_group(key="compare-by").set_value("seconds").run()
    figure = json.loads(charts(by_seconds)["compare-curves-0"]["figure"])
    assert figure["layout"]["xaxis"]["title"]["text"] == "training time (s)"
    assert "interpolated" in texts(by_seconds)


def test_a_schedule_over_other_epochs_is_said_to_give_other_rates(empty: Store) -> None:
    cosine = BASE.with_changes({"training.schedule": "cosine"})
    first, second, same = (empty.submit(cosine.with_changes({"training.epochs": n})).id for n in (2, 4, 2))
    note = "The cosine schedule of the learning rate runs over all epochs of a run"
    assert note in texts(open_page(runs=f"{first},{second}"))
    assert note not in texts(open_page(runs=f"{first},{same}"))


def test_different_problems_have_charts_of_their_own_and_are_said_to_be(kept: Store, runs: dict[str, str]) -> None:
    page = open_page(runs=f"{runs['gru']},{runs['two ahead']}")
    warning = page.warning[0].value.replace("\\", "")
    assert "2 different problems (Horizon differs)" in warning
    assert "must not be ranked" in warning
    assert {"compare-curves-0", "compare-curves-1"} <= charts(page).keys()
    assert "Problem 2" in texts(page)


def test_a_test_over_seeds_says_which_is_better(kept: Store, runs: dict[str, str]) -> None:
    page = open_page(runs=f"{runs['seeds']},{runs['more seeds']}")
    assert "learning rate 0" in tables(page)
    assert "is better" in tables(page)
    assert "sign-flip" in texts(page)


def test_what_is_gone_is_said_and_the_rest_is_shown(kept: Store, runs: dict[str, str]) -> None:
    page = open_page(runs=f"{runs['gru']},feedfeed", group="nowhere")
    warnings = "\n".join(warning.value for warning in page.warning)
    assert "feedfeed" in warnings
    assert "nowhere" in warnings
    assert "compare-curves-0" in charts(page)
    page = open_page(runs="feedfeed")
    assert "feedfeed" in page.error[0].value
    assert page.button(key="race-start")


def test_one_press_starts_a_race_and_its_board_is_shown(empty: Store) -> None:
    page = open_page()
    assert "Starts 4 runs" in page.button(key="race-start").help
    page.button(key="race-start").click().run()
    assert not page.exception
    queued = empty.runs()
    assert [run.outline.architecture for run in queued[::-1]] == ["rnn", "lstm", "gru", "mingru"]
    assert len(empty.queued_together()) == 1
    assert page.query_params["group"] in (queued[0].group, [queued[0].group])
    board = charts(page)["board"]
    assert [one["name"] for one in board["competitors"]] == ["RNN", "LSTM", "GRU", "minGRU"]
    assert len({one["light"] for one in board["competitors"]}) == 4
    assert "Waiting for 4 workers" in board["summary"]
    assert {(one["best"], board["best"]) for one in board["competitors"]} == {
        ("–", "best validation score once all have one")
    }
    assert not any("queued" in label for label in page.multiselect(key="compare-picked").options[:4])
    page.button(key="race-stop-all").click().run()
    assert {run.status for run in empty.runs()} == {"stopped"}


def test_the_train_page_races_its_settings(empty: Store) -> None:
    page = open_page("train.py")
    assert page.button(key="do-race").help == (
        "Starts 4 runs with these settings at the same time: RNN, LSTM, GRU and minGRU."
    )
    page.button(key="do-race").click().run()
    assert not page.exception
    assert page.title[0].value == "Compare"
    assert len(empty.queued_together()[0]) == 4


def test_a_race_of_one_is_refused_with_the_reason(empty: Store) -> None:
    page = open_page()
    page.multiselect(key="race-values-model.architecture-regression").set_value(["gru"]).run()
    assert "Starts 1 run (2 to 8 are allowed)" in re.sub(r"\\", "", texts(page))
    page.button(key="race-start-other").click().run()
    assert "at least two competitors" in page.error[0].value
    assert empty.runs() == []


def test_seeds_of_everything_that_is_compared_are_queued_in_one_group(kept: Store, runs: dict[str, str]) -> None:
    page = open_page(runs=f"{runs['gru']},{runs['rnn']}")
    before = {run.id for run in kept.runs()}
    page.button(key="seeds-train-all").click().run()
    new = [run for run in kept.runs() if run.id not in before]
    assert [run.outline.replicas for run in new] == [6, 6]
    assert len({run.group for run in new}) == 1
    for run in new:
        kept.command(run.id, "stop")
        kept.delete(run.id)


def test_a_finished_race_is_understood_from_its_board(empty: Store) -> None:
    made = race_experiments(BASE, {"model.architecture": ["rnn", "gru"]})
    empty.submit_together(made, group="done")
    from seqcore.runs.execution import execute

    while (lease := empty.claim()) is not None:
        execute(empty, lease)
    page = open_page(group="done")
    board = charts(page)["board"]
    assert board["summary"].startswith("Finished.")
    assert sorted(one["rank"] for one in board["competitors"]) == [1, 2]
    assert all(one["progress"] == 1.0 for one in board["competitors"])
    assert board["best"] == "best validation MAE of the whole run"
    for one in board["competitors"]:
        run = next(run for run in empty.runs() if run.id == one["run"])
        assert one["best"] == format_number(min(empty.epoch_scores(run.id, ["val_mae"]).values["val_mae"]))
    assert all(len(one["byTime"][0]) == len(one["byStep"][0]) == 2 for one in board["competitors"])
    assert page.button(key="race-again")
    lowest = min(scores["val_mae"] for scores in run.baselines.values())
    assert board["baseline"].endswith(f", validation MAE {format_number(lowest)}.")
    last = page.table[0].value.to_dict("records")[-1]
    assert last["Experiment"].startswith(r"Best baseline\: ")
    assert last["Test MAE"] == format_number(min(scores["test_mae"] for scores in run.baselines.values()))
    assert "over training steps" in texts(page)
    curves = json.loads(charts(page)["compare-curves-0"]["figure"])
    assert "loss" in curves["layout"]["yaxis"]["title"]["text"]  # the board has the scores
    times = {row["Experiment"]: row["Time"] for row in page.table[0].value.to_dict("records")[:-1]}
    assert times == {one["name"]: one["time"] for one in board["competitors"]}


def test_the_cards_of_a_race_that_goes_on_say_up_to_which_step_their_scores_are(empty: Store) -> None:
    """One has done two epochs and the other one: the best of the first epoch is compared."""
    started = Started(
        device="cpu", device_reason="", threads=1, versions={}, parameters=10, split_sizes={"train": 100, "val": 3},
        baselines={"last_value": {"val_mae": 0.6}, "moving_average": {"val_mae": 0.7}}, reference_baseline="last_value",
        metric="mae", summary=[], data={}, steps_per_epoch=4, epochs=9,
    )  # fmt: skip
    empty.submit_together(race_experiments(BASE, {"model.architecture": ["rnn", "gru"]}), group="going")
    leases = [lease for _ in range(2) if (lease := empty.claim()) is not None]
    scores = ((0.5, 0.25), (0.4,))
    for lease, own in zip(leases, scores, strict=True):
        epochs = [
            Epoch(n, 4 * n, {"val_loss": score, "val_mae": score}, 1.0, True) for n, score in enumerate(own, start=1)
        ]
        steps = np.ones(4 * len(own))
        empty.append(lease, [started, Steps(1, steps, steps, steps), *epochs])
    board = charts(open_page(group="going"))["board"]
    assert board["best"] == "best validation MAE up to step 4, which all have reached"
    assert board["baseline"] == "Best baseline: last value, validation MAE 0.6."
    assert {one["best"] for one in board["competitors"]} == {format_number(0.5), format_number(0.4)}
    ended = [Finished("stopped", "stopped", len(own), 4 * len(own), 1.0, {}, {}, {}, None) for own in scores]
    for lease, event in zip(leases, ended, strict=True):
        empty.append(lease, [event])
        lease.release()
    board = charts(open_page(group="going"))["board"]
    assert board["best"] == "best validation MAE of the whole run"
    assert {one["best"] for one in board["competitors"]} == {format_number(0.25), format_number(0.4)}


def test_a_press_acts_on_every_run_before_streamlit_can_end_it(empty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a rerun of the page waits, Streamlit ends a callback as soon as it touches the session."""

    class Interrupted(Exception):
        pass

    class Waiting(dict[str, Any]):
        def interrupt(self, *given: Any) -> None:
            raise Interrupted

        pop = get = __getitem__ = __setitem__ = __contains__ = interrupt

    empty.submit_together(race_experiments(BASE, {"model.architecture": ["rnn", "gru"]}), group="pressed")
    ids = [run.id for run in empty.runs()]
    monkeypatch.setattr(race_section.st, "session_state", Waiting())
    with pytest.raises(Interrupted):
        race_section._all(lambda run: empty.command(run, "stop"), ids)
    assert {run.status for run in empty.runs()} == {"stopped"}


def test_a_group_of_one_run_is_counted_as_one(empty: Store) -> None:
    empty.submit(BASE, group="alone")
    assert "Group alone: 1 run." in texts(open_page(group="alone"))


def test_the_page_prepares_workers_for_a_race_while_nothing_trains(empty: Store) -> None:
    open_page()
    assert session.scheduler()._kept_ready() == 4
    empty.submit(BASE)
    session.scheduler().prepare(0, 0.0)
    open_page()
    assert session.scheduler()._kept_ready() == 0
