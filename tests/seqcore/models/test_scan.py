"""The scan against a loop over the steps: values, gradients, `vmap`, lengths in float32."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from seqcore.experiment.config import ModelConfig
from seqcore.models import scan
from seqcore.models.architecture import ModelContext, build_architecture
from seqcore.models.scan import linear_scan

KINDS = pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
PATHS = pytest.mark.parametrize("few", [0, 10**9], ids=["steps", "chunks"])
STEPS = (1, 2, 32, 33, 101)


def loop(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    h, states = initial, []
    for now, factor in zip(b.unbind(-2), a.expand_as(b).unbind(-2), strict=True):
        h = factor * h + now
        states.append(h)
    return torch.stack(states, dim=-2)


def example(steps: int, dtype: torch.dtype, *, constant: bool, rows: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(steps)
    a = torch.rand(2) if constant else torch.rand(rows, steps, 2)
    a = a.to(dtype) * (0.7 + 0.7j if dtype.is_complex else 1.0)
    return a, torch.randn(rows, steps, 2, dtype=dtype), torch.randn(rows, 2, dtype=dtype)


@KINDS
@PATHS
@pytest.mark.parametrize("constant", [False, True])
def test_states_and_gradients_are_those_of_a_loop(
    dtype: torch.dtype, few: int, constant: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "_FEW", few)
    for steps in STEPS:
        given = [t.requires_grad_() for t in example(steps, dtype, constant=constant)]
        weights = torch.randn(3, steps, 2, dtype=dtype)
        y, expected = linear_scan(*given), loop(*given)
        assert torch.allclose(y, expected, atol=1e-12)
        gradients = torch.autograd.grad((y * weights).sum().abs(), given)
        wanted = torch.autograd.grad((expected * weights).sum().abs(), given)
        assert all(torch.allclose(g, w, atol=1e-10) for g, w in zip(gradients, wanted, strict=True)), steps


@KINDS
@PATHS
def test_the_gradient_can_be_differentiated_again(
    dtype: torch.dtype, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "_FEW", few)
    for steps, constant in itertools.product((2, 33), (False, True)):
        given = [t.requires_grad_() for t in example(steps, dtype, constant=constant, rows=1)]
        assert torch.autograd.gradgradcheck(linear_scan, given, fast_mode=True)


@KINDS
@PATHS
def test_vmap_runs_over_replicas_and_gradients_flow_in_and_around_it(
    dtype: torch.dtype, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "_FEW", few)
    for steps, constant in itertools.product(STEPS, (False, True)):
        a, b, initial = example(steps, dtype, constant=constant)
        several = torch.stack([a * share for share in (1.0, 0.9, 0.5)]).requires_grad_()
        y = torch.func.vmap(linear_scan, (0, None, None))(several, b, initial)
        expected = torch.stack([loop(replica, b, initial) for replica in several])
        assert torch.allclose(y, expected, atol=1e-12)
        (gradient,) = torch.autograd.grad(y.abs().sum(), several)
        (wanted,) = torch.autograd.grad(expected.abs().sum(), several)
        assert torch.allclose(gradient, wanted, atol=1e-10)
        within = torch.func.vmap(torch.func.grad(lambda t, b=b, h=initial: linear_scan(t, b, h).abs().sum()))
        assert torch.allclose(within(several.detach()), wanted, atol=1e-10)


@PATHS
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_thousands_of_steps_keep_the_precision_of_float32(
    few: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Coefficients from 0 to 1, both included: products that vanish, and states that last from the first step on."""
    monkeypatch.setattr(scan, "_FEW", few)
    torch.manual_seed(0)
    rows, steps = 2, 3000
    a = torch.rand(rows, steps, 20).pow(torch.tensor([0.0, 1e-6, 1e-3, 1.0, 100.0]).repeat(4))
    a[:, steps // 2] = 0.0
    b, initial = torch.randn(rows, steps, 20), torch.randn(rows, 20)
    if dtype.is_complex:
        a, b = torch.polar(a, torch.rand(rows, steps, 20)), torch.complex(b, torch.randn(rows, steps, 20))
    exact = loop(a.to(torch.complex128), b.to(torch.complex128), initial.to(torch.complex128))
    y = linear_scan(a, b, initial)
    assert y.dtype == dtype
    scale = float(exact.abs().max())
    assert float((y - exact).abs().max()) < 1e-5 * scale
    a.requires_grad_()
    (gradient,) = torch.autograd.grad(linear_scan(a, b, initial).abs().sum(), a)
    assert bool(torch.isfinite(torch.view_as_real(gradient) if dtype.is_complex else gradient).all())


def test_half_precision_is_computed_in_single_precision() -> None:
    a, b, initial = (t.float() for t in example(50, torch.float64, constant=False))
    y = linear_scan(a.bfloat16(), b.bfloat16(), initial)
    assert y.dtype == torch.float32
    assert torch.allclose(y, loop(a.bfloat16().float(), b.bfloat16().float(), initial), atol=1e-5)


def test_a_scan_without_lists_computed_in_order_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    given = example(50, torch.float64, constant=False)
    y = linear_scan(*given)
    monkeypatch.setattr(scan, "_lists_are_computed_in_order", lambda: False)
    assert torch.equal(linear_scan(*given), y)


@pytest.mark.parametrize("name", ["mingru", "minlstm", "lru"])
def test_models_with_a_scan_train_as_replicas_with_stacked_parameters(name: str) -> None:
    """Outputs, states and gradients of three seeds at once are those of each alone."""
    models = []
    for seed in range(3):
        torch.manual_seed(seed)
        config = ModelConfig(architecture=name, hidden_size=5, num_layers=2)
        models.append(build_architecture(ModelContext(4, 40), config).double())
    parameters, buffers = torch.func.stack_module_state(models)
    x, lengths = torch.randn(3, 6, 40, 4, dtype=torch.float64), torch.tensor([40, 3, 17, 32, 1, 40])

    def run(p: dict[str, Tensor], b: dict[str, Tensor], inputs: Tensor) -> tuple[Tensor, Tensor]:
        y, state = torch.func.functional_call(models[0], (p, b), (inputs, None, lengths))
        again, _ = torch.func.functional_call(models[0], (p, b), (inputs[:, :7], state))
        return y, again

    outputs = torch.func.vmap(run)(parameters, buffers, x)
    sum(part.square().sum() for part in outputs).backward()
    for k, model in enumerate(models):
        y, state = model(x[k], None, lengths)
        again, _ = model(x[k, :, :7], state)
        assert torch.allclose(outputs[0][k], y, atol=1e-12)
        assert torch.allclose(outputs[1][k], again, atol=1e-12)
        (y.square().sum() + again.square().sum()).backward()
        for key, weight in model.named_parameters():
            assert torch.allclose(parameters[key].grad[k], weight.grad, atol=1e-9, rtol=1e-9), key
