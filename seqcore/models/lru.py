"""LRU: deep linear recurrent units, whose memory is a diagonal complex recurrence without nonlinearity.

Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu and De 2023, "Resurrecting Recurrent Neural Networks for Long
Sequences". With the input u_t of a block, normalized over its features:

    x_t = lambda * x_{t-1} + gamma * (B u_t)    y_t = Re(C x_t) + D * u_t    lambda = exp(-exp(nu) + i exp(theta))

The exponential keeps |lambda| below 1, whatever the optimizer does. At first, lambda is uniform on a ring of the
complex plane and gamma = sqrt(1 - |lambda|^2), which gives states of the same size for every lambda (sections 3.2 to
3.4). A block adds GLU(GELU(y_t)) to its input (figure 1; appendix A).
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, glu, linear

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
from seqcore.models.equations import Cell, Equation, affine, given_steps, normalized
from seqcore.models.lru_options import LRUOptions
from seqcore.models.scan import linear_scan
from seqcore.models.state import State

__all__ = ["LRU"]

_EQUATIONS = (
    normalized("normalized_input", "Normalized input", "u_t", "x_t", "γ", "β"),
    Equation("state_real", "State, real part", "p_t", "", (("λ_r", "p_{t-1}"), ("−λ_i", "q_{t-1}"), ("B_r", "u_t"))),
    Equation(
        "state_imaginary", "State, imaginary part", "q_t", "", (("λ_i", "p_{t-1}"), ("λ_r", "q_{t-1}"), ("B_i", "u_t"))
    ),
    Equation("output", "Output of the state", "y_t", "GELU", (("C_r", "p_t"), ("C_i", "q_t"), ("d", "u_t"))),
    affine("mixed", "Mixed output", "a", "", (("W", "y_t"),)),
    affine("glu_gate", "Gate of the output", "s", "σ", (("W", "y_t"),)),
    Equation("hidden_state", "Output of the block", "h_t", "", (("x_t",), ("a_t", "s_t"))),
)
_BEFORE = (
    ("state_real_before", "Previous state, real part", "p_{t-1}"),
    ("state_imaginary_before", "Previous state, imaginary part", "q_{t-1}"),
)


class LRU(Architecture):
    """A linear encoding of the input, then `num_layers` blocks of `hidden_size` features.

    State: the complex states of all blocks as real numbers, [B, num_layers, N, 2].
    """

    def __init__(self, context: ModelContext, config: ModelConfig) -> None:
        super().__init__()
        options = LRUOptions(**config.options)
        self.output_size = size = config.hidden_size
        self.encoder = nn.Linear(context.input_size, size)
        self.blocks = nn.ModuleList(_Block(size, options, config.dropout) for _ in range(config.num_layers))

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """See `Architecture`. All steps of a block at once."""
        before = self.initial_state(len(x)) if state is None else state
        x, after = self.encoder(x), []
        for i, block in enumerate(self._blocks()):
            x, states = block(x, before[:, i])
            after.append(last_step(states, lengths))
        if lengths is not None:
            x = x * inside(lengths, x.shape[1], x.device)[..., None]
        return x, torch.stack(after, dim=1)

    def initial_state(self, batch_size: int) -> State:
        """Zeros, [B, num_layers, N, 2]."""
        return self.encoder.weight.new_zeros(batch_size, len(self.blocks), len(self._blocks()[0].nu_log), 2)

    def traced(self, x: Tensor, rows: int, state: State = None) -> Traced:
        """See `Architecture`. A complex state counts as two numbers; the gradient of what is added to it is its own."""
        before = self.initial_state(rows) if state is None else state
        x, layers, after = self.encoder(x), [], []
        for i, block in enumerate(self._blocks()):
            u = block.norm(x)
            added = watched(block.added(u), rows)
            x, states = block.outputs(x, u, added, before[:, i])
            layers.append([added])
            after.append(states[:, -1])
        titles = tuple(f"block {i}" for i in range(1, 1 + len(layers)))
        return Traced(x, torch.stack(after, dim=1), {"recurrent_state": layers}, titles)

    def layers(self) -> list[LayerRow]:
        """One row for the encoding, and one for each block."""
        shape = f"[B, T, {self.output_size}]"
        rows = [layer_row(f"block {i}", block, shape, "LRU") for i, block in enumerate(self.blocks, 1)]
        return [layer_row("encoding", self.encoder, shape), *rows]

    @torch.no_grad()
    def probe(self, x: Tensor, state: State = None) -> Probe:
        """Outputs of the blocks [B, T, num_layers, D]; states and magnitudes of eigenvalues [B, T, num_layers, N].

        The eigenvalues are those of all steps: 1 / -log(magnitude) is the number of steps that a state remembers.
        """
        before = self.initial_state(len(x)) if state is None else state
        x, found = self.encoder(x), []
        for i, block in enumerate(self._blocks()):
            x, states = block(x, before[:, i])
            magnitude = states.norm(dim=-1)
            found.append((x, magnitude, states[..., 0], states[..., 1], block.eigenvalues().abs().expand_as(magnitude)))
        values = (torch.stack(parts, dim=2) for parts in zip(*found, strict=True))
        return dict(zip(self.capabilities.probes, values, strict=True))

    def probed_layers(self, count: int) -> tuple[str, ...]:
        """See `Architecture`."""
        return tuple(f"block {i}" for i in range(1, count + 1))

    def spectra(self) -> dict[str, Tensor]:
        """The eigenvalues of each block's diagonal recurrence."""
        return {f"block {i}": block.eigenvalues().detach() for i, block in enumerate(self._blocks(), 1)}

    @torch.no_grad()
    def cell_equations(self, x: Tensor, state: State = None) -> list[Cell]:
        """See `Architecture`. A complex state is its real and its imaginary part."""
        initial = self.initial_state(1) if state is None else state
        x, found = self.encoder(x), []
        for i, block in enumerate(self._blocks()):
            below, first = x, initial[:, i]
            x, states = block(below, first)
            before = {names: (states[0, :, :, k], first[0, :, k]) for k, names in enumerate(_BEFORE)}
            found.append(Cell(_EQUATIONS, block.weights(), given_steps(below[0], before)))
        return found

    def _blocks(self) -> list[_Block]:
        return cast(list[_Block], list(self.blocks))


class _Block(nn.Module):
    """x + dropout(GLU(dropout(GELU(LRU(norm(x)))))), with N complex states for `size` features.

    Matrices of complex numbers are stored as real ones, the real and the imaginary part of a state side by side.
    """

    def __init__(self, size: int, options: LRUOptions, dropout: float) -> None:
        super().__init__()
        states = options.state_size or size
        smallest, largest = options.min_radius**2, options.max_radius**2
        square = smallest + (largest - smallest) * torch.rand(states)  # |lambda|^2: so lambda is uniform on the ring
        self.nu_log = nn.Parameter((-0.5 * square.clamp(min=1e-12).log()).log())
        self.theta_log = nn.Parameter((options.max_phase * torch.rand(states).clamp(min=1e-6)).log())
        self.gamma_log = nn.Parameter(0.5 * (-square).log1p())
        self.norm = nn.LayerNorm(size)
        self.input = nn.Parameter(torch.randn(2 * states, size) / math.sqrt(2 * size))  # B
        self.output = nn.Parameter(
            torch.randn(size, 2 * states) / math.sqrt(states)
        )  # C; Re(C x) = this times (re, im)
        self.skip = nn.Parameter(torch.randn(size))  # D
        self.mix = nn.Linear(size, 2 * size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """x[B, T, D] and the state[B, N, 2] -> (y[B, T, D], the states of all steps [B, T, N, 2])."""
        u = self.norm(x)
        return self.outputs(x, u, self.added(u), before)

    def added(self, u: Tensor) -> Tensor:
        """What normalized inputs u[B, T, D] add to the states, gamma * (B u), as real numbers [B, T, 2 N]."""
        scaled = self.gamma_log.exp()[:, None, None] * self.input.reshape(-1, 2, self.input.shape[1])
        added = linear(u, scaled.flatten(0, 1))
        # in mixed precision there are no such complex numbers
        return added if added.dtype in (torch.float32, torch.float64) else added.float()

    def outputs(self, x: Tensor, u: Tensor, added: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """As `forward`, from the normalized inputs u and what they add to the states."""
        added = torch.view_as_complex(added.reshape(*added.shape[:2], len(self.nu_log), 2))
        states = torch.view_as_real(linear_scan(self.eigenvalues(), added, torch.view_as_complex(before)))
        y = linear(states.flatten(-2), self.output) + self.skip * u
        return x + self.dropout(glu(self.mix(self.dropout(gelu(y))), dim=-1)), states

    def weights(self) -> dict[str, Tensor]:
        """The weights by their symbols in the equations; B is multiplied by gamma, and C x = C_r Re x + C_i Im x."""
        eigenvalues = self.eigenvalues()
        entering = self.gamma_log.exp()[:, None, None] * self.input.reshape(-1, 2, self.input.shape[1])
        (w_a, w_s), (b_a, b_s) = self.mix.weight.chunk(2), self.mix.bias.chunk(2)
        return {
            "γ": self.norm.weight, "β": self.norm.bias, "λ_r": eigenvalues.real, "λ_i": eigenvalues.imag,
            "B_r": entering[:, 0], "B_i": entering[:, 1], "C_r": self.output[:, 0::2], "C_i": self.output[:, 1::2],
            "d": self.skip, "W_a": w_a, "b_a": b_a, "W_s": w_s, "b_s": b_s,
        }  # fmt: skip

    def eigenvalues(self) -> Tensor:
        """lambda, complex [N]."""
        return torch.polar((-self.nu_log.exp()).exp(), self.theta_log.exp())
