"""The recurrent networks: RNN (Elman 1990), LSTM (Hochreiter and Schmidhuber 1997), GRU (Cho et al. 2014)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from seqcore.experiment.config import ModelConfig
from seqcore.models.architecture import Architecture, LayerRow, ModelContext, Probe, Traced, last_step, watched
from seqcore.models.dropout import RecurrentDropout
from seqcore.models.equations import Cell, Equation, affine, given_steps
from seqcore.models.options import LSTMOptions, RNNOptions
from seqcore.models.recurrent_layers import GRULayers, LSTMLayers, RecurrentLayers, RNNLayers
from seqcore.models.state import State, leaves, map_state

__all__ = ["GRU", "LSTM", "RNN"]

_BOTH = (("W", "x_t"), ("U", "h_{t-1}"))  # what a gate is computed from
_STATES = {
    "hidden_state": ("hidden_state_before", "Previous hidden state", "h_{t-1}"),
    "cell_state": ("cell_state_before", "Previous cell state", "c_{t-1}"),
}


class _Recurrent(Architecture):
    """What the three share: state with the batch first, weight dropout, and probes.

    State: [B, num_layers * directions, D]; an LSTM's is a tuple (h, c) of such tensors. torch's own order is
    [num_layers * directions, B, D].

    `equations` are those of a layer, `letters` its gates in them, in torch's order.

    `recurrent_dropout` drops weights of each layer's D by D matrices in training, the same ones at all steps of a
    window (Wan et al. 2013; Merity, Keskar and Socher 2018).
    """

    letters: str
    blocks: tuple[str, ...] = ("",)  # what the gates compute
    equations: tuple[Equation, ...]

    def __init__(self, network: RecurrentLayers, config: ModelConfig) -> None:
        super().__init__()
        self.network = network
        self.recurrent_dropout = RecurrentDropout(config.recurrent_dropout)
        self.directions = 2 if network.bidirectional else 1
        self.output_size = network.hidden_size * self.directions

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """See `Architecture`."""
        state = map_state(lambda part: part.transpose(0, 1).contiguous(), state)
        weights = self._dropped_weights() if self.training and self.recurrent_dropout.p else None
        y, state = self.network(x, state, lengths, weights)
        return y, map_state(lambda part: part.transpose(0, 1), state)  # a view: most callers ignore it

    def _dropped_weights(self) -> dict[str, Tensor]:
        return {
            name: self.recurrent_dropout(weight)
            for name, weight in self.network.named_parameters()
            if name.startswith("weight_hh")
        }

    def initial_state(self, batch_size: int) -> State:
        """Zeros [B, num_layers * directions, D]."""
        weight = next(self.parameters())
        return weight.new_zeros(batch_size, self.network.num_layers * self.directions, self.network.hidden_size)

    def last(self, y: Tensor, lengths: Tensor | None) -> Tensor:
        """The last step of each direction: the backward one ends at the first step."""
        if self.directions == 1:
            return last_step(y, lengths)
        size = self.network.hidden_size
        return torch.cat([last_step(y, lengths)[:, :size], y[:, 0, size:]], dim=1)

    def merge_directions(self, state: State) -> State:
        """[B, num_layers * 2, D] -> [B, num_layers, 2 D]."""
        return map_state(lambda part: part.reshape(len(part), -1, 2 * part.shape[2]), state)

    def layers(self) -> list[LayerRow]:
        """One row for each layer, both directions of it together."""
        count, ways = self.network.num_layers, ", bidirectional" if self.directions == 2 else ""
        parameters = list(self.network.named_parameters())
        return [
            LayerRow(
                f"layer {layer + 1}" if count > 1 else "recurrent",
                type(self).__name__ + ways,
                f"[B, T, {self.output_size}]",
                sum(p.numel() for name, p in parameters if name.removesuffix("_reverse").endswith(f"_l{layer}")),
            )
            for layer in range(count)
        ]

    @torch.no_grad()
    def probe(self, x: Tensor, state: State = None) -> Probe:
        """States and gates [B, T, num_layers * directions, D], computed step by step from the same weights."""
        parts = list(leaves(self.initial_state(len(x)) if state is None else state))
        found: list[Probe] = []  # of each layer and direction
        for layer in range(self.network.num_layers):
            ways: list[Probe] = []
            for suffix in ("", "_reverse")[: self.directions]:
                row = len(found) + len(ways)
                before = {name: part[:, row] for name, part in zip(("hidden_state", "cell_state"), parts, strict=False)}
                ways.append(self._probe_direction(x, f"l{layer}{suffix}", before))
            found += ways
            x = torch.cat([way["hidden_state"] for way in ways], dim=2)
        return {name: torch.stack([part[name] for part in found], dim=2) for name in self.capabilities.probes}

    def probed_layers(self, count: int) -> tuple[str, ...]:
        """A layer for each direction."""
        ways = ("", ", backward")[: self.directions]
        return tuple(f"layer {i // self.directions + 1}{ways[i % self.directions]}" for i in range(count))

    def spectra(self) -> dict[str, Tensor]:
        """Eigenvalues of the D by D blocks of each layer's recurrent weights, one for each gate."""
        found, size = {}, self.network.hidden_size
        weights = [w for name, w in self.network.named_parameters() if name.startswith("weight_hh")]
        for title, weight in zip(self.probed_layers(len(weights)), weights, strict=True):
            for gate, block in zip(self.blocks, weight.detach().double().view(-1, size, size), strict=True):
                found[f"{title}: {gate}" if gate else title] = torch.linalg.eigvals(block)
        return found

    def traced(self, x: Tensor, rows: int, state: State = None) -> Traced:
        """See `Architecture`: the hidden states and, of an LSTM, the cell states, step by step."""
        names = [name for name in self.capabilities.probes if name in ("hidden_state", "cell_state")]
        parts = list(leaves(self.initial_state(rows) if state is None else state))  # [R, layers * directions, D] each
        states: dict[str, list[list[Tensor]]] = {name: [] for name in names}
        titles, ends = [], []
        for layer in range(self.network.num_layers):
            ways = []
            for way, suffix in enumerate(("", "_reverse")[: self.directions]):
                index = layer * self.directions + way
                before = {name: part[:, index] for name, part in zip(names, parts, strict=True)}
                steps = self._traced_direction(x, f"l{layer}{suffix}", before)
                ends.append([steps[0 if way else -1][name] for name in names])
                for name in names:
                    states[name].append([step[name] for step in steps])
                ways.append(torch.stack([step["hidden_state"] for step in steps], dim=1))
                titles.append(f"layer {layer + 1}{', backward' if way else ''}")
            x = ways[0] if self.directions == 1 else torch.cat(ways, dim=2)
        final = tuple(torch.stack(each, dim=1) for each in zip(*ends, strict=True))
        return Traced(x, final if isinstance(self.initial_state(1), tuple) else final[0], states, tuple(titles))

    @torch.no_grad()
    def cell_equations(self, x: Tensor, state: State = None) -> list[Cell]:
        """See `Architecture`: the cell of each layer and direction."""
        traced = self.traced(x, 1, state)
        initial = list(leaves(self.initial_state(1) if state is None else state))  # [1, layers * directions, D] each
        states = {name: [torch.cat(list(steps)) for steps in rows] for name, rows in traced.states.items()}  # [T, D]
        found = []
        for row in range(len(traced.titles)):
            layer, way = divmod(row, self.directions)
            below = states["hidden_state"][(layer - 1) * self.directions : layer * self.directions]
            before = {}
            for (name, rows), first in zip(states.items(), initial, strict=True):
                word, title, symbol = _STATES[name]
                before[word, title, symbol.replace("t-1", "t+1") if way else symbol] = rows[row], first[0, row]
            given = given_steps(torch.cat(below, dim=1) if layer else x[0], before, reverse=bool(way))
            weights = self._weights(f"l{layer}{'_reverse' if way else ''}")
            found.append(Cell(tuple(map(_backward, self.equations)) if way else self.equations, weights, given))
        return found

    def _weights(self, suffix: str) -> dict[str, Tensor]:
        """The weights of a layer in one direction by symbol; torch's two biases are one."""
        parameters = dict(self.network.named_parameters())
        biases = parameters[f"bias_ih_{suffix}"] + parameters[f"bias_hh_{suffix}"]
        parts = {"W": parameters[f"weight_ih_{suffix}"], "U": parameters[f"weight_hh_{suffix}"], "b": biases}
        count = len(self.letters)
        return {
            f"{kind}_{letter}": part
            for kind, weight in parts.items()
            for letter, part in zip(self.letters, weight.detach().chunk(count), strict=True)
        }

    def _traced_direction(self, x: Tensor, suffix: str, before: Probe) -> list[Probe]:
        """As `_steps` of one sequence [1 or R, T, F], for R rows whose gradients can be asked for."""
        return self._steps(x, suffix, {name: watched(part, len(part)) for name, part in before.items()})

    def _steps(self, x: Tensor, suffix: str, step: Probe) -> list[Probe]:
        """One direction of a layer over its input [B, T, F] -> names -> [B, D] of each step, in order of time."""
        parameters = dict(self.network.named_parameters())
        w_h, b_h = parameters[f"weight_hh_{suffix}"].T, parameters[f"bias_hh_{suffix}"]
        from_input = nn.functional.linear(x, parameters[f"weight_ih_{suffix}"], parameters[f"bias_ih_{suffix}"])
        backward = suffix.endswith("_reverse")
        steps = []
        for at_step in (from_input.flip(1) if backward else from_input).unbind(1):
            step = self._probe_step(at_step, torch.addmm(b_h, step["hidden_state"], w_h), step)
            steps.append(step)
        return steps[::-1] if backward else steps

    def _probe_direction(self, x: Tensor, suffix: str, before: Probe) -> Probe:
        """One direction of a layer over its input [B, T, F] from a state: names -> [B, T, D]."""
        steps = self._steps(x, suffix, before)
        return {name: torch.stack([step[name] for step in steps], dim=1) for name in self.capabilities.probes}

    def _probe_step(self, from_input: Tensor, from_state: Tensor, before: Probe) -> Probe:
        """Names -> [B, D] at one step, from the two products of a layer's weights, [B, gates * D] each."""
        raise NotImplementedError


def _backward(equation: Equation) -> Equation:
    """The same of a cell that reads the sequence backward."""
    return equation._replace(terms=tuple(tuple(part.replace("t-1", "t+1") for part in term) for term in equation.terms))


def _common(config: ModelConfig) -> dict[str, Any]:
    return {
        "hidden_size": config.hidden_size,
        "num_layers": config.num_layers,
        "dropout": config.dropout if config.num_layers > 1 else 0.0,
        "bidirectional": config.bidirectional,
        "batch_first": True,
    }


class RNN(_Recurrent):
    """Elman network: h_t = f(W x_t + U h_{t-1} + b), f being tanh or ReLU."""

    letters = "h"

    def __init__(self, context: ModelContext, config: ModelConfig) -> None:
        nonlinearity = RNNOptions(**config.options).nonlinearity
        super().__init__(RNNLayers(context.input_size, nonlinearity=nonlinearity, **_common(config)), config)
        self.equations = (affine("hidden_state", "Hidden state", "h", "tanh" if self._is_tanh else "ReLU", _BOTH),)

    @property
    def _is_tanh(self) -> bool:
        return self.network.mode == "RNN_TANH"

    def _probe_step(self, from_input: Tensor, from_state: Tensor, before: Probe) -> Probe:
        activation = torch.tanh if self._is_tanh else torch.relu
        return {"hidden_state": activation(from_input + from_state)}

    def bounds(self) -> dict[str, tuple[float, float]]:
        """Those of tanh, or of ReLU, below which a unit gives 0."""
        return {"hidden_state": (-1.0, 1.0) if self.network.mode == "RNN_TANH" else (0.0, math.inf)}


class GRU(_Recurrent):
    """Gated recurrent unit in the form of torch and cuDNN: the reset gate acts after the product with U."""

    letters = "rzn"
    blocks = ("reset gate", "update gate", "candidate")
    equations = (
        affine("reset_gate", "Reset gate", "r", "σ", _BOTH),
        affine("update_gate", "Update gate", "z", "σ", _BOTH),
        Equation("state_for_candidate", "State for the candidate", "q_t", "", (("U_n", "h_{t-1}"), ("d_n",))),
        Equation("candidate", "Candidate", "n_t", "tanh", (("W_n", "x_t"), ("b_n",), ("r_t", "q_t"))),
        Equation("hidden_state", "Hidden state", "h_t", "", (("1 − z_t", "n_t"), ("z_t", "h_{t-1}"))),
    )

    def _weights(self, suffix: str) -> dict[str, Tensor]:
        """The two biases of the candidate stay apart: d_n is multiplied by the reset gate."""
        found, parameters = super()._weights(suffix), dict(self.network.named_parameters())
        for symbol, name in (("b_n", "bias_ih_"), ("d_n", "bias_hh_")):
            found[symbol] = parameters[f"{name}{suffix}"].detach().chunk(3)[2]
        return found

    def __init__(self, context: ModelContext, config: ModelConfig) -> None:
        super().__init__(GRULayers(context.input_size, **_common(config)), config)

    def _probe_step(self, from_input: Tensor, from_state: Tensor, before: Probe) -> Probe:
        (r_x, z_x, n_x), (r_h, z_h, n_h) = from_input.chunk(3, dim=1), from_state.chunk(3, dim=1)
        reset, update = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
        candidate = torch.tanh(n_x + reset * n_h)
        hidden = (1 - update) * candidate + update * before["hidden_state"]
        return {"hidden_state": hidden, "reset_gate": reset, "update_gate": update, "candidate": candidate}

    def bounds(self) -> dict[str, tuple[float, float]]:
        """Those of the gates, and of tanh: a state is a mean of candidates."""
        return {**super().bounds(), "candidate": (-1.0, 1.0), "hidden_state": (-1.0, 1.0)}


class LSTM(_Recurrent):
    """Long short-term memory with a forget gate, whose bias starts at `forget_bias` (Jozefowicz et al. 2015)."""

    letters = "ifgo"
    blocks = ("input gate", "forget gate", "candidate", "output gate")
    equations = (
        affine("forget_gate", "Forget gate", "f", "σ", _BOTH),
        affine("input_gate", "Input gate", "i", "σ", _BOTH),
        affine("candidate", "Candidate", "g", "tanh", _BOTH),
        affine("output_gate", "Output gate", "o", "σ", _BOTH),
        Equation("cell_state", "Cell state", "c_t", "", (("f_t", "c_{t-1}"), ("i_t", "g_t"))),
        Equation("hidden_state", "Hidden state", "h_t", "", (("o_t", "tanh(c_t)"),)),
    )

    def __init__(self, context: ModelContext, config: ModelConfig) -> None:
        super().__init__(LSTMLayers(context.input_size, **_common(config)), config)
        size, forget_bias = config.hidden_size, LSTMOptions(**config.options).forget_bias
        with torch.no_grad():
            for name, parameter in self.network.named_parameters():
                # torch adds two biases and orders the gates input, forget, cell, output
                if name.startswith("bias_ih"):
                    parameter[size : 2 * size] = forget_bias
                elif name.startswith("bias_hh"):
                    parameter[size : 2 * size] = 0.0

    def initial_state(self, batch_size: int) -> State:
        """(h, c), zeros [B, num_layers * directions, D] each."""
        zeros = super().initial_state(batch_size)
        return zeros, zeros.clone()

    def _probe_step(self, from_input: Tensor, from_state: Tensor, before: Probe) -> Probe:
        i, f, g, o = (from_input + from_state).chunk(4, dim=1)
        gates = {"input_gate": torch.sigmoid(i), "forget_gate": torch.sigmoid(f), "output_gate": torch.sigmoid(o)}
        candidate = torch.tanh(g)
        cell = gates["forget_gate"] * before["cell_state"] + gates["input_gate"] * candidate
        hidden = gates["output_gate"] * torch.tanh(cell)
        return {"hidden_state": hidden, "cell_state": cell, "candidate": candidate, **gates}

    def bounds(self) -> dict[str, tuple[float, float]]:
        """Those of the gates, and of the candidate's tanh."""
        return {**super().bounds(), "candidate": (-1.0, 1.0)}
