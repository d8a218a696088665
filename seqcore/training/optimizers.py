"""Optimizers by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import nn, optim

from seqcore.experiment.config import TrainingConfig

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
    """The optimizer that `config` names, over these parameters."""
    make = OPTIMIZERS[config.optimizer]
    return make(list(parameters), config, lr=config.learning_rate, weight_decay=config.weight_decay)
