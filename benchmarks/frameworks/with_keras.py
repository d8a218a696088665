"""Keras 3: SimpleRNN, LSTM or GRU and Dense; the backend is that of KERAS_BACKEND."""

from __future__ import annotations

from typing import Any

import keras

from benchmarks.frameworks.case import Case, Weights
from benchmarks.frameworks.keras_weights import keras_weights
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
