"""The equations of a model on an example: the numbers are those of its states and gates."""

from __future__ import annotations

import pytest
import torch

from seqcore.errors import PredictionError
from seqcore.inference.predictor import Predictor
from seqcore.insight.equations import cells_of, equations
from seqcore.insight.examples import load_example, typed_example
from seqcore.models.replicated import Replicated
from tests.seqcore.insight.untrained import untrained


def probed(predictor, example) -> list[dict[str, torch.Tensor]]:
    """What the architectures of a model show, one after the other."""
    codec = predictor.codec(example.series)
    stages = predictor.task.stages(predictor.model, codec, predictor.task.encode(codec, example.given))
    return [stage.architecture.probe(stage.x) for stage in stages if stage.state is None]


@pytest.mark.parametrize("name", ["bouncing-ball", "python-prose", "parity"])
def test_every_equation_that_has_the_name_of_a_probe_has_its_number(name):
    predictor, table = untrained(name)
    example = load_example(predictor, table, "val", 0)
    probe = probed(predictor, example)[0]
    for step, unit in ((0, 1), (-1, 5)):
        view = equations(predictor, example, step=step, unit=unit)
        shared = [eq for eq in view.equations if eq.name in probe]
        assert "hidden_state" in [eq.name for eq in shared]
        for eq in shared:
            assert eq.value == pytest.approx(float(probe[eq.name][0, step, 0, unit]), abs=1e-6)


def test_the_numbers_of_an_equation_add_up():
    predictor, table = untrained("bouncing-ball", model__architecture="lstm")
    gate = equations(predictor, load_example(predictor, table, "test", 3), step=4, unit=2).equation("forget_gate")
    assert gate.formula == "f_t = σ(W_f x_t + U_f h_{t-1} + b_f)"
    assert [[factor.shape for factor in term.factors] for term in gate.terms] == [
        [(6, 1), (1,)],
        [(6, 6), (6,)],
        [(6,)],
    ]
    assert [term.factors[-1].of for term in gate.terms] == ["x", "hidden_state_before", ""]
    assert gate.total == pytest.approx(sum(term.value for term in gate.terms), abs=1e-6)
    assert gate.value == pytest.approx(1 / (1 + 2.718281828459045**-gate.total), abs=1e-6)


def test_elementwise_factors_have_the_number_of_the_unit():
    predictor, table = untrained("bouncing-ball", model__architecture="lstm")
    view = equations(predictor, load_example(predictor, table, "test", 3), step=4, unit=2)
    kept, new = view.equation("cell_state").terms
    assert [factor.value for factor in kept.factors] == [
        pytest.approx(view.equation("forget_gate").value),
        pytest.approx({part.name: part.value for part in view.given}["cell_state_before"]),
    ]
    assert new.value == pytest.approx(view.equation("input_gate").value * view.equation("candidate").value, abs=1e-6)
    assert {part.name: part.value for part in view.given}["x"] is None  # a matrix stands before it


def test_a_cell_names_its_scaled_input_and_has_its_numbers():
    predictor, table = untrained("bouncing-ball", model__architecture="lstm", model__num_layers=2)
    example = load_example(predictor, table, "test", 3)
    scaled = float(predictor.task.encode(predictor.codec(), example.given)[0, 4, 0])
    assert scaled != pytest.approx(float(example.values[4, 0]), abs=1e-3)
    lower, upper = (
        {part.name: part for part in equations(predictor, example, step=4, layer=layer, unit=2).given}
        for layer in (0, 1)
    )
    assert (lower["x"].title, lower["x"].numbers) == ("Scaled input", (pytest.approx(scaled),))
    before = equations(predictor, example, step=3, unit=2).equation("hidden_state").value
    assert lower["hidden_state_before"].numbers == (pytest.approx(before, abs=1e-6),)
    assert (upper["x"].title, upper["x"].numbers) == ("Input", ())  # the layer below has six units


def test_the_steps_of_a_decoder_come_after_those_of_the_encoder():
    predictor, _ = untrained("english-french", model__architecture="gru")
    example = typed_example(predictor, "I am cold")
    cells = cells_of(predictor, example)
    words = len(example.steps)
    assert cells.steps[: words + 1] == (*example.steps, "(start)")
    assert cells.solved(words - 1, 0, 0).layer_title == "encoder layer 1"
    first = cells.solved(words, 0, 3)
    assert first.layer_title == "decoder layer 1"
    if cells.count > words + 1:
        after = {part.name: part.value for part in cells.solved(words + 1, 0, 3).given}
        assert after["hidden_state_before"] == pytest.approx(first.equation("hidden_state").value, abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "word"), [({"step": 99}, "step"), ({"layer": 7}, "layer"), ({"unit": 600}, "unit")]
)
def test_what_the_model_does_not_have_is_refused(changes, word):
    predictor, table = untrained("bouncing-ball")
    with pytest.raises(PredictionError, match=rf"{word}: \d+ is not allowed; use 0 to"):
        equations(predictor, load_example(predictor, table, "test", 0), **changes)


def test_replicas_are_refused():
    one, table = untrained("ramp-next-value")
    example = load_example(one, table, "train", 0)
    two = Predictor(one.experiment, one.task, one.codec(), Replicated.untrained(one.model, 2), 0, 0)
    with pytest.raises(PredictionError, match="replica: choose one of the 2 models"):
        equations(two, example)


def test_cells_say_how_much_they_keep():
    predictor, table = untrained("bouncing-ball", model__architecture="lstm")
    cells = cells_of(predictor, load_example(predictor, table, "test", 0))
    assert cells.nbytes == cells.count * (6 + 6 + 1) * 4  # h and c before and x at every step, in float32
