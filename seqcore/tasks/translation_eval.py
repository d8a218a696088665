"""A translator's own translations: of a part or of typed sentences, with words it can't know, and how good they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seqcore.data.parallel_text_codec import ParallelTextCodec
from seqcore.data.parallel_text_dataset import ParallelTextDataset
from seqcore.data.sentences import bare, is_word, join_sentence
from seqcore.data.table import Table
from seqcore.data.text import join_words
from seqcore.errors import DataError
from seqcore.models.beam_search import Hypothesis, beam_search
from seqcore.models.encoder_decoder import EncoderDecoder
from seqcore.results import Translated

__all__ = ["lines_of", "rounded", "translate_all", "translate_words", "translation_metrics"]

_SENTENCES_AT_ONCE = 256
_WORDS_AT_ONCE = 8_000
_EASTERN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff]")  # written without spaces

Words = Sequence[str]


def translate_all(
    model: nn.Module, data: ParallelTextDataset, sequences: NDArray[np.int64], *, beam: int
) -> list[Translated]:
    """Sentences of a table in the model's words, beside the true translations."""
    found = translate_words(model, data.codec, [data.source(s) for s in sequences.tolist()], beam=beam)
    return [replace(t, truth=tuple(data.truth(s))) for t, s in zip(found, sequences.tolist(), strict=True)]


def translate_words(
    model: nn.Module, codec: ParallelTextCodec, sentences: Sequence[Words], *, beam: int
) -> list[Translated]:
    """Sentences as words -> their translations. A word that can't be known is handed over as it stands."""
    assert isinstance(model, EncoderDecoder)
    training = model.training
    model.eval()
    device = next(model.parameters()).device
    coded = [codec.source.encode(words) for words in sentences]
    lengths = np.array([len(codes) for codes in coded])
    order = np.argsort(lengths, kind="stable")
    found: dict[int, Translated] = {}
    start = 0
    while start < len(order):
        longest = int(lengths[order[min(len(order), start + _SENTENCES_AT_ONCE) - 1]])
        size = max(1, min(_SENTENCES_AT_ONCE, _WORDS_AT_ONCE // longest // beam))
        some = order[start : start + size]
        start += size
        longest = int(lengths[some].max())
        inputs = np.zeros((len(some), longest), dtype=np.int64)
        for row, i in enumerate(some):
            inputs[row, : lengths[i]] = coded[i]
        strange = torch.from_numpy(np.array([bool((coded[i] == 0).any()) for i in some]))
        short = torch.from_numpy(lengths[some]) if (lengths[some] < longest).any() else None
        answers = beam_search(model, torch.from_numpy(inputs).to(device), short, beam=beam, unknown=strange.to(device))
        for i, answer in zip(some.tolist(), answers, strict=True):
            found[i] = _translated(codec, sentences[i], coded[i], answer)
    model.train(training)
    return [found[i] for i in range(len(sentences))]


def _translated(codec: ParallelTextCodec, source: Words, codes: NDArray[np.int64], answer: Hypothesis) -> Translated:
    strange = np.flatnonzero(codes == 0)
    attention = None if answer.attention is None else answer.attention[:, : len(source)].astype(np.float64)
    words, handed = [], 0
    for step, code in enumerate(answer.codes):
        word = codec.target.vocabulary.symbols[code]
        if code == 0:  # where it looks most, of what it can't know; without attention one after the other
            place = strange[handed % len(strange)] if attention is None else strange[attention[step][strange].argmax()]
            word, handed = bare(source[int(place)]), handed + 1
        words.append(word)
    written = codec.written(words, source)
    return Translated(
        source=tuple(source),
        prediction=written,
        attention=attention,
        unknown=tuple(dict.fromkeys(bare(source[i]) for i in strange.tolist())),
        text=join_sentence(written),
        probability=answer.probability,
    )


def lines_of(table: Table) -> list[str]:
    """The lines of a text that was read as words, or its sequences; those without a word are left out. DataError."""
    if not table.symbolic:
        raise DataError("these data are numbers, and a translator takes sentences; give pairs, or one sentence a line")
    lines: list[str] = []
    for low, high in zip(table.offsets[:-1].tolist(), table.offsets[1:].tolist(), strict=True):
        words = table.words(low, high)
        text = join_words(words) if table.separator else "".join(words)
        lines += [line for line in text.split("\n") if is_word(line)]
    return lines


def rounded(sentence: Translated, *, attention: bool) -> Translated:
    """The same for a picture: numbers in three digits, or no attention."""
    weights = sentence.attention
    return replace(
        sentence,
        attention=np.round(weights, 3) if attention and weights is not None else None,
        probability=None if sentence.probability is None else round(sentence.probability, 3),
    )


def translation_metrics(found: list[str], truth: list[str]) -> dict[str, float]:
    """BLEU and chrF of sacrebleu (Post 2018), from 0 to 100, and the share of translations that are exactly right.

    Languages that are written without spaces are compared character by character.
    """
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    alone = sum(bool(_EASTERN.search(text)) for text in truth) > 0.5 * len(truth)
    bleu = BLEU(tokenize="char" if alone else "13a", force=True)
    return {
        "bleu": float(bleu.corpus_score(found, [truth]).score),
        "chrf": float(CHRF().corpus_score(found, [truth]).score),
        "exact": float(np.mean([a == b for a, b in zip(found, truth, strict=True)])),
    }
