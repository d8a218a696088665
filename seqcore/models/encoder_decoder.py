"""Encoder-decoder model of any causal architecture, with or without attention (Sutskever, Vinyals and Le 2014)."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from seqcore.experiment.config import ModelConfig
from seqcore.models.architecture import LayerRow, ModelContext, build_architecture, inside, layer_row
from seqcore.models.sequence_model import OneHot, encoding_row
from seqcore.models.state import State, join_leaves, leaves

__all__ = ["ATTENTIONS", "AdditiveAttention", "EncoderDecoder", "EncoderOutput", "MultiplicativeAttention"]

ONE_HOT = 256  # words; a larger vocabulary is embedded
EMBEDDED = 64  # dimensions of that embedding, unless another size is asked for


class EncoderOutput(NamedTuple):
    """The encoder's outputs[B, T, E], the keys that attention compares, and where there is padding."""

    outputs: Tensor
    keys: Tensor
    padding: Tensor | None  # [B, T], True beyond the end of a sentence

    def select(self, rows: Tensor) -> EncoderOutput:
        """Rows by index, possibly repeated."""
        return EncoderOutput(self.outputs[rows], self.keys[rows], None if self.padding is None else self.padding[rows])


class Attention(nn.Module):
    """How well each of the decoder's queries matches each of the encoder's outputs."""

    key: nn.Linear

    def keys(self, outputs: Tensor) -> Tensor:
        """Encoder outputs [B, T, E] -> keys [B, T, D]."""
        return cast(Tensor, self.key(outputs))

    @abstractmethod
    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Queries [B, S, D], keys [B, T, D] -> [B, S, T]."""
        raise NotImplementedError


class AdditiveAttention(Attention):
    """score = v tanh(W s + U h): Bahdanau, Cho and Bengio 2015."""

    def __init__(self, query_size: int, key_size: int, hidden_size: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_size, hidden_size, bias=False)
        self.key = nn.Linear(key_size, hidden_size)
        self.score = nn.Linear(hidden_size, 1, bias=False)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See `Attention`."""
        projected = self.query(queries)
        return torch.tanh(projected[:, :, None] + keys[:, None]) @ self.score.weight[0]


class MultiplicativeAttention(Attention):
    """score = s W h: Luong, Pham and Manning 2015, "general"."""

    def __init__(self, query_size: int, key_size: int, hidden_size: int) -> None:
        super().__init__()
        self.key = nn.Linear(key_size, query_size, bias=False)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See `Attention`."""
        return queries @ keys.transpose(1, 2)


ATTENTIONS: dict[str, type[Attention]] = {"additive": AdditiveAttention, "multiplicative": MultiplicativeAttention}
"""Attention by the name in `model.attention`; with any other name the decoder has the encoder's final state alone."""


class EncoderDecoder(nn.Module):
    """Words of one language [B, T] -> logits of the next word of another.

    The encoder reads the sentence, in both directions if wanted; the decoder starts from its final state, where the
    architecture can transfer one, and generates word by word. At each step attention over the encoder's outputs gives a
    context that stands beside the decoder's output when the next word is predicted. The state does not depend on that
    context (Luong et al. 2015 without input feeding), so that with teacher forcing all steps are computed at once.
    `end` is the code that a translation begins after and ends with.
    """

    def __init__(self, words: int, outputs: int, config: ModelConfig, *, window: int) -> None:
        super().__init__()
        self.end = outputs - 1
        self.source, size = _encoding(words, config)
        if isinstance(self.source, nn.Embedding):
            with torch.no_grad():  # an unknown word has no meaning until there are some to learn from
                self.source.weight[0] = 0.0
        self.target, target_size = _encoding(outputs, config)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = build_architecture(ModelContext(size, window), config)
        one_way = config.model_copy(update={"bidirectional": False})
        self.decoder = build_architecture(ModelContext(target_size, window), one_way)
        self.bidirectional = config.bidirectional
        read, width = self.encoder.output_size, self.decoder.output_size
        merged = len(list(leaves(self.encoder.initial_state(1)))) if config.bidirectional else 0
        self.bridge = nn.ModuleList(nn.Linear(read, width) for _ in range(merged))
        kind = ATTENTIONS.get(config.attention)
        self.attention = kind(width, read, width) if kind is not None else None
        self.mix = nn.Linear(width + read, width) if kind is not None else None
        self.head = nn.Linear(width, outputs)

    def forward(
        self, inputs: Tensor, state: State = None, lengths: Tensor | None = None, given: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Logits [B, S, outputs] of each word after those `given[B, S]`, which begin with `end`."""
        encoded, state = self.encode(inputs, lengths)
        if given is None:
            given = inputs.new_full((len(inputs), 1), self.end)
        return self.decode(given, state, encoded)[0], None

    def encode(self, inputs: Tensor, lengths: Tensor | None = None) -> tuple[EncoderOutput, State]:
        """Sentences [B, T] -> the encoder's outputs, and the state that a decoder starts from."""
        outputs, state = self.encoder(self.dropout(self.source(inputs)), None, lengths)
        padding = None if lengths is None else ~inside(lengths, inputs.shape[1], inputs.device)
        keys = outputs if self.attention is None else self.attention.keys(outputs)
        return EncoderOutput(outputs, keys, padding), self._decoder_state(state)

    def decode(self, given: Tensor, state: State, encoded: EncoderOutput) -> tuple[Tensor, State, Tensor | None]:
        """Words given [B, S] -> (logits [B, S, outputs] of each next word, the state, attention weights [B, S, T])."""
        y, state = self.decoder(self.dropout(self.target(given)), state)
        if self.attention is None or self.mix is None:
            return self.head(self.dropout(y)), state, None
        scores = self.attention.scores(y, encoded.keys)
        if encoded.padding is not None:
            scores = scores.masked_fill(encoded.padding[:, None], -torch.inf)
        weights = torch.softmax(scores, dim=-1)
        mixed = torch.tanh(self.mix(torch.cat([y, weights @ encoded.outputs], dim=-1)))
        return self.head(self.dropout(mixed)), state, weights

    def initial_state(self, batch_size: int) -> State:
        """None: every sentence starts anew."""
        return None

    def layers(self) -> list[LayerRow]:
        """The rows of a model summary, from source to translation of S words."""
        encoder = [row._replace(name=f"encoder {row.name}") for row in self.encoder.layers()]
        decoder = [
            row._replace(name=f"decoder {row.name}", output_shape=row.output_shape.replace("T", "S"))
            for row in self.decoder.layers()
        ]
        rows = [encoding_row("source words", self.source), *encoder]
        if len(self.bridge):
            rows.append(layer_row("bridge", self.bridge, f"[B, layers, {self.decoder.output_size}]", "Linear"))
        rows += [encoding_row("target words", self.target), *decoder]
        if self.attention is not None and self.mix is not None:
            rows.append(layer_row("attention", self.attention, "[B, S, T]"))
            rows.append(layer_row("mix", self.mix, f"[B, S, {self.mix.out_features}]"))
        rows.append(layer_row("head", self.head, f"[B, S, {self.head.out_features}]"))
        return rows

    def _decoder_state(self, state: State) -> State:
        """The encoder's final state as the decoder's first one; None where the architecture transfers none."""
        if not self.encoder.capabilities.state_transfer:
            return None
        if not self.bidirectional:
            return state
        merged = self.encoder.merge_directions(state)
        parts = (torch.tanh(bridge(part)) for bridge, part in zip(self.bridge, leaves(merged), strict=True))
        return join_leaves(parts, like=merged)


def _encoding(words: int, config: ModelConfig) -> tuple[nn.Module, int]:
    if config.embedding_size == 0 and words <= ONE_HOT:
        return OneHot(words), words
    size = config.embedding_size or EMBEDDED
    return nn.Embedding(words, size), size
