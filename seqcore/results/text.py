"""Text that a model generated after a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seqcore.results.base import Answer, Rows, View, Words

__all__ = ["TextView"]


@dataclass(frozen=True)
class TextView(View):
    """Text that a model generated after a prompt; `truth` is how the data continue there, where that is known."""

    kind = "text"

    prompt: str
    text: str
    title: str = ""
    truth: str | None = None

    @property
    def caption(self) -> str:
        """How to read the figure."""
        return "Gray: prompt. Blue: generated." + ("" if self.truth is None else " Beside it: the original text.")

    def table(self) -> Rows:
        """Prompt, text and, where known, truth."""
        known = [] if self.truth is None else [self.truth]
        return ["prompt", "text", *["truth" for _ in known]], [[self.prompt, self.text, *known]]

    def answer(self, given: Any, text: str) -> Answer:
        """The generated text."""
        return Answer({"input": text, "prediction": self.text}, self.text)

    def highlights(self, *, ahead: bool = True) -> list[Words]:
        """The generated text."""
        return [("generated", self.text)]
