"""Encoder and decoder of any recurrent architecture, with attention or without (Sutskever, Vinyals and Le 2014)."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn

from seqcore.experiment.config import ModelConfig
from seqcore.models.recurrent import State
from seqcore.models.sequence_model import OneHot, build_backbone

__all__ = ["ATTENTIONS", "AdditiveAttention", "EncoderDecoder", "EncoderOutput", "MultiplicativeAttention"]

ONE_HOT = 256  # words; more are stood for by a few numbers each
EMBEDDED = 64


class EncoderOutput(NamedTuple):
    """What was read: outputs[B, T, E] of the encoder, the same as attention compares them, and what is padding."""

    outputs: Tensor
    keys: Tensor
    padding: Tensor | None  # [B, T], True beyond a sentence's end

    def chosen(self, rows: Tensor) -> EncoderOutput:
        """Some rows of it, perhaps several times."""
        return EncoderOutput(self.outputs[rows], self.keys[rows], None if self.padding is None else self.padding[rows])


class Attention(Protocol):
    """How alike what a decoder looks for is to what an encoder read."""

    def keys(self, outputs: Tensor) -> Tensor:
        """Outputs [B, T, E] as they are compared."""
        ...

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Queries [B, S, D] and keys [B, T, ...] -> [B, S, T]."""
        ...


class AdditiveAttention(nn.Module):
    """score = v tanh(W s + U h): Bahdanau, Cho and Bengio 2015."""

    def __init__(self, query_size: int, key_size: int, hidden_size: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_size, hidden_size, bias=False)
        self.key = nn.Linear(key_size, hidden_size)
        self.score = nn.Linear(hidden_size, 1, bias=False)

    def keys(self, outputs: Tensor) -> Tensor:
        """[B, T, E] -> [B, T, D]."""
        return cast(Tensor, self.key(outputs))

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """[B, S, D], [B, T, D] -> [B, S, T]."""
        asked = self.query(queries)
        return torch.tanh(asked[:, :, None] + keys[:, None]) @ self.score.weight[0]


class MultiplicativeAttention(nn.Module):
    """score = s W h: Luong, Pham and Manning 2015, "general"."""

    def __init__(self, query_size: int, key_size: int, hidden_size: int) -> None:
        super().__init__()
        self.key = nn.Linear(key_size, query_size, bias=False)

    def keys(self, outputs: Tensor) -> Tensor:
        """[B, T, E] -> [B, T, D]."""
        return cast(Tensor, self.key(outputs))

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """[B, S, D], [B, T, D] -> [B, S, T]."""
        return queries @ keys.transpose(1, 2)


ATTENTIONS: dict[str, Any] = {"additive": AdditiveAttention, "multiplicative": MultiplicativeAttention}
"""What compares, by the name in `model.attention`; with any other name a decoder has the last state alone."""


class EncoderDecoder(nn.Module):
    """Words of one language [B, T] -> scores of the next word of another.

    The encoder reads the sentence, if wanted in both directions; the decoder starts from its last state and writes word
    by word. It looks back from each state: what its attention finds stands beside the state when the next word is
    chosen. The state doesn't depend on what was found before (as Luong et al. have it without input feeding), so that
    with the true words given all steps are computed at once. `end` is the code that a translation begins after and ends
    with.
    """

    def __init__(self, words: int, outputs: int, config: ModelConfig) -> None:
        super().__init__()
        self.end = outputs - 1
        reading = config
        writing = config.model_copy(update={"bidirectional": False})
        self.source, size = _embedding(words, config)
        if isinstance(self.source, nn.Embedding):
            with torch.no_grad():  # an unknown word means nothing until there are some to learn from
                self.source.weight[0] = 0.0
        self.target, target_size = _embedding(outputs, config)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = build_backbone(size, reading)
        self.decoder = build_backbone(target_size, writing)
        self.directions = 2 if config.bidirectional else 1
        read, width = self.encoder.output_size, self.decoder.output_size
        parts = _state_parts(self.encoder, size) if config.bidirectional else 0
        self.bridge = nn.ModuleList(nn.Linear(read, width) for _ in range(parts))
        kind = ATTENTIONS.get(config.attention)
        self.attention: nn.Module | None = kind(width, read, width) if kind is not None else None
        self.mix = nn.Linear(width + read, width) if kind is not None else None
        self.head = nn.Linear(width, outputs)

    def forward(
        self, inputs: Tensor, state: State = None, lengths: Tensor | None = None, given: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Scores [B, S, outputs] of each word after those `given[B, S]`, which begin with `end`."""
        memory, state = self.encode(inputs, lengths)
        if given is None:
            given = inputs.new_full((len(inputs), 1), self.end)
        return self.decode(given, state, memory)[0], None

    def encode(self, inputs: Tensor, lengths: Tensor | None = None) -> tuple[EncoderOutput, State]:
        """Sentences [B, T] -> what was read, and the state that a decoder starts from."""
        outputs, state = self.encoder(self.dropout(self.source(inputs)), None, lengths)
        padding = None
        if lengths is not None:
            padding = torch.arange(inputs.shape[1], device=inputs.device) >= lengths.to(inputs.device)[:, None]
        keys = outputs if self.attention is None else cast(Attention, self.attention).keys(outputs)
        return EncoderOutput(outputs, keys, padding), self._bridged(state)

    def decode(self, given: Tensor, state: State, memory: EncoderOutput) -> tuple[Tensor, State, Tensor | None]:
        """Words given [B, S] -> (scores [B, S, outputs] of each word after them, the state, attention [B, S, T])."""
        y, state = self.decoder(self.dropout(self.target(given)), state)
        if self.attention is None or self.mix is None:
            return self.head(self.dropout(y)), state, None
        scores = cast(Attention, self.attention).scores(y, memory.keys)
        if memory.padding is not None:
            scores = scores.masked_fill(memory.padding[:, None], -torch.inf)
        weights = torch.softmax(scores, dim=-1)
        found = torch.tanh(self.mix(torch.cat([y, weights @ memory.outputs], dim=-1)))
        return self.head(self.dropout(found)), state, weights

    def layers(self) -> list[tuple[str, str, str, nn.Module]]:
        """Name, type, shape of the output and module of each layer, from sentence to translation; S words of it."""
        encoder, decoder = cast(nn.Module, self.encoder), cast(nn.Module, self.decoder)
        kind = "One-hot" if isinstance(self.source, OneHot) else "Embedding"
        ways = " both ways" if self.directions == 2 else ""
        rows = [
            ("words", kind, f"[B, T, {_width(self.source)}]", self.source),
            ("encoder", f"{type(encoder).__name__}{ways}", f"[B, T, {self.encoder.output_size}]", encoder),
        ]
        if len(self.bridge):
            rows.append(("bridge", "Linear", f"[layers, B, {self.decoder.output_size}]", self.bridge))
        kind = "One-hot" if isinstance(self.target, OneHot) else "Embedding"
        rows += [
            ("words written", kind, f"[B, S, {_width(self.target)}]", self.target),
            ("decoder", type(decoder).__name__, f"[B, S, {self.decoder.output_size}]", decoder),
        ]
        if self.attention is not None and self.mix is not None:
            rows.append(("attention", type(self.attention).__name__, "[B, S, T]", self.attention))
            rows.append(("mix", "Linear", f"[B, S, {self.mix.out_features}]", self.mix))
        rows.append(("head", "Linear", f"[B, S, {self.head.out_features}]", self.head))
        return rows

    def _bridged(self, state: State) -> State:
        """The encoder's last state as the decoder's first: of two directions [2 L, B, D], one [L, B, D]."""
        if self.directions == 1:
            return state
        parts = state if isinstance(state, tuple) else (state,)
        joined = []
        for part, bridge in zip(parts, self.bridge, strict=True):
            layers = part.view(-1, 2, *part.shape[1:])
            joined.append(torch.tanh(bridge(torch.cat([layers[:, 0], layers[:, 1]], dim=-1))))
        return tuple(joined) if isinstance(state, tuple) else joined[0]


def select_state(state: State, rows: Tensor) -> State:
    """Some rows of a state, perhaps several times."""
    if isinstance(state, tuple):
        return tuple(part[:, rows].contiguous() for part in state)
    return state[:, rows].contiguous()


def _embedding(words: int, config: ModelConfig) -> tuple[nn.Module, int]:
    if config.embedding_size == 0 and words <= ONE_HOT:
        return OneHot(words), words
    size = config.embedding_size or EMBEDDED
    return nn.Embedding(words, size), size


def _width(embedding: nn.Module) -> int:
    return int(embedding.size if isinstance(embedding, OneHot) else embedding.embedding_dim)  # type: ignore[arg-type]


@torch.no_grad()
def _state_parts(backbone: Any, size: int) -> int:
    """How many tensors the state of an architecture has."""
    training = backbone.training
    weight = next(backbone.parameters())
    _, state = backbone.eval()(torch.zeros(1, 1, size, device=weight.device))
    backbone.train(training)
    return len(state) if isinstance(state, tuple) else 1
