"""skorch: a NeuralNetRegressor around the tutorial's model."""

from __future__ import annotations

from typing import Any

import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from torch import nn

from benchmarks.frameworks.case import Case, Weights
from benchmarks.frameworks.session import Session
from benchmarks.frameworks.torch_model import TutorialModel, load

__all__ = ["train"]


class Turns(Callback):
    """Trains an epoch when told to. The loss of an epoch is in the history before this callback's turn."""

    def __init__(self, session: Session, steps: int) -> None:
        self.session, self.steps = session, steps

    def on_epoch_begin(self, net: NeuralNetRegressor, **_: Any) -> None:
        self.session.begin()

    def on_epoch_end(self, net: NeuralNetRegressor, **_: Any) -> None:
        self.session.end(self.steps, net.history[-1, "train_loss"])


def train(case: Case, weights: Weights, session: Session) -> None:
    """Train epoch after epoch, until the session has enough."""
    x, y = case.arrays()
    net = NeuralNetRegressor(
        TutorialModel,
        module__architecture=case.architecture,
        module__hidden_size=case.hidden_size,
        criterion=nn.MSELoss,
        optimizer=torch.optim.Adam,
        lr=case.learning_rate,
        batch_size=case.batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        callbacks=[("turns", Turns(session, case.steps))],
    ).initialize()
    load(net.module_.rnn, net.module_.head, weights)
    net.partial_fit(x, y, epochs=10**9)
