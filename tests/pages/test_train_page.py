"""The Train page without a browser: what it shows, what it rejects, and what its link holds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from seqcore.events import Changed, Epoch, Finished, Preparing, Preview, Started
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import load_recipe, recipes
from seqcore.models import MODELS
from seqcore.results import SeriesView
from seqcore.runs.api import open_store
from ui import drafts, forms, session


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store for the test, without workers: runs stay queued."""
    monkeypatch.setenv("SEQCORE_STORE", str(tmp_path / "runs"))
    monkeypatch.setattr(session.Scheduler, "start", lambda self: self)
    st.cache_resource.clear()
    yield tmp_path / "runs"
    st.cache_resource.clear()


@pytest.fixture
def page(store: Path, root: Path) -> AppTest:
    return AppTest.from_file(str(root / "pages" / "_router.py"), default_timeout=240)


def control(page: AppTest, kind: str, path: str) -> Any:
    return getattr(page, kind)(key=f"field:{path}")


def unfolded(page: AppTest, *sections: str) -> AppTest:
    """The page with the fields that are otherwise folded away, and not drawn."""
    for section in sections:
        page.session_state[f"more-{section}"] = True
    return page.run()


def button(page: AppTest, name: str) -> Any:
    return page.button(key=f"do-{name}")


def errors(page: AppTest) -> list[str]:
    return [error.value for error in page.error]


def link(page: AppTest) -> dict[str, str]:
    params: dict[str, Any] = dict(page.query_params)
    return {key: value if isinstance(value, str) else value[0] for key, value in params.items()}


def html(page: AppTest) -> str:
    return "\n".join(element.proto.body for element in page.get("html"))


def texts(page: AppTest) -> str:
    shown = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    return "\n".join(element.value for element in shown)


def completed(store: Path, part: str, *, seconds: float = 1.0) -> str:
    """A run of one epoch that is better than the last value and worse than linear regression, scored on this split."""
    opened = open_store(store)
    lease = opened.start(load_recipe("bouncing-ball").experiment)
    baselines = {"last_value": {f"{part}_mae": 0.06}, "linear": {f"{part}_mae": 0.00125}}
    metrics = {"train_loss": 0.5, f"{part}_loss": 0.5, f"{part}_mae": 0.0045}
    view = SeriesView(x=np.arange(2.0), prediction=np.zeros((2, 1)), truth=np.zeros((2, 1)))
    started = Started(
        device="cpu", device_reason="", threads=1, versions={}, parameters=1, split_sizes={part: 1},
        baselines=baselines, reference_baseline="last_value", metric="mae", summary=[], data={},
        steps_per_epoch=4, epochs=1,
    )  # fmt: skip
    events = [started, Epoch(1, 4, metrics, 0.1, best=True), Preview(4, part, view)]
    opened.append(lease, [*events, Finished("completed", "", 1, 4, seconds, metrics, metrics, baselines, 1)])
    lease.release()
    return lease.run


def test_a_better_baseline_is_named_beside_the_skill(page: AppTest, store: Path) -> None:
    page.query_params["run"] = completed(store, "val")
    page.run()
    assert not page.exception
    assert "13.3× lower" in html(page)
    assert "Validation MAE 0.0045 (best epoch, 1)" in html(page)
    assert 'title="Skill: the score of the model beside that of a baseline' in html(page)
    assert "3.6× higher than linear regression on the window" in html(page)
    assert "Not used for training" in texts(page)
    assert "1 epoch in" in html(page)


def test_a_completed_run_opens_in_predict_and_says_where_the_test_score_is(page: AppTest, store: Path) -> None:
    run = completed(store, "val")
    page.query_params["run"] = run
    page.run()
    assert "Validation MAE 0.0045 (best epoch, 1); test score in Predict" in html(page)
    button(page, "open-in-predict").click().run()
    assert page.session_state["run"] == run
    assert [box.label for box in page.selectbox] == ["Run"]  # the Predict page


def test_without_a_validation_split_none_is_mentioned(page: AppTest, store: Path) -> None:
    page.query_params["run"] = completed(store, "train")
    page.run()
    assert "Training MAE 0.0045" in html(page)
    assert "Used for training" in texts(page)
    assert "overfitting" not in texts(page)


def test_a_first_visit_shows_the_first_recipe_and_two_buttons(page: AppTest) -> None:
    page.run()
    assert not page.exception
    assert errors(page) == []
    assert page.header[0].value == recipes()[0].title
    assert not button(page, "train").disabled
    assert [b.key for b in page.button if b.key.startswith("do-")] == ["do-train", "do-race"]
    assert link(page) == {"recipe": "bouncing-ball@1"}


def test_every_recipe_fills_the_controls_and_leaves_its_name_in_the_link(page: AppTest) -> None:
    """By one visitor, who chooses one after the other: nothing of an earlier one stays."""
    page.run()
    for recipe in recipes()[::-1]:  # the last one chosen is the first, which is there without a choice
        page.selectbox(key="recipe").select(recipe.name).run()
        assert not page.exception, recipe.name
        assert errors(page) == [], recipe.name
        assert page.header[0].value == recipe.title
        assert link(page) == {"recipe": f"{recipe.name}@{recipe.version}"}
        assert control(page, "number_input", "model.hidden_size").value == recipe.experiment.model.hidden_size


def test_the_number_of_parameters_follows_the_controls(page: AppTest) -> None:
    page.run()
    before = [e.label for e in page.expander if "parameters" in e.label]
    control(page, "number_input", "model.hidden_size").set_value(64).run()
    after = [e.label for e in page.expander if "parameters" in e.label]
    assert len(before) == len(after) == 1
    assert before != after
    assert link(page) == {"recipe": "bouncing-ball@1", "model.hidden_size": "64"}


def test_every_error_has_a_line_and_values_are_kept(page: AppTest) -> None:
    page.run()
    control(page, "number_input", "model.hidden_size").set_value(0)
    control(page, "number_input", "training.learning_rate").set_value(-1.0)
    page.run()
    assert [line.partition(":")[0].replace("\\", "") for line in errors(page)] == [
        "Hidden size", "Learning rate",
    ]  # fmt: skip
    assert button(page, "train").disabled
    order = [one.type for one in page.main if one.type in ("button", "error")]
    assert order.index("error") == order.index("button") + 2  # below Train and Race
    assert control(page, "number_input", "model.hidden_size").value == 0
    control(page, "number_input", "model.hidden_size").set_value(8)
    control(page, "number_input", "training.learning_rate").set_value(0.02)
    page.run()
    assert errors(page) == []
    assert not button(page, "train").disabled


@pytest.mark.parametrize(("typed", "words"), [(1e9, "1000000000 is not allowed"), (1.5, "1.5 is not allowed")])
def test_a_whole_number_is_taken_as_it_is_typed(page: AppTest, store: Path, typed: float, words: str) -> None:
    """Streamlit's control for integers would send 1 for both: its type is that of decimal numbers."""
    page.run()
    field = control(page, "number_input", "model.hidden_size")
    assert field.proto.data_type == field.proto.FLOAT
    field.set_value(typed)
    page.run()
    assert words in errors(page)[0].replace("\\", "")
    assert button(page, "train").disabled
    control(page, "number_input", "model.hidden_size").set_value(8.0)
    page.run()
    button(page, "train").click().run()
    (run,) = open_store(store).runs()
    assert run.experiment.model.hidden_size == 8
    assert isinstance(run.experiment.model.hidden_size, int)


def test_the_panel_of_a_run_names_it_and_says_when_the_form_differs(page: AppTest, store: Path) -> None:
    run = completed(store, "val")
    page.query_params["run"] = run
    page.run()
    experiment = open_store(store).run(run).experiment
    assert f"LSTM {experiment.model.hidden_size} · {run[:8]}" in html(page)
    assert "The form differs" not in texts(page)
    control(page, "number_input", "model.hidden_size").set_value(48)
    page.run()
    assert (
        f"The form differs from this run: hidden size 48, not {experiment.model.hidden_size}. Train starts a new run."
    ) in texts(page).replace("\\", "")


def test_an_interrupted_run_is_resumed_by_its_primary_button(page: AppTest, store: Path) -> None:
    opened = open_store(store)
    lease = opened.start(load_recipe("bouncing-ball").experiment)
    opened.interrupt(lease, "the worker is gone")
    lease.release()
    page.query_params["run"] = lease.run
    page.run()
    primary = [one.label for one in page.button if one.proto.type == "primary"]
    assert [one.label for one in page.button if one.key == "do-pause"] == ["Resume"]
    assert primary == ["Resume"]
    control(page, "number_input", "model.hidden_size").set_value(48)  # now Train does something else
    page.run()
    assert "Train" in [one.label for one in page.button if one.proto.type == "primary"]


def test_a_long_run_says_why_it_is_not_replayed(page: AppTest, store: Path) -> None:
    page.query_params["run"] = completed(store, "val", seconds=60.0)
    page.run()
    (replay,) = [one for one in page.button if one.label == "Replay"]
    assert replay.disabled
    assert "Only runs of less than 5 s are replayed" in replay.help


def test_the_search_for_a_scaling_is_in_the_log_and_beside_the_chart(page: AppTest, store: Path) -> None:
    opened = open_store(store)
    lease = opened.start(load_recipe("bouncing-ball").experiment)
    opened.append(lease, [Preparing(0, "Scaling search", 5, 6, "window mean")])
    page.query_params["run"] = lease.run
    page.run()
    told = "Scaling search: 5 of 6, window mean"
    assert html(page).count(told) == 2  # the status and the log
    assert f"{told}. The loss follows once it is done." in texts(page).replace("\\", "")
    lease.release()


def test_a_field_that_does_not_apply_is_disabled_with_the_reason(page: AppTest) -> None:
    unfolded(page, "training")
    momentum = control(page, "number_input", "training.momentum")
    assert momentum.disabled
    assert "only for SGD" in momentum.label
    control(page, "selectbox", "training.optimizer").set_value("sgd").run()
    assert not control(page, "number_input", "training.momentum").disabled


def test_what_an_architecture_does_not_support_is_disabled_with_the_reason(page: AppTest) -> None:
    unfolded(page, "model")
    assert not control(page, "number_input", "model.recurrent_dropout").disabled
    control(page, "selectbox", "model.architecture").set_value("mingru").run()
    dropout = control(page, "number_input", "model.recurrent_dropout")
    assert dropout.disabled
    assert "no recurrent weights to drop" in dropout.label
    assert control(page, "toggle", "model.bidirectional").disabled
    assert any(caption.value == "minGRU has no backward direction" for caption in page.caption)


def test_the_options_of_the_chosen_architecture_are_shown_and_kept_while_another_is_chosen(page: AppTest) -> None:
    unfolded(page, "model")
    control(page, "number_input", "model.options.forget_bias:lstm").set_value(2.0).run()
    assert page.query_params["model.options.forget_bias"] == "2"
    control(page, "selectbox", "model.architecture").set_value("rnn").run()
    control(page, "segmented_control", "model.options.nonlinearity:rnn").set_value("relu").run()
    assert "model.options.forget_bias" not in page.query_params
    assert page.query_params["model.options.nonlinearity"] == "relu"
    control(page, "selectbox", "model.architecture").set_value("lstm").run()
    assert control(page, "number_input", "model.options.forget_bias:lstm").value == 2.0


def test_an_invalid_combination_is_disabled_with_the_reason(page: AppTest) -> None:
    page.query_params["recipe"] = "sine-next-step"
    unfolded(page, "model")
    assert load_recipe("sine-next-step").experiment.data.predict == "every"
    assert control(page, "toggle", "model.bidirectional").disabled
    assert any("the backward direction would see" in caption.value for caption in page.caption)


def test_every_control_has_help(page: AppTest) -> None:
    unfolded(page, "data", "model", "training")
    kinds = ("number_input", "selectbox", "toggle", "text_input", "multiselect", "segmented_control", "text_area")
    controls = [widget for kind in kinds for widget in getattr(page, kind)]
    assert len(controls) > 20
    assert [widget.label for widget in controls if not widget.help] == []


def test_the_chosen_architecture_is_described_below_its_control(page: AppTest) -> None:
    page.run()
    for name in ("gru", "lru"):
        control(page, "selectbox", "model.architecture").set_value(name).run()
        assert session.escape(MODELS[name].help) in [caption.value for caption in page.caption]


def test_train_queues_one_run_of_the_experiment(page: AppTest, store: Path) -> None:
    page.run()
    control(page, "number_input", "training.epochs").set_value(3).run()
    button(page, "train").click().run()
    assert not page.exception
    (run,) = open_store(store).runs()
    assert run.status == "queued"
    assert run.recipe == "bouncing-ball"
    assert run.experiment.training.epochs == 3
    assert link(page) == {"recipe": "bouncing-ball@1", "training.epochs": "3", "run": run.id}
    assert button(page, "train").disabled
    button(page, "stop").click().run()
    assert open_store(store).run(run.id).ended


def test_a_link_with_a_run_shows_its_experiment(page: AppTest, store: Path) -> None:
    changes = {"model.architecture": "gru", "model.hidden_size": 5}
    run = open_store(store).submit(load_recipe("bouncing-ball").experiment.with_changes(changes))
    page.query_params["run"] = run.id
    page.run()
    assert control(page, "selectbox", "model.architecture").value == "gru"
    assert control(page, "number_input", "model.hidden_size").value == 5
    assert link(page)["run"] == run.id


def test_active_runs_are_offered_without_a_link(page: AppTest, store: Path) -> None:
    run = open_store(store).submit(load_recipe("bouncing-ball").experiment, recipe="bouncing-ball")
    page.run()
    page.button(key=f"watch-{run.id}").click().run()
    assert link(page)["run"] == run.id
    assert not [b for b in page.button if b.key.startswith("watch-")]


def test_own_values_are_typed_and_kept_in_the_link(page: AppTest) -> None:
    page.run()
    page.segmented_control(key="origin").set_value("values").run()
    page.text_area(key="field:data.options.text:values").set_value("1, 2, 4, 8, 16, 32, 64").run()
    assert not page.exception
    assert errors(page) == []
    assert link(page)["data.options.text"] == "1, 2, 4, 8, 16, 32, 64"
    page.text_area(key="field:data.options.text:values").set_value("1, 2, x, 8").run()
    assert len(errors(page)) == 1
    assert "is not a number" in errors(page)[0]
    assert button(page, "train").disabled


def test_a_file_is_kept_by_its_content_and_its_columns_can_be_chosen(page: AppTest, store: Path) -> None:
    rows = "\n".join(f"2001-{month:02}-01;{month},5;{month * 2},25" for month in range(1, 13))
    page.run()
    page.segmented_control(key="origin").set_value("file").run()
    page.file_uploader(key="upload").upload("sales *of* mine.csv", f"month;a;b\n{rows}\n".encode(), "text/csv").run()
    assert not page.exception
    assert errors(page) == []
    (kept,) = open_store(store).files()
    assert link(page)["data.options.hash"] == kept.hash
    assert control(page, "multiselect", "data.target").options == ["a", "b"]
    assert page.header[0].value == r"sales \*of\* mine\.csv"


def test_an_unreadable_file_is_an_error_and_the_page_stays(page: AppTest) -> None:
    page.run()
    page.segmented_control(key="origin").set_value("file").run()
    page.file_uploader(key="upload").upload("empty.csv", b"", "text/csv").run()
    assert not page.exception
    assert errors(page)
    page.segmented_control(key="origin").set_value("recipe").run()
    assert not button(page, "train").disabled


def test_a_wrong_link_is_one_error_for_each_fault(page: AppTest) -> None:
    page.query_params["recipe"] = "bouncing-bal"
    page.query_params["model.architecture"] = "lstmm"
    page.query_params["data.source"] = "../secret.csv"
    page.query_params["run"] = "nonsense"
    page.run()
    assert not page.exception
    assert len(errors(page)) == 4
    assert page.header[0].value == recipes()[0].title
    assert not button(page, "train").disabled


def test_a_store_that_can_not_be_opened_is_one_error(store: Path, root: Path) -> None:
    store.mkdir(parents=True)
    (store / "seqcore.db").write_bytes(b"this is no database" * 100)
    page = AppTest.from_file(str(root / "pages" / "_router.py"), default_timeout=240).run()
    assert not page.exception
    assert len(errors(page)) == 1


def rows(*columns: str, gap: bool = False) -> bytes:
    """A file of 60 rows, if `gap` with a missing value in the last column."""
    lines = [",".join(str((row + 3 * place) % 11) for place in range(len(columns))) for row in range(60)]
    if gap:
        lines[30] = lines[30].rpartition(",")[0] + ","
    return "\n".join([",".join(columns), *lines]).encode()


def own_file(page: AppTest) -> AppTest:
    page.run()
    return page.segmented_control(key="origin").set_value("file").run()


def upload(page: AppTest, name: str, content: bytes) -> AppTest:
    page.file_uploader(key="upload").upload(name, content, "text/csv").run()
    assert not page.exception
    return page


def warnings(page: AppTest) -> list[str]:
    return [warning.value for warning in page.warning]


def test_without_a_file_the_page_asks_for_one(page: AppTest) -> None:
    own_file(page)
    assert errors(page) == []
    assert [info.value for info in page.info] == ["Upload a file to begin."]
    assert button(page, "train").disabled


def test_a_rejected_file_disables_training_on_the_previous_one(page: AppTest) -> None:
    upload(own_file(page), "good.csv", rows("a", "b"))
    assert not button(page, "train").disabled
    upload(page, "bad.csv", b"")
    assert len(errors(page)) == 1
    assert button(page, "train").disabled
    assert "data.options.hash" not in link(page)
    page.run()
    assert len(errors(page)) == 1, "the reason stays until another file comes"
    upload(page, "good.csv", rows("a", "b"))
    assert errors(page) == []
    assert not button(page, "train").disabled


def test_train_never_starts_on_the_previous_file(page: AppTest, store: Path) -> None:
    upload(own_file(page), "first.csv", rows("a", "b"))
    page.file_uploader(key="upload").upload("second.csv", rows("c", "d"), "text/csv")
    button(page, "train").click().run()
    assert open_store(store).runs() == []
    assert any("press Train again" in error for error in errors(page))
    button(page, "train").click().run()
    (run,) = open_store(store).runs()
    assert run.experiment.data.options["name"] == "second.csv"


def test_target_and_inputs_of_a_file_are_on_top_and_named(page: AppTest) -> None:
    walk = np.random.default_rng(0).normal(size=(60, 2)).cumsum(axis=0)
    upload(own_file(page), "mine.csv", ("a,b\n" + "".join(f"{a:.4f},{b:.4f}\n" for a, b in walk)).encode())
    (folded,) = [e for e in page.expander if e.label == "More data settings"]
    assert [names.key for names in folded.multiselect if "calendar" not in str(names.key)] == []
    assert "Predicts **a** from its own past." in texts(page)
    control(page, "multiselect", "data.target").set_value(["b"])
    control(page, "multiselect", "data.inputs").set_value(["a", "b"]).run()
    assert "Predicts **b** from **a, b**." in texts(page)


def test_leakage_is_shown_before_training(page: AppTest) -> None:
    walk = np.random.default_rng(0).normal(size=301).cumsum()
    rows = "".join(f"{a:.6f},{2 * b + 1:.6f}\n" for a, b in pairwise(walk))
    upload(own_file(page), "mine.csv", f"price,tip\n{rows}".encode())
    control(page, "multiselect", "data.target").set_value(["price"])
    control(page, "multiselect", "data.inputs").set_value(["price"]).run()
    assert "leaks the target" not in html(page)
    control(page, "multiselect", "data.inputs").set_value(["price", "tip"]).run()
    assert "finding-leak-column" in html(page)
    assert "leaks the target" in html(page)


def test_few_windows_are_reported_for_a_file_and_not_for_a_recipe(page: AppTest) -> None:
    page.query_params["recipe"] = "tenths"
    assert "finding-few-windows" not in html(page.run())
    upload(own_file(page), "mine.csv", rows("a", "b"))
    assert "finding-few-windows" in html(page)


def test_missing_values_are_filled_as_suggested_and_refusing_them_is_an_error(page: AppTest) -> None:
    upload(own_file(page), "holes.csv", rows("a", "b", gap=True))
    control(page, "multiselect", "data.target").set_value(["b"]).run()
    assert control(page, "selectbox", "data.missing").value == "interpolate"
    assert not button(page, "train").disabled
    control(page, "selectbox", "data.missing").select("refuse").run()
    assert len(warnings(page)) == 1
    assert "Missing values" in warnings(page)[0].replace("\\", "")
    assert button(page, "train").disabled
    (folded,) = [e for e in page.expander if e.label == "More data settings"]
    assert "field:data.missing" not in [box.key for box in folded.selectbox]
    control(page, "selectbox", "data.missing").select("interpolate").run()
    assert warnings(page) == []
    assert not button(page, "train").disabled


def test_an_experiment_that_training_rejects_disables_train(page: AppTest) -> None:
    page.query_params["data.window"] = "5000"
    page.run()
    assert len(warnings(page)) == 1
    assert "Window" in warnings(page)[0].replace("\\", "")
    assert button(page, "train").disabled


def test_a_pending_request_is_shown(page: AppTest, store: Path) -> None:
    opened = open_store(store)
    lease = opened.start(load_recipe("bouncing-ball").experiment)
    try:
        page.query_params["run"] = lease.run
        page.run()
        button(page, "pause").click().run()
        assert "Pausing…" in html(page)
        assert button(page, "pause").disabled
        button(page, "stop").click().run()
        assert "Stopping…" in html(page)
        assert [command.kind for command in opened.take_commands(lease)] == ["pause", "stop"]
    finally:
        lease.release()
    assert errors(page) == []


def test_a_link_with_one_bad_field_keeps_its_recipe_and_the_rest(page: AppTest) -> None:
    page.query_params["recipe"] = "sine-next-step"
    page.query_params["model.hidden_size"] = "banana"
    page.query_params["training.epochs"] = "7"
    page.run()
    assert len(errors(page)) == 1
    assert "banana" in errors(page)[0]
    assert page.header[0].value == load_recipe("sine-next-step").title
    assert control(page, "number_input", "training.epochs").value == 7
    assert not button(page, "train").disabled


def test_symbols_are_shown_as_text_beside_a_run(page: AppTest, store: Path) -> None:
    run = open_store(store).submit(load_recipe("next-letter").experiment, recipe="next-letter")
    page.query_params["run"] = run.id
    page.run()
    assert not page.exception
    assert 'data-testid="data-small"' in html(page)
    assert "field:data.scaling" not in {box.key for box in page.selectbox}  # nothing here is a number


def test_the_small_plot_of_a_runs_data_is_below_the_settings(page: AppTest, store: Path) -> None:
    """Above them it would move every control when Train is pressed."""
    run = open_store(store).submit(load_recipe("next-letter").experiment, recipe="next-letter")
    page.query_params["run"] = run.id
    page.run()
    kinds = [
        "picture" if e.type == "html" and "data-small" in e.proto.body else e.type  # type: ignore[union-attr]
        for e in page.main
    ]
    last_setting = max(i for i, kind in enumerate(kinds) if kind in ("number_input", "selectbox", "toggle"))
    assert kinds.index("picture") > last_setting


def test_several_active_runs_are_one_line(page: AppTest, store: Path) -> None:
    opened = open_store(store)
    runs = [opened.submit(load_recipe("next-letter").experiment, recipe="next-letter")]
    page.run()
    assert "queued" in texts(page)
    runs += [opened.submit(load_recipe("next-letter").experiment) for _ in range(3)]
    lease = opened.claim()
    assert lease is not None
    page.run()
    assert "**1 active run**, 3 queued" in texts(page)
    assert [b.key for b in page.button if str(b.key).startswith("watch-")] == [f"watch-{lease.run}"]
    lease.release()


def test_unavailable_choices_are_named_with_the_reason(page: AppTest) -> None:
    page.query_params["recipe"] = "sine-to-cosine"
    page.run()
    said = "Unavailable: Last value, Log last value, Window mean, Seasonal (this scaling is relative to"
    (caption,) = [c.value for c in page.caption if c.value.startswith(said)]
    assert "use standard or minmax)" in caption
    assert "others" not in caption


def test_apply_is_offered_until_the_run_has_the_change(page: AppTest, store: Path) -> None:
    opened = open_store(store)
    lease = opened.start(load_recipe("bouncing-ball").experiment)
    try:
        page.query_params["run"] = lease.run
        page.run()
        control(page, "number_input", "training.learning_rate").set_value(0.005).run()
        assert "do-apply-to-this-run" in [b.key for b in page.button]
        opened.append(lease, [Changed(1, {"training.learning_rate": 0.005}), Changed(2, {"training.epochs": 99})])
        page.run()
        assert "do-apply-to-this-run" not in [b.key for b in page.button]
    finally:
        lease.release()


def test_a_reason_that_several_choices_share_is_shown_once_with_what_to_do(page: AppTest) -> None:
    unfolded(page, "model")
    control(page, "toggle", "model.bidirectional").set_value(True).run()
    page.run()
    (caption,) = [c.value for c in page.caption if "has no backward direction" in c.value]
    assert "minGRU" in caption
    assert "TCN" in caption
    assert caption.count("(has no backward direction; turn off Bidirectional)") == 1


def test_the_changes_from_the_recipe_are_those_of_the_controls_as_they_are_now(page: AppTest) -> None:
    page.run()
    control(page, "selectbox", "model.architecture").set_value("tcn").run()
    assert r"Changed from the recipe: model\.architecture." in texts(page)
    control(page, "selectbox", "model.architecture").set_value("nlinear").run()
    assert r"Changed from the recipe: model\.architecture." in texts(page)


def test_a_link_to_an_unknown_run_says_so_without_advice_for_the_command_line(page: AppTest) -> None:
    page.query_params["run"] = "doesnotexist"
    page.run()
    assert errors(page) == ["there is no run 'doesnotexist'"]
    assert page.button(key="show-newest").label == "Continue without a run"
    newest = session.store().submit(Experiment())
    page.run()
    assert page.button(key="show-newest").label == "Show the newest run"
    page.button(key="show-newest").click().run()
    assert errors(page) == []
    assert page.session_state["run"] == newest.id


def test_the_change_of_a_control_that_is_not_on_the_page_any_more_does_nothing() -> None:
    draft = drafts.draft_of(Experiment.make(), None)
    before = dict(draft.values)
    forms._choice_changed(draft, "data.source", "field:data.source")
    assert draft.values == before


def test_a_reason_is_found_with_one_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    made, make = [], Experiment.make.__func__
    monkeypatch.setattr(Experiment, "make", classmethod(lambda cls, values: made.append(values) or make(cls, values)))
    draft = drafts.Draft(Experiment(), None)
    assert draft.why_not("model.architecture", "gru") is None
    assert len(made) == 1
    draft.values["model.architecture"] = "nlinear"
    assert "no recurrent state" in str(draft.why_not("training.stateful", True))
    assert len(made) == 3  # that of the chosen architecture first
