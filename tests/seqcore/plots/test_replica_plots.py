"""Figures of replicas: bands of loss and score, a line for each prediction."""

from __future__ import annotations

import numpy as np
import pytest

from seqcore.events import Epoch
from seqcore.plots.band import extremes
from seqcore.plots.labels import labels_info, plot_labels
from seqcore.plots.loss import loss_info, plot_loss
from seqcore.plots.score_curve import plot_score_curve, score_curve_info
from seqcore.plots.scores import plot_scores
from seqcore.plots.series import plot_series, series_info
from seqcore.plots.symbols import plot_symbols, symbols_info
from seqcore.results import FramesView, LabelsView, SeriesView, SymbolsView
from seqcore.results.scores import scores_info

NAN = float("nan")
EACH = np.array([[3.0, 1.0, 2.0], [NAN, 4.0, 6.0], [NAN, NAN, NAN]])


def test_the_extremes_are_over_finite_values_alone() -> None:
    low, high = extremes(EACH)
    np.testing.assert_array_equal(low, [1.0, 4.0, NAN])
    np.testing.assert_array_equal(high, [3.0, 6.0, NAN])


def test_the_loss_has_a_band_for_training_and_for_validation() -> None:
    epochs = [
        Epoch(n, 10 * n, {"val_loss": 2.0 * n}, 1.0, replicas={"val_loss": [n, 2.0 * n, 3.0 * n]}) for n in (1, 2)
    ]
    info = loss_info([1, 2], [2.0, 1.0], epochs, band=(np.array([1.0, 0.5]), np.array([4.0, 2.0])))
    assert info.validation_band is not None
    np.testing.assert_array_equal(info.validation_band[1], [3.0, 6.0])
    figure = plot_loss(info)
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    assert [trace.name for trace in bands] == ["training, lowest to highest seed", "validation, lowest to highest seed"]
    assert list(bands[0].y) == [1.0, 0.5, 2.0, 4.0]


def test_a_run_without_replicas_has_no_band() -> None:
    figure = plot_loss(loss_info([1, 2], [2.0, 1.0], [Epoch(1, 2, {"val_loss": 1.0}, 1.0)]))
    assert not [trace for trace in figure.data if trace.fill]


def test_a_band_is_broken_where_no_replica_is_finite() -> None:
    low, high = np.array([1.0, NAN, 2.0, 3.0]), np.array([2.0, NAN, 4.0, 5.0])
    (band, *_) = plot_loss(loss_info([1, 2, 3, 4], [1.0, NAN, 3.0, 4.0], band=(low, high))).data
    assert list(band.x) == [1, 1, None, 3, 4, 4, 3]


def test_a_score_curve_has_median_band_and_reference_in_percent() -> None:
    each = np.array([[0.5, 0.7, 0.6], [0.8, 0.9, 1.0]])
    info = score_curve_info(np.array([10, 20]), each, "accuracy", reference=("Most frequent class", 0.4), title="Score")
    assert info.median.tolist() == pytest.approx([60.0, 90.0])
    assert "Now 90% (80 to 100%)" in info.sentence
    assert "Higher is better" in info.sentence
    figure = plot_score_curve(info)
    assert [trace.name for trace in figure.data][1:] == ["median of 3 seeds", "Most frequent class"]
    assert list(figure.data[2].y) == pytest.approx([40.0, 40.0])


def test_a_score_curve_without_a_finite_value_says_so() -> None:
    info = score_curve_info(np.array([1]), np.array([[NAN, NAN]]), "mae", title="Validation MAE")
    assert plot_score_curve(info).layout.annotations[0].text == "no epochs yet"


def test_the_prediction_of_each_replica_is_a_thin_line() -> None:
    x = np.arange(3.0)
    each = np.array([[[1.0], [2.0], [3.0]], [[3.0], [4.0], [5.0]]])
    view = SeriesView(x, each.mean(axis=0), columns=("y",), replicas=each)
    figure = plot_series(series_info(view))
    lines = {trace.name: trace for trace in figure.data}
    assert list(lines["mean prediction"].y) == [2.0, 3.0, 4.0]
    drawn = np.array(lines["each of 2 seeds"].y, dtype=float)
    np.testing.assert_array_equal(drawn, [1.0, 2.0, 3.0, NAN, 3.0, 4.0, 5.0, NAN])


def test_many_replicas_of_a_long_series_stay_a_few_thousand_points() -> None:
    steps = 20_000
    each = np.random.default_rng(0).normal(size=(64, steps, 1))
    view = SeriesView(np.arange(float(steps)), each.mean(axis=0), replicas=each)
    figure = plot_series(series_info(view))
    assert sum(len(trace.x) for trace in figure.data) < 25_000


SEEDS = np.array([[[0.2, 0.8], [0.9, 0.1]], [[0.6, 0.4], [0.7, 0.3]], [[0.1, 0.9], [0.8, 0.2]]])  # [3, 2, 2]


def test_the_bars_of_next_symbols_have_whiskers_from_the_lowest_to_the_highest_seed() -> None:
    view = SymbolsView((("x",),), ("a", "b"), SEEDS[:, :1].mean(axis=0), replicas=SEEDS[:, :1])
    info = symbols_info(view)
    assert info.symbols == ("b", "a")
    assert info.low is not None
    assert info.high is not None
    np.testing.assert_allclose(info.low, [[0.4, 0.1]])
    np.testing.assert_allclose(info.high, [[0.9, 0.6]])
    bars, text = plot_symbols(info).data
    np.testing.assert_allclose(bars.error_x.array, [20.0, 30.0])
    np.testing.assert_allclose(bars.error_x.arrayminus, [30.0, 20.0])
    assert text.text[0].strip() == "70.0% (40 to 90%)"
    assert "3 seeds" in plot_symbols(info).layout.xaxis.title.text
    assert view.highlights() == [("next, probability 70%", "b", "3 seeds: 40 to 90%; 2 agree")]
    assert "3 seeds" in view.caption


def test_several_contexts_tell_the_range_of_each_probability() -> None:
    view = SymbolsView((("x",), ("y",)), ("a", "b"), SEEDS.mean(axis=0), replicas=SEEDS)
    heat = plot_symbols(symbols_info(view)).data[0]
    assert heat.customdata[1][0] == ["y", "a", "70 to 90%"]
    assert "3 seeds" in heat.hovertemplate


def test_a_class_has_the_range_of_its_probability_over_seeds() -> None:
    view = LabelsView(("up", "down"), SEEDS.mean(axis=0), ("down", "up"), replicas=SEEDS)
    info = labels_info(view)
    assert [(s.prediction, s.low, s.high) for s in info.sequences] == [("down", 0.4, 0.9), ("up", 0.7, 0.9)]
    figure = plot_labels(info)
    assert figure.layout.annotations[0].text == "1: down (70%, seeds 40 to 90%)"
    assert figure.layout.xaxis.title.text == "step; mean of 3 seeds"
    assert view.highlights() == [("probability 80%", "up", "3 seeds: 70 to 90%; 3 agree")]


def test_the_csv_of_probabilities_has_those_of_each_replica() -> None:
    header, rows = SymbolsView((("x",), ("y",)), ("a", "b"), SEEDS.mean(axis=0), replicas=SEEDS).table()
    assert list(header)[-2:] == ["p(a) replica 3", "p(b) replica 3"]
    assert list(rows[1])[-2:] == ["0.8", "0.2"]
    header, rows = LabelsView(("up", "down"), SEEDS.mean(axis=0), replicas=SEEDS).table()
    assert list(header)[-6] == "p(up) replica 1"
    assert list(rows[0])[-6] == "0.2"


def test_the_csv_of_frames_has_a_row_for_each_replica() -> None:
    each = np.stack([np.zeros((2, 1, 1)), np.ones((2, 1, 1))])
    header, rows = FramesView(each.mean(axis=0), replicas=each).table()
    assert list(header) == ["frame", "replica", "1.1 predicted"]
    assert [list(row) for row in rows[:3]] == [[1, "mean", "0.5"], [1, 1, "0.0"], [1, 2, "1.0"]]


def test_a_forecast_tells_the_range_over_seeds() -> None:
    each = np.array([[[1.0]], [[3.0]]])
    assert SeriesView(np.arange(1.0), each.mean(axis=0), replicas=each).highlights()[0][-1] == "2 seeds: 1 to 3"


def test_the_models_bar_has_the_range_of_its_score_over_seeds() -> None:
    info = scores_info({"mae": 2.0}, {"last_value": {"mae": 4.0}}, metric="mae", replicas={"mae": [1.0, 2.0, 5.0]})
    assert info.ends == (1.0, 5.0)
    assert info.spread == "Median of 3 seeds; line: lowest to highest seed."
    line = plot_scores(info).data[1]
    assert list(line.x) == [1.0, 5.0]
    assert "1 to 5" in line.text[1]
    alone = scores_info({"mae": 2.0}, {"last_value": {"mae": 4.0}}, metric="mae")
    assert len(plot_scores(alone).data) == 1
    assert alone.spread == ""
