"""Intervals keep their promise on data that nobody was calibrated on, and making them changes nothing else of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from seqcore.data.sources.weather import Weather
from seqcore.data.table import Table
from seqcore.evaluation.intervals import NOT_NEGATIVE
from seqcore.events import CheckpointReady, Event, Finding, Finished, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.results import SeriesView
from seqcore.training.control import Control
from seqcore.training.fit import fit

SMALL = {"architecture": "gru", "hidden_size": 4}


def experiment(data: dict[str, Any] | None = None, **training: Any) -> Experiment:
    training = {"epochs": 2, "batch_size": 64, "interval_coverage": 0.9, **training}
    return Experiment.make({"data": {"window": 6, **(data or {})}, "model": SMALL, "training": training})


def series(*columns: Any) -> Table:
    return Table(values=np.stack(columns, axis=1), columns=tuple(f"c{i}" for i in range(len(columns))))


def noise(n: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.default_rng(seed).standard_t(4, size=n)


def finished(events: Iterator[Event]) -> tuple[Finished, bytes, list[Event]]:
    """The end of a run, its last checkpoint, and all that it said."""
    said = list(events)
    content = next(e.content for e in reversed(said) if isinstance(e, CheckpointReady))
    end = said[-1]
    assert isinstance(end, Finished)
    return end, content, said


def codes(said: list[Event]) -> list[str]:
    return [event.code for event in said if isinstance(event, Finding)]


def test_ninety_percent_of_ten_thousand_exchangeable_targets_lie_in_their_interval() -> None:
    whole = experiment({"test_fraction": 0.85, "validation_fraction": 0.08}, epochs=1, batch_size=512)
    end, content, said = finished(fit(whole, data=series(noise(12_000))))
    assert 0.88 <= end.metrics["test_coverage"] <= 0.92
    assert [code for code in codes(said) if "calibrat" in code] == ["calibrating", "calibrated"]
    view = Predictor.from_checkpoint(content).predict([0.1] * 6)
    assert isinstance(view, SeriesView)
    assert view.coverage == 0.9
    assert view.low is not None
    assert view.high is not None
    assert (view.low < view.prediction).all()
    assert (view.prediction < view.high).all()


@pytest.mark.parametrize(("column", "horizon"), [("temp_max", 1), ("wind", 7)])
def test_daily_weather_is_covered_over_all_seasons(column: str, horizon: int) -> None:
    data = {"source": "weather", "target": [column], "window": 10, "horizon": horizon}
    end, content, _ = finished(fit(experiment(data, epochs=2, batch_size=32)))
    assert 0.86 <= end.metrics["test_coverage"] <= 0.94
    evaluation = Predictor.from_checkpoint(content).evaluate(Weather().table(), split="test")
    assert isinstance(evaluation.view, SeriesView)
    assert evaluation.view.covered == evaluation.metrics["coverage"] == end.metrics["test_coverage"]
    assert evaluation.view.coverage == 0.9


def test_each_target_and_horizon_has_its_own_width_and_forecasts_have_theirs() -> None:
    table = series(0.1 * noise(600).cumsum(), 10.0 * noise(600, 1).cumsum())
    data = {"target": ["c0", "c1"], "horizon": 3, "scaling": "last-value"}
    _, content, _ = finished(fit(experiment(data), data=table))
    predictor = Predictor.from_checkpoint(content)
    view, ahead = predictor.predict([[0.0, 0.0]] * 6), predictor.forecast(30)
    assert isinstance(view, SeriesView)
    for answer in (view, ahead):
        assert answer.low is not None
        assert answer.high is not None
        width = answer.high - answer.low
        assert (width[:, 1] > 20 * width[:, 0]).all()
        assert (width[-1] > width[0]).all()  # further ahead is less sure
    long = predictor.forecast(300)
    assert long.low is not None
    assert np.isfinite(long.low[:30]).all()
    assert np.isnan(long.low[-1]).all()  # further than anything that was tried


@pytest.mark.parametrize(
    "data", [{"horizon": 3}, {"horizon": 3, "multi_step": "recursive"}, {"horizon": 2, "predict": "every"}]
)
def test_a_forecast_has_the_intervals_of_an_input_up_to_the_horizon(data: dict[str, Any]) -> None:
    given = noise(2_500).cumsum()  # more windows than the forecasts are calibrated on
    _, content, _ = finished(fit(experiment({"scaling": "last-value", **data}, epochs=1), data=series(given)))
    predictor = Predictor.from_checkpoint(content)
    view, ahead = predictor.predict(given[-6:]), predictor.forecast(20)
    assert isinstance(view, SeriesView)
    assert view.low is not None
    assert ahead.low is not None
    horizon = data["horizon"]
    np.testing.assert_allclose(ahead.prediction[:horizon], view.prediction, rtol=1e-6)
    np.testing.assert_allclose(ahead.low[:horizon], view.low, rtol=1e-6)
    assert np.isfinite(ahead.low).all()


def test_steps_before_a_longer_lead_are_predictions_at_that_lead() -> None:
    data = {"lead": 3, "scaling": "last-value"}
    _, content, _ = finished(fit(experiment(data, epochs=1), data=series(noise(1_000).cumsum())))
    predictor = Predictor.from_checkpoint(content)
    view, ahead = predictor.predict([0.0] * 6), predictor.forecast(5)
    assert isinstance(view, SeriesView)
    assert view.low is not None
    assert ahead.low is not None
    np.testing.assert_allclose((ahead.prediction - ahead.low)[:3, 0], (view.prediction - view.low)[0, 0], rtol=1e-6)


def test_a_forecast_with_an_input_that_is_not_predicted_has_intervals() -> None:
    table = series(noise(600).cumsum(), noise(600, 1))
    data = {"inputs": ["c0", "c1"], "target": ["c0"], "horizon": 3}
    _, content, _ = finished(fit(experiment(data, epochs=1), data=table))
    ahead = Predictor.from_checkpoint(content).forecast(3)
    assert ahead.low is not None
    assert np.isfinite(ahead.low).all()


@pytest.mark.parametrize(("lead", "limit"), [(1, 3), (2, 3), (4, 6)])
def test_a_forecast_to_its_limit_is_known(lead: int, limit: int) -> None:
    table = series(noise(300).cumsum(), noise(300, 1))
    data = {"inputs": ["c0", "c1"], "target": ["c0"], "horizon": 3, "lead": lead}
    _, content, _ = finished(fit(experiment(data, epochs=1, interval_coverage=0.0), data=table))
    predictor = Predictor.from_checkpoint(content)
    assert predictor.forecast_limit == (limit, "c1")
    assert np.isfinite(predictor.forecast(limit).prediction).all()


def test_a_model_that_runs_free_is_calibrated_as_it_runs() -> None:
    data = {"horizon": 4, "multi_step": "recursive", "scaling": "last-value"}
    end, content, _ = finished(fit(experiment(data), data=series(noise(1_500).cumsum())))
    assert 0.8 <= end.metrics["test_coverage"] <= 0.98
    view = Predictor.from_checkpoint(content).predict([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    assert isinstance(view, SeriesView)
    assert view.low is not None
    assert (np.diff((view.prediction - view.low)[:, 0]) > 0).all()


def test_series_of_different_size_have_intervals_of_their_own() -> None:
    small, large = noise(500).cumsum() + 100, 1_000 * (noise(500, 1).cumsum() + 100)
    table = Table(values=np.concatenate([small, large])[:, None], columns=("v",), offsets=np.array([0, 500, 1_000]))
    end, content, _ = finished(fit(experiment({"scaling": "last-value"}), data=table))
    assert 0.8 <= end.metrics["test_coverage"] <= 0.98
    evaluation = Predictor.from_checkpoint(content).evaluate(table, split="test")
    assert isinstance(evaluation.view, SeriesView)
    assert evaluation.view.low is not None
    width = np.nanmean(evaluation.view.prediction - evaluation.view.low, axis=0)
    assert 300 < width[1] / width[0] < 3_000


def test_prices_keep_their_promise_when_they_have_grown() -> None:
    prices = np.exp(np.cumsum(0.002 + 0.02 * np.random.default_rng(3).normal(size=1_500)))
    end, _, _ = finished(fit(experiment({"scaling": "last-value"}), data=series(prices)))
    assert end.metrics["test_coverage"] >= 0.85


def test_intervals_change_nothing_else_of_a_run() -> None:
    table = series(noise(400).cumsum())
    with_intervals, content, said = finished(fit(experiment(), data=table))
    without, other, plain = finished(fit(experiment(interval_coverage=0.0), data=table))
    mine, theirs = (np.concatenate([e.loss for e in s if isinstance(e, Steps)]) for s in (said, plain))
    assert mine.tolist() == theirs.tolist()
    scores = {name: value for name, value in with_intervals.metrics.items() if "coverage" not in name}
    assert scores == pytest.approx(without.metrics, nan_ok=True)
    one, two = (Predictor.from_checkpoint(c).predict([1.0] * 6) for c in (content, other))
    assert isinstance(one, SeriesView)
    assert isinstance(two, SeriesView)
    assert one.prediction.tolist() == two.prediction.tolist()
    assert two.low is None


def test_a_run_that_is_stopped_while_it_calibrates_has_no_intervals_and_says_so() -> None:
    control, said = Control(), []
    for event in fit(experiment(), data=series(noise(400)), control=control):
        said.append(event)
        if isinstance(event, Finding) and event.code == "calibrating":
            control.stop()
    end = said[-1]
    assert isinstance(end, Finished)
    assert end.status == "stopped"
    assert "not-calibrated" in codes(said)
    assert "test_coverage" not in end.metrics


def test_a_run_that_was_left_while_it_calibrated_makes_the_same_intervals_when_it_goes_on() -> None:
    table = series(noise(400))
    whole, _, _ = finished(fit(experiment(), data=table))
    control, content = Control(), b""
    for event in fit(experiment(), data=table, control=control):
        content = event.content if isinstance(event, CheckpointReady) else content
        if isinstance(event, Finding) and event.code == "calibrating":
            control.save()  # a pause rests at this checkpoint; then the process is gone
            control.leave()
    assert not isinstance(event, Finished)
    resumed, _, said = finished(fit(experiment(), data=table, resume=content))
    assert codes(said).count("calibrated") == 1
    assert resumed.metrics == pytest.approx(whole.metrics, nan_ok=True)


def test_epochs_that_are_added_meanwhile_are_trained_before_it_is_calibrated_anew() -> None:
    control, said = Control(), []
    for event in fit(experiment(), data=series(noise(300)), control=control):
        said.append(event)
        if isinstance(event, Finding) and event.code == "calibrating" and codes(said).count("calibrating") == 1:
            control.change({"training.epochs": 3})
    end = said[-1]
    assert isinstance(end, Finished)
    assert end.epochs == 3
    assert codes(said).count("calibrating") == 2
    assert codes(said).count("calibrated") == 1
    assert end.metrics["test_coverage"] > 0.7


def test_too_few_errors_for_a_promise_are_said() -> None:
    _, _, said = finished(fit(experiment(interval_coverage=0.99, batch_size=8), data=series(noise(90))))
    assert "few-errors" in codes(said)


def test_no_step_looks_at_the_test_part() -> None:
    """The same up to its test part, another table makes the same intervals."""
    one, two = noise(400), noise(400)
    two[340:] = 50.0
    widths = []
    for values in (one, two):
        _, content, _ = finished(fit(experiment({"scaling": "none"}), data=series(values)))
        view = Predictor.from_checkpoint(content).predict([0.0] * 6)
        assert isinstance(view, SeriesView)
        assert view.high is not None
        widths.append((view.high - view.prediction).tolist())
    assert widths[0] == widths[1]


def test_counts_have_no_interval_below_zero_and_those_that_may_fall_below_it_keep_theirs() -> None:
    rain = np.maximum(0.0, np.random.default_rng(5).normal(size=900) - 0.5)
    table = series(rain, noise(900))
    e = experiment({"target": ["c0", "c1"], "inputs": ["c0", "c1"], "horizon": 2})
    end, content, _ = finished(fit(e, data=table))
    predictor = Predictor.from_checkpoint(content)
    ahead, after = predictor.forecast(5), predictor.predict(np.stack([rain, rain], axis=1)[:6])
    judged = predictor.evaluate(table, split="test").view
    for view in (ahead, after, judged):
        assert isinstance(view, SeriesView)
        assert view.low is not None
        assert view.high is not None
        assert np.nanmin(view.low[:, 0]) == 0.0
        assert np.nanmax(view.low[:, 1]) < 0.0
        assert (view.high >= view.low)[~np.isnan(view.low)].all()
    assert end.metrics["test_coverage"] >= 0.85
    # as it was before there was a cut: an older checkpoint has no word of it, and predicts as it did
    codec = predictor._codec
    codec.fitted.pop(NOT_NEGATIVE)
    uncut = predictor.evaluate(table, split="test")
    assert isinstance(uncut.view, SeriesView)
    assert uncut.view.low is not None
    assert np.nanmin(uncut.view.low[:, 0]) < 0.0
    assert isinstance(judged, SeriesView)
    assert uncut.view.prediction.tolist() == judged.prediction.tolist()
    assert uncut.metrics["coverage"] == end.metrics["test_coverage"]  # nothing that was covered was lost


def test_what_is_negative_in_the_test_part_alone_is_not_looked_at() -> None:
    values = np.abs(noise(400))
    values[345:] *= -1.0
    _, content, _ = finished(fit(experiment(), data=series(values)))
    assert Predictor.from_checkpoint(content)._codec.fitted[NOT_NEGATIVE].tolist() == [1.0]
    values[100] = -0.1
    _, content, _ = finished(fit(experiment(), data=series(values)))
    assert NOT_NEGATIVE not in Predictor.from_checkpoint(content)._codec.fitted
