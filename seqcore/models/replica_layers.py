"""The layers of replicas of a small RNN, forward and backward, by `ReplicaRNN`; threads that share the replicas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, TypeGuard, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.models.output_layer import FEW, OutputLayer
from seqcore.models.recurrent import GRU, LSTM, RNN
from seqcore.models.recurrent_cells import Weights
from seqcore.models.recurrent_layers import RNNLayers
from seqcore.models.replica_rnn import LayerArrays, ReplicaRNN
from seqcore.models.sequence_model import OneHot, SequenceModel

__all__ = ["ReplicaLayers", "ReplicaOutputs", "ReplicaThreads", "is_plain", "kept", "last_states"]

T = TypeVar("T")
Array = NDArray[Any]

_MOST_SHAPES = 4  # of batches, whose buffers are kept
_ROWS = 64  # computed together where nothing is learned


class ReplicaLayers:
    """RNN layers and output layer of a model whose weights are those of K replicas, or of the range `own` of them.

    Inputs are x[T, K, B, F], states [K, B, D] of each layer, outputs [R, K, O, B] of the R steps that are predicted.
    To be called without gradients. Numbers may overflow without a warning, as in torch.
    """

    def __init__(self, model: SequenceModel, own: slice | None = None) -> None:
        network: Any = model.backbone.network
        self._network, self._head, self._own = network, model.head, own
        self._size, self._every = int(network.hidden_size), model.predict == "every"
        self._covered = type(network) is RNNLayers and model.head.out_features <= FEW
        self._layers: dict[torch.Size, list[ReplicaRNN]] = {}
        self._arrays: dict[str, tuple[Tensor, Array]] = {}

    def most_rows(self, x: Tensor) -> int:
        """The largest batch of inputs like x that these layers are for; 0 where they are for none."""
        return ReplicaRNN.most_rows(x, self._size) if self._covered else 0

    def layers(self, x: Tensor) -> list[ReplicaRNN]:
        """The layers for inputs like x; none where the batch is too large."""
        if (found := self._layers.get(x.shape)) is not None:
            return found
        return kept(self._layers, x.shape, lambda: self._made(x) if x.shape[-2] <= self.most_rows(x) else [])

    def of(self, weight: Tensor) -> Tensor:
        """A parameter; of a range of replicas theirs."""
        return weight if self._own is None else weight[self._own]

    def weights(self) -> list[Weights]:
        """Those of each layer."""
        parameters = self._network._parameters
        return [Weights(*(self.of(parameters[name]) for name in names)) for names in self._network._all_weights]

    def _layer_arrays(self) -> list[LayerArrays]:
        own, every = self._network._parameters, self._network._all_weights
        return [LayerArrays(*(self._array(name, own[name]) for name in names)) for names in every]

    def _array(self, name: str, weight: Any) -> Array:
        """The numbers of a parameter, which an optimizer changes in place."""
        known = self._arrays.get(name)
        if known is None or known[0] is not weight:
            known = self._arrays[name] = weight, self.of(weight.detach()).numpy()
        return known[1]

    @np.errstate(all="ignore")
    def forward(self, layers: list[ReplicaRNN], x: Tensor, before: Sequence[Tensor | None] | None) -> Tensor:
        """Inputs and the first state of each layer (None: zeros) -> outputs."""
        for number, (layer, w) in enumerate(zip(layers, self._layer_arrays(), strict=True)):
            x = layer.forward(x, None if before is None else before[number], w).mT
        states = layers[-1].states if self._every else layers[-1].states[-1:]
        head = self._head._parameters
        found = np.matmul(self._array("head", head["weight"]), states.numpy())
        found += self._array("bias", head["bias"])[..., None]
        return torch.from_numpy(found)

    @np.errstate(all="ignore")
    def gradients(self, layers: list[ReplicaRNN], above: Tensor) -> list[Array]:
        """Those of all weights, from the gradient of the outputs that `forward` has just given."""
        size, found = self._size, list[Array]()
        weight = self._array("head", self._head._parameters["weight"])
        for layer, w in zip(reversed(layers), reversed(self._layer_arrays()), strict=True):
            total = layer.backward(above, weight, w)
            own, bias = total[:, :size], total[:, :size, -1]
            outer = found or (total[:, size:, :size], total[:, size:, -1])
            found = [own[..., size:-1], own[..., :size], bias, bias, *outer]
            above, weight = layer.deltas, w.ih
        return found

    @torch.inference_mode(False)  # an evaluation may be the first to use them
    def _made(self, x: Tensor) -> list[ReplicaRNN]:
        network, made = self._network, list[ReplicaRNN]()
        for number in range(network.num_layers):
            top = number == network.num_layers - 1
            above = self._head.out_features if top else self._size
            made.append(ReplicaRNN(x, self._size, above, relu=network.mode == "RNN_RELU", top=top))
            x = made[-1].states.mT
        return made


def last_states(layers: Sequence[ReplicaRNN]) -> Tensor:
    """The states [K, B, L, D] after a forward pass."""
    return torch.stack([layer.states[-1].mT for layer in layers], dim=-2)


class ReplicaThreads:
    """Threads that share K replicas: each computes a range of its own."""

    def __init__(self, count: int, threads: int) -> None:
        threads = min(count, threads)
        bounds = [count * number // threads for number in range(threads + 1)]
        self.ranges = [slice(*pair) for pair in pairwise(bounds)]
        self._pool = ThreadPoolExecutor(threads - 1, "replicas") if threads > 1 else None  # and the thread that calls

    def each(self, function: Callable[[int], T]) -> list[T]:
        """`function(number)` of each range, all at the same time."""
        if self._pool is None:
            return [function(0)]
        others = [self._pool.submit(function, number) for number in range(1, len(self.ranges))]
        return [function(0), *(other.result() for other in others)]


class ReplicaOutputs:
    """Outputs of replicas for inputs that they share, where `ReplicaLayers` are for them."""

    def __init__(self, model: SequenceModel, count: int, threads: int) -> None:
        self._model, self._count, self.threads = model, count, threads
        self._sharing = ReplicaThreads(count, threads)
        self._layers = [ReplicaLayers(model, own) for own in self._sharing.ranges]

    def __call__(self, inputs: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor] | None:
        """Inputs [B, T, F], states [K, B, L, D] (None: zeros) -> (outputs [K, B, R, O], states); None: not covered."""
        x = self._model.features(inputs).transpose(0, 1)[:, None].expand(-1, self._count, -1, -1)
        most = min(_ROWS, self._layers[0].most_rows(x))
        if most == 0 or x.numel() == 0:
            return None
        starts = None if state is None else torch.split(state, most, dim=1)

        @torch.no_grad()
        def of_range(number: int) -> tuple[Tensor, Tensor]:
            own, layers, found = self._sharing.ranges[number], self._layers[number], []
            for i, rows in enumerate(torch.split(x[:, own], most, dim=2)):
                before = None if starts is None else starts[i][own].unbind(-2)
                own_layers = layers.layers(rows)
                found.append((layers.forward(own_layers, rows, before), last_states(own_layers)))
            outputs, after = zip(*found, strict=True)
            return torch.cat(outputs, -1), torch.cat(after, 1)

        outputs, after = zip(*self._sharing.each(of_range), strict=True)
        return torch.cat(outputs, 1).permute(1, 3, 0, 2), torch.cat(after)


def is_plain(model: nn.Module) -> TypeGuard[SequenceModel]:
    """Whether a model has nothing but RNN, GRU or LSTM layers in one direction and an output layer, without dropout."""
    if type(model) is not SequenceModel or type(model.backbone) not in (RNN, GRU, LSTM):
        return False
    backbone: Any = model.backbone
    network = backbone.network
    return (
        not network.bidirectional
        and not backbone.recurrent_dropout.p
        and not (network.dropout and network.num_layers > 1)
        and not model.dropout.p
        and (model.embedding is None or type(model.embedding) is OneHot)
        and model.predict in ("last", "every")
        and type(model.head) is OutputLayer
    )


def kept(found: dict[torch.Size, T], shape: torch.Size, make: Callable[[], T]) -> T:
    """What is kept for batches of this shape; made at its first use."""
    if shape not in found:
        if len(found) == _MOST_SHAPES:
            del found[next(iter(found))]
        found[shape] = make()
    return found[shape]
