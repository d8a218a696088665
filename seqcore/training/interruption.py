"""Let a model refuse to go on: how a scoring that takes long ends soon, whichever task is in the midst of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

__all__ = ["EvaluationInterrupted", "interruptible"]


class EvaluationInterrupted(Exception):
    """Raised out of a model that was told to refuse. Never a user's mistake: whoever told it so catches it."""


@contextmanager
def interruptible(model: nn.Module, wanted: Callable[[], bool]) -> Iterator[None]:
    """Raise EvaluationInterrupted at the first pass through any of the model's layers at which `wanted()` is true.

    Its training mode is as before afterwards.
    """
    training = model.training

    def refuse(*_: Any) -> None:
        if wanted():
            raise EvaluationInterrupted

    hooks = [layer.register_forward_pre_hook(refuse) for layer in model.modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        model.train(training)
