"""The output layer: torch's Linear, and the same for replicas."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from seqcore.models.output_layer import OutputLayer


@pytest.mark.parametrize("outputs", [1, 3, 20])
@pytest.mark.parametrize("shape", [(5, 4), (2, 5, 4)])
@pytest.mark.parametrize("bias", [True, False])
def test_replicas_equal_each_alone(outputs: int, shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    layers = [OutputLayer(4, outputs, bias=bias).double() for _ in range(3)]
    weights, _ = stack_module_state(layers)
    x = torch.randn(3, *shape, dtype=torch.float64, requires_grad=True)
    together = vmap(lambda w, x: functional_call(layers[0], w, (x,)))(weights, x)
    plain = nn.Linear(4, outputs, bias=bias).double()
    plain.load_state_dict(layers[1].state_dict())
    torch.testing.assert_close(together[1], plain(x[1]), rtol=1e-12, atol=1e-12)
    factors = torch.randn_like(together)
    found = torch.autograd.grad(together, [x, *weights.values()], factors)
    expected = torch.autograd.grad(plain(x[1]), [x, *plain.parameters()], factors[1])
    for ours, theirs in zip(found, [expected[0], *expected[1:]], strict=True):
        torch.testing.assert_close(ours[1], theirs[1] if ours is found[0] else theirs, rtol=1e-12, atol=1e-12)


def test_alone_it_is_the_linear_layer_of_torch() -> None:
    layer, x = OutputLayer(4, 2), torch.randn(3, 4)
    assert torch.equal(layer(x), nn.functional.linear(x, layer.weight, layer.bias))
