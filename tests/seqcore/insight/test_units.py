"""What units do over many examples: saturation, eigenvalues, similar moments, responses, principal components."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from seqcore.errors import PredictionError
from seqcore.insight.examples import load_examples, typed_example
from seqcore.insight.gradients import input_gradient
from seqcore.insight.probes import architecture_of, probe, states_of
from seqcore.insight.projection import projection
from seqcore.insight.reach import lag_weights, receptive_field
from seqcore.insight.response import by_range, response
from seqcore.insight.saturation import saturation
from seqcore.insight.similar import similar
from seqcore.insight.spectrum import spectrum
from seqcore.models import MODELS, capabilities_of
from tests.seqcore.insight.untrained import untrained

SERIES = "temperature-next-week"


def states(predictor: Any, examples: Any, name: str = "hidden_state") -> list[Any]:
    """[T, D] of each example, in their order."""
    found = {each.example.index: each.values for each in states_of(predictor, examples, name, 0)}
    return [found[example.index] for example in examples]


def test_saturation_is_the_share_of_steps_near_a_bound() -> None:
    predictor, table = untrained(SERIES, model__architecture="lstm")
    examples = load_examples(predictor, table, "train", 3)
    view = saturation(predictor, examples, margin=0.45)
    assert view.names == ("input_gate", "forget_gate", "output_gate", "candidate")
    assert view.steps == sum(len(example.steps) for example in examples)
    every = np.concatenate(states(predictor, examples, "forget_gate"))
    assert view.high["forget_gate"][0] == pytest.approx((every >= 0.55).mean(axis=0))
    assert view.low["forget_gate"][0] == pytest.approx((every <= 0.45).mean(axis=0))
    every = np.concatenate(states(predictor, examples, "candidate"))
    assert view.low["candidate"][0] == pytest.approx((every <= -0.55).mean(axis=0))


def test_a_relu_unit_is_saturated_where_it_gives_0() -> None:
    predictor, table = untrained(SERIES, model__architecture="tcn")
    examples = load_examples(predictor, table, "train", 2)
    view = saturation(predictor, examples)
    every = np.concatenate(states(predictor, examples))
    assert view.low["hidden_state"][0] == pytest.approx((every == 0.0).mean(axis=0))
    assert not view.high["hidden_state"].any()


@pytest.mark.parametrize("architecture", ["lru", "transformer", "nlinear"])
def test_without_bounds_nothing_is_saturated(architecture: str) -> None:
    predictor, table = untrained(SERIES, model__architecture=architecture)
    with pytest.raises(PredictionError, match=r"^saturation: .* has no gates or bounded states$"):
        saturation(predictor, load_examples(predictor, table, "train", 1))


def test_eigenvalues_are_those_of_numpy() -> None:
    predictor, _ = untrained(SERIES, model__architecture="gru", model__num_layers=2)
    weights = architecture_of(predictor).network.state_dict()["weight_hh_l1"].double().numpy()  # type: ignore[union-attr, operator]
    view = spectrum(predictor)
    row = view.titles.index("layer 2: update gate")
    expected = np.linalg.eigvals(weights[6:12])
    assert np.sort_complex(view.real[row] + 1j * view.imaginary[row]) == pytest.approx(np.sort_complex(expected))
    assert view.radius[row] == pytest.approx(np.abs(expected).max())


def test_an_slstm_has_the_eigenvalues_of_its_heads() -> None:
    predictor, _ = untrained(SERIES, model__architecture="slstm", model__hidden_size=8)
    net = architecture_of(predictor)
    heads = net.cells[0].weight_hh.detach().double().numpy()  # type: ignore[index, union-attr]
    whole = np.zeros((8, 8))
    each = 8 // len(heads)
    for i, head in enumerate(heads):
        block = head.reshape(4, each, each)[2]  # the forget gate
        whole[i * each : (i + 1) * each, i * each : (i + 1) * each] = block
    view = spectrum(predictor)
    row = view.titles.index("layer 1: forget gate")
    found = np.sort_complex(view.real[row] + 1j * view.imaginary[row])
    assert found == pytest.approx(np.sort_complex(np.linalg.eigvals(whole)), abs=1e-6)


def test_an_lru_decays_as_its_eigenvalues_say() -> None:
    predictor, _ = untrained(SERIES, model__architecture="lru")
    view = spectrum(predictor)
    net = architecture_of(predictor)
    state = torch.ones(1, 1, 6, 2)
    _, after = net(torch.zeros(1, 1, net.encoder.in_features), state)  # type: ignore[union-attr, operator]
    _, still = net(torch.zeros(1, 1, net.encoder.in_features), torch.zeros_like(state))  # type: ignore[union-attr, operator]
    moved = torch.view_as_complex((after - still)[0, 0].detach()).numpy()
    assert moved / (1 + 1j) == pytest.approx(view.real[0] + 1j * view.imaginary[0], abs=1e-6)
    assert view.memory[0] == pytest.approx(-1 / np.log(np.abs(view.real[0] + 1j * view.imaginary[0]).max()))


@pytest.mark.parametrize("architecture", ["mingru", "tcn", "transformer", "nlinear"])
def test_without_a_recurrent_matrix_there_are_no_eigenvalues(architecture: str) -> None:
    with pytest.raises(PredictionError, match="has no recurrent matrix"):
        spectrum(untrained(SERIES, model__architecture=architecture)[0])


def test_similar_moments_share_units_with_the_span() -> None:
    predictor, table = untrained("python-prose", training__stateful=False, model__hidden_size=12)
    examples = load_examples(predictor, table, "train", 12)
    threshold, (first, last) = 0.05, (5, 6)
    view = similar(predictor, examples[0], examples, (first, last), threshold=threshold, most=20)
    own, *_ = values = states(predictor, examples)
    units = np.flatnonzero((own[first : last + 1] >= threshold).all(axis=0))
    assert view.units == tuple(units)
    expected = []  # every place, the slow way
    for example, each in zip(examples, values, strict=True):
        for t in range(len(each) - 1):
            if example.index == examples[0].index and abs(t - first) < 2:
                continue
            active = {d for d in range(12) if each[t, d] >= threshold and each[t + 1, d] >= threshold}
            expected.append(len(active & set(units.tolist())) / len(active | set(units.tolist())))
    assert view.moments[0].score == pytest.approx(max(expected))
    assert len(view.moments) == 20
    assert all(a.score >= b.score for a, b in zip(view.moments, view.moments[1:], strict=False))
    for moment in view.moments:
        each = values[[e.index for e in examples].index(moment.index)][moment.first : moment.last + 1]
        active = (each >= threshold).all(axis=0)
        assert (active[units].sum(), active.sum() - active[units].sum()) == (moment.shared, moment.others)
        assert moment.last - moment.first == last - first
    places = [(m.index, m.first) for m in view.moments]
    assert all(abs(a[1] - b[1]) >= 2 for i, a in enumerate(places) for b in places[:i] if a[0] == b[0])
    assert (examples[0].index, first) not in places


def test_a_moment_that_lasts_is_found_once_and_in_different_examples_first() -> None:
    predictor, _ = untrained("next-letter", training__seed=9)
    with torch.no_grad():
        for weight in predictor.model.parameters():
            weight.zero_()
        predictor.model.backbone.network.weight_ih_l0[0, 1] = 2.0  # type: ignore[union-attr, index]
    steady, twice = (
        replace(typed_example(predictor, text), split="val", index=index)
        for index, text in enumerate(("aaaaaab", "aabbaaa"))
    )  # the first unit is active at "a" alone
    view = similar(predictor, typed_example(predictor, "aab"), [steady, twice], (0, 1))
    assert [(m.index, m.first, m.score) for m in view.moments] == [(0, 0, 1.0), (1, 0, 1.0), (1, 4, 1.0)]


def test_a_span_that_is_not_there_or_chooses_no_unit_is_refused() -> None:
    predictor, table = untrained("python-prose", training__stateful=False)
    examples = load_examples(predictor, table, "train", 2)
    with pytest.raises(PredictionError, match=r"^span: 5:64 is not allowed; use two steps from 0 to 63$"):
        similar(predictor, examples[0], examples, (5, 64))
    with pytest.raises(
        PredictionError, match="no unit is at least 1 at each step of the span; the highest value that any unit keeps"
    ):
        similar(predictor, examples[0], examples, (5, 6), threshold=1.0)


def test_the_response_to_a_symbol_is_the_mean_change_at_it() -> None:
    predictor, table = untrained("python-prose", training__stateful=False)
    examples = load_examples(predictor, table, "train", 5)
    view = response(predictor, examples, unit=2)
    changes = [
        values[t, 2] - values[t - 1, 2]
        for example, values in zip(examples, states(predictor, examples), strict=True)
        for t in range(1, len(values))
        if example.steps[t] == "e"
    ]
    place = view.labels.index("e")
    assert view.count[place] == len(changes)
    assert view.mean[place] == pytest.approx(np.mean(changes))
    assert (view.low[place], view.high[place]) == pytest.approx(tuple(np.percentile(changes, [25, 75])))
    assert (np.diff(view.mean) <= 0).all()


def test_values_that_differ_by_rounding_are_one() -> None:
    groups, labels = by_range(np.array([0.0, 1e-17, 1.0, 1.0 - 1e-16, 0.5]))
    assert labels == ["0", "0.5", "1"]
    assert groups.tolist() == [0, 0, 2, 2, 1]


def test_the_response_to_values_is_by_range() -> None:
    predictor, table = untrained(SERIES)
    examples = load_examples(predictor, table, "train", 20)
    view = response(predictor, examples, unit=0, column="wind", change=False)
    values = np.concatenate([v[1:, 0] for v in states(predictor, examples)])
    winds = np.concatenate([e.values[1:, e.columns.index("wind")] for e in examples if e.values is not None])
    assert view.count.sum() == len(values)
    lowest = winds < np.unique(np.quantile(winds, np.linspace(0, 1, 13)))[1]
    assert view.mean[0] == pytest.approx(values[lowest].mean())
    assert (np.diff(view.centers) > 0).all()
    with pytest.raises(PredictionError, match="column: there is no 'wnd'; did you mean wind"):
        response(predictor, examples, unit=0, column="wnd")


def test_principal_components_are_the_eigenvectors_of_the_covariance() -> None:
    predictor, table = untrained(SERIES, model__architecture="lstm")
    internals = probe(predictor, load_examples(predictor, table, "train", 1)[0])
    view = projection(internals, name="cell_state")
    values = internals.values("cell_state", 0)
    variances, vectors = np.linalg.eigh(np.cov(values.T))  # the largest last
    known = (values - values.mean(axis=0)) @ vectors[:, :-4:-1]
    assert np.abs(view.points) == pytest.approx(np.abs(known), abs=1e-9)
    assert view.explained == pytest.approx(variances[:-4:-1] / variances.sum())
    turned = projection(internals, name="cell_state", like=view)
    assert turned.points == pytest.approx(view.points)
    with pytest.raises(PredictionError, match="name: this model shows no 'gate'; use one of hidden_state"):
        projection(internals, name="gate")


@pytest.mark.parametrize("architecture", MODELS)
def test_nothing_beyond_the_receptive_field_has_a_gradient(architecture: str) -> None:
    options = {"tcn": {"blocks": 1}, "transformer": {"attention_window": 3}}.get(architecture, {})
    changes = {f"model__options__{name}": value for name, value in options.items()}
    predictor, table = untrained(SERIES, model__architecture=architecture, **changes)
    example = load_examples(predictor, table, "train", 1)[0]
    fixed = capabilities_of(architecture).fixed_window
    view = receptive_field(predictor, example, -1 if fixed else 20)
    assert not view.gradient[: view.first].any()
    assert not view.gradient[view.last + 1 :].any()
    assert (view.gradient[view.first : view.last + 1] > 0).all()
    assert view.reach == {"tcn": 5, "transformer": 3, "nlinear": 30}.get(architecture)


def test_the_weights_of_a_linear_model_are_its_gradient() -> None:
    predictor, _ = untrained(SERIES, model__architecture="nlinear")
    net = architecture_of(predictor)
    with torch.no_grad():
        net.map.weight.normal_()  # type: ignore[union-attr, operator]
    x = torch.randn(1, 30, 6, requires_grad=True)
    weights = lag_weights(predictor).weights
    for h in range(len(weights)):
        (gradient,) = torch.autograd.grad(net(x)[0][0, 0, h * 6 + 2], x)
        assert weights[h] == pytest.approx(gradient[0, :, 2].flip(0).double().numpy(), abs=1e-6)
    with pytest.raises(PredictionError, match="those of RNN do not belong to lags"):
        lag_weights(untrained("ramp-next-value")[0])


def test_weights_that_are_not_finite_are_said_to_be_so() -> None:
    predictor, table = untrained(SERIES, model__architecture="gru", training__seed=9)
    with torch.no_grad():
        next(predictor.model.parameters()).fill_(torch.nan)
    examples = load_examples(predictor, table, "train", 3)
    internals = probe(predictor, examples[0])
    assert np.isnan(internals.arrays["hidden_state"]).all()
    assert all(row[2:] == ["", "", ""] for row in internals.summary()[1])
    with pytest.raises(PredictionError, match="spectrum: weights of this step are not finite"):
        spectrum(predictor)
    with pytest.raises(PredictionError, match="projection: the states of this step are not finite"):
        projection(internals)
    for what, look in {
        "saturation": lambda: saturation(predictor, examples),  # a share of 0 would say that no unit is saturated
        "response": lambda: response(predictor, examples, unit=0),
        "reach": lambda: receptive_field(predictor, examples[0]),  # it depends on inputs all the same
        "gradients": lambda: input_gradient(predictor, examples[0]),
        "similar": lambda: similar(predictor, examples[0], examples, (0, 1)),
    }.items():
        with pytest.raises(PredictionError, match=f"{what}: the model of this step gives values that are not finite"):
            look()


def test_a_bidirectional_model_sees_later_steps_too() -> None:
    predictor, table = untrained(SERIES, model__architecture="gru", model__bidirectional=True)
    view = receptive_field(predictor, load_examples(predictor, table, "train", 1)[0], 3)
    assert view.whole
    assert (view.gradient > 0).all()
    example = typed_example(untrained("ramp-next-value")[0], "1 2 3")
    with pytest.raises(PredictionError, match="step: 3 is not allowed; use 0 to 2"):
        receptive_field(untrained("ramp-next-value")[0], example, 3)
