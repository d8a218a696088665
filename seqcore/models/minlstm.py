"""minLSTM: an LSTM whose gates depend on the input alone and add up to 1, so that all steps are computed at once.

Feng, Tung, Ahmed, Bengio and Hajimirsadegh 2024, "Were RNNs All We Needed?", with the positive candidates of its
log-space form:

    f_t = sigmoid(W_f x_t)    i_t = sigmoid(W_i x_t)    c_t = g(W_h x_t)
    h_t = f'_t h_{t-1} + i'_t c_t    with f'_t = f_t / (f_t + i_t) and i'_t = i_t / (f_t + i_t)

g is that of minGRU. There is neither an output gate nor a cell state beside the hidden state.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from seqcore.models.architecture import Probe
from seqcore.models.equations import Equation, affine
from seqcore.models.mingru import MinGRU, positive

__all__ = ["MinLSTM"]


class MinLSTM(MinGRU):
    """Stacked minLSTM layers with dropout between them. State: the hidden states of all layers, [B, num_layers, D]."""

    title = "minLSTM"
    parts = 3  # forget gate, input gate and candidate
    letters = "fic"
    equations = (
        affine("forget_log", "Log of the forget gate", "f", "log σ", (("W", "x_t"),)),
        affine("input_log", "Log of the input gate", "i", "log σ", (("W", "x_t"),)),
        affine("candidate", "Candidate", "c", "g", (("W", "x_t"),)),
        Equation("forget_gate", "Forget gate, normalized", "f′_t", "σ", (("f_t",), ("−i_t",))),
        Equation("input_gate", "Input gate, normalized", "i′_t", "", (("1 − f′_t",),)),
        Equation("hidden_state", "Hidden state", "h_t", "", (("f′_t", "h_{t-1}"), ("i′_t", "c_t"))),
    )

    def gates(self, projected: Tensor) -> tuple[Tensor, Tensor, Probe]:
        """See `MinGRU`. The gates that are returned are the normalized ones.

        f' = sigmoid(log f - log i): the same as the quotient, and without 0 / 0 where both gates are closed.
        """
        forget, entering, candidate = projected.chunk(3, dim=2)
        kept = torch.sigmoid(logsigmoid(forget) - logsigmoid(entering))
        new = 1.0 - kept
        return kept, new * positive(candidate), {"forget_gate": kept, "input_gate": new}
