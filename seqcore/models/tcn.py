"""TCN: a temporal convolutional network of causal, dilated convolutions.

Bai, Kolter and Koltun 2018, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence
Modeling": residual blocks of two weight-normalized convolutions with ReLU and dropout, the dilation doubled from block
to block. Weights start with torch's values, as in the authors' program: it draws smaller ones, but weight normalization
computes them anew from its own parameters at the first step.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from seqcore.experiment.config import ModelConfig
from seqcore.models.architecture import Architecture, LayerRow, ModelContext, Probe, Traced, inside, layer_row, watched
from seqcore.models.equations import Cell, Equation, Given
from seqcore.models.options import TCNOptions
from seqcore.models.state import State

__all__ = ["TCN"]


class TCN(Architecture):
    """`num_layers` stacks of residual blocks, `hidden_size` channels each.

    State: the last inputs of each convolution that later steps still see, [B, features, (kernel_size - 1) * dilation].
    """

    def __init__(self, context: ModelContext, config: ModelConfig) -> None:
        super().__init__()
        options = TCNOptions(**config.options)
        self.output_size = size = config.hidden_size
        count = options.blocks or _blocks_for(context.window, options.kernel_size)
        dilations = [2**block for _ in range(config.num_layers) for block in range(count)]
        inputs = [context.input_size] + [size] * (len(dilations) - 1)
        self.blocks = nn.ModuleList(
            _Block(features, size, options.kernel_size, dilation, config.dropout)
            for features, dilation in zip(inputs, dilations, strict=True)
        )

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """See `Architecture`."""
        before = self.initial_state(len(x)) if state is None else state
        x, after = x.transpose(1, 2), []
        for block, past in zip(self.blocks, before, strict=True):
            x, kept = block(x, past, lengths)
            after.append(kept)
        y = x.transpose(1, 2)
        if lengths is not None:
            y = y * inside(lengths, y.shape[1], y.device)[..., None]
        return y, tuple(after)

    def initial_state(self, batch_size: int) -> State:
        """Zeros, the padding before the first step: for each block, those of its two convolutions."""
        weight = next(self.parameters())
        return tuple(
            tuple(weight.new_zeros(batch_size, conv.in_channels, conv.history) for conv in block.convolutions)
            for block in self._blocks()
        )

    def traced(self, x: Tensor, rows: int, state: State = None) -> Traced:
        """See `Architecture`: the outputs of the blocks."""
        before = self.initial_state(rows) if state is None else state
        x, layers, after = x.transpose(1, 2).expand(rows, -1, -1), [], []
        for block, past in zip(self.blocks, before, strict=True):
            x, kept = block(x, past, None)
            outputs = watched(x.transpose(1, 2), rows)
            x = outputs.transpose(1, 2)
            layers.append([outputs])
            after.append(kept)
        titles = tuple(f"block {i}" for i in range(1, 1 + len(layers)))
        return Traced(x.transpose(1, 2), tuple(after), {"hidden_state": layers}, titles)

    def layers(self) -> list[LayerRow]:
        """One row for each residual block."""
        shape = f"[B, T, {self.output_size}]"
        return [
            layer_row(f"block {i}, dilation {block.convolutions[0].dilation[0]}", block, shape, "TCN")
            for i, block in enumerate(self._blocks(), 1)
        ]

    @torch.no_grad()
    def cell_equations(self, x: Tensor, state: State = None) -> list[Cell]:
        """See `Architecture`: one cell for each residual block, which is given earlier values and not a state."""
        before = self.initial_state(1) if state is None else state
        x, found = x.transpose(1, 2), []
        for block, past in zip(self._blocks(), before, strict=True):
            found.append(block.cell(x, past))
            x, _ = block(x, past, None)
        return found

    @torch.no_grad()
    def probe(self, x: Tensor, state: State = None) -> Probe:
        """Outputs of the residual blocks, [B, T, blocks, D]."""
        before, found, x = self.initial_state(len(x)) if state is None else state, [], x.transpose(1, 2)
        for block, past in zip(self.blocks, before, strict=True):
            x, _ = block(x, past, None)
            found.append(x.transpose(1, 2))
        return {"hidden_state": torch.stack(found, dim=2)}

    def probed_layers(self, count: int) -> tuple[str, ...]:
        """The residual blocks with their dilations."""
        return tuple(row.name for row in self.layers())

    def bounds(self) -> dict[str, tuple[float, float]]:
        """That of ReLU, below which a unit gives 0."""
        return {"hidden_state": (0.0, math.inf)}

    def reach(self) -> int:
        """The receptive field: the steps before one that its convolutions read, and itself."""
        return 1 + sum(conv.history for block in self._blocks() for conv in block.convolutions)

    def _blocks(self) -> list[_Block]:
        return cast(list[_Block], list(self.blocks))


class _CausalConv(nn.Conv1d):
    """A convolution over a step and the `history` steps before it."""

    def __init__(self, features: int, size: int, kernel_size: int, dilation: int) -> None:
        super().__init__(features, size, kernel_size, dilation=dilation)
        self.history = (kernel_size - 1) * dilation

    def step(self, x: Tensor, past: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """x[B, F, T], past[B, F, history] -> (y[B, size, T], the past of the step after each row's last one)."""
        seen = torch.cat([past, x], dim=2)
        if lengths is None:
            return self(seen), seen[:, :, seen.shape[2] - self.history :]
        places = lengths.to(x.device)[:, None] + torch.arange(self.history, device=x.device)
        return self(seen), seen.gather(2, places[:, None].expand(-1, seen.shape[1], -1))


class _Block(nn.Module):
    """y = relu(x + dropout(relu(conv(dropout(relu(conv(x))))))), x projected where the channels differ."""

    def __init__(self, features: int, size: int, kernel_size: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.first = weight_norm(_CausalConv(features, size, kernel_size, dilation))
        self.second = weight_norm(_CausalConv(size, size, kernel_size, dilation))
        self.convolutions = cast(tuple[_CausalConv, _CausalConv], (self.first, self.second))
        self.skip = nn.Conv1d(features, size, 1) if features != size else nn.Identity()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor], lengths: Tensor | None) -> tuple[Tensor, State]:
        """x[B, F, T] and the past inputs of both convolutions -> (y[B, size, T], their inputs to keep)."""
        hidden, first = self.convolutions[0].step(x, past[0], lengths)
        hidden = self.dropout(torch.relu(hidden))
        hidden, second = self.convolutions[1].step(hidden, past[1], lengths)
        hidden = self.dropout(torch.relu(hidden))
        return torch.relu(hidden + self.skip(x)), (first, second)

    def cell(self, x: Tensor, past: tuple[Tensor, Tensor]) -> Cell:
        """The equations of this block over x[1, F, T], a term for each step that a convolution sees."""
        first, second = self.convolutions
        hidden = torch.relu(first.step(x, past[0], None)[0])
        seen = {"x": torch.cat([past[0], x], dim=2)[0], "u": torch.cat([past[1], hidden], dim=2)[0]}  # [F, history + T]
        history, dilation, size = first.history, first.dilation[0], first.kernel_size[0]
        lags = [(size - 1 - tap) * dilation for tap in range(size)]  # of each tap, the last one being the step's own
        titles = {"x": "Input", "u": "First convolution"}

        def name(letter: str, lag: int) -> str:
            return f"{letter}_{{t-{lag}}}" if lag else f"{letter}_t"

        def given(step: int) -> tuple[Given, ...]:
            earlier = [
                Given(
                    f"{letter}_{lag}_before", f"{titles[letter]}, lag {lag}", name(letter, lag),
                    seen[letter][:, history + step - lag],
                )
                for letter in "xu"
                for lag in lags[:-1]
            ]  # fmt: skip
            return (*earlier, Given("x", "Input", "x_t", seen["x"][:, history + step]))

        weights = {f"{kind}_{lag}": conv.weight[:, :, tap].detach() for kind, conv in (("W", first), ("V", second))
                   for tap, lag in enumerate(lags)}  # fmt: skip
        weights |= {"b": _bias(first), "c": _bias(second)}
        direct: tuple[tuple[str, ...], ...] = (("x_t",),)
        if isinstance(self.skip, nn.Conv1d):
            weights |= {"S": self.skip.weight[:, :, 0], "e": _bias(self.skip)}
            direct = (("S", "x_t"), ("e",))
        taps = {
            kind: tuple((f"{kind}_{lag}", name(letter, lag)) for lag in lags)
            for kind, letter in (("W", "x"), ("V", "u"))
        }
        equations = (
            Equation("first_convolution", "First convolution", "u_t", "ReLU", (*taps["W"], ("b",))),
            Equation("second_convolution", "Second convolution", "v_t", "ReLU", (*taps["V"], ("c",))),
            Equation("hidden_state", "Output of the block", "h_t", "ReLU", (("v_t",), *direct)),
        )
        return Cell(equations, weights, given, recurrent=False)


def _bias(conv: nn.Conv1d) -> Tensor:
    return cast(Tensor, conv.bias)


def _blocks_for(window: int, kernel_size: int) -> int:
    """The fewest blocks whose receptive field, 1 + 2 (kernel_size - 1) (2^blocks - 1), covers the window."""
    blocks = 1
    while 1 + 2 * (kernel_size - 1) * (2**blocks - 1) < window:
        blocks += 1
    return blocks
