"""Options of the architectures: apart from the implementations, so that describing them does not import torch."""

from __future__ import annotations

from typing import cast

from seqcore.experiment.config import ModelConfig
from seqcore.experiment.fields import OptionalInt, Options, Section, setting

__all__ = ["LSTMOptions", "NLinearOptions", "RNNOptions", "SLSTMOptions", "TCNOptions", "TransformerOptions"]


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


class TCNOptions(Options):
    """Fields that a TCN alone has."""

    kernel_size: int = setting(3, "Time steps that each convolution reads.", minimum=2, maximum=64, unit="steps")
    blocks: OptionalInt = setting(
        None,
        "Residual blocks of a layer, with dilations 1, 2, 4, ... Empty: enough for the receptive field to cover the "
        "window.",
        minimum=1,
        maximum=16,
    )


class NLinearOptions(Options):
    """Fields that an NLinear alone has."""

    subtract_last: bool = setting(True, "Subtract the last value of the window and add it to the forecast.")


class SLSTMOptions(Options):
    """Fields that an sLSTM alone has."""

    heads: OptionalInt = setting(
        None,
        "Heads of each layer; recurrent weights connect units of the same head only. Empty: 4, or fewer where they "
        "don't divide the hidden size.",
        minimum=1,
        maximum=4096,
    )
    forget_gate: str = setting(
        "sigmoid",
        "Activation function of the forget gate.",
        choices=[("sigmoid", "Sigmoid", "Between 0 and 1."), ("exponential", "Exponential", "Above 0.")],
    )
    forget_bias: float = setting(
        3.0,
        "Initial bias of the forget gate; a high one keeps the cell state at the start of training.",
        minimum=-10.0,
        maximum=10.0,
    )

    def conflicts(self, section: Section) -> dict[str, str]:
        """Heads that don't divide the hidden size."""
        size, heads = cast(ModelConfig, section).hidden_size, self.heads
        if heads is None or size % heads == 0:
            return {}
        near = sorted((n for n in range(1, size + 1) if size % n == 0), key=lambda n: abs(n - heads))[:4]
        allowed = ", ".join(map(str, sorted(near)))
        return {"heads": f"{heads} heads don't divide the hidden size of {size}; use one of {allowed}"}


class TransformerOptions(Options):
    """Fields that a Transformer alone has."""

    heads: int = setting(
        4, "Attention heads of each layer; features that they don't divide are rounded up.", minimum=1, maximum=64
    )
    attention_window: OptionalInt = setting(
        None,
        "Steps that each layer attends to, the current one included; the cache holds the others. Empty: as many as the "
        "window.",
        minimum=1,
        maximum=10_000,
        unit="steps",
    )
