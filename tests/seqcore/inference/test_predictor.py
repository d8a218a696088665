"""Predictor: predictions in original units for inputs of any length, best and last weights, new data."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqcore.data.dataframes import table_from_frame
from seqcore.errors import CorruptError, PredictionError
from seqcore.events import CheckpointReady, Epoch, Finding, Finished
from seqcore.experiment.config import DataConfig
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import recipe
from seqcore.inference.predictor import Predictor
from seqcore.results import SeriesView, SymbolsView
from seqcore.training.control import Control
from seqcore.training.fit import fit, load_table

# less data or fewer epochs, where the tests need no better model
SHORTER: dict[str, dict[str, Any]] = {
    "bouncing-ball": {"training.epochs": 3},
    "next-letter": {"data.options.repeats": 8},
    "sine-to-cosine": {"data.options.steps": 40},
}


@lru_cache
def trained(name: str) -> tuple[Predictor, Finished, bytes]:
    return finished(recipe(name).with_changes(SHORTER.get(name, {})))


def finished(plan: Experiment, data: Any = None) -> tuple[Predictor, Finished, bytes]:
    content, end = b"", None
    for event in fit(plan, data=data):
        if isinstance(event, CheckpointReady):
            content = event.content
        if isinstance(event, Finished):
            end = event
    assert end is not None
    return Predictor.from_checkpoint(content), end, content


@pytest.mark.parametrize("name", ["ramp-next-value", "ramp-next-value-lstm"])
def test_after_70_80_90_comes_100(name: str) -> None:
    view = trained(name)[0].predict("70, 80, 90")
    assert isinstance(view, SeriesView)
    assert view.prediction[0, 0] == pytest.approx(100.0, abs=0.5)
    assert view.context is not None
    assert view.context[:, 0].tolist() == [70.0, 80.0, 90.0]


def test_the_published_ramp_learns_only_the_mean_which_is_a_finding() -> None:
    events = list(fit(recipe("ramp-next-value-as-published")))
    assert "learned-the-mean" in [e.code for e in events if isinstance(e, Finding)]
    content = next(e.content for e in reversed(events) if isinstance(e, CheckpointReady))
    assert Predictor.from_checkpoint(content).predict([70, 80, 90]).prediction[0, 0] < 80.0


def test_0_6_gives_0_7() -> None:
    assert trained("tenths")[0].predict("0.6").prediction[0, 0] == pytest.approx(0.7, abs=0.01)


def test_letters_are_answered_with_probabilities() -> None:
    predictor, end, _ = trained("next-letter-of-four")
    view = predictor.predict("abcd")
    assert isinstance(view, SymbolsView)
    assert view.predictions == ("e",)
    assert view.probabilities.sum() == pytest.approx(1.0)
    assert end.metrics["val_accuracy"] == 1.0


def test_generated_text_is_the_same_for_the_same_seed() -> None:
    predictor = trained("next-letter")[0]
    assert predictor.generate("x", 6, temperature=0.0) == "yzabcd"
    hot = predictor.generate("x", 40, temperature=8.0, seed=3)
    assert hot == predictor.generate("x", 40, temperature=8.0, seed=3)
    assert hot != predictor.generate("x", 40, temperature=8.0, seed=4)


def test_inputs_of_any_length_are_accepted_and_an_unusual_one_is_a_finding() -> None:
    predictor = trained("ramp-next-value")[0]
    assert predictor.check_input("70 80 90") == []
    assert "1 step" in predictor.check_input("70")[0].message
    for typed in ("70", "10 20 30 40 50"):
        assert np.isfinite(predictor.predict(typed).prediction).all()


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("ramp-next-value", "70, eighty", "'eighty' is not a number"),
        ("ramp-next-value", " ", "no numbers"),
        ("ramp-next-value", "1 nan", "'nan' is not a number"),
        ("ramp-next-value", "1 1e400", "'1e400' is too large"),
        ("ramp-next-value", "1,500 2,500", "can be 1500 or 1.500"),
        ("ramp-next-value", "1e300 2e300 3e300", "value is 1e[+]300 in row 1, which is too far from the training data"),
        ("next-letter", "É", "was not in the training split"),
        ("next-letter", "", "the prompt is empty"),
    ],
)
def test_an_input_that_can_not_be_used_is_one_line(name: str, typed: str, words: str) -> None:
    with pytest.raises(PredictionError, match=words) as caught:
        trained(name)[0].predict(typed)
    assert len(caught.value.lines) == 1


def test_text_is_generated_with_a_seed_from_0_up() -> None:
    with pytest.raises(PredictionError, match="seed: -1 is not allowed; use a whole number from 0 up"):
        trained("next-letter")[0].generate("a", 2, seed=-1)


def test_scores_of_the_runs_own_parts_are_those_that_the_run_reported() -> None:
    predictor, end, _ = trained("bouncing-ball")
    table = load_table(predictor.experiment)
    for part in ("train", "val", "test"):
        evaluation = predictor.evaluate(table, split=part)
        for name, value in evaluation.metrics.items():
            assert value == pytest.approx(end.metrics[f"{part}_{name}"], rel=1e-6)
        for baseline, metrics in evaluation.baselines.items():
            assert metrics["mae"] == pytest.approx(end.baselines[baseline][f"{part}_mae"], rel=1e-9)


def test_new_data_are_scored_whole_with_what_was_learned_before() -> None:
    predictor, _, _ = trained("bouncing-ball")
    new = recipe("bouncing-ball").with_changes({"data.options.seed": 9, "data.options.samples": 300})
    evaluation = predictor.evaluate(load_table(new))
    assert evaluation.windows == 280
    assert set(evaluation.baselines) >= {"last_value", "mean", "drift", "seasonal", "linear"}
    assert evaluation.metrics["mae"] < evaluation.baselines["last_value"]["mae"]


def monthly(n: int = 96) -> pd.DataFrame:
    t = np.arange(n)
    values = 100 + 2 * t + 20 * np.sin(2 * np.pi * t / 12)
    return pd.DataFrame({"Month": pd.date_range("2015-01-31", periods=n, freq="ME"), "Passengers": values})


@pytest.mark.parametrize("horizon", [1, 4])
def test_a_forecast_has_the_units_and_dates_of_the_data(horizon: int) -> None:
    plan = Experiment.make(
        {
            "data": {"window": 12, "scaling": "last-value", "horizon": horizon, "target": ["Passengers"]},
            "model": {"hidden_size": 16},
            "training": {"epochs": 40, "schedule": "cosine"},
        }
    )
    frame = monthly()
    predictor, _, _ = finished(plan, frame)
    view = predictor.forecast(6)
    assert np.datetime_as_string(view.x, unit="D").tolist()[:3] == ["2023-01-31", "2023-02-28", "2023-03-31"]
    truth = monthly(102)["Passengers"].to_numpy()[-6:]
    assert np.abs(view.prediction[:, 0] - truth).mean() < 15.0


def test_every_step_models_forecast_too() -> None:
    plan = Experiment.make(
        {
            "data": {"window": 24, "predict": "every", "scaling": "standard", "validation_fraction": 0.3},
            "training": {"epochs": 40},
        }
    )
    values = np.sin(2 * np.pi * np.arange(300) / 12)
    predictor, _, _ = finished(plan, values)
    truth = np.sin(2 * np.pi * np.arange(300, 306) / 12)
    assert predictor.forecast(6).prediction[:, 0] == pytest.approx(truth, abs=0.3)


def test_a_forecast_that_would_need_unknown_inputs_says_which() -> None:
    values = np.random.default_rng(0).normal(size=(200, 2))
    frame = pd.DataFrame(values, columns=["a", "b"])
    plan = Experiment.make({"data": {"inputs": ["a", "b"], "target": ["a"], "window": 5}, "training": {"epochs": 1}})
    predictor, _, _ = finished(plan, frame)
    assert predictor.forecast(1).prediction.shape == (1, 1)
    assert predictor.forecast_limit == (1, "b")
    with pytest.raises(
        PredictionError, match=r"future values of the input 'b'.*; use at most 1 step, or train"
    ) as error:
        predictor.forecast(2)
    assert "train with 'b' in data.target as well, or with a larger data.horizon" in error.value.lines[0]


def test_same_step_models_answer_inputs_and_have_no_future() -> None:
    predictor, _, _ = trained("sine-to-cosine")
    angles = np.linspace(0, np.pi, 10)
    view = predictor.predict(np.sin(angles))
    assert view.prediction.shape == (10, 1)
    with pytest.raises(PredictionError, match="cannot forecast"):
        predictor.forecast(1)


def test_several_columns_are_typed_a_row_a_line() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(120, 2)), columns=["a", "b"])
    plan = Experiment.make({"data": {"inputs": ["a", "b"], "target": ["a"], "window": 3}, "training": {"epochs": 1}})
    predictor, _, _ = finished(plan, frame)
    assert predictor.parse_input("1, 2\n3, 4; 5, 6").tolist() == [[1, 2], [3, 4], [5, 6]]
    with pytest.raises(PredictionError, match="row 2 has 1 numbers; give 2 a row: a, b"):
        predictor.predict("1 2; 3")


def test_in_several_columns_the_number_of_values_says_what_a_comma_is() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])
    plan = Experiment.make({"data": {"inputs": ["a", "b"], "target": ["a"], "window": 3}, "training": {"epochs": 1}})
    predictor, _, _ = finished(plan, frame)
    assert predictor.parse_input("0,5 0,6\n7,5 8").tolist() == [[0.5, 0.6], [7.5, 8]]
    assert predictor.parse_input("1,2\n3,4").tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("70, 80, 90", [70, 80, 90]),
        ("70,80,90", [70, 80, 90]),
        ("70 80\n90", [70, 80, 90]),
        ("70,5 80,5 90,5", [70.5, 80.5, 90.5]),
        ("70,5; 80,5", [70.5, 80.5]),
        ("70,80 90,100", [70.8, 90.1]),
        ("70.5, 80.5", [70.5, 80.5]),
        ("70,5", [70, 5]),
    ],
)
def test_typed_numbers_are_read_by_the_rule_of_typed_data(typed: str, read: list[float]) -> None:
    assert trained("ramp-next-value")[0].parse_input(typed)[:, 0].tolist() == read


def test_best_and_last_weights_are_two_models() -> None:
    plan = recipe("bouncing-ball").with_changes(
        {"training.schedule": "constant", "training.epochs": 4, "data.options.samples": 600}
    )
    content, control, end = b"", Control(), None
    for event in fit(plan, control=control):
        if isinstance(event, Epoch) and event.epoch == 2:
            control.change({"training.learning_rate": 1.0, "training.clip_norm": 0.0})  # the validation loss rises
        content = event.content if isinstance(event, CheckpointReady) else content
        end = event if isinstance(event, Finished) else end
    assert end is not None
    best = Predictor.from_checkpoint(content)
    last = Predictor.from_checkpoint(content, at="last")
    table = load_table(plan)
    assert best.evaluate(table, split="val").metrics["loss"] == pytest.approx(end.metrics["val_loss"], rel=1e-6)
    assert last.evaluate(table, split="val").metrics["loss"] == pytest.approx(end.last_metrics["val_loss"], rel=1e-6)
    assert best.step < last.step == end.step
    assert end.last_metrics["val_loss"] > 2 * end.metrics["val_loss"]


def test_a_damaged_checkpoint_gives_no_predictor() -> None:
    with pytest.raises(CorruptError):
        Predictor.from_checkpoint(trained("next-letter")[2][:-5])


def test_a_split_that_the_run_does_not_have_is_named() -> None:
    predictor = trained("tenths")[0]
    with pytest.raises(PredictionError, match="no val split"):
        predictor.evaluate(load_table(predictor.experiment), split="val")


def test_frames_and_tables_are_scored_alike() -> None:
    predictor, _, _ = trained("bouncing-ball")
    heights = load_table(predictor.experiment).values[:200]
    frame = table_from_frame(pd.DataFrame({"height": heights[:, 0]}), DataConfig())
    assert predictor.evaluate(frame).windows == 180
