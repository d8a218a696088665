"""Replicas: K models of one architecture as one batched model, their weights stacked along a leading axis.

The code of an architecture or a task runs once for all replicas, under `torch.func.vmap`. Gradients are taken outside
of it: each replica has a loss of its own, and the gradient of their sum is the gradient of each. What vmap can't batch
needs a rule: a recurrent layer has one in `torch.autograd.Function.vmap`, random numbers come from `ReplicaRandom`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch._C._functorch import _add_batch_dim, _remove_batch_dim
from torch._functorch.predispatch import lazy_load_decompositions
from torch._functorch.vmap import vmap_increment_nesting
from torch.func import vmap
from torch.nn.utils.parametrizations import _WeightNorm

from seqcore.models.replica_layers import ReplicaOutputs, is_plain
from seqcore.models.replica_random import ReplicaRandom
from seqcore.models.state import State, carry_over, map_state

__all__ = [
    "Ensemble",
    "Folded",
    "Replicated",
    "as_single",
    "carried_state",
    "ensemble_mean",
    "mean_log_probability",
    "of_each",
    "replica_count",
]

Values = NDArray[np.float64]
Tree = Any  # None, a tensor, or a tuple of trees


class Replicated(nn.Module):
    """K models of one structure. Its `forward` gives the outputs of each for the same inputs, [K, ...].

    `flat[K, N]` holds the weights that are trained, a row for each replica; the parameters of `base`, [K, ...] each,
    are views of it. Frozen ones, which take no gradient, are apart from it: an optimizer never sees them.
    `state_dict` has the names of a single model, with stacked values. Buffers are those of the first model: they must
    not depend on the seed. `random` has the random numbers of each replica in training.
    """

    def __init__(self, models: Sequence[nn.Module], random: ReplicaRandom | None = None) -> None:
        super().__init__()
        self.count = len(models)
        self.random = random
        self.threads = 1  # that share the replicas in an evaluation where `ReplicaOutputs` computes it
        self._shared: ReplicaOutputs | None = None
        self._intercepts = False
        rows = [[p.detach().reshape(-1) for p in model.parameters() if p.requires_grad] for model in models]
        self.flat = torch.stack([torch.cat(row) for row in rows])
        every = [dict(model.named_parameters()) for model in models]
        self.base = copy.deepcopy(models[0])
        for module in self.base.modules():
            if type(module) is _WeightNorm:
                module.__class__ = _BatchedWeightNorm
        self._numbers = torch.arange(self.count, device=self.flat.device)
        self._places: list[tuple[dict[str, Any], str]] = []
        self.stacked: list[nn.Parameter] = []
        start = 0
        for name, parameter in list(self.base.named_parameters()):
            path, _, leaf = name.rpartition(".")
            owner, size = self.base.get_submodule(path), parameter.numel()
            if parameter.requires_grad:
                weights = self.flat[:, start : start + size].view(self.count, *parameter.shape)
                start += size
            else:
                weights = torch.stack([own[name].detach() for own in every])
            setattr(owner, leaf, nn.Parameter(weights, requires_grad=parameter.requires_grad))
            self._places.append((owner._parameters, leaf))
            self.stacked.append(getattr(owner, leaf))
        self.trained = [weights for weights in self.stacked if weights.requires_grad]

    @classmethod
    def untrained(cls, model: nn.Module, count: int) -> Replicated:
        """`count` equal replicas, for weights that are loaded afterwards."""
        return cls([model] * count)

    @property
    def usable(self) -> Tensor:
        """Which replicas have finite weights, bool [K]; all where none has."""
        finite = torch.isfinite(self.flat).all(dim=1)
        return finite if bool(finite.any()) else ~finite

    def alone(self, number: int) -> nn.Module:
        """A copy of one replica as a single model."""
        model = copy.deepcopy(self.base)
        for name, parameter in list(model.named_parameters()):
            path, _, leaf = name.rpartition(".")
            own = nn.Parameter(parameter.detach()[number].clone(), requires_grad=parameter.requires_grad)
            setattr(model.get_submodule(path), leaf, own)
        for module in model.modules():
            if type(module) is _BatchedWeightNorm:
                module.__class__ = _WeightNorm  # type: ignore[assignment]
        return model

    def run(self, function: Callable[..., Tree], *arguments: Tree, dim: int = 0) -> Tree:
        """`function(*arguments)` for each replica, under its own weights; trees in and out have replicas at `dim`."""
        if not self._intercepts:
            try:
                return self._run(function, arguments, dim)
            except RuntimeError as error:
                if "randomness" not in str(error) or self.random is None:
                    raise
                self._intercepts = True  # something draws random numbers: from now on they are those of each replica
        return self._run(function, arguments, dim)

    def _run(self, function: Callable[..., Tree], arguments: tuple[Tree, ...], dim: int) -> Tree:
        """As `torch.func.vmap`, without its trees of arguments, which take longer than the step of a small model."""
        lazy_load_decompositions()
        draws = self.random if self._intercepts and self.training else None
        with vmap_increment_nesting(self.count, "error") as level:

            def batched(tensor: Tensor) -> Tensor:
                return _add_batch_dim(tensor, dim, level)

            given = map_state(batched, arguments)
            weights = [_add_batch_dim(weight, 0, level) for weight in self.stacked]
            with self._weights(weights):
                if draws is None:
                    found = function(*given)
                else:
                    with draws.drawing(_add_batch_dim(self._numbers, 0, level)):
                        found = function(*given)
            return map_state(lambda tensor: _remove_batch_dim(tensor, level, self.count, dim), found)

    @contextmanager
    def _weights(self, weights: Sequence[Tensor]) -> Iterator[None]:
        """Within this block `base` has these weights, as in `torch.func.functional_call`, which takes longer."""
        for (owner, name), weight in zip(self._places, weights, strict=True):
            owner[name] = weight
        try:
            yield
        finally:
            for (owner, name), weight in zip(self._places, self.stacked, strict=True):
                owner[name] = weight

    def forward(self, inputs: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """Inputs [B, T, F] (or codes [B, T]) that all replicas share -> (outputs [K, B, ...], state [K, B, ...])."""
        if lengths is None and not torch.is_grad_enabled() and is_plain(self.base):
            if self._shared is None or self._shared.threads != self.threads:
                self._shared = ReplicaOutputs(self.base, self.count, self.threads)
            if (known := self._shared(inputs, state)) is not None:
                return known
        found: tuple[Tensor, State] = self.run(lambda state: self.base(inputs, state, lengths), state)
        return found

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, [K, B, ...]."""
        return self.run(lambda: self.base.initial_state(batch_size))  # type: ignore[operator]

    def state_dict(self, *arguments: Any, **options: Any) -> Any:
        """Stacked weights [K, ...] by the names of a single model."""
        return self.base.state_dict(*arguments, **options)

    def load_state_dict(self, *arguments: Any, **options: Any) -> Any:
        """The inverse of `state_dict`."""
        return self.base.load_state_dict(*arguments, **options)


class _BatchedWeightNorm(_WeightNorm):
    """Weight normalization by operations that `vmap` can batch."""

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """The magnitude g along one axis, and the direction v."""
        axes = [axis for axis in range(weight_v.dim()) if axis != self.dim]
        size: Tensor = torch.linalg.vector_norm(weight_v, dim=axes, keepdim=True)
        return weight_v * (weight_g / size)


class Folded(nn.Module):
    """Replicas as one model for batches in which each row belongs to one of them: [n * K, ...], the replica last."""

    def __init__(self, model: Replicated) -> None:
        super().__init__()
        self.model = model
        self.training = model.training

    def forward(self, inputs: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """[n * K, T, F] -> (outputs [n * K, ...], state [n * K, ...])."""
        given = map_state(lambda part: part.view(-1, self.model.count, *part.shape[1:]), (inputs, state, lengths))
        found = self.model.run(lambda x, before, ends: self.model.base(x, before, ends), *given, dim=1)
        folded: tuple[Tensor, State] = map_state(lambda part: part.flatten(0, 1), found)
        return folded

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, [n * K, ...]."""
        count = self.model.count
        state = self.model.run(lambda: self.model.base.initial_state(batch_size // count), dim=1)  # type: ignore[operator]
        return map_state(lambda part: part.flatten(0, 1), state)


class Ensemble(nn.Module):
    """The mean of the replicas' probabilities as one model of symbols or classes: its outputs are their logarithms.

    State: the replicas' states, [B, K, ...].
    """

    def __init__(self, model: Replicated) -> None:
        super().__init__()
        self.model = model
        self.training = model.training
        self.causal = bool(getattr(model.base, "causal", True))
        self._used = torch.nonzero(model.usable)[:, 0]

    def forward(self, inputs: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """-> (log probabilities [B, ...], state)."""
        outputs, state = self.model.run(lambda before: self.model.base(inputs, before, lengths), state, dim=1)
        return mean_log_probability(outputs[:, self._used], dim=1), state

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, [B, K, ...]."""
        return self.model.run(lambda: self.model.base.initial_state(batch_size), dim=1)  # type: ignore[operator]


def mean_log_probability(outputs: Tensor, *, dim: int) -> Tensor:
    """Logits [..., C] of replicas along `dim` -> the logarithm of the mean of their probabilities."""
    logs = torch.log_softmax(outputs, dim=-1)
    return logs.logsumexp(dim=dim) - torch.log(torch.tensor(float(outputs.shape[dim])))


def replica_count(model: nn.Module) -> int:
    """The number of replicas; 1 for a single model."""
    return model.count if isinstance(model, Replicated) else 1


def ensemble_mean(model: nn.Module, values: Values) -> Values:
    """The mean of what replicas predicted, [K, ...], without those whose weights are not finite."""
    if not isinstance(model, Replicated):
        return values
    mean: Values = values[model.usable.cpu().numpy()].mean(axis=0)
    return mean


def of_each(model: nn.Module, function: Callable[[Tensor], Tensor], outputs: Tensor) -> Tensor:
    """A function of a model's outputs, or of each replica's outputs, [K, ...] in and out."""
    if not isinstance(model, Replicated):
        return function(outputs)
    found: Tensor = vmap(function)(outputs)
    return found


def as_single(model: nn.Module) -> nn.Module:
    """A model of symbols or classes as it is; of replicas their ensemble."""
    return Ensemble(model) if isinstance(model, Replicated) else model


def carried_state(model: nn.Module, state: State, continues: NDArray[Any] | None) -> State:
    """As `carry_over`, for a single model or for replicas, whose state is [K, B, ...]."""
    if not isinstance(model, Replicated):
        return carry_over(model, state, continues)
    if state is None or continues is None or not continues.any():
        return None
    return model.run(lambda before: carry_over(model.base, before, continues), state)
