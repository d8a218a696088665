"""What the training section says reaches torch's optimizers."""

from __future__ import annotations

import pytest
import torch
from torch import nn, optim

from seqcore.experiment.config import TrainingConfig
from seqcore.training.optimizers import OPTIMIZERS, make_optimizer

CLASSES = {
    "sgd": optim.SGD, "adam": optim.Adam, "adamw": optim.AdamW, "rmsprop": optim.RMSprop, "nadam": optim.NAdam,
    "adagrad": optim.Adagrad,
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_has_the_fields_that_apply_to_it(name: str) -> None:
    config = TrainingConfig(optimizer=name, learning_rate=0.03, weight_decay=0.2, momentum=0.7, nesterov=True)
    made = make_optimizer([nn.Parameter(torch.zeros(3))], config)
    assert type(made) is CLASSES[name]
    group = made.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (0.03, 0.2)
    if name in ("sgd", "rmsprop"):
        assert group["momentum"] == 0.7
    if name == "sgd":
        assert group["nesterov"] is True


def test_nesterov_needs_momentum() -> None:
    made = make_optimizer([nn.Parameter(torch.zeros(3))], TrainingConfig(optimizer="sgd"))
    assert (made.param_groups[0]["nesterov"], made.param_groups[0]["momentum"]) == (False, 0.0)
