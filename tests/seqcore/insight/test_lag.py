"""Gradient by lag: a hand-worked linear model, shares that sum to 1, and what the task needs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqcore.data.table import Table, symbol_table
from seqcore.errors import PredictionError
from seqcore.experiment.experiment import Experiment
from seqcore.insight.lag import gradient_by_lag, needed_memory, other_data
from seqcore.plots.gradient_by_lag import gradient_by_lag_info
from seqcore.results.gradients import joined
from tests.seqcore.insight.untrained import untrained


def test_the_memory_of_a_decaying_state_is_geometric() -> None:
    predictor, table = untrained(
        "sine-to-cosine", model__architecture="rnn", model__hidden_size=1, model__options__nonlinearity="relu"
    )
    weights = dict(predictor.model.named_parameters())
    with torch.no_grad():
        for weight in weights.values():
            weight.fill_(0.0)
        weights["backbone.network.weight_ih_l0"].fill_(1e-3)
        weights["backbone.network.weight_hh_l0"].fill_(0.5)
        weights["backbone.network.bias_ih_l0"].fill_(1.0)  # always in the linear part
        weights["head.weight"].fill_(1.0)
    (curve,) = gradient_by_lag(predictor, table, examples=5).curves
    powers = 0.5 ** np.arange(10)
    np.testing.assert_allclose(curve.median, powers / powers.sum(), rtol=1e-4)
    np.testing.assert_allclose(curve.low, curve.high, rtol=1e-4)
    assert curve.reach == 4  # 1 - 0.5^5 = 0.969 of what is all but 0.001
    assert curve.examples == 5


@pytest.mark.parametrize(
    "name", ["temperature-next-week", "python-prose", "next-frame", "spoken-vowels", "english-french", "adding-problem"]
)
def test_the_shares_of_each_example_sum_to_1(name: str) -> None:
    predictor, table = untrained(name)
    (curve,) = gradient_by_lag(predictor, table, examples=1).curves
    assert curve.median.sum() == pytest.approx(1.0)
    assert curve.reach < len(curve.median)
    assert np.cumsum(curve.median)[int(curve.reach)] >= 0.95 - 1e-9


def test_of_many_numbers_a_few_combinations_do() -> None:
    """The estimate for 28 numbers has the shape of the exact gradient."""
    predictor, table = untrained("temperature-next-week")
    (estimated,) = gradient_by_lag(predictor, table, examples=3).curves
    (again,) = gradient_by_lag(predictor, table, examples=3).curves
    np.testing.assert_array_equal(estimated.median, again.median)


def test_a_model_that_ignores_its_input_has_no_memory() -> None:
    predictor, table = untrained("sine-to-cosine", model__hidden_size=2)
    with torch.no_grad():
        dict(predictor.model.named_parameters())["head.weight"].fill_(0.0)
    with pytest.raises(PredictionError, match="does not depend on the input"):
        gradient_by_lag(predictor, table)
    with pytest.raises(PredictionError, match="no nonsense split; use one of train"):
        gradient_by_lag(predictor, table, split="nonsense")


@pytest.mark.parametrize(
    ("name", "needed"), [("adding-problem", (50, 99)), ("copy-memory", (35, 35)), ("parity", (0, 39))]
)
def test_the_declared_distance_of_a_source_is_taken(name: str, needed: tuple[int, int]) -> None:
    predictor, table = untrained(name)
    found = needed_memory(predictor.experiment, table)
    assert (found.shortest, found.longest, found.known) == (*needed, True)


def test_otherwise_the_autocorrelation_says_how_far_the_data_reach() -> None:
    noise = np.random.default_rng(0).normal(size=4000)
    averaged = np.convolve(noise, np.ones(5), mode="valid")  # the autocorrelation is 0 from lag 5 on
    table = Table(values=averaged[:, None], columns=("value",))
    experiment = Experiment.make({"data": {"source": "values", "window": 30}})
    found = needed_memory(experiment, table)
    assert not found.known
    assert found.longest == 3  # a lag of 4 rows, from the last known row of a forecast one step ahead
    assert found.measure == "autocorrelation of value"
    assert found.dependence[0] == pytest.approx(0.8, abs=0.05)


def symbols_of(bits: np.ndarray, lag: int) -> Table:
    """Symbols that hold a random bit and the one `lag` places before: two depend on each other at that lag alone."""
    return symbol_table([np.array(list("abcd"))[2 * bits[lag:] + bits[:-lag]]])


@pytest.mark.parametrize(("lag", "longest"), [(3, 2), (20, 19)])
def test_of_symbols_the_mutual_information_says_how_far_they_reach(lag: int, longest: int) -> None:
    table = symbols_of(np.random.default_rng(0).integers(0, 2, 3000), lag)
    experiment = Experiment.make({"data": {"source": "text", "task": "language-modeling", "window": 24}})
    found = needed_memory(experiment, table)
    assert (found.shortest, found.longest, found.known) == (0, longest, False)  # a lag from the last symbol read
    assert found.dependence[longest] == pytest.approx(1.0, abs=0.01)  # they share one bit
    assert f"up to {lag} characters apart" in found.reason


def test_random_symbols_need_no_memory() -> None:
    letters = "".join(np.random.default_rng(1).choice(list("abcdefgh"), 2000))
    experiment = Experiment.make({"data": {"source": "text", "task": "language-modeling", "window": 40}})
    found = needed_memory(experiment, symbol_table([list(letters)]))
    assert found.longest == 0
    assert "do not depend on earlier ones" in found.reason


def test_what_depends_on_no_lag_says_so() -> None:
    for name in ("english-french", "spoken-vowels", "next-frame"):
        predictor, table = untrained(name)
        assert needed_memory(predictor.experiment, table).longest is None


def test_models_of_the_same_data_can_be_shown_together() -> None:
    views = []
    for architecture in ("rnn", "lstm"):
        predictor, table = untrained("adding-problem", model__architecture=architecture)
        views.append(gradient_by_lag(predictor, table, examples=2))
    both = joined(tuple(views))
    assert [curve.architecture for curve in both.curves] == ["RNN", "LSTM"]
    info = gradient_by_lag_info(both)
    assert info.needed == (50, 99)
    assert len(info.lines) == 2
    assert both.sentences()[-1].startswith("The task needs 50 to 99 steps")


def test_models_of_other_data_are_told_apart() -> None:
    one, other = untrained("adding-problem")[0].experiment, untrained("copy-memory")[0].experiment
    assert other_data(one, one.with_changes({"model.architecture": "lstm", "training.epochs": 3})) == ""
    assert "data.source" in other_data(one, other)
    assert "data.options" in other_data(one, one.with_changes({"data.options.length": 50}))
