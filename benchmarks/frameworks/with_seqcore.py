"""This project, headless: `seqcore.fit`. Its initial weights are those that all others start from."""

from __future__ import annotations

import time
from itertools import count

import numpy as np

from benchmarks.frameworks.case import Case, Weights
from benchmarks.frameworks.session import Session
from seqcore.events import CheckpointReady, Epoch, Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.training.checkpoint import unpack
from seqcore.training.control import Control
from seqcore.training.fit import fit

__all__ = ["initial_weights", "train", "train_whole_epochs"]

VALIDATION = 0.2
EPOCHS = 100_000  # more than are trained


def experiment_of(case: Case, *, validation: float = 0.0) -> Experiment:
    """The case as an experiment."""
    return Experiment.make(
        {
            "data": {
                "window": case.window, "scaling": "none", "validation_fraction": validation, "test_fraction": 0.0,
            },
            "model": {"architecture": case.architecture, "hidden_size": case.hidden_size},
            "training": {
                "optimizer": "adam", "learning_rate": case.learning_rate, "batch_size": case.batch_size,
                "epochs": EPOCHS, "clip_norm": 0.0, "device": case.device, "threads": 1,
            },
        }
    )  # fmt: skip


def series_of(case: Case, validation: float) -> np.ndarray:
    """The values [N, 1], of which the training split has the windows of the case."""
    length = next(n for n in count(len(case.series)) if n - round(validation * n) == len(case.series))
    return np.sin(0.1 * np.arange(length))[:, None]


def initial_weights(case: Case) -> Weights:
    """Those of the experiment's seed, read from a checkpoint before the first step."""
    control = Control()
    control.save()
    for event in fit(experiment_of(case), data=series_of(case, 0.0), control=control):
        if isinstance(event, CheckpointReady):
            tensors = unpack(event.content).group("model")
            return {
                name if name.startswith("head.") else name.rpartition(".")[2]: tensor.numpy()
                for name, tensor in tensors.items()
            }
    raise AssertionError("fit made no checkpoint")


def clocks() -> np.ndarray:
    """Wall and CPU time in seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def train(case: Case, weights: Weights, session: Session, *, whole: bool = False) -> None:
    """Train epoch after epoch, until the session has enough.

    The time of steps is what they take with batching, recording and events; previews and evaluation are left out,
    because the others have none. `whole` is a whole epoch as people train it: with a validation split, its scores, the
    previews and the checkpoints.
    """
    validation = VALIDATION if whole else 0.0
    steps, spent, before = 0, np.zeros(2), clocks()
    begun = False
    for event in fit(experiment_of(case, validation=validation), data=series_of(case, validation)):
        now = clocks()
        if isinstance(event, Started):
            check_size(case, event)
            session.begin()
            begun = True
        elif (whole and begun) or isinstance(event, Steps):
            spent += now - before
            steps += len(event.loss) if isinstance(event, Steps) else 0
        if isinstance(event, Epoch):
            wall, computing = spent.tolist()
            session.end(steps, event.metrics["train_loss"], seconds=wall, cpu=computing)
            session.begin()
            steps, spent = 0, np.zeros(2)
        before = clocks()


def check_size(case: Case, event: Started) -> None:
    """The training windows must be those of the others."""
    if event.split_sizes["train"] != case.windows:
        raise ValueError(f"{event.split_sizes['train']} training windows instead of {case.windows}")


def train_whole_epochs(case: Case, weights: Weights, session: Session) -> None:
    """See `train`."""
    train(case, weights, session, whole=True)
