"""Translations of a split or of typed sentences, copying of unknown words, and translation metrics."""

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
from seqcore.data.table import Table
from seqcore.data.text import join_words
from seqcore.errors import DataError
from seqcore.models.architecture import evaluation_mode
from seqcore.models.beam_search import Hypothesis, beam_search
from seqcore.models.encoder_decoder import EncoderDecoder
from seqcore.results import Translated
from seqcore.results.spacing import bare, is_word, join_sentence
from seqcore.tasks.task import batches_by_length

__all__ = ["rounded_for_view", "sentences_of_table", "translate_all", "translate_words", "translation_metrics"]

_WORDS_AT_ONCE = 8_000
_EASTERN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff]")  # scripts without spaces between words

Words = Sequence[str]


def translate_all(
    model: nn.Module, data: ParallelTextDataset, sequences: NDArray[np.int64], *, beam: int
) -> list[Translated]:
    """Predicted and reference translations of sentences of a table."""
    found = translate_words(model, data.codec, [data.table.sentence(s) for s in sequences.tolist()], beam=beam)
    return [replace(t, truth=tuple(data.targets.sentence(s))) for t, s in zip(found, sequences.tolist(), strict=True)]


def translate_words(
    model: nn.Module, codec: ParallelTextCodec, sentences: Sequence[Words], *, beam: int
) -> list[Translated]:
    """Translations of tokenized sentences. Unknown source words are copied to the translation."""
    assert isinstance(model, EncoderDecoder)
    device = next(model.parameters()).device
    coded = [codec.source.encode(words) for words in sentences]
    lengths = np.array([len(codes) for codes in coded])
    found: dict[int, Translated] = {}
    with evaluation_mode(model):
        for some in batches_by_length(lengths, lambda longest: _WORDS_AT_ONCE // longest // beam):
            longest = int(lengths[some].max())
            inputs = np.zeros((len(some), longest), dtype=np.int64)
            for row, i in enumerate(some):
                inputs[row, : lengths[i]] = coded[i]
            unknown = torch.tensor([bool((coded[i] == 0).any()) for i in some], device=device)
            short = torch.from_numpy(lengths[some]) if (lengths[some] < longest).any() else None
            given = torch.from_numpy(inputs).to(device)
            hypotheses = beam_search(model, given, short, beam=beam, unknown=unknown)
            for i, hypothesis in zip(some.tolist(), hypotheses, strict=True):
                found[i] = _translated(codec, sentences[i], coded[i], hypothesis)
    return [found[i] for i in range(len(sentences))]


def _translated(
    codec: ParallelTextCodec, source: Words, codes: NDArray[np.int64], hypothesis: Hypothesis
) -> Translated:
    unknown = np.flatnonzero(codes == 0)
    attention = None if hypothesis.attention is None else hypothesis.attention[:, : len(source)].astype(np.float64)
    words, copied = [], 0
    for step, code in enumerate(hypothesis.codes):
        word = codec.target.vocabulary.symbols[code]
        if code == 0:  # copy the unknown word with the highest attention weight; without attention, in order
            place = unknown[copied % len(unknown)] if attention is None else unknown[attention[step][unknown].argmax()]
            word, copied = bare(source[int(place)]), copied + 1
        words.append(word)
    written = codec.written(words, source)
    return Translated(
        source=tuple(source),
        prediction=written,
        attention=attention,
        unknown=tuple(dict.fromkeys(bare(source[i]) for i in unknown.tolist())),
        text=join_sentence(written),
        probability=hypothesis.probability,
    )


def sentences_of_table(table: Table) -> list[str]:
    """The lines (or sequences) of a text table that contain a word. DataError."""
    if not table.symbolic:
        raise DataError(
            "these data are numeric, but translation needs sentences; give sentence pairs, or one sentence per line"
        )
    lines: list[str] = []
    for low, high in zip(table.offsets[:-1].tolist(), table.offsets[1:].tolist(), strict=True):
        words = table.words(low, high)
        text = join_words(words) if table.separator else "".join(words)
        lines += [line for line in text.split("\n") if is_word(line)]
    return lines


def rounded_for_view(sentence: Translated, *, attention: bool) -> Translated:
    """A copy for a view: values with three digits, or without attention weights."""
    weights = sentence.attention
    return replace(
        sentence,
        attention=np.round(weights, 3) if attention and weights is not None else None,
        probability=None if sentence.probability is None else round(sentence.probability, 3),
    )


def translation_metrics(found: list[str], truth: list[str]) -> dict[str, float]:
    """BLEU and chrF of sacrebleu (Post 2018), from 0 to 100, and the share of exact matches.

    Languages without spaces between words are compared by character.
    """
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    by_character = sum(bool(_EASTERN.search(text)) for text in truth) > 0.5 * len(truth)
    bleu = BLEU(tokenize="char" if by_character else "13a", force=True)
    return {
        "bleu": float(bleu.corpus_score(found, [truth]).score),
        "chrf": float(CHRF().corpus_score(found, [truth]).score),
        "exact": float(np.mean([a == b for a, b in zip(found, truth, strict=True)])),
    }
