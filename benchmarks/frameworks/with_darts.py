"""darts: a BlockRNNModel, whose recurrent and linear layers are those of the tutorial's model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from darts import TimeSeries
from darts.models import BlockRNNModel
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from benchmarks.frameworks.case import Case, Weights
from benchmarks.frameworks.session import Session
from benchmarks.frameworks.torch_model import load

__all__ = ["train"]


class Turns(Callback):
    """Copies the initial weights, then trains an epoch when told to. darts logs the loss of the last batch alone."""

    def __init__(self, session: Session, weights: Weights) -> None:
        self.session, self.weights = session, weights
        self.losses: list[Tensor] = []

    def __deepcopy__(self, memo: Any) -> Turns:
        return self  # darts copies its arguments; pipes can't be copied

    def on_train_start(self, trainer: Trainer, module: Any) -> None:
        load(module.rnn, module.fc[-1], self.weights)

    def on_train_epoch_start(self, *_: Any) -> None:
        self.losses = []
        self.session.begin()

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, *_: Any) -> None:
        self.losses.append(outputs["loss"])

    def on_train_epoch_end(self, *_: Any) -> None:
        self.session.end(len(self.losses), float(torch.stack(self.losses).mean()))


def train(case: Case, weights: Weights, session: Session) -> None:
    """Train epoch after epoch, until the session has enough."""
    model = BlockRNNModel(
        model=case.architecture.upper(),
        input_chunk_length=case.window,
        output_chunk_length=1,
        hidden_dim=case.hidden_size,
        n_rnn_layers=1,
        batch_size=case.batch_size,
        n_epochs=10**9,
        optimizer_kwargs={"lr": case.learning_rate},
        pl_trainer_kwargs={
            "accelerator": "cpu",
            "logger": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "callbacks": [Turns(session, weights)],
        },
    )
    model.fit(TimeSeries.from_values(case.series.astype(np.float32)))
