"""minGRU: a gated recurrence without dependence of the gates on the state, trained with a parallel scan.

Feng, Tung, Ahmed, Bengio and Hajimirsadegh 2024, "Were RNNs All We Needed?", in its log-space form:

    z_t = sigmoid(W_z x_t)    c_t = g(W_h x_t)    h_t = (1 - z_t) h_{t-1} + z_t c_t

where g(v) = v + 0.5 for v >= 0 and sigmoid(v) below, so that every state is positive and has a logarithm.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from seqcore.experiment.config import ModelConfig
from seqcore.models.architecture import Architecture, LayerRow, ModelContext, Probe, inside, last_step, layer_row
from seqcore.models.state import State

__all__ = ["MinGRU"]

_CHUNK = 64  # steps of one scan: logarithms of longer products lose precision in float32
_INITIAL = 0.5  # g(0), the state of a layer before its first step


class MinGRU(Architecture):
    """Stacked minGRU layers with dropout between them. State: the hidden states of all layers, [B, num_layers, D]."""

    def __init__(self, context: ModelContext, config: ModelConfig) -> None:
        super().__init__()
        self.output_size = size = config.hidden_size
        inputs = [context.input_size] + [size] * (config.num_layers - 1)
        self.projections = nn.ModuleList(nn.Linear(features, 2 * size) for features in inputs)  # gate and candidate
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """See `Architecture`. All steps of a layer at once: a scan over chunks of steps."""
        before = self.initial_state(len(x)) if state is None else state
        last = []
        for layer, projection in enumerate(self.projections):
            gate, candidate = projection(x if layer == 0 else self.dropout(x)).chunk(2, dim=2)
            x = _scan(gate, candidate, before[:, layer])
            last.append(last_step(x, lengths))
        if lengths is not None:
            x = x * inside(lengths, x.shape[1], x.device)[..., None]
        return x, torch.stack(last, dim=1)

    def initial_state(self, batch_size: int) -> State:
        """0.5 everywhere, [B, num_layers, D]: a state must be positive."""
        weight = next(self.parameters())
        return weight.new_full((batch_size, len(self.projections), self.output_size), _INITIAL)

    def layers(self) -> list[LayerRow]:
        """One row for each layer."""
        shape = f"[B, T, {self.output_size}]"
        return [layer_row(f"layer {i}", layer, shape, "minGRU") for i, layer in enumerate(self.projections, 1)]

    @torch.no_grad()
    def probe(self, x: Tensor) -> Probe:
        """States and update gates, [B, T, num_layers, D]."""
        states, gates = [], []
        before = self.initial_state(len(x))
        for layer, projection in enumerate(self.projections):
            gate, candidate = projection(x).chunk(2, dim=2)
            x = _scan(gate, candidate, before[:, layer])
            states.append(x)
            gates.append(torch.sigmoid(gate))
        return {"hidden_state": torch.stack(states, dim=2), "update_gate": torch.stack(gates, dim=2)}


def _scan(gate: Tensor, candidate: Tensor, before: Tensor) -> Tensor:
    """h_t for all t from logits z and pre-activations of c, both [B, T, D], and h_0[B, D] > 0.

    With a_t = log(1 - z_t): log h_t = A_t + logcumsumexp over s <= t of (log(z_s c_s) - A_s), A_t = a_1 + ... + a_t
    (Heinsen 2023), h_0 standing for the term of s = 0.
    """
    keep = -softplus(gate)  # log(1 - z)
    new = -softplus(-gate) + torch.where(candidate >= 0, (candidate.relu() + _INITIAL).log(), -softplus(-candidate))
    states = []
    for log_keep, log_new in zip(torch.split(keep, _CHUNK, 1), torch.split(new, _CHUNK, 1), strict=True):
        total = log_keep.cumsum(dim=1)
        terms = torch.cat([before.log()[:, None], log_new - total], dim=1)
        states.append((total + terms.logcumsumexp(dim=1)[:, 1:]).exp())
        before = states[-1][:, -1]
    return torch.cat(states, dim=1)
