"""minGRU: a gated recurrence without dependence of the gates on the state, so that all steps are computed at once.

Feng, Tung, Ahmed, Bengio and Hajimirsadegh 2024, "Were RNNs All We Needed?", with the positive candidates of its
log-space form:

    z_t = sigmoid(W_z x_t)    c_t = g(W_h x_t)    h_t = (1 - z_t) h_{t-1} + z_t c_t

where g(v) = v + 0.5 for v >= 0 and sigmoid(v) below. The scan needs no logarithms (`seqcore/models/scan.py`).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from seqcore.experiment.config import ModelConfig
from seqcore.models.architecture import (
    Architecture,
    LayerRow,
    ModelContext,
    Probe,
    Traced,
    inside,
    last_step,
    layer_row,
    watched,
)
from seqcore.models.equations import Cell, Equation, affine, given_steps
from seqcore.models.scan import linear_scan
from seqcore.models.state import State

__all__ = ["MinGRU", "positive"]

_INITIAL = 0.5  # g(0), the state of a layer before its first step


class MinGRU(Architecture):
    """Stacked minGRU layers with dropout between them. State: the hidden states of all layers, [B, num_layers, D]."""

    title = "minGRU"  # of a layer in the model summary
    parts = 2  # projections of a layer: update gate and candidate
    letters = "zc"  # of the projections in the equations
    equations: tuple[Equation, ...] = (
        affine("update_gate", "Update gate", "z", "σ", (("W", "x_t"),)),
        affine("candidate", "Candidate", "c", "g", (("W", "x_t"),)),
        Equation("hidden_state", "Hidden state", "h_t", "", (("1 − z_t", "h_{t-1}"), ("z_t", "c_t"))),
    )

    def __init__(self, context: ModelContext, config: ModelConfig) -> None:
        super().__init__()
        self.output_size = size = config.hidden_size
        inputs = [context.input_size] + [size] * (config.num_layers - 1)
        self.projections = nn.ModuleList(nn.Linear(features, self.parts * size) for features in inputs)
        self.dropout = nn.Dropout(config.dropout)

    def gates(self, projected: Tensor) -> tuple[Tensor, Tensor, Probe]:
        """Projections [B, T, parts * D] -> how much of the state is kept, what is added, and the gates by name."""
        gate, candidate = projected.chunk(2, dim=2)
        update = torch.sigmoid(gate)
        return 1.0 - update, update * positive(candidate), {"update_gate": update}

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """See `Architecture`. All steps of a layer at once."""
        before = self.initial_state(len(x)) if state is None else state
        last = []
        for layer, projection in enumerate(self.projections):
            kept, added, _ = self.gates(projection(x if layer == 0 else self.dropout(x)))
            x = linear_scan(kept, added, before[:, layer])
            last.append(last_step(x, lengths))
        if lengths is not None:
            x = x * inside(lengths, x.shape[1], x.device)[..., None]
        return x, torch.stack(last, dim=1)

    def initial_state(self, batch_size: int) -> State:
        """0.5 everywhere, [B, num_layers, D]: states are positive."""
        weight = next(self.parameters())
        return weight.new_full((batch_size, len(self.projections), self.output_size), _INITIAL)

    def traced(self, x: Tensor, rows: int, state: State = None) -> Traced:
        """See `Architecture`. The gradient of what is added to a state is that of the state."""
        before = self.initial_state(rows) if state is None else state
        layers, last = [], []
        for layer, projection in enumerate(self.projections):
            kept, added, _ = self.gates(projection(x))
            added = watched(added, rows)
            x = linear_scan(kept.expand_as(added), added, before[:, layer])
            layers.append([added])
            last.append(x[:, -1])
        titles = tuple(f"layer {i}" for i in range(1, 1 + len(layers)))
        return Traced(x, torch.stack(last, dim=1), {"hidden_state": layers}, titles)

    def layers(self) -> list[LayerRow]:
        """One row for each layer."""
        shape = f"[B, T, {self.output_size}]"
        return [layer_row(f"layer {i}", layer, shape, self.title) for i, layer in enumerate(self.projections, 1)]

    @torch.no_grad()
    def probe(self, x: Tensor, state: State = None) -> Probe:
        """States, gates and candidates, [B, T, num_layers, D]."""
        found: list[Probe] = []
        before = self.initial_state(len(x)) if state is None else state
        for layer, projection in enumerate(self.projections):
            projected = projection(x)
            kept, added, gates = self.gates(projected)
            x = linear_scan(kept, added, before[:, layer])
            found.append({"hidden_state": x, **gates, "candidate": positive(projected.chunk(self.parts, dim=2)[-1])})
        return {name: torch.stack([layer[name] for layer in found], dim=2) for name in found[0]}

    @torch.no_grad()
    def cell_equations(self, x: Tensor, state: State = None) -> list[Cell]:
        """See `Architecture`."""
        initial = self.initial_state(1) if state is None else state
        found = []
        for layer, projection in enumerate(cast(list[nn.Linear], list(self.projections))):
            below = x
            kept, added, _ = self.gates(projection(below))
            x = linear_scan(kept, added, initial[:, layer])
            before = {("hidden_state_before", "Previous hidden state", "h_{t-1}"): (x[0], initial[0, layer])}
            weights = {
                f"{kind}_{letter}": part
                for kind, values in (("W", projection.weight), ("b", projection.bias))
                for letter, part in zip(self.letters, values.chunk(self.parts), strict=True)
            }
            found.append(Cell(self.equations, weights, given_steps(below[0], before)))
        return found


def positive(v: Tensor) -> Tensor:
    """g of the paper: v + 0.5 for v >= 0, and sigmoid(v), which is at most 0.5, below.

    max(v, 0) + sigmoid(min(v, 0)) is the same; `torch.where` takes five times as long with its gradient.
    """
    below = (-v).relu()
    return v + below + torch.sigmoid(-below)
