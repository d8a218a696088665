"""Keras 3: SimpleRNN, LSTM or GRU and Dense; the backend is that of KERAS_BACKEND.

torch's LSTM and RNN have two biases, Keras's one: their sum. Both are trained in torch, so that the sum moves twice as
far in a step of Adam. Keras's GRU with `reset_after` (the default) has the two biases and the equations of torch's.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from benchmarks.frameworks.case import Case, Weights
from benchmarks.frameworks.session import Session

__all__ = ["train"]

LAYERS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


class Turns(keras.callbacks.Callback):
    """Trains an epoch when told to."""

    def __init__(self, session: Session, steps: int) -> None:
        super().__init__()
        self.session, self.steps = session, steps

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.session.begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.session.end(self.steps, float(logs["loss"]))


def keras_weights(architecture: str, weights: Weights) -> list[Any]:
    """Kernel [F, gates * D], recurrent kernel [D, gates * D] and bias from torch's [gates * D, F] and so on.

    The order of an LSTM's gates is the same; a GRU's are reset, update, new in torch, and update, reset, new in Keras.
    """
    found = [weights[f"{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    if architecture == "gru":
        size = found[1].shape[1]
        found = [np.concatenate([part[size : 2 * size], part[:size], part[2 * size :]]) for part in found]
    kernel, recurrent, bias_x, bias_h = found
    bias = np.stack([bias_x, bias_h]) if architecture == "gru" else bias_x + bias_h
    return [kernel.T, recurrent.T, bias]


def train(case: Case, weights: Weights, session: Session) -> None:
    """Train epoch after epoch, until the session has enough."""
    x, y = case.arrays()
    recurrent = LAYERS[case.architecture](case.hidden_size)
    head = keras.layers.Dense(1)
    model = keras.Sequential([keras.Input((case.window, 1)), recurrent, head])
    recurrent.set_weights(keras_weights(case.architecture, weights))
    head.set_weights([weights["head.weight"].T, weights["head.bias"]])
    model.compile(optimizer=keras.optimizers.Adam(case.learning_rate, epsilon=1e-8), loss="mse")
    model.fit(
        x, y, batch_size=case.batch_size, epochs=10**9, shuffle=True, verbose=0, callbacks=[Turns(session, case.steps)]
    )
