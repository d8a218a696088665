"""The Transformer against the equations of its papers written naively, its cache, its window, and replicas of it."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import gelu, layer_norm

from seqcore.experiment.config import ModelConfig
from seqcore.models.architecture import ModelContext
from seqcore.models.transformer import Transformer


def transformer(
    *,
    window: int = 9,
    size: int = 6,
    layers: int = 2,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    **options: Any,
) -> Transformer:
    torch.manual_seed(seed)
    config = ModelConfig(architecture="transformer", hidden_size=size, num_layers=layers, options=options)
    return Transformer(ModelContext(3, window), config).to(dtype).eval()


def inputs(rows: int = 2, steps: int = 25, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(rows, steps, 3, generator=torch.Generator().manual_seed(1), dtype=dtype)


def turned(vector: list[float], place: int) -> list[float]:
    """Rotary embedding: the pairs (i, i + d / 2) as complex numbers, times exp(i * place * 10000^(-2i / d))."""
    half = len(vector) // 2
    pairs = [complex(vector[i], vector[i + half]) for i in range(half)]
    angles = [place * 10000 ** (-2 * i / len(vector)) for i in range(half)]
    found = [p * complex(math.cos(a), math.sin(a)) for p, a in zip(pairs, angles, strict=True)]
    return [p.real for p in found] + [p.imag for p in found]


def naive(net: Transformer, x: Tensor) -> Tensor:
    """One row x[T, F] at a time, one step at a time, one head at a time, with absolute places."""
    weights = dict(net.named_parameters())
    heads, size = net.blocks[0].heads, net.head_size
    x = x @ weights["embed.weight"].T + weights["embed.bias"]
    for layer in range(len(net.blocks)):
        w = {n.removeprefix(f"blocks.{layer}."): p for n, p in weights.items() if n.startswith(f"blocks.{layer}.")}
        normed = layer_norm(x, x.shape[1:], w["norm_attention.weight"], w["norm_attention.bias"])
        q, k, v = (normed @ w["attend.weight"].T).view(len(x), 3, heads, size).unbind(1)
        found = torch.zeros(len(x), heads, size, dtype=x.dtype)
        for head in range(heads):
            for t in range(len(x)):
                seen = range(max(0, t - net.cached), t + 1)
                query = torch.tensor(turned(q[t, head].tolist(), t), dtype=x.dtype)
                keys = [torch.tensor(turned(k[s, head].tolist(), s), dtype=x.dtype) for s in seen]
                scores = torch.stack([query @ key for key in keys]) / math.sqrt(size)
                share = scores.exp() / scores.exp().sum()
                found[t, head] = sum(share[i] * v[s, head] for i, s in enumerate(seen))
        x = x + found.flatten(1) @ w["merge.weight"].T + w["merge.bias"]
        normed = layer_norm(x, x.shape[1:], w["norm_feed.weight"], w["norm_feed.bias"])
        hidden = gelu(normed @ w["widen.weight"].T + w["widen.bias"])
        x = x + hidden @ w["narrow.weight"].T + w["narrow.bias"]
    return layer_norm(x, x.shape[1:], weights["norm.weight"], weights["norm.bias"])


@pytest.mark.parametrize(("size", "heads"), [(6, 4), (8, 2), (5, 1), (1, 3)])
@pytest.mark.parametrize("attention_window", [None, 1, 4, 100])
def test_it_computes_the_equations_written_naively(size: int, heads: int, attention_window: int | None) -> None:
    net, x = transformer(size=size, heads=heads, attention_window=attention_window), inputs(steps=14)
    expected = torch.stack([naive(net, row) for row in x])
    assert torch.allclose(net(x)[0], expected, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("cuts", [(1,), (8,), (9,), (10,), (24,), (3, 4, 20), tuple(range(1, 25))])
def test_a_sequence_in_pieces_of_any_length_gives_the_outputs_of_the_whole(cuts: tuple[int, ...]) -> None:
    net, x = transformer(), inputs()
    state, outputs = None, []
    for piece in x.tensor_split(cuts, dim=1):
        y, state = net(piece, state)
        outputs.append(y)
    assert torch.allclose(torch.cat(outputs, dim=1), net(x)[0], atol=1e-12)


def test_far_beyond_its_window_a_carried_cache_stays_exact_and_of_one_size() -> None:
    net, x = transformer(window=5, dtype=torch.float32), inputs(1, 5000, torch.float32)
    whole, last = net(x)
    _, state = net(x[:, :4990])
    outputs = []
    for step in x[:, 4990:].split(1, dim=1):
        y, state = net(step, state)
        outputs.append(y)
    assert torch.allclose(torch.cat(outputs, dim=1), whole[:, 4990:], atol=1e-5)
    assert [part.shape for part in state[0]] == [part.shape for part in last[0]] == [(1, 4, 16)] * 2
    assert state[1].tolist() == last[1].tolist() == [4]
    reached = 1 + net.cached * len(net.blocks)  # two layers of five steps see nine
    assert torch.allclose(net(x[:, -reached:])[0][:, -1], whole[:, -1], atol=1e-5)
    assert not torch.allclose(net(x[:, -reached + 1 :])[0][:, -1], whole[:, -1], atol=1e-5)


def test_a_long_sequence_with_a_long_window_is_computed_in_parts_that_agree() -> None:
    net, x = transformer(window=700), inputs(1, 900)
    whole, _ = net(x)
    _, state = net(x[:, :300])
    assert torch.allclose(net(x[:, 300:], state)[0], whole[:, 300:], atol=1e-12)
    assert torch.allclose(net(x[:, :700])[0], whole[:, :700], atol=1e-12)


def test_rows_with_caches_of_different_lengths_go_on_side_by_side() -> None:
    net, x = transformer(), inputs(3, 20)
    lengths = torch.tensor([2, 7, 12])
    _, state = net(x[:, :12], None, lengths)
    assert state[1].tolist() == [2, 7, 8]
    after, later = net(x[:, 12:], state, torch.tensor([8, 3, 5]))
    for row, (first, then) in enumerate(((2, 8), (7, 3), (12, 5))):
        alone, ended = net(torch.cat([x[row : row + 1, :first], x[row : row + 1, 12 : 12 + then]], dim=1))
        assert torch.allclose(after[row, :then], alone[0, first:], atol=1e-12)
        assert not after[row, then:].any()
        held = int(ended[1])
        assert int(later[1][row]) == held == min(8, first + then)
        for mine, its in zip(later[0], ended[0], strict=True):
            assert torch.allclose(mine[row, 8 - held :], its[0, 8 - held :], atol=1e-12)


def test_attention_weights_are_shares_of_the_steps_within_the_window_and_explain_the_output() -> None:
    net, x = transformer(window=4, layers=1), inputs(2, 11)
    probe = net.probe(x)
    attention = probe["attention"]
    assert attention.shape == (2, 11, 1, 4, 11)
    assert torch.allclose(attention.sum(dim=4), torch.ones(2, 11, 1, 4, dtype=torch.float64))
    for t in range(11):
        seen = torch.tensor([t - 3 <= s <= t for s in range(11)])
        assert bool((attention[:, t, ..., seen] > 0).all())
        assert not attention[:, t, ..., ~seen].any()
    block, embedded = net.blocks[0], net.embed(x)
    v = block.projected(embedded, None)[1].unflatten(2, (2, 4, 2))[:, :, 1]  # [B, T, heads, head_size]
    found = torch.einsum("bths,bshd->bthd", attention[:, :, 0], v).flatten(2)
    x = embedded + block.merge(found)
    x = x + block.narrow(gelu(block.widen(block.norm_feed(x))))
    assert torch.allclose(net.norm(x), probe["hidden_state"][:, :, 0], atol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("carried", [False, True])
def test_replicas_under_vmap_have_the_outputs_states_and_gradients_of_each_alone(shared: bool, carried: bool) -> None:
    nets = [transformer(seed=seed, attention_window=7).train() for seed in range(3)]
    parameters, buffers = stack_module_state(nets)  # type: ignore[arg-type]
    x = torch.stack([inputs(4)] * 3) if shared else torch.randn(3, 4, 25, 3, dtype=torch.float64)
    lengths = torch.tensor([25, 3, 8, 20])

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
        assert all(torch.allclose(a[k], b, atol=1e-12) for a, b in zip(state[0], its[0], strict=True))
        assert torch.equal(state[1][k], its[1])
        for name, parameter in net.named_parameters():
            assert torch.allclose(parameters[name].grad[k], parameter.grad, atol=1e-11), name
