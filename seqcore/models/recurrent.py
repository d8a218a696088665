"""The recurrent networks: RNN (Elman 1990), LSTM (Hochreiter and Schmidhuber 1997), GRU (Cho et al. 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

if TYPE_CHECKING:
    from seqcore.config import ModelConfig

__all__ = ["GRU", "LSTM", "RNN", "State"]

State = Any  # one tensor [num_layers * directions, B, D], or a tuple of such tensors; opaque to everyone else


class _Recurrent(nn.Module):
    """What the three share: packing, and how many numbers a step gives."""

    def __init__(self, network: nn.RNNBase) -> None:
        super().__init__()
        self.network = network
        self.output_size = network.hidden_size * (2 if network.bidirectional else 1)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """x[B, T, F], lengths[B] (None: all T) -> (y[B, T, output_size], state). Steps beyond a length give 0."""
        if lengths is None:
            y, state = self.network(x, state)
            return y, state
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        y, state = self.network(packed, state)
        return pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0], state


def _common(config: ModelConfig) -> dict[str, Any]:
    return {
        "hidden_size": config.hidden_size,
        "num_layers": config.num_layers,
        "dropout": config.dropout if config.num_layers > 1 else 0.0,
        "bidirectional": config.bidirectional,
        "batch_first": True,
    }


class RNN(_Recurrent):
    """Elman's network: h_t = f(W x_t + U h_{t-1} + b), f being tanh or ReLU."""

    def __init__(self, input_size: int, config: ModelConfig) -> None:
        super().__init__(nn.RNN(input_size, nonlinearity=config.nonlinearity, **_common(config)))


class GRU(_Recurrent):
    """Gated recurrent unit, in torch's (cuDNN's) form."""

    def __init__(self, input_size: int, config: ModelConfig) -> None:
        super().__init__(nn.GRU(input_size, **_common(config)))


class LSTM(_Recurrent):
    """Long short-term memory with a forget gate, whose bias starts at `forget_bias` (Jozefowicz et al. 2015)."""

    def __init__(self, input_size: int, config: ModelConfig) -> None:
        super().__init__(nn.LSTM(input_size, **_common(config)))
        size = config.hidden_size
        with torch.no_grad():
            for name, parameter in self.network.named_parameters():
                # torch adds two biases and orders the gates input, forget, cell, output
                if name.startswith("bias_ih"):
                    parameter[size : 2 * size] = config.forget_bias
                elif name.startswith("bias_hh"):
                    parameter[size : 2 * size] = 0.0
