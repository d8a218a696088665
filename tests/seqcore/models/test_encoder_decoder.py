"""The encoder-decoder model: the word that is not known, and dropout before the output layer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqcore.experiment.config import ModelConfig
from seqcore.models.encoder_decoder import ATTENTIONS, EncoderDecoder

SENTENCES, GIVEN = torch.randint(1, 20, (16, 7)), torch.randint(1, 15, (16, 5))


def model(attention: str = "additive", **changes: float) -> EncoderDecoder:
    torch.manual_seed(0)
    return EncoderDecoder(20, 16, ModelConfig(attention=attention, hidden_size=24, **changes), window=7)


def test_an_unknown_word_begins_without_a_meaning() -> None:
    net = model(embedding_size=6)
    assert not net.source.weight[0].any()  # type: ignore[index, union-attr, operator]
    assert (net.source.weight[1:] != 0).all()  # type: ignore[index, union-attr, operator]
    outputs = net.eval()(torch.zeros(1, 7, dtype=torch.long), None, None, GIVEN[:1])[0].sum()
    outputs.backward()
    assert net.source.weight.grad[0].any()  # type: ignore[index, union-attr]


@pytest.mark.parametrize("attention", [*ATTENTIONS, "none"])
def test_dropout_acts_on_what_the_output_layer_reads_in_training_alone(attention: str) -> None:
    net = model(attention, dropout=0.5)
    seen: list[Tensor] = []
    net.head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    net.train()(SENTENCES, None, None, GIVEN)
    net.eval()(SENTENCES, None, None, GIVEN)
    dropped, kept = (float((features == 0.0).float().mean()) for features in seen)
    assert 0.4 < dropped < 0.6
    assert kept == 0.0
