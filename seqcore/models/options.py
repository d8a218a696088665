"""Options of the RNN and the LSTM: apart from their implementation, so that describing them does not import torch."""

from __future__ import annotations

from seqcore.experiment.fields import Options, setting

__all__ = ["LSTMOptions", "RNNOptions"]


class RNNOptions(Options):
    """Fields that a plain RNN alone has."""

    nonlinearity: str = setting(
        "tanh",
        "Activation function of the hidden state.",
        choices=[("tanh", "tanh", "Output between -1 and 1."), ("relu", "ReLU", "max(0, x).")],
    )


class LSTMOptions(Options):
    """Fields that an LSTM alone has."""

    forget_bias: float = setting(
        1.0,
        "Initial bias of the forget gate; 1 keeps the cell state at the start of training.",
        minimum=-10.0,
        maximum=10.0,
    )
