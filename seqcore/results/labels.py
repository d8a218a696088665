"""Classes of sequences: their probabilities step by step, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqcore.results.base import Answer, Rows, Values, View, Words, exact, plain
from seqcore.results.symbols import join_replicas, over_seeds, ranked_answer, with_replicas

__all__ = ["ConfusionView", "LabelsView"]


@dataclass(frozen=True)
class LabelsView(View):
    """The class of each of n sequences, and how the answer changes from step to step.

    `probabilities[n, C]` over `labels[C]`; `truth[n]` or None where that isn't known; `names[n]`. For the sequences
    that are shown in full (the first ones), `unfolding[i][T_i, C]` are the probabilities after each step, and
    `signals[i][T_i, F]` what the model saw, in original units, or `symbols[i][T_i]` where it saw symbols.
    `steps[i][T_i]` says which steps these are, in what `x_title` names, where not all are shown or they are no numbers
    from 1 on; `frame` is (height, width) where a step was a picture, `channels[F]` are the names of a signal's columns.
    `texts[n]` is what each sequence says, where it is of symbols; a long one is cut. `replicas[R, n, C]` are the
    probabilities of R models trained together, whose mean `probabilities` is.
    """

    kind = "labels"
    width_of = "labels"

    labels: Words
    probabilities: Values
    truth: tuple[str | None, ...] = ()
    names: Words = ()
    unfolding: tuple[Values, ...] = ()
    signals: tuple[Values, ...] = ()
    title: str = ""
    symbols: tuple[Words, ...] = ()
    steps: tuple[Values, ...] = ()
    frame: tuple[int, int] | None = None
    x_title: str = "step"
    channels: Words = ()
    texts: Words = ()
    replicas: Values | None = None

    @property
    def predictions(self) -> Words:
        """The most probable class of each sequence."""
        return tuple(self.labels[int(i)] for i in np.argmax(self.probabilities, axis=1))

    @property
    def _numbers(self) -> Words:
        return tuple(map(str, range(1, len(self.probabilities) + 1)))

    @property
    def known(self) -> bool:
        """Whether there is a true class."""
        return any(label is not None for label in self.truth)

    @property
    def caption(self) -> str:
        """How to read the figure."""
        marked = " The bar on top, or the mark, is the true class." if self.known else ""
        seeds = "" if self.replicas is None else f" Mean over {len(self.replicas)} seeds."
        return f"Class probabilities after each step of the sequence.{marked}{seeds}"

    def table(self) -> Rows:
        """A row for each sequence: its text, true class (where known), predicted class, and probabilities.

        Of replicas also the probabilities of each.
        """
        columns = {"sequence": self.names or self._numbers} | ({"text": self.texts} if self.texts else {})
        columns |= {"label": tuple(label or "" for label in self.truth)} if self.known else {}
        columns["predicted"] = self.predictions
        rows = [[*row, *map(exact, p)] for *row, p in zip(*columns.values(), self.probabilities, strict=True)]
        return join_replicas([*columns, *(f"p({label})" for label in self.labels)], rows, self.labels, self.replicas)

    def answer(self, given: Any, text: str) -> Answer:
        """The last sequence's class, and the probabilities after each step."""
        found = dict(zip(self.labels, self.probabilities[-1].tolist(), strict=True))
        answer = ranked_answer(self.predictions[-1], found, text)
        if self.unfolding:
            answer.value["unfolding"] = plain(self.unfolding[-1])
        return with_replicas(answer, self.labels, self.replicas)

    def answers(self) -> list[Answer]:
        """The class of each sequence, by its name."""
        rows = zip(self.names, self.predictions, self.probabilities.tolist(), strict=True)
        return [ranked_answer(best, dict(zip(self.labels, row, strict=True)), name) for name, best, row in rows]

    def by_input(self) -> dict[str, Sequence[Any]] | None:
        """The name, text, predicted class, probability and (where known) true class of each sequence."""
        if len(self.probabilities) < 2:
            return None
        columns: dict[str, Sequence[Any]] = {"Sequence": self.names or self._numbers}
        columns |= {"Text": self.texts} if self.texts else {}
        columns |= {"Predicted": self.predictions, "Probability": (100 * self.probabilities.max(axis=1)).tolist()}
        return columns | ({"True class": self.truth} if self.known else {})

    def highlights(self, *, ahead: bool = True) -> list[Words]:
        """The last sequence's class."""
        note = over_seeds(self.probabilities, self.replicas)
        return [(f"probability {100 * self.probabilities[-1].max():.3g}%", self.predictions[-1], *note)]


@dataclass(frozen=True)
class ConfusionView(View):
    """How often sequences of a class (row) were predicted to be of each class (column): `counts[C, C]`."""

    kind = "confusion"
    width_of = "labels"
    caption = "Rows: true class. Columns: predicted class. Blue: correct. Red: wrong."

    labels: Words
    counts: Values
    title: str = ""

    def table(self) -> Rows:
        """A row for each true class."""
        rows = [[label, *map(exact, row)] for label, row in zip(self.labels, self.counts, strict=True)]
        return ["label", *(f"predicted {label}" for label in self.labels)], rows
