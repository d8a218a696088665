"""The contract of an architecture: what its constructor is given, and what every one of them offers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, NamedTuple, cast

import torch
from torch import Tensor, nn

from seqcore.errors import PredictionError
from seqcore.experiment.config import ModelConfig
from seqcore.models import MODELS
from seqcore.models.capabilities import Capabilities
from seqcore.models.equations import Cell
from seqcore.models.state import State

__all__ = [
    "Architecture",
    "LayerRow",
    "ModelContext",
    "Probe",
    "Traced",
    "build_architecture",
    "evaluation_mode",
    "inside",
    "last_step",
    "layer_row",
    "watched",
]

Probe = dict[str, Tensor]  # name -> [B, T, ...]


class ModelContext(NamedTuple):
    """The sizes that an architecture may need.

    `input_size` is F, the features of a time step; `window` the steps of the longest window or training sequence;
    `horizon` the steps predicted at once; `num_targets` the numbers (or classes) of one predicted step.
    """

    input_size: int
    window: int
    horizon: int = 1
    num_targets: int = 1


class Traced(NamedTuple):
    """What `Architecture.traced` gives: `forward` for R equal rows, and the states whose gradients are wanted.

    `y[R, T, output_size]` and `state` are those of `forward`. `states[name][layer]` is one tensor [R, T, D] or T
    tensors [R, D], whose gradient is that of the state at each step, by whatever way the state acts on y.
    """

    y: Tensor
    state: State
    states: dict[str, list[list[Tensor]]]
    titles: tuple[str, ...]  # of the layers


class LayerRow(NamedTuple):
    """One line of a model summary: B samples of T steps."""

    name: str
    type: str
    output_shape: str
    parameters: int


class Architecture(nn.Module):
    """Base of all architectures: features [B, T, F] -> features [B, T, output_size].

    A subclass declares `output_size`, implements `forward` and, where it is stateful, `initial_state`. Its capabilities
    stand in its registry entry. A causal architecture gives the same outputs run step by step, its state carried, as
    over the whole sequence.
    """

    output_size: int
    not_shown: ClassVar[dict[str, str]] = {}  # why `probe` lacks a name that a reader may look for

    @property
    def capabilities(self) -> Capabilities:
        """As the registry entry declares them. KeyError where the class is not registered."""
        target = f"{type(self).__module__}:{type(self).__name__}"
        found: dict[str, Capabilities] = {entry.target: entry.traits["capabilities"] for entry in MODELS.values()}
        return found[target]

    @abstractmethod
    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """x[B, T, F], state (None: initial), lengths[B] (None: all T) -> (y[B, T, output_size], final state).

        Outputs beyond a length are 0, and a row's final state is that after its own last step. An architecture with a
        fixed window gives one step, y[B, 1, output_size].
        """
        raise NotImplementedError

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, which need not be zero; None for an architecture without one."""
        return None

    def last(self, y: Tensor, lengths: Tensor | None) -> Tensor:
        """Outputs [B, T, output_size] of `forward` -> the features of the whole sequence, [B, output_size]."""
        return last_step(y, lengths)

    def merge_directions(self, state: State) -> State:
        """A bidirectional state as that of one direction: the features of both, side by side in the last axis."""
        raise NotImplementedError(f"{type(self).__name__} reads in one direction")

    def probe(self, x: Tensor, state: State = None) -> Probe:
        """Internals over x[B, T, F] by the names in `capabilities.probes`, each [B, T, L, D] with L layers.

        "attention" is [B, T, L, heads, T]. `state` is the one before the first step (None: the initial state).
        """
        raise NotImplementedError(f"{type(self).__name__} declares no probes")

    def probe_states(self, x: Tensor, state: State = None) -> Probe:
        """`probe` without attention, whose size grows with the square of the steps."""
        return {name: values for name, values in self.probe(x, state).items() if name != "attention"}

    def probed_layers(self, count: int) -> tuple[str, ...]:
        """Titles of the `count` layers that `probe` tells of."""
        return tuple(f"layer {i}" for i in range(1, count + 1))

    def bounds(self) -> dict[str, tuple[float, float]]:
        """The range of each value of `probe` that an activation function bounds; a unit near an end is saturated."""
        return {name: (0.0, 1.0) for name in self.capabilities.probes if name.endswith("_gate")}

    def spectra(self) -> dict[str, Tensor]:
        """Title -> the complex eigenvalues of a matrix that leads from one state to the next, [D]."""
        return {}

    def reach(self) -> int | None:
        """The steps that an output depends on, its own included; None for all steps so far."""
        return None

    def traced(self, x: Tensor, rows: int, state: State = None) -> Traced:
        """`forward` of one sequence x[1 or R, T, F] for R equal rows, in plain operations with the states at hand.

        For gradients with respect to states: a row for each output whose gradient is wanted. The states are those of
        the recurrence where there is one, else the outputs of the layers. PredictionError where there are neither.
        """
        raise PredictionError(f"gradients: {type(self).__name__} does not say which of its values are hidden states")

    def lag_weights(self) -> Tensor | None:
        """How much a linear model's forecasts change with the feature 0, 1, ... steps ago, [horizon, window]."""
        return None

    def cell_equations(self, x: Tensor, state: State = None) -> list[Cell]:
        """The equations of each layer (and direction) over one sequence x[1, T, F], with its weights.

        Solved at a step, those that have the name of a probe give its numbers. PredictionError where there are none.
        """
        raise PredictionError(f"equations: {type(self).__name__} does not declare the equations of its cell")

    def initial_head(self, head: nn.Linear) -> None:
        """Initialize the linear output layer [output_size -> outputs]; by default it keeps torch's values."""

    def layers(self) -> list[LayerRow]:
        """The rows of a model summary, which together count every parameter."""
        return [layer_row("backbone", self, f"[B, T, {self.output_size}]")]


def build_architecture(context: ModelContext, config: ModelConfig) -> Architecture:
    """The architecture that `config` names, with fresh weights."""
    return cast(Architecture, MODELS[config.architecture].load()(context, config))


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Within this block a model is in evaluation mode, without gradients; afterwards in the mode that it had."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)


def layer_row(name: str, module: nn.Module, shape: str, kind: str = "") -> LayerRow:
    """One row of a model summary, the module's class its type unless `kind` is given."""
    return LayerRow(name, kind or type(module).__name__, shape, sum(p.numel() for p in module.parameters()))


def inside(lengths: Tensor, steps: int, device: torch.device) -> Tensor:
    """Which steps lie within each sequence: lengths[B] -> bool [B, T]."""
    return torch.arange(steps, device=device) < lengths.to(device)[:, None]


def last_step(y: Tensor, lengths: Tensor | None) -> Tensor:
    """The step of y[B, T, ...] at which each sequence ends, [B, ...]."""
    if lengths is None:
        return y[:, -1]
    return y[torch.arange(len(y), device=y.device), lengths.to(y.device) - 1]


def watched(value: Tensor, rows: int) -> Tensor:
    """value[1 or R, ...] for R rows, as a tensor whose gradient can be asked for."""
    return value.expand(rows, *value.shape[1:]) + value.new_zeros(()).requires_grad_()
