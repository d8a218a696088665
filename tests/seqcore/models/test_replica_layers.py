"""Layers of replicas without autograd and vmap: outputs equal to those of each model alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from unittest import mock

import pytest
import torch

from seqcore.experiment.config import ModelConfig
from seqcore.models.architecture import ModelContext
from seqcore.models.direct import DirectGradients
from seqcore.models.replica_layers import ReplicaLayers, ReplicaThreads
from seqcore.models.replicated import Replicated
from seqcore.models.sequence_model import SequenceModel


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def models_of(predict: str, layers: int, *, size: int = 5, nonlinearity: str = "tanh") -> list[SequenceModel]:
    torch.manual_seed(0)
    config = ModelConfig(
        architecture="rnn", hidden_size=size, num_layers=layers, options={"nonlinearity": nonlinearity}
    )
    return [SequenceModel(ModelContext(2, 4), 3, config, predict=predict, symbolic=False) for _ in range(3)]


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("predict", ["last", "every"])
@pytest.mark.parametrize("layers", [1, 2])
def test_outputs_and_states_for_inputs_that_replicas_share(layers: int, predict: str, nonlinearity: str) -> None:
    models = models_of(predict, layers, nonlinearity=nonlinearity)
    together = Replicated(models)
    for threads, rows, steps, carried in product((1, 2), (1, 70), (1, 3, 12), (True, False)):
        together.threads = threads
        inputs = torch.randn(rows, steps, 2)
        state = torch.randn(3, rows, layers, 5) if carried else None
        with (
            torch.inference_mode(),
            mock.patch.object(ReplicaLayers, "forward", autospec=True, side_effect=ReplicaLayers.forward) as used,
        ):
            outputs, after = together(inputs, state)
        assert used.call_count == threads * -(-rows // 64)
        for k, model in enumerate(models):
            expected, end = model(inputs, None if state is None else state[k])
            torch.testing.assert_close(outputs[k], expected.detach(), rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(after[k], end.detach(), rtol=1e-12, atol=1e-12)


def test_outputs_with_gradients_and_of_large_layers_are_left_to_vmap() -> None:
    with mock.patch.object(ReplicaLayers, "forward") as used:
        outputs, _ = Replicated(models_of("last", 1))(torch.randn(4, 3, 2))
        assert outputs.requires_grad
        with torch.no_grad():
            Replicated(models_of("last", 1, size=200))(torch.randn(20, 3, 2))
    used.assert_not_called()


def test_numbers_that_overflow_give_no_warning() -> None:
    together = Replicated(models_of("every", 1, nonlinearity="relu"))
    together.flat.mul_(1e200)
    direct = DirectGradients.of(together, "mse")
    assert direct is not None
    loss, _, gradients = direct(torch.randn(3, 4, 12, 2), torch.randn(3, 4, 12, 3), None)
    assert not torch.isfinite(loss).any()
    assert not all(bool(torch.isfinite(gradient).all()) for gradient in gradients)


def test_threads_share_all_replicas() -> None:
    for count, threads in product((1, 5, 16), (1, 2, 7)):
        sharing = ReplicaThreads(count, threads)
        ranges = sharing.each(sharing.ranges.__getitem__)
        assert [number for own in ranges for number in range(count)[own]] == list(range(count))
        assert len(ranges) == min(count, threads)
