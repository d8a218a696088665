"""The contract of every registered baseline, and facts that each series has of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from seqcore.data.numeric_dataset import NumericDataset
from seqcore.data.table import Table
from seqcore.evaluation.baselines import BASELINES, Baseline, predict_baselines
from seqcore.evaluation.baselines.naive import BaselineInputs, baseline_inputs
from seqcore.experiment.experiment import Experiment
from seqcore.tasks import TASKS
from tests.tables import small_table

CPU = torch.device("cpu")
REGRESSION = [name for name, entry in BASELINES.items() if entry.task == "regression"]
LENGTH, WINDOW, HORIZON = 80, 6, 3


def table_of(*names: str) -> Table:
    """Two columns for each series, which are the same in every table that holds a series of this name."""
    series = []
    for name in names:
        random = np.random.default_rng(ord(name[0]))
        season = np.tile(random.normal(size=(4 + ord(name[0]) % 3, 2)), (LENGTH, 1))[:LENGTH]
        series.append(100 * ord(name[0]) + 10 * season + random.normal(size=(LENGTH, 2)))
    offsets = np.arange(len(names) + 1) * LENGTH
    return Table(np.concatenate(series), ("v", "w"), offsets=offsets, names=names)


def prepared(table: Table, codec: Any = None, **changes: Any) -> NumericDataset:
    experiment = Experiment.make({"data": {"window": WINDOW, "horizon": HORIZON, "target": ["v", "w"], **changes}})
    data = TASKS["regression"].load()(experiment).make_dataset(table, CPU, codec)
    assert isinstance(data, NumericDataset)
    return data


def inputs_of(data: NumericDataset) -> BaselineInputs:
    return baseline_inputs(data, "test", np.arange(len(data.windows["test"])))


@pytest.mark.parametrize("predict", ["last", "every"])
@pytest.mark.parametrize("name", REGRESSION)
def test_regression_baselines_predict_every_place_step_and_target(name: str, predict: str) -> None:
    given = inputs_of(prepared(table_of("a", "b", "c"), predict=predict))
    predicted = BASELINES[name].load()(given)
    if predicted is not None:
        places = WINDOW if predict == "every" else 1
        assert predicted.shape == (len(given.first), places, HORIZON, 2)
        assert np.isfinite(predicted).all()


@pytest.mark.parametrize("name", REGRESSION)
def test_regression_baselines_do_not_see_what_follows_a_prediction(name: str) -> None:
    given = inputs_of(prepared(table_of("a", "b", "c"), predict="every"))
    predicted = BASELINES[name].load()(given)
    if predicted is None:
        return
    for window in (0, len(given.first) - HORIZON - 1):
        for place in (0, WINDOW // 2, WINDOW - 1):
            own, inputs, scaled = given.own.copy(), given.inputs.copy(), np.array(given.scaled())
            own[given.origin[window, place] + 1 :] += 1000
            inputs[window, place + 1 :] += 1000
            scaled[window, place + 1 :] += 1000
            other = BASELINES[name].load()(replace(given, own=own, inputs=inputs, scaled=lambda scaled=scaled: scaled))
            assert (other[window, place] == predicted[window, place]).all()


@pytest.mark.parametrize("name", REGRESSION)
def test_regression_baselines_without_facts_or_past_of_the_target_predict_or_do_not_apply(name: str) -> None:
    nowcast = prepared(table_of("a", "b"), inputs=["v"], target=["w"], lead=0, horizon=1)
    for given, targets in ((inputs_of(nowcast), 1), (inputs_of(prepared(table_of("a", "b"))), 2)):
        for some in (given, replace(given, facts={})):
            predicted = BASELINES[name].load()(some)
            assert predicted is None or predicted.shape == (*given.origin.shape, len(given.ahead), targets)


@pytest.mark.parametrize("name", REGRESSION)
def test_regression_baselines_predict_the_same_for_a_known_series_of_new_data(name: str) -> None:
    data = prepared(table_of("a", "b", "c"))
    seen = prepared(table_of("d", "c", "a"), data.codec)
    both = []
    for given in (inputs_of(data), inputs_of(seen)):
        predicted = BASELINES[name].load()(given)
        both.append(None if predicted is None else predicted.reshape(given.series.max() + 1, -1))
    before, after = both
    assert (before is None) == (after is None)
    if before is not None:
        np.testing.assert_allclose(after[1:], before[[2, 0]])


@pytest.mark.parametrize("name", [name for name in REGRESSION if BASELINES[name].per_series])
def test_facts_that_are_declared_per_series_have_the_series_as_first_axis(name: str) -> None:
    data = prepared(table_of("a", "b", "c", "d", "e"))
    assert all(len(data.baseline_facts[fact]) == 5 for fact in BASELINES[name].per_series)


def fit_lowest(data: NumericDataset, bounds: list[tuple[int, int, int]] | None = None) -> dict[str, Any]:
    lowest = np.zeros((len(data.scalers), len(data.targets)))
    for sequence, low, high in data.bounds["train"] if bounds is None else bounds:
        lowest[data.series_of(np.array([sequence]))[0]] = data.target_values[low:high].min(axis=0)
    return {"lowest.value": lowest}


def lowest(s: BaselineInputs) -> Any:
    shape = (*s.origin.shape, len(s.ahead), s.own.shape[1])
    return np.broadcast_to(s.facts["lowest.value"][s.series][:, None, None], shape)


def test_a_new_baseline_with_facts_per_series_is_right_on_new_data(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Baseline(
        "Lowest", "the minimum", f"{__name__}:lowest", fit=f"{__name__}:fit_lowest", per_series=("lowest.value",)
    )
    monkeypatch.setitem(BASELINES, "lowest", entry)
    data = prepared(table_of("a", "b", "c"))
    seen = prepared(table_of("d", "c"), data.codec)
    given = inputs_of(seen)
    predicted = predict_baselines("regression", given)["lowest"]
    first_rows = seen.target_values[: seen.fit.learned_until[0]]
    assert (predicted[given.series == 0] == first_rows.min(axis=0)).all()
    assert (predicted[given.series == 1] == data.baseline_facts["lowest.value"][2]).all()


@pytest.mark.parametrize(
    ("task", "source"),
    [("language-modeling", "alphabet"), ("classification", "moving-shapes"), ("translation", "everyday-phrases")],
)
def test_the_baselines_of_other_tasks_are_scored_on_every_split(task: str, source: str) -> None:
    experiment = Experiment.make({"data": {"task": task, "source": source}})
    task_of = TASKS[task].load()(experiment)
    dataset = task_of.make_dataset(small_table(source), CPU)
    scores = task_of.baseline_metrics(dataset, "test")
    assert {*task_of.reference} & scores.keys()
    assert scores.keys() <= {name for name, entry in BASELINES.items() if entry.task == task}
    assert all(np.isfinite(list(metrics.values())).all() for metrics in scores.values())
