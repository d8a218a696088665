"""Lightning: a LightningModule and a Trainer without logger, checkpoints and progress bar."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.frameworks.case import Case, Weights
from benchmarks.frameworks.session import Session
from benchmarks.frameworks.torch_model import tutorial_model

__all__ = ["train"]


class TutorialModule(lightning.LightningModule):
    """The tutorial's model with its training step; the loss of an epoch is logged."""

    def __init__(self, model: nn.Module, learning_rate: float) -> None:
        super().__init__()
        self.model, self.learning_rate = model, learning_rate
        self.criterion = nn.MSELoss()

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        inputs, targets = batch
        loss = self.criterion(self.model(inputs), targets)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)


class Turns(Callback):
    """Trains an epoch when told to."""

    def __init__(self, session: Session, steps: int) -> None:
        self.session, self.steps = session, steps

    def on_train_epoch_start(self, *_: Any) -> None:
        self.session.begin()

    def on_train_epoch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        self.session.end(self.steps, float(trainer.callback_metrics["train_loss"]))


def train(case: Case, weights: Weights, session: Session) -> None:
    """Train epoch after epoch, until the session has enough."""
    x, y = map(torch.from_numpy, case.arrays())
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Turns(session, case.steps)],
    )
    loader = DataLoader(TensorDataset(x, y), batch_size=case.batch_size, shuffle=True)
    trainer.fit(TutorialModule(tutorial_model(case, weights), case.learning_rate), loader)
