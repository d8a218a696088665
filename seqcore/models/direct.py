"""Loss and gradients of a recurrent model by formula, without autograd: the training step of the common case.

For small networks autograd's bookkeeping takes longer than the arithmetic, and for replicas so does `vmap`. The passes
of the layers are those of `recurrent_cells`, which autograd uses too, or oneDNN's for an LSTM; output layer and loss
are differentiated here. `DirectGradients.of` says which models are covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqcore.models.losses import LOSSES
from seqcore.models.output_layer import FEW
from seqcore.models.recurrent_cells import CELLS, Gradient, Weights
from seqcore.models.recurrent_function import layer_gradients
from seqcore.models.recurrent_layers import own_kernels
from seqcore.models.replica_layers import ReplicaLayers, ReplicaThreads, is_plain, kept, last_states
from seqcore.models.replica_rnn import ReplicaRNN
from seqcore.models.replicated import Replicated
from seqcore.models.sequence_model import SequenceModel
from seqcore.models.small_products import are_small, product_by_numpy
from seqcore.models.state import State, join_leaves, leaves, map_state
from seqcore.models.workspace import Workspace

__all__ = ["DirectGradients", "DividedGradients"]


class _Pass(NamedTuple):
    """A layer's forward pass: what its backward pass needs, `native` if oneDNN made it, and the final state."""

    x: Tensor
    y: Tensor
    before: Sequence[Tensor] | None
    after: Sequence[Tensor]
    native: Tensor | None = None  # oneDNN's workspace


class DirectGradients:
    """Calling it gives a batch's loss and gradients; of K replicas, or a range of them, those of each, all at once."""

    def __init__(
        self,
        model: SequenceModel,
        loss: str,
        *,
        replicas: bool,
        own: slice | None = None,
        into: list[Tensor] | None = None,
    ) -> None:
        network: Any = model.backbone.network
        self._model, self._network, self._loss = model, network, LOSSES[loss]
        self._embedding = model.embedding
        self._lead = 1 if replicas else 0  # axes before the batch
        self._into = into if into is None or own is None else [part[own] for part in into]
        self._into_arrays = [part.numpy() for part in self._into or ()]
        self._cell, self._lstm = CELLS[network.mode], network.mode == "LSTM"
        self._spaces: dict[torch.Size, list[Workspace]] = {}
        self._replicas = ReplicaLayers(model, own)

    @classmethod
    def of(
        cls, model: nn.Module, loss: str | None, *, threads: int = 1, into: list[Tensor] | None = None
    ) -> DirectGradients | DividedGradients | None:
        """For a model or replicas whose loss is one of `LOSSES`; None where they are not covered.

        Replicas are divided between `threads`. Gradients are written to the tensors `into` where given. Covered is a
        `SequenceModel` on a CPU with RNN, GRU or LSTM layers in one direction, without dropout or embedding.
        """
        base: nn.Module = model.base if isinstance(model, Replicated) else model
        if loss not in LOSSES or not is_plain(base):
            return None
        if any(p.device.type != "cpu" or not p.requires_grad for p in base.parameters()):
            return None
        if not isinstance(model, Replicated) or min(threads, model.count) == 1:
            return cls(base, loss, replicas=isinstance(model, Replicated), into=into)
        sharing = ReplicaThreads(model.count, threads)
        parts = [cls(base, loss, replicas=True, own=own, into=into) for own in sharing.ranges]
        return DividedGradients(sharing, parts, into)

    @torch.no_grad()
    def __call__(
        self, inputs: Tensor, targets: Tensor, state: State, *, keep: bool = True
    ) -> tuple[Tensor, State, Sequence[Tensor]]:
        """-> (loss, state after the batch, gradients in the order of the model's parameters).

        Arguments are those of the model and of its loss; of replicas, arguments and results have K first. Without
        `keep` the state is None.
        """
        loss, after, found = self._found(inputs, targets, state, keep=keep)
        if self._into is None or found is self._into:
            return loss, after, found
        torch._foreach_copy_(self._into, found)
        return loss, after, self._into

    def _found(
        self, inputs: Tensor, targets: Tensor, state: State, *, keep: bool
    ) -> tuple[Tensor, State, list[Tensor]]:
        x = (inputs if self._embedding is None else self._embedding(inputs)).movedim(-2, 0)  # [T, B, F], [T, K, B, F]
        if self._lead and (layers := self._replicas.layers(x)):
            return self._of_replica_layers(layers, x, targets, state, keep=keep)
        network = self._network
        before: Any = [None] * network.num_layers
        if state is not None:
            before = list(zip(*(part.unbind(-2) for part in (state if self._lstm else (state,))), strict=True))
        weights = self._replicas.weights()
        spaces, passes = self._workspaces(x), list[_Pass]()
        for w, start, space in zip(weights, before, spaces, strict=True):
            passes.append(self._forward(passes[-1].y if passes else x, start, w, space))
        loss, d, found = self._outer(passes[-1].y, targets, spaces[-1])
        for number in reversed(range(len(passes))):
            below = spaces[number - 1].buffer("d", network.hidden_size) if number else None
            d, own = self._backward(d, passes[number], weights[number], spaces[number], below)
            found = [*own, *found]
        if not keep:
            return loss, None, found
        ends = tuple(torch.stack(each, dim=-2) for each in zip(*(one.after for one in passes), strict=True))
        return loss, ends if self._lstm else ends[0], found

    def _workspaces(self, x: Tensor) -> list[Workspace]:
        """Those of the layers for a batch of this size."""
        count = self._network.num_layers
        return kept(self._spaces, x.shape, lambda: [Workspace(x.shape[:-1], x.dtype, x.device) for _ in range(count)])

    def _of_replica_layers(
        self, layers: list[ReplicaRNN], x: Tensor, targets: Tensor, state: Any, *, keep: bool
    ) -> tuple[Tensor, State, list[Tensor]]:
        """The result for x[T, K, B, F] that `ReplicaLayers` are for."""
        outputs = self._replicas.forward(layers, x, None if state is None else state.unbind(-2))
        rows = outputs.permute(1, 0, 3, 2)  # [K, R, B, O]
        if len(outputs) > 1:
            targets = targets.transpose(1, 2)
        loss, delta = self._loss(rows.flatten(1, 2), targets.flatten(1, 2))
        after = last_states(layers) if keep else None
        found = self._replicas.gradients(layers, delta.view(rows.shape).permute(1, 0, 3, 2))
        if self._into is None:
            return loss, after, [*map(torch.from_numpy, found)]
        for place, gradient in zip(self._into_arrays, found, strict=True):
            place[...] = gradient
        return loss, after, self._into

    def _forward(self, x: Tensor, before: Any, w: Weights, space: Workspace) -> _Pass:
        if self._lstm and not self._lead and not own_kernels("LSTM", x, steps=len(x), lengths=False):
            h, c = before or (x.new_zeros(x.shape[1], w.hh.shape[1]),) * 2
            x, own = x.contiguous(), [part.detach() for part in w if part is not None]
            with torch.enable_grad():  # or it keeps nothing for a backward pass
                y, *after, native = torch.ops.aten.mkldnn_rnn_layer.default(
                    x, *own, h, c, False, [], _LSTM, w.hh.shape[1], 1, True, False, False, True
                )
            return _Pass(x, y, (h, c), after, native)
        y = self._cell.forward(x, before, w, space, reverse=False)
        cells = self._cell.cells(space, y.shape[-1])
        return _Pass(x, y, before, (y[-1],) if cells is None else (y[-1], cells[-1] / 2))

    def _backward(
        self, d: Tensor, done: _Pass, w: Weights, space: Workspace, out: Tensor | None
    ) -> tuple[Any, Sequence[Tensor]]:
        """The gradients of a layer's input, for which `out` is where they are wanted, and of its weights."""
        if done.native is None:
            start = Gradient(d)
            _, found = layer_gradients(self._cell, start, done.x, done.y, done.before, w, space, out=out)
            return out, self._apart(*found)
        assert done.before is not None
        dx, *own, _, _ = torch.ops.aten.mkldnn_rnn_layer_backward.default(
            done.x, *w, *done.before, done.y, *done.after, d, None, None,
            False, _LSTM, w.hh.shape[1], 1, True, True, False, [], False, done.native,
        )  # fmt: skip
        return dx, self._apart(*own)

    def _apart(self, ih: Any, hh: Any, bias_ih: Any, bias_hh: Any) -> list[Tensor]:
        """Gradients of which each can be changed in place: those of both biases may be one tensor."""
        return [ih, hh, bias_ih.clone() if bias_ih is bias_hh and not self._lead else bias_ih, bias_hh]

    def _outer(self, y: Tensor, targets: Tensor, space: Workspace) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Output layer and loss of y[T, B, D] -> (loss, gradient of y, gradients of the output layer)."""
        lead, head, d = self._lead, self._model.head, space.buffer("d", y.shape[-1])
        every = self._model.predict == "every"
        targets = targets.transpose(lead, lead + 1).flatten(lead, lead + 1)  # [R, ...] or [K, R, ...], as the rows
        if every and lead and head.out_features <= FEW:
            return self._few_outputs(y, targets, d, self._replicas.of(head.weight), self._replicas.of(head.bias))
        if every:
            rows, of_rows = (v.transpose(0, lead).flatten(lead, lead + 1) for v in (y, d))
        else:
            rows, of_rows = y[-1], d.zero_()[-1]
        weight, bias = self._replicas.of(head.weight), self._replicas.of(head.bias)
        if not lead:
            loss, delta = self._loss(torch.addmm(bias, rows, weight.t()), targets)
            torch.mm(delta, weight, out=of_rows)
            return loss, d, [torch.mm(delta.t(), rows), delta.sum(0)]
        if head.out_features <= FEW:
            outputs = torch.baddbmm(bias[..., None], weight, rows.mT).mT
        else:
            outputs = torch.baddbmm(bias[:, None], rows, weight.mT)
        loss, delta = self._loss(outputs, targets)
        if every:  # the rows of a replica lie apart
            d.copy_(torch.bmm(delta, weight).view(len(delta), len(d), -1, d.shape[-1]).transpose(0, 1))
        else:
            torch.bmm(delta, weight, out=of_rows)
        return loss, d, [torch.bmm(delta.mT, rows), delta.sum(1)]

    def _few_outputs(
        self, y: Tensor, targets: Tensor, d: Tensor, weight: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """The same for replicas with few outputs at every step, without moving y[T, K, B, D] in memory."""
        multiply = product_by_numpy if are_small(y) else torch.matmul
        outputs = multiply(weight, y.mT).permute(1, 0, 3, 2)  # [K, T, B, O]
        loss, delta = self._loss(torch.add(outputs, bias[:, None, None]).flatten(1, 2), targets)
        by_step = delta.view(outputs.shape).transpose(0, 1)
        if delta.shape[-1] == 1:
            torch.mul(by_step, weight, out=d)
        else:
            torch.matmul(by_step, weight, out=d)
        return loss, d, [multiply(by_step.mT, y).sum(0), delta.sum(1)]


class DividedGradients:
    """The same for replicas that several threads share: each computes ranges of its own, and they meet once a step.

    Operations of torch and numpy release Python's lock while they compute. A replica has the same numbers in any range.
    """

    def __init__(self, sharing: ReplicaThreads, parts: Sequence[DirectGradients], into: list[Tensor] | None) -> None:
        self._sharing, self._parts, self._into = sharing, parts, into

    def __call__(
        self, inputs: Tensor, targets: Tensor, state: State, *, keep: bool = True
    ) -> tuple[Tensor, State, Sequence[Tensor]]:
        """See `DirectGradients`."""

        def of_range(number: int) -> tuple[Tensor, State, Sequence[Tensor]]:
            own, part = self._sharing.ranges[number], self._parts[number]
            return part(inputs[own], targets[own], map_state(lambda values: values[own], state), keep=keep)

        loss, after, gradients = zip(*self._sharing.each(of_range), strict=True)
        states = map(torch.cat, zip(*map(leaves, after), strict=True))
        found = [*map(torch.cat, zip(*gradients, strict=True))] if self._into is None else self._into
        return torch.cat(loss), join_leaves(states, like=after[0]), found


_LSTM = 2  # oneDNN's kind of layer
