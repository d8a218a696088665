"""`Architecture.traced`: the outputs of `forward`, and states whose gradients are those of torch's own layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqcore.errors import PredictionError
from seqcore.experiment.config import ModelConfig
from seqcore.models import MODELS, capabilities_of
from seqcore.models.architecture import Architecture, ModelContext, Traced, build_architecture
from seqcore.models.state import leaves

SIZE, STEPS = 4, 6
RECURRENT = ("rnn", "lstm", "gru", "mingru", "minlstm", "slstm", "lru")


def model(name: str, **changes: Any) -> Architecture:
    torch.manual_seed(0)
    config = ModelConfig(architecture=name, hidden_size=SIZE, **changes)
    return build_architecture(ModelContext(3, STEPS), config).double().eval()


def sequence(steps: int = STEPS) -> Tensor:
    return torch.randn(1, steps, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def gradients(traced: Traced, output: Tensor) -> dict[str, list[Tensor]]:
    """Of the sum of an output, [R, T, D] for each layer by name."""
    found = {}
    for name, layers in traced.states.items():
        each = [torch.autograd.grad(output, parts, retain_graph=True, allow_unused=True) for parts in layers]
        filled = [
            [torch.zeros_like(p) if g is None else g for g, p in zip(grads, parts, strict=True)]
            for grads, parts in zip(each, layers, strict=True)
        ]
        found[name] = [grads[0] if grads[0].dim() == 3 else torch.stack(grads, dim=1) for grads in filled]
    return found


@pytest.mark.parametrize(
    ("name", "bidirectional"),
    [(n, both) for n in MODELS for both in (False, True)[: 1 + capabilities_of(n).bidirectional]],
)
def test_the_outputs_are_those_of_forward(name: str, bidirectional: bool) -> None:
    network = model(name, num_layers=2, bidirectional=bidirectional)
    if capabilities_of(name).fixed_window or type(network).traced is Architecture.traced:  # has none, or names none
        with pytest.raises(PredictionError, match="hidden states"):
            network.traced(sequence(), 1)
        return
    traced = network.traced(sequence(), 3)
    expected, state = network(sequence())
    assert traced.y.shape == (3, *expected.shape[1:])
    torch.testing.assert_close(traced.y, expected.expand_as(traced.y))
    if traced.state is not None:
        for own, known in zip(leaves(traced.state), leaves(state), strict=True):
            torch.testing.assert_close(own[:1], known)
    assert all(len(layers) == len(traced.titles) for layers in traced.states.values())


@pytest.mark.parametrize("name", RECURRENT)
def test_gradients_of_states_are_those_of_a_model_that_goes_on_from_the_state(name: str) -> None:
    """In one layer a state acts on later outputs only through the next step; a cell state also makes the hidden one."""
    network, x, direction = model(name, num_layers=1), sequence(), torch.linspace(-1, 2, SIZE, dtype=torch.float64)
    traced = network.traced(x, 1)
    found = [layers[0] for layers in gradients(traced, (traced.y[0, -1] * direction).sum()).values()]
    squash = {"lstm": torch.tanh, "slstm": lambda cell: cell}
    for step in range(STEPS - 1):
        _, state = network(x[:, : step + 1])
        parts = [part.detach().requires_grad_() for part in leaves(state)]
        y, _ = network(x[:, step + 1 :], tuple(parts) if isinstance(state, tuple) else parts[0])
        expected = list(torch.autograd.grad((y[0, -1] * direction).sum(), parts))
        if name in squash:
            gate = network.probe(x)["output_gate"][:, step]
            hidden = gate * squash[name](parts[1])
            torch.testing.assert_close(hidden, parts[0])
            expected[1] = expected[1] + torch.autograd.grad(hidden, parts[1], expected[0])[0]
        for layer, known in zip(found, expected, strict=False):  # an sLSTM has a normalizer, too
            torch.testing.assert_close(layer[0, step], known.flatten())


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_gradients_of_a_lower_layer_are_those_of_torchs_layers(name: str) -> None:
    network, x = model(name, num_layers=2), sequence()
    traced = network.traced(x, 1)
    found = gradients(traced, traced.y[0, -1].sum())["hidden_state"][0]
    kind = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[name]
    weights = dict(network.network.named_parameters())  # type: ignore[union-attr, operator]
    below, above = kind(3, SIZE, batch_first=True).double(), kind(SIZE, SIZE, batch_first=True).double()
    for number, layer in enumerate((below, above)):
        own = {n: weights[n.replace("_l0", f"_l{number}")].detach() for n in layer.state_dict()}
        layer.load_state_dict(own)
    for step in range(STEPS - 1):
        y, state = below(x[:, : step + 1])
        hidden = y[:, -1].detach().requires_grad_()
        start: Any = hidden[None] if name != "lstm" else (hidden[None], state[1].detach())
        later, _ = below(x[:, step + 1 :], start)
        outputs, _ = above(torch.cat([y[:, :-1].detach(), hidden[:, None], later], dim=1))
        (expected,) = torch.autograd.grad(outputs[0, -1].sum(), hidden)
        torch.testing.assert_close(found[0, step], expected[0])


def test_each_row_has_its_own_gradients() -> None:
    network, x = model("gru", num_layers=1), sequence()
    traced = network.traced(x, 2)
    found = gradients(traced, traced.y[0, 1].sum() + traced.y[1, 4].sum())["hidden_state"][0]
    assert not found[0, 2:].any()
    assert found[1, :5].abs().sum(dim=1).min() > 0
    assert not found[1, 5:].any()


@pytest.mark.parametrize("name", ["tcn", "transformer"])
def test_layers_without_recurrence_have_the_gradients_of_their_outputs(name: str) -> None:
    """The first layer's output at a step moves a later output of the last layer, and never an earlier one."""
    network, x = model(name, num_layers=2), sequence()
    traced = network.traced(x, 1)
    found = gradients(traced, traced.y[0, 3].square().sum())["hidden_state"]
    assert found[0][0, :4].abs().sum(dim=1).min() > 0
    assert not found[0][0, 4:].any()
    assert not found[-1][0, :3].any()
