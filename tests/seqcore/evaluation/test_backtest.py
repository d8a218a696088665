"""Errors by horizon are those of the targets so many steps ahead, the model's first."""

from __future__ import annotations

import numpy as np
import pytest

from seqcore.evaluation.backtest import MOST_LISTED, by_series_view, error_by_horizon, error_by_series, horizon_view
from seqcore.evaluation.baselines import BASELINES
from seqcore.events import CheckpointReady
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.plots.horizon import horizon_info, plot_horizon
from seqcore.results import HorizonView
from seqcore.training.fit import fit, load_table


def test_the_error_at_each_horizon_leaves_out_what_is_not_known() -> None:
    truth = np.zeros((4, 1, 3, 2))
    prediction = truth + np.array([1.0, 2.0, 3.0])[:, None]
    truth[0, 0, 1] = np.nan
    view = horizon_view(truth, prediction, {"last_value": error_by_horizon(truth, prediction + 1.0)})
    assert view is not None
    assert list(view.errors) == ["Model", "Last value"]
    assert view.errors["Model"].tolist() == [1.0, 2.0, 3.0]
    assert view.errors["Last value"].tolist() == [2.0, 3.0, 4.0]
    assert "4 origins" in view.title
    assert horizon_view(truth[:, :, :1], prediction[:, :, :1], {}) is None


@pytest.mark.parametrize("way", ["direct", "recursive"])
def test_an_evaluation_tells_the_error_by_horizon_and_it_adds_up_to_the_whole(way: str) -> None:
    data = {"source": "bouncing-ball", "options": {"samples": 400}, "window": 10, "horizon": 4, "multi_step": way}
    experiment = Experiment.make({"data": data, "model": {"hidden_size": 4}, "training": {"epochs": 1}})
    content = b""
    for event in fit(experiment):
        content = event.content if isinstance(event, CheckpointReady) else content
    predictor = Predictor.from_checkpoint(content)
    evaluation = predictor.evaluate(load_table(experiment), split="test")
    (view,) = (v for v in evaluation.more if isinstance(v, HorizonView))
    assert {len(errors) for errors in view.errors.values()} == {4}
    assert view.errors["Model"].mean() == pytest.approx(evaluation.metrics["mae"])
    for name, metrics in evaluation.baselines.items():
        assert view.errors[BASELINES[name].title].mean() == pytest.approx(metrics["mae"])


def test_the_picture_has_the_model_first_and_then_the_naive_methods_from_the_best() -> None:
    errors = {"Drift": np.array([3.0, 4.0]), "Model": np.array([5.0, 6.0]), "Last value": np.array([1.0, 2.0])}
    info = horizon_info(HorizonView({"Model": errors["Model"], **errors}))
    assert list(info.errors) == ["Model", "Last value", "Drift"]
    assert info.steps.tolist() == [1, 2]
    for dark in (False, True):
        figure = plot_horizon(info, dark)
        assert [trace.name for trace in figure.data] == ["Model", "Last value (best baseline)", "Drift"]
        assert [trace.showlegend for trace in figure.data] == [True, True, False]
        assert figure.layout.yaxis.range[1] == pytest.approx(1.3 * 6.0)
    assert plot_horizon(horizon_info(HorizonView({}))).layout.annotations[0].text == "nothing to show"


def test_each_series_and_target_has_its_error_beside_the_method_that_is_best_there() -> None:
    truth = np.zeros((4, 1, 2, 2))
    prediction = truth + np.array([1.0, 100.0])  # two targets of different units
    prediction[2:] *= 3.0
    truth[0, 0, 0] = np.nan
    naive = {"last_value": truth + 2.0, "mean": np.concatenate([truth[:2] + 5.0, truth[2:] + 1.0])}
    band = (np.full_like(truth, -1.0), np.full_like(truth, 1.0))
    band[0][3] = 0.5
    series = (np.array([0, 0, 2, 2]), ("north", "nowhere", "south"))
    naive = {name: error_by_series(truth, values, series[0], 3) for name, values in naive.items()}
    view = by_series_view(truth, prediction, naive, series=series, targets=("load", "price"), band=band)
    assert view is not None
    assert view.columns == ("series", "target", "MAE", "MAE of the best baseline", "best baseline", "coverage")
    assert view.rows == (
        ("north", "load", 1.0, 2.0, "Last value", 1.0),
        ("north", "price", 100.0, 2.0, "Last value", 1.0),
        ("south", "load", 3.0, 1.0, "Mean", 0.5),
        ("south", "price", 300.0, 1.0, "Mean", 0.5),
    )
    assert by_series_view(truth[..., :1], truth[..., :1], {}, series=(series[0] * 0, ("a",)), targets=("load",)) is None
    alone = by_series_view(truth, prediction, {}, series=(series[0] * 0, ()), targets=("load", "price"))
    assert alone is not None
    assert [row[0] for row in alone.rows] == ["load", "price"]


def test_of_very_many_series_those_are_listed_that_compare_worst() -> None:
    truth = np.zeros((50, 1, 1, 1))
    errors = np.arange(50.0)[:, None, None, None]
    names = [f"s{i}" for i in range(50)]
    view = by_series_view(truth, errors, {"mean": np.ones((50, 1))}, series=(np.arange(50), names), targets=("load",))
    assert view is not None
    assert view.title == f"Error of each series: the {MOST_LISTED} of 50 that compare worst"
    assert [row[0] for row in view.rows] == names[: 50 - MOST_LISTED - 1 : -1]
