"""Equations of cells: solved from the weights, they give the probe's numbers and the outputs of an architecture."""

from __future__ import annotations

import pytest
import torch

from seqcore.experiment.config import ModelConfig
from seqcore.models import MODELS
from seqcore.models.architecture import Architecture, ModelContext, build_architecture
from seqcore.models.equations import Cell, Equation, Given, affine, solve, split_factor

WINDOW, FEATURES, SIZE, LAYERS = 11, 3, 8, 2
OPTIONS = {
    "rnn-relu": ("rnn", {"nonlinearity": "relu"}),
    "slstm-exponential": ("slstm", {"forget_gate": "exponential"}),
}
CASES = [*MODELS, *OPTIONS]


def untrained(case: str, **config) -> tuple[Architecture, torch.Tensor]:
    name, options = OPTIONS.get(case, (case, {}))
    torch.manual_seed(3)
    context = ModelContext(FEATURES, WINDOW, horizon=2)
    model = build_architecture(
        context, ModelConfig(architecture=name, hidden_size=SIZE, num_layers=LAYERS, options=options, **config)
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)  # biases and scales that are not 0 and 1
    return model.double().eval(), torch.randn(1, WINDOW, FEATURES, dtype=torch.float64)


def with_equations(case: str) -> tuple[Architecture, torch.Tensor]:
    model, x = untrained(case)
    if type(model).cell_equations is Architecture.cell_equations:
        pytest.skip("declares no equations")
    return model, x


def solved_values(cell: Cell, step: int) -> dict[str, torch.Tensor]:
    return {found.equation.name: found.value for found in solve(cell, step)[1]}


@pytest.mark.parametrize("case", CASES)
def test_equations_give_the_probe_and_the_output(case):
    model, x = with_equations(case)
    cells = model.cell_equations(x)
    probe = model.probe(x) if model.capabilities.probes else {}
    y = model(x)[0][0].detach()
    shared = set()
    for step in (0, 1, WINDOW - 1):
        for layer, cell in enumerate(cells):
            values = solved_values(cell, step)
            for name in values.keys() & probe.keys():
                shared.add(name)
                torch.testing.assert_close(values[name], probe[name][0, step, layer], rtol=1e-9, atol=1e-9)
        last = list(solved_values(cells[-1], step).values())[-1]
        torch.testing.assert_close(last, y[min(step, len(y) - 1)], rtol=1e-9, atol=1e-9)
    declared = {name for name in probe if name.endswith(("_state", "_gate", "candidate"))}
    assert shared >= declared


@pytest.mark.parametrize("case", ["rnn", "gru", "lstm"])
def test_both_directions_have_equations(case):
    model, x = untrained(case, bidirectional=True)
    cells, probe = model.cell_equations(x), model.probe(x)
    assert len(cells) == 2 * LAYERS
    for step in (0, 5, WINDOW - 1):
        for layer, cell in enumerate(cells):
            torch.testing.assert_close(
                solved_values(cell, step)["hidden_state"], probe["hidden_state"][0, step, layer], rtol=1e-9, atol=1e-9
            )
    assert "h_{t+1}" in cells[1].equations[-1].formula + cells[1].equations[0].formula
    assert "h_{t+1}" not in cells[0].equations[0].formula


@pytest.mark.parametrize("case", [name for name, entry in MODELS.items() if entry.traits["capabilities"].stateful])
def test_a_state_that_is_carried_is_what_the_equations_start_from(case):
    model, x = with_equations(case)
    whole = model(x)[0][0].detach()
    _, state = model(x[:, :6])
    last = model.cell_equations(x[:, 6:], state)[-1]
    for step in (0, 2):
        value = list(solved_values(last, step).values())[-1]
        torch.testing.assert_close(value, whole[6 + step], rtol=1e-9, atol=1e-9)


def test_a_cell_by_hand():
    gate = affine("gate", "Gate", "z", "σ", (("W", "x_t"), ("U", "h_{t-1}")))
    mix = Equation("state", "State", "h_t", "tanh", (("1 − z_t", "h_{t-1}"), ("−z_t",)))
    assert gate.formula == "z_t = σ(W_z x_t + U_z h_{t-1} + b_z)"
    assert mix.formula == "h_t = tanh((1 − z_t) ⊙ h_{t-1} − z_t)"
    weights = {"W_z": torch.tensor([[1.0, 2.0]]), "U_z": torch.tensor([[-1.0]]), "b_z": torch.tensor([-4.0])}
    given = (
        Given("h", "State before", "h_{t-1}", torch.tensor([1.0])),
        Given("x", "Input", "x_t", torch.tensor([1.0, 2.0])),
    )
    _, (first, second) = solve(Cell((gate, mix), weights, lambda step: given), 0)
    assert [term.item() for term in first.terms] == [5.0, -1.0, -4.0]
    assert first.total.item() == 0.0
    assert first.value.item() == 0.5
    assert [term.item() for term in second.terms] == [0.5, -0.5]
    assert second.value.item() == 0.0


@pytest.mark.parametrize(
    ("factor", "parts"),
    [("c_t", ("", "c_t")), ("tanh(c_t)", ("tanh", "c_t")), ("1 − f′_t", ("1 − ", "f′_t")), ("−i_t", ("−", "i_t"))],
)
def test_factors_are_split_into_function_and_symbol(factor, parts):
    assert split_factor(factor) == parts
