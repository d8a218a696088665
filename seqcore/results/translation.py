"""Sentences and their translations, with attention weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from seqcore.results.base import Answer, Rows, Values, View, Words, plain
from seqcore.results.spacing import bare, join_sentence

__all__ = ["Translated", "TranslationView"]


@dataclass(frozen=True)
class Translated:
    """One sentence: its words, the model's, the true ones where they are known, `attention[T_out, T_in]` whose rows sum
    to 1, and the words that are not in the vocabulary. `text` is the translation as one writes it, `probability` the
    geometric mean of what the model gave each of its words and the end."""

    source: Words
    prediction: Words
    truth: Words | None = None
    attention: Values | None = None
    unknown: Words = ()
    text: str = ""
    probability: float | None = None

    @property
    def written(self) -> str:
        """The translation as one writes it."""
        return self.text or join_sentence(self.prediction)


@dataclass(frozen=True)
class TranslationView(View):
    """Sentences and their translations."""

    kind = "translation"

    sentences: tuple[Translated, ...]
    title: str = ""

    @property
    def caption(self) -> str:
        """How to read the figure."""
        if len(self.sentences) == 1 and self.sentences[0].attention is not None:
            return "Attention weights. Rows: generated words. Columns: words of the sentence."
        return "Source sentence, the model's translation, and the reference where it is known."

    def table(self) -> Rows:
        """A row for each sentence: its text, the reference (where known), and the translation."""
        known = any(s.truth is not None for s in self.sentences)
        rows = []
        for s in self.sentences:
            truth = [join_sentence(s.truth or ())] if known else []
            rows.append([join_sentence(s.source), *truth, s.written])
        return ["source", *(["truth"] if known else []), "predicted"], rows

    def answer(self, given: Any, text: str) -> Answer:
        """The last sentence's translation."""
        last = self.sentences[-1]
        value = {
            "input": text,
            "prediction": last.written,
            "source": list(map(bare, last.source)),
            "words": list(map(bare, last.prediction)),
            "attention": plain(last.attention),
            "unknown": list(last.unknown),
            "probability": last.probability,
        }
        unknown = f"   (not in the vocabulary: {', '.join(last.unknown)})" if last.unknown else ""
        return Answer(value, f"{text} -> {last.written}{unknown}")

    def answers(self) -> list[Answer]:
        """The translation of each sentence."""
        each = [replace(self, sentences=(sentence,)) for sentence in self.sentences]
        return [one.answer(None, join_sentence(one.sentences[0].source)) for one in each]

    def highlights(self, *, ahead: bool = True) -> list[Words]:
        """The last sentence's translation, and the mean probability of its words."""
        last = self.sentences[-1]
        mean = "" if last.probability is None else f", mean word probability {100 * last.probability:.0f}%"
        return [(f"translation{mean}", last.written)]
