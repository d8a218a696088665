"""The Predict page with a classifier: examples, typed sequences, files with and without labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import seqcore
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store
from ui import session

ROUTER = Path(__file__).parents[2] / "pages" / "_router.py"


def steps(count: int = 60, *, seed: int = 0) -> pd.DataFrame:
    """One row per step: sequences of 4 to 9 steps, rising or falling."""
    random = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        length, slope = int(random.integers(4, 10)), 1 if i % 2 else -1
        values = slope * np.arange(length) + random.normal(size=length) / 9
        rows += [(f"s{i}", t, v, random.normal(), "up" if i % 2 else "down") for t, v in enumerate(values)]
    return pd.DataFrame(rows, columns=["id", "time", "height", "noise", "label"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("classes") / "runs")
    changes = {"data.task": "classification", "training.epochs": 12, "model.hidden_size": 8, "training.batch_size": 8}
    run = seqcore.train(Experiment().with_changes(changes), data=steps(), store=store)
    yield store, run.id
    store.close()


@pytest.fixture
def page(trained, monkeypatch) -> AppTest:
    st.cache_resource.clear()
    st.cache_data.clear()
    store, run = trained
    scheduler = Scheduler(store)
    monkeypatch.setattr(session, "store", lambda: store)
    monkeypatch.setattr(session, "scheduler", lambda: scheduler)
    page = AppTest.from_file(ROUTER, default_timeout=240)
    page.query_params["run"] = run
    page.switch_page("predict.py").run()
    assert not page.exception
    return page


def answer(page: AppTest) -> str:
    return "\n".join(element.proto.body for element in page.get("html"))


def figures(page: AppTest) -> list[dict]:
    data = [json.loads(component.proto.json) for component in page.get("bidi_component")]
    return [json.loads(d["figure"]) for d in data if "figure" in d]


def test_stepwise_probabilities_scores_and_confusion_matrix_are_shown(page):
    pictures = figures(page)
    assert any(trace.get("stackgroup") for trace in pictures[0]["data"])
    methods = [name.strip() for name in pictures[1]["data"][0]["y"]]
    assert set(methods) == {"This model", "Most frequent class", "Nearest neighbor"}
    assert any(trace["type"] == "heatmap" for picture in pictures[2:] for trace in picture["data"])


def test_an_example_from_the_test_split_can_be_selected_and_edited(page):
    box = next(b for b in page.selectbox if b.label == "Example from the test split")
    assert {option.rsplit(": ")[-1] for option in box.options} == {"up", "down"}
    rising = next(i for i, option in enumerate(box.options) if option.endswith("up"))
    box.select_index(rising).run()
    assert not page.exception
    assert "up" in answer(page)
    page.text_area[0].set_value("0, 0\n-1, 0\n-2, 0\n-3, 0\n-4, 0").run()
    assert not page.exception
    assert "<b>down</b>" in answer(page)


def test_unparsable_input_is_one_error(page):
    page.text_area[0].set_value("1, 2, 3").run()
    assert not page.exception
    assert len(page.error) == 1


@pytest.mark.parametrize("labeled", [True, False])
def test_a_file_is_evaluated_with_labels_and_predicted_without(page, trained, labeled):
    new = steps(6, seed=5)
    content = (new if labeled else new.drop(columns="label")).to_csv(index=False)
    page.session_state[f"use-{trained[1]}"] = "New data"
    page.run()
    page.file_uploader(key=f"file-{trained[1]}").upload("new.csv", content.encode(), "text/csv").run()
    assert not page.exception
    assert not page.error
    said = "\n".join(element.value for element in page.caption)
    assert ("no scores" in said) is not labeled
    assert "6 inputs. The figure shows the first ones." in said
    assert ("Evaluated on 6 sequences" in said) is labeled
    assert said.count("The bar on top") == (2 if labeled else 1)  # a file without labels has no true class
    (table,) = [t.value for t in page.dataframe if "Predicted" in t.value.columns]
    assert len(table) == 6
    assert ("True class" in table.columns) is labeled
    assert table["Probability"].between(50, 100).all()


def test_the_table_has_predictions_that_the_figure_omits(page, trained):
    content = steps(12, seed=5).drop(columns="label").to_csv(index=False)
    page.session_state[f"use-{trained[1]}"] = "New data"
    page.run()
    page.file_uploader(key=f"file-{trained[1]}").upload("new.csv", content.encode(), "text/csv").run()
    assert "12 inputs. The figure shows the first ones." in [element.value for element in page.caption]
    assert [len(t.value) for t in page.dataframe if "Predicted" in t.value.columns] == [12]


def _new_data(page, run, frame) -> AppTest:
    page.session_state[f"use-{run}"] = "New data"
    page.run()
    page.file_uploader(key=f"file-{run}").upload("new.csv", frame.to_csv(index=False).encode(), "text/csv").run()
    assert not page.exception
    return page


def test_a_file_is_read_and_used_once_for_many_clicks(page, trained, monkeypatch):
    calls: list[str] = []

    def count(method: str) -> None:
        work = getattr(Predictor, method)

        def counted(*args, **options):
            if "split" not in options:  # the run's own data
                calls.append(method)
            return work(*args, **options)

        monkeypatch.setattr(Predictor, method, counted)

    count("read_file")
    count("evaluate")
    _new_data(page, trained[1], steps(6, seed=8))
    page.run()
    page.run()
    assert calls == ["read_file", "evaluate"]


def test_labels_that_the_model_does_not_know_are_a_warning(page, trained):
    new = steps(6, seed=5)
    _new_data(page, trained[1], new.assign(label=new["label"].replace({"up": "North", "down": "South"})))
    (warning,) = [element.value for element in page.warning]
    assert "None of the 6 labels is known to the model" in warning
    assert "North" in warning
    assert "Evaluated on 6 sequences" in "\n".join(element.value for element in page.caption)


def test_columns_may_come_in_another_order(page, trained):
    new = steps(6, seed=5)
    tables = [
        next(t.value for t in _new_data(page, trained[1], frame).dataframe if "Predicted" in t.value.columns)
        for frame in (new, new[["noise", "label", "height", "time", "id"]])
    ]
    pd.testing.assert_frame_equal(*tables)
    assert not page.error
