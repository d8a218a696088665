"""Forecasting: several series, steps, columns and calendar features, in original units."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from seqcore.data.calendar import calendar_features
from seqcore.data.numeric_dataset import NumericDataset
from seqcore.data.readers.read_table import FileOptions, read_table
from seqcore.data.table import Table
from seqcore.data.time_pattern import past_times
from seqcore.errors import DataError, ExperimentError, PredictionError
from seqcore.evaluation.baselines import fit_baselines, predict_baselines
from seqcore.evaluation.baselines.naive import baseline_inputs
from seqcore.events import CheckpointReady, Finished
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.results import SeriesView
from seqcore.training.fit import fit, load_table

CPU = torch.device("cpu")


def plan(epochs: int = 1, hidden: int = 8, **data: Any) -> Experiment:
    model = {"architecture": "gru", "hidden_size": hidden}
    return Experiment.make({"data": data, "model": model, "training": {"epochs": epochs}})


def finished(experiment: Experiment, data: Any = None) -> tuple[Predictor, Finished]:
    content, end = b"", None
    for event in fit(experiment, data=data):
        if isinstance(event, CheckpointReady):
            content = event.content
        if isinstance(event, Finished):
            end = event
    assert end is not None
    return Predictor.from_checkpoint(content), end


def daily(rows: int = 200, columns: tuple[str, ...] = ("v",), seed: int = 0) -> pd.DataFrame:
    """A column that follows the week, and others of noise."""
    dates = pd.date_range("2021-03-01", periods=rows)
    frame = pd.DataFrame({"date": dates})
    random = np.random.default_rng(seed)
    for i, name in enumerate(columns):
        week = 10.0 * np.cos(2 * np.pi * dates.day_of_week / 7) if i == 0 else 0.0
        frame[name] = 20.0 + week + random.normal(0, 0.5, rows)
    return frame


@lru_cache
def six() -> Predictor:
    return finished(
        plan(source="stocks", options={"company": "series"}, window=8, scaling="log-last-value", horizon=3)
    )[0]


def test_one_model_trains_on_all_series_and_forecasts_in_original_units() -> None:
    predictor = six()
    assert predictor.series == ("GOOG", "AAPL", "AMZN", "FB", "NFLX", "MSFT")
    table = load_table(predictor.experiment)
    first = predictor.forecast(5)
    assert first.title == "GOOG"
    for s, name in enumerate(predictor.series):
        view = predictor.forecast(5, series=name)
        last = table.values[table.offsets[s + 1] - 1, 0]
        assert view.context is not None
        assert view.context[-1, 0] == last
        assert view.prediction[:, 0] == pytest.approx(last, rel=0.2)
        assert str(view.x[0])[:10] == "2020-01-06"
    with pytest.raises(PredictionError, match="no series 'MSFF'; did you mean MSFT"):
        predictor.forecast(5, series="MSFF")


def test_all_series_are_evaluated_and_shown_together() -> None:
    predictor = six()
    evaluation = predictor.evaluate(load_table(predictor.experiment), split="test")
    assert isinstance(evaluation.view, SeriesView)
    assert evaluation.view.columns == predictor.series
    assert np.isfinite(evaluation.view.prediction).all()
    assert evaluation.view.prediction.shape == (len(evaluation.view.x), 6)
    assert evaluation.windows == 6 * 14


def test_typed_values_are_scaled_as_the_named_series() -> None:
    values = np.concatenate([np.linspace(0, 10, 60), np.linspace(0, 10_000, 60)])[:, None]
    table = Table(values, ("v",), offsets=np.array([0, 60, 120]), names=("small", "large"))
    predictor, _ = finished(plan(epochs=3, window=4), table)
    given = [7000.0, 7100.0, 7200.0, 7300.0]
    small, large = (predictor.predict(given, series=name) for name in predictor.series)
    assert isinstance(small, SeriesView)
    assert isinstance(large, SeriesView)
    assert small.title == "small"
    assert abs(large.prediction[0, 0] - 7400) < abs(small.prediction[0, 0] - 7400)


def test_baselines_are_fitted_per_series() -> None:
    low = np.tile([1.0, 2.0, 3.0], 30)
    high = np.tile([100.0, 300.0, 500.0, 700.0], 25)
    table = Table(np.concatenate([low, high])[:, None], ("v",), offsets=np.array([0, 90, 190]))
    data = NumericDataset(table, plan(window=4).data, CPU)
    facts = data.baseline_facts = fit_baselines("regression", data)
    assert facts["period"].tolist() == [3, 4]
    assert facts["mean"][:, 0] == pytest.approx([2.0, 400.0], rel=0.05)
    numbers = np.arange(len(data.windows["test"]))
    naive = predict_baselines("regression", baseline_inputs(data, "test", numbers))
    assert np.array_equal(naive["seasonal"], data.truth("test", numbers))


@pytest.mark.parametrize("scaling", ["standard", "log-last-value", "seasonal"])
def test_an_unseen_series_is_scaled_by_its_first_rows_and_evaluated_after_them(scaling: str) -> None:
    t = np.arange(120)
    shape = 20.0 + 5.0 * np.sin(2 * np.pi * t / 6) + np.random.default_rng(0).normal(0, 0.1, 120)
    names = ("a", "b")
    table = Table(np.concatenate([shape, 3 * shape])[:, None], ("v",), offsets=np.array([0, 120, 240]), names=names)
    data = NumericDataset(table, plan(window=6, scaling=scaling).data, CPU)
    whole = plan(window=6, scaling=scaling, validation_fraction=0.0, test_fraction=0.0).data
    new = Table(np.concatenate([shape, 50 * shape])[:, None], ("v",), offsets=np.array([0, 120, 240]), names=("b", "c"))
    seen = NumericDataset(new, whole, CPU, data.codec)
    assert seen.fit.known.tolist() == [1, -1]
    assert np.array_equal(seen.scalers.scale[0], data.scalers.scale[1])
    if scaling != "log-last-value":
        assert seen.scalers.scale[1, 0] == pytest.approx(50 * data.scalers.scale[0, 0], rel=0.2)
    numbers = np.arange(len(seen.windows["train"]))
    origin, sequence = seen.origin_rows("train", numbers)[:, 0], seen.windows["train"].locate(numbers)[2]
    assert origin[sequence == 1].min() + 1 == seen.fit.learned_until[1] == 150
    later = new.values.copy()
    later[150:] *= 9.0
    again = NumericDataset(replace(new, values=later), whole, CPU, data.codec)
    assert np.array_equal(again.scalers.scale, seen.scalers.scale)


def test_new_series_have_the_same_baselines() -> None:
    predictor = six()
    table = load_table(predictor.experiment)
    new = Table(table.values[:105] * 30.0, ("price",), times=table.times[:105])  # type: ignore[index]
    evaluation = predictor.evaluate(new)
    assert evaluation.metrics["mae"] < 2 * evaluation.baselines["last_value"]["mae"]
    assert {"mean", "linear", "linear_scaled"} <= set(evaluation.baselines)


def test_a_new_series_too_short_to_scale_is_refused() -> None:
    with pytest.raises(DataError, match="at least 8 rows are needed to fit their scale, but the longest has 6"):
        six().evaluate(Table(np.arange(1.0, 7.0)[:, None], ("price",)))


@pytest.mark.parametrize("multi_step", ["direct", "recursive"])
@pytest.mark.parametrize("scaling", ["standard", "last-value", "window-mean", "seasonal"])
def test_all_steps_of_the_horizon_are_scored_on_the_same_windows(multi_step: str, scaling: str) -> None:
    experiment = plan(epochs=2, window=10, horizon=4, multi_step=multi_step, scaling=scaling, calendar=["weekday"])
    predictor, end = finished(experiment, daily())
    evaluation = predictor.evaluate(predictor_table(), split="test")
    assert evaluation.windows == 27
    assert evaluation.metrics["mae"] == pytest.approx(end.metrics["test_mae"], rel=1e-6)
    assert {"linear", "linear_calendar"} <= set(evaluation.baselines)
    assert predictor.forecast(9).prediction.shape == (9, 1)
    assert predictor.predict(predictor.example()).prediction.shape == (4, 1)  # type: ignore[union-attr]


def predictor_table() -> Table:
    frame = daily()
    return Table(frame[["v"]].to_numpy(), ("v",), times=frame["date"].to_numpy(dtype="datetime64[ns]"))


@pytest.mark.parametrize("predict", ["last", "every"])
@pytest.mark.parametrize("scaling", ["standard", "window-mean"])
def test_a_recursive_forecast_equals_repeated_one_step_predictions(predict: str, scaling: str) -> None:
    values = np.sin(np.arange(150) * 0.4) + 2.0
    shape = {"window": 8, "scaling": scaling, "predict": predict}
    free, _ = finished(plan(horizon=5, multi_step="recursive", **shape), values)
    known = values[:100].tolist()
    for _ in range(5):
        one = free._task.experiment.with_changes({"data.horizon": 1})
        step = type(free._task)(one).predict(free._model, free._codec, np.array(known[-8:]))
        known.append(float(step.prediction[0, 0]))
    at_once = free.predict(values[92:100])
    assert isinstance(at_once, SeriesView)
    assert at_once.prediction[:, 0] == pytest.approx(known[100:], abs=1e-4)
    assert free.forecast(5).prediction[:, 0] == pytest.approx(free.predict(values[-8:]).prediction[:, 0], abs=1e-4)  # type: ignore[union-attr]


def test_a_recursive_forecast_is_trained_one_step_ahead() -> None:
    data = NumericDataset(predictor_table(), plan(window=5, horizon=6, multi_step="recursive").data, CPU)
    assert data.batch("train", np.arange(3)).targets.shape == (3, 1, 1)
    assert data.truth("train", np.arange(3)).shape == (3, 1, 6, 1)


def test_an_impossible_recursive_forecast_is_refused_in_one_line() -> None:
    frame = daily(columns=("v", "w"))
    table = Table(frame[["v", "w"]].to_numpy(), ("v", "w"))
    free = {"window": 5, "horizon": 3, "multi_step": "recursive"}
    for changes, words in (
        ({"inputs": ["v", "w"], "target": ["v"]}, "needs future values of all inputs"),
        ({"target": ["v"], "lead": 2}, "set data.lead to 1"),
    ):
        with pytest.raises(ExperimentError, match=words) as refused:
            plan(**free, **changes)
        assert len(refused.value.lines) == 1
    with pytest.raises(DataError, match="needs future values of 'w', which is an input but not a target") as caught:
        finished(plan(**free, inputs=["v", "w"]), table)
    assert len(caught.value.lines) == 1


@pytest.mark.parametrize("multi_step", ["direct", "recursive"])
def test_multivariate_forecasts_have_several_steps(multi_step: str) -> None:
    shape = {"inputs": ["v", "w"], "target": ["w", "v"], "window": 6, "horizon": 3, "multi_step": multi_step}
    predictor, end = finished(plan(**shape), daily(columns=("v", "w", "x")))
    view = predictor.forecast(5)
    assert view.columns == ("w", "v")
    assert view.prediction.shape == (5, 2)
    assert np.isfinite(list(end.metrics.values())).all()
    answer = predictor.predict("20 21\n19 22\n18 20")
    assert isinstance(answer, SeriesView)
    assert answer.prediction.shape == (3, 2)


def test_calendar_features_are_sine_and_cosine_of_the_phase() -> None:
    times = np.array(["2024-01-01T00:00", "2024-01-01T06:00", "2024-07-04T12:00"], dtype="datetime64[ns]")
    features = calendar_features(times, ("hour", "weekday", "month", "yearday"))
    assert features.shape == (3, 8)
    assert features[:2, 0] == pytest.approx([0.0, 1.0], abs=1e-6)  # midnight, six o'clock
    assert features[0, 2:].tolist() == [0, 1, 0, 1, 0, 1]  # a Monday, January, the year's first moment
    assert features[2, 4:6] == pytest.approx([0.0, -1.0], abs=1e-6)  # July
    assert np.allclose(features[:, ::2] ** 2 + features[:, 1::2] ** 2, 1.0, atol=1e-6)


def test_calendar_features_are_those_of_the_predicted_row() -> None:
    table = predictor_table()
    data = NumericDataset(table, plan(window=5, horizon=2, calendar=["weekday"]).data, CPU)
    batch = data.batch("train", np.array([10]))
    assert table.times is not None
    assert np.array_equal(batch.inputs[0, :, 1:].numpy(), calendar_features(table.times[11:16], ("weekday",)))


def test_calendar_features_need_dates() -> None:
    with pytest.raises(DataError, match="these data have no dates") as caught:
        finished(plan(window=5, calendar=["hour"]), np.arange(100.0))
    assert len(caught.value.lines) == 1


def test_linear_regression_uses_calendar_features_of_the_future() -> None:
    frame = daily()
    predictor, end = finished(plan(epochs=40, hidden=16, window=1, calendar=["weekday"], horizon=2), frame)
    scores = {name: metrics["test_mae"] for name, metrics in end.baselines.items()}
    assert scores["linear_calendar"] < 0.5 < 5 * scores["linear_calendar"] < scores["linear"]
    assert end.metrics["test_mae"] < 0.5 * scores["linear"]
    ahead = predictor.forecast(10)
    days = np.asarray(pd.DatetimeIndex(ahead.x).day_of_week)
    truth = 20.0 + 10.0 * np.cos(2 * np.pi * days / 7)
    assert np.abs(ahead.prediction[:, 0] - truth).mean() < 2.0


def test_typed_rows_get_the_last_dates_and_a_frame_its_own() -> None:
    frame = daily()
    predictor, _ = finished(plan(window=5, calendar=["weekday"]), frame)
    typed = predictor.predict("20 21 22")
    assert isinstance(typed, SeriesView)
    assert typed.x.astype("datetime64[D]").tolist() == [(frame["date"].iloc[-1] + pd.Timedelta(days=1)).date()]
    own = predictor.predict(frame.iloc[10:15])
    assert isinstance(own, SeriesView)
    assert own.x.astype("datetime64[D]").tolist() == [frame["date"].iloc[15].date()]


def test_dates_before_the_stored_tail_are_extrapolated() -> None:
    times = np.arange("2020-01-05", "2020-01-08", dtype="datetime64[D]").astype("datetime64[ns]")
    assert np.datetime_as_string(past_times(times, 5), unit="D").tolist()[:2] == ["2020-01-03", "2020-01-04"]
    assert past_times(times, 2).tolist() == times[1:].tolist()


def test_an_input_shorter_than_a_season_is_refused() -> None:
    values = np.tile(np.arange(1.0, 7.0), 30) + np.random.default_rng(0).normal(0, 0.01, 180)
    predictor, _ = finished(plan(window=5, scaling="seasonal"), values)
    with pytest.raises(PredictionError, match="seasonal scaling needs the value 6 steps earlier; give more"):
        predictor.predict([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert predictor.check_input(predictor.example()) == []
    assert predictor.predict(predictor.example()).prediction[0, 0] == pytest.approx(1.0, abs=0.3)  # type: ignore[union-attr]


def test_a_value_without_a_logarithm_is_refused_in_one_line() -> None:
    predictor, _ = finished(plan(window=5, scaling="log-last-value"), np.arange(1.0, 100.0))
    with pytest.raises(PredictionError, match="value is -3 in row 2, but this model uses logarithmic scaling"):
        predictor.predict("5 -3 8")


def test_linear_regression_on_the_scaled_window_is_exact_for_log_growth() -> None:
    growth = np.exp(0.03 * np.arange(120) + 0.3 * np.sin(np.arange(120)))
    _, end = finished(plan(window=4, scaling="log-last-value"), growth)
    assert end.baselines["linear_scaled"]["test_mae"] < 0.01 * end.baselines["linear"]["test_mae"]


@pytest.mark.parametrize("multi_step", ["direct", "recursive"])
def test_a_forecast_leaves_out_the_days_on_which_its_series_has_no_rows(multi_step: str) -> None:
    frame = daily(400)
    closed = frame[frame["date"].dt.day_of_week != 6]
    text = pd.concat([frame.assign(shop="a"), closed.assign(shop="b")]).to_csv(index=False)
    table = read_table(text.encode(), name="shops.csv", options=FileOptions())
    data = {"window": 3, "horizon": 7, "multi_step": multi_step, "calendar": ["weekday"], "stride": 1}
    predictor, _ = finished(plan(15, **data), table)
    ahead = pd.date_range("2022-04-05", periods=24)
    for name, days in (("a", ahead[:20]), ("b", ahead[ahead.day_of_week != 6][:20])):
        view = predictor.forecast(20, series=name)
        assert view.x.astype("datetime64[D]").astype(str).tolist() == days.strftime("%F").tolist()
        week = 20.0 + 10.0 * np.cos(2 * np.pi * days.day_of_week.to_numpy() / 7)
        assert np.abs(view.prediction[:, 0] - week).mean() < 2.5
    view = predictor.predict(closed.iloc[100:103], series="b")
    assert isinstance(view, SeriesView)
    assert view.x.tolist() == closed["date"].iloc[103:110].to_numpy().astype("datetime64[ns]").tolist()
