"""Optimizers by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn, optim

from seqcore.experiment.config import TrainingConfig
from seqcore.models.without_compiler import leave_compiler_out

__all__ = ["OPTIMIZERS", "make_optimizer"]

OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": lambda p, c, **common: optim.SGD(p, momentum=c.momentum, nesterov=c.nesterov and c.momentum > 0.0, **common),
    "adam": lambda p, c, **common: optim.Adam(p, fused=True, **common),  # one kernel a step: faster on small models
    "adamw": lambda p, c, **common: optim.AdamW(p, fused=True, **common),
    "rmsprop": lambda p, c, **common: optim.RMSprop(p, momentum=c.momentum, **common),
    "nadam": lambda p, c, **common: optim.NAdam(p, **common),
    "adagrad": lambda p, c, **common: optim.Adagrad(p, **common),
}
"""Name -> optimizer of parameters, from the training section and what all optimizers are given."""


def make_optimizer(parameters: Iterable[nn.Parameter], config: TrainingConfig) -> optim.Optimizer:
    """The optimizer that `config` names, over these parameters.

    On an NVIDIA GPU step count and learning rate are tensors where the optimizer allows it, so that a step can be
    captured in a CUDA graph.
    """
    leave_compiler_out()
    weights = list(parameters)
    common: dict[str, Any] = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    if weights and weights[0].device.type == "cuda" and config.optimizer in _ON_GPU:
        rate = torch.tensor(config.learning_rate, device=weights[0].device)
        common |= {"lr": rate, **_ON_GPU[config.optimizer]}
    return OPTIMIZERS[config.optimizer](weights, config, **common)


_ON_GPU: dict[str, dict[str, bool]] = {
    "adam": {"capturable": True},
    "adamw": {"capturable": True},
    "nadam": {"capturable": True},
    "rmsprop": {"capturable": True},
    "sgd": {"fused": True},
}
