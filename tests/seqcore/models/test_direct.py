"""Loss and gradients by formula: equal to those of autograd for every model that is covered."""

from __future__ import annotations

from itertools import product
from typing import Any
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from seqcore.experiment.config import ModelConfig
from seqcore.models import small_products
from seqcore.models.architecture import ModelContext
from seqcore.models.direct import DirectGradients, DividedGradients
from seqcore.models.losses import LOSSES
from seqcore.models.replica_rnn import ReplicaRNN
from seqcore.models.replicated import Replicated
from seqcore.models.sequence_model import SequenceModel
from seqcore.models.state import leaves, map_state

AUTOGRAD = {"mse": nn.functional.mse_loss, "mae": nn.functional.l1_loss, "huber": nn.functional.huber_loss}


@pytest.fixture(autouse=True)
def doubles() -> Any:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def value(loss: str, outputs: Tensor, targets: Tensor) -> Tensor:
    """A loss as `torch.nn.functional` has it."""
    if loss == "cross_entropy":
        return nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())
    return AUTOGRAD[loss](outputs, targets)


def model_of(
    kind: str, layers: int, predict: str, *, features: int, outputs: int, symbolic: bool, **options: Any
) -> Any:
    config = ModelConfig(architecture=kind, hidden_size=5, num_layers=layers, options=options)
    return SequenceModel(ModelContext(features, 4), outputs, config, predict=predict, symbolic=symbolic)


def batch_of(loss: str, *shape: int, outputs: int, features: int, predict: str) -> tuple[Tensor, Tensor]:
    """Inputs and targets; `shape` is [B, T] or [K, B, T]."""
    steps = shape[-1] if predict == "every" else 1
    if loss == "cross_entropy":
        targets = torch.randint(outputs, (*shape[:-1], steps))
        targets[..., 0, 0] = -100  # without a loss
        return torch.randint(features, shape), targets
    return torch.randn(*shape, features), 2 * torch.randn(*shape[:-1], steps, outputs)


def close(mine: Any, theirs: Any) -> None:
    for a, b in zip(leaves(mine), leaves(theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


CASES = list(product(["rnn", "gru", "lstm"], LOSSES))


@pytest.mark.parametrize(("kind", "loss"), CASES)
@settings(max_examples=10, deadline=None)
@given(
    layers=st.sampled_from([1, 2]),
    predict=st.sampled_from(["last", "every"]),
    batch=st.integers(2, 5),
    steps=st.sampled_from([1, 2, 3, 20]),
    features=st.integers(1, 3),
    outputs=st.sampled_from([1, 2, 20]),
    carried=st.booleans(),
    seed=st.integers(0, 999),
)
def test_one_model_has_autograds_loss_state_and_gradients(
    kind: str, loss: str, layers: int, predict: str, batch: int, steps: int, features: int, outputs: int,
    carried: bool, seed: int,
) -> None:  # fmt: skip
    torch.manual_seed(seed)
    symbolic = loss == "cross_entropy"
    model = model_of(kind, layers, predict, features=features, outputs=outputs, symbolic=symbolic)
    direct = DirectGradients.of(model, loss)
    assert direct is not None
    for _ in range(2):  # buffers are used again
        inputs, targets = batch_of(loss, batch, steps, outputs=outputs, features=features, predict=predict)
        before = map_state(torch.randn_like, model.initial_state(batch)) if carried else None
        found, after, gradients = direct(inputs, targets, before)
        expected, end = model(inputs, before)
        expected = value(loss, expected, targets)
        wanted = torch.autograd.grad(expected, list(model.parameters()))
        assert len({gradient.data_ptr() for gradient in gradients}) == len(gradients)  # each can be scaled in place
        close((found, after, tuple(gradients)), (expected.detach(), map_state(Tensor.detach, end), wanted))


@pytest.mark.parametrize(("kind", "loss"), CASES)
@settings(max_examples=6, deadline=None)
@given(
    layers=st.sampled_from([1, 2]),
    predict=st.sampled_from(["last", "every"]),
    batch=st.integers(2, 4),
    steps=st.sampled_from([1, 3, 20]),
    features=st.integers(1, 2),
    outputs=st.sampled_from([1, 2, 20]),
    carried=st.booleans(),
    by_numpy=st.booleans(),
    threads=st.integers(1, 4),
    relu=st.booleans(),
    seed=st.integers(0, 999),
)
def test_replicas_have_the_results_of_each_alone(
    kind: str, loss: str, layers: int, predict: str, batch: int, steps: int, features: int, outputs: int,
    carried: bool, by_numpy: bool, threads: int, relu: bool, seed: int,
) -> None:  # fmt: skip
    with mock.patch.object(small_products, "_LEAST", 0 if by_numpy else 2**14):
        compare_replicas(kind, layers, predict, loss, batch, steps, features, outputs, carried, threads, relu, seed)


@pytest.mark.parametrize("predict", ["last", "every"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("relu", [False, True])
def test_small_rnn_layers_of_replicas(relu: bool, layers: int, predict: str) -> None:
    for threads, carried, steps in product((1, 2), (False, True), (1, 3, 20)):
        with mock.patch.object(ReplicaRNN, "backward", autospec=True, side_effect=ReplicaRNN.backward) as used:
            compare_replicas("rnn", layers, predict, "mse", 4, steps, 2, 3, carried, threads, relu, seed=1)
        assert used.call_count == layers * threads


def compare_replicas(
    kind: str, layers: int, predict: str, loss: str, batch: int, steps: int, features: int, outputs: int,
    carried: bool, threads: int, relu: bool, seed: int,
) -> None:  # fmt: skip
    torch.manual_seed(seed)
    symbolic = loss == "cross_entropy"
    size = {"features": features, "outputs": outputs}
    options = {"nonlinearity": "relu"} if relu and kind == "rnn" else {}
    models = [model_of(kind, layers, predict, symbolic=symbolic, **size, **options) for _ in range(3)]
    together = DirectGradients.of(Replicated(models), loss, threads=threads)
    assert together is not None
    assert isinstance(together, DividedGradients) is (threads > 1)
    inputs, targets = batch_of(loss, 3, batch, steps, predict=predict, **size)
    before = map_state(lambda part: torch.randn(3, *part.shape), models[0].initial_state(batch)) if carried else None
    losses, after, gradients = together(inputs, targets, before)
    for k, model in enumerate(models):
        direct = DirectGradients.of(model, loss)
        assert direct is not None
        own = map_state(lambda part, k=k: part[k], before)
        close(
            map_state(lambda part, k=k: part[k], (losses, after, tuple(gradients))),
            (lambda found, end, of: (found, end, tuple(of)))(*direct(inputs[k], targets[k], own)),
        )


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_large_layers_and_single_precision(kind: str, nonlinearity: str) -> None:
    torch.set_default_dtype(torch.float32)
    torch.manual_seed(0)
    options = {"nonlinearity": nonlinearity} if kind == "rnn" else {}
    config = ModelConfig(architecture=kind, hidden_size=50, num_layers=2, options=options)
    model = SequenceModel(ModelContext(1, 50), 1, config, predict="every", symbolic=False)
    inputs, targets = batch_of("mse", 32, 50, outputs=1, features=1, predict="every")
    direct = DirectGradients.of(model, "mse")
    assert direct is not None
    found, _, gradients = direct(inputs, targets, None)
    assert len({gradient.data_ptr() for gradient in gradients}) == len(gradients)
    expected = value("mse", model(inputs)[0], targets)
    wanted = torch.autograd.grad(expected, list(model.parameters()))
    torch.testing.assert_close(found, expected.detach())
    for a, b in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_what_is_not_covered_is_left_to_autograd() -> None:
    plain = {"architecture": "rnn", "hidden_size": 4}
    others: list[dict[str, Any]] = [
        {**plain, "bidirectional": True},
        {**plain, "dropout": 0.1},
        {**plain, "recurrent_dropout": 0.1},
        {**plain, "architecture": "tcn"},
    ]
    for given_options in others:
        model = SequenceModel(ModelContext(1, 4), 1, ModelConfig(**given_options), predict="last", symbolic=False)
        assert DirectGradients.of(model, "mse") is None
    model = SequenceModel(ModelContext(1, 4), 1, ModelConfig(**plain), predict="broadcast", symbolic=False)
    assert DirectGradients.of(model, "mse") is None
    covered = SequenceModel(ModelContext(1, 4), 1, ModelConfig(**plain), predict="last", symbolic=False)
    assert DirectGradients.of(covered, None) is None
    assert DirectGradients.of(covered, "mse") is not None
