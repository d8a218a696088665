"""Probabilities of the next symbol after each of several contexts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqcore.results.base import Answer, Rows, Values, View, Words, exact
from seqcore.results.formatting import named

__all__ = ["SymbolsView", "join_replicas", "over_seeds", "ranked_answer", "with_replicas"]

LEAST_SHOWN = 0.005  # probability in a line of text
MOST_SHOWN = 5


@dataclass(frozen=True)
class SymbolsView(View):
    """Probabilities of the next symbol after each of n contexts.

    `contexts[n]` are tuples of symbols as the user wrote them; `probabilities[n, V]` rows sum to 1 over `symbols[V]`;
    `truth[n]` is the symbol that came next, or None where that isn't known. `separator` joins symbols for reading.
    `replicas[R, n, V]` are the probabilities of R models trained together, whose mean `probabilities` is.
    """

    kind = "symbols"
    width_of = "symbols"

    contexts: tuple[Words, ...]
    symbols: Words
    probabilities: Values
    truth: tuple[str | None, ...] = field(default_factory=tuple)
    separator: str = ""
    title: str = ""
    replicas: Values | None = None

    @property
    def caption(self) -> str:
        """How to read the figure."""
        if self.replicas is None and len(self.contexts) == 1:
            return "Bars: probability of each next symbol, the most probable first."
        if self.replicas is None:
            return "Rows: contexts. Color: probability of the next symbol. Ring: the true one."
        count = len(self.replicas)
        if len(self.contexts) == 1:
            return f"Bars: mean probability over {count} seeds. Lines: lowest to highest seed."
        return f"Rows: contexts. Color: mean probability of the next symbol over {count} seeds. Ring: the true one."

    @property
    def predictions(self) -> Words:
        """The most probable next symbol after each context."""
        return tuple(self.symbols[int(i)] for i in np.argmax(self.probabilities, axis=1))

    def table(self) -> Rows:
        """The context, the true symbol (where known), the predicted one, and the probability of each.

        Of replicas also the probabilities of each.
        """
        known = any(symbol is not None for symbol in self.truth)
        header = ["context", *(["truth"] if known else []), "predicted", *(f"p({symbol})" for symbol in self.symbols)]
        rows = []
        for i, (context, predicted) in enumerate(zip(self.contexts, self.predictions, strict=True)):
            truth = [self.truth[i] or ""] if known else []
            rows.append([self.separator.join(context), *truth, predicted, *map(exact, self.probabilities[i])])
        return join_replicas(header, rows, self.symbols, self.replicas)

    def answer(self, given: Any, text: str) -> Answer:
        """The most probable symbol, and all of them by probability."""
        found = dict(zip(self.symbols, self.probabilities[-1].tolist(), strict=True))
        return with_replicas(ranked_answer(self.predictions[-1], found, text), self.symbols, self.replicas)

    def highlights(self, *, ahead: bool = True) -> list[Words]:
        """The most probable symbol."""
        note = over_seeds(self.probabilities, self.replicas)
        return [(f"next, probability {100 * self.probabilities[-1].max():.3g}%", named(self.predictions[-1]), *note)]


def over_seeds(probabilities: Values, replicas: Values | None) -> Words:
    """The range over replicas [R, n, V] of the probability of the last prediction, and how many of them agree."""
    if replicas is None:
        return ()
    best = int(np.argmax(probabilities[-1]))
    own = 100 * replicas[:, -1, best]
    agreeing = int((np.argmax(np.nan_to_num(replicas[:, -1], nan=-1.0), axis=1) == best).sum())
    low, high = np.nanmin(own), np.nanmax(own)
    return (f"{len(own)} seeds: {low:.3g} to {high:.3g}%; {agreeing} agree",)


def join_replicas(header: Words | list[str], rows: list[list[Any]], choices: Words, replicas: Values | None) -> Rows:
    """A table of n rows with a column for the probability of every choice by each of the replicas [R, n, V]."""
    if replicas is None:
        return header, rows
    numbers = range(1, len(replicas) + 1)
    names = [f"p({choice}) replica {number}" for number in numbers for choice in choices]
    own = replicas.transpose(1, 0, 2).reshape(len(rows), -1)
    return [*header, *names], [[*row, *map(exact, each)] for row, each in zip(rows, own, strict=True)]


def with_replicas(answer: Answer, choices: Words, replicas: Values | None) -> Answer:
    """An answer with the probabilities [K, n, V] of each replica for the last input, and how many of them agree."""
    if replicas is None:
        return answer
    own = [choices[int(i)] for i in np.argmax(replicas[:, -1], axis=1)]
    agreeing = sum(choice == answer.value["prediction"] for choice in own)
    each = [dict(zip(choices, row, strict=True)) for row in replicas[:, -1].tolist()]
    return Answer(answer.value | {"replicas": each}, f"{answer.sentence}   ({agreeing} of {len(own)} seeds agree)")


def ranked_answer(prediction: str, probabilities: dict[str, float], text: str) -> Answer:
    """A prediction with the probability of every choice, the most probable first."""
    ranked = dict(sorted(probabilities.items(), key=lambda item: -item[1]))
    shown = "  ".join(f"{s} {p:.0%}" for s, p in list(ranked.items())[:MOST_SHOWN] if p >= LEAST_SHOWN)
    value = {"input": text, "prediction": prediction, "probabilities": ranked}
    return Answer(value, f"{text} -> {prediction}   {shown}")
