"""Dropout of a model, which may change while it is trained."""

from __future__ import annotations

from torch import nn

__all__ = ["RecurrentDropout", "set_dropout"]


class RecurrentDropout(nn.Dropout):
    """Dropout of state-to-state weights, `model.recurrent_dropout`."""


def set_dropout(model: nn.Module, *, dropout: float, recurrent_dropout: float) -> None:
    """Set `model.dropout` and `model.recurrent_dropout` of a model that was built with other values.

    Every `RecurrentDropout` has the second, every `nn.Dropout` and torch's recurrent layers the first. Replicas have
    the same values.
    """
    for module in model.modules():
        if isinstance(module, RecurrentDropout):
            module.p = recurrent_dropout
        elif isinstance(module, nn.Dropout):
            module.p = dropout
        elif isinstance(module, nn.RNNBase):
            module.dropout = dropout if module.num_layers > 1 else 0.0
