"""sLSTM against the equations of its paper written naively, values and gradients, and replicas of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import logsigmoid

from seqcore.errors import ExperimentError
from seqcore.experiment.config import ModelConfig
from seqcore.experiment.experiment import Experiment
from seqcore.models.architecture import ModelContext
from seqcore.models.slstm import SLSTM

FORGET = pytest.mark.parametrize("forget", ["sigmoid", "exponential"])


def slstm(
    *, size: int = 6, layers: int = 2, seed: int = 0, forget: str = "sigmoid", dtype: torch.dtype = torch.float64,
    **options: Any,
) -> SLSTM:  # fmt: skip
    torch.manual_seed(seed)
    options["forget_gate"] = forget
    config = ModelConfig(architecture="slstm", hidden_size=size, num_layers=layers, options=options)
    return SLSTM(ModelContext(3, 9), config).to(dtype).eval()


def inputs(rows: int = 2, steps: int = 30, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(rows, steps, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def naive(net: SLSTM, x: Tensor, forget: str) -> tuple[Tensor, Tensor]:
    """Equations 8 to 17 of the paper with its stabilizer m: (h of the last layer, c / n of it), [B, T, D]."""
    cells: list[Tensor] = []
    for cell in net.cells:
        w = dict(cell.named_parameters())
        heads, _, each = w["weight_hh"].shape
        gates = [w["weight_ih"].view(heads, 4, each, -1)[:, g].flatten(0, 1) for g in range(4)]
        biases = [w["bias"].view(heads, 4, each)[:, g].flatten() for g in range(4)]
        recurrent = [torch.block_diag(*w["weight_hh"].view(heads, 4, each, each)[:, g]) for g in range(4)]
        h = c = n = x.new_zeros(len(x), heads * each)
        m = torch.full_like(h, -torch.inf)
        outputs, cells = [], []
        for x_t in x.unbind(1):
            z, i, f, o = (x_t @ a.T + h @ r.T + b for a, r, b in zip(gates, recurrent, biases, strict=True))
            log_f = logsigmoid(f) if forget == "sigmoid" else f
            higher = torch.maximum(log_f + m, i)
            i_stable, f_stable = torch.exp(i - higher), torch.exp(log_f + m - higher)
            c, n, m = f_stable * c + i_stable * torch.tanh(z), f_stable * n + i_stable, higher
            h = torch.sigmoid(o) * c / n
            outputs.append(h)
            cells.append(c / n)
        x = torch.stack(outputs, dim=1)
    return x, torch.stack(cells, dim=1)


@FORGET
@pytest.mark.parametrize(("size", "heads"), [(6, 3), (8, None), (5, None), (4, 1), (4, 4)])
def test_values_and_gradients_are_those_of_the_papers_equations(size: int, heads: int | None, forget: str) -> None:
    net, x = slstm(size=size, heads=heads, forget=forget), inputs()
    x.requires_grad_()
    weight = torch.randn(2, 30, size, generator=torch.Generator().manual_seed(2), dtype=x.dtype)
    found = []
    for y in (net(x)[0], naive(net, x, forget)[0]):
        gradients = torch.autograd.grad((y * weight).sum(), [x, *net.parameters()])
        found.append((y, *gradients))
    assert all(torch.allclose(a, b, atol=1e-12, rtol=1e-10) for a, b in zip(*found, strict=True))


@FORGET
def test_large_inputs_and_long_sequences_overflow_nowhere(forget: str) -> None:
    net, x = slstm(forget=forget, forget_bias=1.0), inputs(steps=500, scale=50.0)
    expected, _ = naive(net, x, forget)
    y, state = net(x)
    assert torch.allclose(y, expected, atol=1e-9)
    single, _ = net.float()(x.float())
    single.sum().backward()
    assert torch.isfinite(single).all()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)
    assert all(torch.isfinite(part).all() for part in state)


@FORGET
def test_gradients_of_the_final_state_reach_the_weights_and_the_state_before(forget: str) -> None:
    """As in a decoder that starts from an encoder's final state; here against finite differences."""
    net, x = slstm(size=4, layers=1, forget=forget), inputs(steps=4)
    start = tuple(torch.randn(2, 1, 4, dtype=torch.float64, requires_grad=True) for _ in range(3))
    names = [name for name, _ in net.named_parameters()]

    def final(*given: Tensor) -> tuple[Tensor, ...]:
        own, state = dict(zip(names, given, strict=False)), given[len(names) :]
        y, after = functional_call(net, own, (x, state, torch.tensor([2, 4])))
        return (y, *after)

    assert torch.autograd.gradcheck(final, (*net.parameters(), *start))


def test_gates_explain_the_cell_state_and_the_cell_state_is_that_of_the_paper() -> None:
    net, x = slstm(), inputs()
    p = {name: values[:, :, -1] for name, values in net.probe(x).items()}
    before = torch.cat([torch.zeros_like(p["cell_state"][:, :1]), p["cell_state"][:, :-1]], dim=1)
    share = p["update_gate"]
    assert torch.allclose(p["cell_state"], (1 - share) * before + share * p["candidate"])
    assert torch.allclose(p["hidden_state"], p["output_gate"] * p["cell_state"])
    assert torch.allclose(p["cell_state"], naive(net, x, "sigmoid")[1])
    assert bool((share[:, 0] == 1).all())  # nothing is there to keep before the first step


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("carried", [False, True])
def test_replicas_under_vmap_have_the_outputs_states_and_gradients_of_each_alone(shared: bool, carried: bool) -> None:
    nets = [slstm(seed=seed) for seed in range(3)]
    parameters, buffers = stack_module_state(nets)  # type: ignore[arg-type]
    x = torch.stack([inputs(4)] * 3) if shared else torch.randn(3, 4, 30, 3, dtype=torch.float64)
    lengths = torch.tensor([30, 3, 8, 20])

    def run(own: Any, given: Tensor) -> Any:
        state = functional_call(nets[0], (own, buffers), (given[:, :5], None))[1] if carried else None
        return functional_call(nets[0], (own, buffers), (given, state, lengths))

    y, state = vmap(run, in_dims=(0, None if shared else 0))(parameters, x[0] if shared else x)
    y.square().sum().backward()
    for k, net in enumerate(nets):
        before = net(x[k][:, :5])[1] if carried else None
        alone, its = net(x[k], before, lengths)
        alone.square().sum().backward()
        assert torch.allclose(y[k], alone, atol=1e-12)
        assert all(torch.allclose(a[k], b, atol=1e-12) for a, b in zip(state, its, strict=True))
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None
            assert torch.allclose(parameters[name].grad[k], parameter.grad, atol=1e-11), name


def test_heads_are_independent_in_the_recurrence() -> None:
    net, x = slstm(size=6, heads=3, layers=1), inputs()
    _, state = net(x)
    h = state[0].clone()
    h[:, 0, :2] += 1.0  # of the first head
    changed, same = net(x[:, :1], (h, *state[1:]))[0], net(x[:, :1], state)[0]
    assert not torch.allclose(changed[..., :2], same[..., :2])
    assert torch.equal(changed[..., 2:], same[..., 2:])


def test_heads_that_do_not_divide_the_hidden_size_are_refused_with_what_would() -> None:
    model = {"architecture": "slstm", "hidden_size": 6, "options": {"heads": 4}}
    with pytest.raises(ExperimentError) as error:
        Experiment.make({"model": model})
    (line,) = error.value.lines
    assert line == "model.options.heads: 4 heads don't divide the hidden size of 6; use one of 1, 2, 3, 6"
    good = Experiment.make({"model": {**model, "hidden_size": 8}})
    assert good.why_not("model.hidden_size", 9) is not None
    with pytest.raises(ExperimentError, match="hidden_size"):
        Experiment.make({"model": {**model, "hidden_size": 0}})
