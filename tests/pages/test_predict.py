"""The Predict page without a browser: evaluation, own input, forecast, generation, new data, export, and errors."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import seqcore
from seqcore.events import CheckpointReady, Epoch
from seqcore.experiment.experiment import Experiment
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store
from seqcore.tasks.auto_config import refit_experiment
from ui import session
from ui.run_list import run_row

ROUTER = Path(__file__).parents[2] / "pages" / "_router.py"
BALL = {"training.epochs": 2, "data.options.samples": 300}
MONTHS = "Month,Passengers\n" + "".join(f"{1949 + i // 12}-{i % 12 + 1:02d},{100 + 3 * i}\n" for i in range(72))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with three trained models: bouncing ball, ramp, and letters."""
    store = Store(tmp_path_factory.mktemp("trained") / "runs")
    runs = {
        "ball": seqcore.train(Experiment().with_changes(BALL), store=store, recipe="bouncing-ball").id,
        "ramp": seqcore.train(seqcore.recipe("ramp-next-value"), store=store, recipe="ramp-next-value").id,
        "letters": seqcore.train(seqcore.recipe("next-letter-of-four"), store=store, recipe="next-letter-of-four").id,
    }
    yield store, runs
    store.close()


def use(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the pages use this store. Its runs stay queued: no worker is started."""
    st.cache_resource.clear()
    st.cache_data.clear()
    scheduler = Scheduler(store)
    monkeypatch.setattr(session, "store", lambda: store)
    monkeypatch.setattr(session, "scheduler", lambda: scheduler)


@pytest.fixture
def runs(trained, monkeypatch):
    use(trained[0], monkeypatch)
    return trained[1]


@pytest.fixture
def empty(tmp_path, monkeypatch):
    store = Store(tmp_path / "runs")
    use(store, monkeypatch)
    yield store
    store.close()


def open_page(run: str | None = None) -> AppTest:
    page = AppTest.from_file(ROUTER, default_timeout=240)
    if run is not None:
        page.query_params["run"] = run
    page.switch_page("predict.py").run()
    assert not page.exception
    return page


def open_tab(page: AppTest, run: str, name: str) -> AppTest:
    page.session_state[f"use-{run}"] = name
    page.run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    shown = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    return "\n".join(element.value for element in shown)


def html(page: AppTest) -> str:
    return "\n".join(element.proto.body for element in page.get("html"))


def figures(page: AppTest) -> list[dict]:
    data = [json.loads(component.proto.json) for component in page.get("bidi_component")]
    return [json.loads(d["figure"]) for d in data if "figure" in d]


def test_an_empty_store_links_to_the_train_page(empty):
    assert "No trained models yet" in texts(open_page())


def test_the_newest_run_is_shown_first_with_readable_labels(runs):
    page = open_page()
    box = page.selectbox[0]
    assert box.options[0].startswith("Next letter from four · RNN 32 · completed")
    assert box.value == runs["letters"]


def test_the_named_weights_are_the_evaluated_ones_while_the_run_is_active(trained, empty):
    store, runs = trained
    ball, content = store.predictor(runs["ball"]), store.checkpoint(runs["ball"])
    lease = empty.start(Experiment().with_changes(BALL | {"training.epochs": 60}))
    empty.put_checkpoint(lease, CheckpointReady(ball.step, ball.epoch, content))
    empty.append(lease, [Epoch(9, 900, {"val_loss": 0.1, "val_mae": 0.1}, 0.1, best=True)])
    page = open_page(lease.run)
    assert ball.epoch in (1, 2)
    assert f"best weights from epoch {ball.epoch} of 60" in texts(page)
    lease.release()


def test_the_link_selects_the_run_and_a_selection_changes_the_link(runs):
    page = open_page(runs["ball"])
    assert page.selectbox[0].value == runs["ball"]
    page.selectbox[0].set_value(runs["ramp"]).run()
    assert page.query_params["run"] in (runs["ramp"], [runs["ramp"]])
    assert "Next value of a ramp" in texts(page)


def test_an_unknown_run_is_one_error_and_a_button_to_the_newest_run(runs):
    page = open_page("nonsense")
    assert len(page.error) == 1
    page.button[0].click().run()
    assert not page.error
    assert page.selectbox


def test_truth_and_prediction_are_shown_with_every_baseline(runs):
    page = open_page(runs["ball"])
    names = [trace.get("name") for trace in figures(page)[0]["data"]]
    assert {"observed", "prediction"} <= set(names)
    methods = [name.replace(" <br>", " ").strip() for name in figures(page)[1]["data"][0]["y"]]
    assert {"This model", "Last value", "Mean", "Drift", "Linear regression on the window"} <= set(methods)
    assert "than last value" in texts(page)
    assert "test split was not used in training" in texts(page)


def test_the_split_can_be_chosen(runs):
    page = open_page(runs["ball"])
    page.button_group(key=f"split-{runs['ball']}").set_value("val").run()
    assert not page.exception
    assert "chose the best weights" in texts(page)


def test_a_run_without_held_out_data_is_evaluated_on_the_training_split(runs):
    assert "The model was trained on this split" in texts(open_page(runs["ramp"]))


class TestOwnInput:
    def test_typed_values_are_predicted(self, runs):
        page = open_page(runs["ramp"])
        box = page.text_area(key=f"input-{runs['ramp']}")
        assert box.value == "70, 80, 90"
        assert "<b>100</b>" in html(page)
        box.set_value("20 30 40").run()
        assert "<b>50</b>" in html(page)

    def test_another_input_length_is_predicted_with_a_note(self, runs):
        page = open_page(runs["ramp"])
        page.text_area(key=f"input-{runs['ramp']}").set_value("70, 80").run()
        assert "2 steps" in texts(page)
        assert 'data-testid="answer"' in html(page)

    def test_decimal_commas_are_parsed_and_shown(self, runs):
        page = open_page(runs["ramp"])
        box = page.text_area(key=f"input-{runs['ramp']}")
        assert box.label == "Values, oldest first"
        box.set_value("70,5 80,5 90,5").run()
        assert "Parsed as 70.5, 80.5, 90.5." in texts(page)
        assert "<b>100.5</b>" in html(page)

    def test_input_far_beyond_the_training_data_is_one_error(self, runs):
        page = open_page(runs["ramp"])
        page.text_area(key=f"input-{runs['ramp']}").set_value("1e300 2e300 3e300").run()
        assert [line.value.partition(", which is ")[2] for line in page.error] == [
            "too far from the training data; give smaller values"
        ]

    @pytest.mark.parametrize("text", ["70, eighty", "70, nan", "\x00"])
    def test_input_that_is_not_a_number_is_one_error(self, runs, text):
        page = open_page(runs["ramp"])
        page.text_area(key=f"input-{runs['ramp']}").set_value(text).run()
        assert not page.exception
        assert len(page.error) == 1

    def test_an_empty_input_asks_for_one(self, runs):
        page = open_page(runs["ramp"])
        page.text_area(key=f"input-{runs['ramp']}").set_value(" ").run()
        assert "Enter an input" in texts(page)

    def test_the_next_symbol_is_predicted(self, runs):
        page = open_page(runs["letters"])
        assert page.text_input(key=f"input-{runs['letters']}").value == "abcd"
        assert "<b>e</b>" in html(page)

    def test_an_unknown_symbol_is_one_error(self, runs):
        page = open_page(runs["letters"])
        page.text_input(key=f"input-{runs['letters']}").set_value("ab!").run()
        assert not page.exception
        assert len(page.error) == 1

    def test_typed_text_is_not_markup(self, runs):
        page = open_page(runs["letters"])
        page.text_input(key=f"input-{runs['letters']}").set_value("![x](y)").run()
        assert all("![x](y)" not in error.value for error in page.error)


@pytest.fixture
def shops(empty):
    """A run on two shops, with a horizon of 4 days."""
    days = [f"2024-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 29)]
    rows = "".join(f"{d},{s},{i * size % 7}\n" for s, size in (("Nord", 1), ("Süd", 3)) for i, d in enumerate(days))
    kept = empty.put_file(f"day,Filiale,sold\n{rows}".encode(), "shops.csv")
    data = {"data.source": "file", "data.options.hash": kept.hash, "data.options.name": kept.name}
    few = {"data.window": 5, "data.horizon": 4, "training.epochs": 1, "data.scaling": "window-mean"}
    return empty, seqcore.train(Experiment().with_changes({**data, **few}), store=empty).id


class TestForecast:
    def test_the_number_of_steps_can_be_chosen(self, runs):
        page = open_tab(open_page(runs["ramp"]), runs["ramp"], "Forecast")
        page.number_input(key=f"steps-{runs['ramp']}").set_value(3).run()
        assert "<b>100</b>" in html(page)
        assert html(page).count("<b>") == 3

    def test_a_long_forecast_shows_its_first_values_in_large_type(self, runs):
        page = open_tab(open_page(runs["ramp"]), runs["ramp"], "Forecast")
        assert html(page).count("<b>") == 6
        assert "18 more steps" in texts(page)
        page.number_input(key=f"steps-{runs['ramp']}").set_value(6).run()
        assert "more steps" not in texts(page)

    def test_a_forecast_continues_the_dates(self, empty):
        kept = empty.put_file(MONTHS.encode(), "air.csv")
        data = {"data.source": "file", "data.options.hash": kept.hash, "data.options.name": kept.name}
        experiment = Experiment().with_changes(
            {**data, "data.target": ["Passengers"], "data.window": 6, "training.epochs": 2}
        )
        run = seqcore.train(experiment, store=empty).id
        page = open_tab(open_page(run), run, "Forecast")
        assert "1955-01-01" in html(page)
        assert "air\\.csv" in texts(page)

    def test_a_model_with_an_input_that_it_does_not_predict_opens_with_the_steps_that_it_can(self, empty):
        rows = "".join(f"{day % 7},{day % 5}\n" for day in range(80))
        kept = empty.put_file(f"sales,price\n{rows}".encode(), "shop.csv")
        data = {"data.source": "file", "data.options.hash": kept.hash, "data.options.name": kept.name}
        columns = {"data.inputs": ["sales", "price"], "data.target": ["sales"], "data.window": 4}
        experiment = Experiment().with_changes({**data, **columns, "data.horizon": 2, "training.epochs": 1})
        run = seqcore.train(experiment, store=empty).id
        page = open_tab(open_page(run), run, "Forecast")
        steps = page.number_input(key=f"steps-{run}")
        assert (steps.value, steps.max, len(page.error)) == (2, 2, 0)
        assert "At most 2 steps: more would need future values of the input **price**" in texts(page)

    def test_several_steps_and_series_are_evaluated_per_series(self, empty):
        rows = "".join(f"2024-01-{d:02},{s},{d * size % 7}\n" for s, size in (("a", 1), ("b", 3)) for d in range(1, 32))
        kept = empty.put_file(f"day,shop,sold\n{rows}".encode(), "shops.csv")
        data = {"data.source": "file", "data.options.hash": kept.hash, "data.options.name": kept.name}
        few = {"data.window": 3, "data.horizon": 2, "training.epochs": 1, "data.scaling": "window-mean"}
        page = open_page(seqcore.train(Experiment().with_changes({**data, **few}), store=empty).id)
        assert "Predictions restart from the true values every 2 steps" in texts(page)
        (table,) = [t.value for t in page.table if "best baseline" in t.value.columns]
        assert table["series"].tolist() == ["a", "b"]

    def test_a_refit_is_headed_by_the_held_out_score_of_its_run(self, empty):
        kept = empty.put_file(MONTHS.encode(), "air.csv")
        data = {"data.source": "file", "data.options.hash": kept.hash, "data.options.name": kept.name}
        few = {"data.target": ["Passengers"], "data.window": 6, "training.epochs": 2, "data.scaling": "window-mean"}
        parent = seqcore.train(Experiment().with_changes({**data, **few}), store=empty)
        refit = seqcore.train(refit_experiment(parent.experiment, parent.best_epoch), store=empty)
        page = open_page(refit.id)
        shown = texts(page).replace("\\", "")
        assert f"`{parent.id[:8]}`**, whose held-out score counts: test MAE" in shown
        assert "On the training data: MAE" in shown
        assert shown.index("Skill: MAE") < shown.index("On the training data: MAE")
        open_tab(page, refit.id, "Forecast")
        assert "say nothing of the accuracy of forecasts" in texts(page)
        page.switch_page("runs.py").run()
        row = run_row(refit, [])
        assert (row["skill"], row["baseline"]) == ("–", "not held out")
        assert run_row(parent, [])["skill"] != "–"

    def test_a_forecast_opens_with_the_horizon_and_keeps_what_was_chosen(self, shops):
        _, run = shops
        page = open_tab(open_page(run), run, "Forecast")
        assert page.number_input(key=f"steps-{run}").value == 4
        page.number_input(key=f"steps-{run}").set_value(9).run()
        page.selectbox(key=f"series-forecast-{run}").set_value("Süd").run()
        open_tab(page, run, "Export")
        assert not page.number_input
        open_tab(page, run, "Forecast")
        assert page.number_input(key=f"steps-{run}").value == 9
        assert page.selectbox(key=f"series-forecast-{run}").value == "Süd"

    def test_downloads_of_several_series_name_them(self, shops, monkeypatch):
        store, run = shops
        files, draw = {}, st.download_button

        def record(label, data, file_name, *rest, **options):
            files[file_name] = data() if callable(data) else data
            return draw(label, data, file_name, *rest, **options)

        page = open_page(run)
        monkeypatch.setattr(st, "download_button", record)
        open_tab(page, run, "Forecast")
        page.selectbox(key=f"series-forecast-{run}").set_value("Süd").run()
        assert {"shops-csv-nord-forecast-4.csv", "shops-csv-süd-forecast-4.csv"} <= set(files)
        predictor = store.predictor(run)
        for name, file in (
            ("Nord", files["shops-csv-nord-forecast-4.csv"]),
            ("Süd", files["shops-csv-süd-forecast-4.csv"]),
        ):
            header, *rows = list(csv.reader(file.splitlines()))
            assert header[:3] == ["Filiale", "day", "sold predicted"]
            assert [row[0] for row in rows] == [name] * 4
            assert [float(row[2]) for row in rows] == predictor.forecast(4, series=name).prediction[:, 0].tolist()
        both = files["shops-csv-all-series-forecast-4.csv"].splitlines()
        alone = [files[f"shops-csv-{name}-forecast-4.csv"].splitlines() for name in ("nord", "süd")]
        assert both == alone[0] + alone[1][1:]

    def test_retraining_on_all_data_is_a_new_run_of_the_best_number_of_epochs(self, trained, runs):
        store = trained[0]
        page = open_tab(open_page(runs["ball"]), runs["ball"], "Forecast")
        page.button(key=f"refit-{runs['ball']}").click().run()
        new = store.runs()[0]
        try:
            assert new.status == "queued"
            assert new.experiment.data.validation_fraction == new.experiment.data.test_fraction == 0.0
            assert new.experiment.training.epochs == store.run(runs["ball"]).best_epoch
        finally:
            store.delete(new.id)


def test_generation_at_a_low_temperature_takes_the_most_probable_symbols(runs):
    run = runs["letters"]
    page = open_tab(open_page(run), run, "Generate")
    page.slider(key=f"length-{run}").set_value(5).run()
    page.slider(key=f"temperature-{run}").set_value(0.1).run()
    assert "<i>abcd</i><b>efghi</b>" in html(page)


def test_generation_with_top_k_of_one_takes_the_most_probable_symbols(runs):
    run = runs["letters"]
    page = open_tab(open_page(run), run, "Generate")
    page.slider(key=f"length-{run}").set_value(5).run()
    page.slider(key=f"temperature-{run}").set_value(2.0).run()
    page.number_input(key=f"top-k-{run}").set_value(1).run()
    assert "<i>abcd</i><b>efghi</b>" in html(page)
    assert not page.exception


class TestNewData:
    def upload(self, run: str, content: bytes, name: str = "new.csv") -> AppTest:
        page = open_tab(open_page(run), run, "New data")
        page.file_uploader(key=f"file-{run}").upload(name, content, "text/csv").run()
        assert not page.exception
        return page

    def test_a_file_with_the_same_column_is_evaluated_with_the_baselines(self, runs):
        rows = "height\n" + "\n".join(str(0.5 + 0.4 * (i % 7) / 7) for i in range(60))
        page = self.upload(runs["ball"], rows.encode())
        assert not page.error
        assert "only meaningful for data that were not used in training" in texts(page)
        assert len(figures(page)) == 4

    def test_a_question_about_the_file_is_answered_on_the_page(self, runs):
        run = runs["ball"]
        rows = "height\n" + "\n".join(str(-200 if i == 9 else 0.5 + 0.4 * (i % 7) / 7) for i in range(60))
        page = self.upload(run, rows.encode())
        assert "\\-200 in height" in texts(page)
        page.button(key=f"new-question-{run}-0-1").click().run()  # keep as numbers
        assert not page.exception
        assert "\\-200 in height" not in texts(page)
        assert len(figures(page)) == 4

    def test_an_unreadable_file_can_be_read_with_other_options(self, runs):
        run = runs["ball"]
        page = self.upload(run, b"height;x\n" + b"0,5;1\n0,7;2\n0,6;3\n" * 20 + b"1;2;3;4;5\n")
        assert page.error
        page.number_input(key=f"new-{run}:data.options.skip_rows:file").set_value(1).run()
        page.button(key=f"new-{run}:read-again").click().run()
        assert not page.exception
        assert page.error  # a row has too many values, however many are skipped
        assert page.button(key=f"new-{run}:read-again")

    @pytest.mark.parametrize(
        "content", [b"", b"\x00\x01\x02\xff" * 50, b"name\nred\nblue\n", b"weight\n1\n2\n3\n", b"height\n1\n2\n"]
    )
    def test_an_unusable_file_is_an_error_and_the_page_stays(self, runs, content):
        page = self.upload(runs["ball"], content)
        assert page.error
        assert figures(page)


def test_every_export_format_can_be_downloaded(runs):
    page = open_tab(open_page(runs["ball"]), runs["ball"], "Export")
    assert [b.label for b in page.get("download_button")].count("Download") == 4


class TestNoWeights:
    def test_a_queued_run_has_no_weights(self, empty):
        run = empty.submit(Experiment()).id
        assert "This run is queued" in texts(open_page(run))

    def test_a_failed_run_shows_its_error(self, empty):
        lease = empty.start(Experiment())
        empty.fail(lease, ["the data are gone"])
        lease.release()
        assert "the data are gone" in texts(open_page(lease.run))

    def test_a_damaged_checkpoint_is_one_error(self, empty):
        run = seqcore.train(Experiment().with_changes(BALL), store=empty).id
        for path in (empty.folder / "checkpoints").rglob("*.checkpoint"):
            path.write_bytes(path.read_bytes()[:-100])
        page = open_page(run)
        assert len(page.error) == 1
        assert page.selectbox, "another run can still be chosen"
