"""The recurrent networks: RNN (Elman 1990), LSTM (Hochreiter and Schmidhuber 1997), GRU (Cho et al. 2014)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from seqcore.models.options import LSTMOptions, RNNOptions

if TYPE_CHECKING:
    from seqcore.experiment.config import ModelConfig

__all__ = ["GRU", "LSTM", "RNN", "State"]

State = Any  # one tensor [num_layers * directions, B, D], or a tuple of such tensors; opaque to everyone else


class _Recurrent(nn.Module):
    """What the three share: packing, how many numbers a step gives, and weights that are dropped.

    `recurrent_dropout` drops weights of each layer's D by D matrices while training, the same ones at all steps of a
    window, so that what is remembered is not disturbed on its way through time (Wan et al. 2013; Merity, Keskar and
    Socher 2018).
    """

    def __init__(self, network: nn.RNNBase, config: ModelConfig) -> None:
        super().__init__()
        self.network = network
        self.recurrent_dropout = config.recurrent_dropout
        self.output_size = network.hidden_size * (2 if network.bidirectional else 1)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """x[B, T, F], lengths[B] (None: all T) -> (y[B, T, output_size], state). Steps beyond a length give 0."""
        if lengths is None:
            y, state = self._run(x, state)
            return y, state
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        y, state = self._run(packed, state)
        return pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0], state

    def _run(self, x: Tensor | PackedSequence, state: State) -> tuple[Any, State]:
        """The network, with fewer weights while it trains."""
        if not (self.training and self.recurrent_dropout):
            return cast(tuple[Any, State], self.network(x, state))
        thinned = {
            name: nn.functional.dropout(weight, self.recurrent_dropout)
            for name, weight in self.network.named_parameters()
            if name.startswith("weight_hh")
        }
        with warnings.catch_warnings():  # on a GPU: that these weights, being new, don't lie side by side in memory
            warnings.filterwarnings("ignore", message="RNN module weights are not part of single contiguous chunk")
            return cast(tuple[Any, State], functional_call(self.network, thinned, (x, state)))


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
        super().__init__(
            nn.RNN(input_size, nonlinearity=RNNOptions(**config.options).nonlinearity, **_common(config)), config
        )


class GRU(_Recurrent):
    """Gated recurrent unit, in torch's (cuDNN's) form."""

    def __init__(self, input_size: int, config: ModelConfig) -> None:
        super().__init__(nn.GRU(input_size, **_common(config)), config)


class LSTM(_Recurrent):
    """Long short-term memory with a forget gate, whose bias starts at `forget_bias` (Jozefowicz et al. 2015)."""

    def __init__(self, input_size: int, config: ModelConfig) -> None:
        super().__init__(nn.LSTM(input_size, **_common(config)), config)
        size, forget_bias = config.hidden_size, LSTMOptions(**config.options).forget_bias
        with torch.no_grad():
            for name, parameter in self.network.named_parameters():
                # torch adds two biases and orders the gates input, forget, cell, output
                if name.startswith("bias_ih"):
                    parameter[size : 2 * size] = forget_bias
                elif name.startswith("bias_hh"):
                    parameter[size : 2 * size] = 0.0
