"""A backbone with a way in and a way out: what every task but translation trains."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from seqcore.experiment.config import ModelConfig
from seqcore.models import MODELS
from seqcore.models.recurrent import State

__all__ = ["Backbone", "SequenceModel", "build_backbone", "detached"]

MOST_ONE_HOT = 1_000  # symbols
_EMBEDDED = 128  # numbers that stand for one of more symbols, where nothing else is asked for


class Backbone(Protocol):
    """What an architecture dynamic_choices: `forward(x[B, T, F], state, lengths) -> (y[B, T, output_size], state)`."""

    output_size: int

    def __call__(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """Run over whole sequences, going on from `state`."""
        ...


def build_backbone(input_size: int, config: ModelConfig) -> Backbone:
    """The architecture that `config` names, with fresh weights."""
    backbone: Backbone = MODELS[config.architecture].load()(input_size, config)
    return backbone


class SequenceModel(nn.Module):
    """Input [B, T, F] (or symbols [B, T]) -> backbone -> dropout -> linear head.

    Dropout lies between the layers and behind the last one, never on the way through time (Zaremba et al. 2014).
    More than 1,000 symbols are always embedded: as one-hot vectors they would take too much.

    `predict` says where the head looks: "last" at the last step ([B, 1, outputs]), "every" at each
    ([B, T, outputs]); "broadcast" repeats the last step's answer over all T, a slip that shows what a missing shape
    check does.
    """

    def __init__(self, input_size: int, output_size: int, config: ModelConfig, *, predict: str, symbolic: bool) -> None:
        super().__init__()
        self.predict = predict
        self.embedding: nn.Module | None = None
        if symbolic:
            size = config.embedding_size or (_EMBEDDED if input_size > MOST_ONE_HOT else 0)
            self.embedding = nn.Embedding(input_size, size) if size else OneHot(input_size)
            input_size = size or input_size
        self.backbone = build_backbone(input_size, config)
        self.dropout = nn.Dropout(config.dropout) if config.dropout else nn.Identity()
        self.head = nn.Linear(self.backbone.output_size, output_size)
        self.bidirectional = config.bidirectional

    def forward(self, inputs: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """-> (outputs[B, 1 or T, outputs], state). `lengths[B]` where sequences are padded at their end."""
        x = inputs if self.embedding is None else self.embedding(inputs)
        y, state = self.backbone(x, state, lengths)
        y = self.dropout(y)
        if self.predict == "every":
            return self.head(y), state
        answer = self.head(self._last(y, lengths))[:, None]
        return (answer.expand(-1, x.shape[1], -1) if self.predict == "broadcast" else answer), state

    def _last(self, y: Tensor, lengths: Tensor | None) -> Tensor:
        """The output at each sequence's last step, [B, D]; read backwards, a sequence ends at its first step."""
        if lengths is None:
            last = y[:, -1]
        else:
            last = y[torch.arange(len(y), device=y.device), lengths.to(y.device) - 1]
        if not self.bidirectional:
            return last
        half = y.shape[2] // 2
        return torch.cat([last[:, :half], y[:, 0, half:]], dim=1)


class OneHot(nn.Module):
    """Symbols [B, T] -> [B, T, V] with a 1 where the symbol is. It has no weights."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, symbols: Tensor) -> Tensor:
        """[B, T] -> [B, T, V], float32."""
        return nn.functional.one_hot(symbols, self.size).float()


def detached(state: State) -> State:
    """The same state, cut from the graph that made it, so that gradients end at the window's start."""
    if state is None:
        return None
    return tuple(detached(part) for part in state) if isinstance(state, tuple) else state.detach()
