"""Random numbers of replicas: each draws what it would draw if it were trained alone.

Dropout, word dropout and augmentation draw from torch's global random state. While replicas run as one batched model,
these calls are intercepted, and each replica draws from a generator of its own, which continues from its
initialization.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

__all__ = ["ReplicaRandom"]

Draw = Callable[[Sequence[int], torch.Generator], Tensor]


class ReplicaRandom:
    """K generators. `states` are those of torch's global generator after each replica's initialization.

    Replicas may have batches of different sizes, padded to a common one. `sizes` says then how large the batches are
    by their padded size, {padded: [size of each replica]}, so that each replica draws as many numbers as alone.
    """

    def __init__(self, states: Sequence[Tensor], seeds: Sequence[int], device: torch.device) -> None:
        self._device = device
        self._generators = [torch.Generator(device) for _ in states]
        if device.type == "cpu":
            self.restore(states)
        else:
            for generator, seed in zip(self._generators, seeds, strict=True):
                generator.manual_seed(seed)
        self.sizes: Mapping[int, Sequence[int]] = {}

    def states(self) -> list[Tensor]:
        """The state of each generator."""
        return [generator.get_state() for generator in self._generators]

    def restore(self, states: Sequence[Tensor]) -> None:
        """The inverse of `states`."""
        for generator, state in zip(self._generators, states, strict=True):
            generator.set_state(state)

    @contextmanager
    def drawing(self, number: Tensor) -> Iterator[None]:
        """Within this block, which runs under `vmap`, random numbers are those of the replica with this number."""
        with _Intercepted(self, number):
            yield

    def draw(self, shape: Sequence[int], draw: Draw) -> Tensor:
        """[K, *shape]: what `draw` gives each replica, zeros where its batch is padded."""
        if not any(size in self.sizes for size in shape):
            return torch.stack([draw(shape, generator) for generator in self._generators])
        drawn = []
        for number, generator in enumerate(self._generators):
            own = [self.sizes[size][number] if size in self.sizes else size for size in shape]
            values = draw(own, generator)
            padded = values.new_zeros(tuple(shape))
            padded[tuple(slice(size) for size in own)] = values
            drawn.append(padded)
        return torch.stack(drawn)


class _Intercepted(TorchFunctionMode):
    """Takes the place of torch's random functions that models use."""

    def __init__(self, random: ReplicaRandom, number: Tensor) -> None:
        super().__init__()
        self._random, self._number = random, number

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is functional.dropout:
            return self._dropout(*args, **kwargs)
        if func in (torch.rand, torch.randn):
            return self._numbers(func, args, **kwargs)
        return func(*args, **kwargs)

    def _dropout(self, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        """As torch's on a CPU: a mask of 0 and 1 / (1 - p), drawn in the order of the values in memory."""
        if p == 0.0 or not training or x.numel() == 0:
            return x
        order = sorted(range(x.dim()), key=lambda axis: -x.stride()[axis])
        keep = 1.0 - p

        def mask(shape: Sequence[int], generator: torch.Generator) -> Tensor:
            drawn = torch.empty(tuple(shape), dtype=x.dtype, device=x.device).bernoulli_(keep, generator=generator)
            return drawn.div_(keep) if keep > 0.0 else drawn

        drawn = self._drawn([x.shape[axis] for axis in order], mask)
        return x * drawn.permute([order.index(axis) for axis in range(x.dim())])

    def _numbers(self, func: Any, size: tuple[Any, ...], **options: Any) -> Tensor:
        shape = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
        return self._drawn(shape, lambda own, generator: func(*own, generator=generator, **options))

    def _drawn(self, shape: Sequence[int], draw: Draw) -> Tensor:
        drawn: Tensor = _Drawn.apply(self._number, lambda: self._random.draw(shape, draw))  # type: ignore[no-untyped-call]
        return drawn


class _Drawn(torch.autograd.Function):
    """What a function gives for all replicas, [K, ...], as the batched tensor of each one's part."""

    @staticmethod
    def forward(number: Tensor, draw: Callable[[], Tensor]) -> Tensor:
        """Never reached: `number` is always batched."""
        raise NotImplementedError("random numbers of replicas are drawn under vmap alone")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """No gradient."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, number: Tensor, draw: Callable[[], Tensor]) -> tuple[Tensor, int]:
        """The rule: what is drawn has replicas along its first axis."""
        return draw(), 0
