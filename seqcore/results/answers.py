"""Predictions of several models for the same inputs, in words, beside the truth."""

from __future__ import annotations

from dataclasses import dataclass

from seqcore.results.base import Rows, View, Words

__all__ = ["AnswersView"]


@dataclass(frozen=True)
class AnswersView(View):
    """The answers of m models to n inputs: `given[n][m]` in words, of the `models[m]`, to `inputs[n]`.

    `truth[n]` is the true answer, None where it is not known; `notes[n][m]` stands beside an answer, such as its
    probability. `item` is what an input is: "sequence", "sentence". Where `exact` is False, answers are not right or
    wrong as a whole, as a generated text.
    """

    kind = "answers"
    caption = ""

    models: Words
    inputs: Words
    truth: tuple[str | None, ...]
    given: tuple[Words, ...]
    notes: tuple[Words, ...] = ()
    item: str = "input"
    exact: bool = True
    title: str = ""

    @property
    def right(self) -> list[int]:
        """How many of the answers shown of each model equal the truth."""
        return [
            sum(truth is not None and own[model] == truth for truth, own in zip(self.truth, self.given, strict=True))
            for model in range(len(self.models))
        ]

    @property
    def reading(self) -> str:
        """How to read the table."""
        if not self.exact:
            return f"The same {self.item} for every model, and how the data continue."
        counts = ", ".join(f"{model} {right}" for model, right in zip(self.models, self.right, strict=True))
        return f"One row for each {self.item}; ✓ marks what equals the truth. Correct, of {len(self.inputs)}: {counts}."

    def table(self) -> Rows:
        """The input, the truth, and the answer of each model."""
        header = [self.item, "truth", *self.models]
        rows = [[item, truth or "", *own] for item, truth, own in zip(self.inputs, self.truth, self.given, strict=True)]
        return header, rows

    def summary(self) -> Rows:
        """The table, with marks."""
        header, rows = self.table()
        return header, [[row[0], row[1], *(f"{self._mark(own, row[1])}{own}" for own in row[2:])] for row in rows]

    def _mark(self, answer: str, truth: str) -> str:
        return "✓ " if self.exact and truth and answer == truth else ""
