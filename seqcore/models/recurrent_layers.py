"""RNN, LSTM and GRU layers with the parameters of torch's, computed by own kernels where those are faster.

Parameters, their names, their first values and all options are those of `torch.nn.RNN`, `LSTM` and `GRU`, which these
classes extend, so that weights of one load into the other. `own_kernels` is the rule by which they choose.
"""

from __future__ import annotations

import warnings
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqcore.models.recurrent_cells import Weights
from seqcore.models.recurrent_function import run_layer, under_vmap

__all__ = ["GRULayers", "LSTMLayers", "RNNLayers", "RecurrentLayers", "own_kernels"]


def own_kernels(mode: str, x: Any, *, steps: int, lengths: bool) -> bool:
    """Whether the input x of so many steps goes through our kernels, otherwise through torch's, oneDNN's or cuDNN's.

    `mode` is that of `torch.nn.RNNBase`. Under `torch.func.vmap`, for which torch has no rule, always. On a GPU never,
    because cuDNN is faster. On a CPU in float32 as measured by `benchmarks/layer_time.py`: short sequences are faster
    in torch, which has less to prepare, and those of an LSTM in oneDNN, which has more.
    """
    if under_vmap():
        return True
    if not isinstance(x, Tensor) or x.dim() != 3 or x.device.type != "cpu" or 0 in x.shape:
        return False
    if torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling():
        return False
    if lengths or x.dtype != torch.float32:
        return True
    if mode == "LSTM":
        return steps == 1
    if mode == "GRU":
        return steps >= (3 if torch.is_grad_enabled() else 10)
    return steps >= (3 if torch.is_grad_enabled() else 1)


class RecurrentLayers(nn.RNNBase):
    """What the three share: `forward` of torch's layers with lengths and with other weights.

    A base beside one of torch's classes, `class _(RecurrentLayers, nn.GRU)`.
    """

    def forward(
        self,
        x: Any,
        state: Any = None,
        lengths: Tensor | None = None,
        weights: dict[str, Tensor] | None = None,
    ) -> tuple[Any, Any]:
        """x[B, T, F] with `batch_first`, else [T, B, F] -> (y[B, T, directions * D] or [T, B, ...], final state).

        State and final state are torch's: [num_layers * directions, B, D], for an LSTM (h, c) of those. With
        `lengths[B]`, y is 0 beyond a length, and the final state is that after a row's own last step. `weights`
        replaces parameters by name. What else torch's layers take, such as a packed sequence, goes to them.
        """
        steps = x.shape[1 if self.batch_first else 0] if isinstance(x, Tensor) and x.dim() == 3 else 0
        if own_kernels(self.mode, x, steps=steps, lengths=lengths is not None) and self.proj_size == 0:
            return self._run(x, state, lengths, weights or {})
        if weights:
            with warnings.catch_warnings():  # on a GPU: that these new weights are not contiguous in memory
                warnings.filterwarnings("ignore", message="RNN module weights are not part of single contiguous chunk")
                return cast(tuple[Any, Any], functional_call(self, weights, (x, state, lengths)))
        if lengths is None:
            return cast(tuple[Any, Any], super().forward(x, state))
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=self.batch_first, enforce_sorted=False)
        y, state = super().forward(packed, state)
        return pad_packed_sequence(y, batch_first=self.batch_first, total_length=steps)[0], state

    def _run(
        self, x: Tensor, state: Any, lengths: Tensor | None, other_weights: dict[str, Tensor]
    ) -> tuple[Tensor, Any]:
        """By our kernels."""
        if x.dim() != 3 or x.shape[-1] != self.input_size:
            raise RuntimeError(f"the input must be [., ., {self.input_size}], got {list(x.shape)}")
        found: dict[str, Any] = {**self._parameters, **other_weights} if other_weights else self._parameters
        parts: Any = None if state is None else [p.unbind(0) for p in (state if isinstance(state, tuple) else (state,))]
        if lengths is not None:
            lengths = lengths.to(x.device)
        y, final = x.transpose(0, 1) if self.batch_first else x, []
        directions = 2 if self.bidirectional else 1
        for layer in range(self.num_layers):
            if layer > 0 and self.dropout and self.training:
                y = nn.functional.dropout(y, self.dropout)
            ways = []
            for way in range(directions):
                index = layer * directions + way
                weights = Weights(*(found.get(name) for name in self._names(index)))  # type: ignore[arg-type]
                own = None if parts is None else [part[index] for part in parts]
                outputs, end = run_layer(self.mode, y, own, weights, lengths, reverse=way == 1)
                ways.append(outputs)
                final.append(end)
            y = ways[0] if directions == 1 else torch.cat(ways, -1)
        ends = tuple(each[0][None] if len(each) == 1 else torch.stack(each) for each in zip(*final, strict=True))
        return y.transpose(0, 1) if self.batch_first else y, ends if self.mode == "LSTM" else ends[0]

    def _names(self, index: int) -> list[str]:
        names = self._all_weights[index]
        return names if self.bias else [*names, "", ""]


class RNNLayers(RecurrentLayers, nn.RNN):
    """`torch.nn.RNN`, either nonlinearity."""


class GRULayers(RecurrentLayers, nn.GRU):
    """`torch.nn.GRU`."""


class LSTMLayers(RecurrentLayers, nn.LSTM):
    """`torch.nn.LSTM`."""
