"""The own recurrent kernels against torch.nn, in float64 to 1e-12: values, states and gradients."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqcore.models.recurrent_layers import GRULayers, LSTMLayers, RecurrentLayers, RNNLayers, own_kernels
from seqcore.models.state import leaves, map_state

KINDS = {
    "rnn": (RNNLayers, nn.RNN, {}),
    "relu": (RNNLayers, nn.RNN, {"nonlinearity": "relu"}),
    "gru": (GRULayers, nn.GRU, {}),
    "lstm": (LSTMLayers, nn.LSTM, {}),
}
EACH = pytest.mark.parametrize("kind", KINDS)


def pair(kind: str, features: int, hidden: int, **options: Any) -> tuple[RecurrentLayers, nn.RNNBase]:
    """Our layers and torch's with the same weights, in float64."""
    own, torchs, own_options = KINDS[kind]
    torch.manual_seed(0)
    arguments = {"batch_first": True, **own_options, **options}
    theirs = torchs(features, hidden, **arguments).double()
    ours = own(features, hidden, **arguments).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def numbers(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def start(net: nn.RNNBase, rows: int, *before: int) -> Any:
    shape = (*before, net.num_layers * (2 if net.bidirectional else 1), rows, net.hidden_size)
    h = numbers(*shape, seed=2).requires_grad_()
    return (h, numbers(*shape, seed=3).requires_grad_()) if net.mode == "LSTM" else h


def packed(net: nn.RNNBase, x: Tensor, state: Any, lengths: Tensor) -> tuple[Tensor, Any]:
    """torch's way with sequences of several lengths."""
    y, final = net(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False), state)
    return pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0], final


def gradients(outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    weights = [numbers(*part.shape, seed=10 + i) for i, part in enumerate(outputs)]
    return torch.autograd.grad(outputs, inputs, weights)


def assert_same(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@EACH
@settings(deadline=None, max_examples=25, derandomize=True)
@given(
    rows=st.sampled_from([1, 3, 20]),
    steps=st.sampled_from([1, 2, 7]),
    features=st.sampled_from([1, 3]),
    hidden=st.sampled_from([2, 40]),
    layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    bias=st.booleans(),
    carried=st.booleans(),
    several_lengths=st.booleans(),
)
def test_values_and_gradients_equal_those_of_torch(
    kind: str,
    rows: int,
    steps: int,
    features: int,
    hidden: int,
    layers: int,
    bidirectional: bool,
    bias: bool,
    carried: bool,
    several_lengths: bool,
) -> None:
    ours, theirs = pair(kind, features, hidden, num_layers=layers, bidirectional=bidirectional, bias=bias)
    x = numbers(rows, steps, features).requires_grad_()
    state = start(ours, rows) if carried else None
    lengths = torch.arange(rows) * 5 % steps + 1 if several_lengths else None
    own_y, own_final = ours(x, state, lengths)
    y, final = theirs(x, state) if lengths is None else packed(theirs, x, state, lengths)
    own_results, results = [own_y, *leaves(own_final)], [y, *leaves(final)]
    assert_same(own_results, results)
    inputs = [x, *leaves(state)]
    assert_same(
        gradients(own_results, [*inputs, *ours.parameters()]), gradients(results, [*inputs, *theirs.parameters()])
    )
    with torch.no_grad():  # a path of its own, which keeps nothing
        y, final = ours(x, state, lengths)
    assert_same([y, *leaves(final)], own_results)


@EACH
def test_a_gradient_of_only_one_result_is_right(kind: str) -> None:
    ours, theirs = pair(kind, 2, 5)
    x = numbers(3, 4, 2)
    for part in range(3 if kind == "lstm" else 2):
        own, their = ([y, *leaves(final)][part] for y, final in (ours(x), theirs(x)))
        assert_same(gradients([own], list(ours.parameters())), gradients([their], list(theirs.parameters())))
        lengths = torch.tensor([1, 4, 3])
        own, their = (
            [y, *leaves(final)][part] for y, final in (ours(x, None, lengths), packed(theirs, x, None, lengths))
        )
        assert_same(gradients([own], list(ours.parameters())), gradients([their], list(theirs.parameters())))


@EACH
def test_weights_load_both_ways(kind: str) -> None:
    own, torchs, options = KINDS[kind]
    shape: dict[str, Any] = {"num_layers": 2, "bidirectional": True, **options}
    theirs, ours = torchs(3, 4, **shape), own(3, 4, **shape)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    back = torchs(3, 4, **shape)
    back.load_state_dict(ours.state_dict())
    assert all(torch.equal(back.state_dict()[name], value) for name, value in theirs.state_dict().items())


@EACH
def test_first_weights_are_those_of_torch(kind: str) -> None:
    own, torchs, options = KINDS[kind]
    torch.manual_seed(3)
    ours = own(2, 4, num_layers=2, **options)
    torch.manual_seed(3)
    assert_same(list(ours.parameters()), list(torchs(2, 4, num_layers=2, **options).parameters()))


@EACH
def test_dropout_between_layers_draws_the_masks_of_torch(kind: str) -> None:
    ours, theirs = pair(kind, 2, 5, num_layers=3, dropout=0.5)
    x, results = numbers(3, 4, 2), []
    for net in (ours, theirs):
        torch.manual_seed(5)
        y, final = net(x)
        results.append([y, *leaves(final), *gradients([y], list(net.parameters()))])
    assert_same(*results)
    assert torch.equal(ours.eval()(x)[0], ours(x)[0])


@EACH
def test_other_weights_take_the_place_of_parameters(kind: str) -> None:
    ours, theirs = pair(kind, 2, 5, num_layers=2)
    other = {name: value * 0.5 for name, value in ours.named_parameters() if name.startswith("weight_hh")}
    y, _ = ours(numbers(3, 4, 2), None, None, other)
    assert_same([y], [functional_call(theirs, other, (numbers(3, 4, 2),))[0]])


@EACH
def test_padding_that_is_not_a_number_changes_nothing(kind: str) -> None:
    ours, _ = pair(kind, 2, 5, bidirectional=True)
    clean, lengths = numbers(3, 6, 2), torch.tensor([2, 6, 4])
    broken = clean.clone()
    broken[0, 2:], broken[2, 4:] = torch.nan, torch.inf
    results = []
    for x in (clean, broken):
        y, final = ours(x.requires_grad_(), None, lengths)
        found = [y, *leaves(final)]
        results.append([*found, *gradients(found, [x, *ours.parameters()])])
    assert_same(*results)


@EACH
def test_gradients_of_two_parameters_never_share_memory(kind: str) -> None:
    ours, _ = pair(kind, 2, 5)
    ours(numbers(3, 4, 2))[0].sum().backward()
    assert len({p.grad.data_ptr() for p in ours.parameters() if p.grad is not None}) == 4


@EACH
def test_a_graph_can_be_used_twice(kind: str) -> None:
    ours, _ = pair(kind, 2, 40)
    x = numbers(20, 6, 2).requires_grad_()
    y, _ = ours(x, start(ours, 20))
    first = torch.autograd.grad(y.sum(), x, retain_graph=True)
    assert torch.equal(first[0], torch.autograd.grad(y.sum(), x)[0])


def replicas(kind: str, count: int, features: int, hidden: int, **options: Any) -> list[RecurrentLayers]:
    own, _, own_options = KINDS[kind]
    torch.manual_seed(0)
    return [own(features, hidden, batch_first=True, **own_options, **options).double() for _ in range(count)]


# all combinations of any two of the five
PAIRWISE = [
    (hidden, carried, lengths, (hidden == 40) != carried, (hidden == 40) != lengths)
    for hidden, carried, lengths in product([4, 40], [False, True], [False, True])
]


@EACH
@pytest.mark.parametrize(("hidden", "carried", "several_lengths", "own_inputs", "bidirectional"), PAIRWISE)
def test_replicas_under_vmap_equal_each_alone(
    kind: str, hidden: int, carried: bool, several_lengths: bool, own_inputs: bool, bidirectional: bool
) -> None:
    count, rows, steps = 2, 4, 4
    nets = replicas(kind, count, 2, hidden, num_layers=2, bidirectional=bidirectional)
    weights, _ = stack_module_state(nets)
    x = numbers(count, rows, steps, 2) if own_inputs else numbers(rows, steps, 2)
    x.requires_grad_()
    lengths = torch.arange(count * rows).view(count, rows) * 7 % steps + 1 if several_lengths else None
    state = start(nets[0], rows, count) if carried else None

    def one(weights: dict[str, Tensor], x: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        return functional_call(nets[0], weights, (x, state, lengths))

    dims = (0, 0 if own_inputs else None, 0 if carried else None, 0 if several_lengths else None)
    y, final = vmap(one, dims)(weights, x, state, lengths)
    alone = [
        net(
            x[k] if own_inputs else x,
            map_state(lambda part, k=k: part[k], state),
            None if lengths is None else lengths[k],
        )
        for k, net in enumerate(nets)
    ]
    found = [y, *leaves(final)]
    expected = [torch.stack(parts) for parts in zip(*([y, *leaves(final)] for y, final in alone), strict=True)]
    assert_same(found, expected)
    inputs = [x, *leaves(state)]
    own = gradients(found, [*inputs, *weights.values()])
    theirs = gradients(expected, [*inputs, *(p for net in nets for p in net.parameters())])
    assert_same(own[: len(inputs)], theirs[: len(inputs)])
    each = len(weights)
    assert_same(own[len(inputs) :], [torch.stack(theirs[len(inputs) + i :: each]) for i in range(each)])
    with torch.no_grad():
        assert_same([vmap(one, dims)(weights, x, state, lengths)[0]], [y])


@EACH
def test_replicas_may_share_their_weights(kind: str) -> None:
    (net,) = replicas(kind, 1, 2, 4)
    x = numbers(3, 6, 5, 2)
    y = vmap(lambda x: net(x)[0])(x)
    alone = torch.stack([net(part)[0] for part in x])
    assert_same([y], [alone])
    assert_same(gradients([y], list(net.parameters())), gradients([alone], list(net.parameters())))


def test_torch_takes_what_it_computes_faster_or_alone() -> None:
    x = torch.zeros(2, 3, 1)

    def own(mode: str, x: Any, steps: int = 50, lengths: bool = False) -> bool:
        return own_kernels(mode, x, steps=steps, lengths=lengths)

    assert own("RNN_TANH", x, 3)
    assert own("GRU", x, 3)
    assert not own("GRU", x, 1)
    assert not own("LSTM", x)
    assert own("LSTM", x, 1)
    assert own("LSTM", x, lengths=True)
    assert own("LSTM", x.double())
    with torch.no_grad():
        assert own("RNN_RELU", x, 1)
        assert own("GRU", x)
        assert not own("GRU", x, 3)
    assert not own("GRU", x.to("meta"))
    assert not own("GRU", x[0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not own("GRU", x)
    assert vmap(lambda part: torch.tensor(own("LSTM", part)))(x[None]).all()


@EACH
def test_single_precision_agrees_whichever_kernels_run(kind: str) -> None:
    for steps in (1, 3, 60):
        ours, theirs = (net.float() for net in pair(kind, 2, 40))
        x = numbers(8, steps, 2).float()
        for context in (torch.enable_grad, torch.no_grad):
            with context():
                torch.testing.assert_close(ours(x)[0], theirs(x)[0], rtol=1e-5, atol=2e-6)
    packed_x = pack_padded_sequence(x, torch.full((8,), 60), batch_first=True)
    assert torch.equal(ours(packed_x)[0].data, theirs(packed_x)[0].data)


@EACH
def test_an_input_of_the_wrong_size_is_refused(kind: str) -> None:
    ours, _ = pair(kind, 2, 5)
    with pytest.raises(RuntimeError, match="2"):
        ours(numbers(3, 4, 3))
