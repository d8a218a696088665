"""The model as a PyTorch tutorial writes it, for the frameworks that train an `nn.Module`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.frameworks.case import Case, Weights

__all__ = ["TutorialModel", "load"]

LAYERS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class TutorialModel(nn.Module):
    """x[B, T, 1] -> [B, 1]."""

    def __init__(self, architecture: str, hidden_size: int) -> None:
        super().__init__()
        self.rnn = LAYERS[architecture](1, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The prediction from the last step."""
        y, _ = self.rnn(x)  # [B, T, D]
        return self.head(y[:, -1])


def load(rnn: nn.Module, head: nn.Module, weights: Weights) -> None:
    """Copy initial weights into the two layers."""
    with torch.no_grad():
        for layer, prefix in ((rnn, ""), (head, "head.")):
            for name, parameter in layer.named_parameters():
                parameter.copy_(torch.from_numpy(weights[prefix + name]))


def tutorial_model(case: Case, weights: Weights) -> TutorialModel:
    """The model with its initial weights."""
    model = TutorialModel(case.architecture, case.hidden_size)
    load(model.rnn, model.head, weights)
    return model
