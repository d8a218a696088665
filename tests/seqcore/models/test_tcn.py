"""Weights of a TCN at the start of training."""

from __future__ import annotations

import torch

from seqcore.experiment.config import ModelConfig
from seqcore.models.architecture import ModelContext
from seqcore.models.tcn import TCN


def test_what_a_far_input_changes_is_not_lost_at_the_start() -> None:
    """With weights of a standard deviation of 0.01, nothing of an input 100 steps back would be left to learn from."""
    for seed in range(5):
        torch.manual_seed(seed)
        net = TCN(ModelContext(2, 100), ModelConfig(architecture="tcn", hidden_size=24, options={"kernel_size": 6}))
        x = torch.randn(16, 100, 2, requires_grad=True)
        net(x)[0][:, -1].square().sum().backward()
        assert x.grad is not None
        size = x.grad.abs().mean(dim=(0, 2))  # [T]
        assert size[:50].mean() > 1e-3 * size[-1]
