"""An architecture with an input encoding and an output layer: the model of every task but translation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqcore.experiment.config import ModelConfig
from seqcore.models.architecture import LayerRow, ModelContext, build_architecture, layer_row
from seqcore.models.output_layer import OutputLayer
from seqcore.models.state import State

__all__ = ["OneHot", "SequenceModel", "encoding_row"]

MOST_ONE_HOT = 1_000  # symbols
_EMBEDDED = 128  # dimensions of the embedding of a larger vocabulary, unless another size is asked for


class SequenceModel(nn.Module):
    """Input [B, T, F] (or token codes [B, T]) -> architecture -> dropout -> linear output layer.

    Dropout lies between layers and behind the last one, never on the recurrent path (Zaremba et al. 2014). A vocabulary
    of more than 1,000 symbols is always embedded; one-hot vectors would take too much memory.

    `predict` says at which steps the output layer is applied: "last" ([B, 1, outputs]) or "every" ([B, T, outputs]);
    "broadcast" repeats the last step's output over all T, which shows what a missing shape check does.
    """

    def __init__(
        self, context: ModelContext, outputs: int, config: ModelConfig, *, predict: str, symbolic: bool
    ) -> None:
        super().__init__()
        self.predict = predict
        self.embedding: nn.Module | None = None
        if symbolic:
            symbols = context.input_size
            size = config.embedding_size or (_EMBEDDED if symbols > MOST_ONE_HOT else 0)
            self.embedding = nn.Embedding(symbols, size) if size else OneHot(symbols)
            context = context._replace(input_size=size or symbols)
        self.backbone = build_architecture(context, config)
        self.dropout = nn.Dropout(config.dropout)
        self.head: nn.Linear = OutputLayer(self.backbone.output_size, outputs)
        self.backbone.initial_head(self.head)
        self.causal = self.backbone.capabilities.causal and not config.bidirectional

    def forward(self, inputs: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """-> (outputs[B, 1 or T, outputs], state). `lengths[B]` where sequences are padded at their end."""
        y, state = self.backbone(self.features(inputs), state, lengths)
        y = self.dropout(y)
        if self.predict == "every":
            return self.head(y), state
        answer = self.head(self.backbone.last(y, lengths))[:, None]
        return (answer.expand(-1, inputs.shape[1], -1) if self.predict == "broadcast" else answer), state

    def features(self, inputs: Tensor) -> Tensor:
        """What the architecture reads, [B, T, E]: numbers as they are, codes [B, T] one-hot or embedded."""
        features: Tensor = inputs if self.embedding is None else self.embedding(inputs)
        return features

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step."""
        return self.backbone.initial_state(batch_size)

    def layers(self) -> list[LayerRow]:
        """The rows of a model summary, from input to output."""
        steps = "1" if self.predict == "last" else "T"
        return [
            *([] if self.embedding is None else [encoding_row("input", self.embedding)]),
            *self.backbone.layers(),
            layer_row("head", self.head, f"[B, {steps}, {self.head.out_features}]", "Linear"),
        ]


class OneHot(nn.Module):
    """Token codes [B, T] -> [B, T, V] with a 1 at the code. It has no weights."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, symbols: Tensor) -> Tensor:
        """[B, T] -> [B, T, V], float32."""
        return nn.functional.one_hot(symbols, self.size).to(torch.get_default_dtype())


def encoding_row(name: str, encoding: nn.Module) -> LayerRow:
    """The row of an `nn.Embedding` or `OneHot`."""
    one_hot = isinstance(encoding, OneHot)
    size = encoding.size if one_hot else encoding.embedding_dim
    return layer_row(name, encoding, f"[B, T, {size}]", "One-hot" if one_hot else "Embedding")
